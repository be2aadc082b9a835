//! What is said about measurements: the performance of a run, and two settings compared.

use std::time::Duration;

use super::{Lang, size, tenths};

/// A sentence about measurements.
#[derive(Clone, Debug)]
pub(crate) enum Measure {
    /// The first line of a report.
    After {
        elapsed: Duration,
        is_final: bool,
    },
    /// The result of a comparison.
    Compared {
        pairs: usize,
        verdict: Verdict,
        ratio: f64,
        /// The ends of the interval; absent for a single pair.
        interval: Option<(f64, f64)>,
        level: f64,
    },
    /// Connections, processor and memory.
    Cost {
        average: f64,
        most: u64,
        cpu: f64,
        rss: Option<u64>,
        peak: Option<u64>,
    },
    /// A list that cannot be split.
    FewFiles {
        files: usize,
    },
    /// The list leads to other files with one setting than with the other.
    OtherFiles,
    /// Transfers of which the table has no row.
    MoreTransfers {
        count: u64,
    },
    NothingCompared,
    /// What came and how fast.
    Rates {
        fetched: u64,
        kept: u64,
        waste: Option<f64>,
        average: u64,
        best: u64,
        worst: u64,
        now: Option<u64>,
    },
    /// What chance was drawn from.
    Seed {
        seed: u64,
        pairs: usize,
    },
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    AIsFaster,
    BIsFaster,
    Open,
}

impl Measure {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::After { elapsed, is_final } => {
                let what = if *is_final { "in all" } else { "so far" };
                format!("performance {what}, {} s", tenths(*elapsed))
            }
            Self::Compared {
                pairs,
                verdict,
                ratio,
                interval,
                level,
            } => {
                let range = match interval {
                    Some((low, high)) => {
                        format!(" ({low:.3} to {high:.3}, {:.0} %)", level * 100.0)
                    }
                    None => " (one pair is too little to say how sure that is)".to_owned(),
                };
                let verdict = match verdict {
                    Verdict::AIsFaster => "A is faster",
                    Verdict::BIsFaster => "B is faster",
                    Verdict::Open => "no difference is shown",
                };
                format!(
                    "{verdict}: B takes {ratio:.3} times as long as A{range}, {pairs} pairs of files"
                )
            }
            Self::Cost {
                average,
                most,
                cpu,
                rss,
                peak,
            } => format!(
                "connections: {average:.1} on average, {most} at most; processor: {cpu:.2} s; memory: {}, at most {}",
                known(*rss),
                known(*peak)
            ),
            Self::FewFiles { files } => {
                format!("a comparison needs two files or more, and the list has {files}")
            }
            Self::OtherFiles => {
                "the list leads to other files with one setting than with the other".to_owned()
            }
            Self::MoreTransfers { count } => format!("and {count} more transfers"),
            Self::NothingCompared => "no pair of files was fetched with both settings".to_owned(),
            Self::Rates {
                fetched,
                kept,
                waste,
                average,
                best,
                worst,
                now,
            } => format!(
                "fetched {} to keep {} (waste {}); {}/s on average, {}/s in the best second, {}/s in the worst{}",
                size(*fetched),
                size(*kept),
                ratio(*waste),
                size(*average),
                size(*best),
                size(*worst),
                now.map_or_else(String::new, |now| format!(", {}/s now", size(now)))
            ),
            Self::Seed { seed, pairs } => {
                format!("{pairs} pairs of files, shuffled with --seed {seed}")
            }
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::After { elapsed, is_final } => {
                let what = if *is_final { "全体" } else { "途中" };
                format!("性能 ({what}、{} 秒)", tenths(*elapsed))
            }
            Self::Compared {
                pairs,
                verdict,
                ratio,
                interval,
                level,
            } => {
                let range = match interval {
                    Some((low, high)) => {
                        format!(" ({:.0} % 区間 {low:.3}〜{high:.3})", level * 100.0)
                    }
                    None => " (一組では確かさを示せません)".to_owned(),
                };
                let verdict = match verdict {
                    Verdict::AIsFaster => "A の方が速い",
                    Verdict::BIsFaster => "B の方が速い",
                    Verdict::Open => "差は認められません",
                };
                format!("{verdict}: B の所要時間は A の {ratio:.3} 倍{range}、{pairs} 組のファイル")
            }
            Self::Cost {
                average,
                most,
                cpu,
                rss,
                peak,
            } => format!(
                "接続: 平均 {average:.1}、最大 {most}。CPU: {cpu:.2} 秒。メモリー: {}、最大 {}",
                known(*rss),
                known(*peak)
            ),
            Self::FewFiles { files } => {
                format!("比較には二つ以上のファイルが必要ですが、一覧には {files} 個です")
            }
            Self::OtherFiles => "一覧が指すファイルが、二つの設定で異なります".to_owned(),
            Self::MoreTransfers { count } => format!("ほか {count} 件の転送"),
            Self::NothingCompared => "両方の設定で取得できたファイルの組がありません".to_owned(),
            Self::Rates {
                fetched,
                kept,
                waste,
                average,
                best,
                worst,
                now,
            } => format!(
                "受信 {}、うち保存 {} (無駄 {})。平均 {}/秒、最速の一秒 {}、最遅の一秒 {}{}",
                size(*fetched),
                size(*kept),
                ratio(*waste),
                size(*average),
                size(*best),
                size(*worst),
                now.map_or_else(String::new, |now| format!("、現在 {}/秒", size(now)))
            ),
            Self::Seed { seed, pairs } => {
                format!("{pairs} 組のファイルを --seed {seed} で並べ替えました")
            }
        }
    }
}

