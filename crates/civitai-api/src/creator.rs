//! Creators and users.

use crate::id::UserId;
use crate::open_enum::open_enum;
use crate::wire::wire;
use serde_json::Value;

wire! {
    /// A creator, as models name them and `/creators` lists them.
    pub struct Creator {
        /// Absent for deleted users.
        pub username: Option<String> => "username",
        /// Number of published models; only in listings, absent when zero.
        pub model_count: Option<u64> => "modelCount",
        /// The API's address for their models, not percent-encoded; only in listings.
        pub link: Option<String> => "link",
        /// Their portrait.
        pub image: Option<String> => "image",
    }
}

open_enum! {
    /// A paid membership.
    pub enum UserTier {
        Free = "free",
        Founder = "founder",
        Bronze = "bronze",
        Silver = "silver",
        Gold = "gold",
    }
}

open_enum! {
    /// What an account may do.
    pub enum UserStatus {
        Active = "active",
        Muted = "muted",
        Banned = "banned",
    }
}

wire! {
    /// A user, as `/users` finds them or an object names its owner.
    pub struct User {
        /// Absent for deleted users.
        pub id: Option<UserId> => "id",
        /// Absent for deleted users.
        pub username: Option<String> => "username",
        /// Their portrait.
        pub image: Option<String> => "image",
        /// How mature the portrait is, as a word.
        pub avatar_nsfw: Option<String> => "avatarNsfw",
    }
}

wire! {
    /// The owner of the token in use.
    pub struct Me {
        /// Their id.
        pub id: UserId => "id",
        /// Their name.
        pub username: Option<String> => "username",
        /// Their membership; may be absent.
        pub tier: Option<UserTier> => "tier",
        /// What the account may do.
        pub status: Option<UserStatus> => "status",
        /// Whether they pay.
        pub is_member: Option<bool> => "isMember",
        /// Names of their subscriptions.
        pub subscriptions: Vec<String> => "subscriptions",
        /// Their address; absent without the scope for it.
        pub email: Option<String> => "email",
        /// Whether the address was confirmed.
        pub email_verified: Option<bool> => "emailVerified",
        /// What the token may do, as a set of bits.
        pub token_scope: Option<u64> => "tokenScope",
        /// A spending limit, as sent.
        pub buzz_limit: Option<Value> => "buzzLimit",
        /// Which key or grant is in use.
        pub subject: Option<Subject> => "subject",
    }
}

wire! {
    /// The key or grant behind a request.
    pub struct Subject {
        /// `apiKey` or `oauth`.
        pub kind: Option<String> => "type",
        /// Its id, as sent.
        pub id: Option<Value> => "id",
    }
}
