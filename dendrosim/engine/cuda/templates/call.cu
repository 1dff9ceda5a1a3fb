{# Executes one statement on the host in every step, such as a call of `ds::feed`, `ds::guard` or a product. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cu' %}

{% block kernel %}
{% endblock %}
{% block prepare_kernel %}
{% endblock %}
{% block kernel_call %}
{% endblock %}

{% block host_maincode %}
    {{ds_statement}}
{% endblock %}
