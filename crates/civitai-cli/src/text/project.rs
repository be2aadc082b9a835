//! What is said about the manifest, the lock, and what they lead to.

use std::path::PathBuf;

use civitai_api::model::CommercialUse;
use civitai_api::{BaseModel, ModelType};
use civitai_library::licence::Licence;
use civitai_library::lock::Locked;

use super::{Lang, count, size};

/// A sentence about a project, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Project {
    AskConsent {
        titles: Vec<String>,
    },
    ConsentMissing,
    Exported {
        path: PathBuf,
    },
    GiveConsent,
    InStep {
        files: usize,
    },
    Licence {
        licence: Licence,
    },
    LockFine {
        files: usize,
    },
    LockIt,
    Locked {
        /// `added`, `changed`, `removed` or `none`.
        change: &'static str,
        file: Box<Locked>,
    },
    Made {
        path: PathBuf,
    },
    MoveOrAdopt,
    NoManifest {
        path: PathBuf,
    },
    NoneHere,
    NotOurs {
        path: PathBuf,
    },
    NotWanted {
        link: String,
    },
    OneLinkOnly,
    PolicySays,
    Reading {
        path: String,
    },
    RealPerson {
        title: String,
    },
    SeeTree,
    Stale {
        missing: Vec<String>,
        unwanted: Vec<String>,
    },
    Step {
        /// `download`, `move`, `replace`, `trash` or `blocked`.
        action: &'static str,
        path: String,
        from: Option<String>,
        bytes: Option<u64>,
    },
    SyncNow,
    Taken {
        path: civitai_library::path::LibraryPath,
    },
    Terms {
        title: String,
        licence: Licence,
    },
    UseInit,
}

