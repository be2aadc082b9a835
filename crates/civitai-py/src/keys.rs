//! The keys that files are encrypted to and opened with.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_library::Library as Place;
use civitai_security::Secret;
use civitai_security::crypt::phrase::Phrase;
use civitai_security::crypt::rotate::{Outcome, Root, Rotation, Successor, Wish};
use civitai_security::crypt::store::{Ask, Key as Known, NewPair, Restored, Store, StoreError};
use civitai_security::crypt::{RsaSize, Share, SlotKind, WrappingKind};
use civitai_security::redact_causes;
use pyo3::prelude::*;
use serde_json::json;

use crate::errors::Failure;
use crate::line::{Key, Rotated, Rows};
use crate::look::{StopOnDrop, blocking};
use crate::site;
use crate::stock::fields;

/// The keys of a data directory, and the passphrase that opens those that are under one.
#[pyclass(frozen, module = "civitai_rs")]
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    data_dir: PathBuf,
    passphrase: Option<Secret>,
}

impl Keys {
    pub(crate) fn at(passphrase: Option<String>, data_dir: Option<PathBuf>) -> PyResult<Self> {
        Ok(Self {
            data_dir: site::data_dir(data_dir)?,
            passphrase: passphrase.map(Secret::new),
        })
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "one of the ways that `twins!` takes"
    )]
    fn keys(&self) -> PyResult<Self> {
        Ok(self.clone())
    }

    pub(crate) fn store(&self) -> Result<Store, StoreError> {
        Store::open(&self.data_dir.join("keys"))
    }

    /// A passphrase is right or wrong at the first attempt.
    pub(crate) fn answer(&self, ask: &Ask) -> Option<Secret> {
        self.passphrase.clone().filter(|_| ask.attempt == 0)
    }

    /// The passphrase for something new.
    fn chosen(&self) -> Result<Secret, Failure> {
        self.passphrase.clone().ok_or_else(|| {
            let problem = "a passphrase is needed: Keys(passphrase)";
            Failure::saying("usage", problem)
        })
    }

    /// Does something with the store beside the runtime.
    async fn with<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Store, &Self) -> Result<T, Failure> + Send + 'static,
    ) -> PyResult<T> {
        let done = blocking(move || work(&mut self.store()?, &self));
        Ok(done.await??)
    }
}

#[pymethods]
impl Keys {
    #[new]
    #[pyo3(signature = (passphrase = None, *, data_dir = None))]
    fn new(passphrase: Option<String>, data_dir: Option<PathBuf>) -> PyResult<Self> {
        Self::at(passphrase, data_dir)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let directory = self.data_dir.clone().into_pyobject(py)?;
        Ok(format!("Keys(data_dir={})", directory.repr()?))
    }
}

twins! { Keys, keys {
    /// Makes a machine key and a master key, where there are none; returns those that were made.
    fn init / init_async [] () -> Rows<Key> = made;

    /// Returns the keys.
    fn list / list_async [] () -> Rows<Key> = listed;

    /// Makes a key: `"machine"`, `"master"`, or a pair, `"rsa"`.
    fn create / create_async [kind, *, name = None, bits = 4096, ml_kem = false]
        (kind: String, name: Option<String>, bits: u32, ml_kem: bool) -> Key = created;

    /// Takes the trust from a key: nothing more is encrypted to it, and it opens what there is.
    fn revoke / revoke_async [id] (id: String) -> Key = revoked;

    /// Deletes the secret of a key, and with it what it alone could open.
    fn destroy / destroy_async [id] (id: String) -> Key = destroyed;

    /// Puts a key under another passphrase, the master key if none is named.
    fn change_passphrase / change_passphrase_async [new, *, id = None]
        (new: String, id: Option<String>) -> Key = put_under;

    /// Returns the public half of a pair, as PEM.
    fn export_public / export_public_async [id] (id: String) -> String = exported;

    /// Takes in a key from PEM: a pair, which is put under the passphrase, or the public half of somebody else's.
    fn import_pem / import_pem_async [pem, *, name = None]
        (pem: String, name: Option<String>) -> Key = imported;

    /// Returns a machine or master key as 24 words, the master key if none is named.
    fn backup / backup_async [id = None] (id: Option<String>) -> String = backed_up;

    /// Brings a machine or master key back from its words.
    fn restore / restore_async [words, *, kind = "master".to_owned()]
        (words: String, kind: String) -> Key = restored;

    /// Puts a new key in the place of an old one, and has the files in the folders follow; goes on with what was
    /// interrupted.
    fn rotate / rotate_async [*folders, id = None]
        (folders: Vec<PathBuf>, id: Option<String>) -> Rotated = rotated;
} }

