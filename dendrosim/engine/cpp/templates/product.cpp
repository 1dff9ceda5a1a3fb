{# target = matrix source (or its transpose), over the whole batch. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    ds::product<{{real}}>({{'true' if transpose else 'false'}}, {{rows}}, {{columns}}, {{batch}},
        {{matrix}}, {{source}}, {{target}}, {{'true' if add else 'false'}});
{% endblock %}
