//! The files of settings: `civitai.toml` of a project and `config.toml` of the user. Edits keep comments and order.

use std::path::{Path, PathBuf};

use fs_err as fs;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{Key, unknown_key};
use crate::failure::Failure;
use crate::private;
use crate::text::{Message, nearest};

/// Name of the project's file, looked for in and above the working directory.
pub(crate) const PROJECT_FILE: &str = "civitai.toml";

/// Whose file it is, which decides what may stand in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// `civitai.toml`: settings stand in `[settings]`, beside the project's other tables.
    Project,
    /// `config.toml`: settings stand at the top, or in `[settings]` as in a project.
    User,
}

/// One parsed file.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    scope: Scope,
    document: DocumentMut,
}

impl ConfigFile {
    /// Reads and parses; a syntax error names line and column.
    pub(crate) fn read(path: &Path, scope: Scope) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| Failure::usage_io(&error))?;
        let document = text.parse::<DocumentMut>().map_err(|error| {
            Failure::usage(Message::BadToml {
                path: path.to_owned(),
                problem: error.to_string().trim_end().to_owned(),
            })
        })?;
        Ok(Self {
            path: path.to_owned(),
            scope,
            document,
        })
    }

    /// The file at `path`, or an empty one that will be created there.
    pub(crate) fn read_or_new(path: &Path, scope: Scope) -> Result<Self, Failure> {
        if path.exists() {
            return Self::read(path, scope);
        }
        Ok(Self {
            path: path.to_owned(),
            scope,
            document: DocumentMut::new(),
        })
    }

    /// Sets `key`, or removes it when `text` is empty.
    pub(crate) fn set(&mut self, key: Key, text: &str) {
        let table = self.table_mut(key);
        let written = spelled(table, key);
        if text.is_empty() {
            table.remove(&written);
            return;
        }
        let new = match text {
            "true" | "false" => value(text == "true"),
            _ => text.parse::<i64>().map_or_else(|_| value(text), value),
        };
        match table.get_mut(&written) {
            // Assigning to the item keeps the comment that stands after the old value.
            Some(Item::Value(old)) => {
                let decor = old.decor().clone();
                if let Item::Value(new) = new {
                    *old = new;
                }
                *old.decor_mut() = decor;
            }
            _ => {
                table.insert(&written, new);
            }
        }
    }

    /// Writes the file beside itself and renames it, so that a crash leaves the old one or the new one.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let io = |error: std::io::Error| Failure::io(&error);
        if let Some(parent) = self.path.parent() {
            private::make_folder(parent).map_err(io)?;
        }
        // A link to a file kept elsewhere (dotfiles) stays a link.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let draft = target.with_file_name(name);
        fs::write(&draft, self.document.to_string()).map_err(io)?;
        if self.scope == Scope::User {
            private::close(&draft).map_err(io)?;
        }
        fs::rename(&draft, &target).map_err(io)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every setting of the file as text. Refuses unknown tables and keys, and values of a shape no setting has.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, Failure> {
        let place = self.path.display().to_string();
        let mut found = Vec::new();
        for (name, item) in self.document.iter() {
            match (name, item) {
                ("settings", Item::Table(_) | Item::Value(toml_edit::Value::InlineTable(_))) => {
                    let table = item
                        .as_table_like()
                        .into_iter()
                        .flat_map(|table| table.iter());
                    for (name, item) in table {
                        found.push(self.setting(name, item)?);
                    }
                }
                (SCAN, item) if item.is_table_like() => {
                    let table = item.as_table_like().into_iter();
                    for (name, item) in table.flat_map(|table| table.iter()) {
                        found.push(self.setting(&format!("{SCAN}.{name}"), item)?);
                    }
                }
                _ if self.scope == Scope::User => found.push(self.setting(name, item)?),
                _ if LATER_TABLES.contains(&name) => {}
                _ => {
                    return Err(Failure::usage(Message::UnknownTable {
                        table: name.to_owned(),
                        place,
                        nearest: nearest(
                            name,
                            ["settings", SCAN]
                                .into_iter()
                                .chain(LATER_TABLES.iter().copied()),
                        ),
                    }));
                }
            }
        }
        Ok(found)
    }

    fn setting(&self, name: &str, item: &Item) -> Result<(String, String), Failure> {
        let place = self.path.display().to_string();
        if matches!(
            name,
            "token" | "api-token" | "api_token" | "api-key" | "api_key"
        ) {
            return Err(Failure::usage(Message::TokenInFile {
                key: name.to_owned(),
                place,
            }));
        }
        if Key::find(name).is_none() {
            return Err(unknown_key(name, &place));
        }
        let text = match item.as_value() {
            Some(toml_edit::Value::String(text)) => text.value().clone(),
            Some(toml_edit::Value::Integer(number)) => number.value().to_string(),
            Some(toml_edit::Value::Boolean(switch)) => switch.value().to_string(),
            _ => {
                return Err(Failure::usage(Message::WrongShape {
                    key: name.to_owned(),
                    place,
                }));
            }
        };
        Ok((name.to_owned(), text))
    }

    /// The table that `key` stands in.
    fn table_mut(&mut self, key: Key) -> &mut Table {
        let nested = self.scope == Scope::Project
            || self.document.get("settings").is_some_and(Item::is_table);
        let root = self.document.as_table_mut();
        let name = match key.in_table() {
            (Some(table), _) => table,
            (None, _) if nested => "settings",
            (None, _) => return root,
        };
        let item = root.entry(name).or_insert_with(toml_edit::table);
        if !item.is_table() {
            // An inline table reads the same as a table; an edit spells it out.
            let inline = std::mem::take(item);
            *item = inline
                .into_table()
                .map_or_else(|_| toml_edit::table(), Item::Table);
        }
        item.as_table_mut()
            .expect("the item was made a table above")
    }
}

/// How the file already spells `key` (`base_url` or `base-url`).
fn spelled(table: &Table, key: Key) -> String {
    table
        .iter()
        .map(|(name, _)| name)
        .find(|name| name.replace('_', "-") == key.in_table().1)
        .unwrap_or(key.in_table().1)
        .to_owned()
}

/// Tables of a project that other verbs read.
const LATER_TABLES: &[&str] = &["library", "model", "policy"];

/// The table of what becomes of files that are not harmless.
const SCAN: &str = "scan";
