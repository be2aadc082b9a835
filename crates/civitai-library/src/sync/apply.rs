//! What a sync does to the disk, apart from fetching.

use std::collections::HashMap;

use super::{Plan, Step, Sync, SyncError};
use crate::catalogue::{Catalogue, Placed, Stamp};
use crate::lock::Locked;
use crate::operation::{self, Done, Verb};

impl Sync<'_> {
    /// Writes down what is about to be placed, takes note of what is there, moves what moves, and puts into the trash what
    /// goes: operations that can be undone. What is replaced stays in its place until the new file comes. Blocks.
    pub fn prepare(&self, catalogue: &mut Catalogue, plan: &Plan) -> Result<Vec<Done>, SyncError> {
        self.note(catalogue, plan)?;
        catalogue.note_locked(plan.files())?;
        let moved = self.shift(catalogue, plan)?;
        let mut gone = plan.forgotten.clone();
        let mut farewell = operation::Plan::new(Verb::Sync);
        for step in &plan.steps {
            match step {
                Step::Move { from, .. } => gone.push(from.to_string()),
                Step::Replace { file } => {
                    self.absolute(&file.path)?;
                    let path = file.path.to_string();
                    farewell.paths.push(path.clone());
                    farewell.steps.push(operation::Step::Keep { path });
                }
                Step::Trash { path } => {
                    self.absolute(path)?;
                    let path = path.to_string();
                    farewell.paths.push(path.clone());
                    gone.push(path.clone());
                    farewell.steps.push(operation::Step::Discard { path });
                }
                Step::Adopt { .. } | Step::Blocked { .. } | Step::Fetch { .. } => {}
            }
        }
        let left = self.carry_out(&farewell)?;
        if !gone.is_empty() {
            catalogue.forget_placed(self.project, &gone)?;
        }
        Ok(moved.into_iter().chain(left).collect())
    }

    /// Moves what the lock names by another path now. What stands beside it is not of the lock, and stays.
    fn shift(&self, catalogue: &mut Catalogue, plan: &Plan) -> Result<Option<Done>, SyncError> {
        let mut moves = operation::Plan::new(Verb::Move);
        let mut files = Vec::new();
        for step in &plan.steps {
            if let Step::Move { from, file } = step {
                self.absolute(from)?;
                self.absolute(&file.path)?;
                let (from, to) = (from.to_string(), file.path.to_string());
                moves.paths.push(to.clone());
                moves.steps.push(operation::Step::Move { from, to });
                files.push(file);
            }
        }
        let done = self.carry_out(&moves)?;
        self.placed(catalogue, &files)?;
        Ok(done)
    }

    fn carry_out(&self, plan: &operation::Plan) -> Result<Option<Done>, SyncError> {
        if plan.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.library.apply(plan)?))
    }

    /// Notes that files were fetched to their places. Blocks.
    pub fn placed(&self, catalogue: &mut Catalogue, files: &[&Locked]) -> Result<(), SyncError> {
        if files.is_empty() {
            return Ok(());
        }
        let mut notes = Vec::new();
        for file in files {
            let metadata = fs_err::metadata(self.absolute(&file.path)?)?;
            notes.push(Placed {
                path: file.path.to_string(),
                content: Some(file.content()),
                stamp: Some(Stamp::of(&metadata)),
                ..Placed::default()
            });
        }
        Ok(catalogue.note_placed(self.project, &notes)?)
    }

    /// One transaction before anything is done: from now on what is about to be placed is known by its content.
    fn note(&self, catalogue: &mut Catalogue, plan: &Plan) -> Result<(), SyncError> {
        let known = catalogue.placed(self.project)?;
        let mut known: HashMap<String, Placed> = known
            .into_iter()
            .map(|placed| (placed.path.clone(), placed))
            .collect();
        let mut notes = Vec::new();
        for step in &plan.steps {
            match step {
                Step::Adopt { file, stamp, found } => notes.push(Placed {
                    path: file.path.to_string(),
                    found: *found,
                    content: Some(file.content()),
                    stamp: Some(*stamp),
                    meant: None,
                }),
                Step::Fetch { file } | Step::Move { file, .. } => notes.push(Placed {
                    path: file.path.to_string(),
                    meant: Some(file.content()),
                    ..Placed::default()
                }),
                Step::Replace { file } => notes.push(Placed {
                    path: file.path.to_string(),
                    meant: Some(file.content()),
                    ..known.remove(file.path.as_str()).unwrap_or_default()
                }),
                Step::Blocked { .. } | Step::Trash { .. } => {}
            }
        }
        if !notes.is_empty() {
            catalogue.note_placed(self.project, &notes)?;
        }
        Ok(())
    }
}
