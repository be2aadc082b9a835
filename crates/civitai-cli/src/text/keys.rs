//! What is said about keys and passphrases.

use std::fmt::Write as _;
use std::path::PathBuf;

use civitai_security::crypt::store::{Key, Place, State};
use civitai_security::crypt::{Level, SlotKind};

use super::{Lang, count};

/// A sentence about keys, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Keys {
    AllThere,
    AskFilePassphrase {
        path: PathBuf,
    },
    AskPassphrase {
        key: Box<Key>,
    },
    AskWords,
    AuditBroken {
        line: usize,
    },
    BackUp,
    BackedUp {
        path: PathBuf,
    },
    BadBits {
        bits: u32,
    },
    ChoosePassphrase {
        /// `master`, `pair` or `new`.
        what: &'static str,
    },
    ConfirmDestroy {
        start: String,
    },
    Decrypted {
        path: PathBuf,
    },
    DecryptedBefore {
        path: PathBuf,
    },
    Destroyed {
        id: String,
    },
    EmptyPassphrase,
    Encrypted {
        path: PathBuf,
        level: Level,
    },
    EncryptedAge {
        path: PathBuf,
    },
    Exported {
        path: PathBuf,
    },
    FinishRotation,
    GivePassphrase,
    GoesOn,
    KnownBefore {
        key: Box<Key>,
    },
    Made {
        key: Box<Key>,
    },
    HowToMake,
    NoPassphrase,
    None,
    NotConfirmed,
    NotNamedCke {
        path: PathBuf,
    },
    NotPlain {
        path: PathBuf,
    },
    NothingInFile {
        path: PathBuf,
    },
    OneOutput,
    OnlyForPairs,
    PairNeedsFile,
    PassphraseChanged {
        id: String,
    },
    PassphrasesDiffer,
    RemoveLink,
    Renewed {
        count: usize,
    },
    RepeatPassphrase,
    RestoreKey,
    Revoked {
        id: String,
    },
    Rewrapped {
        path: PathBuf,
    },
    RotateAway,
    Rotated {
        rewrapped: usize,
        already: usize,
        failed: usize,
    },
    RotationUnfinished {
        to: String,
    },
    SayYes,
    SeeList,
    ShortPassphrase,
    Unreadable {
        problem: String,
    },
    UseRotate,
    WasOpen {
        path: PathBuf,
    },
    WasOpenToWrite {
        path: PathBuf,
    },
    WriteDown,
    WrongIdentityOrDamage,
    WrongKeyOrDamage,
    WrongPassphrase,
}

