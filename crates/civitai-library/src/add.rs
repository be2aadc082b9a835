//! Wishes added to a project, each with the file it leads to: the manifest and the lock change together.

use civitai_api::link::{LinkError, Target};
use civitai_api::{Found, Link};

use crate::document::ReadError;
use crate::lock::{Lock, Locked};
use crate::manifest::{Change, Draft, Manifest, Want};
use crate::path::LibraryPath;
use crate::project::Project;
use crate::resolve::{ResolveError, Resolver, arrange};

/// The adding of wishes to a project, one after another. Nothing is written before [`Adding::save`].
#[derive(Debug)]
pub struct Adding {
    resolver: Resolver,
    /// The layout that the project sets for all.
    layout: Option<String>,
    draft: Draft,
    files: Vec<Locked>,
}

/// A wish that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// The file that it leads to.
    pub file: Locked,
    /// What became of the project.
    pub change: Changed,
}

/// What became of a project.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed {
    /// The wish is new.
    Added,
    /// An older wish for the same thing is another one now, or leads to another file.
    Changed,
    /// Everything was so already.
    Nothing,
}

impl Changed {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Nothing => "none",
        }
    }
}

/// Why a wish was not added. The others are not touched by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The link is none.
    #[error(transparent)]
    Link(LinkError),
    /// It leads to no file.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The file would take the place of another one.
    #[error("{path} is the place of another file")]
    Taken {
        /// The place.
        path: LibraryPath,
    },
    /// The picture, or the post, does not say what it was made with.
    #[error("the picture does not tell which models it was made with")]
    Untold,
}

impl AddError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Link(_) | Self::Taken { .. } => "usage",
            Self::Resolve(error) => error.code(),
            Self::Untold => "not_found",
        }
    }
}

impl Adding {
    /// Begins with what the project has; nothing where it has no manifest. Blocks.
    pub fn of(
        project: &Project,
        manifest: &Manifest,
        resolver: Resolver,
    ) -> Result<Option<Self>, ReadError> {
        let Some(draft) = project.draft()? else {
            return Ok(None);
        };
        Ok(Some(Self {
            resolver,
            layout: manifest.layout.clone(),
            draft,
            files: project.lock()?.files().to_vec(),
        }))
    }

    /// Who looks wishes up.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The models that a link names one by one: a picture names those it was made with.
    pub async fn named(&self, link: &Link) -> Result<Vec<String>, AddError> {
        if !matches!(link.target(), Target::Image(_) | Target::Post(_)) {
            return Ok(vec![link.input().to_owned()]);
        }
        match self.resolver.client.look_up(link).await {
            Err(error) => Err(ResolveError::Site(error).into()),
            Ok(Found::Versions(ids)) if !ids.is_empty() => {
                Ok(ids.into_iter().map(|id| format!("version:{id}")).collect())
            }
            Ok(_) => Err(AddError::Untold),
        }
    }

    /// Looks a wish up and adds it, in the place of an older wish for the same.
    pub async fn add(&mut self, want: &Want) -> Result<Added, AddError> {
        let file = self.resolver.resolve(want, None).await?;
        self.put(file)
    }

    fn put(&mut self, mut file: Locked) -> Result<Added, AddError> {
        file.wanted.link = lasting(&file);
        let instead = self
            .draft
            .wants()
            .iter()
            .position(|want| self.is_same(want, &file));
        let before = instead.map(|index| self.effective(&self.draft.wants()[index]));
        let want = file.wanted.clone();
        file.wanted = self.effective(&want);
        let old = before
            .as_ref()
            .and_then(|before| self.files.iter().position(|file| file.wanted == *before))
            .map(|index| self.files.remove(index));
        let (mut arranged, refused) = arrange(&self.files, vec![file]);
        if let Some((_, path)) = refused.into_iter().next() {
            self.files.extend(old);
            return Err(AddError::Taken { path });
        }
        let file = arranged.pop().expect("what is not refused is arranged");
        let title = file.about.title.clone().unwrap_or_default();
        let change = match (self.draft.put(want, instead, &title), old) {
            (Change::Added, _) => Changed::Added,
            (Change::None, Some(old)) if old == file => Changed::Nothing,
            _ => Changed::Changed,
        };
        self.files.push(file.clone());
        Ok(Added { file, change })
    }

    /// Says whether a wish of the manifest is for the same thing.
    fn is_same(&self, want: &Want, file: &Locked) -> bool {
        let target = |link: &str| {
            let link = Link::parse_with(link, Some(&self.resolver.origin)).ok()?;
            Some(match link.target() {
                Target::Number(id) => Target::Model(*id),
                other => other.clone(),
            })
        };
        let same_target = want.link == file.wanted.link
            || target(&want.link).is_some_and(|found| Some(found) == target(&file.wanted.link));
        same_target && want.pick == file.wanted.pick
    }

    fn effective(&self, want: &Want) -> Want {
        Want {
            layout: want.layout.clone().or_else(|| self.layout.clone()),
            ..want.clone()
        }
    }

    /// Writes the manifest, and then the lock. Blocks.
    ///
    /// # Errors
    /// [`AddError::Taken`] where two files of the lock belong to one place, which nothing here brings about.
    pub fn save(&self, project: &Project) -> Result<(), SaveError> {
        let lock = Lock::new(self.files.clone()).map_err(|file| SaveError::Taken {
            path: file.path.clone(),
        })?;
        self.draft.save().map_err(ReadError::Io)?;
        Ok(lock.save(&project.lock_path())?)
    }
}

/// Why a project could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// A file could not be written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Two files of the lock belong to one place.
    #[error("{path} is the place of two files")]
    Taken {
        /// The place.
        path: LibraryPath,
    },
}

/// The link in a form that will mean the same for ever: a bare number is a model today and a version tomorrow.
fn lasting(file: &Locked) -> String {
    let link = &file.wanted.link;
    match link.parse::<u64>() {
        Ok(number) if file.model.map(u64::from) == Some(number) => format!("model:{number}"),
        Ok(number) => format!("version:{number}"),
        Err(_) => link.clone(),
    }
}
