{# Element-wise code. One thread is enough if the code computes only shared numbers. #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cu' %}

{% block define_N %}
{% if vector_code|join('')|trim %}
    const int _N = {{constant_or_scalar('N', variables['N'])}};
{% else %}
    const int _N = 1;
{% endif %}
{% endblock %}

{% block kernel_info %}
{% endblock %}
