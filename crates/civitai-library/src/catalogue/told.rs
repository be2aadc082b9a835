//! What others than the site tell of its models: locks and sidecars. What the site itself has said is never overwritten
//! by it, and what it says later counts.

use civitai_api::model::CommercialUse;
use civitai_api::{BaseModel, ModelId, ModelType, VersionId};
use rusqlite::{Transaction, params};

use super::{Catalogue, Error, Fault};
use crate::lock::Locked;

/// What is told of a version and its model.
pub(super) struct Told<'a> {
    pub(super) model: Option<ModelId>,
    pub(super) title: Option<&'a str>,
    pub(super) model_type: Option<&'a str>,
    pub(super) creator: Option<&'a str>,
    /// Known to depict a real person; that it is not known says nothing.
    pub(super) real_person: bool,
    pub(super) version: VersionId,
    pub(super) version_name: Option<&'a str>,
    pub(super) base_model: Option<&'a str>,
}

impl Catalogue {
    /// Takes over what a lock tells of its files, so that they have names without a request.
    pub fn note_locked<'a>(
        &mut self,
        files: impl IntoIterator<Item = &'a Locked>,
    ) -> Result<(), Error> {
        let mut files = files.into_iter().peekable();
        if files.peek().is_none() {
            return Ok(());
        }
        self.write(|transaction| files.try_for_each(|file| note_locked(transaction, file)))
    }
}

fn note_locked(transaction: &Transaction<'_>, file: &Locked) -> Result<(), Fault> {
    let about = &file.about;
    let told = Told {
        model: file.model,
        title: about.title.as_deref(),
        model_type: about.model_type.as_ref().map(ModelType::as_str),
        creator: about.creator.as_deref(),
        real_person: about.real_person,
        version: file.version,
        version_name: about.version_name.as_deref(),
        base_model: about.base.as_ref().map(BaseModel::as_str),
    };
    told.note(transaction)?;
    if let Some(model) = file.model {
        note_licence(transaction, model, file)?;
    }
    note_release(transaction, file)
}

impl Told<'_> {
    pub(super) fn note(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        if let Some(model) = self.model {
            self.note_model(transaction, model)?;
        }
        transaction
            .prepare_cached(
                "INSERT INTO version (id, model, name, base_model, asked) VALUES (?1, ?2, ?3, ?4, 0)
                ON CONFLICT DO UPDATE SET model = ifnull(model, excluded.model),
                name = CASE name WHEN '' THEN excluded.name ELSE name END,
                base_model = ifnull(base_model, excluded.base_model)",
            )?
            .execute(params![
                self.version.get(),
                self.model.map(ModelId::get),
                self.version_name.unwrap_or_default(),
                self.base_model,
            ])?;
        Ok(())
    }

    fn note_model(&self, transaction: &Transaction<'_>, model: ModelId) -> Result<(), Fault> {
        if let Some(creator) = self.creator {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO creator (username) VALUES (?1)")?
                .execute([creator])?;
        }
        transaction
            .prepare_cached(
                "INSERT INTO model (id, name, kind, creator, poi, asked)
                VALUES (?1, ?2, ?3, ?4, ?5, 0)
                ON CONFLICT DO UPDATE SET
                name = CASE name WHEN '' THEN excluded.name ELSE name END,
                kind = ifnull(kind, excluded.kind), creator = ifnull(creator, excluded.creator),
                poi = ifnull(poi, excluded.poi)",
            )?
            .execute(params![
                model.get(),
                self.title.unwrap_or_default(),
                self.model_type,
                self.creator,
                self.real_person.then_some(true),
            ])?;
        Ok(())
    }
}

fn note_licence(transaction: &Transaction<'_>, model: ModelId, file: &Locked) -> Result<(), Fault> {
    let licence = &file.about.licence;
    if licence.is_unknown() {
        return Ok(());
    }
    let commercial = licence.commercial_use.as_ref().map(|uses| {
        let words: Vec<&str> = uses.iter().map(CommercialUse::as_str).collect();
        serde_json::to_string(&words).expect("a list of texts is always JSON")
    });
    transaction
        .prepare_cached("INSERT OR IGNORE INTO licence VALUES (?1, ?2, ?3, ?4, ?5, 0)")?
        .execute(params![
            model.get(),
            licence.no_credit,
            commercial,
            licence.derivatives,
            licence.different_license,
        ])?;
    Ok(())
}

fn note_release(transaction: &Transaction<'_>, file: &Locked) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO release (version, file, name, kind, bytes, sha256, blake3)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT DO UPDATE SET kind = ifnull(kind, excluded.kind),
            bytes = ifnull(bytes, excluded.bytes), sha256 = ifnull(sha256, excluded.sha256),
            blake3 = ifnull(blake3, excluded.blake3)",
        )?
        .execute(params![
            file.version.get(),
            file.file.get(),
            file.name,
            file.about.role.as_ref().map(ToString::to_string),
            file.bytes.map(u64::cast_signed),
            file.sha256.map(|digest| digest.to_string()),
            file.blake3.map(|digest| digest.to_string()),
        ])?;
    Ok(())
}
