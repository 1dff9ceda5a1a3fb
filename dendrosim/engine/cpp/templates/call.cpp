{# One statement per step: feeding, recording, guarding. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {{ds_statement}}
{% endblock %}
