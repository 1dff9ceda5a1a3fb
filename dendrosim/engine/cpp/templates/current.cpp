{# The present values of event-driven states, which `ds::record` and `ds::finish` call for.

   Blocks `pre` and `post` are done for each unit of an end, for states that are hoisted there, and `synapse` for
   every synapse. #}
{# USES_VARIABLES { N, t } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    ds::Rows& ds_rows = {{rows}};
    {% for side in ('pre', 'post') if (vector_code[side]|autoindent).strip() %}
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code[side]|autoindent}}
        for (int64_t _ds_{{side}} = 0; _ds_{{side}} < {{elements[side]}}; _ds_{{side}}++)
        {
            const size_t _idx = _ds_{{side}}, _vectorisation_idx = _idx;
            {{vector_code[side]|autoindent}}
        }
    }
    {% endfor %}
    {% if (vector_code['synapse']|autoindent).strip() %}
    {% for name in vectors %}
    {{get_array_name(variables[name], access_data=False)}}.resize(ds_rows.target.size()*{{batch}});
    {% endfor %}
    {
        {# The pointers further up are older than the arrays. #}
        {% for name in vectors %}
        {{real}}* const {{get_array_name(variables[name])[4:]}} = {{get_array_name(variables[name], access_data=False)}}.data();
        {% endfor %}
        {{pointers_lines|autoindent}}
        const size_t _vectorisation_idx = -1;
        {{scalar_code['synapse']|autoindent}}
        const ds::Groups& ds_groups = ds_rows.by_pre;
        for (int64_t ds_group = 0; ds_group < ds_groups.count(); ds_group++)
            for (int64_t ds_at = ds_groups.begin[ds_group]; ds_at < ds_groups.begin[ds_group + 1]; ds_at++)
                for (int64_t ds_sample = 0; ds_sample < {{batch}}; ds_sample++)
                {
                    const size_t _idx = ds_at*{{batch}} + ds_sample, _vectorisation_idx = _idx;
                    const int64_t _ds_pre = ds_groups.unit(ds_group)*{{batch}} + ds_sample;
                    const int64_t _ds_post = (int64_t)ds_rows.target[ds_at]*{{batch}} + ds_sample;
                    {% if times %}
                    double {{update}} = 0;
                    {% for name, side in times %}
                    if ({{get_array_name(variables[name])}}[_ds_{{side}}] > {{update}})
                        {{update}} = {{get_array_name(variables[name])}}[_ds_{{side}}];
                    {% endfor %}
                    {% endif %}
                    {{vector_code['synapse']|autoindent}}
                }
    }
    {% endif %}
{% endblock %}
