//! What the simulated site knows: people, models, versions, files, pictures and the shelves they stand on.
//!
//! All of it is plain data that a test may edit between two requests. Nothing here checks that the data makes sense:
//! the database of a real site does not always make sense either, and a client has to bear that.
//!
//! ```
//! use civitai_sim::state::{File, Model, State, Version};
//!
//! let mut state = State::default();
//! state.add_model(
//!     Model::new(7, "Watercolour", "LORA").with_version(
//!         Version::new(70, "v1").with_file(File::new(700, "watercolour.safetensors", 4096)),
//!     ),
//! );
//! assert_eq!(state.find_version(70).map(|(model, _)| model.id), Some(7));
//! ```

mod file;
mod image;
mod model;
mod shelf;
mod user;
mod version;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

pub use self::file::{Backend, File, FileMetadata, ScanResult, Visibility};
pub use self::image::{Image, ImageStats};
pub use self::model::{Availability, Mode, Model, ModelStats, Status};
pub use self::shelf::{Article, Attachment, Collection, CollectionRead, Tag, Vault, VaultItem};
pub use self::user::{FilePreferences, Standing, Token, User, Validity};
pub use self::version::{PaidAccess, UsageControl, Version, VersionStats};

/// The site's database and its switches.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By id.
    pub users: BTreeMap<u32, User>,
    /// By id.
    pub models: BTreeMap<u32, Model>,
    /// Pictures that belong to no version's own showcase; those are in [`Version::images`].
    pub gallery: Vec<Image>,
    /// By id.
    pub collections: BTreeMap<u32, Collection>,
    /// By id.
    pub articles: BTreeMap<u32, Article>,
    /// By id.
    pub attachments: BTreeMap<u32, Attachment>,
    /// Tags with an id of their own; a model may carry a name that is not in here.
    pub tags: Vec<Tag>,
    /// Downloads resolved without a session, per address, for the rolling quota.
    pub anonymous_downloads: BTreeMap<IpAddr, Vec<Timestamp>>,
    /// Requests of the current fixed window, per rate-limit bucket.
    pub(crate) windows: BTreeMap<String, Window>,
    /// How the site behaves as a whole.
    pub switches: Switches,
}

/// A fixed window of a rate limiter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) opened: Timestamp,
    pub(crate) requests: u32,
}

/// Behaviour of the whole site that has changed over the years or with the weather.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct Switches {
    /// The spelling of `allowCommercialUse`. Default [`CommercialUseForm::Literal`].
    pub commercial_use: CommercialUseForm,
    /// The spelling of cursors of `/images`, but for those by model or picture, which are ids. Default
    /// [`ImageCursorForm::Offset`].
    pub image_cursors: ImageCursorForm,
    /// Origin in the URLs of `/models/{id}`, which do not follow the request's host. Default: the simulator's own.
    pub configured_origin: Option<String>,
    /// Whether a download without a session is thinkable at all. Default `false`, as the site runs since 2026.
    pub anonymous_downloads: bool,
    /// Downloads in 24 hours before the site asks to come back later. Default `None`: no quota.
    pub download_quota: Option<u32>,
    /// Users who get 403 on every download.
    pub blocked_users: Vec<u32>,
    /// Addresses that get 403 on every download.
    pub blocked_addresses: Vec<IpAddr>,
    /// Whether searches (`query`, pictures, users) answer 503. Default `false`.
    pub search_overloaded: bool,
    /// Whether `/images` has reached its concurrency cap and answers 503. Default `false`.
    pub images_saturated: bool,
    /// Whether the region of every caller is shut out of `/api/v1` with 451. Default `false`.
    pub region_blocked: bool,
    /// Tags whose listings are empty.
    pub blocked_tags: Vec<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            commercial_use: CommercialUseForm::Literal,
            image_cursors: ImageCursorForm::Offset,
            configured_origin: None,
            anonymous_downloads: false,
            download_quota: None,
            blocked_users: Vec::new(),
            blocked_addresses: Vec::new(),
            search_overloaded: false,
            images_saturated: false,
            region_blocked: false,
            blocked_tags: vec!["blocked".to_owned()],
        }
    }
}

/// How a list of licence permissions is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommercialUseForm {
    /// The database's array literal in a string, `"{Image,Rent}"`: today.
    #[default]
    Literal,
    /// A JSON array: until 2025.
    Array,
}

/// How the search for pictures spells a place in its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageCursorForm {
    /// An offset and a moment: `100|1744925337225`.
    #[default]
    Offset,
    /// JSON after a prefix, `bdx:{…}`, full of characters that a query must encode.
    BitDex,
}

impl State {
    /// Adds a model, replacing the one of the same id.
    pub fn add_model(&mut self, model: Model) {
        self.models.insert(model.id, model);
    }

    /// Adds a user, replacing the one of the same id.
    pub fn add_user(&mut self, user: User) {
        self.users.insert(user.id, user);
    }

    /// The model to edit, if there is one of this id.
    pub fn model_mut(&mut self, id: u32) -> Option<&mut Model> {
        self.models.get_mut(&id)
    }

    /// The version to edit, if any model has one of this id.
    pub fn version_mut(&mut self, id: u32) -> Option<&mut Version> {
        self.models
            .values_mut()
            .flat_map(|model| &mut model.versions)
            .find(|version| version.id == id)
    }

    /// The file to edit, if any version has one of this id.
    pub fn file_mut(&mut self, id: u32) -> Option<&mut File> {
        self.models
            .values_mut()
            .flat_map(|model| &mut model.versions)
            .flat_map(|version| &mut version.files)
            .find(|file| file.id == id)
    }

    /// The user to edit, if there is one of this id.
    pub fn user_mut(&mut self, id: u32) -> Option<&mut User> {
        self.users.get_mut(&id)
    }

    /// The model of this id.
    pub fn model(&self, id: u32) -> Option<&Model> {
        self.models.get(&id)
    }

    /// The version of this id, with its model.
    pub fn find_version(&self, id: u32) -> Option<(&Model, &Version)> {
        self.versions().find(|(_, version)| version.id == id)
    }

    /// The file of this id, with its model and version.
    pub fn find_file(&self, id: u32) -> Option<(&Model, &Version, &File)> {
        self.files().find(|(_, _, file)| file.id == id)
    }

    /// Every version with its model, by model id and then in the creator's order.
    pub fn versions(&self) -> impl Iterator<Item = (&Model, &Version)> {
        self.models
            .values()
            .flat_map(|model| model.versions.iter().map(move |version| (model, version)))
    }

    /// Every file with its model and version, hidden and replaced ones included.
    pub fn files(&self) -> impl Iterator<Item = (&Model, &Version, &File)> {
        self.versions().flat_map(|(model, version)| {
            version.files.iter().map(move |file| (model, version, file))
        })
    }

    /// The user of this id.
    pub fn user(&self, id: u32) -> Option<&User> {
        self.users.get(&id)
    }

    /// The user of this name, in any case.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.users.values().find(|user| {
            user.username
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// The user whose session a token opens: none for an unknown, expired or revoked token, none for a banned user.
    pub fn user_by_token(&self, value: &str) -> Option<(&User, &Token)> {
        self.users
            .values()
            .filter(|user| user.standing != Standing::Banned)
            .flat_map(|user| user.tokens.iter().map(move |token| (user, token)))
            .find(|(_, token)| token.value == value && token.validity == Validity::Valid)
    }
}
