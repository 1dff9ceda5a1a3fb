{# What the spikes (or other events) of one end of a pathway do that arrive in this step: see synapses.h.

   Block `once` is done once for each spiking unit, `now` computes traces of the other end, and `each` is done for
   every synapse. Values in `kept` go from `once` to `each`. #}
{# USES_VARIABLES { N, t } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% macro latest(index) -%}
    {% if last_there %}{% set other = get_array_name(variables[last_there]) ~ '[' ~ index ~ ']' %}{{other}} > ds_all_last[ds_n] ? {{other}} : ds_all_last[ds_n]{% else %}ds_all_last[ds_n]{% endif %}
    {%- endmacro %}
    {% set owned = [] %}
    {% for name in own if name in variables %}{% set _ = owned.append(get_array_name(variables[name])) %}{% endfor %}
    {% set here, there = ('_ds_pre', '_ds_post') if side == 'pre' else ('_ds_post', '_ds_pre') %}
    {# If synapses may change what others use, the spikes of a step act in their order, each on its whole row. #}
    {% macro part_of_row(group, block) -%}
    ds_own.{{'part(' ~ group ~ ', ' ~ block ~ ')' if spread else 'by_pre.whole(' ~ group ~ ')'}}
    {%- endmacro %}
    {% set mean = 'ds_rows.mean_row' if side == 'pre' else 'ds_rows.mean_column' %}
    {% if spread and side == 'pre' %}
    ds::begin_effect({{serial}});
    {% endif %}
    constexpr int64_t ds_batch = {{batch}};
    ds::Rows& ds_rows = {{rows}};
    ds::Arrivals& ds_queue = ds_rows.queues[{{queue}}];
    ds_queue.advance();
    {% set sent = get_array_name(variables[events]) %}
    ds_rows.by_{{side}}.push(ds_queue, {{sent}}, {{sent}}[{{elements}}], ds_batch);
    const int32_t* const ds_due = ds_queue.due().data();
    const int64_t ds_many = ds_queue.due().size();
    if (!ds_many) return;
    {% if (vector_code['once']|autoindent).strip() %}
    {% for name in kept %}
    static {{real}}* const ds_all_{{name}} = new {{real}}[{{elements}}];
    {% endfor %}
    {% if last_kept %}
    static double* const ds_all_last = new double[{{elements}}];
    {% endif %}
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['once']|autoindent}}
        for (int64_t ds_n = 0; ds_n < ds_many; ds_n++)
        {
            const int64_t {{here}} = ds_due[ds_n];
            const size_t _idx = {{here}}, _vectorisation_idx = _idx;
            {% if last_kept %}
            ds_all_last[ds_n] = {{get_array_name(variables[last_here])}}[{{here}}];
            {% endif %}
            {{vector_code['once']|autoindent}}
            {% for name in kept %}
            ds_all_{{name}}[ds_n] = {{name}};
            {% endfor %}
        }
    }
    {% endif %}
    {% if (vector_code['now']|autoindent).strip() %}
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['now']|autoindent}}
        {# A vectorised loop over all units at the other end, or a loop over the units that the spikes reach, which
           is faster if there are few: one of its iterations takes about four times as long. #}
        if (4*ds_many*{{mean}} > {{others}})
            ds::parallel({{others}}, [=](int64_t ds_begin, int64_t ds_end) {
                {{pointers_lines|autoindent}}
                #pragma GCC ivdep
                for (int64_t {{there}} = ds_begin; {{there}} < ds_end; {{there}}++)
                {
                    const size_t _idx = {{there}}, _vectorisation_idx = _idx;
                    {{vector_code['now']|autoindent}}
                }
            });
        else
            for (int64_t ds_n = 0; ds_n < ds_many; ds_n++)
            {
                const int64_t ds_group = ds_due[ds_n]/ds_batch, ds_sample = ds_due[ds_n] % ds_batch;
                const ds::Piece ds_all = ds_rows.by_{{side}}.whole(ds_group);
                for (int64_t ds_at = ds_all.begin; ds_at < ds_all.end; ds_at++)
                {
                    const int64_t {{there}} = (int64_t)ds_rows.{{'target' if side == 'pre' else 'source'}}[ds_at]*ds_batch + ds_sample;
                    const size_t _idx = {{there}}, _vectorisation_idx = _idx;
                    {{vector_code['now']|autoindent}}
                }
            }
    }
    {% endif %}
    {% if (vector_code['each']|autoindent).strip() %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code['each']|autoindent}}
    const ds::Rows* const ds_shared = &ds_rows;
    {% if side == 'pre' %}
    const auto ds_part = [=](int64_t ds_first, int64_t ds_end_block) {
        {{pointers_lines|autoindent}}
        const ds::Rows& ds_own = *ds_shared;
        const int32_t* __restrict const ds_target = ds_own.target.data();
        // Fetches one part of a row after another into the cache, some parts before they are needed.
        int64_t ds_far_block = ds_first, ds_far = 0;
        const auto ds_fetch = [&] {
            if (ds_far == ds_many) { ds_far = 0; ds_far_block++; }
            if (ds_far_block >= ds_end_block) return;
            const ds::Piece ds_next = {{part_of_row('ds_due[ds_far++]/ds_batch', 'ds_far_block')}};
            ds::fetch(ds_target + ds_next.begin, ds_next.end - ds_next.begin);
            {% for pointer in owned %}
            ds::fetch({{pointer}} + ds_next.begin*ds_batch, (ds_next.end - ds_next.begin)*ds_batch);
            {% endfor %}
        };
        for (int64_t k = 0; k < ds::parts_ahead; k++) ds_fetch();
        for (int64_t ds_block = ds_first; ds_block < ds_end_block; ds_block++)
            for (int64_t ds_n = 0; ds_n < ds_many; ds_n++)
            {
                const int64_t ds_group = ds_due[ds_n]/ds_batch, ds_sample = ds_due[ds_n] % ds_batch;
                const int64_t _ds_pre = ds_own.by_pre.unit(ds_group)*ds_batch + ds_sample;
                const ds::Piece ds_span = {{part_of_row('ds_group', 'ds_block')}};
                ds_fetch();
                {% for name in kept %}
                const {{real}} {{name}} = ds_all_{{name}}[ds_n];
                {% endfor %}
                for (int64_t ds_at = ds_span.begin; ds_at < ds_span.end; ds_at++)
                {
                    const size_t _idx = ds_at*ds_batch + ds_sample, _vectorisation_idx = _idx;
                    const int64_t _ds_post = ds_target[ds_at]*ds_batch + ds_sample;
                    {% if numbered %}
                    const int64_t ds_synapse = ds_own.number_of(ds_at) + (ds_sample << 32);
                    {% endif %}
                    {% if last_kept %}
                    const double ds_lastupdate = {{latest('_ds_post')}};
                    {% endif %}
                    {{vector_code['each']|autoindent}}
                }
            }
    };
    const int64_t ds_pieces = {{'ds_rows.blocks' if spread else '1'}};
    {% else %}
    const auto ds_part = [=](int64_t ds_first, int64_t ds_end_part) {
        {{pointers_lines|autoindent}}
        const ds::Rows& ds_own = *ds_shared;
        const int32_t *__restrict const ds_position = ds_own.position.data(), *__restrict const ds_source = ds_own.source.data();
        for (int64_t ds_n = ds_first; ds_n < ds_end_part; ds_n++)
        {
            const int64_t ds_group = ds_due[ds_n]/ds_batch, ds_sample = ds_due[ds_n] % ds_batch;
            const int64_t _ds_post = ds_own.by_post.unit(ds_group)*ds_batch + ds_sample;
            {% for name in kept %}
            const {{real}} {{name}} = ds_all_{{name}}[ds_n];
            {% endfor %}
            const ds::Piece ds_all = ds_own.by_post.whole(ds_group);
            for (int64_t ds_at = ds_all.begin; ds_at < ds_all.end; ds_at++)
            {
                const size_t _idx = (int64_t)ds_position[ds_at]*ds_batch + ds_sample, _vectorisation_idx = _idx;
                const int64_t _ds_pre = (int64_t)ds_source[ds_at]*ds_batch + ds_sample;
                {% if numbered %}
                const int64_t ds_synapse = ds_own.number_of(ds_position[ds_at]) + (ds_sample << 32);
                {% endif %}
                {% if owned %}
                // Beyond the end of the column there is another, or the padding at the end of `position`.
                const int64_t ds_ahead = (int64_t)ds_position[ds_at + ds::ahead]*ds_batch + ds_sample;
                {% for pointer in owned %}
                __builtin_prefetch({{pointer}} + ds_ahead, 1);
                {% endfor %}
                {% endif %}
                {% if last_kept %}
                const double ds_lastupdate = {{latest('_ds_pre')}};
                {% endif %}
                {{vector_code['each']|autoindent}}
            }
        }
    };
    const int64_t ds_pieces = ds_many;
    {% endif %}
    {% if spread and side == 'pre' %}
    ds::affect(ds_pieces, ds_many*{{mean}}, {{access}}, ds_part);
    {% else %}
    {% if spread %}
    if (ds_many*{{mean}} >= ds::spread_from)
        ds::share(ds_pieces, 1, ds::part_of<decltype(ds_part)>, &ds_part);
    else
    {% endif %}
        ds::part_of<decltype(ds_part)>(&ds_part, 0, ds_pieces);
    {% endif %}
    {% endif %}
{% endblock %}
