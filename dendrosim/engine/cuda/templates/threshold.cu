{# Find the units that spike: their indices in any order at the front of the event space, their number at its end. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cu' %}

{% set _eventspace = get_array_name(eventspace_variable) %}
{% set _eventspace_name = get_array_name(eventspace_variable, access_data=False) %}

{% block host_maincode %}
    DS_CUDA(cudaMemsetAsync(dev{{_eventspace_name}}[0] + _N, 0, sizeof(int32_t)));
{% endblock %}

{% block kernel_maincode %}
    {{scalar_code|autoindent}}
    {
        {{vector_code|autoindent}}
        if (_cond)
        {
            const int32_t ds_place = atomicAdd(&{{_eventspace}}[_N], 1);
            {{_eventspace}}[ds_place] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
{% endblock %}

{% block kernel_info %}
{% endblock %}
