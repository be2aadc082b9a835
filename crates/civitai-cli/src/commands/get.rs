//! `get`: from links to proved files.

mod ahead;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use civitai_api::model::ModelMode;
use civitai_api::select::{Choice, FileRequest, Variant, select};
use civitai_api::{
    Client, File, FileId, Found, HashKind, Link, Model, ModelId, ModelType, Version, VersionId,
};
use civitai_download::digest::{Digest, DigestSet};
use civitai_download::lease::source_fn;
use civitai_download::{Existing, Expected, Lease, LeaseError, Mode, Storage, UrlSource, Wait};
use civitai_library::ahead::standing;
use civitai_library::catalogue::{Learnt, Recorder};
use civitai_library::layout::{Layout, Subject};
use civitai_library::licence::Facts;
use civitai_library::reuse::Holdings;
use civitai_library::sealing::Sealing;
use civitai_library::sidecar::{Card, Form, Picture};
use civitai_security::FileName;
use civitai_security::crypt::Level;
use futures::stream::{self, BoxStream, StreamExt as _};

use self::ahead::Ahead;
use crate::args::{Choose, GetArgs, LevelName, PassphraseArgs, format, one, unproved};
use crate::batch::{Batch, Description, Ids, Rules, Unfound, Wanted};
use crate::commands::library;
use crate::containers::Containers;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::judge::{self, SiteScan};
use crate::links::{self, Entry};
use crate::network;
use crate::patience::{Borne, Patience};
use crate::session::{Outcome, Session};
use crate::terms::Terms;
use crate::text::Message;

pub(crate) async fn run(args: GetArgs, session: &Session) -> Outcome {
    let entries = links::expand(
        &args.links.links,
        &session.settings.base_url,
        session.printer.lang(),
    );
    let rules = Rules {
        wait: args.care.wait(),
        dry_run: args.care.dry_run,
        ..rules(&args.choose, args.care.force)
    };
    let recorder = recorder(session, rules.dry_run).await?;
    let sealing = match args.encrypt {
        Some(level) => Some(sealing(level, &args.passphrase, session).await?),
        None => None,
    };
    // What is encrypted shares no bytes with what is there.
    let holdings = match &sealing {
        Some(_) => None,
        None => holdings(session).await?,
    };
    let finder = Finder::new(&args.choose, session, None)?;
    let finder = finder.telling(recorder.clone());
    let finder = Arc::new(if rules.dry_run {
        finder
    } else {
        finder.looking_ahead(session)
    });
    let found = stream::iter(entries)
        .map(|entry| Arc::clone(&finder).follow(entry))
        .buffered(LOOKUPS)
        .flatten();
    Batch::new(session, rules)
        .judging(judge::of(session, args.choose.accept_unsafe))
        .recording(recorder)
        .reusing(holdings)
        .sealing(sealing)
        .run(found)
        .await
}

/// Opens the keys that files are to be encrypted to, before anything is fetched.
async fn sealing(
    level: LevelName,
    passphrases: &PassphraseArgs,
    session: &Session,
) -> Result<Arc<Sealing>, Failure> {
    let containers = Arc::new(Containers::new(passphrases, session)?);
    let level = Level::from(level);
    let recipients = containers.recipients(level, session).await?;
    containers.begin();
    let library = library::of(session)?;
    Ok(Arc::new(Sealing::new(
        level, recipients, containers, library,
    )))
}

/// Who records what is fetched. A catalogue that cannot be written to is told of before anything is fetched.
pub(crate) async fn recorder(
    session: &Session,
    dry_run: bool,
) -> Result<Option<Arc<Recorder>>, Failure> {
    if dry_run {
        return Ok(None);
    }
    let library = library::of(session)?;
    let opened = library::blocking(session, move || Recorder::open(&library)).await?;
    let recorder = opened.map_err(|error| library::failure(&error))?;
    Ok(Some(Arc::new(recorder)))
}

