//! English.

use civitai_download::Verified;
use civitai_library::fetch::Action;

use super::{Hint, Label, Lang, Message, paths, size, span, tenths};
use crate::exit::Kind;
use crate::settings::Bad;

pub(super) fn say(message: &Message) -> String {
    match message {
        Message::AlreadyThere { path } => {
            format!("{} is already there and verified", path.display())
        }
        Message::BadArguments { text } => text.clone(),
        Message::BadDigest { place, problem } => format!("{place}: {problem}"),
        Message::BadChoice { flag, choice } => format!("{flag}: {choice}"),
        Message::BadFlag { flag, problem } => format!("{flag}: {problem}"),
        Message::BadLine {
            list,
            line,
            problem,
        } => format!("{list}, line {line}: {problem}"),
        Message::BadLink { link, problem } => match problem {
            Some(problem) => format!("`{link}` is not a link this program knows: {problem}"),
            None => format!("`{link}` is not a link this program knows"),
        },
        Message::BadName { path, better } => {
            format!(
                "{} does not end in a name that is safe on every system; {better} would be",
                path.display()
            )
        }
        Message::BadSetting { place, problem } => format!("{place}: {}", bad(problem)),
        Message::BadToml { path, problem } => {
            format!("{} is not valid TOML: {problem}", path.display())
        }
        Message::Bulk(bulk) => bulk.say(Lang::En),
        Message::ConfigFine { path } => format!("{} is fine", path.display()),
        Message::ConfigNothing => {
            "there is no file of settings; the defaults are in use".to_owned()
        }
        Message::ConfigSaved { key, path } => format!("{key} saved in {}", path.display()),
        Message::Crashed { message, place } => format!("this is a bug: {message} ({place})"),
        Message::DemoAgain => {
            "\nagain: what is there is verified, and nothing is asked of the storage".to_owned()
        }
        Message::DemoBegins { site } => {
            format!("a simulator of Civitai runs at {site}; nothing leaves this machine")
        }
        Message::DemoBroken { code } => format!("a step ended with {code}, which it should not"),
        Message::DemoCommand { words } => format!("\n$ civitai-dl {words}"),
        Message::DemoEnds {
            files,
            leases,
            bytes,
            leaks,
        } => format!(
            "\n{files} files cost {leases} leases and {} of traffic; storage saw {leaks} tokens, cookies or HEADs",
            size(*bytes)
        ),
        Message::DemoFaults => {
            "\nfrom now on connections are reset, a server stalls, a lease expires, storages change"
                .to_owned()
        }
        Message::DemoInterrupt => {
            "\na transfer is interrupted on the way, then the same command goes on".to_owned()
        }
        Message::DemoScan => {
            "\nwhat the files could do when they are loaded, found without running any of them"
                .to_owned()
        }
        Message::DoctorAccount { user } => format!("the site knows the token as {user}"),
        Message::DoctorClock => "this machine's clock agrees with the site's".to_owned(),
        Message::DoctorClockOff { skew } => {
            format!("this machine's clock is {} s off", skew.as_secs())
        }
        Message::DoctorConfig { files } => format!("read {}", paths(files, ", ")),
        Message::DoctorLittleSpace { bytes } => {
            format!("only {} are free for the library", size(*bytes))
        }
        Message::DoctorNoRoots => "this system has no certificate authorities".to_owned(),
        Message::DoctorNotWritable { path } => format!("{} cannot be written to", path.display()),
        Message::DoctorOffline => "not contacted, as asked".to_owned(),
        Message::DoctorRoots => "certificate authorities are there".to_owned(),
        Message::DoctorSite { site, status } => format!("{site} answers (status {status})"),
        Message::DoctorSpace { bytes } => format!("{} are free for the library", size(*bytes)),
        Message::DoctorToken { source } => format!("a token is there, from {source}"),
        Message::DoctorTokensDiffer { used, other } => {
            format!("the token from {used} is used; the one from {other} is a different one")
        }
        Message::DoctorWritable { path } => format!("{} can be written to", path.display()),
        Message::EditorFailed { editor } => {
            format!("{editor} did not end well; the file was not checked")
        }
        Message::EmptyToken => "the token is empty".to_owned(),
        Message::Fetched {
            path,
            resumed,
            bytes,
            verified,
            elapsed,
        } => {
            let how = if *resumed { "resumed" } else { "downloaded" };
            let proof = match verified {
                Verified::None => "not verified".to_owned(),
                proof => format!("{proof} verified"),
            };
            format!(
                "{how} {} ({}, {proof}, {})",
                path.display(),
                size(*bytes),
                format_args!("{} s", tenths(*elapsed))
            )
        }
        Message::Flow(flow) => flow.say(Lang::En),
        Message::Keys(keys) => keys.say(Lang::En),
        Message::Incomplete { gap } => format!("the list may be incomplete: {gap}"),
        Message::Interrupted => "interrupted".to_owned(),
        Message::Guard(guard) => guard.say(Lang::En),
        Message::Library(library) => library.say(Lang::En),
        Message::LineEnd => "\n".to_owned(),
        Message::ListMissing { path, problem } => {
            format!("cannot read the list {}: {problem}", path.display())
        }
        Message::LoggedIn { user, site } => format!("logged in to {site} as {user}"),
        Message::LoggedOut { site } => format!("the token for {site} is forgotten"),
        Message::ManyModels { link } => format!("{link} means many models, not one"),
        Message::Measure(measure) => measure.say(Lang::En),
        Message::Project(project) => project.say(Lang::En),
        Message::ModelArchived => "the model is archived and cannot be downloaded".to_owned(),
        Message::NameTaken { path } => {
            format!("a different file is already at {}", path.display())
        }
        Message::NoCertificate { path } => format!("{} holds no certificate", path.display()),
        Message::NoEditor => "neither $VISUAL nor $EDITOR names an editor".to_owned(),
        Message::NoFiles => "this link leads to no files".to_owned(),
        Message::NoHome { key } => format!("there is no home directory to put {key} in; set it"),
        Message::NoProject => "there is no civitai.toml in or above this directory".to_owned(),
        Message::NoToken => "no token is configured".to_owned(),
        Message::NoVersions => "the model has no published version".to_owned(),
        Message::NotAnAddress { text } => format!("`{text}` is not an http or https address"),
        Message::NotASize { text } => format!("`{text}` is not a number of bytes"),
        Message::NothingFound => "nothing found".to_owned(),
        Message::NothingStored { site } => format!("no token is stored for {site}"),
        Message::OneAddressOnly => {
            "--output, --sha256 and --blake3 are for one address; use --list for several".to_owned()
        }
        Message::OutputLost { problem } => format!("cannot write to standard output: {problem}"),
        Message::PictureTellsNothing => {
            "the site does not know what the picture was made with".to_owned()
        }
        Message::Place(place) => place.say(Lang::En),
        Message::Planned {
            action,
            path,
            other,
            bytes,
        } => {
            let action = match action {
                Action::Download => "download",
                Action::Link => "link",
                Action::Resume => "resume",
                Action::Skip => "skip",
            };
            let other = other.as_ref().map_or_else(String::new, |other| {
                format!(
                    "\n  or {}: its header, which a dry run does not ask for, tells which",
                    other.display()
                )
            });
            format!(
                "{action} {} ({}){other}",
                path.display(),
                bytes.map_or("size unknown".to_owned(), size)
            )
        }
        Message::Quarantined { path } => {
            format!("the bytes are kept as they came in {}", path.display())
        }
        Message::SameFile { link } => format!("{link} is a file this run has already"),
        Message::Sealed(sealed) => sealed.say(Lang::En),
        Message::SecretFileIsOpen { path } => {
            format!(
                "{} can be read by others; run: chmod 600 {0}",
                path.display()
            )
        }
        Message::SimRunning { site } => format!("simulator running at {site}; Ctrl-C stops it"),
        Message::StoppedAtLimit { limit } => {
            format!("stopped at {limit}, there may be more: see them with --limit N or --all")
        }
        Message::Stopping => "stopping; press Ctrl-C again to quit at once".to_owned(),
        Message::Sum { planned, bytes, .. } if *planned > 0 => {
            format!("{planned} files, {}", size(*bytes))
        }
        Message::Sum {
            fetched,
            skipped,
            linked,
            failed,
            interrupted,
            bytes,
            elapsed,
            ..
        } => {
            let stopped = match interrupted {
                0 => String::new(),
                count => format!(", {count} interrupted"),
            };
            let shared = match linked {
                0 => String::new(),
                count => format!(", {count} linked"),
            };
            format!(
                "{fetched} fetched, {skipped} already there{shared}, {failed} failed{stopped}; {} in {}",
                size(*bytes),
                format_args!("{} s", tenths(*elapsed))
            )
        }
        Message::TokenDistrusted { key, path } => format!(
            "{key} comes from {}: no token is sent; repeat it as a flag if you trust that file",
            path.display()
        ),
        Message::TokenFlag => {
            "a token is not taken from the command line, where every user can read it".to_owned()
        }
        Message::TokenInFile { key, place } => {
            format!("`{key}` in {place}: a token is not kept in a file of settings")
        }
        Message::TokenPrompt { site } => format!("API token for {site} (not shown): "),
        Message::TokenStoredInFile { path } => format!(
            "no keyring is available: the token is in {}, readable by you alone, but not encrypted",
            path.display()
        ),
        Message::TokenStoredInKeyring => "the token is in the keyring of this system".to_owned(),
        Message::TokenUnverified => "token stored without asking the site".to_owned(),
        Message::UnknownBaseModel { problem } => problem.clone(),
        Message::UnknownKey {
            key,
            place,
            nearest,
        } => {
            format!("unknown key `{key}` in {place}{}", did_you_mean(*nearest))
        }
        Message::UnknownTable {
            table,
            place,
            nearest,
        } => {
            format!(
                "unknown table or key `{table}` in {place}{}",
                did_you_mean(*nearest)
            )
        }
        Message::WaitingFor { path, holder } => {
            let who = holder.map_or("another process".to_owned(), |id| format!("process {id}"));
            format!("waiting for {who}, which works on {}", path.display())
        }
        Message::Whoami { user, source } => format!("{user} (token from {source})"),
        Message::WrongShape { key, place } => {
            format!("`{key}` in {place} must be a text, a whole number or true/false")
        }
    }
}

