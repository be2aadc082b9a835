//! What the site says of models and versions. What it leaves out never overwrites what is known; what it does not have
//! any more is marked, and kept.

use std::time::SystemTime;

use civitai_api::{File, HashKind, Model, ModelId, Version, VersionId};
use rusqlite::{Transaction, params};

use super::snapshot::{self, Subject};
use super::{Catalogue, Error, Fault, millis};

impl Catalogue {
    /// Takes over what the site says of a model and its versions, and keeps the answer if it says something new.
    /// Versions that it listed before and does not list now are gone.
    pub fn note_model(&mut self, model: &Model, now: SystemTime) -> Result<(), Error> {
        self.write(|transaction| note_model(transaction, model, millis(now)))
    }

    /// Takes over what the site says of a version alone.
    pub fn note_version(&mut self, version: &Version, now: SystemTime) -> Result<(), Error> {
        self.write(|transaction| note_version(transaction, version, None, millis(now)))
    }

    /// Notes that the site does not have a model or a version any more. All that is known of it stays.
    pub fn note_gone(&mut self, subject: Subject, now: SystemTime) -> Result<(), Error> {
        self.write(|transaction| {
            let update = match subject {
                Subject::Model(_) => "UPDATE model SET gone = ?2 WHERE id = ?1 AND gone IS NULL",
                Subject::Version(_) => {
                    "UPDATE version SET gone = ?2 WHERE id = ?1 AND gone IS NULL"
                }
            };
            transaction.execute(update, params![subject.id(), millis(now)])?;
            snapshot::note_gone(transaction, subject, millis(now))
        })
    }
}

pub(super) fn note_model(
    transaction: &Transaction<'_>,
    model: &Model,
    now: i64,
) -> Result<(), Fault> {
    let creator = model.creator.as_ref();
    let username = creator.and_then(|creator| creator.username.as_deref());
    if let (Some(username), Some(creator)) = (username, creator) {
        transaction
            .prepare_cached(
                "INSERT INTO creator VALUES (?1, ?2)
                ON CONFLICT DO UPDATE SET image = ifnull(excluded.image, image)",
            )?
            .execute(params![username, creator.image])?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO model (id, name, kind, creator, mode, nsfw, poi, asked)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT DO UPDATE SET name = CASE excluded.name WHEN '' THEN name
                ELSE excluded.name END,
            kind = ifnull(excluded.kind, kind), creator = ifnull(excluded.creator, creator),
            mode = excluded.mode, nsfw = ifnull(excluded.nsfw, nsfw),
            poi = ifnull(excluded.poi, poi), asked = excluded.asked, gone = NULL",
        )?
        .execute(params![
            model.id.get(),
            model.name,
            model.kind.as_ref().map(ToString::to_string),
            username,
            model.mode.as_ref().map(ToString::to_string),
            model.nsfw,
            model.poi,
            now,
        ])?;
    note_tags(transaction, model)?;
    note_licence(transaction, model, now)?;
    for version in &model.versions {
        note_version_row(transaction, version, Some(model.id), now)?;
    }
    if !model.versions.is_empty() {
        transaction
            .prepare_cached(
                "UPDATE version SET gone = ?2 WHERE model = ?1 AND gone IS NULL AND asked < ?2",
            )?
            .execute(params![model.id.get(), now])?;
    }
    let body = serde_json::to_value(model).expect("what was read from JSON is JSON");
    snapshot::note(transaction, Subject::Model(model.id), &body, now)
}

pub(super) fn note_version(
    transaction: &Transaction<'_>,
    version: &Version,
    model: Option<ModelId>,
    now: i64,
) -> Result<(), Fault> {
    note_version_row(transaction, version, model, now)?;
    let body = serde_json::to_value(version).expect("what was read from JSON is JSON");
    snapshot::note(transaction, Subject::Version(version.id), &body, now)
}

fn note_tags(transaction: &Transaction<'_>, model: &Model) -> Result<(), Fault> {
    if model.tags.is_empty() {
        return Ok(());
    }
    transaction
        .prepare_cached("DELETE FROM tag WHERE model = ?1")?
        .execute([model.id.get()])?;
    let mut insert = transaction.prepare_cached("INSERT INTO tag VALUES (?1, ?2, ?3)")?;
    for (position, tag) in (0_i64..).zip(&model.tags) {
        insert.execute(params![model.id.get(), position, tag])?;
    }
    Ok(())
}

