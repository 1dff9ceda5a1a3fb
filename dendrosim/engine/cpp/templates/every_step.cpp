{# Code for every synapse in every step. If it adds to the variable `total` of postsynaptic units, that is set to 0
   first. Threads work on different blocks of postsynaptic units. #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int64_t ds_batch = {{batch}};
    const ds::Rows* const ds_shared = &{{rows}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% if total %}
    for (int64_t k = 0; k < ds_shared->targets*ds_batch; k++) {{get_array_name(variables[total])}}[k] = 0;
    {% endif %}
    const auto ds_part = [=](int64_t ds_first, int64_t ds_last) {
        {{pointers_lines|autoindent}}
        const ds::Rows& ds_own = *ds_shared;
        for (int64_t ds_block = ds_first; ds_block < ds_last; ds_block++)
            for (int64_t ds_group = 0; ds_group < ds_own.by_pre.count(); ds_group++)
            {
                const ds::Piece ds_span = ds_own.part(ds_group, ds_block);
                for (int64_t ds_at = ds_span.begin; ds_at < ds_span.end; ds_at++)
                    for (int64_t ds_sample = 0; ds_sample < ds_batch; ds_sample++)
                    {
                        const size_t _idx = ds_at*ds_batch + ds_sample, _vectorisation_idx = _idx;
                        const int64_t _ds_pre = ds_own.by_pre.unit(ds_group)*ds_batch + ds_sample;
                        const int64_t _ds_post = (int64_t)ds_own.target[ds_at]*ds_batch + ds_sample;
                        {{vector_code|autoindent}}
                    }
            }
    };
    if ((int64_t)ds_shared->target.size()*ds_batch >= ds::spread_from)
        ds::share(ds_shared->blocks, 1, ds::part_of<decltype(ds_part)>, &ds_part);
    else
        ds::part_of<decltype(ds_part)>(&ds_part, 0, ds_shared->blocks);
{% endblock %}