async fn made(keys: Keys) -> PyResult<Rows<Key>> {
    keys.with(|store, keys| {
        let is_missing = |kind| store.newest(kind).is_err();
        let (machine, master) = (is_missing(SlotKind::Machine), is_missing(SlotKind::Master));
        // Who has no passphrase has made nothing.
        let passphrase = master.then(|| keys.chosen()).transpose()?;
        let mut made = Vec::new();
        if machine {
            made.push(of_key(&store.create_machine()?));
        }
        if let Some(passphrase) = passphrase {
            made.push(of_key(&store.create_master(&passphrase)?));
        }
        Ok(Rows(made))
    })
    .await
}

async fn listed(keys: Keys) -> PyResult<Rows<Key>> {
    keys.with(|store, _| Ok(store.keys().map(|key| of_key(&key)).collect()))
        .await
}

async fn created(
    keys: Keys,
    kind: String,
    name: Option<String>,
    bits: u32,
    ml_kem: bool,
) -> PyResult<Key> {
    keys.with(move |store, keys| {
        let made = match kind.as_str() {
            "machine" => store.create_machine()?,
            "master" => store.create_master(&keys.chosen()?)?,
            "rsa" => store.create_pair(NewPair {
                size: size(bits)?,
                share: if ml_kem {
                    Share::WithMlKem
                } else {
                    Share::RsaOnly
                },
                name,
                passphrase: keys.passphrase.clone(),
            })?,
            _ => return Err(unknown("kind", &kind, "machine, master, rsa")),
        };
        Ok(of_key(&made))
    })
    .await
}

fn size(bits: u32) -> Result<RsaSize, Failure> {
    match bits {
        3072 => Ok(RsaSize::Rsa3072),
        4096 => Ok(RsaSize::Rsa4096),
        _ => Err(unknown("bits", &bits.to_string(), "3072, 4096")),
    }
}

fn unknown(name: &str, given: &str, known: &str) -> Failure {
    Failure::saying("usage", format!("{name}: {given:?} is none of {known}"))
}

async fn revoked(keys: Keys, id: String) -> PyResult<Key> {
    keys.with(move |store, _| {
        let key = named(store, Some(&id))?;
        Ok(of_key(&store.revoke(key.id)?))
    })
    .await
}

async fn destroyed(keys: Keys, id: String) -> PyResult<Key> {
    keys.with(move |store, _| {
        let key = store.find(&id)?;
        Ok(of_key(&store.destroy(key.id)?))
    })
    .await
}

async fn put_under(keys: Keys, new: String, id: Option<String>) -> PyResult<Key> {
    let new = Secret::new(new);
    keys.with(move |store, keys| {
        let key = named(store, id.as_deref())?;
        let mut ask = |ask: &Ask| keys.answer(ask);
        let mut new = || Some(new.clone());
        Ok(of_key(
            &store.change_passphrase(key.id, &mut ask, &mut new)?,
        ))
    })
    .await
}

async fn exported(keys: Keys, id: String) -> PyResult<String> {
    keys.with(move |store, _| {
        let key = store.find(&id)?;
        Ok(store.export_public(key.id)?)
    })
    .await
}

async fn imported(keys: Keys, pem: String, name: Option<String>) -> PyResult<Key> {
    let pem = Secret::new(pem);
    keys.with(move |store, keys| {
        // A public key has nothing to put under a passphrase.
        let is_private = pem.expose().contains("PRIVATE KEY");
        let passphrase = keys.passphrase.as_ref().filter(|_| is_private);
        Ok(of_key(&store.import(&pem, name, passphrase)?.key))
    })
    .await
}

