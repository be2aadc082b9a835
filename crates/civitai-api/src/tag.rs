//! Tags.

use crate::id::TagId;
use crate::wire::wire;

wire! {
    /// A tag. Listings of models name tags by their text alone.
    pub struct Tag {
        /// Absent from `/tags`.
        pub id: Option<TagId> => "id",
        /// The tag itself.
        pub name: String => "name",
        /// The API's address for models with it, not percent-encoded; only from `/tags`.
        pub link: Option<String> => "link",
        /// Number of models; in bodies from before 2024.
        pub model_count: Option<u64> => "modelCount",
        /// Whether the site uses it as a category; articles only.
        pub is_category: Option<bool> => "isCategory",
    }
}
