//! From links to the files they mean: each with its place, what is promised of it, where it comes from, and what is to stand
//! beside it.
//!
//! A [`Finder`] asks the site and chooses; nothing is fetched but, where a place depends on it, a header ([`crate::ahead`]).
//! Whoever has a question for the user, or the patience to be told to wait, is an [`Asker`] or has [`Patience`].

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use civitai_api::model::ModelMode;
use civitai_api::select::{Choice, FileRequest, SelectError, Variant, select};
use civitai_api::{File, FileId, Found, Link, Model, ModelType, Version, VersionId};
use civitai_download::{Existing, Expected, Storage, UrlSource};
use civitai_security::FileName;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::catalogue::{Learnt, Origin, Recorder};
use crate::judge::SiteScan;
use crate::layout::Subject;
use crate::licence::{Consent, Facts, Licence, Policy, Refusal};
use crate::sidecar::{Card, Compact, Form, Picture};
use crate::site::{Site, expected, source};

mod ahead;
mod wish;

use self::ahead::Ahead;
pub use self::wish::{Destination, Versions, Wish};

/// A file that is to be had.
#[derive(Clone)]
pub struct Wanted {
    /// The link or address it is asked for by, without any token.
    pub link: String,
    /// The caller's number for the link, which comes back with what becomes of it.
    pub ticket: Option<u32>,
    /// Which file of the site it is; none for a file from elsewhere.
    pub origin: Option<Origin>,
    /// Names the content across runs and addresses.
    pub identity: String,
    /// The root of the tree it goes into, whose quarantine it goes to if anything is wrong with it.
    pub root: PathBuf,
    /// The folder it goes into.
    pub directory: PathBuf,
    /// What it is to be called there.
    pub name: FileName,
    /// The place it may turn out to have instead, as long as nobody has asked for its header.
    pub other: Option<PathBuf>,
    /// What the site promises about its bytes.
    pub expected: Expected,
    /// Where it comes from.
    pub source: Arc<dyn UrlSource>,
    /// How its bytes, and those of its pictures, are reached.
    pub storage: Storage,
    /// What becomes of another file in its place, for one whose place is settled: it goes there or nowhere. Every other has a
    /// second name.
    pub pinned: Option<Existing>,
    /// What is to stand beside it.
    pub description: Option<Description>,
    /// The terms it comes under; none for a file from elsewhere.
    pub terms: Option<Facts>,
    /// What the site's own scanners said of it.
    pub site_scan: Option<SiteScan>,
    /// Whether it may share its bytes with another file of the library: what goes to a folder of the user's choice is a
    /// copy of its own.
    pub shares: bool,
}

/// What is to stand beside a model.
#[derive(Clone, Debug)]
pub struct Description {
    /// What the site tells of it.
    pub card: Compact,
    /// The sidecars to write.
    pub forms: &'static [Form],
    /// The pictures to fetch.
    pub pictures: Vec<Picture>,
    /// The site whose pictures they are.
    pub site: Url,
}

/// A link that led to no file.
#[derive(Debug)]
pub struct Unfound {
    /// The link, without any token.
    pub link: String,
    /// The caller's number for it.
    pub ticket: Option<u32>,
    /// Why.
    pub error: FindError,
}

/// Why a link led to no file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The files of the model were withdrawn for good.
    #[error("the model is archived: its files were withdrawn")]
    Archived,
    /// It depicts a real person, and nobody consented to that.
    #[error("the model depicts a real person, and nobody consented to that")]
    Consent,
    /// The link names something that has no files.
    #[error("the link leads to no files")]
    NoFiles,
    /// The model has no version.
    #[error("the model has no version")]
    NoVersions,
    /// The policy forbids it.
    #[error(transparent)]
    Refused(Refusal),
    /// No file of the version is what is wanted.
    #[error(transparent)]
    Select(SelectError),
    /// The site did not answer, or not as it should.
    #[error(transparent)]
    Site(civitai_api::Error),
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
    /// The picture, or the post, does not say what it was made with.
    #[error("the picture does not tell which models it was made with")]
    Untold,
}

impl FindError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Consent | Self::Refused(_) => "policy",
            Self::NoFiles => "unsupported",
            Self::NoVersions | Self::Select(_) | Self::Untold => "not_found",
            Self::Site(error) => error.code(),
            Self::Stopped => "interrupted",
        }
    }
}

/// Who is shown the terms of what is found, and asked where somebody has to consent. Its methods may block.
pub trait Asker: fmt::Debug + Send + Sync {
    /// Shows what the creator of a version permits; told once for each version that is found.
    fn show(&self, _title: &str, _licence: &Licence) {}

