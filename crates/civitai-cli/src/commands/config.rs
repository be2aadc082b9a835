//! `config show|get|set|edit|validate`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::args::ConfigAction;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Outcome;
use crate::settings::file::{ConfigFile, PROJECT_FILE, Scope};
use crate::settings::{Key, Layers, Raw, Settings, Voice, unknown_key};
use crate::text::{Hint, Message};

/// `bare` are the settings without any file, `layers` those with them, if the files are right.
pub(crate) fn run(
    action: ConfigAction,
    bare: &Layers,
    layers: Result<Layers, Failure>,
    printer: &Printer,
) -> Outcome {
    match action {
        ConfigAction::Show { origin } => show(&Settings::read(layers?)?, origin, printer),
        ConfigAction::Get { key } => get(&key, &Settings::read(layers?)?, printer),
        ConfigAction::Set {
            key,
            value,
            project,
        } => set(&key, &value, &place(bare, project)?, bare, printer),
        ConfigAction::Edit { project } => edit(&place(bare, project)?, bare, printer),
        ConfigAction::Validate { file: Some(path) } => {
            let is_project = path.file_name().is_some_and(|name| name == PROJECT_FILE);
            let scope = if is_project {
                Scope::Project
            } else {
                Scope::User
            };
            validate_file(&Place { path, scope }, bare, printer)
        }
        ConfigAction::Validate { file: None } => validate(bare, layers, printer),
    }
}

/// A file of settings.
struct Place {
    path: PathBuf,
    scope: Scope,
}

fn place(layers: &Layers, project: bool) -> Result<Place, Failure> {
    if project {
        let path = layers
            .project_file()
            .ok_or_else(|| Failure::usage(Message::NoProject))?;
        return Ok(Place {
            path: path.to_owned(),
            scope: Scope::Project,
        });
    }
    let path = layers.surroundings().user_file.clone();
    let path = path.ok_or_else(|| Failure::usage(Message::NoHome { key: "config.toml" }))?;
    Ok(Place {
        path,
        scope: Scope::User,
    })
}

fn show(settings: &Settings, origin: bool, printer: &Printer) -> Outcome {
    for key in Key::ALL.iter().copied() {
        let raw = settings.layers.raw(key);
        if printer.is_json() {
            printer.record("setting", &record(settings, key, raw))?;
        } else if let Some(raw) = raw {
            let value = toml_spelling(resolved(settings, key, raw));
            let line = if origin {
                format!("{} = {value}  # {}", key.name(), raw.origin)
            } else {
                format!("{} = {value}", key.name())
            };
            printer.data(&line)?;
        } else {
            printer.data(&format!("# {} =", key.name()))?;
        }
    }
    Ok(Exit::Done)
}

fn get(name: &str, settings: &Settings, printer: &Printer) -> Outcome {
    let key = find(name)?;
    let raw = settings.layers.raw(key);
    if printer.is_json() {
        printer.record("setting", &record(settings, key, raw))?;
    } else if let Some(raw) = raw {
        printer.data(&resolved(settings, key, raw))?;
    }
    Ok(Exit::Done)
}

fn record(settings: &Settings, key: Key, raw: Option<&Raw>) -> serde_json::Value {
    json!({
        "key": key.name(),
        "value": raw.map(|raw| resolved(settings, key, raw)),
        "origin": raw.map(|raw| raw.origin.to_string()),
    })
}

fn toml_spelling(text: String) -> String {
    match text.as_str() {
        "true" | "false" => text,
        _ if text.parse::<i64>().is_ok() => text,
        _ => toml_edit::Value::from(text).to_string(),
    }
}

/// Paths are shown as they will be used, a proxy without its password.
fn resolved(settings: &Settings, key: Key, raw: &Raw) -> String {
    let path = match key {
        Key::DataDir => Some(&settings.data_dir),
        Key::Library => Some(&settings.library),
        Key::CaFile => settings.ca_file.as_ref(),
        Key::ScanClamav => settings.scan.clamav.as_ref(),
        Key::TokenFile => settings.token_file.as_ref(),
        Key::Proxy => {
            return settings
                .proxy
                .as_ref()
                .map_or_else(String::new, without_password);
        }
        _ => None,
    };
    path.map_or_else(|| raw.text.clone(), |path| path.display().to_string())
}

fn without_password(proxy: &url::Url) -> String {
    let mut proxy = proxy.clone();
    if proxy.password().is_some() && proxy.set_password(Some("****")).is_err() {
        return "****".to_owned();
    }
    proxy.to_string()
}

fn find(name: &str) -> Result<Key, Failure> {
    Key::find(name).ok_or_else(|| unknown_key(name, "config").with_hint(Hint::SeeSettings))
}

/// Writes only what would be read back: a wrong value is refused before the file is touched.
fn set(name: &str, value: &str, place: &Place, bare: &Layers, printer: &Printer) -> Outcome {
    let key = find(name)?;
    let mut file = ConfigFile::read_or_new(&place.path, place.scope)?;
    file.set(key, value);
    check(&file, place, bare)?;
    file.save()?;
    printer.say(&Message::ConfigSaved {
        key: key.name(),
        path: place.path.clone(),
    });
    if printer.is_json() {
        printer.record(
            "setting",
            &json!({ "key": key.name(), "value": value, "path": place.path }),
        )?;
    }
    Ok(Exit::Done)
}

fn edit(place: &Place, bare: &Layers, printer: &Printer) -> Outcome {
    let variable = |name| bare.surroundings().variable(name);
    let editor = variable("VISUAL")
        .or_else(|| variable("EDITOR"))
        .ok_or_else(|| Failure::usage(Message::NoEditor))?;
    if !place.path.exists() {
        ConfigFile::read_or_new(&place.path, place.scope)?.save()?;
    }
    // An editor is often given with its flags (`code --wait`).
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or(editor);
    let status = Command::new(program).args(words).arg(&place.path).status();
    match status {
        Ok(status) if status.success() => validate_file(place, bare, printer),
        _ => Err(Failure::usage(Message::EditorFailed {
            editor: editor.to_owned(),
        })
        .into()),
    }
}

fn validate(bare: &Layers, layers: Result<Layers, Failure>, printer: &Printer) -> Outcome {
    Settings::read(layers?)?;
    let project = place(bare, true).ok();
    let user = place(bare, false).ok().filter(|place| place.path.exists());
    let found: Vec<_> = project.into_iter().chain(user).collect();
    if found.is_empty() {
        printer.say(&Message::ConfigNothing);
    }
    for place in found {
        tell_fine(&place.path, printer)?;
    }
    Ok(Exit::Done)
}

fn validate_file(place: &Place, bare: &Layers, printer: &Printer) -> Outcome {
    check(&ConfigFile::read(&place.path, place.scope)?, place, bare)?;
    tell_fine(&place.path, printer)
}

fn tell_fine(path: &Path, printer: &Printer) -> Outcome {
    printer.say(&Message::ConfigFine {
        path: path.to_owned(),
    });
    if printer.is_json() {
        printer.record("config", &json!({ "path": path, "valid": true }))?;
    }
    Ok(Exit::Done)
}

/// Reads every value of one file as if nothing stood above it.
fn check(file: &ConfigFile, place: &Place, bare: &Layers) -> Result<(), Failure> {
    let alone = Layers::of_file(file, place.scope, bare.surroundings().clone())?;
    Voice::read(&alone)?;
    Settings::read(alone).map(drop)
}
