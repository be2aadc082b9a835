//! `hash`.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use civitai_download::digest::{DigestSet, Digests, Hasher, hash_files};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::args::HashArgs;
use crate::containers::{self, Containers, is_encrypted};
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
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let (sealed, plain): (Vec<_>, Vec<_>) = args
        .files
        .iter()
        .cloned()
        .enumerate()
        .partition(|(_, path)| is_encrypted(path));
    let paths: Vec<_> = sealed.iter().map(|(_, path)| path.clone()).collect();
    containers.prepare(&paths, session).await?;
    let hashing = tokio::task::spawn_blocking(move || {
        let go_on = |_| {
            if stop.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let paths: Vec<_> = plain.iter().map(|(_, path)| path).collect();
        hash_files(&paths, DigestSet::ALL, &go_on, |place, result| {
            let result = result.map_err(|error| Failure::named(paths[place], &error));
            // Nobody listens once a result could not be printed.
            let _ = results.send((plain[place].0, result));
        });
        for (index, path) in sealed {
            if let Some(result) = hash_content(&containers, &path, &stop) {
                let _ = results.send((index, result));
            }
        }
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
                Err(failure) => {
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

/// Hashes what is in a container; nothing when it is not wanted any more.
fn hash_content(
    containers: &Containers,
    path: &Path,
    stop: &CancellationToken,
) -> Option<Result<Digests, Failure>> {
    let mut sink = Hashing {
        hasher: Hasher::new(DigestSet::ALL),
        stop,
    };
    let mut read = || {
        let mut reader = containers.open(path)?;
        reader
            .extract(&mut sink)
            .map_err(|source| containers::failure(&containers::at(path, source)))
    };
    let read = read();
    (!stop.is_cancelled()).then(|| read.map(|_| sink.hasher.finish()))
}

/// Hashes what is written to it, until that is not wanted any more.
struct Hashing<'a> {
    hasher: Hasher,
    stop: &'a CancellationToken,
}

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
