{# Effects of arriving spikes. A group of 32 threads handles the synapses of one spike that have the same delay. #}
{# USES_VARIABLES { N, _synaptic_pre } #}
{% extends 'common_group.cu' %}

{% set _ds_serial = not uses_atomics and synaptic_effects != "synapse" %}

{% block kernel %}
__global__ void _run_kernel_{{codeobj_name}}(
    ds::Arrivals ds_arrivals,
    ///// KERNEL_PARAMETERS /////
    %KERNEL_PARAMETERS%
    )
{
    using namespace brian;
    int _idx = 0;
    int _vectorisation_idx = 0;
    (void)_vectorisation_idx;

    ///// KERNEL_CONSTANTS /////
    %KERNEL_CONSTANTS%

    {{kernel_lines|autoindent}}

    {{scalar_code|autoindent}}

    const int ds_lanes = blockDim.x < 32 ? 1 : 32;
    const int ds_lane = threadIdx.x % ds_lanes;
    const int64_t ds_groups = (int64_t)gridDim.x*(blockDim.x/ds_lanes);
    const int64_t ds_group = (int64_t)blockIdx.x*(blockDim.x/ds_lanes) + threadIdx.x/ds_lanes;
    for (int ds_age = blockIdx.y; ds_age < ds_arrivals.ages; ds_age += gridDim.y)
    {
        const ds::Spikes ds_spikes = ds_arrivals.spikes(ds_age);
        for (int64_t ds_spike = ds_group; ds_spike < ds_spikes.count; ds_spike += ds_groups)
        {
            const ds::Range ds_range = ds_arrivals.synapses_of(ds_spikes.sources[ds_spike], ds_age);
            for (int ds_at = ds_range.begin + ds_lane; ds_at < ds_range.end; ds_at += ds_lanes)
            {
                _idx = ds_arrivals.synapses[ds_at];
                _vectorisation_idx = _idx;
                {{vector_code|autoindent}}
            }
        }
    }
}
{% endblock %}

{% block prepare_kernel %}
{% endblock %}

{% block kernel_call %}
    ds::Path& ds_path = ds::path_{{pathway.name}};
    if (ds_path.count > 0)
    {
        {% if _ds_serial %}
        // If effects of several synapses on one variable are not sums, one thread applies them one by one.
        const dim3 ds_blocks(1), ds_threads(1);
        {% else %}
        const dim3 ds_blocks = ds_path.blocks(), ds_threads(ds::threads);
        {% endif %}
        _run_kernel_{{codeobj_name}}<<<ds_blocks, ds_threads>>>(
            ds_path.arrivals({{owner.clock.name}}.timestep[0]),
            ///// HOST_PARAMETERS /////
            %HOST_PARAMETERS%
        );
        DS_LAUNCHED("{{codeobj_name}}");
    }
{% endblock %}
