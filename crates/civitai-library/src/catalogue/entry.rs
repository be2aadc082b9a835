//! The files of a library, as the catalogue knows them.

use std::os::unix::fs::MetadataExt as _;
use std::str::FromStr;
use std::time::SystemTime;

use civitai_api::{FileId, ModelId, VersionId};
use civitai_download::digest::Digests;
use rusqlite::types::Type;
use rusqlite::{Row, params};

use super::word::words;
use super::{Catalogue, Error, time};
use crate::sealing;

/// A file that is, or was, in the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it is, below the root.
    pub path: String,
    /// What its digests hold for.
    pub stamp: Stamp,
    /// When it was seen first.
    pub added: SystemTime,
    /// Since when it is not there any more.
    pub missing: Option<SystemTime>,
    /// Whether it is missing because an operation of this program took it away: nobody waits for it.
    pub is_removed: bool,
    /// What it was hashed to; absent until then. What is not in the set was not computed, or the file is too short. Of an
    /// encrypted file it is the content.
    pub digests: Option<Digests>,
    /// Which file of the site it is, if that is known.
    pub matched: Option<Match>,
    /// What the site says of it, where it is one of the site's files.
    pub described: Option<Described>,
    /// What its header says; absent until it was read.
    pub identity: Option<Identity>,
}

impl Entry {
    /// Whether it is a container: its digests are those of what is in it.
    pub fn is_sealed(&self) -> bool {
        sealing::is_sealed(&self.path)
    }

    /// The type of the model in Civitai's words: as the site has it, else by the header.
    pub fn model_type(&self) -> Option<&str> {
        let of_site = self
            .described
            .as_ref()
            .and_then(|of| of.model_type.as_deref());
        of_site.or_else(|| self.identity.as_ref()?.model_type.as_deref())
    }

    /// The base model in Civitai's words: as the site has it, else by the header.
    pub fn base_model(&self) -> Option<&str> {
        let of_site = self
            .described
            .as_ref()
            .and_then(|of| of.base_model.as_deref());
        of_site.or_else(|| self.identity.as_ref()?.base_model.as_deref())
    }
}

/// What the site says of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Described {
    /// The title of the model.
    pub model: Option<String>,
    /// The name of the version.
    pub version: Option<String>,
    /// Who published it.
    pub creator: Option<String>,
    /// What it is; a VAE or a text encoder that comes with a checkpoint is what it is itself.
    pub model_type: Option<String>,
    /// What it was made for.
    pub base_model: Option<String>,
    /// Since when the site does not have it any more.
    pub gone: Option<SystemTime>,
}

/// What tells a changed file from an unchanged one without reading it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Stamp {
    /// Its length.
    pub bytes: u64,
    /// When it was last changed, in nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
    /// Its number on the volume.
    pub inode: u64,
    /// The volume.
    pub device: u64,
}

impl Stamp {
    /// Reads the stamp of an open file or a path.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            mtime_ns: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    /// Reads `bytes, mtime_ns, inode, device`, which begin at `column`.
    pub(crate) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            bytes: whole(row, column)?,
            mtime_ns: row.get(column + 1)?,
            inode: whole(row, column + 2)?,
            device: whole(row, column + 3)?,
        })
    }

    /// Says whether a file with this stamp is the one that had `other`. The volume does not count: its number changes
    /// when it is mounted anew.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.bytes, self.mtime_ns, self.inode) == (other.bytes, other.mtime_ns, other.inode)
    }
}

/// A file of the site.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The model; absent where an old answer did not tell.
    pub model: Option<ModelId>,
    /// The version.
    pub version: VersionId,
    /// The file; absent where only the version is known, such as for a file that the site does not list.
    pub file: Option<FileId>,
}

/// Which file of the site a file is, and how that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Match {
    /// The file of the site.
    pub origin: Origin,
    /// How that is known.
    pub by: MatchedBy,
    /// Whether a digest bears it out. It does not where a sidecar says so of a file that nobody has hashed, or names no
    /// digest.
    pub is_proved: bool,
}

words! {
    /// How it is known which file of the site a file is.
    MatchedBy {
        /// It was fetched from there, and verified.
        Download "download",
        /// Its SHA-256 is that of the site's file.
        Hash "hash",
        /// A file beside it says so.
        Sidecar "sidecar",
    }
}

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Its container, such as `safetensors`.
    pub format: String,
    /// One of the site's types of models.
    pub model_type: Option<String>,
    /// One of the site's base models.
    pub base_model: Option<String>,
    /// The family of base models.
    pub family: Option<String>,
    /// How sure that is, from 0 to 1.
    pub confidence: f64,
    /// What it was seen by.
    pub evidence: Vec<String>,
}

