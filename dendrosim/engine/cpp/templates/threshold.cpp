{# Which units spike: conditions block by block, vectorised; then only blocks with a spike one by one. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set events = get_array_name(eventspace_variable) %}
    const int64_t ds_count = N;
    static std::vector<char> ds_fired(ds_count), ds_any(ds_count/ds::block + 1);
    char *const ds_all_fired = ds_fired.data(), *const ds_all_any = ds_any.data();
    ds::parallel(ds_count, [=](int64_t ds_begin, int64_t ds_end) {
        {{pointers_lines|autoindent}}
        char* __restrict ds_mask = ds_all_fired;
        for (int64_t ds_first = ds_begin; ds_first < ds_end; ds_first += ds::block)
        {
            const int64_t ds_last = std::min(ds_first + ds::block, ds_end);
            char ds_hit = 0;
            #pragma GCC ivdep
            for (int64_t _idx = ds_first; _idx < ds_last; _idx++)
            {
                const size_t _vectorisation_idx = _idx;
                {{vector_code|autoindent}}
                ds_mask[_idx] = _cond;
                ds_hit |= ds_mask[_idx];
            }
            ds_all_any[ds_first/ds::block] = ds_hit;
        }
    });
    long _count = 0;
    for (int64_t ds_first = 0; ds_first < ds_count; ds_first += ds::block)
        if (ds_all_any[ds_first/ds::block])
            for (int64_t _idx = ds_first; _idx < std::min(ds_first + ds::block, ds_count); _idx++)
                if (ds_all_fired[_idx])
                {
                    {{events}}[_count++] = _idx;
                    {% if _uses_refractory %}
                    {{not_refractory}}[_idx] = false;
                    {{lastspike}}[_idx] = {{t}};
                    {% endif %}
                }
    {{events}}[N] = _count;
{% endblock %}

{% block after_code %}
    {{get_array_name(eventspace_variable)}}[N] = 0;
{% endblock %}