impl Keys {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::AllThere => "machine key and master key are there already".to_owned(),
            Self::AskFilePassphrase { path } => format!("passphrase of {}: ", path.display()),
            Self::AskPassphrase { key } => format!("passphrase of {}: ", about(key, Lang::En)),
            Self::AskWords => "the 24 words, on one line: ".to_owned(),
            Self::AuditBroken { line } => format!(
                "line {line} of the audit does not follow from the one before: something was changed or lost"
            ),
            Self::BackUp => {
                "who forgets the passphrase needs the words of `civitai-dl keys backup`; write them down now".to_owned()
            }
            Self::BackedUp { path } => format!("written to {}", path.display()),
            Self::BadBits { bits } => format!("{bits} bits: an RSA key is drawn with 3072 or 4096"),
            Self::ChoosePassphrase { what } => match *what {
                "master" => "new passphrase for the master key: ".to_owned(),
                "pair" => "new passphrase for the private key: ".to_owned(),
                _ => "new passphrase: ".to_owned(),
            },
            Self::ConfirmDestroy { start } => {
                format!("what only this key opens is lost for good; type {start} to destroy it: ")
            }
            Self::Decrypted { path } => format!("decrypted to {}", path.display()),
            Self::DecryptedBefore { path } => {
                format!("{} is there already, with the same content", path.display())
            }
            Self::Destroyed { id } => format!("key {id} is destroyed"),
            Self::EmptyPassphrase => "the passphrase is empty".to_owned(),
            Self::Encrypted { path, level } => {
                format!("encrypted to {} (level {level})", path.display())
            }
            Self::EncryptedAge { path } => format!("encrypted to {} for age", path.display()),
            Self::Exported { path } => format!("public key written to {}", path.display()),
            Self::FinishRotation => "`civitai-dl keys rotate` without a key finishes it".to_owned(),
            Self::GivePassphrase => {
                "run it at a terminal, or give --passphrase-file or --passphrase-fd".to_owned()
            }
            Self::GoesOn => "going on with a rotation that was interrupted".to_owned(),
            Self::KnownBefore { key } => {
                format!("{} was known before, and is {}", about(key, Lang::En), key_state(key.state, Lang::En))
            }
            Self::Made { key } => format!(
                "{} is there ({}, {})",
                about(key, Lang::En),
                key_state(key.state, Lang::En),
                key_place(key.place, Lang::En)
            ),
            Self::HowToMake => {
                "`civitai-dl keys init` makes keys for the levels basic and standard, `civitai-dl keys create rsa` one for high; `keys restore` and `keys import` bring keys here".to_owned()
            }
            Self::NoPassphrase => "no passphrase was given".to_owned(),
            Self::None => "there are no keys; `civitai-dl keys init` makes them".to_owned(),
            Self::NotConfirmed => "nothing was destroyed".to_owned(),
            Self::NotNamedCke { path } => format!(
                "the name of {} ends neither in .cke nor in .age; say with --output what the result is to be called",
                path.display()
            ),
            Self::NotPlain { path } => format!(
                "{} is a link or no file at all, and what it leads to is not believed",
                path.display()
            ),
            Self::NothingInFile { path } => format!("{} holds no passphrase", path.display()),
            Self::OneOutput => "--output names the result of one file; use --to for several".to_owned(),
            Self::OnlyForPairs => {
                "--ml-kem, --name and --no-passphrase are for pairs: `keys create rsa`".to_owned()
            }
            Self::PairNeedsFile => {
                "a pair is too long for words: give a file with --output".to_owned()
            }
            Self::PassphraseChanged { id } => format!("key {id} has a new passphrase"),
            Self::PassphrasesDiffer => "these were two different ones".to_owned(),
            Self::RemoveLink => "keys are plain files in a directory of their own; put what the link points to in its place".to_owned(),
            Self::Renewed { count: files } => format!("encrypted anew: {}", count(*files)),
            Self::RepeatPassphrase => "the same again: ".to_owned(),
            Self::RestoreKey => {
                "`civitai-dl keys restore` brings a key back from its words or its file".to_owned()
            }
            Self::Revoked { id } => format!("key {id} encrypts nothing any more"),
            Self::Rewrapped { path } => format!("new key for {}", path.display()),
            Self::RotateAway => {
                "`civitai-dl keys rotate` moves the files that need it to another key".to_owned()
            }
            Self::Rotated {
                rewrapped,
                already,
                failed,
            } => {
                let mut text = format!("rewrapped for the new key: {}", count(*rewrapped));
                if *already > 0 {
                    let _ = write!(text, "; {already} had it already");
                }
                if *failed > 0 {
                    let _ = write!(text, "; {failed} failed and still need the old one");
                }
                text
            }
            Self::RotationUnfinished { to } => {
                format!("a rotation to key {to} was interrupted; `civitai-dl keys rotate` goes on")
            }
            Self::SayYes => "--yes destroys it without asking".to_owned(),
            Self::SeeList => "`civitai-dl keys list` shows the keys there are".to_owned(),
            Self::ShortPassphrase => {
                "a passphrase of fewer than 12 characters can be found by guessing".to_owned()
            }
            Self::Unreadable { problem } => problem.clone(),
            Self::UseRotate => "`civitai-dl keys rotate` puts a new one in its place".to_owned(),
            Self::WasOpen { path } => {
                format!("others could read {}; they cannot any more", path.display())
            }
            Self::WasOpenToWrite { path } => {
                format!("others could write in {}; they cannot any more", path.display())
            }
            Self::WriteDown => {
                "whoever has these words can open your files; keep them on paper, apart from this machine".to_owned()
            }
            Self::WrongIdentityOrDamage => {
                "give the identity with --identity, or the passphrase; if it is the right one, the file is damaged".to_owned()
            }
            Self::WrongKeyOrDamage => {
                "`civitai-dl keys list` shows the keys there are; if the right one is among them, the file is damaged".to_owned()
            }
            Self::WrongPassphrase => "that is not the passphrase".to_owned(),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::AllThere => "マシン鍵とマスター鍵はすでにあります".to_owned(),
            Self::AskFilePassphrase { path } => format!("{} のパスフレーズ: ", path.display()),
            Self::AskPassphrase { key } => format!("{} のパスフレーズ: ", about(key, Lang::Ja)),
            Self::AskWords => "24 個の単語を一行で: ".to_owned(),
            Self::AuditBroken { line } => format!(
                "監査記録の {line} 行目が前の行とつながりません。変更または欠落があります"
            ),
            Self::BackUp => {
                "パスフレーズを忘れたときは `civitai-dl keys backup` の単語が必要です。今のうちに書き留めてください".to_owned()
            }
            Self::BackedUp { path } => format!("{} に書き出しました", path.display()),
            Self::BadBits { bits } => format!("{bits} ビット: RSA 鍵は 3072 または 4096 ビットで作ります"),
            Self::ChoosePassphrase { what } => match *what {
                "master" => "マスター鍵の新しいパスフレーズ: ".to_owned(),
                "pair" => "秘密鍵の新しいパスフレーズ: ".to_owned(),
                _ => "新しいパスフレーズ: ".to_owned(),
            },
            Self::ConfirmDestroy { start } => format!(
                "この鍵でしか開けないものは永久に失われます。破棄するには {start} と入力してください: "
            ),
            Self::Decrypted { path } => format!("{} に復号しました", path.display()),
            Self::DecryptedBefore { path } => {
                format!("{} は同じ内容ですでにあります", path.display())
            }
            Self::Destroyed { id } => format!("鍵 {id} を破棄しました"),
            Self::EmptyPassphrase => "パスフレーズが空です".to_owned(),
            Self::Encrypted { path, level } => {
                format!("{} に暗号化しました (レベル {level})", path.display())
            }
            Self::EncryptedAge { path } => format!("{} に age 形式で暗号化しました", path.display()),
            Self::Exported { path } => format!("公開鍵を {} に書き出しました", path.display()),
            Self::FinishRotation => "鍵を指定しない `civitai-dl keys rotate` で完了できます".to_owned(),
            Self::GivePassphrase => {
                "端末で実行するか、--passphrase-file または --passphrase-fd を指定してください".to_owned()
            }
            Self::GoesOn => "中断した鍵の交換を再開します".to_owned(),
            Self::KnownBefore { key } => format!(
                "{} はすでにあります ({})",
                about(key, Lang::Ja),
                key_state(key.state, Lang::Ja)
            ),
            Self::Made { key } => format!(
                "{} ができました ({}、{})",
                about(key, Lang::Ja),
                key_state(key.state, Lang::Ja),
                key_place(key.place, Lang::Ja)
            ),
            Self::HowToMake => {
                "`civitai-dl keys init` で basic と standard の鍵、`civitai-dl keys create rsa` で high の鍵を作れます。`keys restore` や `keys import` で既存の鍵を取り込めます".to_owned()
            }
            Self::NoPassphrase => "パスフレーズが指定されていません".to_owned(),
            Self::None => "鍵がありません。`civitai-dl keys init` で作れます".to_owned(),
            Self::NotConfirmed => "何も破棄していません".to_owned(),
            Self::NotNamedCke { path } => format!(
                "{} の名前は .cke でも .age でも終わっていません。--output で出力名を指定してください",
                path.display()
            ),
            Self::NotPlain { path } => format!(
                "{} はリンクか、ファイルではないものです。その先は信用しません",
                path.display()
            ),
            Self::NothingInFile { path } => format!("{} にパスフレーズがありません", path.display()),
            Self::OneOutput => {
                "--output は一つのファイルにだけ使えます。複数のときは --to を使ってください".to_owned()
            }
            Self::OnlyForPairs => {
                "--ml-kem、--name、--no-passphrase は鍵ペア (`keys create rsa`) にだけ使えます".to_owned()
            }
            Self::PairNeedsFile => "鍵ペアは単語では表せません。--output でファイルを指定してください".to_owned(),
            Self::PassphraseChanged { id } => format!("鍵 {id} のパスフレーズを変えました"),
            Self::PassphrasesDiffer => "二つのパスフレーズが違います".to_owned(),
            Self::RemoveLink => {
                "鍵は専用のディレクトリにある普通のファイルです。リンクの代わりに実体を置いてください".to_owned()
            }
            Self::Renewed { count } => format!("{count} ファイルを暗号化し直しました"),
            Self::RepeatPassphrase => "もう一度: ".to_owned(),
            Self::RestoreKey => "`civitai-dl keys restore` で単語またはファイルから鍵を復元できます".to_owned(),
            Self::Revoked { id } => format!("鍵 {id} は今後の暗号化に使われません"),
            Self::Rewrapped { path } => format!("{} の鍵を替えました", path.display()),
            Self::RotateAway => "`civitai-dl keys rotate` でファイルを別の鍵に移せます".to_owned(),
            Self::Rotated {
                rewrapped,
                already,
                failed,
            } => {
                let mut text = format!("{rewrapped} ファイルの鍵を替えました");
                if *already > 0 {
                    let _ = write!(text, "、{already} ファイルは済んでいました");
                }
                if *failed > 0 {
                    let _ = write!(text, "、{failed} ファイルは失敗し、古い鍵がまだ必要です");
                }
                text
            }
            Self::RotationUnfinished { to } => format!(
                "鍵 {to} への交換が中断しています。`civitai-dl keys rotate` で再開できます"
            ),
            Self::SayYes => "--yes を付けると確認なしで破棄します".to_owned(),
            Self::SeeList => "`civitai-dl keys list` で鍵の一覧を表示できます".to_owned(),
            Self::ShortPassphrase => "12 文字より短いパスフレーズは推測で破られるおそれがあります".to_owned(),
            Self::Unreadable { problem } => problem.clone(),
            Self::UseRotate => "`civitai-dl keys rotate` で新しい鍵に替えられます".to_owned(),
            Self::WasOpenToWrite { path } => format!(
                "{} は他のユーザーが書き込める状態でした。書き込めないようにしました",
                path.display()
            ),
            Self::WasOpen { path } => format!(
                "{} は他のユーザーが読める状態でした。読めないようにしました",
                path.display()
            ),
            Self::WriteDown => {
                "この単語を持つ人は誰でもファイルを開けます。紙に書き、このマシンとは別に保管してください".to_owned()
            }
            Self::WrongIdentityOrDamage => {
                "--identity で ID ファイルを、またはパスフレーズを指定してください。正しいものを指定しているなら、ファイルが壊れています".to_owned()
            }
            Self::WrongKeyOrDamage => {
                "`civitai-dl keys list` で鍵の一覧を表示できます。正しい鍵があるなら、ファイルが壊れています".to_owned()
            }
            Self::WrongPassphrase => "パスフレーズが違います".to_owned(),
        }
    }
}

