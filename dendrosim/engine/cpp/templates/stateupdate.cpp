{# Element-wise code: vectorised, in as many threads as the task says. #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const int64_t ds_count = {{constant_or_scalar('N', variables['N'])}};
    ds::parallel(ds_count, [=](int64_t ds_begin, int64_t ds_end) {
        // Pointers of its own: the compiler then knows that no assignment below can change them.
        {{pointers_lines|autoindent}}
        #pragma GCC ivdep
        for (int64_t _idx = ds_begin; _idx < ds_end; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
        }
    });
{% endblock %}
