//! The catalogue: several processes, damage, versions, and what it remembers.

use std::path::Path;
use std::time::{Duration, SystemTime};

use civitai_library::catalogue::{Catalogue, Error, Sought};
use tempfile::TempDir;

fn fresh() -> (TempDir, Catalogue) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let catalogue = open(dir.path()).expect("a new catalogue");
    (dir, catalogue)
}

fn open(dir: &Path) -> Result<Catalogue, Error> {
    Catalogue::open(dir, &dir.join("models"))
}

#[test]
fn what_is_absent_is_forgotten_when_its_time_is_over() {
    let (_dir, mut catalogue) = fresh();
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
    catalogue
        .note_absent(Sought::Sha256, ["aa", "bb"], now, Duration::from_mins(10))
        .expect("noted");
    let absent = |catalogue: &Catalogue, minutes| {
        let at = now + Duration::from_mins(minutes);
        catalogue.absent(Sought::Sha256, at).expect("read").len()
    };
    assert_eq!(absent(&catalogue, 9), 2);
    assert_eq!(absent(&catalogue, 10), 0);
    let others = catalogue.absent(Sought::Model, now).expect("read");
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_damaged_database_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("catalogue.db");
    let garbage = b"no database at all, but somebody's text".repeat(100);
    fs_err::write(&path, &garbage).expect("written");
    let error = open(dir.path()).expect_err("that is no database");
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("catalogue.db"), "{error}");
    assert_eq!(fs_err::read(&path).expect("still there"), garbage);
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_as_it_is() {
    let (dir, catalogue) = fresh();
    drop(catalogue);
    let path = dir.path().join("catalogue.db");
    let connection = rusqlite::Connection::open(&path).expect("opens");
    connection
        .pragma_update(None, "user_version", 4711)
        .expect("changed");
    drop(connection);
    let error = open(dir.path()).expect_err("it is too new");
    assert!(
        matches!(error, Error::Newer { found: 4711, .. }),
        "{error:?}"
    );
}

#[test]
fn many_first_users_at_once_make_one_catalogue() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let opened: Vec<_> = std::thread::scope(|scope| {
        let users: Vec<_> = (0..8)
            .map(|number| {
                let dir = dir.path();
                scope.spawn(move || {
                    let mut catalogue = Catalogue::open(dir, &dir.join("models"))?;
                    let key = number.to_string();
                    let (now, life) = (SystemTime::now(), Duration::from_hours(1));
                    catalogue.note_absent(Sought::Model, [key.as_str()], now, life)
                })
            })
            .collect();
        users
            .into_iter()
            .map(|user| user.join().expect("nobody panics"))
            .collect()
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let catalogue = open(dir.path()).expect("opens");
    let absent = catalogue
        .absent(Sought::Model, SystemTime::now())
        .expect("read");
    assert_eq!(absent.len(), 8);
    assert_eq!(catalogue.check().expect("read"), Vec::<String>::new());
}
