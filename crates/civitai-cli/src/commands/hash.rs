//! `hash`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use civitai_download::digest::{DigestSet, Digests, hash_files};
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::HashArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable, printable};
use crate::session::{Outcome, Session};

pub(crate) async fn run(args: HashArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let stop = session.cancel.child_token();
    // Also when the results cannot be printed any more.
    let _until_return = stop.clone().drop_guard();
    let (results, mut done) = mpsc::unbounded_channel();
    let paths = args.files.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let go_on = |_| {
            if stop.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        hash_files(&paths, DigestSet::ALL, &go_on, |index, result| {
            // Nobody listens once a result could not be printed.
            let _ = results.send((index, result));
        });
    });
    let mut outcomes = Vec::new();
    // Files are done in the order of their sizes and told in the order they were named.
    let mut waiting = BTreeMap::new();
    while let Some((index, result)) = done.recv().await {
        waiting.insert(index, result);
        while let Some(result) = waiting.remove(&outcomes.len()) {
            match result {
                Ok(digests) => {
                    print(&args.files[outcomes.len()], &digests, printer)?;
                    outcomes.push(Exit::Done);
                }
                Err(error) => {
                    let failure = Failure::usage_io(&error);
                    printer.fail_run(&failure);
                    outcomes.push(failure.exit());
                }
            }
        }
    }
    if let Err(panicked) = hashing.await {
        std::panic::resume_unwind(panicked.into_panic());
    }
    if session.cancel.is_cancelled() {
        let failure = Failure::interrupted();
        printer.fail_run(&failure);
        outcomes.push(failure.exit());
    }
    session.end_monitor();
    printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
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
