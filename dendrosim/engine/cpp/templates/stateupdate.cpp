{# Element-wise code, as a vectorised deferred loop: see `defer` in parallel.h. #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set code = vector_code|autoindent %}
    {% if code.strip() %}
    const int64_t ds_count = {{constant_or_scalar('N', variables['N'])}};
    {# Arrays that contain numbers of signals, which only the task sets. If each of these arrays is flat (all
       its elements are equal), the loop does not read them. #}
    {% set settable = [] %}
    {# Streams from which each element takes the normal number with its own index; these numbers are drawn for
       a whole block at once. #}
    {% set drawn = [] %}
    {% for name, variable in variables.items() %}
        {% if name.startswith(('ds_slot', 'ds_base_')) and variable.array and not variable.scalar and not (name.startswith('ds_slot') and name.endswith('_z')) %}
            {% set _ = settable.append(get_array_name(variable)) %}
        {% elif 'ds_normal(' ~ name ~ ', ds_element)' in code and variables['ds_element'].name == 'i' %}
            {% set _ = drawn.append(name) %}
        {% endif %}
    {% endfor %}
    {% for pointer in settable %}
    static const bool& ds_is_flat_{{loop.index}} = ds::flat({{pointer}});
    const bool ds_flat_{{loop.index}} = ds_is_flat_{{loop.index}};
    {% endfor %}
    {% for name in drawn %}
    const int64_t ds_key_{{name}} = {{name}};
    {% endfor %}
    ds::defer(ds_count, [=](int64_t ds_begin, int64_t ds_end) {
        // Local pointers, so that the compiler knows that no assignment below can change them.
        {{pointers_lines|autoindent}}
        {% for name in drawn %}
        using ds_real = std::remove_reference_t<decltype(*{{get_array_name(variables[name[:-6] ~ '_z'])}})>;
        alignas(64) ds_real ds_drawn_{{name}}[ds::block];
        ds::normals(ds_key_{{name}}, ds_begin, ds_end - ds_begin, ds_drawn_{{name}});
        const ds::Drawn<ds_real> {{name}}{ds_key_{{name}}, ds_drawn_{{name}} - ds_begin};
        {% endfor %}
        const auto ds_all = [&]({% for pointer in settable %}const auto {{pointer}}{{", " if not loop.last}}{% endfor %}) {
            #pragma GCC ivdep
            for (int64_t _idx = ds_begin; _idx < ds_end; _idx++)
            {
                const size_t _vectorisation_idx = _idx;
                {% if drawn %}
                const auto ds_normal = [=](const auto& from, int64_t) { return from.values[_idx]; };
                {% endif %}
                {{code}}
            }
        };
        {% if settable %}
        if ({% for pointer in settable %}ds_flat_{{loop.index}}{{" && " if not loop.last}}{% endfor %})
            ds_all({% for pointer in settable %}ds::Same({{pointer}}[0]){{", " if not loop.last}}{% endfor %});
        else
        {% endif %}
            ds_all({{settable|join(", ")}});
    });
    {% endif %}
{% endblock %}