    /// Asks whether models that depict real persons may be fetched; asked once for each version.
    fn consents(&self, titles: &[&str]) -> bool;
}

/// The consent of somebody who was asked before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Given {
    /// Models that depict real persons are not fetched.
    #[default]
    No,
    /// They are fetched.
    Yes,
}

impl Asker for Given {
    fn consents(&self, _: &[&str]) -> bool {
        *self == Self::Yes
    }
}

/// Who waits when the site wants to be left alone, instead of giving up.
pub trait Patience: fmt::Debug + Send + Sync {
    /// Waits until something may be asked; false when everything is to stop.
    fn pass(&self) -> BoxFuture<'_, bool>;

    /// Waits out a failure of this kind, in the words of [`FindError::code`], after which a server wants to be left alone for
    /// `wait` if it says so; false, at once, for one that no waiting mends.
    fn bear(&self, kind: &'static str, wait: Option<Duration>) -> BoxFuture<'_, bool>;
}

/// Finds the files that links mean.
#[derive(Debug)]
pub struct Finder {
    site: Site,
    destination: Destination,
    wish: Wish,
    forms: Option<&'static [Form]>,
    examples: usize,
    policy: Policy,
    asker: Arc<dyn Asker>,
    /// The versions whose terms were shown, and whether somebody consented to them.
    seen: Mutex<HashMap<VersionId, Option<bool>>>,
    recorder: Option<Arc<Recorder>>,
    patience: Option<Arc<dyn Patience>>,
    ahead: Option<Ahead>,
}

/// The files of a link, as they are found.
pub type Finds = BoxStream<'static, Result<Wanted, Unfound>>;

impl Finder {
    /// A finder of main files, with nothing beside them, under no policy and without consent.
    pub fn new(site: Site, destination: Destination) -> Self {
        Self {
            site,
            destination,
            wish: Wish::default(),
            forms: None,
            examples: 0,
            policy: Policy::default(),
            asker: Arc::new(Given::No),
            seen: Mutex::default(),
            recorder: None,
            patience: None,
            ahead: None,
        }
    }

    /// Sets which versions and files are meant where a link leaves it open.
    #[must_use]
    pub fn wish(self, wish: Wish) -> Self {
        Self { wish, ..self }
    }

    /// Has sidecars of these forms stand beside each model, a preview, and so many examples.
    #[must_use]
    pub fn describing(self, forms: &'static [Form], examples: usize) -> Self {
        Self {
            forms: Some(forms),
            examples,
            ..self
        }
    }

    /// Sets what may be fetched, and who is asked about the rest.
    #[must_use]
    pub fn terms(self, policy: Policy, asker: Arc<dyn Asker>) -> Self {
        Self {
            policy,
            asker,
            ..self
        }
    }

    /// Tells what the site says on the way to the files.
    #[must_use]
    pub fn telling(self, recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder, ..self }
    }

    /// Waits when the site wants to be left alone.
    #[must_use]
    pub fn patience(self, patience: Option<Arc<dyn Patience>>) -> Self {
        Self { patience, ..self }
    }

    /// Asks for the header of a file before its place is chosen, where that depends on it, until `cancel` is cancelled.
    #[must_use]
    pub fn looking_ahead(self, cancel: CancellationToken) -> Self {
        Self {
            ahead: Some(Ahead {
                site: self.site.clone(),
                cancel,
            }),
            ..self
        }
    }

    /// Every file a link means, or why there is none.
    pub async fn follow(self: Arc<Self>, link: Link) -> Finds {
        let text = link.input().to_owned();
        let followed = match self.look_up(&link).await {
            Ok(followed) => followed,
            Err(error) => return unfound(&text, error),
        };
        match followed {
            (Found::Model(model), _) => {
                let found = self.of_model(&text, &model);
                self.settle(stream::iter(found).boxed())
            }
            (
                Found::Version {
                    version,
                    file,
                    variant,
                },
                model,
            ) => {
                let choice = self.wish.choice(file, &variant);
                let found = self.of_version(&text, model.as_deref(), &version, &choice);
                self.settle(stream::iter(found).boxed())
            }
            (Found::Versions(ids), _) if ids.is_empty() => unfound(&text, FindError::Untold),
            (Found::Versions(ids), _) => {
                let found = Arc::clone(&self).of_versions(text, ids);
                self.settle(found)
            }
            (Found::Models(search), _) => {
                let (listing, this) = (self.site.client.search(&search), Arc::clone(&self));
                let models = listing.map(move |model| match model {
                    Ok(model) => stream::iter(this.of_model(&text, &model)),
                    Err(error) => {
                        stream::iter(vec![Err(unfound_for(&text)(FindError::Site(error)))])
                    }
                });
                self.settle(models.flatten().boxed())
            }
            _ => unfound(&text, FindError::NoFiles),
        }
    }

