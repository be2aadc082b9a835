//! What is said about bulk jobs, the emergency stop and the safe path.

use std::path::PathBuf;
use std::time::Duration;

use civitai_download::jobs::{ItemState, Order, State};
use civitai_reliability::failsafe::Why;

use super::{Lang, size, span};
use crate::features::Feature;

/// A sentence about jobs, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Bulk {
    /// A server wants to be left alone for a while, and the job obeys.
    Asleep {
        wait: Duration,
        /// The time of day at which it goes on.
        until: String,
        quota: bool,
    },
    /// Where the supervisor's last words are.
    Background {
        id: String,
    },
    Doctor {
        jobs: usize,
        waiting: usize,
        running: usize,
        failed: usize,
    },
    EmergencyStop {
        path: PathBuf,
    },
    ExperimentalOff {
        names: String,
    },
    FeatureSmallFiles,
    FeatureWide,
    Features {
        /// Each with whether it is on.
        all: Vec<(&'static Feature, bool)>,
    },
    JobLine {
        id: String,
        name: Option<String>,
        state: State,
        items: u64,
        completed: u64,
        failed: u64,
        bytes: u64,
    },
    JobSleeps {
        until: String,
    },
    ListJobs,
    MendSettings,
    NoBackground {
        problem: String,
    },
    NoEmergency,
    NoJob {
        id: String,
    },
    NoJobs,
    /// The runner has not answered yet.
    OrderLeft {
        id: String,
        order: Order,
    },
    ProxyByEnvironment,
    ProxySecret,
    RemoveStopFile {
        path: PathBuf,
    },
    ResumeJob {
        id: String,
    },
    RetryJob {
        id: String,
    },
    SafePath {
        why: Why,
    },
    SupervisorBegins,
    SupervisorEnds,
    /// A job that was stopped while somebody ran it or waited for it.
    Stopped {
        id: String,
        state: State,
    },
    WaitAgain {
        id: String,
    },
    WaitForJob {
        id: String,
    },
    WrongState {
        id: String,
        state: State,
        order: Order,
    },
}

