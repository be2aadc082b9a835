//! Where the API token is, and keeping one. A token is looked up for one site: what was stored for another never
//! leaves the machine.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use civitai_security::Secret;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use url::Url;

use super::{Key, Origin, Settings, is_civitai};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::private;
use crate::text::{self, Hint, Message};

/// Where a token was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Flag(PathBuf),
    Variable(&'static str),
    Setting(PathBuf),
    Keyring,
    Stored(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(path) => write!(f, "--token-file {}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Setting(path) => write!(f, "token-file {}", path.display()),
            Self::Keyring => f.write_str("keyring"),
            Self::Stored(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A token and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) token: Secret,
    pub(crate) source: Source,
}

/// The token in use: flag, then environment, then `token-file` of a settings file, then what `login` stored.
pub(crate) fn find(settings: &Settings) -> Result<Option<Found>, Failure> {
    for look in LOOKS {
        if let Some(found) = look(settings)?.into_iter().next() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Every token that is configured, most important first; `doctor` compares them.
pub(crate) fn find_all(settings: &Settings) -> Result<Vec<Found>, Failure> {
    let mut all = Vec::new();
    for look in LOOKS {
        all.extend(look(settings)?);
    }
    Ok(all)
}

type Look = fn(&Settings) -> Result<Vec<Found>, Failure>;

/// The places, in order.
const LOOKS: &[Look] = &[
    from_flag,
    from_environment,
    from_setting,
    from_keyring,
    from_store,
];

fn from_flag(settings: &Settings) -> Result<Vec<Found>, Failure> {
    from_token_file(settings, |origin| *origin == Origin::Flag, Source::Flag)
}

fn from_setting(settings: &Settings) -> Result<Vec<Found>, Failure> {
    from_token_file(settings, |origin| *origin != Origin::Flag, Source::Setting)
}

fn from_token_file(
    settings: &Settings,
    applies: impl Fn(&Origin) -> bool,
    source: impl Fn(PathBuf) -> Source,
) -> Result<Vec<Found>, Failure> {
    match &settings.token_file {
        Some(path) if applies(settings.layers.origin(Key::TokenFile)) => {
            let token = read_file(path)?;
            Ok(vec![Found {
                token,
                source: source(path.clone()),
            }])
        }
        _ => Ok(Vec::new()),
    }
}

fn from_environment(settings: &Settings) -> Result<Vec<Found>, Failure> {
    let surroundings = settings.layers.surroundings();
    let mut found = Vec::new();
    for name in VARIABLES.iter().copied() {
        if let Some(value) = surroundings.variable(name) {
            let token = parse(value.to_owned())?;
            found.push(Found {
                token,
                source: Source::Variable(name),
            });
        }
    }
    Ok(found)
}

fn from_keyring(settings: &Settings) -> Result<Vec<Found>, Failure> {
    match keyring::read(&site(&settings.base_url)) {
        Some(text) => Ok(vec![Found {
            token: parse(text)?,
            source: Source::Keyring,
        }]),
        None => Ok(Vec::new()),
    }
}

fn from_store(settings: &Settings) -> Result<Vec<Found>, Failure> {
    let path = store_path(settings);
    match fs::symlink_metadata(&path) {
        Ok(there) if there.is_file() => {}
        Ok(_) => {
            return Err(
                Failure::new(Kind::Policy, Message::Keys(text::Keys::NotPlain { path }))
                    .with_hint(Hint::Keys(text::Keys::RemoveLink)),
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::io(&error)),
    }
    let token = read_file(&path)?;
    Ok(vec![Found {
        token,
        source: Source::Stored(path),
    }])
}

/// Reads the first line of a file that holds a token.
pub(crate) fn read_file(path: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| Failure::usage_io(&error))?;
    file.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage_io(&error))?;
    parse(text)
}

/// Whether others may read the file.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

/// Takes the first line as the token. What cannot stand in a header is refused without repeating it.
pub(crate) fn parse(text: String) -> Result<Secret, Failure> {
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage(Message::EmptyToken).with_hint(Hint::KeepTokenOff));
    }
    let token = Secret::new(line.to_owned());
    // The text around it is wiped with the secret it was read from.
    drop(Secret::new(text));
    Ok(token)
}

/// Where `login` put the token.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Stored {
    Keyring,
    File(PathBuf),
}