fn note_licence(transaction: &Transaction<'_>, model: &Model, now: i64) -> Result<(), Fault> {
    let commercial = model.allow_commercial_use.as_ref().map(|uses| {
        let words: Vec<String> = uses.iter().map(ToString::to_string).collect();
        serde_json::to_string(&words).expect("a list of texts is always JSON")
    });
    let is_told = model.allow_no_credit.is_some()
        || commercial.is_some()
        || model.allow_derivatives.is_some()
        || model.allow_different_license.is_some();
    if !is_told {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO licence VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT DO UPDATE SET no_credit = ifnull(excluded.no_credit, no_credit),
            commercial = ifnull(excluded.commercial, commercial),
            derivatives = ifnull(excluded.derivatives, derivatives),
            different_licence = ifnull(excluded.different_licence, different_licence),
            seen = excluded.seen",
        )?
        .execute(params![
            model.id.get(),
            model.allow_no_credit,
            commercial,
            model.allow_derivatives,
            model.allow_different_license,
            now,
        ])?;
    Ok(())
}

fn note_version_row(
    transaction: &Transaction<'_>,
    version: &Version,
    model: Option<ModelId>,
    now: i64,
) -> Result<(), Fault> {
    let words = (!version.trained_words.is_empty()).then(|| {
        serde_json::to_string(&version.trained_words).expect("a list of texts is always JSON")
    });
    let published = version.published_at.map(|at| at.as_jiff().as_millisecond());
    transaction
        .prepare_cached(
            "INSERT INTO version (id, model, name, base_model, published, air, trained_words, asked)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT DO UPDATE SET model = ifnull(excluded.model, model),
            name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END,
            base_model = ifnull(excluded.base_model, base_model),
            published = ifnull(excluded.published, published), air = ifnull(excluded.air, air),
            trained_words = ifnull(excluded.trained_words, trained_words),
            asked = excluded.asked, gone = NULL",
        )?
        .execute(params![
            version.id.get(),
            model.or_else(|| version.owner()).map(ModelId::get),
            version.name,
            version.base_model.as_ref().map(ToString::to_string),
            published,
            version.air,
            words,
            now,
        ])?;
    for file in &version.files {
        note_release(transaction, version.id, file)?;
    }
    if !version.images.is_empty() {
        note_images(transaction, version)?;
    }
    Ok(())
}

fn note_release(
    transaction: &Transaction<'_>,
    version: VersionId,
    file: &File,
) -> Result<(), Fault> {
    let digest = |kind| file.hash(kind).map(str::to_ascii_lowercase);
    transaction
        .prepare_cached(
            "INSERT INTO release VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            ON CONFLICT DO UPDATE SET name = excluded.name, kind = ifnull(excluded.kind, kind),
            bytes = ifnull(excluded.bytes, bytes), sha256 = ifnull(excluded.sha256, sha256),
            blake3 = ifnull(excluded.blake3, blake3), crc32 = ifnull(excluded.crc32, crc32),
            autov1 = ifnull(excluded.autov1, autov1), autov3 = ifnull(excluded.autov3, autov3)",
        )?
        .execute(params![
            version.get(),
            file.id.get(),
            file.display_name(),
            file.kind.as_ref().map(ToString::to_string),
            file.bytes().map(u64::cast_signed),
            digest(HashKind::Sha256),
            digest(HashKind::Blake3),
            digest(HashKind::Crc32),
            digest(HashKind::AutoV1),
            digest(HashKind::AutoV3),
        ])?;
    Ok(())
}

fn note_images(transaction: &Transaction<'_>, version: &Version) -> Result<(), Fault> {
    transaction
        .prepare_cached("DELETE FROM image WHERE version = ?1")?
        .execute([version.id.get()])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO image VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (position, image) in (0_i64..).zip(&version.images) {
        insert.execute(params![
            version.id.get(),
            position,
            image.url,
            image.kind.as_ref().map(ToString::to_string),
            image.width.map(u64::cast_signed),
            image.height.map(u64::cast_signed),
            image.level().map(|level| i64::from(level.bits())),
        ])?;
    }
    Ok(())
}
