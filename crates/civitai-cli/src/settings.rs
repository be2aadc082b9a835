//! Settings: flag, then environment, then project file, then user file, then default. Every value remembers where it
//! was written, so that a wrong one is named by its place.

pub(crate) mod file;
pub(crate) mod kept;
mod layer;
pub(crate) mod token;
mod value;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use civitai_download::Jobs;
use civitai_library::layout::Layout;
use civitai_security::scan::{Action, Policy};
use url::Url;

use crate::failure::Failure;
use crate::text::{Lang, Message};

pub(crate) use layer::{Layers, Origin, Raw, Surroundings};
pub(crate) use value::{Amount, Bad, When};

macro_rules! keys {
    ($($variant:ident $name:literal $env:expr,)*) => {
        /// One setting. Flags are the names with two dashes, files use the names as they are.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Key { $($variant,)* }

        impl Key {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The variables that set it, most important first.
            pub(crate) fn variables(self) -> &'static [&'static str] {
                match self { $(Self::$variant => $env,)* }
            }
        }
    };
}

keys! {
    AllowPrivateNetwork "allow-private-network" &[],
    BaseUrl "base-url" &["CIVITAI_BASE_URL"],
    CaFile "ca-file" &["SSL_CERT_FILE"],
    Color "color" &[],
    Connections "connections" &[],
    DataDir "data-dir" &["CIVITAI_DATA_DIR"],
    EnableExperimentalPerformance "enable-experimental-performance" &[],
    ForceSyncMode "force-sync-mode" &[],
    Jobs "jobs" &[],
    Lang "lang" &[],
    Layout "layout" &["CIVITAI_LAYOUT"],
    Library "library" &["CIVITAI_LIBRARY"],
    LimitRate "limit-rate" &[],
    MaxWait "max-wait" &[],
    MonitorPerformance "monitor-performance" &[],
    Proxy "proxy" &["HTTPS_PROXY", "https_proxy"],
    ReportInterval "report-interval" &[],
    ScanCivitai "scan.civitai" &[],
    ScanClamav "scan.clamav" &[],
    ScanMalformed "scan.malformed" &[],
    ScanMalicious "scan.malicious" &[],
    ScanSuspicious "scan.suspicious" &[],
    ScanUnscannable "scan.unscannable" &[],
    TokenFile "token-file" &[],
}

impl Key {
    /// Finds a key by name; TOML habits differ, so `base_url` is `base-url`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let dashed = name.replace('_', "-");
        Self::ALL.iter().copied().find(|key| key.name() == dashed)
    }

    /// The table of a file that the key stands in, and its name there; none for the table of settings.
    pub(crate) fn in_table(self) -> (Option<&'static str>, &'static str) {
        match self.name().split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.name()),
        }
    }

    /// The known name nearest to a mistyped one.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        crate::text::nearest(name, Self::ALL.iter().map(|key| key.name()))
    }
}

/// The failure for a flag's value that is none of the few there are.
pub(crate) fn not_one_of(flag: &str, text: &str, known: &'static [&'static str]) -> Failure {
    Failure::usage(Message::BadSetting {
        place: flag.to_owned(),
        problem: Bad::NotOneOf {
            text: text.to_owned(),
            known,
            nearest: crate::text::nearest(text, known.iter().copied()),
        },
    })
}

/// Every setting, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) base_url: Url,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) data_dir: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) jobs: Amount,
    pub(crate) connections: Amount,
    /// Bytes a second over all transfers of this run.
    pub(crate) limit_rate: Option<NonZeroU64>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) proxy: Option<Url>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) allow_private_network: bool,
    pub(crate) max_wait: Duration,
    /// How often performance is reported, if it is.
    pub(crate) monitor: Option<Duration>,
    pub(crate) experimental: bool,
    /// Whether the safe path is taken whatever the failsafe says.
    pub(crate) force_sync: bool,
    pub(crate) scan: Scan,
    pub(crate) layers: Layers,
}

