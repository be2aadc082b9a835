//! Configurations and templates.

use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"_target_",
    b"!!python/object/apply:os.system",
    b"!!python/name:",
    b"&a",
    b"*a",
    b"<<: *a",
    b"- ",
    b": ",
    b"\n  ",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"",
    b"'",
    b"|\n",
    b">-\n",
    b"%TAG ! tag:x:\n---\n",
    b"---\n",
    b"...\n",
    b"? ",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"{#",
    b"#}",
    b"class_name",
    b"Lambda",
    b"module",
    b"builtins",
    b"chat_template",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\t",
    b"auto_map",
    b"__class__",
    b"|attr(",
    b"~",
    b"loop",
    b"\xff\xfe",
];

const KEYS: &[&str] = &[
    "_target_",
    "class_name",
    "module",
    "registered_name",
    "config",
    "function",
    "chat_template",
    "auto_map",
    "name",
    "path",
    "class_path",
    "weight_map",
    "target",
    "params",
    "x",
];

const VALUES: &[&str] = &[
    "torch.nn.Linear",
    "os.system",
    "Lambda",
    "Dense",
    "builtins",
    "eval",
    "../x",
    "1",
    "true",
    "a b",
    "",
    "{{ messages }}",
    "{{ ''.__class__.__mro__ }}",
    "{% for m in x %}{{ m }}{% endfor %}",
    "owner/repo--modeling.Model",
];

/// JSON, YAML or a template.
pub(crate) fn text(random: &mut Random) -> Vec<u8> {
    let mut out = String::new();
    match random.below(3) {
        0 => json(random, 5, &mut out),
        1 => yaml(random, 4, 0, &mut out),
        _ => template(random, 4, &mut out),
    }
    out.into_bytes()
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn json(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth == 0 { 2 } else { 5 }) {
        0 => out.push_str(random.pick(&[
            "1",
            "-0.5e3",
            "true",
            "null",
            "NaN",
            "\"\\u0061\"",
            "\"\\ud800\"",
        ])),
        1 => out.push_str(&quoted(random.pick(VALUES))),
        2 => {
            out.push('[');
            for number in 0..random.below(4) {
                out.push_str(if number > 0 { ", " } else { "" });
                json(random, depth - 1, out);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for number in 0..random.below(5) {
                out.push_str(if number > 0 { "," } else { "" });
                out.push_str(&quoted(random.pick(KEYS)));
                out.push_str(": ");
                json(random, depth - 1, out);
            }
            out.push('}');
        }
    }
}

fn yaml(random: &mut Random, depth: usize, indent: usize, out: &mut String) {
    let anchor = random.pick(&[
        "",
        "",
        "",
        "",
        "&a ",
        "*a",
        "!!python/name:os.system ",
        "!!str ",
        "!x ",
    ]);
    out.push_str(anchor);
    if anchor == "*a" {
        return out.push('\n');
    }
    match random.below(if depth == 0 { 3 } else { 6 }) {
        0 => {
            out.push_str(random.pick(VALUES));
            out.push('\n');
        }
        1 => {
            out.push_str(&quoted(random.pick(VALUES)));
            out.push('\n');
        }
        2 => {
            out.push_str("|\n");
            out.push_str(&" ".repeat(indent + 2));
            out.push_str(random.pick(VALUES));
            out.push('\n');
        }
        3 => {
            json(random, depth - 1, out);
            out.push('\n');
        }
        kind => {
            out.push('\n');
            for _ in 0..=random.below(4) {
                out.push_str(&" ".repeat(indent));
                if kind == 4 {
                    out.push_str("- ");
                } else {
                    out.push_str(random.pick(KEYS));
                    out.push_str(": ");
                }
                yaml(random, depth - 1, indent + 2, out);
            }
        }
    }
}

fn template(random: &mut Random, depth: usize, out: &mut String) {
    for _ in 0..random.below(5) {
        match random.below(if depth == 0 { 3 } else { 6 }) {
            0 => out.push_str("some text "),
            1 => out.push_str(random.pick(&[
                "{{ x }}",
                "{{ x.y[0] | join(', ') }}",
                "{# note #}",
                "{{ x|attr('a' ~ 'b') }}",
            ])),
            2 => out.push_str(random.pick(&[
                "{% set a = '__cla' + 'ss__' %}",
                "{{ x[a] }}",
                "{%- set ns = namespace(i=0) -%}",
            ])),
            3 => {
                out.push_str("{% for m in messages %}");
                template(random, depth - 1, out);
                out.push_str("{% endfor %}");
            }
            4 => {
                out.push_str("{% if x == 'y' %}");
                template(random, depth - 1, out);
                out.push_str("{% else %}{% endif %}");
            }
            _ => {
                out.push_str("{{ ");
                expression(random, depth, out);
                out.push_str(" }}");
            }
        }
    }
}

fn expression(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth == 0 { 2 } else { 6 }) {
        0 => out.push_str(random.pick(&["x", "self", "cycler", "lipsum", "'a'", "1", "request"])),
        1 => out.push_str(random.pick(&[
            "'__'",
            "'class'",
            "\"\\x5f\"",
            "'%c' % 95",
            "messages[0]['role']",
        ])),
        2 => {
            expression(random, depth - 1, out);
            out.push_str(random.pick(&[" + ", " ~ ", " * ", " if x else ", " and "]));
            expression(random, depth - 1, out);
        }
        3 => {
            expression(random, depth - 1, out);
            out.push_str(random.pick(&[
                "|join",
                "|reverse",
                ".format(1)",
                "|attr('x')",
                "[0]",
                ".__init__",
                "()",
            ]));
        }
        _ => {
            out.push('(');
            expression(random, depth - 1, out);
            out.push(')');
        }
    }
}
