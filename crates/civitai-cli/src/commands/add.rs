//! `add`: wishes for `civitai.toml`, each with the file it leads to for `civitai.lock`.

use civitai_api::select::Variant;
use civitai_api::{FileId, VersionId};
use civitai_library::add::{AddError, Added, Adding, SaveError};
use civitai_library::manifest::{Base, Pick, Range, Rule, Want};
use civitai_library::path::LibraryPath;
use serde_json::json;

use crate::args::{AddArgs, format, one, unproved};
use crate::commands::{get, project};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::links::{self, Entry};
use crate::session::{Outcome, Session};
use crate::settings::{Key, Origin};
use crate::text::{self, Message};

pub(crate) async fn run(args: AddArgs, session: &Session) -> Outcome {
    let exits = all(&args, session).await?;
    let printer = &session.printer;
    if printer.is_json() {
        let failed = exits.iter().filter(|exit| **exit != Exit::Done).count();
        let line = json!({ "count": exits.len() - failed, "failed": failed });
        printer.record("summary", &line)?;
    }
    Ok(Exit::of_items(&exits))
}

/// Adds every link and tells what became of each.
pub(crate) async fn all(args: &AddArgs, session: &Session) -> Result<Vec<Exit>, Failure> {
    let found = project::find(session)?;
    let entries = links::expand(
        &args.links.links,
        &session.settings.base_url,
        session.printer.lang(),
    );
    let wish = Wish::new(args, session, entries.len())?;
    let _held = project::hold(&found)?;
    let manifest = project::manifest(&found)?;
    let resolver = project::resolver(
        session,
        &manifest,
        unproved(args.accept_unverified),
        get::recorder(session, args.dry_run).await?,
    )?;
    let adding = Adding::of(&found, &manifest, resolver);
    let adding = adding.map_err(|error| project::unreadable(&error))?;
    let mut asked = Asked {
        session,
        wish,
        adding: adding.ok_or_else(|| project::no_manifest(&found))?,
    };
    let mut exits = Vec::new();
    for entry in entries {
        asked.add(entry, &mut exits).await?;
    }
    project::keep(asked.adding.resolver(), session).await;
    if !args.dry_run {
        asked.adding.save(&found).map_err(|error| match error {
            SaveError::Read(error) => project::unreadable(&error),
            error => Failure::library(Kind::Usage, &error),
        })?;
    }
    if exits.contains(&Exit::Done) && !args.dry_run && !session.printer.is_json() {
        session
            .printer
            .say(&Message::Project(text::Project::SyncNow));
    }
    Ok(exits)
}

/// What the flags say of every wish.
struct Wish {
    rule: Rule,
    pick: Pick,
    path: Option<LibraryPath>,
    layout: Option<String>,
}

impl Wish {
    fn new(args: &AddArgs, session: &Session, links: usize) -> Result<Self, Failure> {
        let bad = |flag: &str, problem: String| {
            Failure::usage(Message::BadFlag {
                flag: flag.to_owned(),
                problem,
            })
        };
        let path = args
            .path
            .as_deref()
            .map(LibraryPath::parse)
            .transpose()
            .map_err(|error| bad("--path", error.to_string()))?;
        if path.is_some() && links > 1 {
            return Err(Failure::usage(Message::Project(text::Project::OneLinkOnly)));
        }
        let choose = args.choose();
        let variant = Variant {
            kind: None,
            format: format(choose.format.as_deref())?,
            size: one("--size", choose.size.as_deref())?,
            fp: one("--fp", choose.fp.as_deref())?,
            quant: one("--quant", choose.quant.as_deref())?,
        };
        let file = choose.file_id.map(|id| FileId::new(id.into()));
        let layout = &session.settings.layers;
        Ok(Self {
            rule: rule(args).ok_or_else(|| {
                let given = args.version.as_deref().unwrap_or_default();
                let known = "an id, default, latest or latest-same-base";
                bad("--version", format!("`{given}` is none of: {known}"))
            })?,
            pick: match file {
                Some(Some(id)) => Pick::File(id),
                Some(None) => return Err(bad("--file-id", "0 is not an id".to_owned())),
                None if variant.is_empty() => Pick::default(),
                None => Pick::Variants(vec![variant]),
            },
            path,
            // What the user says of this file alone is written down with it.
            layout: matches!(layout.origin(Key::Layout), Origin::Flag)
                .then(|| session.settings.layout.to_string()),
        })
    }

    fn of(&self, link: &str) -> Want {
        Want {
            link: link.to_owned(),
            rule: self.rule.clone(),
            pick: self.pick.clone(),
            path: self.path.clone(),
            layout: self.layout.clone(),
        }
    }
}

/// The version a flag asks for; nothing where it cannot be understood.
fn rule(args: &AddArgs) -> Option<Rule> {
    let base = args.base.as_deref();
    let base = base.map(|name| Base::Named(name.parse().unwrap_or_else(|_| name.into())));
    Some(match (args.version.as_deref(), base) {
        (None | Some("latest"), Some(base)) => Rule::Latest(Range {
            base: Some(base),
            ..Range::default()
        }),
        (None | Some("default"), None) => Rule::Default,
        (Some("latest"), None) => Rule::Latest(Range::default()),
        (Some("latest-same-base"), None) => Rule::Latest(Range::same_base()),
        (Some(id), None) => Rule::Exactly(VersionId::new(id.parse().ok()?)?),
        (Some(_), Some(_)) => return None,
    })
}

/// The adding of what the links of a command line name.
struct Asked<'a> {
    session: &'a Session,
    wish: Wish,
    adding: Adding,
}

impl Asked<'_> {
    async fn add(&mut self, entry: Entry, exits: &mut Vec<Exit>) -> Result<(), Failure> {
        let Entry { text, link } = entry;
        let links = match link {
            Ok(link) => self.wait(self.adding.named(&link)).await,
            Err(failure) => Err(failure),
        };
        let links = match links {
            Ok(links) => links,
            Err(failure) => return self.failed(&text, &failure, exits),
        };
        for link in links {
            let (want, cancel) = (self.wish.of(&link), &self.session.cancel);
            let added = cancel.run_until_cancelled(self.adding.add(&want)).await;
            match added.ok_or_else(Failure::interrupted)? {
                Ok(Added { file, change }) => {
                    let _ = project::tell(self.session, change.as_str(), &file);
                    exits.push(Exit::Done);
                }
                Err(error) => self.failed(&text, &refused(error), exits)?,
            }
        }
        Ok(())
    }

    async fn wait<T>(&self, work: impl Future<Output = Result<T, AddError>>) -> Result<T, Failure> {
        let done = self.session.cancel.run_until_cancelled(work).await;
        done.ok_or_else(Failure::interrupted)?.map_err(refused)
    }

    fn failed(&self, link: &str, failure: &Failure, exits: &mut Vec<Exit>) -> Result<(), Failure> {
        if failure.kind == Kind::Interrupted {
            return Err(failure.clone());
        }
        exits.push(project::tell_failure(self.session, link, failure));
        Ok(())
    }
}

/// Why a wish was not added, in the user's terms.
fn refused(error: AddError) -> Failure {
    match error {
        AddError::Resolve(error) => project::unresolved(&error),
        AddError::Taken { path } => Failure::usage(Message::Project(text::Project::Taken { path })),
        AddError::Untold => Failure::new(Kind::NotFound, Message::PictureTellsNothing),
        error => Failure::library(Kind::Usage, &error),
    }
}