/// A key in half a line.
fn about(key: &Key, lang: Lang) -> String {
    let kind = key_kind(key, lang);
    let id = key.id;
    match &key.name {
        Some(name) => format!("{kind} {id} ({name})"),
        None => format!("{kind} {id}"),
    }
}

/// The kind of a key for people.
pub(crate) fn key_kind(key: &Key, lang: Lang) -> String {
    let bits = key.bits.unwrap_or_default();
    match (lang, key.kind) {
        (Lang::En, SlotKind::Machine) => "machine key".to_owned(),
        (Lang::En, SlotKind::Master) => "master key".to_owned(),
        (Lang::Ja, SlotKind::Machine) => "マシン鍵".to_owned(),
        (Lang::Ja, SlotKind::Master) => "マスター鍵".to_owned(),
        (_, SlotKind::Rsa) => format!("RSA-{bits}"),
        (_, SlotKind::RsaMlKem) => format!("RSA-{bits} + ML-KEM-768"),
    }
}

/// The state of a key for people.
pub(crate) fn key_state(state: State, lang: Lang) -> &'static str {
    match (lang, state) {
        (Lang::En, State::Active) => "active",
        (Lang::En, State::DecryptOnly) => "decrypts only",
        (Lang::En, State::Revoked) => "revoked",
        (Lang::En, State::Destroyed) => "destroyed",
        (Lang::Ja, State::Active) => "有効",
        (Lang::Ja, State::DecryptOnly) => "復号のみ",
        (Lang::Ja, State::Revoked) => "失効",
        (Lang::Ja, State::Destroyed) => "破棄済み",
        (_, state) => state.word(),
    }
}

/// Where the secret of a key is, for people.
pub(crate) fn key_place(place: Place, lang: Lang) -> &'static str {
    match (lang, place) {
        (Lang::En, Place::Elsewhere) => "public half only",
        (Lang::En, Place::File) => "file without passphrase",
        (Lang::En, Place::Keyring) => "keyring",
        (Lang::En, Place::Passphrase) => "under a passphrase",
        (Lang::Ja, Place::Elsewhere) => "公開鍵のみ",
        (Lang::Ja, Place::File) => "ファイル (パスフレーズなし)",
        (Lang::Ja, Place::Keyring) => "キーリング",
        (_, Place::Nowhere) => "-",
        (Lang::Ja, Place::Passphrase) => "パスフレーズで保護",
        (_, place) => place.word(),
    }
}

/// The heads of the table of keys.
pub(crate) fn key_heads(lang: Lang) -> [&'static str; 6] {
    match lang {
        Lang::En => ["id", "kind", "state", "secret", "since", "name"],
        Lang::Ja => ["ID", "種類", "状態", "秘密", "作成日", "名前"],
    }
}
