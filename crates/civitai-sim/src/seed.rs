//! What a fresh simulator holds: at least one thing for every way in which the site surprises its clients.
//!
//! Tests name cases, not numbers: `seed::ARCHIVED.version(0)` is the first version of the archived model. Everything
//! but the bytes of the files is the same for every seed number; the bytes, and so the hashes, follow from it. The
//! one exception is [`HUGE`], whose digests would take a minute to compute.
//!
//! | case | what it is |
//! |---|---|
//! | [`LORA`] | one file of which only the format is known; pictures with prompts; a gallery that pages |
//! | [`CHECKPOINT`] | two versions; the first has half and full precision under one download name, a VAE and training data |
//! | [`QUANTS`] | GGUF in three quantisations beside safetensors; file 4 has a listed URL that cannot be resolved |
//! | [`EMBEDDING`] | an embedding, its negative twin, trained words with commas |
//! | [`TIMED_GATE`] | paid until 2099 |
//! | [`PERMANENT_GATE`] | paid for ever; [`BUYER`] has bought it |
//! | [`EXPIRED_GATE`] | was paid until 2026-01-01 |
//! | [`GENERATION_ONLY`] | downloads disabled |
//! | [`ARCHIVED`] | page without files |
//! | [`TAKEN_DOWN`] | page without pictures |
//! | [`MATURE`] | levels X and XXX only |
//! | [`MINOR`] | flagged, so that `nsfw=true` hides it |
//! | [`REAL_PERSON`] | flagged, so that everything but its version hides it |
//! | [`UNSCANNED`] | level 0, no hashes |
//! | [`DELETED`], [`UNPUBLISHED`] | gone, while a file may still lie on somebody's disk |
//! | [`PRIVATE`] | for [`OWNER`] alone |
//! | [`TWIN`], [`LATER_TWIN`] | the same bytes uploaded twice |
//! | [`WRONG_HASH`] | the database has another file's SHA-256 |
//! | [`LINKED_VAE`], [`VAE`] | a checkpoint that borrows the VAE's file |
//! | [`HIDDEN_METRICS`] | null counters |
//! | [`HOUSE`] | by the house account: no creator at all |
//! | [`GHOST`] | by a deleted account: a creator without a name |
//! | [`ODD_NAMES`] | stored names that no file system should be given |
//! | [`ODD_TITLES`] | three models in a row whose own names are odd: emoji, CJK, 300 characters |
//! | [`SMALL`] | files of 0 bytes, 1 byte, and just under and at the size where `AutoV1` begins |
//! | [`HUGE`] | 20 GiB |
//! | [`EMPTY`] | published, without a version |
//! | [`HIDDEN_PRIMARY`] | its primary file is not public |
//! | [`REPLACED`] | version 0 has an old and a new file, version 1 only a replaced one |
//! | [`DANGER`] | a pickle the scanner warns of |
//! | [`LOGIN_ONLY`] | needs a session whatever the site's switch says |
//! | [`NULL_METADATA`] | a database accident that makes the version endpoint fail |
//! | [`SECOND_STORAGE`] | lies on B2 |
//! | [`UNSEARCHABLE`] | for whoever knows the id |
//! | [`PROLIFIC_MODELS`] | 250 models of one user, counts and dates tied |

mod crowd;
mod models;
mod oddities;
mod people;
mod shelves;

use std::ops::RangeInclusive;

use crate::content::{Content, mix};
use crate::state::{File, State};

/// A model of the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Model id.
    pub model: u32,
}

impl Case {
    /// Id of the nth version, from zero, in the creator's order.
    pub const fn version(self, nth: u32) -> u32 {
        self.model * 10 + nth
    }

    /// Id of the nth file, from zero, counted through all versions of the model.
    pub const fn file(self, nth: u32) -> u32 {
        self.model * 100 + nth
    }
}

/// An account of the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub id: u32,
    /// User name.
    pub name: &'static str,
    /// A valid token, even though a banned account's opens nothing.
    pub token: &'static str,
}

/// The state of a fresh simulator.
pub fn state(number: u64) -> State {
    let mut state = State::default();
    people::fill(&mut state);
    shelves::fill(&mut state);
    models::fill(&mut state);
    oddities::fill(&mut state);
    crowd::fill(&mut state);
    let seeded = |file: &File| {
        let (kind, len) = (file.content.kind(), file.content.len());
        Content::new(kind, mix(number, file.id.into()), len)
    };
    for file in state
        .models
        .values_mut()
        .flat_map(|model| &mut model.versions)
        .flat_map(|version| &mut version.files)
    {
        if file.id != HUGE.file(0) {
            file.content = seeded(file);
        }
    }
    oddities::share_bytes(&mut state);
    state
}

