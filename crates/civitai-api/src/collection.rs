//! Collections. The API describes them and lists none of their contents.

use crate::creator::User;
use crate::id::CollectionId;
use crate::nsfw::NsfwLevel;
use crate::open_enum::open_enum;
use crate::tag::Tag;
use crate::wire::wire;

open_enum! {
    /// What a collection holds.
    pub enum CollectionType {
        Model = "Model",
        Article = "Article",
        Post = "Post",
        Image = "Image",
        Model3d = "Model3D",
    }
}

open_enum! {
    /// Who may read a collection.
    pub enum CollectionRead {
        Private = "Private",
        Public = "Public",
        Unlisted = "Unlisted",
    }
}

wire! {
    /// A collection.
    pub struct Collection {
        /// Its id.
        pub id: CollectionId => "id",
        /// Its title.
        pub name: String => "name",
        /// Its owner's text.
        pub description: Option<String> => "description",
        /// What it holds; absent when mixed.
        pub kind: Option<CollectionType> => "type",
        /// The levels that occur in it.
        pub nsfw_level: Option<NsfwLevel> => "nsfwLevel",
        /// Who may read it.
        pub read: Option<CollectionRead> => "read",
        /// Whether everyone may read it.
        pub is_public: Option<bool> => "isPublic",
        /// How many things it holds; only in listings.
        pub item_count: Option<u64> => "itemCount",
        /// Its cover picture.
        pub cover_image_url: Option<String> => "coverImageUrl",
        /// Its owner.
        pub user: Option<User> => "user",
        /// Its tags; only in its own description.
        pub tags: Vec<Tag> => "tags",
    }
}