impl Bulk {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::Asleep { wait, until, quota } => {
                let why = if *quota {
                    "the quota is used up"
                } else {
                    "the site asks for a pause"
                };
                format!(
                    "{why}: the job sleeps and goes on at {until} (in {})",
                    span(*wait)
                )
            }
            Self::Background { id } => {
                format!(
                    "job {id} runs in the background; `civitai-dl bulk wait {id}` waits for its end"
                )
            }
            Self::Doctor {
                jobs,
                waiting,
                running,
                failed,
            } => format!("{jobs} jobs: {running} running, {waiting} waiting, {failed} failed"),
            Self::EmergencyStop { path } => {
                format!(
                    "{} is there: nothing runs, and what was done is kept",
                    path.display()
                )
            }
            Self::ExperimentalOff { names } => {
                format!("transfers fail: without {names} until this is better")
            }
            Self::FeatureSmallFiles => "small files share HTTP/2 connections".to_owned(),
            Self::FeatureWide => {
                "up to 128 connections a file, where the measured rate repays them".to_owned()
            }
            Self::Features { all } => {
                let word = |on| if on { "on" } else { "off" };
                listed(all, word, Lang::En).join("; ")
            }
            Self::JobLine {
                id,
                name,
                state,
                items,
                completed,
                failed,
                bytes,
            } => {
                let name = name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" ({name})"));
                let failed = match failed {
                    0 => String::new(),
                    failed => format!(", {failed} failed"),
                };
                format!(
                    "job {id}{name}: {state}, {completed} of {items} done{failed}, {}",
                    size(*bytes)
                )
            }
            Self::JobSleeps { until } => format!("sleeps until {until}, as the site asked"),
            Self::ListJobs => "`civitai-dl bulk list` shows the jobs there are".to_owned(),
            Self::MendSettings => {
                "make the job again with settings that hold, and cancel this one".to_owned()
            }
            Self::NoBackground { problem } => {
                format!("no process could be started in the background: {problem}")
            }
            Self::NoEmergency => "no EMERGENCY_STOP file stands in the way".to_owned(),
            Self::NoJob { id } => format!("there is no job {id}"),
            Self::NoJobs => "there are no jobs".to_owned(),
            Self::OrderLeft { id, order } => {
                format!("job {id} was asked to {order}; its process has not answered yet")
            }
            Self::ProxyByEnvironment => {
                "set HTTPS_PROXY, or `proxy` in your config.toml, and leave the flag out".to_owned()
            }
            Self::ProxySecret => "a proxy's password is not written down with a job".to_owned(),
            Self::RemoveStopFile { path } => format!(
                "to go on: rm '{}', then run the same command again (a job: `civitai-dl bulk resume ID`)",
                path.display()
            ),
            Self::ResumeJob { id } => format!("`civitai-dl bulk resume {id}` goes on with it"),
            Self::RetryJob { id } => {
                format!("`civitai-dl bulk retry {id}` tries again what failed")
            }
            Self::SafePath { why } => format!(
                "{}: fetching one file at a time over one connection until this is better",
                why_en(*why)
            ),
            Self::SupervisorBegins => "supervisor: begins".to_owned(),
            Self::SupervisorEnds => "supervisor: nothing is left to do".to_owned(),
            Self::Stopped { id, state } => format!("job {id} is {state}"),
            Self::WaitAgain { id } => {
                format!("the job goes on; `civitai-dl bulk wait {id}` waits again")
            }
            Self::WaitForJob { id } => {
                format!("`civitai-dl bulk show {id}` shows how far it is")
            }
            Self::WrongState { id, state, order } => {
                format!("job {id} is {state}: there is nothing to {order}")
            }
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::Asleep { wait, until, quota } => {
                let why = if *quota {
                    "利用枠を使い切りました"
                } else {
                    "サイトが待つよう求めています"
                };
                format!(
                    "{why}。ジョブは待機し、{until} ({} 後) に続けます",
                    span(*wait)
                )
            }
            Self::Background { id } => format!(
                "ジョブ {id} をバックグラウンドで実行します。`civitai-dl bulk wait {id}` で終了を待てます"
            ),
            Self::Doctor {
                jobs,
                waiting,
                running,
                failed,
            } => format!("ジョブ {jobs} 件: 実行中 {running}、待機中 {waiting}、失敗 {failed}"),
            Self::EmergencyStop { path } => {
                format!(
                    "{} があるため、すべて停止しています。済んだ分は残っています",
                    path.display()
                )
            }
            Self::ExperimentalOff { names } => {
                format!("転送が失敗しているため、改善するまで {names} を使いません")
            }
            Self::FeatureSmallFiles => "小さなファイルは HTTP/2 接続を共用します".to_owned(),
            Self::FeatureWide => {
                "測定した速度に見合う限り、ファイルごとに最大 128 接続を使います".to_owned()
            }
            Self::Features { all } => {
                let word = |on| if on { "有効" } else { "無効" };
                listed(all, word, Lang::Ja).join("。")
            }
            Self::JobLine {
                id,
                name,
                state,
                items,
                completed,
                failed,
                bytes,
            } => {
                let name = name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" ({name})"));
                let failed = match failed {
                    0 => String::new(),
                    failed => format!("、失敗 {failed}"),
                };
                format!(
                    "ジョブ {id}{name}: {}、{items} 件中 {completed} 件完了{failed}、{}",
                    state_word(*state, Lang::Ja),
                    size(*bytes)
                )
            }
            Self::JobSleeps { until } => format!("サイトの求めにより {until} まで待機します"),
            Self::ListJobs => "`civitai-dl bulk list` でジョブを一覧できます".to_owned(),
            Self::MendSettings => {
                "使える設定でジョブを作り直し、このジョブは取り消してください".to_owned()
            }
            Self::NoBackground { problem } => {
                format!("バックグラウンドのプロセスを起動できませんでした: {problem}")
            }
            Self::NoEmergency => "EMERGENCY_STOP ファイルはありません".to_owned(),
            Self::NoJob { id } => format!("ジョブ {id} はありません"),
            Self::NoJobs => "ジョブはありません".to_owned(),
            Self::OrderLeft { id, order } => format!(
                "ジョブ {id} に{}を依頼しましたが、プロセスからの応答がまだありません",
                order_ja(*order)
            ),
            Self::ProxyByEnvironment => {
                "HTTPS_PROXY か config.toml の `proxy` で指定し、フラグは外してください".to_owned()
            }
            Self::ProxySecret => "プロキシのパスワードはジョブに保存できません".to_owned(),
            Self::RemoveStopFile { path } => format!(
                "続けるには rm '{}' の後、同じコマンドを実行してください (ジョブは `civitai-dl bulk resume ID`)",
                path.display()
            ),
            Self::ResumeJob { id } => format!("`civitai-dl bulk resume {id}` で続けられます"),
            Self::RetryJob { id } => format!("`civitai-dl bulk retry {id}` で失敗分をやり直せます"),
            Self::SafePath { why } => {
                format!(
                    "{}。改善するまで一度に一ファイル、一接続で取得します",
                    why_ja(*why)
                )
            }
            Self::SupervisorBegins => "スーパーバイザーを開始します".to_owned(),
            Self::SupervisorEnds => {
                "スーパーバイザーを終了します (残りのジョブはありません)".to_owned()
            }
            Self::Stopped { id, state } => {
                format!("ジョブ {id} は{}です", state_word(*state, Lang::Ja))
            }
            Self::WaitAgain { id } => {
                format!("ジョブは続いています。`civitai-dl bulk wait {id}` でもう一度待てます")
            }
            Self::WaitForJob { id } => {
                format!("`civitai-dl bulk show {id}` で進み具合が分かります")
            }
            Self::WrongState { id, state, order } => format!(
                "ジョブ {id} は{}のため、{}できません",
                state_word(*state, Lang::Ja),
                order_ja(*order)
            ),
        }
    }
}