fn bad(problem: &Bad) -> String {
    match problem {
        Bad::NotOneOf {
            text,
            known,
            nearest,
        } => {
            format!(
                "`{text}` is not one of {}{}",
                known.join(", "),
                did_you_mean(*nearest)
            )
        }
        Bad::NotANumber { text } => format!("`{text}` is neither auto nor a number from 1 to 64"),
        Bad::NotARate { text } => format!("`{text}` is not a rate like 500K, 20M or 1GiB"),
        Bad::NotATime { text } => format!("`{text}` is not a time like 90, 60s or 2m"),
        Bad::NotAnOrigin { text } => format!("`{text}` is not a site like https://civitai.com"),
        Bad::NotAProxy { text } => {
            format!("`{text}` is not a proxy like http://host:3128 or socks5://host:1080")
        }
        Bad::NotALayout { problem } => format!("the template cannot be used: {problem}"),
        Bad::UnknownVariable { name, nearest } => {
            format!(
                "unknown template variable `{name}`{}",
                did_you_mean(*nearest)
            )
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

pub(super) fn hint(hint: &Hint) -> String {
    let text = match hint {
        Hint::Bulk(bulk) => return bulk.say(Lang::En),
        Hint::Keys(keys) => return keys.say(Lang::En),
        Hint::Guard(guard) => return guard.say(Lang::En),
        Hint::Library(library) => return library.say(Lang::En),
        Hint::Project(project) => return project.say(Lang::En),
        Hint::DidYouMean(word) => return format!("did you mean `{word}`?"),
        Hint::ComeBackIn(wait) => {
            return format!("come back in {}, or raise --max-wait", span(*wait));
        }
        Hint::MoveAway => "move it away, or choose another directory or name",
        Hint::StartOver => {
            "move the journal and the .part file beside it away to start over; nothing of them was changed"
        }
        Hint::OtherName => {
            "choose another directory or name; --force replaces the file once the new one is verified"
        }
        Hint::Kind(kind) => kind_hint(*kind),
        Hint::InstallRoots => {
            "install the package ca-certificates, or name a PEM file with --ca-file"
        }
        Hint::OneToken => "remove the one you do not mean",
        Hint::SetClock => "set the clock; signed addresses and certificates depend on it",
        Hint::KeepTokenOff => {
            "run `civitai-dl login`, or set CIVITAI_TOKEN, or use --token-file FILE"
        }
        Hint::UseSearch => "use `civitai-dl search` to list them",
        Hint::SeeSettings => {
            "`civitai-dl config show --origin` lists every setting and where it comes from"
        }
        Hint::LinkForms => {
            "give a model or version id, a page or download URL, an AIR URN or a hash; quote URLs with `&`"
        }
        Hint::PrivateOrigin => {
            "public sites need https; --allow-private-network is for those of your own network"
        }
    };
    text.to_owned()
}

fn kind_hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "see `civitai-dl help`",
        Kind::Unsupported => "the site's API does not offer this",
        Kind::DeepPaging => "narrow the search with filters",
        Kind::LoginRequired => {
            "run `civitai-dl login`, or set CIVITAI_TOKEN; tokens are made at /user/account on the site"
        }
        Kind::BadToken => {
            "make a new token at /user/account on the site and run `civitai-dl login`"
        }
        Kind::DownloadsDisabled => "the creator allows use on the site only; no token changes that",
        Kind::EarlyAccess => "buy access on the site, or come back when early access has ended",
        Kind::NoAccess => "log in with an account that may download this",
        Kind::RegionBlocked => {
            "the site decides by the address you come from; no token changes that"
        }
        Kind::NotFound => "check the id on the site; it may have been unpublished or deleted",
        Kind::Archived => "the creator archived it; look for another version",
        Kind::StorageOutage => {
            "the file exists but its storage does not answer; run the same command again later"
        }
        Kind::Server => "the server failed repeatedly; run the same command again later",
        Kind::Network => {
            "check the connection, --proxy and --ca-file, then run the same command again"
        }
        Kind::Timeout => "the server was too slow; run the same command again",
        Kind::Quota => {
            "it counts the last 24 hours: come back tomorrow; what is finished is not fetched again"
        }
        Kind::RateLimited => "wait as long as the server asks, or raise --max-wait",
        Kind::Integrity => "the bytes are in quarantine; run the command again to fetch them anew",
        Kind::Unverified => "add --accept-unverified to take a file nobody vouches for",
        Kind::NoSpace => "free some space, or choose another directory; what is there will be used",
        Kind::Io => "check that the path exists and that you may write there",
        Kind::Locked => "wait for it to end: --wait does so and then goes on",
        Kind::UnsafeContent => {
            "`civitai-dl quarantine list` shows what was kept; --accept-unsafe takes such files all the same"
        }
        Kind::UnsafeAddress => {
            "only public addresses over https are followed; --allow-private-network adds those of your own network"
        }
        Kind::Policy => "a policy forbids it",
        Kind::Interrupted => "run the same command again to go on where it stopped",
        Kind::Internal => "please report this with the output of the same command under -vv",
    }
}

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::BaseModel => "base model",
        Label::Commercial => "commercial use",
        Label::Confidence => "confidence",
        Label::Evidence => "evidence",
        Label::Family => "family",
        Label::Format => "format",
        Label::Precision => "precision",
        Label::Rank => "rank",
        Label::Creator => "creator",
        Label::Derivatives => "derivatives",
        Label::Disabled => "disabled by the creator",
        Label::Done => "done",
        Label::Download => "download",
        Label::Downloads => "downloads",
        Label::EarlyAccess => "early access until",
        Label::Error => "error",
        Label::File => "file",
        Label::Fine => "ok",
        Label::Hint => "hint",
        Label::Job => "job",
        Label::Level => "level",
        Label::Licence => "licence",
        Label::Missing => "missing",
        Label::Model => "model",
        Label::Name => "name",
        Label::No => "no",
        Label::NoCredit => "without credit",
        Label::OtherLicence => "other licence",
        Label::OrVersion => "or a version",
        Label::Permanent => "bought",
        Label::Problem => "fail",
        Label::Published => "published",
        Label::Scan => "scan",
        Label::Size => "size",
        Label::Status => "status",
        Label::Tags => "tags",
        Label::TrainedWords => "trained words",
        Label::Type => "type",
        Label::Version => "version",
        Label::Warning => "warning",
        Label::Yes => "yes",
    }
}
