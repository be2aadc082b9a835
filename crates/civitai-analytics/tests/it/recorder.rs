//! Reports say what was told, no more and no less.

use std::time::Duration;

use civitai_analytics::{Ending, Failing, Peer, Recorder, Sample, Transfers, Usage};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn usage(cpu: u64) -> Usage {
    Usage {
        cpu: millis(cpu),
        rss_bytes: Some(cpu * 10),
        peak_rss_bytes: Some(99_999),
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn a_transfer_is_counted_for_itself_and_for_the_whole() {
    let mut recorder = Recorder::new(usage(100));
    recorder.take(millis(0), None, Sample::Asked(Peer::Api));
    let api = Sample::Answered {
        peer: Peer::Api,
        elapsed: millis(80),
    };
    recorder.take(millis(80), None, api);
    let one = recorder.begin(millis(1000), usage(200));
    let two = recorder.begin(millis(1000), usage(200));
    let mut tell = |at, id, sample| recorder.take(millis(at), Some(id), sample);
    tell(1000, one, Sample::Started { bytes: 5 * MIB });
    tell(1000, one, Sample::Asked(Peer::Leases));
    tell(1000, two, Sample::Asked(Peer::Storage));
    let lease = Sample::Answered {
        peer: Peer::Leases,
        elapsed: millis(30),
    };
    tell(1030, one, lease);
    for _ in 0..3 {
        tell(1030, one, Sample::Asked(Peer::Storage));
    }
    let failed = |failing| Sample::Failed {
        peer: Peer::Storage,
        failing,
    };
    tell(1200, one, failed(Failing::Error));
    tell(1200, one, Sample::Retried(Peer::Storage));
    tell(1300, one, failed(Failing::Timeout));
    tell(1300, one, Sample::Retried(Peer::Storage));
    tell(2000, one, Sample::Received { bytes: 6 * MIB });
    let progress = |bytes, connections| Sample::Progress { bytes, connections };
    tell(2000, one, progress(10 * MIB, 2));
    tell(2000, two, progress(MIB, 1));
    tell(2000, two, Sample::Received { bytes: MIB });

    let report = recorder.end(one, millis(3000), usage(700), Ending::Finished);
    assert_eq!((report.bytes, report.fetched_bytes), (5 * MIB, 6 * MIB));
    assert_eq!(report.waste, Some(1.2));
    assert!((report.seconds - 2.0).abs() < 1e-9 && (report.cpu_seconds - 0.5).abs() < 1e-9);
    assert_eq!(report.rss_bytes, Some(7000));
    let storage = report.storage;
    assert_eq!(
        (
            storage.requests,
            storage.failed,
            storage.timeouts,
            storage.retries
        ),
        (3, 2, 1, 2)
    );
    assert_eq!(storage.timeout_rate, Some(1.0 / 3.0));
    assert_eq!((report.leases.requests, report.lease_latency.count), (1, 1));
    assert!(report.api.is_none() && report.transfers.is_none());
    // Open for the second of two seconds.
    assert_eq!(report.connections.series, [0.0, 2.0]);
    assert_eq!((report.connections.max, report.connections.now), (2, 0));

    let whole = recorder.report(millis(4000), usage(800));
    assert_eq!((whole.bytes, whole.fetched_bytes), (6 * MIB, 7 * MIB));
    assert_eq!(whole.storage.requests, 4);
    assert_eq!(
        whole.api.map(|api| (api.requests, api.success_rate)),
        Some((1, Some(1.0)))
    );
    assert_eq!(whole.connections.series, [0.0, 0.0, 3.0, 1.0]);
    let transfers = whole.transfers.expect("the whole has transfers");
    assert_eq!((transfers.running, transfers.finished), (1, 1));
    assert_eq!(whole.bytes_per_second.now, Some(7 * MIB / 4));
    // Nothing came since.
    let later = recorder.report(millis(5000), usage(800));
    assert_eq!(later.bytes_per_second.now, Some(0));
}

#[test]
fn rates_are_of_whole_seconds_and_bracket_the_average() {
    let mut recorder = Recorder::new(Usage::default());
    let id = recorder.begin(millis(0), Usage::default());
    let mut sum = 0;
    // Tenths of a second of 1, then 3, then 2 MiB each.
    for tenth in 1..=30 {
        sum += MIB * [1, 3, 2][(tenth - 1) / 10];
        let at = millis(100 * tenth as u64);
        recorder.take(at, Some(id), Sample::Received { bytes: sum });
    }
    let rates = recorder
        .end(id, millis(3000), Usage::default(), Ending::Finished)
        .bytes_per_second;
    assert_eq!((rates.avg, rates.max), (20 * MIB, 29 * MIB));
    assert_eq!(rates.min, 12 * MIB);

    let id = recorder.begin(millis(4000), Usage::default());
    recorder.take(millis(4100), Some(id), Sample::Received { bytes: MIB });
    let rates = recorder
        .end(id, millis(4500), Usage::default(), Ending::Finished)
        .bytes_per_second;
    assert_eq!(
        (rates.avg, rates.max, rates.min),
        (2 * MIB, 2 * MIB, 2 * MIB)
    );
}

#[test]
fn nothing_told_is_nothing_known() {
    let mut recorder = Recorder::new(Usage::default());
    let report = recorder.report(Duration::ZERO, Usage::default());
    assert_eq!((report.waste, report.storage.success_rate), (None, None));
    assert_eq!(report.first_byte.p99, None);
    let id = recorder.begin(millis(5), Usage::default());
    recorder.end(id, millis(5), Usage::default(), Ending::Cancelled);
    // A transfer that has ended, and numbers that go back, change nothing.
    recorder.take(millis(6), Some(id), Sample::Received { bytes: 9 });
    let other = recorder.begin(millis(6), Usage::default());
    recorder.take(millis(7), Some(other), Sample::Received { bytes: 9 });
    recorder.take(millis(6), Some(other), Sample::Received { bytes: 4 });
    let report = recorder.end(other, millis(6), Usage::default(), Ending::Failed);
    assert_eq!((report.fetched_bytes, report.bytes_per_second.avg), (9, 0));
    let transfers = recorder
        .report(millis(9), Usage::default())
        .transfers
        .expect("the whole has transfers");
    let Transfers {
        running,
        finished,
        failed,
        cancelled,
        ..
    } = transfers;
    assert_eq!((running, finished, failed, cancelled), (0, 0, 1, 1));
}

#[test]
fn the_fields_have_the_names_that_are_documented() {
    let mut recorder = Recorder::new(Usage::default());
    let report = serde_json::to_value(recorder.report(millis(1), Usage::default()));
    let report = report.expect("a report has text keys");
    let fields: Vec<_> = report.as_object().expect("an object").keys().collect();
    assert_eq!(
        fields,
        [
            "seconds",
            "bytes",
            "fetchedBytes",
            "waste",
            "bytesPerSecond",
            "transfers",
            "api",
            "apiLatency",
            "leases",
            "leaseLatency",
            "storage",
            "firstByte",
            "connections",
            "cpuSeconds",
            "rssBytes",
            "peakRssBytes"
        ]
    );
}
