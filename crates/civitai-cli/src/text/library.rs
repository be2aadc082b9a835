//! What is said about the library.

use std::path::PathBuf;

use civitai_library::catalogue::Changes;
use civitai_library::verify::Status;

use super::{Lang, size};

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
    ChangedMeanwhile {
        path: String,
    },
    /// Said of a file that is not there any more.
    Gone,
    Listed {
        count: usize,
        bytes: u64,
    },
    NoCatalogue,
    NothingKnown,
    RestoreBackup,
    ScanFirst,
    Scanned {
        files: usize,
        changes: Changes,
        hashed: usize,
        bytes: u64,
        matched: usize,
    },
    /// How a file stands.
    Stands {
        path: String,
        status: Status,
    },
    UnknownFile {
        name: String,
    },
    Verified {
        ok: usize,
        changed: usize,
        missing: usize,
        unknown: usize,
    },
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
            Self::ChangedMeanwhile { path } => {
                format!("{path} changed while it was read; scan again when it is complete")
            }
            Self::Gone => "not there any more".to_owned(),
            Self::Listed { count, bytes } => format!("{}, {}", self::count(*count), size(*bytes)),
            Self::NoCatalogue => "there is no catalogue yet".to_owned(),
            Self::NothingKnown => {
                "no such file is known; `civitai-dl library scan` looks what is there".to_owned()
            }
            Self::RestoreBackup => {
                "`civitai-dl library restore` goes back to a backup, and keeps the damaged file"
                    .to_owned()
            }
            Self::ScanFirst => {
                "`civitai-dl library scan` looks what is there; `library list` shows it".to_owned()
            }
            Self::Scanned {
                files,
                changes,
                hashed,
                bytes,
                matched,
            } => {
                let ways = ["new", "changed", "moved", "missing", "back again"];
                let parts = parts(changes, ways);
                let mut told = vec![match parts.as_slice() {
                    [] => count(*files),
                    parts => format!("{}: {}", count(*files), parts.join(", ")),
                }];
                if *hashed > 0 {
                    told.push(format!("hashed {} ({})", count(*hashed), size(*bytes)));
                }
                if *matched > 0 {
                    told.push(format!("{matched} found on the site"));
                }
                told.join("; ")
            }
            Self::Stands { path, status } => {
                let status = match status {
                    Status::Changed => "changed",
                    Status::Missing => "missing",
                    Status::Ok => "ok",
                    Status::Unknown => "unknown",
                };
                format!("{status}  {path}")
            }
            Self::UnknownFile { name } => format!("nothing is known of {name}"),
            Self::Verified {
                ok,
                changed,
                missing,
                unknown,
            } => format!("{ok} ok, {changed} changed, {missing} missing, {unknown} unknown"),
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
            Self::ChangedMeanwhile { path } => {
                format!(
                    "{path} は読み込み中に変わりました。書き込みが終わってから scan し直してください"
                )
            }
            Self::Gone => "もうありません".to_owned(),
            Self::Listed { count, bytes } => format!("{count} ファイル、{}", size(*bytes)),
            Self::NoCatalogue => "カタログはまだありません".to_owned(),
            Self::NothingKnown => {
                "該当するファイルは登録されていません。`civitai-dl library scan` で調べられます"
                    .to_owned()
            }
            Self::RestoreBackup => {
                "`civitai-dl library restore` でバックアップに戻せます (破損したファイルは残ります)"
                    .to_owned()
            }
            Self::ScanFirst => {
                "`civitai-dl library scan` で調べ、`library list` で一覧できます".to_owned()
            }
            Self::Scanned {
                files,
                changes,
                hashed,
                bytes,
                matched,
            } => {
                let parts = parts(changes, ["新規", "変更", "移動", "欠落", "復帰"]);
                let mut told = vec![match parts.as_slice() {
                    [] => format!("{files} ファイル"),
                    parts => format!("{files} ファイル ({})", parts.join("、")),
                }];
                if *hashed > 0 {
                    told.push(format!("{hashed} 件のハッシュを計算 ({})", size(*bytes)));
                }
                if *matched > 0 {
                    told.push(format!("{matched} 件がサイトで見つかりました"));
                }
                told.join("。")
            }
            Self::Stands { path, status } => {
                let status = match status {
                    Status::Changed => "変更",
                    Status::Missing => "欠落",
                    Status::Ok => "正常",
                    Status::Unknown => "未登録",
                };
                format!("{status}  {path}")
            }
            Self::UnknownFile { name } => format!("{name} は登録されていません"),
            Self::Verified {
                ok,
                changed,
                missing,
                unknown,
            } => format!("正常 {ok}、変更 {changed}、欠落 {missing}、未登録 {unknown}"),
        }
    }
}

fn count(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

/// How many files changed in each way, for those ways in which any did.
fn parts(changes: &Changes, words: [&str; 5]) -> Vec<String> {
    let counts = [
        changes.new.len(),
        changes.changed.len(),
        changes.moved.len(),
        changes.missing.len(),
        changes.back.len(),
    ];
    let counted = counts.into_iter().zip(words);
    counted
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect()
}
