{# Find the units that spike: evaluate the condition in a vectorised loop, and list the spikes of each block. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set events = get_array_name(eventspace_variable) %}
    const int64_t ds_count = N;
    static ds::Hits* const ds_all_hits = new ds::Hits[ds_count/ds::block + 1];
    ds::defer(ds_count, [=](int64_t ds_begin, int64_t ds_end) {
        {{pointers_lines|autoindent}}
        char ds_mask[ds::block], ds_any = 0;
        #pragma GCC ivdep
        for (int64_t _idx = ds_begin; _idx < ds_end; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            ds_mask[_idx - ds_begin] = _cond;
        }
        for (int64_t i = 0; i < ds_end - ds_begin; i++) ds_any |= ds_mask[i];
        ds::Hits& ds_hits = ds_all_hits[ds_begin/ds::block];
        ds_hits.count = 0;
        if (!ds_any) return;
        const char *ds_next = ds_mask, *const ds_last = ds_mask + (ds_end - ds_begin);
        while ((ds_next = (const char*)std::memchr(ds_next, 1, ds_last - ds_next)))
        {
            const int64_t _idx = ds_begin + (ds_next++ - ds_mask);
            ds_hits.elements[ds_hits.count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    });
    ds::flush();
    int64_t ds_found = 0;
    for (int64_t b = 0; b*ds::block < ds_count; b++)
        for (int32_t i = 0; i < ds_all_hits[b].count; i++) {{events}}[ds_found++] = ds_all_hits[b].elements[i];
    {{events}}[N] = ds_found;
{% endblock %}

{% block after_code %}
    {{get_array_name(eventspace_variable)}}[N] = 0;
{% endblock %}