impl Project {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::AskConsent { titles } => format!(
                "{} depict real persons. Fetch them, knowing that their likeness must not be misused? [y/N] ",
                titles.join(", ")
            ),
            Self::ConsentMissing => {
                "it depicts a real person, and nobody consented to fetching it".to_owned()
            }
            Self::Exported { path } => format!("written to {}", path.display()),
            Self::GiveConsent => "`--consent-real-person` consents for this run; `real-person = \"allow\"` in [policy] of civitai.toml for the project".to_owned(),
            Self::InStep { files } => {
 format!("the library is as the lock says ({})", count(*files))
},
            Self::Licence { licence } => format!("  licence: {}", licence_en(licence)),
            Self::LockFine { files } => {
                format!("the lock is what civitai.toml wants ({})", count(*files))
            }
            Self::LockIt => "`civitai-dl lock` brings it up to date".to_owned(),
            Self::Locked { change, file } => {
                let word = match *change {
                    "none" => "already there:",
                    word => word,
                };
                format!("{word} {}", about(file))
            }
            Self::Made { path } => format!(
                "{} is there; `civitai-dl add LINK` puts models into it",
                path.display()
            ),
            Self::MoveOrAdopt => "move it away, or give the wish another `path` in civitai.toml".to_owned(),
            Self::NoManifest { path } => format!("there is no {}", path.display()),
            Self::NoneHere => "there is no civitai.toml here or above".to_owned(),
            Self::NotOurs { path } => format!(
                "{} is a different file that no lock of this project has placed; it is not touched",
                path.display()
            ),
            Self::NotWanted { link } => format!("nothing in civitai.toml is meant by `{link}`"),
            Self::OneLinkOnly => "--path needs exactly one link".to_owned(),
            Self::PolicySays => "[policy] of civitai.toml says so".to_owned(),
            Self::Reading { path } => format!("reading {path} to know what it is"),
            Self::RealPerson { title } => format!("{title} depicts a real person"),
            Self::SeeTree => "`civitai-dl tree` shows what there is".to_owned(),
            Self::Stale { missing, unwanted } => {
                let mut parts = Vec::new();
                if !missing.is_empty() {
                    parts.push(format!("{} not locked", some(missing)));
                }
                if !unwanted.is_empty() {
                    parts.push(format!("{} not wanted any more", some(unwanted)));
                }
                format!("the lock is not what civitai.toml wants: {}", parts.join("; "))
            }
            Self::Step {
                action,
                path,
                from,
                bytes,
            } => {
                let size = bytes.map_or_else(String::new, |bytes| format!(" ({})", size(bytes)));
                match (*action, from) {
                    ("move", Some(from)) => format!("move {from} to {path}"),
                    ("trash", _) => format!("to the trash: {path}"),
                    ("blocked", _) => format!("in the way: {path}"),
                    (action, _) => format!("{action} {path}{size}"),
                }
            }
            Self::SyncNow => "`civitai-dl sync` fetches what is missing".to_owned(),
            Self::Taken { path } => {
                format!("{path} is in the lock already, by another wish of civitai.toml")
            }
            Self::Terms { title, licence } => {
                format!("{title}: licence: {}", licence_en(licence))
            }
            Self::UseInit => "`civitai-dl init` makes a project of a directory".to_owned(),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::AskConsent { titles } => format!(
                "{} は実在の人物を描いたモデルです。肖像を悪用しないことを理解したうえで取得しますか? [y/N] ",
                titles.join("、")
            ),
            Self::ConsentMissing => "実在の人物を描いたモデルですが、取得への同意がありません".to_owned(),
            Self::Exported { path } => format!("{} に書き出しました", path.display()),
            Self::GiveConsent => "`--consent-real-person` でこの実行に限り同意できます。プロジェクト全体では civitai.toml の [policy] に `real-person = \"allow\"` と書きます".to_owned(),
            Self::InStep { files } => {
                format!("ライブラリはロックのとおりです ({files} ファイル)")
            }
            Self::Licence { licence } => format!("  ライセンス: {}", licence_ja(licence)),
            Self::LockFine { files } => {
                format!("ロックは civitai.toml のとおりです ({files} ファイル)")
            }
            Self::LockIt => "`civitai-dl lock` で更新できます".to_owned(),
            Self::Locked { change, file } => {
                let word = match *change {
                    "added" => "追加",
                    "changed" => "変更",
                    "removed" => "削除",
                    _ => "変更なし",
                };
                format!("{word}: {}", about(file))
            }
            Self::Made { path } => format!(
                "{} を作りました。`civitai-dl add LINK` でモデルを追加できます",
                path.display()
            ),
            Self::MoveOrAdopt => {
                "そのファイルを移動するか、civitai.toml で別の `path` を指定してください".to_owned()
            }
            Self::NoManifest { path } => format!("{} がありません", path.display()),
            Self::NoneHere => "このディレクトリにも上位にも civitai.toml がありません".to_owned(),
            Self::NotOurs { path } => format!(
                "{} には、このプロジェクトのロックが置いたものではない別のファイルがあります。変更しません",
                path.display()
            ),
            Self::NotWanted { link } => format!("civitai.toml に `{link}` に当たるものはありません"),
            Self::OneLinkOnly => "--path を使うときのリンクは一つだけです".to_owned(),
            Self::PolicySays => "civitai.toml の [policy] の定めです".to_owned(),
            Self::Reading { path } => format!("{path} の内容を確認しています"),
            Self::RealPerson { title } => format!("{title} は実在の人物を描いたモデルです"),
            Self::SeeTree => "`civitai-dl tree` で一覧できます".to_owned(),
            Self::Stale { missing, unwanted } => {
                let mut parts = Vec::new();
                if !missing.is_empty() {
                    parts.push(format!("ロックにない: {}", some(missing)));
                }
                if !unwanted.is_empty() {
                    parts.push(format!("不要になった: {}", some(unwanted)));
                }
                format!("ロックが civitai.toml と一致しません: {}", parts.join("; "))
            }
            Self::Step {
                action,
                path,
                from,
                bytes,
            } => {
                let size = bytes.map_or_else(String::new, |bytes| format!(" ({})", size(bytes)));
                match (*action, from) {
                    ("move", Some(from)) => format!("移動: {from} → {path}"),
                    ("trash", _) => format!("ごみ箱へ: {path}"),
                    ("blocked", _) => format!("別のファイルがあります: {path}"),
                    ("replace", _) => format!("置き換え: {path}{size}"),
                    (_, _) => format!("取得: {path}{size}"),
                }
            }
            Self::SyncNow => "`civitai-dl sync` で不足しているファイルを取得できます".to_owned(),
            Self::Taken { path } => {
                format!("{path} は civitai.toml の別の項目によって既にロックにあります")
            }
            Self::Terms { title, licence } => {
                format!("{title}: ライセンス: {}", licence_ja(licence))
            }
            Self::UseInit => "`civitai-dl init` でディレクトリをプロジェクトにできます".to_owned(),
        }
    }
}

