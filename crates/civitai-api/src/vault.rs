//! The vault: copies of versions that paying members keep on the site.

use serde_json::{Map, Value};

use crate::base_model::BaseModel;
use crate::id::{FileId, ModelId, UserId, VaultItemId, VersionId};
use crate::model::ModelType;
use crate::open_enum::open_enum;
use crate::time::Timestamp;
use crate::wire::wire;

open_enum! {
    /// Whether a version has arrived in the vault.
    pub enum VaultStatus {
        Pending = "Pending",
        Stored = "Stored",
        Failed = "Failed",
    }
}

wire! {
    /// The answer to asking for one's vault.
    pub struct VaultAnswer {
        /// Absent for those who do not pay.
        pub vault: Option<Vault> => "vault",
    }
}

wire! {
    /// A vault and how full it is.
    pub struct Vault {
        /// Its owner.
        pub user_id: Option<UserId> => "userId",
        /// Room in KiB.
        pub storage_kib: Option<f64> => "storageKb",
        /// Room taken, in KiB.
        pub used_storage_kib: Option<f64> => "usedStorageKb",
        /// Further notes, as sent.
        pub meta: Option<Map<String, Value>> => "meta",
        /// When it last changed.
        pub updated_at: Option<Timestamp> => "updatedAt",
        /// When it was opened; absent in some bodies.
        pub created_at: Option<Timestamp> => "createdAt",
    }
}

wire! {
    /// A version kept in the vault. It can be fetched after the model was deleted.
    pub struct VaultItem {
        /// Names the entry; downloads from the vault are asked for by it.
        pub id: VaultItemId => "id",
        /// The vault.
        pub vault_id: Option<u64> => "vaultId",
        /// Whether it has arrived.
        pub status: Option<VaultStatus> => "status",
        /// The version kept.
        pub version_id: Option<VersionId> => "modelVersionId",
        /// Its model.
        pub model_id: Option<ModelId> => "modelId",
        /// The model's title when it was stored.
        pub model_name: Option<String> => "modelName",
        /// The version's name when it was stored.
        pub version_name: Option<String> => "versionName",
        /// Its creator; absent for deleted users.
        pub creator_id: Option<UserId> => "creatorId",
        /// The creator's name when it was stored.
        pub creator_name: Option<String> => "creatorName",
        /// What the model is.
        pub kind: Option<ModelType> => "type",
        /// The model it runs on.
        pub base_model: Option<BaseModel> => "baseModel",
        /// The model's category.
        pub category: Option<String> => "category",
        /// Size of the model files in KiB.
        pub model_size_kib: Option<f64> => "modelSizeKb",
        /// Size of the description in KiB.
        pub details_size_kib: Option<f64> => "detailsSizeKb",
        /// Size of the pictures in KiB.
        pub images_size_kib: Option<f64> => "imagesSizeKb",
        /// When the version was published.
        pub created_at: Option<Timestamp> => "createdAt",
        /// When it was put into the vault.
        pub added_at: Option<Timestamp> => "addedAt",
        /// When its copy was last renewed; absent if never.
        pub refreshed_at: Option<Timestamp> => "refreshedAt",
        /// The owner's notes.
        pub notes: Option<String> => "notes",
        /// Counts failures and such, as sent.
        pub meta: Option<Map<String, Value>> => "meta",
        /// A picture of the model.
        pub cover_image_url: Option<String> => "coverImageUrl",
        /// The files kept.
        pub files: Vec<VaultFile> => "files",
    }
}

wire! {
    /// A file kept in the vault.
    pub struct VaultFile {
        /// The file's id.
        pub id: FileId => "id",
        /// Size in KiB.
        pub size_kib: Option<f64> => "sizeKB",
        /// Where it is stored; not an address that can be downloaded.
        pub url: Option<String> => "url",
        /// Its name.
        pub display_name: Option<String> => "displayName",
    }
}

wire! {
    /// Whether a version is in the vault.
    pub struct VaultCheck {
        /// The version asked about.
        pub version_id: VersionId => "modelVersionId",
        /// Its entry; absent if it is not kept.
        pub item: Option<VaultItem> => "vaultItem",
    }
}

wire! {
    /// The answer to putting a version into the vault or taking it out.
    pub struct VaultToggle {
        /// Whether it was done.
        pub success: Option<bool> => "success",
        /// The vault, if the version is now in it.
        pub vault_id: Option<u64> => "vaultId",
    }
}