async fn backed_up(keys: Keys, id: Option<String>) -> PyResult<String> {
    keys.with(move |store, keys| {
        let key = named(store, id.as_deref())?;
        let phrase = store.backup_phrase(key.id, &mut |ask| keys.answer(ask))?;
        Ok(phrase.words().expose().to_owned())
    })
    .await
}

async fn restored(keys: Keys, words: String, kind: String) -> PyResult<Key> {
    let words = Secret::new(words);
    keys.with(move |store, keys| {
        let phrase = Phrase::parse(&words).map_err(StoreError::from)?;
        let Restored { key, .. } = match kind.as_str() {
            "machine" => store.restore_phrase(&phrase, WrappingKind::Machine, None)?,
            "master" => {
                let passphrase = keys.chosen()?;
                store.restore_phrase(&phrase, WrappingKind::Master, Some(&passphrase))?
            }
            _ => return Err(unknown("kind", &kind, "machine, master")),
        };
        Ok(of_key(&key))
    })
    .await
}

async fn rotated(keys: Keys, folders: Vec<PathBuf>, id: Option<String>) -> PyResult<Rotated> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let place = Place {
        root: site::library_root(None, &keys.data_dir)?,
        data_dir: keys.data_dir.clone(),
        layout: civitai_library::layout::Layout::default(),
    };
    keys.with(move |store, keys| {
        let mut ask = |ask: &Ask| keys.answer(ask);
        let rotation = begin(store, folders, id.as_deref(), &place, &mut ask)?;
        let (mut follow, mut problems) = (Vec::new(), Vec::new());
        let sum = rotation.run(&mut ask, &mut |path, outcome| {
            match outcome {
                Outcome::Rewrapped | Outcome::Already => follow.push(path.to_owned()),
                Outcome::Failed(error) => {
                    problems.push(format!("{}: {}", path.display(), redact_causes(error)));
                }
                _ => {}
            }
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        // The headers of the files are new; a catalogue that cannot be told reads them again.
        if let Some(mut catalogue) = place.catalogue_if_there()? {
            catalogue.note_rewrapped(&follow)?;
        }
        let line = json!({
            "finished": sum.is_finished,
            "rewrapped": sum.rewrapped,
            "already": sum.already,
            "failed": sum.failed,
            "others": sum.others,
            "problems": problems,
        });
        Ok(Rotated::from(fields(line)))
    })
    .await
}

/// Goes on with what was interrupted, else begins.
fn begin<'a>(
    store: &'a mut Store,
    folders: Vec<PathBuf>,
    id: Option<&str>,
    place: &Place,
    ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
) -> Result<Rotation<'a>, StoreError> {
    let mut roots: Vec<_> = folders.into_iter().map(Root::Tree).collect();
    if let Some(unfinished) = store.unfinished_rotation()? {
        let to = unfinished.to;
        return Rotation::resume(store, roots)?.ok_or(StoreError::Unfinished { to });
    }
    if roots.is_empty() {
        let library = place.root.is_dir().then(|| Root::Tree(place.root.clone()));
        let remembered = store.remembered()?.into_iter().map(Root::Folder);
        roots = library.into_iter().chain(remembered).collect();
    }
    let wish = Wish {
        old: named(store, id)?.id,
        successor: Successor::New,
        roots,
    };
    Rotation::begin(store, &wish, ask)
}

/// The key that is meant by an id, by `machine` or `master`, or by nothing: the master key.
fn named(store: &Store, id: Option<&str>) -> Result<Known, StoreError> {
    match id {
        Some("machine") => store.newest(SlotKind::Machine),
        None | Some("master") => store.newest(SlotKind::Master),
        Some(id) => store.find(id),
    }
}

fn of_key(key: &Known) -> Key {
    Key::from(fields(json!({
        "id": key.id.to_string(),
        "kind": key.kind_word(),
        "state": key.state.word(),
        "created": key.created,
        "name": key.name,
        "place": key.place.word(),
        "bits": key.bits,
    })))
}
