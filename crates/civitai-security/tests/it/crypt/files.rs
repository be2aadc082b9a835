//! Whole files: there when complete, not there otherwise.

use std::ops::ControlFlow;
use std::path::Path;

use civitai_security::crypt::{
    CryptError, Decrypted, FileError, Level, Recipe, Unlocked, decrypt_file, encrypt_file,
};

use super::{content, holder};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs_err::read_dir(folder)
        .expect("it is a folder")
        .map(|entry| {
            entry
                .expect("it is readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_encrypted_beside_itself_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let [source, sealed, back] =
        ["model.bin", "model.bin.cke", "back.bin"].map(|name| folder.path().join(name));
    let plain = content(3 * 1024 * 1024 + 5);
    fs_err::write(&source, &plain).expect("it is written");
    for level in Level::ALL {
        let mut told = Vec::new();
        let mut tell = |done| {
            told.push(done);
            ControlFlow::Continue(())
        };
        let bytes = encrypt_file(
            &source,
            &sealed,
            &Recipe::new(level, &holder().recipients(level)),
            &mut tell,
        );
        assert_eq!(bytes.expect("it is encrypted"), plain.len() as u64);
        assert!(
            told.is_sorted() && told.last() == Some(&(plain.len() as u64)),
            "{told:?}"
        );
        let keys = holder().keys();
        let go_on = &mut |_| ControlFlow::Continue(());
        let first = decrypt_file(&sealed, &back, &keys, go_on);
        assert_eq!(first.expect("it is decrypted"), Decrypted::Written);
        assert!(fs_err::read(&back).expect("it is there") == plain);
        let again = decrypt_file(&sealed, &back, &keys, go_on);
        assert_eq!(again.expect("it is the same"), Decrypted::Same);
        assert_eq!(
            names(folder.path()),
            ["back.bin", "model.bin", "model.bin.cke"]
        );
        for path in [&sealed, &back] {
            fs_err::remove_file(path).expect("it was there");
        }
    }
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let [source, sealed, other] = ["a", "a.cke", "other"].map(|name| folder.path().join(name));
    let go_on = &mut |_| ControlFlow::Continue(());
    fs_err::write(&source, b"content").expect("it is written");
    let recipients = holder().recipients(Level::Basic);
    encrypt_file(
        &source,
        &sealed,
        &Recipe::new(Level::Basic, &recipients),
        go_on,
    )
    .expect("it is encrypted");
    let before = fs_err::read(&sealed).expect("it is there");
    let again = encrypt_file(
        &source,
        &sealed,
        &Recipe::new(Level::Basic, &recipients),
        go_on,
    );
    assert!(matches!(again, Err(FileError::Exists { .. })), "{again:?}");
    assert_eq!(fs_err::read(&sealed).expect("it is there"), before);
    for strange in [b"contenT".as_slice(), b"content and more", b"cont", b""] {
        fs_err::write(&other, strange).expect("it is written");
        let result = decrypt_file(&sealed, &other, &holder().keys(), go_on);
        assert!(
            matches!(result, Err(FileError::Exists { .. })),
            "{result:?}"
        );
        assert_eq!(fs_err::read(&other).expect("it is there"), strange);
    }
}

#[test]
fn nothing_is_left_of_what_failed() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let [source, sealed, back] = ["a", "a.cke", "back"].map(|name| folder.path().join(name));
    fs_err::write(&source, content(5 * 1024 * 1024)).expect("it is written");
    let recipients = holder().recipients(Level::Standard);
    let stop = &mut |done| {
        if done < 2 * 1024 * 1024 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let stopped = encrypt_file(
        &source,
        &sealed,
        &Recipe::new(Level::Standard, &recipients),
        stop,
    );
    assert!(
        matches!(stopped, Err(FileError::Interrupted)),
        "{stopped:?}"
    );
    let missing = encrypt_file(
        &source,
        &sealed,
        &Recipe::new(Level::High, &recipients),
        go_on,
    );
    assert!(matches!(
        missing,
        Err(FileError::Crypt {
            source: CryptError::Unsuitable { .. },
            ..
        })
    ));
    assert_eq!(names(folder.path()), ["a"]);

    encrypt_file(
        &source,
        &sealed,
        &Recipe::new(Level::Standard, &recipients),
        go_on,
    )
    .expect("it is encrypted");
    let stopped = decrypt_file(&sealed, &back, &holder().keys(), stop);
    assert!(
        matches!(stopped, Err(FileError::Interrupted)),
        "{stopped:?}"
    );
    let keyless = decrypt_file(&sealed, &back, &Unlocked::default(), go_on);
    assert!(matches!(
        keyless,
        Err(FileError::Crypt {
            source: CryptError::NoKey { .. },
            ..
        })
    ));
    let mut damaged = fs_err::read(&sealed).expect("it is there");
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs_err::write(&sealed, damaged).expect("it is written");
    let refused = decrypt_file(&sealed, &back, &holder().keys(), go_on);
    assert!(matches!(
        refused,
        Err(FileError::Crypt {
            source: CryptError::Refused,
            ..
        })
    ));
    assert_eq!(names(folder.path()), ["a", "a.cke"]);
}