impl Catalogue {
    /// Every file of the library, those that are missing included, by path.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached(&format!("{SELECT} WHERE file.root = ?1 ORDER BY path"))?;
            let rows = select.query_map([self.root_number()], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The file at `path`.
    pub fn entry(&self, path: &str) -> Result<Option<Entry>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached(&format!("{SELECT} WHERE file.root = ?1 AND path = ?2"))?;
            let mut rows = select.query_map(params![self.root_number(), path], entry)?;
            Ok(rows.next().transpose()?)
        })
    }
}

const SELECT: &str = "SELECT path, file.bytes, mtime_ns, inode, device, added, missing, hashed,
    file.sha256, file.blake3, file.crc32, file.autov1, file.autov3,
    model_id, version_id, file_id, matched_by,
    identified, format, model_type, file.base_model, family, confidence, evidence,
    nullif(model.name, ''), nullif(version.name, ''), creator,
    CASE release.kind WHEN 'VAE' THEN 'VAE' WHEN 'Text Encoder' THEN 'TextEncoder'
        ELSE model.kind END,
    version.base_model, ifnull(version.gone, model.gone), unproved, ifnull(removed = missing, 0),
    content
    FROM file
    LEFT JOIN version ON version.id = version_id
    LEFT JOIN model ON model.id = ifnull(model_id, version.model)
    LEFT JOIN release ON release.version = version_id AND release.file = file_id";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let stamp = Stamp::read(row, 1)?;
    let digests = if row.get::<_, Option<i64>>(7)?.is_some() {
        let content: Option<i64> = row.get(32)?;
        let bytes = content.map_or(stamp.bytes, i64::cast_unsigned);
        Some(digests_at(row, 8, bytes)?)
    } else {
        None
    };
    Ok(Entry {
        path: row.get(0)?,
        stamp,
        added: time(row.get(5)?),
        missing: row.get::<_, Option<i64>>(6)?.map(time),
        is_removed: row.get(31)?,
        digests,
        matched: matched(row)?,
        described: described(row)?,
        identity: identity(row)?,
    })
}

/// Reads `sha256, blake3, crc32, autov1, autov3`, which begin at `column`.
pub(super) fn digests_at(row: &Row<'_>, column: usize, bytes: u64) -> rusqlite::Result<Digests> {
    let mut digests = Digests::default();
    digests.bytes = bytes;
    digests.sha256 = word(row, column)?;
    digests.blake3 = word(row, column + 1)?;
    digests.crc32 = word(row, column + 2)?;
    digests.auto_v1 = word(row, column + 3)?;
    digests.auto_v3 = word(row, column + 4)?;
    Ok(digests)
}

/// Reads `model_id, version_id, file_id`, which begin at `column`.
pub(super) fn origin_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Origin>> {
    let Some(version) = id(row, column + 1, VersionId::new)? else {
        return Ok(None);
    };
    Ok(Some(Origin {
        model: id(row, column, ModelId::new)?,
        version,
        file: id(row, column + 2, FileId::new)?,
    }))
}

fn matched(row: &Row<'_>) -> rusqlite::Result<Option<Match>> {
    let Some(origin) = origin_at(row, 13)? else {
        return Ok(None);
    };
    let is_proved = row.get::<_, Option<bool>>(30)? != Some(true);
    Ok(word(row, 16)?.map(|by| Match {
        origin,
        by,
        is_proved,
    }))
}

fn described(row: &Row<'_>) -> rusqlite::Result<Option<Described>> {
    let described = Described {
        model: row.get(24)?,
        version: row.get(25)?,
        creator: row.get(26)?,
        model_type: row.get(27)?,
        base_model: row.get(28)?,
        gone: row.get::<_, Option<i64>>(29)?.map(time),
    };
    Ok((described != Described::default()).then_some(described))
}

fn identity(row: &Row<'_>) -> rusqlite::Result<Option<Identity>> {
    if row.get::<_, Option<i64>>(17)?.is_none() {
        return Ok(None);
    }
    let evidence: Option<String> = row.get(23)?;
    let evidence = match evidence {
        None => Vec::new(),
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(23, Type::Text, error.into())
        })?,
    };
    Ok(Some(Identity {
        format: row.get::<_, Option<String>>(18)?.unwrap_or_default(),
        model_type: row.get(19)?,
        base_model: row.get(20)?,
        family: row.get(21)?,
        confidence: row.get::<_, Option<f64>>(22)?.unwrap_or_default(),
        evidence,
    }))
}

/// Text that stands for a value; what does not is damage.
pub(super) fn word<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| {
        text.parse().map_err(|error: T::Err| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
        })
    })
    .transpose()
}

/// SQLite's integers have a sign; sizes and inodes are kept bit by bit.
fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

pub(super) fn id<T>(
    row: &Row<'_>,
    column: usize,
    new: impl Fn(u64) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let number: Option<i64> = row.get(column)?;
    number
        .map(|number| {
            u64::try_from(number)
                .ok()
                .and_then(new)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
        })
        .transpose()
}
