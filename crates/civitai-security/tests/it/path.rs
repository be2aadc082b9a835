use std::path::{Path, PathBuf};

use civitai_security::join_under;
use civitai_security::path::{PathError, Refusal};

fn refusal(root: &Path, relative: &str) -> Refusal {
    match join_under(root, relative) {
        Err(PathError::Refused { path, reason }) => {
            assert_eq!(path, PathBuf::from(relative));
            reason
        }
        judged => panic!("{relative:?} gave {judged:?}"),
    }
}

#[test]
fn paths_below_the_root_are_joined_whether_they_exist_or_not() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let root = root.path();
    fs_err::create_dir(root.join("loras")).expect("the directory is new");
    for relative in [
        "x.bin",
        "loras/x.bin",
        "new/deep/x.bin",
        "..x/y..",
        "モデル/x",
    ] {
        let joined = join_under(root, relative).expect("the path is below the root");
        assert_eq!(joined, root.join(relative));
    }
    assert_eq!(
        join_under(root, "./a/./b").expect("below"),
        root.join("a/b")
    );
}

#[test]
fn paths_that_lead_out_are_refused_with_the_reason() {
    let root = Path::new("/nowhere/at/all");
    let table = [
        ("/etc/passwd", Refusal::Absolute),
        ("C:x", Refusal::Absolute),
        ("C:/x", Refusal::Absolute),
        ("..", Refusal::Parent),
        ("a/../../x", Refusal::Parent),
        ("a/..", Refusal::Parent),
        (r"..\x", Refusal::Backslash),
        (r"\\host\x", Refusal::Backslash),
        ("a\0b", Refusal::Nul),
        ("", Refusal::Empty),
        (".", Refusal::Empty),
        ("./.", Refusal::Empty),
    ];
    for (relative, expected) in table {
        assert_eq!(refusal(root, relative), expected, "{relative:?}");
    }
    let error = join_under(root, "../x").expect_err("it leads out");
    assert_eq!(error.to_string(), r#"path "../x" is refused: it has `..`"#);
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_while_they_stay_below_the_root() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().expect("a temporary directory");
    let real = tempfile::tempdir().expect("a temporary directory");
    let link = outside.path().join("library");
    symlink(real.path(), &link).expect("the link is new");
    // The root itself may be a link.
    let root = link.as_path();
    fs_err::create_dir(root.join("loras")).expect("the directory is new");
    symlink("loras", root.join("inside")).expect("the link is new");
    symlink(outside.path(), root.join("outside")).expect("the link is new");
    symlink("/does/not/exist", root.join("dangling")).expect("the link is new");
    symlink("..", root.join("loras/up")).expect("the link is new");
    symlink("loop", root.join("loop")).expect("the link is new");

    join_under(root, "inside/x.bin").expect("the link stays below the root");
    join_under(root, "loras/up/x.bin").expect("the link stays below the root");
    for relative in [
        "outside",
        "outside/x.bin",
        "dangling",
        "loras/up/outside/x",
        "loop",
    ] {
        assert_eq!(refusal(root, relative), Refusal::Link, "{relative}");
    }
}

#[test]
fn a_file_in_the_way_of_a_directory_is_reported_as_such() {
    let root = tempfile::tempdir().expect("a temporary directory");
    fs_err::write(root.path().join("file"), b"x").expect("the file is new");
    let error = join_under(root.path(), "file/x.bin").expect_err("a file is no directory");
    assert!(matches!(error, PathError::Io(_)), "{error:?}");
}