/// What the libraries have already.
pub(crate) async fn holdings(session: &Session) -> Result<Option<Arc<Holdings>>, Failure> {
    let library = library::of(session)?;
    let opened = library::blocking(session, move || Holdings::of(&library)).await?;
    let holdings = opened.map_err(|error| library::failure(&error))?;
    Ok(holdings.map(Arc::new))
}

/// How the files of links are treated.
pub(crate) fn rules(choose: &Choose, force: bool) -> Rules {
    Rules {
        digests: DigestSet::ALL | DigestSet::TREE,
        existing: if force {
            Existing::Replace
        } else {
            Existing::Keep
        },
        unproved: unproved(choose.accept_unverified),
        mode: Mode::default(),
        wait: Wait::Never,
        dry_run: false,
    }
}

/// Finds the files that links mean.
pub(crate) struct Finder {
    client: Client,
    /// How a job bears a site that limits; without it a limit is a failure.
    patience: Option<Patience>,
    storage: Storage,
    destination: Destination,
    /// The sidecars to write besides the preview; none where nothing is to stand beside the model.
    forms: Option<&'static [Form]>,
    examples: usize,
    wish: Wish,
    recorder: Option<Arc<Recorder>>,
    terms: Terms,
    /// Who asks for the headers on which places depend; nobody where nothing is to be fetched.
    ahead: Option<Ahead>,
}

/// Where files go.
enum Destination {
    /// All into one directory.
    Directory(PathBuf),
    /// Into the folders of a layout, below a root.
    Library { root: PathBuf, layout: Layout },
}

impl Destination {
    fn root(&self) -> &Path {
        match self {
            Self::Directory(root) | Self::Library { root, .. } => root,
        }
    }

    fn place(&self, subject: &Subject) -> (PathBuf, FileName) {
        let (root, placed) = match self {
            Self::Directory(root) => return (root.clone(), subject.name.clone()),
            Self::Library { root, layout } => (root, layout.place(subject)),
        };
        let name = placed.file_name().unwrap_or_default().to_string_lossy();
        let folder = placed.parent().unwrap_or(Path::new(""));
        (
            root.join(folder),
            FileName::clean(&name, subject.name.as_str()),
        )
    }
}

/// Which versions and files are wanted where a link leaves it open.
struct Wish {
    file: Option<FileId>,
    all_files: bool,
    all_versions: bool,
    variant: Variant,
}

pub(crate) type Finds = BoxStream<'static, Result<Wanted, Unfound>>;

impl Finder {
    pub(crate) fn new(
        choose: &Choose,
        session: &Session,
        patience: Option<Patience>,
    ) -> Result<Self, Failure> {
        let settings = &session.settings;
        let here = &settings.layers.surroundings().directory;
        Ok(Self {
            client: network::site(session)?,
            patience,
            storage: network::storage(settings, network::policy(settings, &settings.base_url)?)?,
            destination: match &choose.to {
                Some(to) => Destination::Directory(here.join(to)),
                None => Destination::Library {
                    root: settings.library.clone(),
                    layout: settings.layout.clone(),
                },
            },
            forms: (!choose.no_sidecars).then(|| settings.layout.forms()),
            examples: usize::try_from(choose.with_images).unwrap_or(usize::MAX),
            wish: Wish::new(choose)?,
            recorder: None,
            ahead: None,
            terms: Terms::of(session, choose.consent_real_person)?,
        })
    }

    /// Tells what the site says on the way to the files.
    pub(crate) fn telling(mut self, recorder: Option<Arc<Recorder>>) -> Self {
        self.recorder = recorder;
        self
    }

    /// Asks for the header of a file before its place is chosen, where that depends on it.
    pub(crate) fn looking_ahead(mut self, session: &Session) -> Self {
        self.ahead = Some(Ahead::of(session));
        self
    }