/// A job's state for people.
pub(crate) fn state_word(state: State, lang: Lang) -> &'static str {
    match (lang, state) {
        (Lang::En, state) => state.as_str(),
        (Lang::Ja, State::Pending) => "待機中",
        (Lang::Ja, State::Processing) => "実行中",
        (Lang::Ja, State::Completed) => "完了",
        (Lang::Ja, State::Failed) => "失敗",
        (Lang::Ja, State::Cancelled) => "取り消し済み",
        (Lang::Ja, State::Paused) => "一時停止中",
    }
}

/// An item's state for people.
pub(crate) fn item_word(state: ItemState, lang: Lang) -> &'static str {
    match (lang, state) {
        (Lang::En, state) => state.as_str(),
        (Lang::Ja, ItemState::Pending) => "待機中",
        (Lang::Ja, ItemState::Processing) => "実行中",
        (Lang::Ja, ItemState::Completed) => "完了",
        (Lang::Ja, ItemState::Failed) => "失敗",
        (Lang::Ja, ItemState::Cancelled) => "取り消し済み",
    }
}

fn listed(all: &[(&Feature, bool)], word: fn(bool) -> &'static str, lang: Lang) -> Vec<String> {
    let line = |(feature, on): &(&Feature, bool)| {
        format!(
            "{} ({}): {}",
            feature.name,
            word(*on),
            feature.what.say(lang)
        )
    };
    all.iter().map(line).collect()
}

fn order_ja(order: Order) -> &'static str {
    match order {
        Order::Pause => "一時停止",
        Order::Resume => "再開",
        Order::Cancel => "取り消し",
        Order::Retry => "やり直し",
    }
}

fn why_en(why: Why) -> String {
    match why {
        Why::Errors { failed, of } => {
            format!("{failed} of the last hour's {of} transfers failed")
        }
        Why::Timeouts { timed_out, of } => {
            format!("{timed_out} of the last hour's {of} transfers timed out")
        }
        Why::Requests { timed_out, of } => {
            format!("{timed_out} of the last hour's {of} requests timed out")
        }
        Why::Streak { failures } => format!("the last {failures} transfers failed"),
    }
}

fn why_ja(why: Why) -> String {
    match why {
        Why::Errors { failed, of } => {
            format!("直近 1 時間の転送 {of} 件中 {failed} 件が失敗しました")
        }
        Why::Timeouts { timed_out, of } => {
            format!("直近 1 時間の転送 {of} 件中 {timed_out} 件が時間切れになりました")
        }
        Why::Requests { timed_out, of } => {
            format!("直近 1 時間の要求 {of} 件中 {timed_out} 件が時間切れになりました")
        }
        Why::Streak { failures } => format!("転送が {failures} 回続けて失敗しました"),
    }
}
