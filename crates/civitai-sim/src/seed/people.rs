//! Accounts.

use super::{
    Account, BANNED, BUYER, EXPIRED_TOKEN, MODERATOR, OWNER, PERMANENT_GATE, PICKY, PLAIN,
    PROLIFIC, REVOKED_TOKEN, TIMED_GATE,
};
use crate::state::{Standing, State, Token, User, Validity};

pub(super) const HOUSE_ACCOUNT: u32 = 1;
pub(super) const DELETED_ACCOUNT: u32 = 108;

pub(super) fn fill(state: &mut State) {
    state.add_user(User::new(HOUSE_ACCOUNT, "civitai"));
    state.add_user(User {
        username: None,
        ..User::new(DELETED_ACCOUNT, "")
    });
    for account in [PLAIN, OWNER, BUYER, MODERATOR, BANNED, PICKY, PROLIFIC] {
        state.add_user(user(account));
    }
}

fn user(account: Account) -> User {
    let mut user = User::new(account.id, account.name).with_token(account.token);
    user.email = Some(format!("{}@example.invalid", account.name));
    match account {
        PLAIN => {
            for (value, validity) in [
                (EXPIRED_TOKEN, Validity::Expired),
                (REVOKED_TOKEN, Validity::Revoked),
            ] {
                user.tokens.push(Token {
                    value: value.to_owned(),
                    validity,
                    ..Token::default()
                });
            }
            user.bookmarks
                .extend([super::LORA.model, super::CHECKPOINT.model]);
        }
        OWNER => {
            user.image =
                Some("7a0b6c2e-0000-4000-8000-000000000102/width=96/owner.jpeg".to_owned());
        }
        BUYER => {
            user.tier = Some("gold".to_owned());
            user.purchases
                .extend([TIMED_GATE.version(0), PERMANENT_GATE.version(0)]);
        }
        MODERATOR => user.moderator = true,
        BANNED => user.standing = Standing::Banned,
        PICKY => {
            user.preferences.size = Some("full".to_owned());
            user.preferences.fp = Some("fp32".to_owned());
        }
        _ => {}
    }
    user
}
