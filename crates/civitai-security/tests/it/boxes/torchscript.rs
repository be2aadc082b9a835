use super::archive::{Member, zip};
use super::{array, scan};

/// The worst verdict over the source, in an archive laid out as `PyTorch` does.
fn rules(source: &str) -> Vec<&'static str> {
    let members = [
        Member::stored("net/data.pkl", &array()),
        Member::deflated("net/code/__torch__/net.py", source.as_bytes()),
    ];
    let report = scan("net.pt", &zip(&members));
    report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect()
}

#[test]
fn programs_that_compute_are_clean() {
    let source = r#"class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  _is_full_backward_hook : Optional[bool]
  fc : __torch__.torch.nn.modules.linear.Linear
  packed : __torch__.torch.classes.quantized.LinearPackedParamsBase
  def forward(self: __torch__.Net,
    input: Tensor) -> Tensor:
    _0 = uninitialized(Tensor)
    if torch.__isnot__(input, None):
      _1 = ops.prim.RaiseException("os.system('x') eval(y)")
    # exec(z)
    x = torch.add(torch.matmul(input, getattr(self, "0").weight), CONSTANTS.c0, alpha=1.5)
    y = ops.quantized.linear(x, self.packed, 0.1, 0)
    return torch.relu(y).open
"#;
    assert_eq!(rules(source), Vec::<&str>::new());
}

#[test]
fn operators_that_do_more_than_compute_are_found() {
    for (source, rule) in [
        (
            "return torch.save(x, \"/etc/cron.d/x\")",
            "torchscript_effect",
        ),
        (
            "return torch.from_file(\"/etc/passwd\", False, 10)",
            "torchscript_effect",
        ),
        (
            "return ops.aten.from_file(\"x\", True, 10)",
            "torchscript_effect",
        ),
        ("return ops.image.read_file(\"x\")", "torchscript_effect"),
        ("return ops.evil.run(\"x\")", "torchscript_operator"),
        (
            "self : __torch__.torch.classes.evil.Runner",
            "torchscript_operator",
        ),
        ("import os\nos.system(\"x\")", "torchscript_python"),
        ("x = eval(\"1\")", "torchscript_python"),
        (
            "x = ().__class__.__base__.__subclasses__()",
            "torchscript_python",
        ),
        ("x = y.__globals__", "torchscript_python"),
    ] {
        assert!(
            rules(source).contains(&rule),
            "{source}: {:?}",
            rules(source)
        );
    }
}

#[test]
fn packages_are_programs() {
    let members = [
        Member::stored("p/.data/python_version", b"3.11\n"),
        Member::stored("p/m.py", b"import os\nos.system('x')\n"),
    ];
    let report = scan("p.pt", &zip(&members));
    let ids: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    assert!(
        ids.contains(&"torch_package") && ids.contains(&"torchscript_python"),
        "{ids:?}"
    );
}

/// A state of one tensor, four 32-bit numbers of which lie in the storage `key`.
fn state(key: &str) -> Vec<u8> {
    let mut bytes = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    for text in ["storage", "", key, "cpu"] {
        if text.is_empty() {
            bytes.extend(b"ctorch\nFloatStorage\n");
        } else {
            bytes.push(b'X');
            bytes.extend(
                u32::try_from(text.len())
                    .expect("it is short")
                    .to_le_bytes(),
            );
            bytes.extend(text.as_bytes());
        }
    }
    bytes.extend(b"K\x04tQK\0K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.");
    bytes
}

#[test]
fn tensors_have_the_numbers_that_the_pickle_says() {
    let with = |key: &str, numbers: &[u8]| {
        zip(&[
            Member::stored("net/data.pkl", &state("0")),
            Member::stored(&format!("net/data/{key}"), numbers),
        ])
    };
    // Numbers may look like anything.
    super::assert_clean("net.pt", &with("0", &[0x13; 16]));
    super::assert_finds(&with("0", &[0x13; 12]), "torch_storage_size");
    super::assert_finds(&with("1", &[0x13; 16]), "torch_storage_size");
}

#[test]
fn numbers_may_look_like_a_pickle_only_where_a_tensor_has_them() {
    let looks_bad = b"cos\nsystem\n)R.N.";
    let of_the_tensor = zip(&[
        Member::stored("net/data/0", looks_bad),
        Member::stored("net/data.pkl", &state("0")),
    ]);
    super::assert_clean("net.pt", &of_the_tensor);
    let beside_it = zip(&[
        Member::stored("net/data.pkl", &state("0")),
        Member::stored("net/data/0", &[0x13; 16]),
        Member::stored("net/data/1", looks_bad),
    ]);
    super::assert_finds(&beside_it, "pickle_denied");
}
