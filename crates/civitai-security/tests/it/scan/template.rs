use civitai_security::scan::Verdict;

use super::{assert_clean, judged};

fn judge(template: &str) -> (Verdict, Vec<&'static str>) {
    judged("chat_template.jinja", template)
}

#[test]
fn takes_what_templates_of_models_do() {
    for template in [
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}",
        "{%- set ns = namespace(found=false) -%}{% set ns.found = true %}{{ ns.found }}",
        "{{ messages[loop.index0 - 1]['content'] | trim }}{{ content.split('</think>')[-1].lstrip('\\n') }}",
        "{% if message.role in ['system', 'developer'] %}{{ '<|' + message.role + '|>' }}{% endif %}",
        "{{ raise_exception('roles must alternate ' ~ loop.index) }}",
        "{%- macro render(value) -%}{{ value | tojson(indent=2) }}{%- endmacro -%}{{ render({'a': {'b': 1}}) }}",
        "{{ tools | map(attribute='function') | selectattr('name', 'defined') | list | join(', ') }}",
        "{# ''.__class__ #}{% raw %}{{ ''.__class__ }}{% endraw %}",
        "{{ bos_token }}A sentence about __init__ and os.system(), outside of the code.",
        "{% set _ = ns.update({'a': 1}) %}{{ x['a' if y else 'b'] }}",
        "{{ key | replace('_', ' ') }}{{ '%s' | format(key) }}",
        "{% generation %}{{ 'x' }}{% endgeneration %}",
        "{% for i in range(100000) %}{% break %}{% endfor %}",
    ] {
        assert_clean("chat_template.jinja", template);
    }
}

#[test]
fn the_internals_of_python_are_malicious() {
    for template in [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        r"{{ ''['\x5f\x5fclass\x5f\x5f'] }}",
        r"{{ ''['\137\137class\137\137'] }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ ''['__cla' + 'ss__'] }}",
        "{{ ''['__cla' 'ss__'] }}",
        "{% set a = '__cla' %}{% set b = 'ss__' %}{{ ''[a ~ b] }}",
        "{{ ''|attr(['__', 'class', '__']|join) }}",
        "{% for c in [].__class__.__base__.__subclasses__() %}{% endfor %}",
        "{{ x.mro() }}",
        "{{ (x for x in []).gi_frame.f_back }}",
        "{{ messages|map(attribute='__class__')|list }}",
        "{%- if x.__class__ -%}{%- endif -%}",
        "{{ {'a': {'b': ''.__class__}} }}",
        "{% raw %}{% endraw %}{{ ''.__class__ }}",
        "{{ self.__init__ }}",
    ] {
        let (verdict, rules) = judge(template);
        assert_eq!(verdict, Verdict::Malicious, "{template}");
        assert!(
            rules.contains(&"template_internals"),
            "{template}: {rules:?}"
        );
    }
}

#[test]
fn running_a_program_is_malicious() {
    for template in [
        "{{ x.popen('id') }}",
        "{{ x['system']('id') }}",
        "{{ x.os.system('id') }}",
        "{{ m.import_module('os') }}",
    ] {
        assert_eq!(
            judge(template),
            (Verdict::Malicious, vec!["template_call"]),
            "{template}"
        );
    }
}

#[test]
fn hidden_names_are_suspicious() {
    for template in [
        "{{ x[a ~ b] }}",
        "{{ x|attr(name) }}",
        "{{ x['ssalc'|reverse] }}",
        "{{ x['%c%c' | format(95, 95)] }}",
        "{{ x[('_' * 2) + 'a'] }}",
        "{{ x._private }}",
        "{{ 'class__' }}",
    ] {
        assert_eq!(
            judge(template),
            (Verdict::Suspicious, vec!["template_computed"]),
            "{template}"
        );
    }
}

#[test]
fn other_templates_and_long_counts_are_suspicious() {
    for (template, rule) in [
        ("{{ 'a' * 99999999 }}", "template_work"),
        ("{% include '/etc/passwd' %}", "template_include"),
        ("{%- from 'x' import y -%}", "template_include"),
        (
            "{% for i in range(999999999) %}{% endfor %}",
            "template_work",
        ),
        ("{% for i in range(10**9) %}{% endfor %}", "template_work"),
        ("{{ 'no end", "template_unreadable"),
        ("{{ x ", "template_unreadable"),
    ] {
        assert_eq!(
            judge(template),
            (Verdict::Suspicious, vec![rule]),
            "{template}"
        );
    }
}