    /// Gives files the places that their headers say.
    fn settle(self: Arc<Self>, found: BoxStream<'static, Open>) -> Finds {
        let settled = found.then(move |found| {
            let this = Arc::clone(&self);
            async move {
                match found {
                    Ok((wanted, Some(subject))) => Ok(this.settled(wanted, &subject).await),
                    Ok((wanted, None)) => Ok(wanted),
                    Err(unfound) => Err(unfound),
                }
            }
        });
        settled.boxed()
    }

    async fn settled(&self, mut wanted: Wanted, subject: &Subject) -> Wanted {
        let as_is = |kind| {
            let subject = subject.clone().with_header(Some(kind));
            self.destination.place(&subject)
        };
        let places = [ModelType::Checkpoint, ModelType::UNet].map(as_is);
        if places[0] == places[1] {
            return wanted;
        }
        let other = places
            .iter()
            .find(|(directory, name)| (directory, name) != (&wanted.directory, &wanted.name));
        let other = other.map(|(directory, name)| directory.join(name.as_str()));
        let place = match (crate::ahead::standing(places).await, &self.ahead) {
            (Some(place), _) => Some(place),
            (None, Some(ahead)) => ahead.kind(&mut wanted).await.map(as_is),
            (None, None) => {
                wanted.other = other;
                None
            }
        };
        if let Some((directory, name)) = place {
            wanted.directory = directory;
            wanted.name = name;
        }
        wanted
    }