/// A file of the lock in one line.
fn about(file: &Locked) -> String {
    let about = &file.about;
    let title = about.title.as_deref().unwrap_or(&file.name);
    let version = about.version_name.as_deref().unwrap_or_default();
    let facts = [
        about.model_type.as_ref().map(ModelType::as_str),
        about.base.as_ref().map(BaseModel::as_str),
    ];
    let mut facts: Vec<String> = facts.into_iter().flatten().map(str::to_owned).collect();
    facts.extend(file.bytes.map(size));
    format!(
        "{} ({}): {}",
        [title, version].join(" ").trim_end(),
        facts.join(", "),
        file.path
    )
}

/// The first of many names.
fn some(names: &[String]) -> String {
    const MOST: usize = 3;
    let shown = names.iter().take(MOST).map(String::as_str);
    let more = names.len().saturating_sub(MOST);
    let text = shown.collect::<Vec<_>>().join(", ");
    if more > 0 {
        format!("{text}, … +{more}")
    } else {
        text
    }
}

pub(crate) fn licence_en(licence: &Licence) -> String {
    if licence.is_unknown() {
        return "the site does not tell".to_owned();
    }
    let said = |given: Option<bool>, yes: &str, no: &str, untold: &str| {
        match given {
            Some(true) => yes,
            Some(false) => no,
            None => untold,
        }
        .to_owned()
    };
    let commercial = match licence.commercial_use.as_deref() {
        None => "commercial use untold".to_owned(),
        Some([]) => "no commercial use".to_owned(),
        Some(uses) => format!("commercial use: {}", words(uses)),
    };
    [
        commercial,
        said(
            licence.no_credit,
            "no credit needed",
            "credit needed",
            "credit untold",
        ),
        said(
            licence.derivatives,
            "derivatives allowed",
            "no derivatives",
            "derivatives untold",
        ),
        said(
            licence.different_license,
            "other licences on derivatives allowed",
            "derivatives under the same licence",
            "licence of derivatives untold",
        ),
    ]
    .join("; ")
}

fn licence_ja(licence: &Licence) -> String {
    if licence.is_unknown() {
        return "サイトから情報が得られません".to_owned();
    }
    let said = |given: Option<bool>, subject: &str| {
        let word = match given {
            Some(true) => "可",
            Some(false) => "不可",
            None => "不明",
        };
        format!("{subject}: {word}")
    };
    let commercial = match licence.commercial_use.as_deref() {
        None => "商用利用: 不明".to_owned(),
        Some([]) => "商用利用: 不可".to_owned(),
        Some(uses) => format!("商用利用: {}", words(uses)),
    };
    [
        commercial,
        said(licence.no_credit, "クレジットなしの利用"),
        said(licence.derivatives, "派生物"),
        said(licence.different_license, "派生物への別ライセンス"),
    ]
    .join("; ")
}

fn words(uses: &[CommercialUse]) -> String {
    let words: Vec<_> = uses.iter().map(CommercialUse::as_str).collect();
    words.join(", ")
}
