{# One forward Euler step of a matrix: outer products by cuBLAS, all other terms element by element. #}
{# USES_VARIABLES { N, dt } #}
{% extends 'common_group.cu' %}

{% block host_maincode %}
    const {{real}} ds_step = ({{real}}){{constant_or_scalar('dt', variables['dt'])}};
    (void)ds_step;
    {% if heun %}
    static ds::Halves<{{real}}> ds_halves;
    ds_halves.begin(ds::second, (int64_t){{rows}}*{{columns}}, {{weight}});
    {% endif %}
    {% for post, pre, gain, product in outer %}
    {% if product %}
    ds::outer<{{real}}>({{rows}}, {{columns}}, {{batch}}, ({{real}})1/{{batch}}, {{post}}, {{pre}}, false, {{product}});
    {% endif %}
    {% endfor %}
{% endblock %}

{% block kernel %}
{% if elementwise %}
{{ super() }}
{% endif %}
{% endblock %}

{% block extra_kernel_parameters %}
    {{real}}* ds_w,
{% endblock %}

{% block kernel_maincode %}
    {{scalar_code|autoindent}}
    const {{real}} ds_step = ({{real}}){{get_array_name(variables['dt'])}}[0];
    double ds_sum = 0;
    for (int64_t ds_sample = 0; ds_sample < {{averaged}}; ds_sample++)
    {
        const int64_t _ds_post = (int64_t)(_idx/{{columns}})*{{batch}} + ds_sample;
        const int64_t _ds_pre = (int64_t)(_idx%{{columns}})*{{batch}} + ds_sample;
        (void)_ds_post; (void)_ds_pre;
        {{vector_code|autoindent}}
        ds_sum += ds_rate*{{part}};
    }
    ds_w[_idx] += ds_step*({{real}})(ds_sum/({{averaged}}*{{part}}));
{% endblock %}

{% block prepare_kernel %}
{% if elementwise %}
{{ super() }}
{% endif %}
{% endblock %}

{% block kernel_info %}
{% endblock %}

{% block extra_host_parameters %}
            {{weight}},
{% endblock %}

{% block kernel_call %}
{% if elementwise %}
{{ super() }}
{% endif %}
{% endblock %}

{% block extra_kernel_call_post %}
    {% if decay %}
    static ds::Decay<{{real}}> ds_decay;
    ds_decay.refresh(ds_step, ds_step/{{batch}}, {{decay}});
    {% endif %}
    {% set ds = namespace(kept=not decay) %}
    {% for post, pre, gain, product in outer %}
    {% if not product %}
    {% if ds.kept %}
    ds::outer<{{real}}>({{rows}}, {{columns}}, {{batch}}, ds_step/{{batch}}, {{post}}, {{pre}}, true, {{weight}});
    {% else %}
    ds_decay.outer({{rows}}, {{columns}}, {{batch}}, ds_step/{{batch}}, {{post}}, {{pre}}, {{weight}});
    {% set ds.kept = true %}
    {% endif %}
    {% endif %}
    {% endfor %}
    {% if not ds.kept %}
    ds_decay.scale((int64_t){{rows}}*{{columns}}, {{weight}});
    {% endif %}
    {% if heun %}
    {% set ends = limits or ["nullptr", "nullptr"] %}
    ds_halves.end(ds::second, (int64_t){{rows}}*{{columns}}, {{ends[0]}}, {{ends[1]}}, {{weight}});
    {% elif limits %}
    ds::clip<{{real}}>((int64_t){{rows}}*{{columns}}, {{limits[0]}}, {{limits[1]}}, {{weight}});
    {% endif %}
{% endblock %}