    async fn learn(&self, learnt: impl IntoIterator<Item = Learnt>) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        for learnt in learnt {
            recorder.learn(learnt);
        }
        if recorder.is_full() {
            let recorder = Arc::clone(recorder);
            // Who records a file, or the end of the run, will tell what is wrong.
            let _ = tokio::task::spawn_blocking(move || recorder.flush()).await;
        }
    }

    /// What a link leads to, and the model of a version, which alone tells the licence. That the model cannot be had
    /// forbids nothing by itself: an unknown licence fails a policy that needs one.
    async fn look_up(&self, link: &Link) -> Result<(Found, Option<Box<Model>>), FindError> {
        let followed = self.ask(|| self.site.client.follow(link)).await?;
        let owner = match (followed.owner, &followed.found) {
            (Ok(owner), _) => owner,
            // Who has patience can ask again.
            (Err(_), Found::Version { version, .. }) if self.patience.is_some() => {
                self.owner(version).await.map(Box::new)
            }
            (Err(_), _) => None,
        };
        self.learn(Learnt::on_the_way(&followed.found, owner.as_deref()))
            .await;
        Ok((followed.found, owner))
    }

    /// Asks the site, again after each pause that it wants if somebody has the patience.
    async fn ask<T, F>(&self, ask: impl Fn() -> F) -> Result<T, FindError>
    where
        F: Future<Output = Result<T, civitai_api::Error>>,
    {
        let Some(patience) = &self.patience else {
            return ask().await.map_err(FindError::Site);
        };
        while patience.pass().await {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) if patience.bear(error.code(), error.retry_after()).await => {}
                Err(error) => return Err(FindError::Site(error)),
            }
        }
        Err(FindError::Stopped)
    }

    async fn owner(&self, version: &Version) -> Option<Model> {
        let id = version.owner()?;
        self.ask(|| self.site.client.model(id)).await.ok()
    }

    /// The versions a picture was made with, each asked for when its turn comes.
    fn of_versions(self: Arc<Self>, text: String, ids: Vec<VersionId>) -> BoxStream<'static, Open> {
        let versions = stream::iter(ids).then(move |id| {
            let (this, text) = (Arc::clone(&self), text.clone());
            async move {
                match this.ask(|| this.site.client.version(id)).await {
                    Ok(version) => {
                        let choice = this.wish.choice(None, &Variant::default());
                        let model = this.owner(&version).await;
                        let told = model.iter().cloned().map(Box::new).map(Learnt::Model);
                        this.learn(told.chain([Learnt::Version(Box::new(version.clone()))]))
                            .await;
                        this.of_version(&text, model.as_ref(), &version, &choice)
                    }
                    Err(error) => vec![Err(unfound_for(&text)(error))],
                }
            }
        });
        versions.flat_map(stream::iter).boxed()
    }

    fn of_model(&self, text: &str, model: &Model) -> Vec<Open> {
        let refuse = |error| vec![Err(unfound_for(text)(error))];
        if model.is_archived() {
            return refuse(FindError::Archived);
        }
        let versions = self.wish.versions(model);
        if versions.is_empty() {
            return refuse(FindError::NoVersions);
        }
        let choice = self.wish.choice(None, &Variant::default());
        let files = versions
            .into_iter()
            .flat_map(|version| self.of_version(text, Some(model), version, &choice));
        files.collect()
    }

    fn of_version(
        &self,
        text: &str,
        model: Option<&Model>,
        version: &Version,
        choice: &Choice,
    ) -> Vec<Open> {
        let refuse = unfound_for(text);
        let summary = version.model.as_ref();
        let is_archived = summary.and_then(|model| model.mode.as_ref())
            == Some(&ModelMode::Archived)
            || model.is_some_and(Model::is_archived);
        if is_archived {
            return vec![Err(refuse(FindError::Archived))];
        }
        let kind = match (model, summary) {
            (Some(model), _) => model.kind.as_ref(),
            (None, summary) => summary.and_then(|model| model.kind.as_ref()),
        };
        let files = match select(version, choice, kind) {
            Ok(files) => files,
            Err(error) => return vec![Err(refuse(FindError::Select(error)))],
        };
        let wanted = files.into_iter().map(|file| {
            let terms = self.accept(model, version, file).map_err(&refuse)?;
            Ok(self.wanted(text, (model, version, file), terms))
        });
        wanted.collect()
    }

    /// Says whether a file may be fetched; its terms are shown the first time.
    fn accept(
        &self,
        model: Option<&Model>,
        version: &Version,
        file: &File,
    ) -> Result<Facts, FindError> {
        let facts = Facts::of(model, version, file);
        let title = model
            .map(|model| model.name.as_str())
            .or_else(|| version.model.as_ref().map(|model| model.name.as_str()));
        let title = title.unwrap_or(&version.name);
        // Held while somebody is asked, so that nobody is asked twice.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let consent = seen.entry(version.id).or_insert_with(|| {
            self.asker.show(title, &facts.licence);
            None
        });
        if self.policy.judge(&facts).map_err(FindError::Refused)? == Consent::NotNeeded {
            return Ok(facts);
        }
        if *consent.get_or_insert_with(|| self.asker.consents(&[title])) {
            Ok(facts)
        } else {
            Err(FindError::Consent)
        }
    }

    fn wanted(
        &self,
        text: &str,
        (model, version, file): (Option<&Model>, &Version, &File),
        terms: Facts,
    ) -> (Wanted, Option<Box<Subject>>) {
        let owner = model.map(|model| model.id).or_else(|| version.owner());
        let subject = Subject::of_file(model, version, file);
        let (directory, name) = self.destination.place(&subject);
        let request = FileRequest::new(version, file);
        let alternative = request.alternative(file);
        let wanted = Wanted {
            link: text.to_owned(),
            ticket: None,
            origin: Some(Origin {
                model: owner,
                version: version.id,
                file: Some(file.id),
            }),
            identity: identity(version.id, file.id),
            root: self.destination.root().to_owned(),
            directory,
            name,
            other: None,
            expected: expected(file),
            source: source(self.site.client.clone(), request, alternative),
            storage: self.site.storage.clone(),
            pinned: None,
            description: self.forms.map(|forms| Description {
                card: Card::of_file(model, version, file.id).compact(),
                forms,
                pictures: Picture::of(version, self.examples),
                site: self.site.client.origin().clone(),
            }),
            terms: Some(terms),
            site_scan: SiteScan::of(file),
            shares: matches!(self.destination, Destination::Library { .. }),
        };
        let undecided = subject.depends_on_header().then(|| Box::new(subject));
        (wanted, undecided)
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("link", &self.link)
            .field("origin", &self.origin)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A file that was found, and what it is where only its header tells in which folder it belongs.
type Open = Result<(Wanted, Option<Box<Subject>>), Unfound>;

/// Names the content of a file of the site.
pub(crate) fn identity(version: VersionId, file: FileId) -> String {
    format!("civitai:{version}:{file}")
}

fn unfound(link: &str, error: FindError) -> Finds {
    stream::iter([Err(unfound_for(link)(error))]).boxed()
}

fn unfound_for(link: &str) -> impl Fn(FindError) -> Unfound {
    move |error| Unfound {
        link: link.to_owned(),
        ticket: None,
        error,
    }
}

/// Links worth looking up at a time: enough to keep ahead of the transfers, few enough to be polite.
pub const LOOKUPS: usize = 2;
