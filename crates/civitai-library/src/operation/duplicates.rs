//! Files that hold the same.

use std::collections::BTreeMap;

use super::{Error, Plan, Step, Verb};
use crate::catalogue::{Entry, Stamp};
use crate::library::Library;

/// How alike files are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Same {
    /// Every byte; the SHA-256 of both, lower case.
    Content(String),
    /// The tensors, under different headers; their digest, lower case.
    Tensors(String),
}

/// Files that hold the same, each with bytes of its own on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// How alike they are.
    pub same: Same,
    /// The files, the one that was there first before the others.
    pub paths: Vec<String>,
    /// What each of them takes.
    pub bytes: u64,
}

/// What a search for duplicates came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicates {
    /// The groups, those of equal content first.
    pub groups: Vec<Duplicate>,
    /// Files that could not be compared because their digests are not known, or not any more.
    pub unknown: usize,
}

impl Library {
    /// Finds duplicates by the digests in the catalogue, reading no file. Names that share their bytes already, by links of
    /// any kind, are none, and neither are encrypted files, whose bytes are all different.
    pub fn duplicates(&self) -> Result<Duplicates, Error> {
        let Some(catalogue) = self.catalogue_if_there()? else {
            return Ok(Duplicates::default());
        };
        let mut found = Duplicates::default();
        let mut known = Vec::new();
        for entry in catalogue.entries()? {
            if entry.missing.is_some() || entry.is_sealed() {
                continue;
            }
            let now = fs_err::metadata(self.root.join(&entry.path));
            let is_same = now.is_ok_and(|now| entry.stamp.is_same(&Stamp::of(&now)));
            if is_same && entry.digests.is_some() {
                known.push(entry);
            } else {
                found.unknown += 1;
            }
        }
        known.sort_by(|a, b| (a.added, &a.path).cmp(&(b.added, &b.path)));
        let content = |entry: &Entry| {
            let sha256 = entry.digests.as_ref()?.sha256?;
            Some(sha256.to_string())
        };
        let tensors = |entry: &Entry| {
            let auto_v3 = entry.digests.as_ref()?.auto_v3?;
            Some(auto_v3.to_string())
        };
        found.groups = groups(known.iter(), content, Same::Content);
        // Files of equal content have equal tensors; one of each is enough.
        let mut firsts: Vec<&Entry> = Vec::new();
        for entry in &known {
            let digest = content(entry);
            if !firsts.iter().any(|first| content(first) == digest) {
                firsts.push(entry);
            }
        }
        let alike = groups(firsts.into_iter(), tensors, Same::Tensors);
        found.groups.extend(alike);
        Ok(found)
    }

    /// Plans to let files of equal content share it. Which bytes they have is compared once more when it is carried out.
    pub fn plan_share(&self, duplicates: &Duplicates) -> Plan {
        let mut plan = Plan::new(Verb::Duplicates);
        for group in &duplicates.groups {
            let (Same::Content(_), [first, others @ ..]) = (&group.same, group.paths.as_slice())
            else {
                continue;
            };
            for other in others {
                plan.paths.push(other.clone());
                plan.steps.push(Step::Share {
                    path: other.clone(),
                    with: first.clone(),
                });
            }
        }
        plan
    }
}

fn groups<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    digest: impl Fn(&Entry) -> Option<String>,
    same: impl Fn(String) -> Same,
) -> Vec<Duplicate> {
    let mut groups: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let Some(digest) = digest(entry) else {
            continue;
        };
        let group = groups.entry(digest).or_default();
        let file = |entry: &Entry| (entry.stamp.device, entry.stamp.inode);
        if group.iter().all(|known| file(known) != file(entry)) {
            group.push(entry);
        }
    }
    groups
        .into_iter()
        .filter(|(_, group)| group.len() > 1)
        .map(|(digest, group)| Duplicate {
            same: same(digest),
            bytes: group[0].stamp.bytes,
            paths: group.into_iter().map(|entry| entry.path.clone()).collect(),
        })
        .collect()
}
