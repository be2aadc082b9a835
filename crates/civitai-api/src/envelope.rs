//! What surrounds the things themselves: pages of listings, enumerations, error bodies.

use serde_json::Value;

use crate::open_enum::open_enum;
use crate::wire::{Wire, wire};

wire! {
    /// One page of a listing. A body without `items` is none, so that an error page is not taken for the end.
    pub struct Page<T> {
        /// The things on it. Fewer than asked for, or none, does not mean that it is the last page.
        pub items: Vec<T> => a_list "items",
        /// How to go on; absent from the vault's pages, which carry it beside `items`.
        pub metadata: Option<PageMetadata> => "metadata",
        /// All items; the vault's pages only.
        pub total_items: Option<u64> => "totalItems",
        /// The page's number, 1 first; the vault's pages only.
        pub current_page: Option<u64> => "currentPage",
        /// Items on a page; the vault's pages only.
        pub page_size: Option<u64> => "pageSize",
        /// All pages; the vault's pages only.
        pub total_pages: Option<u64> => "totalPages",
    }
}

wire! {
    /// How to go on with a listing.
    pub struct PageMetadata {
        /// Where the next page begins; absent at the end.
        pub next_cursor: Option<Cursor> => "nextCursor",
        /// The next page's address. It repeats the request's host and any token in it: build the next request from the cursor.
        pub next_page: Option<String> => "nextPage",
        /// The address of the page before.
        pub prev_page: Option<String> => "prevPage",
        /// The page's number; not in listings by cursor.
        pub current_page: Option<u64> => "currentPage",
        /// Items on a page; not in listings by cursor.
        pub page_size: Option<u64> => "pageSize",
        /// All items; always 0 for tags, a lower bound for creators by name.
        pub total_items: Option<u64> => "totalItems",
        /// All pages, as unreliable as the items.
        pub total_pages: Option<u64> => "totalPages",
        /// Whether there is more; creators by name only.
        pub has_more: Option<bool> => "hasMore",
    }
}

/// Where a page begins: opaque text, good for the same query and order only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// Returns the text to send back, not yet percent-encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Wire for Cursor {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Value::String(text) => (Some(Self(text)), None),
            Value::Number(number) => (Some(Self(number.to_string())), Some(Value::Number(number))),
            other => (None, Some(other)),
        }
    }

    fn write(&self) -> Value {
        Value::String(self.0.clone())
    }
}

wire! {
    /// The values the server knows today. Good for warnings, never for refusing.
    pub struct Enums {
        /// Types of models.
        pub model_types: Vec<String> => "ModelType",
        /// Roles of files.
        pub file_types: Vec<String> => "ModelFileType",
        /// Base models that are not hidden.
        pub active_base_models: Vec<String> => "ActiveBaseModel",
        /// All base models.
        pub base_models: Vec<String> => "BaseModel",
        /// What base models are prepared for.
        pub base_model_types: Vec<String> => "BaseModelType",
    }
}

wire! {
    /// An error body in the shape of an object. The same failure comes in a dozen other shapes, too.
    pub struct ErrorBody {
        /// The reason: text, or an object of the server's validator.
        pub error: Option<Value> => "error",
        /// More of the reason.
        pub message: Option<Value> => "message",
        /// A code such as `REGION_BLOCKED`.
        pub code: Option<String> => "code",
        /// When early access ends; absent for gates without an end.
        pub deadline: Option<crate::time::Timestamp> => "deadline",
    }
}

open_enum! {
    /// Order of models. Names are sent with case and spaces.
    pub enum ModelSort {
        HighestRated = "Highest Rated",
        MostDownloaded = "Most Downloaded",
        MostLiked = "Most Liked",
        MostDiscussed = "Most Discussed",
        MostCollected = "Most Collected",
        MostImages = "Most Images",
        Newest = "Newest",
        Oldest = "Oldest",
    }
}

open_enum! {
    /// Order of pictures.
    pub enum ImageSort {
        MostReactions = "Most Reactions",
        MostComments = "Most Comments",
        MostCollected = "Most Collected",
        Newest = "Newest",
        Oldest = "Oldest",
        Random = "Random",
    }
}

open_enum! {
    /// Order of articles.
    pub enum ArticleSort {
        MostBookmarks = "Most Bookmarks",
        MostReactions = "Most Reactions",
        MostComments = "Most Comments",
        MostCollected = "Most Collected",
        Newest = "Newest",
        RecentlyUpdated = "Recently Updated",
    }
}

open_enum! {
    /// Order of collections.
    pub enum CollectionSort {
        MostFollowers = "Most Followers",
        Newest = "Newest",
    }
}

open_enum! {
    /// Order of the vault.
    pub enum VaultSort {
        RecentlyAdded = "Recently Added",
        RecentlyCreated = "Recently Created",
        ModelName = "Model Name",
        ModelSize = "Model Size",
    }
}

open_enum! {
    /// The window in which a version must have been published to be listed.
    pub enum Period {
        Day = "Day",
        Week = "Week",
        Month = "Month",
        Year = "Year",
        AllTime = "AllTime",
    }
}
