//! `fetch`: the transfers of `get` for any address.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use civitai_download::digest::{Digest, DigestSet};
use civitai_download::{Existing, Expected, Redirects, Storage, Unproved};
use civitai_library::address::{FALLBACK, file_name, identity};
use civitai_library::fetch::Rules;
use civitai_security::address::Policy;
use civitai_security::{FileName, RedactedUrl, Secret, redact_text};
use futures::stream;
use url::Url;

use crate::args::FetchArgs;
use crate::batch::{self, Batch, Found, Unread, Wanted};
use crate::failure::Failure;
use crate::network;
use crate::session::{Outcome, Session};
use crate::text::{Lang, Message};

pub(crate) async fn run(args: FetchArgs, session: &Session) -> Outcome {
    let rows = rows(&args, session.printer.lang())?;
    let here = &session.settings.layers.surroundings().directory;
    let output = args.output.as_deref().map(split).transpose()?;
    let directory = match (&output, &args.to) {
        (Some((parent, _)), _) => here.join(parent),
        (None, Some(to)) => here.join(to),
        (None, None) => here.clone(),
    };
    let output = output.map(|(_, name)| name);
    let mut fetcher = Fetcher::new(directory, output, session)?;
    let wanted: Vec<Found> = rows
        .into_iter()
        .map(|row| row.and_then(|row| fetcher.wanted(row)).map(Ok))
        .collect();
    let rules = Rules {
        digests: DigestSet::NONE,
        existing: if args.care.force {
            Existing::Replace
        } else {
            Existing::Keep
        },
        // Who gives no digest asks for no proof: nobody else could promise one.
        unproved: Unproved::Accept,
        wait: args.care.wait(),
        only_plan: args.care.dry_run,
        ..batch::rules(&session.settings)
    };
    let fetch = batch::fetching(session, rules)?;
    Batch::new(session).run(&fetch, stream::iter(wanted)).await
}

/// One address and what is said about its content.
#[derive(Clone, Debug)]
pub(super) struct Row {
    address: String,
    name: Option<String>,
    expected: Expected,
}

impl Row {
    /// The address without what must not be shown.
    fn shown(&self) -> String {
        redact_text(&self.address).into_owned()
    }
}

/// Makes transfers of rows.
pub(super) struct Fetcher<'a> {
    session: &'a Session,
    directory: PathBuf,
    output: Option<FileName>,
    token: Option<Secret>,
    /// One client a policy: an address on this machine must not open the way to others.
    storages: Vec<(Policy, Storage)>,
}

impl<'a> Fetcher<'a> {
    /// Files for `directory`, the only one of them under the name `output` if there is one.
    pub(super) fn new(
        directory: PathBuf,
        output: Option<FileName>,
        session: &'a Session,
    ) -> Result<Self, Failure> {
        let token =
            network::usable_token(&session.settings, &session.printer)?.map(|found| found.token);
        Ok(Self {
            session,
            directory,
            output,
            token,
            storages: Vec::new(),
        })
    }

    pub(super) fn wanted(&mut self, row: Row) -> Result<Wanted, Unread> {
        let shown = row.shown();
        let unread = |failure| Unread {
            item: None,
            link: shown.clone(),
            failure,
        };
        let url = address(&row.address).map_err(unread)?;
        let storage = self.storage(&url).map_err(unread)?;
        let name = match (&self.output, &row.name) {
            (Some(output), _) => output.clone(),
            (None, Some(name)) => FileName::clean(name, FALLBACK),
            (None, None) => file_name(&url),
        };
        let mut source = Redirects::new(url.clone());
        if let Some(token) = &self.token {
            let origins = network::ways(&self.session.settings).token_origins();
            source = source.with_credential(token.clone(), &origins);
        }
        Ok(Wanted {
            link: RedactedUrl::new(url.clone()).to_string(),
            ticket: None,
            origin: None,
            identity: identity(&url),
            root: self.directory.clone(),
            directory: self.directory.clone(),
            name,
            other: None,
            expected: row.expected,
            source: Arc::new(source),
            storage,
            pinned: None,
            description: None,
            terms: None,
            site_scan: None,
            shares: false,
        })
    }

    fn storage(&mut self, url: &Url) -> Result<Storage, Failure> {
        let settings = &self.session.settings;
        let policy = network::policy(settings, url)?;
        if let Some((_, storage)) = self.storages.iter().find(|(known, _)| *known == policy) {
            return Ok(storage.clone());
        }
        let storage = network::storage(settings, policy.clone())?;
        self.storages.push((policy, storage.clone()));
        Ok(storage)
    }
}

