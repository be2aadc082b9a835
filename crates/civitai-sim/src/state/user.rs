use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Vault;

/// An account.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// Account id.
    pub id: u32,
    /// `None` for a deleted account that still owns models.
    pub username: Option<String>,
    /// Path of the portrait on the picture host.
    pub image: Option<String>,
    /// Membership: `free`, `founder`, `bronze`, `silver`, `gold`, or absent.
    pub tier: Option<String>,
    /// What moderation made of the account.
    pub standing: Standing,
    /// Whether the account may see what only moderators see.
    pub moderator: bool,
    /// Address shown to the account itself.
    pub email: Option<String>,
    /// Keys of the account, of any validity.
    pub tokens: Vec<Token>,
    /// Which file the account likes best when a download names none.
    pub preferences: FilePreferences,
    /// Models in the bookmark collection.
    pub bookmarks: BTreeSet<u32>,
    /// Models the account hides from its listings.
    pub hidden: BTreeSet<u32>,
    /// Versions bought for download.
    pub purchases: BTreeSet<u32>,
    /// When downloads were resolved, for the rolling quota.
    pub downloads: Vec<Timestamp>,
    /// Made on the first look at it, for members only.
    pub vault: Option<Vault>,
}

impl User {
    /// An active account without a membership or a token.
    pub fn new(id: u32, username: &str) -> Self {
        Self {
            id,
            username: Some(username.to_owned()),
            ..Self::default()
        }
    }

    /// Adds a valid token of full scope.
    #[must_use]
    pub fn with_token(mut self, value: &str) -> Self {
        self.tokens.push(Token {
            value: value.to_owned(),
            ..Token::default()
        });
        self
    }

    /// Sets the membership.
    #[must_use]
    pub fn with_tier(mut self, tier: &str) -> Self {
        self.tier = Some(tier.to_owned());
        self
    }

    /// Whether the account pays for a membership.
    pub fn is_member(&self) -> bool {
        self.tier.as_deref().is_some_and(|tier| tier != "free")
    }
}

/// What moderation made of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// In good standing.
    #[default]
    Active,
    /// May read and download, not post.
    Muted,
    /// Every token opens no session.
    Banned,
}

impl Standing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Muted => "muted",
            Self::Banned => "banned",
        }
    }
}

/// A key of an account.
#[derive(Debug, Clone)]
pub struct Token {
    /// What a client sends.
    pub value: String,
    /// Whether it still opens a session.
    pub validity: Validity,
    /// Scope bits; full is 33554431.
    pub scope: u32,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            value: String::new(),
            validity: Validity::Valid,
            scope: FULL_SCOPE,
        }
    }
}

/// Whether a token opens a session. All but a valid one are silently anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Opens a session.
    Valid,
    /// Too old.
    Expired,
    /// Taken back.
    Revoked,
}

/// An account's own answer to which file of a version it wants; a member that is `None` takes the site's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilePreferences {
    /// Site default `SafeTensor`.
    pub format: Option<String>,
    /// Site default `pruned`.
    pub size: Option<String>,
    /// Site default `fp16`.
    pub fp: Option<String>,
    /// Site default `Q4_K_M`.
    pub quant_type: Option<String>,
}

const FULL_SCOPE: u32 = 33_554_431;
