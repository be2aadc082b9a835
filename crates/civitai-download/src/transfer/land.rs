//! From the last byte to the final name: compared with the promises, judged, flushed, renamed and recorded.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Transfer;
use crate::commit::{Commit, Step};
use crate::connection::blocking;
use crate::digest::Digests;
use crate::disk;
use crate::error::{Error, ErrorKind};
use crate::part::Part;
use crate::quarantine::Reason;
use crate::response::sniff;
use crate::seal;
use crate::verify::{Mismatch, Verified, Warning};

impl Transfer {
    /// Compares with the promises, and asks the judge.
    pub(super) async fn verify(
        self: &Arc<Self>,
        part: &Arc<Part>,
        digests: &Digests,
    ) -> Result<Vec<Warning>, Error> {
        let checked = self.target.expected.check(digests);
        let is_proved = self.target.expected.proof() != Verified::None;
        let warnings = match checked {
            Ok(warnings) if is_proved && self.judge.is_none() => warnings,
            checked => {
                let (this, part) = (Arc::clone(self), Arc::clone(part));
                let digests = digests.clone();
                blocking(move || this.examine(&part, &digests, checked)).await?
            }
        };
        for warning in &warnings {
            tracing::warn!(path = %self.target.path.display(), %warning, "a promise about the file does not hold");
        }
        Ok(warnings)
    }

    /// What takes more than comparing: quarantine, a look inside, and the judge. Blocks.
    fn examine(
        &self,
        part: &Part,
        digests: &Digests,
        checked: Result<Vec<Warning>, Mismatch>,
    ) -> Result<Vec<Warning>, Error> {
        let commit = self.commit();
        let warnings = match checked {
            Ok(warnings) => warnings,
            Err(mismatch) => {
                let reason = Reason::Integrity {
                    algorithm: mismatch.algorithm.to_owned(),
                    expected: mismatch.expected.clone(),
                    got: mismatch.got.clone(),
                };
                let quarantined = commit.quarantine(part, digests, reason)?;
                return Err(ErrorKind::Integrity {
                    mismatch,
                    quarantined,
                }
                .into());
            }
        };
        if self.target.expected.proof() == Verified::None {
            self.sniff(part, digests, &commit)?;
        }
        commit.judge(part, digests)?;
        Ok(warnings)
    }

    /// Gives the file its name and has it recorded. Done means: on the disk, under its name.
    pub(super) async fn land(
        self: &Arc<Self>,
        part: Arc<Part>,
        digests: &Digests,
        cancel: CancellationToken,
    ) -> Result<(), Error> {
        if self.sealed.is_some() {
            let (this, digests) = (Arc::clone(self), digests.clone());
            return blocking(move || this.land_sealed(&part, &digests, &cancel)).await;
        }
        let target = self.target.path.clone();
        if self.record.is_none() {
            let step = Step::NameAndForget(self.existing);
            return self.commits.commit(part, target, step).await;
        }
        let step = Step::Name(self.existing);
        self.commits
            .commit(Arc::clone(&part), target.clone(), step)
            .await?;
        let (this, digests) = (Arc::clone(self), digests.clone());
        blocking(move || this.commit().record(&digests)).await?;
        self.commits.commit(part, target, Step::Forget).await
    }

    /// Gives what is made of the file its name, has it recorded, and only then takes the bytes of the file away. Blocks.
    fn land_sealed(
        &self,
        part: &Part,
        digests: &Digests,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let Some(sealed) = &self.sealed else {
            return Ok(());
        };
        let commit = self.commit();
        let candidate = commit.candidate(part, digests);
        seal::put(
            &*sealed.seal,
            &candidate,
            &sealed.place,
            self.existing,
            cancel,
        )?;
        commit.record(digests)?;
        disk::remove_if_there(part.path())?;
        commit.forget(part.journal())
    }

    /// The last defence of a file that nothing vouches for.
    fn sniff(&self, part: &Part, digests: &Digests, commit: &Commit<'_>) -> Result<(), Error> {
        let mut head = Vec::new();
        part.read(0..digests.bytes.min(HEAD_LEN), &mut head)?;
        let Err(page) = sniff(&head, &self.target.path) else {
            return Ok(());
        };
        let quarantined = commit.quarantine(
            part,
            digests,
            Reason::Refused {
                reason: page.to_string(),
            },
        )?;
        Err(ErrorKind::Refused {
            quarantined: Some(quarantined),
            source: page.to_string().into(),
        }
        .into())
    }
}

const HEAD_LEN: u64 = 4096;
