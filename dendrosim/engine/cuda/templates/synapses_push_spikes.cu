{# Put the spikes of this step into the ring buffer, in which synapses find them after their delays. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cu' %}

{% block define_N %}
{% endblock %}
{% block kernel %}
{% endblock %}
{% block prepare_kernel %}
{% endblock %}
{% block kernel_call %}
{% endblock %}

{% block host_maincode %}
{% set _eventspace = get_array_name(eventspace_variable, access_data=False) %}
    ds::path_{{owner.name}}.push(dev{{_eventspace}}[0], {{owner.clock.name}}.timestep[0]);
{% endblock %}
