//! Where a value was written, and which of several wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use civitai_library::project::Project;
use civitai_security::scan::{Action, Policy, Verdict};
use etcetera::BaseStrategy as _;

use super::file::{self, ConfigFile, Scope};
use super::value::Bad;
use super::{Key, unknown_key};
use crate::args::Global;
use crate::failure::Failure;
use crate::text::{Lang, Message};

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Flag,
    Environment(&'static str),
    Project(PathBuf),
    User(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Project(path) => write!(f, "project file {}", path.display()),
            Self::User(path) => write!(f, "user file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Origin {
    /// How the user would recognise the place of `key`: the flag, the variable, or the file and key.
    pub(crate) fn place(&self, key: Key) -> String {
        match self {
            Self::Flag => format!("--{}", key.name()),
            Self::Environment(name) => (*name).to_owned(),
            Self::Project(path) | Self::User(path) => {
                format!("{} in {}", key.name(), path.display())
            }
            Self::Default => key.name().to_owned(),
        }
    }

    /// Paths in a file of settings are meant from that file.
    fn base(&self) -> Option<&Path> {
        match self {
            Self::Project(path) | Self::User(path) => path.parent(),
            _ => None,
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// What surrounds the process. Tests make their own.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) user_file: Option<PathBuf>,
    pub(crate) user_data: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn of_process() -> Self {
        let base = etcetera::choose_base_strategy().ok();
        Self {
            // A variable that is not UTF-8 cannot be one of ours with a meaning.
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            user_file: base
                .as_ref()
                .map(|base| base.config_dir().join("civitai-dl/config.toml")),
            user_data: base.as_ref().map(|base| base.data_dir().join("civitai-dl")),
        }
    }

    /// A variable's value; an empty one counts as not set.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The directory of the project: a lock alone is enough for one.
    fn project_directory(&self) -> Option<PathBuf> {
        Project::find(&self.directory).map(|project| project.directory)
    }

    fn project_file(&self) -> Option<PathBuf> {
        self.directory
            .ancestors()
            .map(|dir| dir.join(file::PROJECT_FILE))
            .find(|path| path.is_file())
    }
}

/// The winning text of every setting.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    values: BTreeMap<Key, Raw>,
    surroundings: Surroundings,
    project_file: Option<PathBuf>,
}

impl Layers {
    /// Flags, environment and defaults, without any file: what is left when a file cannot be read.
    pub(crate) fn without_files(global: &Global, surroundings: Surroundings) -> Self {
        let mut values = BTreeMap::new();
        for key in Key::ALL.iter().copied() {
            let found = global
                .typed(key)
                .map(|text| Raw {
                    text: text.to_owned(),
                    origin: Origin::Flag,
                })
                .or_else(|| {
                    key.variables().iter().find_map(|name| {
                        let text = surroundings.variable(name)?.to_owned();
                        Some(Raw {
                            text,
                            origin: Origin::Environment(name),
                        })
                    })
                });
            if let Some(raw) = found {
                values.insert(key, raw);
            }
        }
        let project_file = surroundings.project_file();
        let mut layers = Self {
            values,
            surroundings,
            project_file,
        };
        layers.fill_defaults();
        layers
    }

    /// Adds what the project's and the user's file say where nothing above them spoke.
    pub(crate) fn with_files(&self) -> Result<Self, Failure> {
        let mut full = self.clone();
        full.values.retain(|_, raw| raw.origin != Origin::Default);
        if let Some(path) = self.project_file.clone() {
            full.add_file(
                &ConfigFile::read(&path, Scope::Project)?,
                &Origin::Project(path),
            )?;
        }
        if let Some(path) = self
            .surroundings
            .user_file
            .clone()
            .filter(|path| path.exists())
        {
            full.add_file(&ConfigFile::read(&path, Scope::User)?, &Origin::User(path))?;
        }
        full.fill_defaults();
        Ok(full)
    }

    /// One file alone over the defaults: what `config validate` judges.
    pub(crate) fn of_file(
        file: &ConfigFile,
        scope: Scope,
        surroundings: Surroundings,
    ) -> Result<Self, Failure> {
        let project_file = surroundings.project_file();
        let path = file.path().to_owned();
        let origin = match scope {
            Scope::Project => Origin::Project(path),
            Scope::User => Origin::User(path),
        };
        let mut layers = Self {
            values: BTreeMap::new(),
            surroundings,
            project_file,
        };
        layers.add_file(file, &origin)?;
        layers.fill_defaults();
        Ok(layers)
    }

    /// What is typed in `global` over these values.
    pub(crate) fn over(&self, global: &Global) -> Self {
        let mut layers = self.clone();
        let typed = Key::ALL.iter().copied();
        let typed = typed.filter_map(|key| Some((key, global.typed(key)?.to_owned())));
        layers.values.extend(typed.map(|(key, text)| {
            let origin = Origin::Flag;
            (key, Raw { text, origin })
        }));
        layers
    }

    /// These values over the defaults.
    pub(super) fn of_values(
        values: impl IntoIterator<Item = (Key, Raw)>,
        surroundings: Surroundings,
    ) -> Self {
        let project_file = surroundings.project_file();
        let mut layers = Self {
            values: values.into_iter().collect(),
            surroundings,
            project_file,
        };
        layers.fill_defaults();
        layers
    }

    fn add_file(&mut self, file: &ConfigFile, origin: &Origin) -> Result<(), Failure> {
        for (name, text) in file.settings()? {
            let key = Key::find(&name)
                .ok_or_else(|| unknown_key(&name, &file.path().display().to_string()))?;
            let raw = Raw {
                text,
                origin: origin.clone(),
            };
            if !self.keep_strict(key, &raw) {
                self.values.entry(key).or_insert(raw);
            }
        }
        Ok(())
    }

    /// A project may ask for more care than its user, never for less: it may come from somebody else. Puts `own` in the
    /// place of what a project says unless that is stricter.
    fn keep_strict(&mut self, key: Key, own: &Raw) -> bool {
        let Some(theirs) = self.values.get_mut(&key) else {
            return false;
        };
        // A word that this key does not know is told of, not replaced.
        let fits = |action: &Action| match key {
            Key::ScanMalicious => *action != Action::Allow,
            Key::ScanCivitai => *action != Action::Quarantine,
            _ => true,
        };
        let word = |raw: &Raw| Action::of_word(&raw.text).filter(fits);
        let words = (word(theirs), word(own));
        let is_no_stricter = key.in_table().0.is_some()
            && matches!(theirs.origin, Origin::Project(_))
            && matches!(words, (Some(theirs), Some(own)) if theirs <= own);
        if is_no_stricter {
            theirs.clone_from(own);
        }
        is_no_stricter
    }

    fn fill_defaults(&mut self) {
        let data_dir = match self.values.get(&Key::DataDir) {
            Some(_) => self.path(Key::DataDir),
            None => self.surroundings.user_data.clone(),
        };
        let library = match (self.surroundings.project_directory(), &data_dir) {
            (Some(project), _) => Some(project.join("models")),
            (None, Some(data)) => Some(data.join("models")),
            (None, None) => None,
        };
        let text = |path: Option<PathBuf>| path.map(|path| path.to_string_lossy().into_owned());
        let on = |verdict| Some(Policy::default().on(verdict).as_str().to_owned());
        for key in Key::ALL.iter().copied() {
            let default = match key {
                Key::AllowPrivateNetwork
                | Key::EnableExperimentalPerformance
                | Key::ForceSyncMode
                | Key::MonitorPerformance => Some("false".to_owned()),
                Key::BaseUrl => Some("https://civitai.com".to_owned()),
                Key::Color | Key::Connections | Key::Jobs => Some("auto".to_owned()),
                Key::DataDir => text(data_dir.clone()),
                Key::Lang => Some(
                    Lang::of_locale(|name| self.surroundings.variable(name))
                        .tag()
                        .to_owned(),
                ),
                Key::Layout => Some("comfyui".to_owned()),
                Key::Library => text(library.clone()),
                Key::MaxWait => Some("60s".to_owned()),
                // Often enough to see a stall, seldom enough to read.
                Key::ReportInterval => Some("10s".to_owned()),
                Key::ScanCivitai => Some(Action::Refuse.as_str().to_owned()),
                Key::ScanMalformed => on(Verdict::Malformed),
                Key::ScanMalicious => on(Verdict::Malicious),
                Key::ScanSuspicious => on(Verdict::Suspicious),
                Key::ScanUnscannable => on(Verdict::Unscannable),
                Key::CaFile | Key::LimitRate | Key::Proxy | Key::ScanClamav | Key::TokenFile => {
                    None
                }
            };
            if let Some(text) = default {
                let raw = Raw {
                    text,
                    origin: Origin::Default,
                };
                if !self.keep_strict(key, &raw) {
                    self.values.entry(key).or_insert(raw);
                }
            }
        }
    }

    pub(crate) fn raw(&self, key: Key) -> Option<&Raw> {
        self.values.get(&key)
    }

    pub(crate) fn origin(&self, key: Key) -> &Origin {
        self.values
            .get(&key)
            .map_or(&Origin::Default, |raw| &raw.origin)
    }

    /// Parses one setting; the parser sees the empty text where nothing is set and there is no default.
    pub(super) fn parse<T>(
        &self,
        key: Key,
        read: impl Fn(&str) -> Result<T, Bad>,
    ) -> Result<T, Failure> {
        let raw = self.values.get(&key);
        read(raw.map_or("", |raw| raw.text.as_str())).map_err(|bad| {
            Failure::usage(Message::BadSetting {
                place: self.origin(key).place(key),
                problem: bad,
            })
        })
    }

    pub(super) fn path(&self, key: Key) -> Option<PathBuf> {
        let raw = self.values.get(&key).filter(|raw| !raw.text.is_empty())?;
        let path = expand_home(&raw.text, self.surroundings.variable("HOME"));
        Some(match raw.origin.base() {
            Some(base) => base.join(path),
            None => self.surroundings.directory.join(path),
        })
    }

    pub(super) fn required_path(&self, key: Key) -> Result<PathBuf, Failure> {
        self.path(key)
            .ok_or_else(|| Failure::usage(Message::NoHome { key: key.name() }))
    }

    pub(super) fn no_proxy(&self) -> Option<&str> {
        self.surroundings
            .variable("NO_PROXY")
            .or_else(|| self.surroundings.variable("no_proxy"))
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    pub(crate) fn project_file(&self) -> Option<&Path> {
        self.project_file.as_deref()
    }
}

/// A leading `~/` is the home directory: no shell has expanded what stands in a file.
fn expand_home(text: &str, home: Option<&str>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(text),
    }
}
