//! Everything the program says, in English and Japanese. A message is data; each language is one exhaustive `match`,
//! so a sentence that exists in one language only does not compile.

mod bulk;
mod en;
mod flow;
mod guard;
mod help;
mod ja;
mod keys;
mod library;
mod measure;
mod place;
mod project;
mod sealed;

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use civitai_api::{Gap, UnknownName};
use civitai_download::Verified;
use civitai_library::fetch::Action;
use url::Url;

use crate::exit::Kind;
use crate::settings::Bad;

pub(crate) use bulk::{Bulk, item_word, state_word};
pub(crate) use flow::{Flow, flow_heads, status_word};
pub(crate) use guard::{Guard, verdict_word};
pub(crate) use help::{misuse, translate_help};
pub(crate) use keys::{Keys, key_heads, key_kind, key_place, key_state};
pub(crate) use library::Library;
pub(crate) use measure::{Heading, Measure, Verdict, ratio, seconds};
pub(crate) use place::Place;
pub(crate) use project::Project;
pub(crate) use sealed::Sealed;

/// A language messages exist in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lang {
    En,
    Ja,
}

impl Lang {
    pub(crate) const TAGS: &[&str] = &["en", "ja"];

    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag {
            "en" => Some(Self::En),
            "ja" => Some(Self::Ja),
            _ => None,
        }
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// The language of the locale, in the order POSIX looks for messages.
    pub(crate) fn of_locale<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(variable);
        match locale {
            Some(name) if name == "ja" || name.starts_with("ja_") || name.starts_with("ja.") => {
                Self::Ja
            }
            _ => Self::En,
        }
    }

    /// The translated first words before a library's English text.
    pub(crate) fn headline(self, kind: Kind) -> Option<&'static str> {
        match self {
            Self::En => None,
            Self::Ja => Some(ja::headline(kind)),
        }
    }
}

/// A sentence.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    AlreadyThere {
        path: PathBuf,
    },
    BadArguments {
        text: String,
    },
    BadDigest {
        place: String,
        problem: String,
    },
    BadFlag {
        flag: String,
        problem: String,
    },
    BadChoice {
        flag: String,
        choice: UnknownName,
    },
    BadLine {
        list: String,
        line: usize,
        problem: String,
    },
    BadLink {
        link: String,
        /// What is wrong with it, if more can be said than that it is none.
        problem: Option<String>,
    },
    BadName {
        path: PathBuf,
        better: String,
    },
    BadSetting {
        place: String,
        problem: Bad,
    },
    BadToml {
        path: PathBuf,
        problem: String,
    },
    /// About jobs, the emergency stop and the safe path.
    Bulk(Bulk),
    ConfigFine {
        path: PathBuf,
    },
    ConfigNothing,
    ConfigSaved {
        key: &'static str,
        path: PathBuf,
    },
    Crashed {
        message: String,
        place: String,
    },
    DemoAgain,
    DemoBegins {
        site: String,
    },
    DemoBroken {
        code: u8,
    },
    DemoCommand {
        words: String,
    },
    DemoEnds {
        files: usize,
        leases: u64,
        bytes: u64,
        leaks: u64,
    },
    DemoFaults,
    DemoInterrupt,
    DemoScan,
    DoctorAccount {
        user: String,
    },
    DoctorClock,
    DoctorClockOff {
        skew: Duration,
    },
    DoctorConfig {
        files: Vec<PathBuf>,
    },
    DoctorLittleSpace {
        bytes: u64,
    },
    DoctorNoRoots,
    DoctorNotWritable {
        path: PathBuf,
    },
    DoctorOffline,
    DoctorRoots,
    DoctorSite {
        site: Url,
        status: u16,
    },
    DoctorSpace {
        bytes: u64,
    },
    DoctorToken {
        source: String,
    },
    DoctorTokensDiffer {
        used: String,
        other: String,
    },
    DoctorWritable {
        path: PathBuf,
    },
    EditorFailed {
        editor: String,
    },
    EmptyToken,
    Fetched {
        path: PathBuf,
        resumed: bool,
        bytes: u64,
        verified: Verified,
        elapsed: Duration,
    },
    /// About what is in files, and about quarantine.
    Guard(Guard),
    Incomplete {
        gap: Gap,
    },
    Interrupted,
    /// About the models that files name.
    Flow(Flow),
    /// About keys and passphrases.
    Keys(Keys),
    /// About the library.
    Library(Library),
    LineEnd,
    ListMissing {
        path: PathBuf,
        problem: String,
    },
    LoggedIn {
        user: String,
        site: String,
    },
    LoggedOut {
        site: String,
    },
    ManyModels {
        link: String,
    },
    /// About measurements.
    Measure(Measure),
    /// About the manifest, the lock and what they lead to.
    Project(Project),
    ModelArchived,
    NameTaken {
        path: PathBuf,
    },
    NoCertificate {
        path: PathBuf,
    },
    NoEditor,
    NoFiles,
    NoHome {
        key: &'static str,
    },
    NoProject,
    NoToken,
    NoVersions,
    NotAnAddress {
        text: String,
    },
    NotASize {
        text: String,
    },
    NothingFound,
    NothingStored {
        site: String,
    },
    OneAddressOnly,
    OutputLost {
        problem: String,
    },
    PictureTellsNothing,
    /// About where files stand and what stands beside them.
    Place(Place),
    Planned {
        action: Action,
        path: PathBuf,
        /// Where it may go instead.
        other: Option<PathBuf>,
        bytes: Option<u64>,
    },
    Quarantined {
        path: PathBuf,
    },
    SameFile {
        link: String,
    },
    /// About what is encrypted and does not open.
    Sealed(Sealed),
    SecretFileIsOpen {
        path: PathBuf,
    },
    SimRunning {
        site: String,
    },
    StoppedAtLimit {
        limit: usize,
    },
    Stopping,
    Sum {
        fetched: usize,
        skipped: usize,
        linked: usize,
        failed: usize,
        interrupted: usize,
        planned: usize,
        bytes: u64,
        elapsed: Duration,
    },
    TokenDistrusted {
        key: &'static str,
        path: PathBuf,
    },
    TokenFlag,
    TokenInFile {
        key: String,
        place: String,
    },
    TokenPrompt {
        site: String,
    },
    TokenStoredInFile {
        path: PathBuf,
    },
    TokenStoredInKeyring,
    TokenUnverified,
    UnknownBaseModel {
        problem: String,
    },
    UnknownKey {
        key: String,
        place: String,
        nearest: Option<&'static str>,
    },
    UnknownTable {
        table: String,
        place: String,
        nearest: Option<&'static str>,
    },
    WaitingFor {
        path: PathBuf,
        holder: Option<u32>,
    },
    Whoami {
        user: String,
        source: String,
    },
    WrongShape {
        key: String,
        place: String,
    },
}

