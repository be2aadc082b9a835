//! What is said about the library.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use civitai_api::Tally;
use civitai_library::catalogue::Changes;
use civitai_library::repair::Repaired;
use civitai_library::updates::{Reason, Update};
use civitai_library::verify::Status;

use super::{Lang, count, size};

/// A sentence about the library, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Library {
    AllRepaired {
        whole: usize,
        repaired: usize,
        failed: usize,
        bytes: u64,
    },
    BadFlag {
        flag: String,
        problem: Box<Self>,
    },
    BackedUp {
        path: PathBuf,
        bytes: u64,
    },
    BackupNotDue,
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
    Exported {
        path: PathBuf,
        rows: u64,
    },
    /// Said of a file that is not there any more.
    Gone,
    Imported {
        path: PathBuf,
        rows: u64,
    },
    /// Where answers of the site came from.
    Kept {
        tally: Tally,
    },
    Listed {
        count: usize,
        bytes: u64,
    },
    Newer(Update),
    MakeBackup,
    MoreWatches,
    NoBackups,
    NoCache {
        problem: String,
    },
    NoCatalogue,
    NotARate {
        text: String,
    },
    NotATime {
        text: String,
    },
    NothingKnown,
    Repaired {
        path: String,
        repaired: Repaired,
    },
    RepairThem,
    OtherBackup,
    RestoreBackup,
    Restored {
        from: PathBuf,
        /// Where the former state is.
        kept: Option<PathBuf>,
    },
    ScanFirst,
    TellProject,
    UndoLast,
    Scanned {
        files: usize,
        changes: Changes,
        hashed: usize,
        bytes: u64,
        matched: usize,
        by_sidecar: usize,
    },
    SchemaMoved {
        from: u32,
        to: u32,
    },
    /// How a file stands, and where it is damaged as far as that is known.
    Stands {
        path: String,
        status: Status,
        ranges: Vec<Range<u64>>,
    },
    UnknownFile {
        name: String,
    },
    Updates {
        count: usize,
    },
    Verified {
        ok: usize,
        changed: usize,
        missing: usize,
        unknown: usize,
    },
    Watching,
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
            Self::AllRepaired {
                whole,
                repaired,
                failed,
                bytes,
            } => {
                let bytes = size(*bytes);
                format!("{whole} whole, {repaired} repaired, {failed} failed; {bytes} fetched")
            }
            Self::BadFlag { flag, problem } => format!("{flag}: {}", problem.en()),
            Self::Newer(update) => {
                let Update { path, name, .. } = update;
                let (old, new) = (update.version, update.new_version);
                match update.reason {
                    Reason::NewVersion => format!("{path}: version {old} -> {name} ({new})"),
                    Reason::FileReplaced => {
                        format!("{path}: the file of {name} ({new}) was replaced")
                    }
                }
            }
            Self::NotARate { text } => format!("{text} is not a rate like 50M"),
            Self::NotATime { text } => format!("{text} is not a time like 30d or 12h"),
            Self::RepairThem => {
                "`civitai-dl library repair` fetches what is damaged and nothing else".to_owned()
            }
            Self::Repaired { path, repaired } => match repaired {
                Repaired::Whole => format!("whole  {path}"),
                Repaired::Mended {
                    located,
                    fetched_bytes,
                } => {
                    let (bytes, ranges) = spots(&located.ranges);
                    let fetched = size(*fetched_bytes);
                    format!("repaired  {path} ({bytes} at {ranges}; {fetched} fetched)")
                }
                Repaired::Restored { from } => {
                    format!("restored  {path} (from {})", from.display())
                }
                Repaired::Fetched { fetched_bytes } => {
                    format!("fetched again  {path} ({})", size(*fetched_bytes))
                }
                Repaired::Changed => {
                    format!(
                        "changed  {path} (it was a file of the site; name it to have that back)"
                    )
                }
                Repaired::Missing => {
                    format!("missing  {path} (name it to have it fetched again)")
                }
                _ => format!("unknown  {path} (it was never hashed)"),
            },
            Self::Updates { count: 0 } => "nothing is newer".to_owned(),
            Self::Updates { count: files } => format!("something newer for {}", count(*files)),
            Self::BackedUp { path, bytes } => {
                format!(
                    "the catalogue is copied to {} ({})",
                    path.display(),
                    size(*bytes)
                )
            }
            Self::BackupNotDue => "the last backup is recent enough".to_owned(),
            Self::CatalogueDamaged { path, problems } => {
                format!("{} is damaged: {}", path.display(), problems.join("; "))
            }
            Self::CatalogueFine { path } => format!("{} is whole", path.display()),
            Self::ChangedMeanwhile { path } => {
                format!("{path} changed while it was read; scan again when it is complete")
            }
            Self::Exported { path, rows } => format!("{rows} rows written to {}", path.display()),
            Self::Imported { path, rows } => format!("{rows} rows read from {}", path.display()),
            Self::MakeBackup => "`civitai-dl library backup` makes one".to_owned(),
            Self::MoreWatches => {
                "raise fs.inotify.max_user_watches with sysctl, or name fewer folders".to_owned()
            }
            Self::Kept { tally } => {
                let kept = tally.from_memory + tally.from_disk;
                format!(
                    "{kept} of {} answers were kept from the last 15 minutes",
                    kept + tally.asked
                )
            }
            Self::NoCache { problem } => format!("answers are not kept for later: {problem}"),
            Self::NoBackups => "there are no backups".to_owned(),
            Self::OtherBackup => {
                "`civitai-dl library backup --list` shows the others there are".to_owned()
            }
            Self::Restored { from, kept } => match kept {
                Some(kept) => format!(
                    "the catalogue is that of {} again; the former one is kept as {}",
                    from.display(),
                    kept.display()
                ),
                None => format!("the catalogue is that of {} again", from.display()),
            },
            Self::SchemaMoved { from, to } => {
                format!("the tables were of version {from} and are of version {to} now")
            }
            Self::Gone => "not there any more".to_owned(),
            Self::Listed { count, bytes } => format!("{}, {}", super::count(*count), size(*bytes)),
            Self::NoCatalogue => "there is no catalogue yet".to_owned(),
            Self::NothingKnown => {
                "no such file is known; `civitai-dl library scan` looks what is there".to_owned()
            }
            Self::RestoreBackup => {
                "`civitai-dl library restore` goes back to a backup, and keeps the damaged file"
                    .to_owned()
            }
            Self::TellProject => {
                "`civitai-dl add LINK --path PATH` there says where it belongs, `civitai-dl remove LINK` that nobody wants it; then `civitai-dl sync`"
                    .to_owned()
            }
            Self::UndoLast => {
                "`civitai-dl library undo` without a number takes back the last operation"
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
                by_sidecar,
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
                if *by_sidecar > 0 {
                    told.push(format!("{by_sidecar} known by their sidecars alone"));
                }
                told.join("; ")
            }
            Self::Stands {
                path,
                status,
                ranges,
            } => {
                let status = match status {
                    Status::Changed => "changed",
                    Status::Missing => "missing",
                    Status::Ok => "ok",
                    Status::Unknown => "unknown",
                };
                let mut text = format!("{status}  {path}");
                if !ranges.is_empty() {
                    let (bytes, ranges) = spots(ranges);
                    _ = write!(text, " ({bytes} damaged, at {ranges})");
                }
                text
            }
            Self::UnknownFile { name } => format!("nothing is known of {name}"),
            Self::Verified {
                ok,
                changed,
                missing,
                unknown,
            } => format!("{ok} ok, {changed} changed, {missing} missing, {unknown} unknown"),
            Self::Watching => "waiting for changes; Ctrl-C ends it".to_owned(),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::AllRepaired {
                whole,
                repaired,
                failed,
                bytes,
            } => {
                let bytes = size(*bytes);
                format!("正常 {whole}、修復 {repaired}、失敗 {failed}。{bytes} を取得")
            }
            Self::BadFlag { flag, problem } => format!("{flag}: {}", problem.ja()),
            Self::Newer(update) => {
                let Update { path, name, .. } = update;
                let (old, new) = (update.version, update.new_version);
                match update.reason {
                    Reason::NewVersion => format!("{path}: バージョン {old} → {name} ({new})"),
                    Reason::FileReplaced => {
                        format!("{path}: {name} ({new}) のファイルが差し替えられています")
                    }
                }
            }
            Self::NotARate { text } => format!("{text} は速度ではありません (50M など)"),
            Self::NotATime { text } => format!("{text} は期間ではありません (30d、12h など)"),
            Self::RepairThem => {
                "`civitai-dl library repair` で破損した部分だけを取得して直せます".to_owned()
            }
            Self::Repaired { path, repaired } => match repaired {
                Repaired::Whole => format!("正常  {path}"),
                Repaired::Mended {
                    located,
                    fetched_bytes,
                } => {
                    let (bytes, ranges) = spots(&located.ranges);
                    let fetched = size(*fetched_bytes);
                    format!("修復  {path} ({bytes}、位置 {ranges}。{fetched} を取得)")
                }
                Repaired::Restored { from } => {
                    format!("復元  {path} ({} から)", from.display())
                }
                Repaired::Fetched { fetched_bytes } => {
                    format!("再取得  {path} ({})", size(*fetched_bytes))
                }
                Repaired::Changed => {
                    format!(
                        "変更  {path} (以前はサイトのファイルでした。名前を挙げると元に戻します)"
                    )
                }
                Repaired::Missing => {
                    format!("欠落  {path} (名前を挙げると取得し直します)")
                }
                _ => format!("未登録  {path} (ハッシュがまだありません)"),
            },
            Self::Updates { count: 0 } => "新しいものはありません".to_owned(),
            Self::Updates { count } => format!("{count} ファイルに新しいものがあります"),
            Self::BackedUp { path, bytes } => {
                format!(
                    "カタログを {} に複製しました ({})",
                    path.display(),
                    size(*bytes)
                )
            }
            Self::BackupNotDue => "最後のバックアップはまだ新しいため、作りません".to_owned(),
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
            Self::Exported { path, rows } => {
                format!("{rows} 行を {} に書き出しました", path.display())
            }
            Self::Imported { path, rows } => {
                format!("{} から {rows} 行を取り込みました", path.display())
            }
            Self::MakeBackup => "`civitai-dl library backup` で作れます".to_owned(),
            Self::MoreWatches => {
                "sysctl の fs.inotify.max_user_watches を増やすか、フォルダーを絞ってください"
                    .to_owned()
            }
            Self::Kept { tally } => {
                let kept = tally.from_memory + tally.from_disk;
                format!(
                    "応答 {} 件のうち {kept} 件は、15 分以内に得たものを使いました",
                    kept + tally.asked
                )
            }
            Self::NoCache { problem } => format!("応答を保存できません: {problem}"),
            Self::NoBackups => "バックアップはありません".to_owned(),
            Self::OtherBackup => {
                "`civitai-dl library backup --list` でほかのバックアップを確認できます".to_owned()
            }
            Self::Restored { from, kept } => match kept {
                Some(kept) => format!(
                    "カタログを {} の状態に戻しました。以前のものは {} にあります",
                    from.display(),
                    kept.display()
                ),
                None => format!("カタログを {} の状態に戻しました", from.display()),
            },
            Self::SchemaMoved { from, to } => {
                format!("テーブルをバージョン {from} から {to} に移しました")
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
            Self::TellProject => {
                "そのプロジェクトで `civitai-dl add LINK --path PATH` は置き場所を変え、`civitai-dl remove LINK` は不要にします。その後 `civitai-dl sync`"
                    .to_owned()
            }
            Self::UndoLast => {
                "番号なしの `civitai-dl library undo` は最後の操作を取り消します".to_owned()
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
                by_sidecar,
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
                if *by_sidecar > 0 {
                    told.push(format!("{by_sidecar} 件は付属ファイルの記述だけで判明"));
                }
                told.join("。")
            }
            Self::Stands {
                path,
                status,
                ranges,
            } => {
                let status = match status {
                    Status::Changed => "変更",
                    Status::Missing => "欠落",
                    Status::Ok => "正常",
                    Status::Unknown => "未登録",
                };
                let mut text = format!("{status}  {path}");
                if !ranges.is_empty() {
                    let (bytes, ranges) = spots(ranges);
                    _ = write!(text, " ({bytes} が破損、位置 {ranges})");
                }
                text
            }
            Self::UnknownFile { name } => format!("{name} は登録されていません"),
            Self::Verified {
                ok,
                changed,
                missing,
                unknown,
            } => format!("正常 {ok}、変更 {changed}、欠落 {missing}、未登録 {unknown}"),
            Self::Watching => "変更を待っています (Ctrl-C で終了)".to_owned(),
        }
    }
}

/// How much is damaged, and where: the first few places.
fn spots(ranges: &[Range<u64>]) -> (String, String) {
    let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let named = ranges.iter().take(MOST_SPOTS);
    let mut spots: Vec<_> = named
        .map(|range| format!("{}-{}", range.start, range.end - 1))
        .collect();
    if ranges.len() > MOST_SPOTS {
        spots.push("…".to_owned());
    }
    (size(bytes), spots.join(", "))
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

/// More places are for programs.
const MOST_SPOTS: usize = 4;