/// An account with nothing special, and two more tokens: [`EXPIRED_TOKEN`] and [`REVOKED_TOKEN`].
pub const PLAIN: Account = Account {
    id: 101,
    name: "plain",
    token: "5eed0000000000000000000000000101",
};
/// Owns most of the models; has bought nothing.
pub const OWNER: Account = Account {
    id: 102,
    name: "owner",
    token: "5eed0000000000000000000000000102",
};
/// Has bought [`TIMED_GATE`] and [`PERMANENT_GATE`]; a gold member, so with a vault.
pub const BUYER: Account = Account {
    id: 103,
    name: "buyer",
    token: "5eed0000000000000000000000000103",
};
/// May see what only moderators see.
pub const MODERATOR: Account = Account {
    id: 104,
    name: "moderator",
    token: "5eed0000000000000000000000000104",
};
/// Banned: the token opens no session.
pub const BANNED: Account = Account {
    id: 105,
    name: "banned",
    token: "5eed0000000000000000000000000105",
};
/// Prefers full-size fp32 files.
pub const PICKY: Account = Account {
    id: 106,
    name: "picky",
    token: "5eed0000000000000000000000000106",
};
/// Owns [`PROLIFIC_MODELS`].
pub const PROLIFIC: Account = Account {
    id: 107,
    name: "prolific",
    token: "5eed0000000000000000000000000107",
};
/// A token of [`PLAIN`] that has run out.
pub const EXPIRED_TOKEN: &str = "5eed00000000000000000000000e0101";
/// A token of [`PLAIN`] that was taken back.
pub const REVOKED_TOKEN: &str = "5eed00000000000000000000000f0101";

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident = $model:literal;)*) => {
        $($(#[$doc])* pub const $name: Case = Case { model: $model };)*
    };
}

cases! {
    /// One file of which only the format is known.
    LORA = 1001;
    /// Half precision (file 0), full precision (1), VAE (2), training data (3); version 1 has file 4.
    CHECKPOINT = 1002;
    /// `Q8_0` (0), `Q4_K_M` (1), `Q2_K` (2), fp16 safetensors (3), int8 safetensors (4).
    QUANTS = 1003;
    /// The embedding (0) and its negative (1).
    EMBEDDING = 1004;
    /// Paid until 2099.
    TIMED_GATE = 1005;
    /// Paid for ever.
    PERMANENT_GATE = 1006;
    /// No longer paid.
    EXPIRED_GATE = 1007;
    /// Downloads disabled.
    GENERATION_ONLY = 1008;
    /// 410 on download.
    ARCHIVED = 1009;
    /// No pictures.
    TAKEN_DOWN = 1010;
    /// Mask 24.
    MATURE = 1011;
    /// Mask 5 and the flag.
    MINOR = 1012;
    /// Mask 1 and the flag.
    REAL_PERSON = 1013;
    /// Mask 0.
    UNSCANNED = 1014;
    /// Deleted.
    DELETED = 1015;
    /// Unpublished.
    UNPUBLISHED = 1016;
    /// Private to its owner.
    PRIVATE = 1017;
    /// Published first.
    TWIN = 1018;
    /// Published a month later with the same bytes.
    LATER_TWIN = 1019;
    /// Claims a SHA-256 that is not its file's.
    WRONG_HASH = 1020;
    /// Borrows file 0 of [`VAE`].
    LINKED_VAE = 1021;
    /// Lends its file to [`LINKED_VAE`].
    VAE = 1022;
    /// Null counters.
    HIDDEN_METRICS = 1023;
    /// Without a creator.
    HOUSE = 1024;
    /// With a nameless creator.
    GHOST = 1025;
    /// Emoji (0), CJK (1), 300 characters (2), `..\` (3), `CON` (4), percent-encoded (5), `../` (6), bidi (7),
    /// trailing dot and space (8).
    ODD_NAMES = 1026;
    /// The first of three models with odd names of their own; the others have the next two ids.
    ODD_TITLES = 1027;
    /// 0 bytes (0), 1 byte (1), one byte under 2 MiB (2), 2 MiB (3).
    SMALL = 1030;
    /// 20 GiB.
    HUGE = 1031;
    /// Without a version.
    EMPTY = 1032;
    /// Primary and private (0), public (1).
    HIDDEN_PRIMARY = 1033;
    /// Old (0) and new (1) in version 0, replaced by nothing (2) in version 1.
    REPLACED = 1034;
    /// A dangerous pickle.
    DANGER = 1035;
    /// Needs a session.
    LOGIN_ONLY = 1036;
    /// 500 on the version endpoint.
    NULL_METADATA = 1037;
    /// On B2.
    SECOND_STORAGE = 1038;
    /// Known by id only.
    UNSEARCHABLE = 1039;
}

/// Models of [`PROLIFIC`]: likes tied by fifty, downloads by five, dates by thirty.
pub const PROLIFIC_MODELS: RangeInclusive<u32> = 2001..=2250;
/// Pictures of the gallery of [`LORA`], newest last.
pub const GALLERY: RangeInclusive<u32> = 50_001..=50_060;
/// A public collection.
pub const COLLECTION: u32 = 301;
/// A collection for whoever knows the id.
pub const UNLISTED_COLLECTION: u32 = 302;
/// A private collection.
pub const PRIVATE_COLLECTION: u32 = 303;
/// The first of five articles with consecutive ids.
pub const ARTICLE: u32 = 401;
/// A file of an article, for every account.
pub const ATTACHMENT: u32 = 501;
/// A file of a bounty, for [`OWNER`] alone.
pub const PRIVATE_ATTACHMENT: u32 = 502;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_gives_one_set_of_bytes() {
        let hash = |number| {
            let state = state(number);
            let (_, _, file) = state
                .find_file(LORA.file(0))
                .expect("the seed has this file");
            file.content.digests().sha256.clone()
        };
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn ids_of_versions_and_files_follow_from_the_model() {
        for (model, version, file) in state(1).files() {
            assert_eq!(version.id / 10, model.id);
            assert_eq!(file.id / 100, model.id);
        }
    }

    #[test]
    fn the_levels_of_a_version_are_those_of_its_pictures() {
        for (_, version) in state(1).versions() {
            let levels = version.images.iter().map(|image| image.level);
            let mask = levels.reduce(|mask, level| mask | level);
            assert_eq!(mask.unwrap_or(version.nsfw_level), version.nsfw_level);
        }
    }

    #[test]
    #[ignore = "reads 20 GiB"]
    fn the_digests_of_the_huge_file_are_what_the_seed_says() {
        let state = state(1);
        let (_, _, file) = state
            .find_file(HUGE.file(0))
            .expect("the seed has this file");
        let mut truth = file.clone();
        truth.claimed_hashes.clear();
        assert_eq!(file.hashes(), truth.hashes());
    }
}
