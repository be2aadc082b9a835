//! Reports as tables for people.

use std::path::Path;
use std::time::Duration;

use civitai_analytics::{Ending, Performance, Quantiles, Requests};

use crate::table::{Column, render};
use crate::text::{Heading, Lang, Measure, ratio, seconds, size};

/// The transfers that have ended, as rows.
#[derive(Debug, Default)]
pub(super) struct Ended {
    rows: Vec<(Ending, Vec<String>)>,
    /// Those beyond what anybody reads.
    more: u64,
}

impl Ended {
    pub(super) fn push(&mut self, path: &Path, ending: Ending, report: &Performance) {
        if self.rows.len() >= MOST_ROWS {
            self.more += 1;
            return;
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        let rates = report.bytes_per_second;
        let row = vec![
            name.to_string_lossy().into_owned(),
            size(report.bytes),
            seconds(Some(report.seconds)),
            rate(rates.avg),
            rate(rates.max),
            rate(rates.min),
            seconds(report.first_byte.p95),
            report.storage.failed.to_string(),
            (report.storage.retries + report.leases.retries).to_string(),
            ratio(report.waste),
            report.connections.max.to_string(),
        ];
        self.rows.push((ending, row));
    }

    fn render(&self, lang: Lang) -> Option<String> {
        if self.rows.is_empty() {
            return None;
        }
        let mut columns = vec![
            Column::text(Heading::File.say(lang)),
            Column::text(Heading::Result.say(lang)),
        ];
        let numbers = [
            Heading::Bytes,
            Heading::Time,
            Heading::Average,
            Heading::Best,
            Heading::Worst,
            Heading::FirstByte,
            Heading::Failed,
            Heading::Retries,
            Heading::Waste,
            Heading::Connections,
        ];
        columns.extend(numbers.map(|heading| Column::number(heading.say(lang))));
        let rows = self.rows.iter().map(|(ending, row)| {
            let mut row = row.clone();
            row.insert(1, result(*ending).say(lang).to_owned());
            row
        });
        let mut text = render(&columns, rows.collect());
        if self.more > 0 {
            text.push('\n');
            text.push_str(&Measure::MoreTransfers { count: self.more }.say(lang));
        }
        Some(text)
    }
}

/// A report on the run. At its end the transfers have a table, too.
pub(super) fn of_run(report: &Performance, ended: Option<&Ended>, lang: Lang) -> String {
    let rates = report.bytes_per_second;
    let mut said = vec![Measure::After {
        elapsed: Duration::try_from_secs_f64(report.seconds).unwrap_or_default(),
        is_final: ended.is_some(),
    }];
    if fetches(report) {
        said.push(Measure::Rates {
            fetched: report.fetched_bytes,
            kept: report.bytes,
            waste: report.waste,
            average: rates.avg,
            best: rates.max,
            worst: rates.min,
            now: rates.now.filter(|_| ended.is_none()),
        });
    }
    said.push(Measure::Cost {
        average: report.connections.avg,
        most: report.connections.max,
        cpu: report.cpu_seconds,
        rss: report.rss_bytes,
        peak: report.peak_rss_bytes,
    });
    let mut text: Vec<_> = said.iter().map(|line| line.say(lang)).collect();
    text.push(requests(report, lang));
    text.extend(ended.and_then(|ended| ended.render(lang)));
    text.join("\n")
}

fn requests(report: &Performance, lang: Lang) -> String {
    let columns = vec![
        Column::text(""),
        Column::number(Heading::Requests.say(lang)),
        Column::number(Heading::Failed.say(lang)),
        Column::number(Heading::Timeouts.say(lang)),
        Column::number(Heading::Retries.say(lang)),
        Column::number("p50"),
        Column::number("p95"),
        Column::number("p99"),
    ];
    let row = |heading: Heading, counts: Requests, latency: Quantiles| {
        vec![
            heading.say(lang).to_owned(),
            counts.requests.to_string(),
            counts.failed.to_string(),
            counts.timeouts.to_string(),
            counts.retries.to_string(),
            seconds(latency.p50),
            seconds(latency.p95),
            seconds(latency.p99),
        ]
    };
    let mut rows = Vec::new();
    if let (Some(api), Some(latency)) = (report.api, report.api_latency) {
        rows.push(row(Heading::Api, api, latency));
    }
    if fetches(report) {
        rows.push(row(Heading::Leases, report.leases, report.lease_latency));
        rows.push(row(Heading::Storage, report.storage, report.first_byte));
    }
    render(&columns, rows)
}

/// Whether the run is one that fetches files, as far as it has come.
fn fetches(report: &Performance) -> bool {
    report.leases.requests + report.storage.requests > 0
}

fn result(ending: Ending) -> Heading {
    match ending {
        Ending::Cancelled => Heading::Cancelled,
        Ending::Failed => Heading::Failed,
        Ending::Finished => Heading::Finished,
    }
}

fn rate(bytes_per_second: u64) -> String {
    format!("{}/s", size(bytes_per_second))
}

/// More than a person reads; programs get every transfer's line.
const MOST_ROWS: usize = 100;
