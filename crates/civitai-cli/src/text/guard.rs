//! What is said about what is in files, and about quarantine.

use std::path::PathBuf;

use civitai_library::judge::SiteScan;
use civitai_security::scan::Verdict;

use super::{Lang, count, size};

/// A sentence about the content of files, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Guard {
    /// How a file is taken all the same.
    AcceptUnsafe,
    /// A file left quarantine.
    Dealt {
        id: u64,
        done: &'static str,
        path: PathBuf,
    },
    /// A content that is not clean is in the library already, and gets no second place.
    HeldUnsafe {
        path: PathBuf,
        reason: String,
    },
    /// Everything that is known of a file in quarantine.
    Kept {
        id: u64,
        target: PathBuf,
        bytes: u64,
        since: String,
        reason: String,
        sha256: Option<String>,
    },
    /// A folder that is not looked into.
    LeftOut {
        path: PathBuf,
    },
    /// Where the numbers are.
    ListKept,
    /// Nothing is where the user said.
    NoFile {
        path: PathBuf,
    },
    /// What nobody explained.
    NoReason,
    NothingKept,
    /// Nothing in quarantine has this number.
    NotKept {
        id: u64,
    },
    /// How many files were called what.
    Scanned {
        verdicts: Vec<(Verdict, usize)>,
        failed: usize,
    },
    /// The site itself warns of a file.
    SiteSaysDanger {
        message: Option<String>,
    },
    /// A file has its name although it is not clean.
    Taken {
        path: PathBuf,
        reason: String,
    },
    /// What is not what was promised.
    WrongDigest {
        algorithm: String,
        expected: String,
        got: String,
    },
}

impl Guard {
    /// What the site's own scanners said, to stand beside what this one says.
    pub(crate) fn site_said(site: &SiteScan, lang: Lang) -> String {
        let [pickle, virus] = [site.pickle(), site.virus()]
            .map(|said| said.map_or("-".to_owned(), ToString::to_string));
        match lang {
            Lang::En => format!("Civitai's own scan: pickle {pickle}, virus {virus}"),
            Lang::Ja => format!("Civitai 自身の検査: pickle {pickle}、ウイルス {virus}"),
        }
    }

    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    /// The head of the table of findings.
    pub(crate) fn heads(lang: Lang) -> [&'static str; 5] {
        match lang {
            Lang::En => ["verdict", "rule", "member", "offset", "what"],
            Lang::Ja => ["判定", "規則", "メンバー", "位置", "内容"],
        }
    }

    /// The head of the table of what is in quarantine.
    pub(crate) fn kept_heads(lang: Lang) -> [&'static str; 5] {
        match lang {
            Lang::En => ["id", "size", "since", "belongs to", "reason"],
            Lang::Ja => ["ID", "サイズ", "日時", "本来の場所", "理由"],
        }
    }