impl Message {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => en::say(self),
            Lang::Ja => ja::say(self),
        }
    }
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Hint {
    /// What a user can do about an error of this kind, whatever its cause.
    Kind(Kind),
    /// About jobs, the emergency stop and the safe path.
    Bulk(Bulk),
    /// When the server will listen again.
    ComeBackIn(Duration),
    /// The word that was probably meant.
    DidYouMean(String),
    /// Roots of trust are a package of the system.
    InstallRoots,
    /// Where tokens belong.
    KeepTokenOff,
    /// What to do about what is where a file belongs.
    MoveAway,
    /// What to do about what another program or release left.
    StartOver,
    /// What to do about a name that is taken.
    OtherName,
    /// About keys and passphrases.
    Keys(Keys),
    /// About what is in files, and about quarantine.
    Guard(Guard),
    /// About the library.
    Library(Library),
    /// About the manifest, the lock and what they lead to.
    Project(Project),
    /// Two tokens confuse whoever looks for the reason of a refusal.
    OneToken,
    /// The verb that lists many models.
    UseSearch,
    /// How to see the keys there are.
    SeeSettings,
    /// The forms a link may have.
    LinkForms,
    /// The clock of the system.
    SetClock,
    /// `http` and private addresses.
    PrivateOrigin,
}

impl Hint {
    pub(crate) fn for_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Usage | Kind::Unsupported => None,
            _ => Some(Self::Kind(kind)),
        }
    }

    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => en::hint(self),
            Lang::Ja => ja::hint(self),
        }
    }
}

/// A word of a table's head or of a short list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Label {
    BaseModel,
    Commercial,
    Confidence,
    Creator,
    Derivatives,
    Disabled,
    Done,
    Download,
    Downloads,
    EarlyAccess,
    Error,
    Evidence,
    Family,
    File,
    Fine,
    Format,
    Hint,
    Job,
    Level,
    Licence,
    Missing,
    Model,
    Name,
    No,
    NoCredit,
    OrVersion,
    OtherLicence,
    Permanent,
    Precision,
    Problem,
    Published,
    Rank,
    Scan,
    Size,
    Status,
    Tags,
    TrainedWords,
    Type,
    Version,
    Warning,
    Yes,
}

impl Label {
    pub(crate) fn say(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => en::label(self),
            Lang::Ja => ja::label(self),
        }
    }
}

/// Seconds with one decimal place.
fn tenths(elapsed: Duration) -> String {
    format!("{:.1}", elapsed.as_secs_f64())
}

/// A time to wait, in hours, minutes and seconds, never shorter than it is.
fn span(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 s".to_owned()
    } else {
        shown.join(" ")
    }
}

fn paths(paths: &[PathBuf], separator: &str) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(separator)
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A moment to the second, in universal time.
pub(crate) fn instant(moment: std::time::SystemTime) -> String {
    let moment = jiff::Timestamp::try_from(moment).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The candidate most like `word`, if any is like it at all.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// So many files, in English.
fn count(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses_the_language() {
        let lang = |pairs: &[(&str, &'static str)]| {
            Lang::of_locale(|name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            })
        };
        assert_eq!(lang(&[]), Lang::En);
        assert_eq!(lang(&[("LANG", "ja_JP.UTF-8")]), Lang::Ja);
        assert_eq!(lang(&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(lang(&[("LANG", "jam_JM")]), Lang::En);
    }

    #[test]
    fn every_kind_has_a_hint_in_both_languages_or_none() {
        for kind in Kind::ALL.iter().copied() {
            if let Some(hint) = Hint::for_kind(kind) {
                assert!(
                    !hint.say(Lang::En).is_empty() && !hint.say(Lang::Ja).is_empty(),
                    "{kind:?}"
                );
                assert_ne!(hint.say(Lang::En), hint.say(Lang::Ja), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_wait_is_told_in_hours_minutes_and_seconds() {
        assert_eq!(span(Duration::from_hours(1)), "1 h");
        assert_eq!(span(Duration::from_millis(90_500)), "1 min 31 s");
        assert_eq!(span(Duration::ZERO), "0 s");
    }

    #[test]
    fn likeness_has_a_floor() {
        let known = || ["base-url", "library"].into_iter();
        assert_eq!(nearest("bas-url", known()), Some("base-url"));
        assert_eq!(nearest("zzz", known()), None);
    }
}
