//! The demonstration.

use crate::user::User;

#[test]
fn the_demonstration_needs_nothing_and_leaves_nothing() {
    let home = User::new();
    let folder = home.path("tmp");
    fs_err::create_dir(&folder).unwrap();
    let ran = User::new()
        .with("TMPDIR", folder.to_str().unwrap())
        .run(&["demo", "--json"])
        .exits(0);
    let lines = ran.lines();
    let files = |status: &str| {
        lines
            .iter()
            .filter(|line| line["type"] == "file" && line["status"] == status)
            .count()
    };
    assert_eq!(
        (
            files("downloaded"),
            files("interrupted"),
            files("resumed"),
            files("skipped")
        ),
        (3, 1, 1, 3)
    );
    assert!(
        lines
            .iter()
            .filter(|line| line["type"] == "file")
            .all(|line| line["status"] == "interrupted" || line["verified"] == "sha256")
    );
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 0);
}
