//! Everything that changes which keys there are.

use std::path::Path;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::record::{self, Kept, Record};
use super::seal::Sealed;
use super::unlock::is_pair;
use super::{Ask, Event, Hold, Key, State, Store, StoreError, disk, hex, pem};
use crate::Secret;
use crate::crypt::phrase::Phrase;
use crate::crypt::{KeyId, PrivateKey, PublicKey, RsaSize, Share, SlotKind, WrappingKind};

/// A pair that is to be drawn.
#[derive(Debug)]
pub struct NewPair {
    /// How long its RSA modulus is.
    pub size: RsaSize,
    /// Whether it has a share of ML-KEM-768, too.
    pub share: Share,
    /// Whose it is.
    pub name: Option<String>,
    /// What its private half is put under; `None` leaves it to whoever can read its file.
    pub passphrase: Option<Secret>,
}

/// What came of bringing a key back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restored {
    /// The key, as it is now.
    pub key: Key,
    /// Whether the store knew it before.
    pub was_known: bool,
}

impl Store {
    /// Draws the machine key and keeps it in the vault, or without one in a file.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is an active one: a rotation puts another in its place.
    pub fn create_machine(&mut self) -> Result<Key, StoreError> {
        self.create_symmetric(WrappingKind::Machine, None)
    }

    /// Draws the master key and puts it under a passphrase.
    ///
    /// # Errors
    /// As [`create_machine`](Self::create_machine).
    pub fn create_master(&mut self, passphrase: &Secret) -> Result<Key, StoreError> {
        self.create_symmetric(WrappingKind::Master, Some(passphrase))
    }

    fn create_symmetric(
        &mut self,
        kind: WrappingKind,
        passphrase: Option<&Secret>,
    ) -> Result<Key, StoreError> {
        let hold = self.hold()?;
        if let Some(record) = self.active(kind.into()) {
            let (id, kind) = (record.id, record.kind);
            return Err(StoreError::Exists { id, kind });
        }
        let record = self.drawn(kind, passphrase)?;
        self.log(&hold, Event::Created, record.id, None)?;
        self.put(&hold, record)
    }

    /// Draws a pair. Every active pair can open what is encrypted from now on at the levels that use pairs.
    pub fn create_pair(&mut self, new: NewPair) -> Result<Key, StoreError> {
        let private = PrivateKey::generate(new.size, new.share);
        let private = private.map_err(|_| StoreError::NoResources)?;
        let hold = self.hold()?;
        self.log(&hold, Event::Created, private.id(), None)?;
        let mut record = self.pair(&private, new.passphrase.as_ref())?;
        record.name = new.name;
        self.put(&hold, record)
    }

    /// Takes over a public key (PEM: an RSA key, after it where there is one an ML-KEM-768 key), or a private RSA key, which
    /// is put under `passphrase`.
    ///
    /// What is known already stays as it is, but for a private half that was not here.
    ///
    /// # Errors
    /// [`StoreError::BadPem`] for everything else.
    pub fn import(
        &mut self,
        text: &Secret,
        name: Option<String>,
        passphrase: Option<&Secret>,
    ) -> Result<Restored, StoreError> {
        let taken = pem::read(text)?;
        let hold = self.hold()?;
        let id = match &taken {
            pem::Taken::Public(public) => public.id(),
            pem::Taken::Private(private) => private.id(),
        };
        let known = self.record(id).ok().cloned();
        let brings_nothing =
            |known: &Record| known.secret.is_some() || matches!(taken, pem::Taken::Public(_));
        if let Some(known) = known.as_ref().filter(|known| brings_nothing(known)) {
            return Ok(Restored {
                key: known.key(),
                was_known: true,
            });
        }
        self.log(&hold, Event::Imported, id, None)?;
        let mut record = match &taken {
            pem::Taken::Public(public) => {
                Record::new(id, kind_of(public), None).with_public(public)
            }
            pem::Taken::Private(private) => self.pair(private, passphrase)?,
        };
        record.name = name;
        self.bring(&hold, record, known)
    }

    /// The public half of a pair, in PEM.
    pub fn export_public(&self, id: KeyId) -> Result<String, StoreError> {
        let record = self.record(id)?;
        let public = record.public().ok_or(StoreError::NoKey {
            kind: SlotKind::Rsa,
        })?;
        Ok(pem::write(&public))
    }

