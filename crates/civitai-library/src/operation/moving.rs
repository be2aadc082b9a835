//! Plans that give files other paths.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use civitai_security::FileName;

use super::{Error, Plan, Step, Verb};
use crate::catalogue::Catalogue;
use crate::layout::Layout;
use crate::library::Library;
use crate::path::{InvalidPath, LibraryPath};
use crate::project::Project;
use crate::scan::walk;
use crate::sidecar::Beside;

/// Whether the files beside a model go where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Company {
    /// They go along, unless another model of the same stem stays.
    #[default]
    Together,
    /// They stay.
    Alone,
}

/// Where files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into a folder below the root; the empty text is the root.
    Folder(String),
    /// To a path of its own, which one file can.
    Path(LibraryPath),
    /// Wherever a layout puts them.
    Layout(Layout),
}

/// Where a layout would put a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// Where it is, below the root.
    pub path: String,
    /// Where it would be.
    pub target: String,
}

impl Library {
    /// Says where each model of the library would stand in a layout. Two that would meet are told apart by their file id.
    pub fn placements(&self, layout: &Layout) -> Result<Vec<Placement>, Error> {
        let models = self.models(&[])?;
        self.placed(&models, layout)
    }

    /// Plans to move models, or all models in folders; none means every model of the library.
    ///
    /// What is there already stays out of the plan.
    pub fn plan_move(
        &self,
        files: &[String],
        to: &Destination,
        company: Company,
    ) -> Result<Plan, Error> {
        self.recover()?;
        let mut plan = Plan::new(Verb::Move);
        let mut models = self.models(files)?;
        if files.is_empty() {
            // Nobody named them.
            let held = self.held()?;
            models.retain(|model| !held.contains_key(model));
        }
        let targets = match to {
            Destination::Layout(layout) => self.placed(&models, layout)?,
            Destination::Path(path) => match models.as_slice() {
                [model] => vec![Placement {
                    path: model.clone(),
                    target: path.as_str().to_owned(),
                }],
                // Several cannot have one name.
                _ => {
                    return Err(Error::Taken {
                        path: path.to_string(),
                    });
                }
            },
            Destination::Folder(folder) => models
                .iter()
                .map(|model| {
                    let name = model.rsplit('/').next().unwrap_or(model);
                    let target = joined(folder, name);
                    LibraryPath::parse(&target)?;
                    Ok(Placement {
                        path: model.clone(),
                        target,
                    })
                })
                .collect::<Result<_, InvalidPath>>()?,
        };
        self.add_moves(&mut plan, &targets, company)?;
        Ok(plan)
    }

