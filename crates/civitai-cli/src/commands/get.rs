//! `get`: from links to proved files.

use std::sync::Arc;

use civitai_api::FileId;
use civitai_api::select::{Choice, Variant};
use civitai_download::Existing;
use civitai_library::catalogue::Recorder;
use civitai_library::fetch::{Fetch, Rules};
use civitai_library::find::{self, Destination, FindError, Finder, LOOKUPS, Versions, Wish};
use civitai_library::sealing::Sealing;
use civitai_library::site::Site;
use civitai_security::crypt::Level;
use futures::stream::{self, BoxStream, StreamExt as _};

use crate::args::{Choose, GetArgs, LevelName, PassphraseArgs, format, one, unproved};
use crate::batch::{self, Batch, Found, Unread};
use crate::commands::library;
use crate::consent;
use crate::containers::Containers;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::judge;
use crate::links::{self, Entry};
use crate::network;
use crate::patience::Patience;
use crate::session::{Outcome, Session};
use crate::terms::{self, Terms};
use crate::text::{self, Hint, Message};

pub(crate) async fn run(args: GetArgs, session: &Session) -> Outcome {
    let entries = links::expand(
        &args.links.links,
        &session.settings.base_url,
        session.printer.lang(),
    );
    let is_dry_run = args.care.dry_run;
    let rules = Rules {
        wait: args.care.wait(),
        only_plan: is_dry_run,
        ..rules(&args.choose, args.care.force, session)
    };
    let fetch = Fetch {
        judge: Some(judge::of(session, args.choose.accept_unsafe)),
        recorder: recorder(session, is_dry_run).await?,
        sealing: match args.encrypt {
            Some(level) => Some(sealing(level, &args.passphrase, session).await?),
            None => None,
        },
        ..batch::fetching(session, rules)?
    };
    let finder = finder(&args.choose, session, None)?.telling(fetch.recorder.clone());
    let finder = Arc::new(if is_dry_run {
        finder
    } else {
        finder.looking_ahead(session.cancel.clone())
    });
    let found = stream::iter(entries)
        .map(|entry| follow(Arc::clone(&finder), entry))
        .buffered(LOOKUPS)
        .flatten();
    Batch::new(session).run(&fetch, found).await
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

/// How the files of links are treated.
pub(crate) fn rules(choose: &Choose, force: bool, session: &Session) -> Rules {
    Rules {
        existing: if force {
            Existing::Replace
        } else {
            Existing::Keep
        },
        unproved: unproved(choose.accept_unverified),
        ..batch::rules(&session.settings)
    }
}

/// The site, for who fetches from it.
pub(crate) fn site(session: &Session) -> Result<Site, Failure> {
    let settings = &session.settings;
    Ok(Site {
        client: network::site(session)?,
        storage: network::storage(settings, network::policy(settings, &settings.base_url)?)?,
        retry: network::retry(settings),
    })
}

/// Who finds the files that links mean. With `patience` a limit of the site is waited out; without it, it is a failure.
pub(crate) fn finder(
    choose: &Choose,
    session: &Session,
    patience: Option<Patience>,
) -> Result<Finder, Failure> {
    let settings = &session.settings;
    let site = site(session)?;
    let destination = match &choose.to {
        Some(to) => Destination::Directory(settings.layers.surroundings().directory.join(to)),
        None => Destination::Library {
            root: settings.library.clone(),
            layout: settings.layout.clone(),
        },
    };
    let patience = patience.map(|patience| Arc::new(patience) as Arc<dyn find::Patience>);
    let asker = Terms::new(session, choose.consent_real_person);
    let finder = Finder::new(site, destination)
        .wish(wish(choose)?)
        .terms(terms::policy(session)?, Arc::new(asker))
        .patience(patience);
    if choose.no_sidecars {
        return Ok(finder);
    }
    let examples = usize::try_from(choose.with_images).unwrap_or(usize::MAX);
    Ok(finder.describing(settings.layout.forms(), examples))
}

/// Every file a link means, or why there is none.
pub(crate) async fn follow(finder: Arc<Finder>, entry: Entry) -> BoxStream<'static, Found> {
    match entry.link {
        Ok(link) => finder.follow(link).await.map(Ok).boxed(),
        Err(failure) => {
            let unread = Unread {
                item: None,
                link: entry.text,
                failure,
            };
            stream::iter([Err(unread)]).boxed()
        }
    }
}

/// Why a link led to no file, in the user's terms.
pub(crate) fn failure(error: &FindError) -> Failure {
    match error {
        FindError::Archived => Failure::new(Kind::Archived, Message::ModelArchived),
        FindError::Consent => consent::missing(),
        FindError::NoFiles => Failure::new(Kind::Unsupported, Message::NoFiles),
        FindError::NoVersions => Failure::new(Kind::NotFound, Message::NoVersions),
        FindError::Untold => Failure::new(Kind::NotFound, Message::PictureTellsNothing),
        FindError::Refused(refusal) => Failure::library(Kind::Policy, refusal)
            .with_hint(Hint::Project(text::Project::PolicySays)),
        FindError::Site(error) => network::failure(error),
        FindError::Stopped => Failure::interrupted(),
        error => Failure::library(Kind::from_word(error.code()), error),
    }
}

fn wish(choose: &Choose) -> Result<Wish, Failure> {
    let variant = Variant {
        kind: None,
        format: format(choose.format.as_deref())?,
        size: one("--size", choose.size.as_deref())?,
        fp: one("--fp", choose.fp.as_deref())?,
        quant: one("--quant", choose.quant.as_deref())?,
    };
    let file = choose
        .file_id
        .map(|id| FileId::new(id.into()).ok_or_else(|| not_an_id(id)));
    Ok(Wish {
        versions: if choose.all_versions {
            Versions::All
        } else {
            Versions::Default
        },
        files: match file.transpose()? {
            Some(id) => Choice::File(id),
            None if choose.all_files => Choice::All,
            None => Choice::Best(variant),
        },
    })
}

fn not_an_id(id: u32) -> Failure {
    Failure::usage(Message::BadFlag {
        flag: "--file-id".to_owned(),
        problem: format!("{id} is not an id"),
    })
}
