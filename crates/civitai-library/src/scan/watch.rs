//! Hearing of what changes in a folder, so that a scan need not look through all of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Target, is_model};

/// Hears what changes in the folders of a [`Target`], from the moment it is made on.
///
/// The system tells of changes that are made on this machine; a volume that other machines write to has to be scanned.
#[derive(Debug)]
pub struct Watch {
    changes: Arc<Changes>,
    _watcher: RecommendedWatcher,
}

/// Why nothing can be heard any more. A scan of everything is needed before the next watch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The system watches no more folders for this user.
    #[error("the system watches no more folders than those below {} take", root.display())]
    TooManyFolders {
        /// The root of the library.
        root: PathBuf,
    },
    /// A folder cannot be watched.
    #[error("{} cannot be watched", root.display())]
    Io {
        /// The root of the library.
        root: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Watch {
    /// Begins to listen. Blocks while the folders below are looked up.
    pub fn of(target: &Target) -> Result<Self, WatchError> {
        let root = &target.library.root;
        let whole = [String::new()];
        let folders: &[String] = if target.folders.is_empty() {
            &whole
        } else {
            &target.folders
        };
        let changes = Arc::new(Changes {
            root: root.clone(),
            folders: folders.to_vec(),
            heard: Mutex::default(),
            told: Notify::new(),
        });
        let heard = Arc::clone(&changes);
        let fault = |error| fault(root, error);
        let mut watcher =
            notify::recommended_watcher(move |event| heard.hear(event)).map_err(fault)?;
        for folder in folders {
            watcher
                .watch(&root.join(folder), RecursiveMode::Recursive)
                .map_err(fault)?;
        }
        Ok(Self {
            changes,
            _watcher: watcher,
        })
    }

    /// Waits until something has changed and the changes have paused, or go on without a pause for too long. Returns the
    /// folders in which that was, below the root; the empty text is the root itself. There are at most
    /// [`MOST_FOLDERS`] of them, or the watched ones.
    ///
    /// # Cancel safety
    /// What was heard until the future is dropped is returned by the next call.
    pub async fn next(&self) -> Result<Vec<String>, WatchError> {
        let changes = &self.changes;
        while changes.heard().is_nothing() {
            changes.told.notified().await;
        }
        let latest = Instant::now() + LONGEST;
        loop {
            let quiet = latest.min(Instant::now() + PAUSE);
            let told = timeout_at(quiet, changes.told.notified()).await;
            if told.is_err() || Instant::now() >= latest {
                return changes.take();
            }
        }
    }
}

#[derive(Debug)]
struct Changes {
    root: PathBuf,
    /// What is watched, below the root.
    folders: Vec<String>,
    heard: Mutex<Heard>,
    told: Notify,
}

/// What was heard and not yet taken.
#[derive(Debug, Default)]
struct Heard {
    folders: BTreeSet<String>,
    /// Whether there is more than can be told one by one, or something was missed.
    is_everything: bool,
    failed: Option<notify::Error>,
}

impl Heard {
    fn is_nothing(&self) -> bool {
        self.folders.is_empty() && !self.is_everything && self.failed.is_none()
    }

    fn add(&mut self, folder: String) {
        self.folders.insert(folder);
        if self.folders.len() > MOST_FOLDERS {
            self.folders.clear();
            self.is_everything = true;
        }
    }
}

impl Changes {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        // A set that was left in the middle of an insertion is still a set of folders to look at.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: notify::Result<Event>) {
        let mut heard = self.heard();
        match event {
            Ok(event) if event.need_rescan() => heard.is_everything = true,
            Ok(event) => {
                for path in &event.paths {
                    if !heard.is_everything
                        && is_about_models(event.kind, path)
                        && let Some(folder) = self.folder(path)
                    {
                        heard.add(folder);
                    }
                }
            }
            Err(error) => heard.failed = Some(error),
        }
        if !heard.is_nothing() {
            self.told.notify_one();
        }
    }

    /// The folder to look through for a change at `path`; nothing for what a scan does not look at either.
    fn folder(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.root).ok()?;
        let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        if relative.components().any(is_hidden) {
            return None;
        }
        let parent = relative.parent().unwrap_or(Path::new(""));
        let watched = self
            .folders
            .iter()
            .find(|folder| relative.starts_with(folder))?;
        if parent.starts_with(watched) {
            // What is no Unicode is told by the walk.
            Some(parent.to_str().unwrap_or(watched).to_owned())
        } else {
            Some(watched.clone())
        }
    }

    fn take(&self) -> Result<Vec<String>, WatchError> {
        let heard = std::mem::take(&mut *self.heard());
        match heard.failed {
            Some(error) => Err(fault(&self.root, error)),
            None if heard.is_everything => Ok(self.folders.clone()),
            None => Ok(heard.folders.into_iter().collect()),
        }
    }
}

