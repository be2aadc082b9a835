//! Digests of files, as Civitai prints them.

use crate::user::User;

#[test]
fn every_digest_is_in_civitais_spelling() {
    let user = User::new();
    user.write("hello", "hello world");
    let line = user
        .run(&["hash", "hello", "--json"])
        .exits(0)
        .line("hashes");
    assert_eq!(line["bytes"], 11);
    assert_eq!(
        line["SHA256"],
        "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9"
    );
    assert_eq!(
        line["BLAKE3"],
        "D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24"
    );
    assert_eq!(
        (&line["CRC32"], &line["AutoV2"]),
        (&"85114A0D".into(), &"B94D27B993".into())
    );
    assert!(line["AutoV1"].is_null());
}

#[test]
fn a_missing_file_is_named_and_the_others_are_hashed() {
    let user = User::new();
    user.write("there", "x");
    let ran = user.run(&["hash", "absent", "there"]).exits(9);
    assert!(
        ran.stderr.contains("absent") && ran.stdout.contains("SHA256"),
        "{ran:#?}"
    );
    user.run(&["hash", "absent"]).exits(2);
}