/// What becomes of files that are not harmless: the table `[scan]`.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) policy: Policy,
    /// What becomes of files that the site's own scanners call dangerous, before they are fetched.
    pub(crate) civitai: Action,
    /// The socket of a virus scanner whose opinion is wanted, too.
    pub(crate) clamav: Option<PathBuf>,
}

impl Scan {
    fn read(layers: &Layers) -> Result<Self, Failure> {
        let action = |key| layers.parse(key, value::action);
        Ok(Self {
            policy: Policy {
                malicious: layers.parse(Key::ScanMalicious, value::strict_action)?,
                suspicious: action(Key::ScanSuspicious)?,
                malformed: action(Key::ScanMalformed)?,
                unscannable: action(Key::ScanUnscannable)?,
            },
            civitai: layers.parse(Key::ScanCivitai, value::refusal)?,
            clamav: layers.path(Key::ScanClamav),
        })
    }
}

impl Settings {
    pub(crate) fn read(layers: Layers) -> Result<Self, Failure> {
        let is_monitored = layers.parse(Key::MonitorPerformance, value::switch)?;
        let report_interval = layers.parse(Key::ReportInterval, value::interval)?;
        Ok(Self {
            base_url: layers.parse(Key::BaseUrl, value::site)?,
            token_file: layers.path(Key::TokenFile),
            data_dir: layers.required_path(Key::DataDir)?,
            library: layers.required_path(Key::Library)?,
            layout: layers.parse(Key::Layout, value::layout)?,
            jobs: layers.parse(Key::Jobs, value::amount)?,
            connections: layers.parse(Key::Connections, value::amount)?,
            limit_rate: layers.parse(Key::LimitRate, value::rate)?,
            ca_file: layers.path(Key::CaFile),
            proxy: layers.parse(Key::Proxy, value::proxy)?,
            no_proxy: layers.no_proxy().map(str::to_owned),
            allow_private_network: layers.parse(Key::AllowPrivateNetwork, value::switch)?,
            max_wait: layers.parse(Key::MaxWait, value::duration)?,
            monitor: is_monitored.then_some(report_interval),
            experimental: layers.parse(Key::EnableExperimentalPerformance, value::switch)?,
            force_sync: layers.parse(Key::ForceSyncMode, value::switch)?,
            scan: Scan::read(&layers)?,
            layers,
        })
    }

    /// Parallel files.
    pub(crate) fn jobs(&self) -> Jobs {
        match self.jobs {
            Amount::Auto => Jobs::Auto,
            Amount::Exactly(count) => Jobs::AtMost(count),
        }
    }

    /// The setting of a project file that makes it unwise to send a token, if there is one: whoever wrote the project
    /// would otherwise choose where the user's token goes.
    pub(crate) fn distrusted(&self) -> Option<(Key, &Path)> {
        let own_site = is_loopback(&self.base_url) || is_civitai(&self.base_url);
        [Key::BaseUrl, Key::Proxy, Key::CaFile, Key::TokenFile]
            .into_iter()
            .filter(|key| *key != Key::BaseUrl || !own_site)
            .find_map(|key| match self.layers.origin(key) {
                Origin::Project(path) => Some((key, path.as_path())),
                _ => None,
            })
    }
}

pub(crate) fn is_civitai(url: &Url) -> bool {
    matches!(url.host_str(), Some("civitai.com" | "civitai.red")) && url.scheme() == "https"
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Settings that shape the very first message: they are read before the files are known to be right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    pub(crate) lang: Lang,
    pub(crate) color: When,
}

impl Voice {
    /// How to speak when nothing is known about the listener.
    pub(crate) fn plain() -> Self {
        Self {
            lang: Lang::En,
            color: When::Auto,
        }
    }

    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Ok(Self {
            lang: layers.parse(Key::Lang, value::lang)?,
            color: layers.parse(Key::Color, value::when)?,
        })
    }
}

/// The failure for a key nobody knows.
pub(crate) fn unknown_key(name: &str, place: &str) -> Failure {
    Failure::usage(Message::UnknownKey {
        key: name.to_owned(),
        place: place.to_owned(),
        nearest: Key::nearest(name),
    })
}

#[cfg(test)]
mod tests;
