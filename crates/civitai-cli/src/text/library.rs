//! What is said about the library.

use std::path::PathBuf;

use super::Lang;

/// A sentence about the library, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Library {
    CatalogueDamaged {
        path: PathBuf,
        problems: Vec<String>,
    },
    CatalogueFine {
        path: PathBuf,
    },
    NoCatalogue,
    NothingKnown,
    RestoreBackup,
}

impl Library {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::CatalogueDamaged { path, problems } => {
                format!("{} is damaged: {}", path.display(), problems.join("; "))
            }
            Self::CatalogueFine { path } => format!("{} is whole", path.display()),
            Self::NoCatalogue => "there is no catalogue yet".to_owned(),
            Self::NothingKnown => {
                "no file is known; `civitai-dl library scan` looks for them".to_owned()
            }
            Self::RestoreBackup => {
                "`civitai-dl library restore` goes back to a backup, and keeps the damaged file"
                    .to_owned()
            }
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::CatalogueDamaged { path, problems } => {
                format!(
                    "{} は破損しています: {}",
                    path.display(),
                    problems.join("; ")
                )
            }
            Self::CatalogueFine { path } => format!("{} に問題はありません", path.display()),
            Self::NoCatalogue => "カタログはまだありません".to_owned(),
            Self::NothingKnown => {
                "登録されたファイルはありません。`civitai-dl library scan` で探せます".to_owned()
            }
            Self::RestoreBackup => {
                "`civitai-dl library restore` でバックアップに戻せます (破損したファイルは残ります)"
                    .to_owned()
            }
        }
    }
}