    /// Gives a file the place that its header says.
    async fn settled(&self, mut wanted: Wanted) -> Wanted {
        let Some(subject) = wanted.undecided.take() else {
            return wanted;
        };
        let as_is = |kind| {
            self.destination
                .place(&subject.clone().with_header(Some(kind)))
        };
        let places = [ModelType::Checkpoint, ModelType::UNet].map(as_is);
        if places[0] == places[1] {
            return wanted;
        }
        let place = match standing(places).await {
            Some(place) => Some(place),
            None => match &self.ahead {
                Some(ahead) => ahead.kind(&mut wanted).await.map(as_is),
                None => None,
            },
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

    /// Every file a link means, or why there is none.
    pub(crate) async fn follow(self: Arc<Self>, entry: Entry) -> Finds {
        let found = Arc::clone(&self).found(entry).await;
        let settled = found.then(move |found| {
            let this = Arc::clone(&self);
            async move {
                match found {
                    Ok(wanted) => Ok(this.settled(wanted).await),
                    Err(unfound) => Err(unfound),
                }
            }
        });
        settled.boxed()
    }

    async fn found(self: Arc<Self>, entry: Entry) -> Finds {
        let Entry { text, link } = entry;
        let followed = match &link {
            Ok(link) => self.look_up(link).await,
            Err(failure) => Err(failure.clone()),
        };
        match followed {
            Ok((Found::Model(model), _)) => stream::iter(self.of_model(&text, &model)).boxed(),
            Ok((
                Found::Version {
                    version,
                    file,
                    variant,
                },
                model,
            )) => {
                let choice = self.wish.choice(file, &variant);
                stream::iter(self.of_version(&text, model.as_deref(), &version, &choice)).boxed()
            }
            Ok((Found::Versions(ids), _)) => self.of_versions(text, ids),
            Ok((Found::Models(search), _)) => {
                let listing = self.client.search(&search);
                let models = listing.map(move |model| match model {
                    Ok(model) => stream::iter(self.of_model(&text, &model)),
                    Err(error) => stream::iter(vec![unfound(&text, network::failure(&error))]),
                });
                models.flatten().boxed()
            }
            Ok(_) => stream::iter(vec![unfound(
                &text,
                Failure::new(Kind::Unsupported, Message::NoFiles),
            )])
            .boxed(),
            Err(failure) => stream::iter(vec![unfound(&text, failure)]).boxed(),
        }
    }

    /// What a link leads to, and the model of a version, which alone tells the licence. That the model cannot be had
    /// forbids nothing by itself: an unknown licence fails a policy that needs one.
    async fn look_up(&self, link: &Link) -> Result<(Found, Option<Box<Model>>), Failure> {
        let followed = self.ask(|| self.client.follow(link)).await?;
        let owner = match (followed.owner, &followed.found) {
            (Ok(owner), _) => owner,
            // A job has the patience to ask again.
            (Err(_), Found::Version { version, .. }) if self.patience.is_some() => {
                self.owner(version).await.map(Box::new)
            }
            (Err(_), _) => None,
        };
        self.learn(Learnt::on_the_way(&followed.found, owner.as_deref()))
            .await;
        Ok((followed.found, owner))
    }

    /// Asks the site, again after each pause that it wants of a job.
    async fn ask<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, civitai_api::Error>>,
    {
        loop {
            if let Some(patience) = &self.patience
                && !patience.pass().await
            {
                return Err(Failure::interrupted());
            }
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let failure = network::failure(&error);
            let Some(patience) = &self.patience else {
                return Err(failure);
            };
            if let Borne::Not(failure) = patience.bear(failure, error.retry_after()).await {
                return Err(failure);
            }
        }
    }

    async fn owner(&self, version: &Version) -> Option<Model> {
        let id = version.owner()?;
        self.ask(|| self.client.model(id)).await.ok()
    }

    /// The versions a picture was made with, each asked for when its turn comes.
    fn of_versions(self: Arc<Self>, text: String, ids: Vec<VersionId>) -> Finds {
        if ids.is_empty() {
            return stream::iter(vec![unfound(
                &text,
                Failure::new(Kind::NotFound, Message::PictureTellsNothing),
            )])
            .boxed();
        }
        let versions = stream::iter(ids).then(move |id| {
            let (this, text) = (Arc::clone(&self), text.clone());
            async move {
                match this.ask(|| this.client.version(id)).await {
                    Ok(version) => {
                        let choice = this.wish.choice(None, &Variant::default());
                        let model = this.owner(&version).await;
                        let told = model.iter().cloned().map(Box::new).map(Learnt::Model);
                        this.learn(told.chain([Learnt::Version(Box::new(version.clone()))]))
                            .await;
                        this.of_version(&text, model.as_ref(), &version, &choice)
                    }
                    Err(failure) => vec![unfound(&text, failure)],
                }
            }
        });
        versions.flat_map(stream::iter).boxed()
    }

    fn of_model(&self, text: &str, model: &Model) -> Vec<Result<Wanted, Unfound>> {
        if model.is_archived() {
            return vec![unfound(
                text,
                Failure::new(Kind::Archived, Message::ModelArchived),
            )];
        }
        let versions: Vec<_> = match self.wish.file {
            Some(id) => model
                .versions
                .iter()
                .filter(|version| version.files.iter().any(|file| file.id == id))
                .collect(),
            None if self.wish.all_versions => model.versions.iter().collect(),
            None => Vec::new(),
        };
        let versions = if versions.is_empty() {
            model.default_version().into_iter().collect()
        } else {
            versions
        };
        if versions.is_empty() {
            return vec![unfound(
                text,
                Failure::new(Kind::NotFound, Message::NoVersions),
            )];
        }
        let choice = self.wish.choice(None, &Variant::default());
        versions
            .into_iter()
            .flat_map(|version| self.of_version(text, Some(model), version, &choice))
            .collect()
    }

    fn of_version(
        &self,
        text: &str,
        model: Option<&Model>,
        version: &Version,
        choice: &Choice,
    ) -> Vec<Result<Wanted, Unfound>> {
        let mode = version.model.as_ref().and_then(|model| model.mode.as_ref());
        if mode == Some(&ModelMode::Archived) || model.is_some_and(Model::is_archived) {
            return vec![unfound(
                text,
                Failure::new(Kind::Archived, Message::ModelArchived),
            )];
        }
        let kind: Option<&ModelType> = match (model, &version.model) {
            (Some(model), _) => model.kind.as_ref(),
            (None, Some(model)) => model.kind.as_ref(),
            (None, None) => None,
        };
        match select(version, choice, kind) {
            Ok(files) => files
                .into_iter()
                .map(|file| match self.terms.accept(model, version, file) {
                    Ok(terms) => Ok(self.wanted(text, (model, version, file), terms)),
                    Err(failure) => unfound(text, failure),
                })
                .collect(),
            Err(error) => vec![unfound(text, Failure::library(Kind::NotFound, &error))],
        }
    }

    fn wanted(
        &self,
        text: &str,
        (model, version, file): (Option<&Model>, &Version, &File),
        terms: Facts,
    ) -> Wanted {
        let owner = model.map(|model| model.id).or_else(|| version.owner());
        let subject = Subject::of_file(model, version, file);
        let (directory, name) = self.destination.place(&subject);
        let pictures = Picture::of(version, self.examples);
        let request = FileRequest::new(version, file);
        let alternative = request.alternative(file);
        Wanted {
            item: None,
            link: text.to_owned(),
            ids: Ids {
                model_id: owner.map(ModelId::get),
                version_id: Some(version.id.get()),
                file_id: Some(file.id.get()),
            },
            root: self.destination.root().to_owned(),
            directory,
            name,
            identity: format!("civitai:{}:{}", version.id, file.id),
            expected: expected(file),
            source: lease(self.client.clone(), request, alternative),
            storage: self.storage.clone(),
            pinned: None,
            description: self.forms.map(|forms| Description {
                card: Card::of_file(model, version, file.id).compact(),
                forms,
                pictures,
            }),
            terms: Some(terms),
            site_scan: SiteScan::of(file),
            undecided: subject.depends_on_header().then(|| Box::new(subject)),
            shares: matches!(self.destination, Destination::Library { .. }),
        }
    }
}

impl Wish {
    fn new(choose: &Choose) -> Result<Self, Failure> {
        let variant = Variant {
            kind: None,
            format: format(choose.format.as_deref())?,
            size: one("--size", choose.size.as_deref())?,
            fp: one("--fp", choose.fp.as_deref())?,
            quant: one("--quant", choose.quant.as_deref())?,
        };
        Ok(Self {
            file: choose
                .file_id
                .map(|id| FileId::new(id.into()).ok_or_else(|| not_an_id(id)))
                .transpose()?,
            all_files: choose.all_files,
            all_versions: choose.all_versions,
            variant,
        })
    }

    /// What is wanted of a version: what the flags say goes before what the link says.
    fn choice(&self, linked: Option<FileId>, of_link: &Variant) -> Choice {
        match (self.file, linked) {
            (Some(id), _) => Choice::File(id),
            (None, _) if self.all_files => Choice::All,
            (None, Some(id)) if self.variant.is_empty() => Choice::File(id),
            _ => Choice::Best(Variant {
                kind: of_link.kind.clone(),
                format: self
                    .variant
                    .format
                    .clone()
                    .or_else(|| of_link.format.clone()),
                size: self.variant.size.clone().or_else(|| of_link.size.clone()),
                fp: self.variant.fp.clone().or_else(|| of_link.fp.clone()),
                quant: self.variant.quant.clone().or_else(|| of_link.quant.clone()),
            }),
        }
    }
}

fn not_an_id(id: u32) -> Failure {
    Failure::usage(Message::BadFlag {
        flag: "--file-id".to_owned(),
        problem: format!("{id} is not an id"),
    })
}

fn unfound(link: &str, failure: Failure) -> Result<Wanted, Unfound> {
    Err(Unfound {
        item: None,
        link: link.to_owned(),
        failure,
    })
}

/// What Civitai promises about the bytes. A digest that cannot be read promises nothing.
fn expected(file: &File) -> Expected {
    Expected::default()
        .with_bytes(file.bytes())
        .with_sha256(
            file.hash(HashKind::Sha256)
                .and_then(|hex| Digest::from_str(hex).ok()),
        )
        .with_blake3(
            file.hash(HashKind::Blake3)
                .and_then(|hex| Digest::from_str(hex).ok()),
        )
        .with_crc32(
            file.hash(HashKind::Crc32)
                .and_then(|hex| Digest::from_str(hex).ok()),
        )
}

/// A lease is one exchange with the site; the transfer owns the retries.
pub(crate) fn lease(
    client: Client,
    request: FileRequest,
    alternative: Option<FileRequest>,
) -> Arc<dyn UrlSource> {
    Arc::new(source_fn(move || {
        let (client, request, alternative) = (client.clone(), request.clone(), alternative.clone());
        async move { exchange(&client, &request, alternative.as_ref()).await }
    }))
}

async fn exchange(
    client: &Client,
    request: &FileRequest,
    alternative: Option<&FileRequest>,
) -> Result<Lease, LeaseError> {
    let answer = match (client.exchange(request).await, alternative) {
        (Err(error), Some(other)) if error.is_not_found() => {
            client.exchange(other).await.map_err(|_| error)
        }
        (answer, _) => answer,
    };
    match answer {
        Ok(signed) => Ok(Lease::new(signed.url).with_expires(signed.expires)),
        Err(error) => {
            let (code, transient, wait) = (error.code(), error.is_transient(), error.retry_after());
            let error = if transient {
                LeaseError::transient(error, wait)
            } else {
                LeaseError::permanent(error)
            };
            Err(error.with_code(code))
        }
    }
}

/// Links looked up at a time: enough to keep ahead of the transfers, few enough to be polite.
pub(crate) const LOOKUPS: usize = 2;
