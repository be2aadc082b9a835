//! The keys that are open while a rotation runs, and the passphrases that opened them.

use std::collections::BTreeSet;

use super::journal::Journal;
use crate::Secret;
use crate::crypt::store::{Ask, Store, StoreError};
use crate::crypt::{KeyId, Peek, Recipient, SlotKind, Unlocked, WrappingKey};

/// The keys that are open.
#[derive(Debug)]
pub(super) struct Ring {
    to: Recipient,
    unlocked: Unlocked,
    opened: BTreeSet<KeyId>,
    /// Keys nobody could open: nobody is asked a second time.
    closed: BTreeSet<KeyId>,
}

impl Ring {
    /// Opens the new key, as far as writing to it needs that, and the old ones.
    ///
    /// # Errors
    /// When none of the old ones can be opened. That some cannot shows with the files that need them.
    pub(super) fn open(
        store: &Store,
        journal: &Journal,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Self, StoreError> {
        let mut unlocked = Unlocked::default();
        let to = store.recipient(journal.to, &mut unlocked, ask)?;
        let mut ring = Self {
            to,
            opened: unlocked.symmetric.iter().map(WrappingKey::id).collect(),
            unlocked,
            closed: BTreeSet::new(),
        };
        let opened = journal.from.iter().map(|id| ring.add(store, *id, ask));
        let opened: Vec<_> = opened.collect();
        let none = opened.iter().all(Result::is_err);
        match opened.into_iter().find_map(Result::err) {
            Some(error) if none => Err(error),
            _ => Ok(ring),
        }
    }

    pub(super) fn to(&self) -> &Recipient {
        &self.to
    }

    pub(super) fn unlocked(&self) -> &Unlocked {
        &self.unlocked
    }

    /// Opens what a file needs besides: a file of the highest level opens only with both its custodians.
    pub(super) fn complete(
        &mut self,
        store: &Store,
        seen: &Peek,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        for kinds in CUSTODIANS {
            let slots = seen.slots.iter().filter(|(kind, _)| kinds.contains(kind));
            let named: Vec<KeyId> = slots.map(|(_, id)| *id).collect();
            let is_open = named.iter().any(|id| self.opened.contains(id));
            if !named.is_empty() && !is_open {
                self.add_one(store, &named, kinds[0], ask)?;
            }
        }
        Ok(())
    }

    fn add_one(
        &mut self,
        store: &Store,
        named: &[KeyId],
        kind: SlotKind,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        let mut why = StoreError::NoKey { kind };
        for id in named {
            match self.add(store, *id, ask) {
                Ok(()) => return Ok(()),
                Err(StoreError::Unknown { .. }) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn add(
        &mut self,
        store: &Store,
        id: KeyId,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<(), StoreError> {
        if self.opened.contains(&id) {
            return Ok(());
        }
        if self.closed.contains(&id) {
            return Err(StoreError::NoPassphrase { id });
        }
        let added = store.open_key(id, &mut self.unlocked, ask);
        let with = match &added {
            Ok(()) => &mut self.opened,
            Err(_) => &mut self.closed,
        };
        with.insert(id);
        added
    }
}

/// Passphrases that were given: one that opened a key may open the next.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: Vec<Secret>,
    /// Those for the key that is being opened.
    fresh: Vec<Secret>,
}

impl Answers {
    /// Answers with what is known, then with what `ask` has.
    pub(super) fn answer(
        &mut self,
        question: &Ask,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Option<Secret> {
        if question.attempt == 0 {
            self.known.append(&mut self.fresh);
        }
        let attempt = usize::try_from(question.attempt).ok()?;
        if let Some(known) = self.known.get(attempt) {
            return Some(known.clone());
        }
        // Whoever is asked has been asked less often than the key was tried.
        let mut question = question.clone();
        question.attempt = u32::try_from(attempt - self.known.len()).ok()?;
        let answer = ask(&question)?;
        self.fresh.push(answer.clone());
        Some(answer)
    }
}

/// Those of whom one each is needed.
const CUSTODIANS: [&[SlotKind]; 3] = [
    &[SlotKind::Machine],
    &[SlotKind::Master],
    &[SlotKind::Rsa, SlotKind::RsaMlKem],
];
