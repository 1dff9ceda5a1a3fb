{# One forward Euler step of a matrix: outer products by `Weights`, all other terms element by element.
   In a step of Heun's method it runs twice; `Halves` in halves.h has the rest. #}
{# USES_VARIABLES { N, dt } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    using ds_real = {{real}};
    ds_real* ds_w = {{weight}};
    const ds_real ds_step = (ds_real){{constant_or_scalar('dt', variables['dt'])}};
    {% if heun %}
    {{weights}}.begin(ds::second);
    {% endif %}
    {% for post, pre, gain, product in outer %}
    {% if product %}
    {% if sparse %}
    {{weights}}.outer((ds_real)(1.0/{{batch}}), {{post}}, {{pre}}, (ds_real)0, {{product}});
    {% else %}
    ds::outer<ds_real>({{rows}}, {{columns}}, {{batch}}, (ds_real)(1.0/{{batch}}), {{post}}, {{pre}}, (ds_real)0, {{product}});
    {% endif %}
    {% endif %}
    {% endfor %}
    {% if elementwise %}
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (long ds_row = 0; ds_row < {{rows}}; ds_row++)
            {% if sparse %}
            for (long _idx = {{weights}}.by_row.starts[ds_row]; _idx < {{weights}}.by_row.starts[ds_row + 1]; _idx++)
            {
                const long ds_column = {{weights}}.by_row.others[_idx];
                (void)ds_column;
            {% else %}
            for (long ds_column = 0; ds_column < {{columns}}; ds_column++)
            {
                const long _idx = ds_row*{{columns}} + ds_column;
            {% endif %}
                const size_t _vectorisation_idx = _idx;
                double ds_sum = 0;
                for (long ds_sample = 0; ds_sample < {{averaged}}; ds_sample++)
                {
                    const long _ds_post = ds_row*{{batch}} + ds_sample;
                    const long _ds_pre = ds_column*{{batch}} + ds_sample;
                    (void)_ds_post; (void)_ds_pre;
                    {{vector_code|autoindent}}
                    ds_sum += ds_rate*{{part}};
                }
                ds_w[_idx] += ds_step*(ds_real)(ds_sum/({{averaged}}*{{part}}));
            }
    }
    {% endif %}
    [[maybe_unused]] ds_real ds_keep = (ds_real)1{% if decay %} + ds_step*{{decay}}[0]{% endif %};
    {% for post, pre, gain, product in outer %}
    {% if not product %}
    {{weights}}.learn(ds_step/{{batch}}{% if gain %}*{{gain}}[0]{% endif %}, {{post}}, {{pre}}, ds_keep);
    ds_keep = 1;
    {% endif %}
    {% endfor %}
    if (ds_keep != 1) {{weights}}.scale(ds_keep);
    {% if heun %}
    {{weights}}.end({% if limits %}{{limits[0]}}[0], {{limits[1]}}[0]{% endif %});
    {% elif limits %}
    {{weights}}.clip({{limits[0]}}[0], {{limits[1]}}[0]);
    {% endif %}
{% endblock %}