    /// Lets a key encrypt nothing any more; it still opens what it opened.
    pub fn revoke(&mut self, id: KeyId) -> Result<Key, StoreError> {
        let hold = self.hold()?;
        let mut record = self.record(id)?.clone();
        match record.state {
            State::Destroyed => {
                return Err(StoreError::WrongState {
                    id,
                    state: record.state,
                });
            }
            State::Revoked => return Ok(record.key()),
            State::Active | State::DecryptOnly => {}
        }
        self.log(&hold, Event::Revoked, id, None)?;
        record.state = State::Revoked;
        self.put(&hold, record)
    }

    /// Takes the secret of a key away for good. What no other key opens is lost with it, unless its phrase was written down.
    ///
    /// # Errors
    /// [`StoreError::Unfinished`] while a rotation from or to the key is not finished.
    pub fn destroy(&mut self, id: KeyId) -> Result<Key, StoreError> {
        let hold = self.hold()?;
        let mut record = self.record(id)?.clone();
        if record.state == State::Destroyed {
            return Ok(record.key());
        }
        if let Some(to) = self.rotation_with(id)? {
            return Err(StoreError::Unfinished { to });
        }
        self.log(&hold, Event::Destroyed, id, None)?;
        let was_in_keyring = matches!(record.secret, Some(Kept::Keyring));
        record.state = State::Destroyed;
        record.secret = None;
        let key = self.put(&hold, record)?;
        if let Some(vault) = self.vault.as_ref().filter(|_| was_in_keyring) {
            vault.delete(id);
        }
        Ok(key)
    }

    /// Puts the secret of a key under another passphrase, for which `new` is asked once the old one has opened it.
    pub fn change_passphrase(
        &mut self,
        id: KeyId,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
        new: &mut dyn FnMut() -> Option<Secret>,
    ) -> Result<Key, StoreError> {
        let hold = self.hold()?;
        let mut record = self.record(id)?.clone();
        if record.kind == SlotKind::Machine {
            return Err(StoreError::WrongKind { id });
        }
        let secret = self.open_secret(&record, ask)?;
        let new = new().ok_or(StoreError::NoPassphrase { id })?;
        let sealed = self.seal(&secret, &new)?;
        self.log(&hold, Event::PassphraseChanged, id, None)?;
        record.secret = Some(Kept::Sealed(sealed));
        self.put(&hold, record)
    }

    /// A machine or master key as words.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] for a pair, which is too long for words: see [`backup_file`](Self::backup_file).
    pub fn backup_phrase(
        &self,
        id: KeyId,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Phrase, StoreError> {
        let hold = disk::hold(&self.directory)?;
        let record = self.record(id)?;
        if is_pair(record.kind) {
            return Err(StoreError::WrongKind { id });
        }
        let key = self.open_symmetric(record, ask)?;
        self.log(&hold, Event::BackedUp, id, None)?;
        Ok(Phrase::of_key(key.expose()))
    }

    /// A key under its passphrase, as the bytes of a file that [`restore_file`](Self::restore_file) takes back.
    ///
    /// # Errors
    /// [`StoreError::NoPassphrase`] for a key that is under none.
    pub fn backup_file(&self, id: KeyId) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let hold = disk::hold(&self.directory)?;
        let record = self.record(id)?;
        match &record.secret {
            Some(Kept::Sealed(_)) => {}
            Some(Kept::Open(_) | Kept::Keyring) => return Err(StoreError::NoPassphrase { id }),
            None => return Err(StoreError::NoKey { kind: record.kind }),
        }
        self.log(&hold, Event::BackedUp, id, None)?;
        Ok(record.to_json())
    }

    /// Brings a machine or master key back from its words; a master key is put under `passphrase`.
    ///
    /// It is active if nothing of its kind is, else it only decrypts. A key that the store has keeps its state, or is
    /// brought back to decrypting if it was destroyed.
    pub fn restore_phrase(
        &mut self,
        phrase: &Phrase,
        kind: WrappingKind,
        passphrase: Option<&Secret>,
    ) -> Result<Restored, StoreError> {
        let id = record::id_of(kind, phrase.key());
        let hold = self.hold()?;
        self.log(&hold, Event::Restored, id, None)?;
        let kept = self.keep(id, kind, phrase.key(), passphrase)?;
        let known = self.record(id).ok().cloned();
        self.bring(&hold, Record::new(id, kind.into(), Some(kept)), known)
    }