    /// Plans to give a file another name in its folder. Without an extension it keeps its own; another one is refused.
    pub fn plan_rename(&self, file: &str, name: &str, company: Company) -> Result<Plan, Error> {
        self.recover()?;
        let old = file.rsplit('/').next().unwrap_or(file);
        let extension = FileName::clean(old, "file").extension().map(str::to_owned);
        let new = match (&extension, name.rsplit_once('.')) {
            (Some(extension), Some((_, given))) if given.eq_ignore_ascii_case(extension) => {
                name.to_owned()
            }
            (Some(_), Some((_, given))) if crate::scan::is_model(format!("x.{given}").as_ref()) => {
                return Err(Error::Extension {
                    path: file.to_owned(),
                    name: name.to_owned(),
                });
            }
            (Some(extension), _) => format!("{name}.{extension}"),
            (None, _) => name.to_owned(),
        };
        let target = match file.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{new}"),
            None => new.clone(),
        };
        LibraryPath::parse(&target)?;
        if new.contains('/') {
            return Err(InvalidPath {
                given: name.to_owned(),
            }
            .into());
        }
        let mut plan = Plan::new(Verb::Rename);
        let models = self.models(&[file.to_owned()])?;
        let placements = models.into_iter().map(|path| Placement {
            path,
            target: target.clone(),
        });
        self.add_moves(&mut plan, &placements.collect::<Vec<_>>(), company)?;
        Ok(plan)
    }

    /// Plans to put models, or all models in folders, into the trash.
    pub fn plan_remove(&self, files: &[String], company: Company) -> Result<Plan, Error> {
        self.recover()?;
        let mut plan = Plan::new(Verb::Remove);
        let models = self.models(files)?;
        let all: BTreeSet<&String> = models.iter().collect();
        self.require_free(&all)?;
        let mut taken = BTreeSet::new();
        for model in &models {
            plan.steps.push(Step::Discard {
                path: model.clone(),
            });
            for file in self.companions(model, &all, company)? {
                if taken.insert(file.clone()) {
                    plan.steps.push(Step::Discard { path: file });
                }
            }
        }
        plan.paths = models;
        Ok(plan)
    }

    fn require_free(&self, models: &BTreeSet<&String>) -> Result<(), Error> {
        let held = self.held()?;
        for model in models {
            if let Some(project) = held.get(*model) {
                return Err(Error::Held {
                    path: (*model).clone(),
                    project: project.clone(),
                });
            }
        }
        Ok(())
    }

    /// What locks placed and still name, with the project of each. A lock that cannot be read may name all it has placed,
    /// and one that is gone names nothing.
    fn held(&self) -> Result<HashMap<String, PathBuf>, Error> {
        let Some(catalogue) = self.catalogue_if_there()? else {
            return Ok(HashMap::new());
        };
        let mut held = HashMap::new();
        for (directory, mut placed) in catalogue.placed_by_all()? {
            let project = Project { directory };
            if let Ok(lock) = project.lock() {
                let files = lock.files().iter();
                let named: HashSet<&str> = files.map(|file| file.path.as_str()).collect();
                placed.retain(|path| named.contains(path.as_str()));
            }
            held.extend(
                placed
                    .into_iter()
                    .map(|path| (path, project.directory.clone())),
            );
        }
        Ok(held)
    }

    /// The models that are named, and those in folders that are; no name means all.
    pub(super) fn models(&self, files: &[String]) -> Result<Vec<String>, Error> {
        let mut models = BTreeSet::new();
        let mut folders = Vec::new();
        for file in files {
            let at = self.root.join(file);
            match at.symlink_metadata() {
                Ok(_) if at.is_dir() => folders.push(file.clone()),
                Ok(_) => {
                    models.insert(file.clone());
                }
                Err(_) => return Err(Error::Missing { path: file.into() }),
            }
        }
        if files.is_empty() || !folders.is_empty() {
            let walked = walk(&self.root, &folders)?;
            models.extend(walked.files.into_iter().map(|seen| seen.path));
        }
        Ok(models.into_iter().collect())
    }

    fn placed(&self, models: &[String], layout: &Layout) -> Result<Vec<Placement>, Error> {
        let catalogue = self.catalogue_if_there()?;
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let mut placed = Vec::with_capacity(models.len());
        for model in models {
            let target = self.target(model, layout, catalogue.as_ref(), &taken)?;
            if let Ok(path) = LibraryPath::parse(&target) {
                taken.insert(path.collision_key());
            }
            placed.push(Placement {
                path: model.clone(),
                target,
            });
        }
        Ok(placed)
    }

    /// The first free of a file's two names in a layout; its present path where both are taken.
    fn target(
        &self,
        model: &str,
        layout: &Layout,
        catalogue: Option<&Catalogue>,
        taken: &BTreeSet<String>,
    ) -> Result<String, Error> {
        let mut subject = self.subject(model, catalogue)?;
        let is_free = |target: &str| {
            let key = LibraryPath::parse(target).map(|path| path.collision_key());
            let is_taken = key.is_ok_and(|key| taken.contains(&key));
            !is_taken && (target == model || !self.root.join(target).exists())
        };
        let target = text(&layout.place(&subject));
        if is_free(&target) {
            return Ok(target);
        }
        if let Some(id) = subject.file_id {
            subject.name = subject.name.with_id(id.get().into());
            let target = text(&layout.place(&subject));
            if is_free(&target) {
                return Ok(target);
            }
        }
        Ok(model.to_owned())
    }

    fn add_moves(
        &self,
        plan: &mut Plan,
        placements: &[Placement],
        company: Company,
    ) -> Result<(), Error> {
        let all: BTreeSet<&String> = placements
            .iter()
            .filter(|placement| placement.path != placement.target)
            .map(|placement| &placement.path)
            .collect();
        self.require_free(&all)?;
        let mut seen = BTreeSet::new();
        for Placement { path, target } in placements {
            if path == target {
                continue;
            }
            plan.steps.push(Step::Move {
                from: path.clone(),
                to: target.clone(),
            });
            plan.paths.push(target.clone());
            let (old, new) = (without_extension(path), without_extension(target));
            for file in self.companions(path, &all, company)? {
                let Some(suffix) = file.strip_prefix(old) else {
                    continue;
                };
                let to = format!("{new}{suffix}");
                if to != file && seen.insert(file.clone()) {
                    plan.steps.push(Step::Move { from: file, to });
                }
            }
        }
        let mut targets = BTreeSet::new();
        for step in &plan.steps {
            self.check(step)?;
            if !targets.insert(step.path()) {
                let path = step.path().to_owned();
                return Err(Error::Taken { path });
            }
        }
        Ok(())
    }

    /// The files that go with a model: those beside it, unless a model that shares them stays.
    fn companions(
        &self,
        model: &str,
        going: &BTreeSet<&String>,
        company: Company,
    ) -> Result<Vec<String>, Error> {
        if company == Company::Alone {
            return Ok(Vec::new());
        }
        let beside = Beside::of(&self.root.join(model))?;
        let stays = |twin: &std::path::PathBuf| {
            self.relative(twin)
                .is_none_or(|twin| !going.contains(&twin))
        };
        if beside.twins.iter().any(stays) {
            return Ok(Vec::new());
        }
        let files = beside.files.iter();
        Ok(files.filter_map(|(path, _)| self.relative(path)).collect())
    }
}

fn joined(folder: &str, name: &str) -> String {
    match folder.trim_matches('/') {
        "" | "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Layouts make paths of text.
fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

fn without_extension(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => stem,
        _ => path,
    }
}