/// A word of a table of measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heading {
    Api,
    Average,
    Best,
    Bytes,
    Cancelled,
    Connections,
    Cpu,
    Failed,
    File,
    Files,
    Finished,
    FirstByte,
    Flags,
    Leases,
    Rate,
    Requests,
    Result,
    Retries,
    Storage,
    Time,
    Timeouts,
    Waste,
    Worst,
}

impl Heading {
    pub(crate) fn say(self, lang: Lang) -> &'static str {
        let (en, ja) = match self {
            Self::Api => ("API", "API"),
            Self::Average => ("average", "平均"),
            Self::Best => ("best second", "最速の一秒"),
            Self::Bytes => ("bytes", "バイト数"),
            Self::Cancelled => ("cancelled", "中止"),
            Self::Connections => ("connections", "接続"),
            Self::Cpu => ("processor", "CPU"),
            Self::Failed => ("failed", "失敗"),
            Self::File => ("file", "ファイル"),
            Self::Files => ("files", "ファイル数"),
            Self::Finished => ("finished", "完了"),
            Self::FirstByte => ("first byte p95", "最初のバイト p95"),
            Self::Flags => ("flags", "フラグ"),
            Self::Leases => ("leases", "署名付き URL"),
            Self::Rate => ("rate", "速度"),
            Self::Requests => ("requests", "要求"),
            Self::Result => ("result", "結果"),
            Self::Retries => ("retries", "再試行"),
            Self::Storage => ("storage", "ストレージ"),
            Self::Time => ("time", "時間"),
            Self::Timeouts => ("timeouts", "時間切れ"),
            Self::Waste => ("waste", "無駄"),
            Self::Worst => ("worst second", "最遅の一秒"),
        };
        match lang {
            Lang::En => en,
            Lang::Ja => ja,
        }
    }
}

/// A time for a table.
pub(crate) fn seconds(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(short) if short < 1.0 => format!("{:.0} ms", short * 1000.0),
        Some(long) => format!("{long:.1} s"),
    }
}

/// A ratio for a table.
pub(crate) fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"))
}

fn known(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), size)
}
