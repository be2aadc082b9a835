//! One key takes the place of another.

use super::record::Record;
use super::unlock::is_pair;
use super::{Ask, Hold, State, Store, StoreError};
use crate::Secret;
use crate::crypt::{
    KeyId, PrivateKey, Recipient, RsaSize, Share, SlotKind, Unlocked, WrappingKind,
};

/// The key that takes another's place.
#[derive(Debug)]
pub(in crate::crypt) enum Heir {
    /// It is in the store.
    Known(KeyId),
    /// It was drawn and is nowhere yet.
    Drawn(Box<Record>),
}

impl Heir {
    pub(in crate::crypt) fn id(&self) -> KeyId {
        match self {
            Self::Known(id) => *id,
            Self::Drawn(record) => record.id,
        }
    }
}

impl Store {
    /// The active key that took the place of `old`.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] for pairs: several are active, none in the place of another.
    pub(in crate::crypt) fn active_heir(&self, old: KeyId) -> Result<Heir, StoreError> {
        let kind = self.record(old)?.kind;
        if is_pair(kind) {
            return Err(StoreError::WrongKind { id: old });
        }
        let active = self.active(kind).ok_or(StoreError::NoKey { kind })?;
        Ok(Heir::Known(active.id))
    }

    /// Draws a key like `old`, under the passphrase that opens that.
    pub(in crate::crypt) fn draw_heir(
        &self,
        old: KeyId,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Heir, StoreError> {
        let old = self.record(old)?;
        // The last answer is the one that opened it.
        let mut passphrase = None;
        let secret = self.open_secret(old, &mut |question| {
            passphrase = ask(question);
            passphrase.clone()
        })?;
        let passphrase = passphrase.as_ref();
        let mut record = match old.kind {
            SlotKind::Machine => self.drawn(WrappingKind::Machine, None)?,
            SlotKind::Master => self.drawn(WrappingKind::Master, passphrase)?,
            SlotKind::Rsa | SlotKind::RsaMlKem => {
                let bits = old.private_key(&secret).map(|key| key.public().bits());
                let size = match bits.ok_or(StoreError::Refused)? {
                    ..=3072 => RsaSize::Rsa3072,
                    _ => RsaSize::Rsa4096,
                };
                let share = match old.kind {
                    SlotKind::RsaMlKem => Share::WithMlKem,
                    _ => Share::RsaOnly,
                };
                let private = PrivateKey::generate(size, share);
                let private = private.map_err(|_| StoreError::NoResources)?;
                self.pair(&private, passphrase)?
            }
        };
        record.name.clone_from(&old.name);
        Ok(Heir::Drawn(Box::new(record)))
    }

    /// The keys that `heir` takes the place of when it takes that of `old`: of machine and master keys all earlier ones,
    /// because files may have been away when those were replaced.
    pub(in crate::crypt) fn predecessors(&self, old: KeyId, heir: &Heir) -> Vec<KeyId> {
        let kind = self.record(old).ok().map(|record| record.kind);
        let is_one = |record: &&Record| {
            let is_like = !is_pair(record.kind) && Some(record.kind) == kind;
            record.id != heir.id() && record.secret.is_some() && (record.id == old || is_like)
        };
        let mut ids: Vec<KeyId> = self
            .records
            .iter()
            .filter(is_one)
            .map(|record| record.id)
            .collect();
        // What is likeliest to be needed is opened first.
        ids.reverse();
        ids
    }

    /// Takes a drawn key into the store.
    pub(in crate::crypt) fn enthrone(&mut self, hold: &Hold, heir: Heir) -> Result<(), StoreError> {
        match heir {
            Heir::Known(_) => Ok(()),
            Heir::Drawn(record) => self.put(hold, *record).map(drop),
        }
    }

    /// Sets active keys to decrypt only.
    pub(in crate::crypt) fn retire(
        &mut self,
        hold: &Hold,
        ids: &[KeyId],
    ) -> Result<(), StoreError> {
        for id in ids {
            let record = self.record(*id)?;
            if record.state == State::Active {
                let mut record = record.clone();
                record.state = State::DecryptOnly;
                self.put(hold, record)?;
            }
        }
        Ok(())
    }

    /// A key as one that files are written to; a machine or master key is opened for that, and put with the others.
    pub(in crate::crypt) fn recipient(
        &self,
        id: KeyId,
        unlocked: &mut Unlocked,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Recipient, StoreError> {
        let record = self.record(id)?;
        if let Some(public) = record.public() {
            return Ok(Recipient::Public(public));
        }
        let key = self.open_symmetric(record, ask)?;
        unlocked.symmetric.push(key.clone());
        Ok(Recipient::Symmetric(key))
    }
}
