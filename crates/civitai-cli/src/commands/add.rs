//! `add`: wishes for `civitai.toml`, each with the file it leads to for `civitai.lock`.

use civitai_api::link::Target;
use civitai_api::select::Variant;
use civitai_api::{FileId, Found, Link, VersionId};
use civitai_library::lock::{Lock, Locked};
use civitai_library::manifest::{Base, Change, Draft, Pick, Range, Rule, Want};
use civitai_library::path::LibraryPath;
use civitai_library::resolve::{Resolver, arrange};
use serde_json::json;

use crate::args::{AddArgs, format, one, unproved};
use crate::commands::{get, project};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::links::{self, Entry};
use crate::network;
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
    let draft = found.draft().map_err(|error| project::unreadable(&error))?;
    let mut adding = Adding {
        session,
        wish,
        resolver: project::resolver(
            session,
            &manifest,
            unproved(args.accept_unverified),
            get::recorder(session, args.dry_run).await?,
        )?,
        layout: manifest.layout.clone(),
        draft: draft.ok_or_else(|| project::no_manifest(&found))?,
        files: project::lock(&found)?.files().to_vec(),
    };
    let mut exits = Vec::new();
    for entry in entries {
        adding.add(entry, &mut exits).await?;
    }
    project::keep(&adding.resolver, session).await;
    if !args.dry_run {
        adding.draft.save().map_err(|error| Failure::io(&error))?;
        project::save(&found, &adding.lock()?)?;
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

/// The adding of wishes one after another.
struct Adding<'a> {
    session: &'a Session,
    wish: Wish,
    resolver: Resolver,
    /// The layout that the project sets for all.
    layout: Option<String>,
    draft: Draft,
    files: Vec<Locked>,
}

impl Adding<'_> {
    async fn add(&mut self, entry: Entry, exits: &mut Vec<Exit>) -> Result<(), Failure> {
        let Entry { text, link } = entry;
        let links = match link {
            Ok(link) => self.named(&link).await,
            Err(failure) => Err(failure),
        };
        let links = match links {
            Ok(links) => links,
            Err(failure) => return self.failed(&text, &failure, exits),
        };
        for link in links {
            let want = self.wish.of(&link);
            let work = self.resolver.resolve(&want, None);
            let resolved = self.session.cancel.run_until_cancelled(work).await;
            match resolved.ok_or_else(Failure::interrupted)? {
                Ok(file) => match self.put(file) {
                    Ok(()) => exits.push(Exit::Done),
                    Err(failure) => self.failed(&text, &failure, exits)?,
                },
                Err(error) => self.failed(&text, &project::unresolved(&error), exits)?,
            }
        }
        Ok(())
    }

    fn failed(&self, link: &str, failure: &Failure, exits: &mut Vec<Exit>) -> Result<(), Failure> {
        if failure.kind == Kind::Interrupted {
            return Err(failure.clone());
        }
        exits.push(project::tell_failure(self.session, link, failure));
        Ok(())
    }

    /// The models that a link names one by one: a picture names those it was made with.
    async fn named(&self, link: &Link) -> Result<Vec<String>, Failure> {
        if !matches!(link.target(), Target::Image(_) | Target::Post(_)) {
            return Ok(vec![link.input().to_owned()]);
        }
        let look = self.resolver.client.look_up(link);
        match self.session.cancel.run_until_cancelled(look).await {
            None => Err(Failure::interrupted()),
            Some(Err(error)) => Err(network::failure(&error)),
            Some(Ok(Found::Versions(ids))) if !ids.is_empty() => {
                Ok(ids.into_iter().map(|id| format!("version:{id}")).collect())
            }
            Some(Ok(_)) => Err(Failure::new(Kind::NotFound, Message::PictureTellsNothing)),
        }
    }

    /// Writes a wish and its file down, in the place of an older wish for the same.
    fn put(&mut self, mut file: Locked) -> Result<(), Failure> {
        let link = lasting(&file);
        file.wanted.link = link;
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
            let taken = text::Project::Taken { path };
            return Err(Failure::usage(Message::Project(taken)));
        }
        let file = arranged.pop().expect("what is not refused is arranged");
        let title = file.about.title.clone().unwrap_or_default();
        let change = match (self.draft.put(want, instead, &title), old) {
            (Change::Added, _) => "added",
            (Change::None, Some(old)) if old == file => "none",
            _ => "changed",
        };
        let _ = project::tell(self.session, change, &file);
        self.files.push(file);
        Ok(())
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

    fn lock(&self) -> Result<Lock, Failure> {
        Lock::new(self.files.clone()).map_err(|file| {
            let path = file.path;
            Failure::usage(Message::Project(text::Project::Taken { path }))
        })
    }
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