    /// Brings a key back from the file of [`backup_file`](Self::backup_file), under the passphrase it was under.
    pub fn restore_file(
        &mut self,
        bytes: &[u8],
        path: &Path,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Restored, StoreError> {
        let record = Record::parse(bytes, path)?;
        if !matches!(record.secret, Some(Kept::Sealed(_))) {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
            });
        }
        // Opened once, to be sure that it will open when it is needed.
        let secret = self.open_secret(&record, ask)?;
        let fits = record.wrapping_key(&secret).is_some() || record.private_key(&secret).is_some();
        if !fits {
            return Err(StoreError::Refused);
        }
        let hold = self.hold()?;
        self.log(&hold, Event::Restored, record.id, None)?;
        let known = self.record(record.id).ok().cloned();
        self.bring(&hold, record, known)
    }

    /// Puts a key that comes back beside, or in the place of, what is known of it.
    fn bring(
        &mut self,
        hold: &Hold,
        mut record: Record,
        known: Option<Record>,
    ) -> Result<Restored, StoreError> {
        let was_known = known.is_some();
        if let Some(known) = known {
            record.state = match known.state {
                State::Destroyed => State::DecryptOnly,
                state => state,
            };
            record.created = known.created;
            record.name = record.name.or(known.name);
        } else if record.state == State::Active
            && !is_pair(record.kind)
            && self.active(record.kind).is_some()
        {
            record.state = State::DecryptOnly;
        }
        let key = self.put(hold, record)?;
        Ok(Restored { key, was_known })
    }

    /// A machine or master key that was not there before.
    pub(super) fn drawn(
        &self,
        kind: WrappingKind,
        passphrase: Option<&Secret>,
    ) -> Result<Record, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).map_err(|_| StoreError::NoResources)?;
        let id = record::id_of(kind, &key);
        let kept = self.keep(id, kind, &key, passphrase)?;
        Ok(Record::new(id, kind.into(), Some(kept)))
    }

    pub(super) fn pair(
        &self,
        private: &PrivateKey,
        passphrase: Option<&Secret>,
    ) -> Result<Record, StoreError> {
        let secret = record::pack(private)?;
        let kept = match passphrase {
            Some(passphrase) => Kept::Sealed(self.seal(&secret, passphrase)?),
            None => Kept::Open(secret),
        };
        let public = private.public();
        Ok(Record::new(public.id(), kind_of(public), Some(kept)).with_public(public))
    }

    /// Finds a place for a machine or master key.
    fn keep(
        &self,
        id: KeyId,
        kind: WrappingKind,
        key: &[u8; 32],
        passphrase: Option<&Secret>,
    ) -> Result<Kept, StoreError> {
        match (kind, passphrase) {
            (WrappingKind::Master, None) => Err(StoreError::NoPassphrase { id }),
            (WrappingKind::Master, Some(passphrase)) => {
                Ok(Kept::Sealed(self.seal(key, passphrase)?))
            }
            (WrappingKind::Machine, _) => {
                let text = Secret::new(hex::text(key));
                let is_in_vault = self
                    .vault
                    .as_ref()
                    .is_some_and(|vault| vault.write(id, &text));
                Ok(if is_in_vault {
                    Kept::Keyring
                } else {
                    Kept::Open(Zeroizing::new(key.to_vec()))
                })
            }
        }
    }

    fn seal(&self, secret: &[u8], passphrase: &Secret) -> Result<Sealed, StoreError> {
        Sealed::new(secret, passphrase, self.cost).map_err(|_| StoreError::NoResources)
    }

    /// Takes the right to change the store, and looks again at what is in it.
    pub(in crate::crypt) fn hold(&mut self) -> Result<Hold, StoreError> {
        let hold = disk::hold(&self.directory)?;
        self.read()?;
        Ok(hold)
    }

    pub(super) fn put(&mut self, _hold: &Hold, record: Record) -> Result<Key, StoreError> {
        disk::replace(&self.path_of(record.id), &record.to_json())?;
        let key = record.key();
        self.records.retain(|other| other.id != record.id);
        self.records.push(record);
        self.records
            .sort_by_key(|record| (record.created, record.id));
        Ok(key)
    }
}

/// The kind of slots that a pair makes.
fn kind_of(public: &PublicKey) -> SlotKind {
    match public.mlkem() {
        Some(_) => SlotKind::RsaMlKem,
        None => SlotKind::Rsa,
    }
}
