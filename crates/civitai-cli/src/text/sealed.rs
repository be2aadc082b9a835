//! Why something encrypted did not open, or nothing could be encrypted.

use std::path::PathBuf;

use civitai_security::crypt::{KeyId, SlotKind};

use super::Lang;

/// What is told of a container or of the keys for it. A wrong key, a wrong passphrase and damage are not told apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sealed {
    /// No key of this kind is there.
    KeyMissing {
        kind: SlotKind,
    },
    /// No key has an id that begins like this.
    KeyUnknown {
        id: String,
    },
    Later {
        path: PathBuf,
        version: u8,
    },
    NoContainer {
        path: PathBuf,
    },
    PassphraseMissing {
        id: KeyId,
    },
    Refused,
    RefusedFile {
        path: PathBuf,
    },
}

impl Sealed {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::KeyMissing { kind } => {
                format!("there is no {} that could do it", word(*kind, Lang::En))
            }
            Self::KeyUnknown { id } => format!("no key begins with `{}`", start(id)),
            Self::Later { path, version } => format!(
                "{}: container version {version} is newer than this program knows",
                path.display()
            ),
            Self::NoContainer { path } => {
                format!("{}: not an encrypted container", path.display())
            }
            Self::PassphraseMissing { id } => {
                format!("the passphrase of {} was not given", start(&id.to_string()))
            }
            Self::Refused => {
                "the passphrase or the key is wrong, or something is damaged".to_owned()
            }
            Self::RefusedFile { path } => format!(
                "{}: the key does not fit, or the file is damaged",
                path.display()
            ),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::KeyMissing { kind } => {
                format!("これに使える{}がありません", word(*kind, Lang::Ja))
            }
            Self::KeyUnknown { id } => format!("`{}` で始まる鍵はありません", start(id)),
            Self::Later { path, version } => format!(
                "{}: コンテナのバージョン {version} はこのプログラムより新しいため開けません",
                path.display()
            ),
            Self::NoContainer { path } => {
                format!("{}: 暗号化されたファイルではありません", path.display())
            }
            Self::PassphraseMissing { id } => {
                format!(
                    "鍵 {} のパスフレーズが指定されていません",
                    start(&id.to_string())
                )
            }
            Self::Refused => "パスフレーズか鍵が違うか、データが壊れています".to_owned(),
            Self::RefusedFile { path } => {
                format!("{}: 鍵が合わないか、ファイルが壊れています", path.display())
            }
        }
    }
}

/// The beginning of an id. What has the length of one may as well be a token, and is not repeated.
fn start(id: &str) -> String {
    let mut start: String = id.chars().take(SHOWN).collect();
    if start.len() < id.len() {
        start.push('…');
    }
    start
}

fn word(kind: SlotKind, lang: Lang) -> &'static str {
    match (lang, kind) {
        (Lang::En, SlotKind::Machine) => "machine key",
        (Lang::En, SlotKind::Master) => "master key",
        (Lang::En, SlotKind::Rsa | SlotKind::RsaMlKem) => "key pair",
        (Lang::Ja, SlotKind::Machine) => "マシン鍵",
        (Lang::Ja, SlotKind::Master) => "マスター鍵",
        (Lang::Ja, SlotKind::Rsa | SlotKind::RsaMlKem) => "鍵ペア",
    }
}

const SHOWN: usize = 8;
