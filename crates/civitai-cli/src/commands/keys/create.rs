//! `keys init`, `create`, `revoke`, `destroy`, `passphrase`.

use std::io::{self, IsTerminal as _};

use civitai_security::Secret;
use civitai_security::crypt::store::{Key, NewPair, State};
use civitai_security::crypt::{RsaSize, Share, SlotKind};

use super::{DONE, failure, named_or_master, tell, with_store};
use crate::args::{
    DestroyArgs, KeyArgs, KeyCreateArgs, NewKind, NewPassphraseArgs, PassphraseArgs,
};
use crate::commands::library::blocking;
use crate::failure::Failure;
use crate::passphrase::Passphrases;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};
use crate::vault;

/// Draws what is missing of a machine key and a master key.
pub(super) async fn init(args: PassphraseArgs, session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let has = |kind| {
        let mut keys = store.keys();
        keys.any(|key| key.kind == kind && key.state == State::Active)
    };
    let printer = &session.printer;
    let (machine, master) = (has(SlotKind::Machine), has(SlotKind::Master));
    drop(store);
    // Asked first: who gives up at the question has made nothing.
    let passphrase = if master {
        None
    } else {
        Some(choose(&args, session, "master").await?)
    };
    let made = with_store(session, move |store| {
        let mut made = Vec::new();
        if !machine {
            made.push(store.create_machine()?);
        }
        if let Some(passphrase) = passphrase {
            made.push(store.create_master(&passphrase)?);
        }
        Ok(made)
    });
    let made = made.await?;
    for key in &made {
        tell_made(session, key)?;
    }
    if made.is_empty() {
        let store = vault::open(session)?;
        for key in store.keys().filter(|key| key.state == State::Active) {
            if printer.is_json() {
                printer.record("key", &super::line(&key))?;
            }
        }
        printer.say(&Message::Keys(text::Keys::AllThere));
    }
    DONE
}

pub(super) async fn create(args: KeyCreateArgs, session: &Session) -> Outcome {
    let is_pair = args.kind == NewKind::Rsa;
    if !is_pair && (args.ml_kem || args.name.is_some() || args.no_passphrase) {
        return Err(Failure::usage(Message::Keys(text::Keys::OnlyForPairs)).into());
    }
    let size = match args.bits {
        3072 => RsaSize::Rsa3072,
        4096 => RsaSize::Rsa4096,
        bits => return Err(Failure::usage(Message::Keys(text::Keys::BadBits { bits })).into()),
    };
    let passphrase = match args.kind {
        NewKind::Machine => None,
        NewKind::Rsa if args.no_passphrase => None,
        NewKind::Rsa => Some(choose(&args.passphrase, session, "pair").await?),
        NewKind::Master => Some(choose(&args.passphrase, session, "master").await?),
    };
    let share = if args.ml_kem {
        Share::WithMlKem
    } else {
        Share::RsaOnly
    };
    let made = with_store(session, move |store| match (args.kind, passphrase) {
        (NewKind::Rsa, passphrase) => store.create_pair(NewPair {
            size,
            share,
            name: args.name,
            passphrase,
        }),
        (NewKind::Master, Some(passphrase)) => store.create_master(&passphrase),
        (NewKind::Machine | NewKind::Master, _) => store.create_machine(),
    });
    tell_made(session, &made.await?)?;
    DONE
}

fn tell_made(session: &Session, key: &Key) -> Result<(), crate::printer::Unwritable> {
    let printer = &session.printer;
    tell(
        printer,
        key,
        text::Keys::Made {
            key: Box::new(key.clone()),
        },
    )?;
    if key.kind == SlotKind::Master {
        printer.say(&Message::Keys(text::Keys::BackUp));
    }
    Ok(())
}

pub(super) fn revoke(args: &KeyArgs, session: &Session) -> Outcome {
    let mut store = vault::open(session)?;
    let revoked = named_or_master(&store, Some(&args.id)).and_then(|key| store.revoke(key.id));
    let key = revoked.map_err(|error| failure(&error))?;
    let printer = &session.printer;
    tell(
        printer,
        &key,
        text::Keys::Revoked {
            id: key.id.to_string(),
        },
    )?;
    printer.say(&Message::Keys(text::Keys::RotateAway));
    DONE
}

pub(super) async fn destroy(args: &DestroyArgs, session: &Session) -> Outcome {
    let mut store = vault::open(session)?;
    let key = store.find(&args.id).map_err(|error| failure(&error))?;
    if !args.yes && key.state != State::Destroyed && !confirmed(&key, session).await? {
        return Err(Failure::usage(Message::Keys(text::Keys::NotConfirmed))
            .with_hint(Hint::Keys(text::Keys::SayYes))
            .into());
    }
    let key = store.destroy(key.id).map_err(|error| failure(&error))?;
    tell(
        &session.printer,
        &key,
        text::Keys::Destroyed {
            id: key.id.to_string(),
        },
    )?;
    DONE
}

async fn confirmed(key: &Key, session: &Session) -> Result<bool, Failure> {
    let printer = &session.printer;
    if printer.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let id = key.id.to_string();
    let start = id.chars().take(8).collect::<String>();
    printer.prompt(&Message::Keys(text::Keys::ConfirmDestroy {
        start: start.clone(),
    }));
    let answer = blocking(session, crate::passphrase::typed_line).await??;
    Ok(answer.expose().trim() == start)
}

pub(super) async fn passphrase(args: NewPassphraseArgs, session: &Session) -> Outcome {
    let old = Passphrases::read(&args.passphrase, session)?;
    let new = PassphraseArgs {
        passphrase_file: args.new_passphrase_file.into_iter().collect(),
        passphrase_fd: None,
    };
    let new = Passphrases::read(&new, session)?;
    let silence = (old.silence()?, new.silence()?);
    let changed = with_store(session, move |store| {
        let key = named_or_master(store, args.id.as_deref())?;
        let mut choose = || new.choose("new").ok();
        store.change_passphrase(key.id, &mut |ask| old.answer(ask), &mut choose)
    });
    let key = changed.await?;
    drop(silence);
    let id = key.id.to_string();
    tell(&session.printer, &key, text::Keys::PassphraseChanged { id })?;
    DONE
}

/// A passphrase for something new.
pub(super) async fn choose(
    args: &PassphraseArgs,
    session: &Session,
    what: &'static str,
) -> Result<Secret, Failure> {
    let passphrases = Passphrases::read(args, session)?;
    let silence = passphrases.silence()?;
    let chosen = blocking(session, move || passphrases.choose(what)).await?;
    drop(silence);
    chosen
}
