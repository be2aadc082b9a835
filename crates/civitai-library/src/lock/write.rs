//! The writing of locks: what did not change stays as it stands, comments included.

use std::collections::HashMap;
use std::path::Path;

use civitai_api::model::CommercialUse;
use civitai_download::disk;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::read::KEYS;
use super::{Lock, Locked};
use crate::document::{ReadError, Source, load, with_line_ends_of};
use crate::licence::Licence;
use crate::manifest::set;

impl Lock {
    /// Writes the lock over the one at `path`, if it says anything else. A crash leaves the old file or the new one.
    ///
    /// # Errors
    /// A file that is no lock is not overwritten.
    pub fn save(&self, path: &Path) -> Result<(), ReadError> {
        let old = load(path)?;
        if let Some(old) = &old
            && super::read::lock(path, old)? == *self
        {
            return Ok(());
        }
        let text = self.text_over(path, old.as_deref())?;
        Ok(disk::replace(path, text.as_bytes())?)
    }

    /// Returns the lock as a text that differs from an older one only where it says something else.
    pub(super) fn text_over(&self, path: &Path, old: Option<&str>) -> Result<String, ReadError> {
        let (old, text) = (old.unwrap_or(""), old.unwrap_or(NEW));
        let mut document = Source { path, text }.parse()?.into_mut();
        self.write_into(&mut document);
        Ok(with_line_ends_of(old, document.to_string()))
    }

    fn write_into(&self, document: &mut DocumentMut) {
        let path_of = |table: &Table| Some(table.get("path")?.as_str()?.to_owned());
        let mut old: HashMap<String, Table> = match document.remove("file") {
            Some(Item::ArrayOfTables(tables)) => tables
                .into_iter()
                .filter_map(|table| Some((path_of(&table)?, table)))
                .collect(),
            _ => HashMap::new(),
        };
        let mut tables = ArrayOfTables::new();
        for file in &self.files {
            let mut table = old.remove(file.path.as_str()).unwrap_or_default();
            rewrite(&mut table, file);
            // They are written in the order of the list.
            table.set_position(None);
            tables.push(table);
        }
        if !tables.is_empty() {
            document.insert("file", Item::ArrayOfTables(tables));
        }
    }
}

fn rewrite(table: &mut Table, file: &Locked) {
    let entries = entries(file);
    for (key, value) in &entries {
        match value {
            Some(value) => set(table, key, value.clone()),
            None => {
                table.remove(key);
            }
        }
    }
    let place = |key: &str| KEYS.iter().position(|known| *known == key);
    let is_sorted = table.iter().map(|(key, _)| place(key)).is_sorted();
    if !is_sorted {
        table.sort_values_by(|one, _, other, _| place(one.get()).cmp(&place(other.get())));
    }
}

fn entries(file: &Locked) -> Vec<(&'static str, Option<Value>)> {
    let about = &file.about;
    let id = |id: u32| Value::from(i64::from(id));
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let values = [
        Some(file.path.as_str().into()),
        Some(file.wanted.to_inline().into()),
        file.model.map(|model| id(model.get())),
        Some(id(file.version.get())),
        Some(id(file.file.get())),
        Some(file.name.as_str().into()),
        file.bytes
            .and_then(|bytes| Some(i64::try_from(bytes).ok()?.into())),
        file.sha256.map(|digest| digest.to_string().into()),
        file.blake3.map(|digest| digest.to_string().into()),
        about.model_type.as_ref().map(|kind| kind.as_str().into()),
        about.base.as_ref().map(|base| base.as_str().into()),
        text(&about.title),
        text(&about.version_name),
        text(&about.creator),
        about.role.as_ref().map(|role| role.as_str().into()),
        about.format.as_ref().map(|format| format.as_str().into()),
        about.real_person.then(|| true.into()),
        about.early_access.map(|gate| match gate.0 {
            Some(end) => end.to_string().into(),
            None => "always".into(),
        }),
        licence(&about.licence),
    ];
    KEYS.iter().copied().zip(values).collect()
}

fn licence(licence: &Licence) -> Option<Value> {
    if licence.is_unknown() {
        return None;
    }
    let uses = licence.commercial_use.as_ref();
    let uses =
        uses.map(|uses| Value::from(uses.iter().map(CommercialUse::as_str).collect::<Array>()));
    let fields = [
        ("allowNoCredit", licence.no_credit.map(Value::from)),
        ("allowCommercialUse", uses),
        ("allowDerivatives", licence.derivatives.map(Value::from)),
        (
            "allowDifferentLicense",
            licence.different_license.map(Value::from),
        ),
    ];
    let told = fields.into_iter();
    let table: InlineTable = told
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    Some(table.into())
}

/// The text of a lock without files.
const NEW: &str = "\
# Which files the wishes of civitai.toml have led to. Keep it under version control.
# It is written by `civitai-dl add`, `remove`, `lock` and `upgrade`; `civitai-dl sync` fetches what it names.
version = 1
";
