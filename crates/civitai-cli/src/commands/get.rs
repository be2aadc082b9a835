//! `get`: from links to proved files.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use civitai_api::select::{Choice, FileRequest, Variant, select};
use civitai_api::{
    Client, File, FileId, Found, HashKind, Link, Model, ModelId, ModelType, Version, VersionId,
};
use civitai_download::digest::{Digest, DigestSet};
use civitai_download::lease::source_fn;
use civitai_download::{Existing, Expected, Lease, LeaseError, Storage, Unproved, UrlSource};
use civitai_security::FileName;
use futures::stream::{self, BoxStream, StreamExt as _};

use crate::args::{GetArgs, format, one};
use crate::batch::{Batch, Ids, Rules, Unfound, Wanted};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::links::{self, Entry};
use crate::network;
use crate::session::{Outcome, Session};
use crate::text::Message;

pub(crate) async fn run(args: GetArgs, session: &Session) -> Outcome {
    let entries = links::expand(
        &args.links.links,
        &session.settings.base_url,
        session.printer.lang(),
    );
    let rules = Rules {
        digests: DigestSet::ALL,
        existing: if args.care.force {
            Existing::Replace
        } else {
            Existing::Keep
        },
        unproved: if args.accept_unverified {
            Unproved::Accept
        } else {
            Unproved::Refuse
        },
        wait: args.care.wait(),
        dry_run: args.care.dry_run,
    };
    let finder = Arc::new(Finder::new(&args, session)?);
    tell_of_limits(&args, session);
    let found = stream::iter(entries)
        .map(|entry| Arc::clone(&finder).follow(entry))
        .buffered(LOOKUPS)
        .flatten();
    Batch::new(session, rules).run(found).await
}

/// What the command line promises for later is said now, to those who asked for details.
fn tell_of_limits(args: &GetArgs, session: &Session) {
    let printer = &session.printer;
    if args.with_images > 0 {
        printer.warn(&Message::ImagesLater);
    }
    printer.detail(&Message::ScanLater);
    if args.to.is_none() {
        printer.detail(&Message::LayoutLater {
            layout: session.settings.layout.clone(),
        });
    }
    if !args.no_sidecars {
        printer.detail(&Message::SidecarsLater);
    }
}

/// Finds the files that links mean.
struct Finder {
    client: Client,
    storage: Storage,
    directory: PathBuf,
    wish: Wish,
}

/// Which versions and files are wanted where a link leaves it open.
struct Wish {
    file: Option<FileId>,
    all_files: bool,
    all_versions: bool,
    variant: Variant,
}

type Finds = BoxStream<'static, Result<Wanted, Unfound>>;

impl Finder {
    fn new(args: &GetArgs, session: &Session) -> Result<Self, Failure> {
        let settings = &session.settings;
        let here = &settings.layers.surroundings().directory;
        Ok(Self {
            client: network::site(session)?,
            storage: network::storage(settings, network::policy(settings, &settings.base_url)?)?,
            directory: args
                .to
                .as_ref()
                .map_or_else(|| settings.library.clone(), |to| here.join(to)),
            wish: Wish::new(args)?,
        })
    }

    /// Every file a link means, or why there is none.
    async fn follow(self: Arc<Self>, entry: Entry) -> Finds {
        let Entry { text, link } = entry;
        let found = match &link {
            Ok(link) => self.look_up(link).await,
            Err(failure) => Err(failure.clone()),
        };
        match found {
            Ok(Found::Model(model)) => stream::iter(self.of_model(&text, &model)).boxed(),
            Ok(Found::Version {
                version,
                file,
                variant,
            }) => {
                let choice = self.wish.choice(file, &variant);
                stream::iter(self.of_version(&text, None, &version, &choice)).boxed()
            }
            Ok(Found::Versions(ids)) => self.of_versions(text, ids),
            Ok(Found::Models(search)) => {
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

    async fn look_up(&self, link: &Link) -> Result<Found, Failure> {
        self.client
            .look_up(link)
            .await
            .map_err(|error| network::failure(&error))
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
                match this.client.version(id).await {
                    Ok(version) => this.of_version(
                        &text,
                        None,
                        &version,
                        &this.wish.choice(None, &Variant::default()),
                    ),
                    Err(error) => vec![unfound(&text, network::failure(&error))],
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
        if mode == Some(&civitai_api::model::ModelMode::Archived) {
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
        let owner = model.map(|model| model.id).or_else(|| version.owner());
        match select(version, choice, kind) {
            Ok(files) => files
                .into_iter()
                .map(|file| Ok(self.wanted(text, owner, version, file)))
                .collect(),
            Err(error) => vec![unfound(text, Failure::library(Kind::NotFound, &error))],
        }
    }

    fn wanted(&self, text: &str, model: Option<ModelId>, version: &Version, file: &File) -> Wanted {
        Wanted {
            link: text.to_owned(),
            ids: Ids {
                model_id: model.map(ModelId::get),
                version_id: Some(version.id.get()),
                file_id: Some(file.id.get()),
            },
            directory: self.directory.clone(),
            name: FileName::clean(file.display_name(), &file.id.to_string()),
            identity: format!("civitai:{}:{}", version.id, file.id),
            expected: expected(file),
            source: lease(self.client.clone(), version, file),
            storage: self.storage.clone(),
        }
    }
}

impl Wish {
    fn new(args: &GetArgs) -> Result<Self, Failure> {
        let variant = Variant {
            kind: None,
            format: format(args.format.as_deref())?,
            size: one("--size", args.size.as_deref())?,
            fp: one("--fp", args.fp.as_deref())?,
            quant: one("--quant", args.quant.as_deref())?,
        };
        Ok(Self {
            file: args
                .file_id
                .map(|id| FileId::new(id.into()).ok_or_else(|| not_an_id(id)))
                .transpose()?,
            all_files: args.all_files,
            all_versions: args.all_versions,
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
fn lease(client: Client, version: &Version, file: &File) -> Arc<dyn UrlSource> {
    let request = FileRequest::new(version, file);
    let alternative = request.alternative(file);
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
const LOOKUPS: usize = 2;