/// Says whether what happened may matter to the catalogue. A file that is being downloaded beside the models does not.
fn is_about_models(kind: EventKind, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_kept = is_model(name)
        || Path::new(name)
            .extension()
            .and_then(OsStr::to_str)
            .is_some_and(|it| it.eq_ignore_ascii_case("json") || it.eq_ignore_ascii_case("info"));
    match kind {
        EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) => true,
        // What went from or came to this name may have been a folder.
        EventKind::Modify(ModifyKind::Name(_)) => is_kept || path.extension().is_none(),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => is_kept,
        EventKind::Access(_) => false,
        _ => is_kept,
    }
}

fn fault(root: &Path, error: notify::Error) -> WatchError {
    let root = root.to_owned();
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => WatchError::TooManyFolders { root },
        notify::ErrorKind::Io(source) => WatchError::Io { root, source },
        _ => WatchError::Io {
            root,
            source: io::Error::other(error),
        },
    }
}

/// More folders than these are not told one by one: all are looked through.
pub const MOST_FOLDERS: usize = 64;
/// Whoever copies a collection does not pause for so long, and nobody waits for longer than this after one file.
const PAUSE: Duration = Duration::from_secs(1);
/// What never pauses is looked at all the same.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Library;
    use crate::layout::Layout;

    fn target(root: &Path) -> Target {
        Target {
            library: Library {
                root: root.to_owned(),
                data_dir: root.join("../data"),
                layout: Layout::default(),
            },
            folders: Vec::new(),
        }
    }

    fn changes(folders: &[&str]) -> Changes {
        Changes {
            root: "/m".into(),
            folders: folders.iter().map(ToString::to_string).collect(),
            heard: Mutex::default(),
            told: Notify::new(),
        }
    }

    fn modified(path: impl Into<PathBuf>) -> Event {
        let kind = EventKind::Modify(ModifyKind::Any);
        Event::new(kind).add_path(path.into())
    }

    // The clock stands while the test waits for the system, and jumps over the pause.
    #[tokio::test(start_paused = true)]
    async fn what_changes_is_told_by_its_folder() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().join("models");
        fs_err::create_dir_all(root.join("loras")).expect("made");
        let watch = Watch::of(&target(&root)).expect("watched");
        fs_err::write(root.join("loras/a.safetensors"), "a").expect("written");
        assert_eq!(watch.next().await.expect("heard"), ["loras"]);
        fs_err::create_dir(root.join("vae")).expect("made");
        // The system may have more to say of the first file.
        while watch.next().await.expect("heard") == ["loras"] {}
    }

    #[test]
    fn what_a_scan_does_not_look_at_is_not_heard() {
        let changes = changes(&[""]);
        for path in [
            "/m/.trash/1/a.safetensors",
            "/m/loras/.a.safetensors.link",
            "/m/loras/a.safetensors.part",
            "/m/loras/a.png",
            "/elsewhere/a.safetensors",
        ] {
            changes.hear(Ok(modified(path)));
        }
        assert!(changes.heard().is_nothing(), "{changes:?}");
    }

    #[test]
    fn only_what_is_watched_is_looked_at() {
        let changes = changes(&["loras/mine"]);
        let gone = EventKind::Remove(RemoveKind::Folder);
        changes.hear(Ok(Event::new(gone).add_path("/m/loras/mine".into())));
        changes.hear(Ok(modified("/m/loras/mine/deep/a.pt")));
        changes.hear(Ok(modified("/m/loras/a.pt")));
        let folders = changes.take().expect("nothing failed");
        assert_eq!(folders, ["loras/mine", "loras/mine/deep"]);
    }

    #[test]
    fn much_at_once_is_everything_and_takes_no_more_memory() {
        let changes = changes(&[""]);
        for number in 0..10_000 {
            changes.hear(Ok(modified(format!("/m/{number}/a.safetensors"))));
        }
        assert!(changes.heard().folders.len() <= MOST_FOLDERS);
        assert_eq!(changes.take().expect("nothing failed"), [""]);
        assert!(changes.heard().is_nothing());
    }
}