/// Keeps a token for the configured site: in the keyring, or without one in a file only its owner may read.
pub(crate) fn store(settings: &Settings, token: &Secret) -> Result<Stored, Failure> {
    if keyring::write(&site(&settings.base_url), token) {
        return Ok(Stored::Keyring);
    }
    let path = store_path(settings);
    write_private(&path, token).map_err(|error| Failure::io(&error))?;
    Ok(Stored::File(path))
}

/// Forgets what [`store`] kept; says whether there was anything.
pub(crate) fn forget(settings: &Settings) -> Result<bool, Failure> {
    let from_keyring = keyring::delete(&site(&settings.base_url));
    match fs::remove_file(store_path(settings)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(from_keyring),
        Err(error) => Err(Failure::io(&error)),
    }
}

/// The name a site's token is kept under. The two hosts of Civitai share their accounts.
pub(crate) fn site(base_url: &Url) -> String {
    if is_civitai(base_url) {
        return "civitai.com".to_owned();
    }
    let host = base_url.host_str().unwrap_or_default();
    match base_url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn store_path(settings: &Settings) -> PathBuf {
    let name = site(&settings.base_url).replace([':', '[', ']'], "_");
    settings.data_dir.join("tokens").join(name)
}

fn write_private(path: &Path, token: &Secret) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        private::make_folder(parent)?;
        private::close(parent)?;
    }
    let draft = path.with_extension("new");
    // A draft left behind by a crash may have any mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(token.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(feature = "keyring")]
pub(crate) mod keyring {
    //! The keyring of the system. Every failure means "there is none": a headless machine has no keyring, and the
    //! file takes its place.

    use civitai_security::Secret;
    use keyring::Entry;

    pub(crate) fn read(name: &str) -> Option<String> {
        entry(name)?.get_password().ok()
    }

    pub(crate) fn write(name: &str, token: &Secret) -> bool {
        entry(name).is_some_and(|entry| entry.set_password(token.expose()).is_ok())
    }

    pub(crate) fn delete(name: &str) -> bool {
        entry(name).is_some_and(|entry| entry.delete_credential().is_ok())
    }

    /// Tests have the keyring that they install, in memory, and else none.
    #[cfg(test)]
    fn entry(name: &str) -> Option<Entry> {
        let inner = keyring_core::Entry::new(SERVICE, name).ok()?;
        Some(Entry { inner })
    }

    #[cfg(not(test))]
    fn entry(name: &str) -> Option<Entry> {
        if cfg!(target_os = "linux") && !has_session_bus() {
            return None;
        }
        Entry::new(SERVICE, name).ok()
    }

    /// Asking D-Bus where there is none costs seconds on some systems; a look at the socket costs nothing.
    #[cfg(not(test))]
    fn has_session_bus() -> bool {
        std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
            || std::env::var_os("XDG_RUNTIME_DIR")
                .is_some_and(|dir| std::path::Path::new(&dir).join("bus").exists())
    }

    const SERVICE: &str = "civitai-dl";
}

#[cfg(not(feature = "keyring"))]
pub(crate) mod keyring {
    //! Built without a keyring.

    use civitai_security::Secret;

    pub(crate) fn read(_name: &str) -> Option<String> {
        None
    }

    pub(crate) fn write(_name: &str, _token: &Secret) -> bool {
        false
    }

    pub(crate) fn delete(_name: &str) -> bool {
        false
    }
}

/// Variables that hold a token, most important first.
const VARIABLES: &[&str] = &["CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_API_KEY"];

/// No token is longer; a wrong path may name a model of many gigabytes.
pub(crate) const LONGEST: u64 = 16 * 1024;
