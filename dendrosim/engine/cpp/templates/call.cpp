{# Executes one statement in every step, such as a call of `ds::feed`, `ds::record`, `ds::guard` or a product. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {{ds_statement}}
{% endblock %}
