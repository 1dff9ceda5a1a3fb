{# Find the units that spike: evaluate the condition in a vectorised loop, then search only blocks with a spike. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set events = get_array_name(eventspace_variable) %}
    const int64_t ds_count = N;
    static char *const ds_all_fired = new char[ds_count](), *const ds_all_any = new char[ds_count/ds::block + 1]();
    ds::defer(ds_count, [=](int64_t ds_begin, int64_t ds_end) {
        {{pointers_lines|autoindent}}
        char* __restrict ds_mask = ds_all_fired;
        #pragma GCC ivdep
        for (int64_t _idx = ds_begin; _idx < ds_end; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            ds_mask[_idx] = _cond;
        }
        char ds_hit = 0;
        for (int64_t i = ds_begin; i < ds_end; i++) ds_hit |= ds_mask[i];
        ds_all_any[ds_begin/ds::block] = ds_hit;
    });
    ds::flush();
    long _count = 0;
    for (int64_t ds_first = 0; ds_first < ds_count; ds_first += ds::block)
    {
        if (!ds_all_any[ds_first/ds::block]) continue;
        const char *const ds_end = ds_all_fired + (ds_first + ds::block < ds_count ? ds_first + ds::block : ds_count);
        const char* ds_next = ds_all_fired + ds_first;
        while ((ds_next = (const char*)std::memchr(ds_next, 1, ds_end - ds_next)))
        {
            const int64_t _idx = ds_next++ - ds_all_fired;
            {{events}}[_count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
    {{events}}[N] = _count;
{% endblock %}

{% block after_code %}
    {{get_array_name(eventspace_variable)}}[N] = 0;
{% endblock %}
