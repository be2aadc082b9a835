//! Opening keys: for writing files to them, and for reading files that were written to them.

use zeroize::Zeroizing;

use super::record::{Kept, Record};
use super::{Key, State, Store, StoreError, hex};
use crate::Secret;
use crate::crypt::{KeyId, Level, PrivateKey, Recipient, SlotKind, Unlocked, WrappingKey};

/// A passphrase is needed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask {
    /// The key it opens.
    pub key: Key,
    /// How many answers were wrong before this one.
    pub attempt: u32,
}

impl Store {
    /// The active keys a file of this level is encrypted to: the machine key, the master key, every pair; a file of the
    /// highest level to the master key and to every pair.
    ///
    /// `ask` is called for the passphrase of the master key, again while the answer is wrong, until it has none.
    ///
    /// # Errors
    /// [`StoreError::NoKey`] when no active key is of a kind that is needed.
    pub fn recipients(
        &self,
        level: Level,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Vec<Recipient>, StoreError> {
        let needs = match level {
            Level::Basic => &[SlotKind::Machine][..],
            Level::Standard => &[SlotKind::Master],
            Level::High => &[SlotKind::Rsa],
            // What is missing is found before anybody is asked.
            Level::Maximum => &[SlotKind::Rsa, SlotKind::Master],
        };
        let mut recipients = Vec::new();
        for kind in needs.iter().copied() {
            if is_pair(kind) {
                recipients.extend(self.public_recipients()?);
            } else {
                let record = self.active(kind).ok_or(StoreError::NoKey { kind })?;
                recipients.push(Recipient::Symmetric(self.open_symmetric(record, ask)?));
            }
        }
        Ok(recipients)
    }

    fn public_recipients(&self) -> Result<Vec<Recipient>, StoreError> {
        let active = self.records.iter();
        let active = active.filter(|record| record.state == State::Active);
        let public: Vec<_> = active
            .filter_map(|record| record.public().map(Recipient::Public))
            .collect();
        if public.is_empty() {
            return Err(StoreError::NoKey {
                kind: SlotKind::Rsa,
            });
        }
        Ok(public)
    }

    /// Opens, of the keys a file was encrypted to, one of each kind that it needs: what asks nobody first.
    ///
    /// # Errors
    /// [`StoreError::NoKey`] when the store has no key of a kind with its secret, [`StoreError::Refused`] when it has some
    /// and none is the file's, and when no answer was the passphrase.
    pub fn unlock(
        &self,
        slots: &[(SlotKind, KeyId)],
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Unlocked, StoreError> {
        let mut unlocked = Unlocked::default();
        for needed in [SlotKind::Machine, SlotKind::Master, SlotKind::Rsa] {
            let of_kind = |kind: SlotKind| kind == needed || is_pair(kind) && is_pair(needed);
            let named: Vec<KeyId> = slots
                .iter()
                .filter(|(kind, _)| of_kind(*kind))
                .map(|(_, id)| *id)
                .collect();
            if named.is_empty() {
                continue;
            }
            let owned = |record: &&Record| of_kind(record.kind) && record.secret.is_some();
            let mut owned = self.records.iter().filter(owned).peekable();
            if owned.peek().is_none() {
                self.refuse_unreadable(&named)?;
                return Err(StoreError::NoKey { kind: needed });
            }
            let mut fitting: Vec<_> = owned.filter(|record| named.contains(&record.id)).collect();
            if fitting.is_empty() {
                self.refuse_unreadable(&named)?;
            }
            fitting.sort_by_key(|record| matches!(record.secret, Some(Kept::Sealed(_))));
            self.open_one(&fitting, &mut unlocked, ask)?;
        }
        Ok(unlocked)
    }

    /// The file that should hold a key says more than that there is none.
    fn refuse_unreadable(&self, named: &[KeyId]) -> Result<(), StoreError> {
        for id in named {
            let path = self.path_of(*id);
            for error in &self.unreadable {
                match error {
                    StoreError::FutureVersion { path: at, version } if *at == path => {
                        let version = *version;
                        return Err(StoreError::FutureVersion { path, version });
                    }
                    StoreError::Damaged { path: at } if *at == path => {
                        return Err(StoreError::Damaged { path });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn open_one(
        &self,
        fitting: &[&Record],
        unlocked: &mut Unlocked,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        let mut why = StoreError::Refused;
        for record in fitting {
            match self.open_into(record, unlocked, ask) {
                Ok(()) => return Ok(()),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// Opens a key and puts it with the others.
    pub(in crate::crypt) fn open_key(
        &self,
        id: KeyId,
        unlocked: &mut Unlocked,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        self.open_into(self.record(id)?, unlocked, ask)
    }

    fn open_into(
        &self,
        record: &Record,
        unlocked: &mut Unlocked,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        if is_pair(record.kind) {
            unlocked.private.push(self.open_private(record, ask)?);
        } else {
            unlocked.symmetric.push(self.open_symmetric(record, ask)?);
        }
        Ok(())
    }

    pub(super) fn open_symmetric(
        &self,
        record: &Record,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<WrappingKey, StoreError> {
        let secret = self.open_secret(record, ask)?;
        record.wrapping_key(&secret).ok_or(StoreError::Refused)
    }

    fn open_private(
        &self,
        record: &Record,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<PrivateKey, StoreError> {
        let secret = self.open_secret(record, ask)?;
        record.private_key(&secret).ok_or(StoreError::Refused)
    }

    /// The bytes of a secret, from wherever they are.
    pub(super) fn open_secret(
        &self,
        record: &Record,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let none = || StoreError::NoKey { kind: record.kind };
        let sealed = match record.secret.as_ref().ok_or_else(none)? {
            Kept::Open(secret) => return Ok(secret.clone()),
            Kept::Keyring => {
                let vault = self.vault.as_ref().ok_or_else(none)?;
                let text = vault.read(record.id).ok_or_else(none)?;
                let bytes = hex::bytes(text.expose()).ok_or(StoreError::Refused)?;
                return Ok(Zeroizing::new(bytes));
            }
            Kept::Sealed(sealed) => sealed,
        };
        for attempt in 0.. {
            let key = record.key();
            let Some(passphrase) = ask(&Ask { key, attempt }) else {
                return Err(match attempt {
                    0 => StoreError::NoPassphrase { id: record.id },
                    _ => StoreError::Refused,
                });
            };
            if let Ok(secret) = sealed.open(&passphrase) {
                return Ok(secret);
            }
        }
        Err(StoreError::Refused)
    }
}

/// Whether it is a pair, of RSA alone or with its second share.
pub(super) fn is_pair(kind: SlotKind) -> bool {
    matches!(kind, SlotKind::Rsa | SlotKind::RsaMlKem)
}