fn rows(args: &FetchArgs, lang: Lang) -> Result<Vec<Result<Row, Unread>>, Failure> {
    let several = args.urls.len() > 1;
    if several && (args.output.is_some() || args.sha256.is_some() || args.blake3.is_some()) {
        return Err(Failure::usage(Message::OneAddressOnly));
    }
    let expected = Expected::default()
        .with_sha256(
            args.sha256
                .as_deref()
                .map(|hex| digest("--sha256", hex))
                .transpose()?,
        )
        .with_blake3(
            args.blake3
                .as_deref()
                .map(|hex| digest("--blake3", hex))
                .transpose()?,
        );
    let typed = args.urls.iter().map(|url| {
        Ok(Row {
            address: url.clone(),
            name: None,
            expected: expected.clone(),
        })
    });
    let mut rows: Vec<_> = typed.collect();
    if let Some(path) = &args.list {
        rows.extend(list(path, lang)?);
    }
    Ok(rows)
}

/// Reads a list. A bad line is reported in its place, and the rest goes on.
fn list(path: &Path, lang: Lang) -> Result<Vec<Result<Row, Unread>>, Failure> {
    let rows = lines(path)?.into_iter().map(|(number, line)| {
        row(&line).map_err(|unread| Unread {
            failure: bad_line(path, number, &unread.failure, lang),
            ..unread
        })
    });
    Ok(rows.collect())
}

/// What is wrong with a line of a list.
pub(super) fn bad_line(path: &Path, line: usize, failure: &Failure, lang: Lang) -> Failure {
    Failure::usage(Message::BadLine {
        list: path.display().to_string(),
        line,
        problem: failure.message(lang),
    })
}

/// The lines of a list that say something, with their numbers.
pub(super) fn lines(path: &Path) -> Result<Vec<(usize, String)>, Failure> {
    let mut text = String::new();
    let read = |mut from: Box<dyn std::io::Read>, text: &mut String| from.read_to_string(text);
    let from: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(fs_err::File::open(path).map_err(|error| Failure::usage_io(&error))?)
    };
    read(Box::new(from.take(LONGEST_LIST)), &mut text).map_err(|error| {
        Failure::usage(Message::ListMissing {
            path: path.to_owned(),
            problem: error.to_string(),
        })
    })?;
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    Ok(lines
        .map(|(line, number)| (number, line.to_owned()))
        .collect())
}

pub(super) fn row(line: &str) -> Result<Row, Unread> {
    let mut fields = line.split('\t').map(str::trim);
    let mut next = || fields.next().filter(|field| !field.is_empty());
    let address = next().unwrap_or_default().to_owned();
    let name = next().map(str::to_owned);
    let (sha256, bytes) = (next(), next());
    let unread = |failure| Unread {
        item: None,
        link: redact_text(&address).into_owned(),
        failure,
    };
    self::address(&address).map_err(unread)?;
    let sha256 = sha256
        .map(|hex| digest("sha256", hex))
        .transpose()
        .map_err(unread)?;
    let bytes = bytes
        .map(|text| text.parse().map_err(|_| not_a_size(text)))
        .transpose()
        .map_err(unread)?;
    Ok(Row {
        address,
        name,
        expected: Expected::default().with_sha256(sha256).with_bytes(bytes),
    })
}

fn not_a_size(text: &str) -> Failure {
    Failure::usage(Message::NotASize {
        text: text.to_owned(),
    })
}

fn digest(place: &str, hex: &str) -> Result<Digest<32>, Failure> {
    Digest::from_str(hex).map_err(|error| {
        Failure::usage(Message::BadDigest {
            place: place.to_owned(),
            problem: error.to_string(),
        })
    })
}

fn address(text: &str) -> Result<Url, Failure> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Failure::usage(Message::NotAnAddress {
            text: redact_text(text).into_owned(),
        })),
    }
}

/// The directory of an output path, and its name exactly as the user gave it or not at all.
fn split(path: &Path) -> Result<(PathBuf, FileName), Failure> {
    let given = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let name = FileName::clean(given, FALLBACK);
    if given.is_empty() || name.as_str() != given {
        return Err(Failure::usage(Message::BadName {
            path: path.to_owned(),
            better: name.as_str().to_owned(),
        }));
    }
    Ok((path.parent().unwrap_or(Path::new("")).to_owned(), name))
}

/// About a million files.
const LONGEST_LIST: u64 = 256 << 20;
