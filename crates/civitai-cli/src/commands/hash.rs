//! `hash`.

use std::path::{Path, PathBuf};

use civitai_download::digest::{DigestSet, Digests, hash_file};
use serde_json::json;

use crate::args::HashArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable, printable};
use crate::session::{Outcome, Session};

pub(crate) async fn run(args: HashArgs, session: &Session) -> Outcome {
    let mut outcomes = Vec::new();
    for path in args.files {
        match hash(path.clone(), session).await {
            Ok(digests) => {
                print(&path, &digests, &session.printer)?;
                outcomes.push(Exit::Done);
            }
            Err(failure) => {
                session.printer.fail_run(&failure);
                outcomes.push(failure.exit());
            }
        }
        if session.cancel.is_cancelled() {
            break;
        }
    }
    session.end_monitor();
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

async fn hash(path: PathBuf, session: &Session) -> Result<Digests, Failure> {
    let read = tokio::task::spawn_blocking(move || hash_file(&path, DigestSet::ALL));
    match session.cancel.run_until_cancelled(read).await {
        Some(Ok(digests)) => digests.map_err(|error| Failure::usage_io(&error)),
        Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        None => Err(Failure::interrupted()),
    }
}

fn print(path: &Path, digests: &Digests, printer: &Printer) -> Result<(), Unwritable> {
    let rows = [
        ("SHA256", digests.sha256.map(|digest| digest.to_upper_hex())),
        ("BLAKE3", digests.blake3.map(|digest| digest.to_upper_hex())),
        ("CRC32", digests.crc32.map(|digest| digest.to_upper_hex())),
        (
            "AutoV1",
            digests.auto_v1.map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV2",
            digests.auto_v2().map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV3",
            digests.auto_v3_short().map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV3Full",
            digests.auto_v3.map(|digest| digest.to_upper_hex()),
        ),
    ];
    if printer.is_json() {
        let mut line = serde_json::Map::new();
        line.insert("path".into(), json!(path.to_string_lossy()));
        line.insert("bytes".into(), json!(digests.bytes));
        line.extend(rows.map(|(name, hex)| (name.to_owned(), json!(hex))));
        return printer.record("hashes", &line);
    }
    printer.data(&printable(&path.to_string_lossy()))?;
    for (name, hex) in rows {
        printer.data(&format!("  {name:<11} {}", hex.as_deref().unwrap_or("-")))?;
    }
    Ok(())
}