    fn en(&self) -> String {
        match self {
            Self::AcceptUnsafe => {
                "--accept-unsafe takes it all the same; load it only where it can do no harm"
                    .to_owned()
            }
            Self::Dealt { id, done, path } => {
                format!("{id} {done}: {}", path.display())
            }
            Self::HeldUnsafe { path, reason } => format!(
                "{}, which has the same content, is {reason}",
                path.display()
            ),
            Self::Kept {
                id,
                target,
                bytes,
                since,
                reason,
                sha256,
            } => {
                let digest = sha256.as_deref().unwrap_or("-");
                format!(
                    "{id}  {}\n  reason  {reason}\n  size    {}\n  since   {since}\n  SHA256  {digest}",
                    target.display(),
                    size(*bytes)
                )
            }
            Self::LeftOut { path } => {
                format!("{} is left out; name it to have it scanned", path.display())
            }
            Self::ListKept => "`civitai-dl quarantine list` shows the numbers".to_owned(),
            Self::NoFile { path } => format!("{} does not exist", path.display()),
            Self::NoReason => "no reason was written down".to_owned(),
            Self::NothingKept => "nothing is in quarantine".to_owned(),
            Self::NotKept { id } => format!("nothing in quarantine has the number {id}"),
            Self::Scanned { verdicts, failed } => {
                format!(
                    "{} scanned: {}",
                    count(total(verdicts)),
                    listed(verdicts, *failed, Lang::En)
                )
            }
            Self::SiteSaysDanger { message } => {
                let said = one_line(message.as_deref());
                format!("Civitai's own scan calls the file dangerous{said}")
            }
            Self::Taken { path, reason } => {
                format!("{} is in its place although it is {reason}", path.display())
            }
            Self::WrongDigest {
                algorithm,
                expected,
                got,
            } => format!("{algorithm} is {got} where {expected} was promised"),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::AcceptUnsafe => {
                "--accept-unsafe を付けると受け入れますが、害の及ばない環境でだけ読み込んでください"
                    .to_owned()
            }
            Self::Dealt { id, done, path } => {
                let done = if *done == "released" {
                    "隔離を解除しました"
                } else {
                    "削除しました"
                };
                format!("{id} を{done}: {}", path.display())
            }
            Self::HeldUnsafe { path, reason } => {
                format!("同じ内容の {} に問題があります: {reason}", path.display())
            }
            Self::Kept {
                id,
                target,
                bytes,
                since,
                reason,
                sha256,
            } => {
                let digest = sha256.as_deref().unwrap_or("-");
                format!(
                    "{id}  {}\n  理由    {reason}\n  サイズ  {}\n  日時    {since}\n  SHA256  {digest}",
                    target.display(),
                    size(*bytes)
                )
            }
            Self::LeftOut { path } => format!(
                "{} は対象外です。検査するには直接指定してください",
                path.display()
            ),
            Self::ListKept => "番号は `civitai-dl quarantine list` で確認できます".to_owned(),
            Self::NoFile { path } => format!("{} は存在しません", path.display()),
            Self::NoReason => "理由の記録がありません".to_owned(),
            Self::NothingKept => "隔離されたファイルはありません".to_owned(),
            Self::NotKept { id } => format!("番号 {id} の隔離ファイルはありません"),
            Self::Scanned { verdicts, failed } => {
                format!(
                    "{} 個のファイルを検査しました: {}",
                    total(verdicts),
                    listed(verdicts, *failed, Lang::Ja)
                )
            }
            Self::SiteSaysDanger { message } => {
                let said = one_line(message.as_deref());
                format!("Civitai 自身の検査がこのファイルを危険としています{said}")
            }
            Self::Taken { path, reason } => {
                format!(
                    "{} は配置されましたが、問題があります: {reason}",
                    path.display()
                )
            }
            Self::WrongDigest {
                algorithm,
                expected,
                got,
            } => format!("{algorithm} は {got} で、約束された {expected} と異なります"),
        }
    }
}

/// A verdict for people.
pub(crate) fn verdict_word(verdict: Verdict, lang: Lang) -> &'static str {
    match (lang, verdict) {
        (Lang::En, verdict) => verdict.as_str(),
        (Lang::Ja, Verdict::Clean) => "問題なし",
        (Lang::Ja, Verdict::Suspicious) => "疑わしい",
        (Lang::Ja, Verdict::Malicious) => "危険",
        (Lang::Ja, Verdict::Malformed) => "形式違反",
        (Lang::Ja, _) => "判定不能",
    }
}

fn total(verdicts: &[(Verdict, usize)]) -> usize {
    verdicts.iter().map(|(_, count)| count).sum()
}

fn listed(verdicts: &[(Verdict, usize)], failed: usize, lang: Lang) -> String {
    let (comma, unread) = match lang {
        Lang::En => (", ", "not read"),
        Lang::Ja => ("、", "読み取り不可"),
    };
    let shown = verdicts
        .iter()
        .map(|(verdict, count)| format!("{count} {}", verdict_word(*verdict, lang)));
    let failed = (failed > 0).then(|| format!("{failed} {unread}"));
    shown.chain(failed).collect::<Vec<_>>().join(comma)
}

/// The site's words, which may be a list in Markdown, behind a colon.
fn one_line(message: Option<&str>) -> String {
    let words: Vec<&str> = message
        .unwrap_or_default()
        .split(|c: char| c.is_whitespace() || matches!(c, '*' | '`'))
        .filter(|word| !word.is_empty())
        .collect();
    let text: String = words.join(" ").chars().take(LONGEST_WORDS).collect();
    if text.is_empty() {
        text
    } else {
        format!(": {text}")
    }
}

/// As long as a line or two.
const LONGEST_WORDS: usize = 160;
