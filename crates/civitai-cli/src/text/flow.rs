//! What is said about the models that files name.

use civitai_library::workflow::Status;

use super::Lang;

/// A sentence about references.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// What was too uncertain to be added.
    LeftOut { references: usize },
    /// A file that names no models.
    NoReferences { path: String },
    /// Names that were not searched for.
    NotSearched { names: usize },
    /// The site did not answer.
    SiteSilent { problem: String },
    /// What came of all files.
    Sum {
        references: usize,
        present: usize,
        missing: usize,
        ambiguous: usize,
        unknown: usize,
    },
}

impl Flow {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::LeftOut { references } => format!(
                "not added: {references}, of which it is not known which files of the site are meant; `civitai-dl add LINK` adds one"
            ),
            Self::NoReferences { path } => format!("{path} names no models"),
            Self::NotSearched { names } => {
                format!("{names} further names were not searched for; give fewer files at a time")
            }
            Self::SiteSilent { problem } => {
                format!("the site could not be asked, so only the library counts: {problem}")
            }
            Self::Sum {
                references,
                present,
                missing,
                ambiguous,
                unknown,
            } => format!(
                "{references} references: {present} present, {missing} missing, {ambiguous} ambiguous, {unknown} unknown"
            ),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::LeftOut { references } => format!(
                "サイトのどのファイルか特定できない参照 {references} 件は追加していません。`civitai-dl add LINK` で追加できます"
            ),
            Self::NoReferences { path } => format!("{path} はモデルを使っていません"),
            Self::NotSearched { names } => {
                format!(
                    "ほかに {names} 個の名前は検索していません。ファイルを分けて実行してください"
                )
            }
            Self::SiteSilent { problem } => {
                format!("サイトに問い合わせられないため、ライブラリとだけ照合しました: {problem}")
            }
            Self::Sum {
                references,
                present,
                missing,
                ambiguous,
                unknown,
            } => format!(
                "参照 {references} 件: あり {present}、不足 {missing}、候補複数 {ambiguous}、不明 {unknown}"
            ),
        }
    }
}

/// A status for people.
pub(crate) fn status_word(status: Status, lang: Lang) -> &'static str {
    match (lang, status) {
        (Lang::En, status) => status.as_str(),
        (Lang::Ja, Status::Ambiguous) => "候補複数",
        (Lang::Ja, Status::Missing) => "不足",
        (Lang::Ja, Status::Present) => "あり",
        (Lang::Ja, Status::Unknown) => "不明",
    }
}

/// The heads of the table of references.
pub(crate) fn flow_heads(lang: Lang) -> [&'static str; 4] {
    match lang {
        Lang::En => ["status", "kind", "name", "found"],
        Lang::Ja => ["状態", "種類", "名前", "見つかったもの"],
    }
}
