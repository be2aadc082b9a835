//! Files saved by `PyTorch`, beyond their pickles: the data of the tensors.

use std::collections::HashMap;
use std::rc::Rc;

use super::Pickle;
use super::read::Operations;
use super::rule;
use super::value::{Storage, Value};
use crate::scan::frame::{Role, Scan, Stop};

/// Checks that the container has as many bytes for each storage as the pickle says; gives the keys of
/// those for which it has.
///
/// `member_bytes` gives the length of a storage's data by its key, none where the container has no data
/// under that key.
pub(in crate::scan) fn check_storages(
    scan: &mut Scan<'_>,
    storages: &[Storage],
    member_bytes: impl Fn(&str) -> Option<u64>,
) -> Vec<Rc<str>> {
    let mut fitting = Vec::new();
    for storage in storages {
        let found = member_bytes(&storage.key);
        if found == Some(storage.bytes()) {
            fitting.push(Rc::clone(&storage.key));
            continue;
        }
        let found = found.map_or("none".to_owned(), |bytes| bytes.to_string());
        let detail = format!(
            "storage {:?} has {} bytes, and {found} are there",
            storage.key,
            storage.bytes()
        );
        scan.find(&rule::STORAGE_SIZE, storage.offset, detail);
    }
    fitting
}

/// Reads what follows the magic number in a file of a `PyTorch` before 1.6: four pickles and the data.
pub(super) fn legacy(scan: &mut Scan<'_>, operations: &mut Operations<'_, '_>) -> Result<(), Stop> {
    let version = part(scan, operations)?;
    if !matches!(version.1.value, Value::Int(LEGACY_VERSION)) {
        scan.find(&rule::LEGACY, version.0, "the version is not 1001");
    }
    let system = part(scan, operations)?;
    if !matches!(system.1.value, Value::Dict(_)) {
        scan.find(&rule::LEGACY, system.0, "the system is no dictionary");
    }
    let object = part(scan, operations)?;
    let keys = part(scan, operations)?;
    if !matches!(keys.1.value, Value::List(_)) {
        scan.find(&rule::LEGACY, keys.0, "the keys are no list");
    }
    data(scan, operations, &object.1.storages, &keys.1.listed)
}

/// The next pickle, and where it begins.
fn part(scan: &mut Scan<'_>, operations: &mut Operations<'_, '_>) -> Result<(u64, Pickle), Stop> {
    let at = operations.position();
    if at == operations.len() {
        return Err(Stop::at(
            &rule::LEGACY,
            at,
            "one of five pickles is missing",
        ));
    }
    Ok((at, super::read(scan, operations, true)?))
}

/// The data of each storage, in the order of the keys: its number of elements, and its bytes.
fn data(
    scan: &mut Scan<'_>,
    operations: &mut Operations<'_, '_>,
    storages: &[Storage],
    keys: &[Rc<str>],
) -> Result<(), Stop> {
    let by_key: HashMap<&str, &Storage> = storages
        .iter()
        .map(|storage| (&*storage.key, storage))
        .collect();
    for key in keys {
        let at = operations.position();
        let count = operations
            .bytes(8)?
            .try_into()
            .expect("eight bytes were asked for");
        let count = u64::from_le_bytes(count);
        let Some(storage) = by_key.get(&**key) else {
            return Err(Stop::at(&rule::LEGACY, at, format!("no storage {key:?}")));
        };
        let end = operations.position().saturating_add(storage.bytes());
        if count != storage.elements || end > operations.len() {
            let detail = format!(
                "storage {key:?} has {count} of {} elements",
                storage.elements
            );
            return Err(Stop::at(&rule::STORAGE_SIZE, at, detail));
        }
        operations.seek(end);
    }
    if storages.len() != keys.len() {
        let detail = format!("{} storages, {} keys", storages.len(), keys.len());
        scan.find(&rule::LEGACY, operations.position(), detail);
    }
    let (at, len) = (operations.position(), operations.len());
    if at == len {
        return Ok(());
    }
    let detail = format!("{} bytes follow the data", len - at);
    scan.find(&rule::TRAILING, at, detail);
    let mut rest = operations.input().window(at, len - at);
    scan.member("(behind the data)", Role::Data, &mut rest)
}

const LEGACY_VERSION: i64 = 1001;
