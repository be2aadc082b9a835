//! The smallest links that behave as links do, to run the controller on.

use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::control::{CLEAR, LOCAL};
use super::link::Quality;
use super::{Control, Measure, Mode};

/// What limits a connection besides its share of the link.
#[derive(Debug, Clone, Copy)]
enum Each {
    /// Nothing: congestion control that does not mind random loss, or no loss.
    Free,
    /// So many bytes a second, by the server's will or because loss keeps the window small.
    Held(f64),
}

/// A link of `capacity` bytes a second. A connection needs two round trips to open, begins with ten packets and doubles
/// its rate each round trip until something limits it; all of them share the link evenly.
#[derive(Debug, Clone, Copy)]
struct Link {
    capacity: f64,
    round_trip: f64,
    each: Each,
    /// Each 100 ms brings up to so much more or less than it should.
    noise: f64,
    /// What each connection after the fourth costs all of them: queues that overflow, switching.
    crowding: f64,
    /// What it cannot take at once waits before it for a round trip, and answers wait too.
    queues: bool,
}

impl Link {
    /// Bytes a second of connections that are so many seconds old.
    fn rate(&self, ages: &[f64]) -> f64 {
        let crowd = f64::from(u32::try_from(ages.len().saturating_sub(4)).expect("few"));
        self.asked(ages).min(self.capacity) * (1.0 - self.crowding).powf(crowd)
    }

    /// What they would bring over a link of any capacity.
    fn asked(&self, ages: &[f64]) -> f64 {
        let each = match self.each {
            Each::Free => self.capacity,
            Each::Held(rate) => rate,
        };
        let begin = 10.0 * 1448.0 / self.round_trip;
        let opened = ages
            .iter()
            .map(|age| age - 2.0 * self.round_trip)
            .filter(|age| *age >= 0.0);
        opened
            .map(|age| (begin * (age / self.round_trip).exp2()).min(each))
            .sum()
    }

    fn latest_answer(&self, ages: &[f64]) -> Option<Duration> {
        let waits = if self.asked(ages) > self.capacity {
            self.round_trip
        } else {
            0.0
        };
        self.queues
            .then(|| Duration::from_secs_f64(self.round_trip + waits))
    }
}

/// A file that was fetched over a link.
struct Played {
    seconds: f64,
    /// The number of connections asked for at each 100 ms.
    levels: Vec<usize>,
    control: Control,
}

impl Played {
    fn level(&self) -> usize {
        self.levels.last().copied().unwrap_or_default()
    }

    /// How often the number changed in the second half.
    fn late_changes(&self) -> usize {
        let late = &self.levels[self.levels.len() / 2..];
        late.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

/// Fetches `bytes` with as many connections as `wanted` says at each 100 ms. A connection given up works on until the
/// end of its range, half a second later. Returns the seconds.
fn play(link: impl Fn(f64) -> Link, bytes: f64, mut wanted: impl FnMut(Measure) -> usize) -> f64 {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut ages, mut leaving): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut at, mut arrived) = (0.0, 0.0);
    while arrived < bytes && at < 1e5 {
        let link = link(at);
        let opened = |age: &&f64| **age > 2.0 * link.round_trip;
        let level = wanted(Measure {
            at: Duration::from_secs_f64(at),
            arrived: whole(arrived),
            running: ages.iter().filter(opened).count(),
            starved: false,
            round_trip: Duration::from_secs_f64(link.round_trip),
            lately: link.latest_answer(&ages),
            held_up: Duration::ZERO,
            transfers: 1,
        });
        leaving.resize(ages.len().saturating_sub(level), at + 0.5);
        while leaving.first().is_some_and(|end| *end <= at) {
            leaving.remove(0);
            ages.pop();
        }
        ages.resize(ages.len().max(level), 0.0);
        let noise = 1.0 + link.noise * random.random_range(-1.0..=1.0);
        for _ in 0..10 {
            arrived += link.rate(&ages) * noise * 0.01;
            for age in &mut ages {
                *age += 0.01;
            }
        }
        at += 0.1;
    }
    at
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below 2^52"
)]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

fn fixed(link: Link, bytes: f64, connections: usize) -> f64 {
    play(|_| link, bytes, |_| connections)
}

/// The time of the best number of connections among the powers of two.
fn best(link: Link, bytes: f64, most: usize) -> f64 {
    let numbers = (0..8).map(|power| 1 << power);
    let seconds = numbers.filter(|number| *number <= most);
    seconds
        .map(|number| fixed(link, bytes, number))
        .fold(f64::INFINITY, f64::min)
}

fn controlled(link: impl Fn(f64) -> Link, bytes: f64, mode: Mode) -> Played {
    let (mut control, mut levels) = (Control::new(mode, 4, usize::MAX), Vec::new());
    let seconds = play(link, bytes, |measure| {
        control.observe(measure);
        levels.push(control.wanted());
        control.wanted()
    });
    Played {
        seconds,
        levels,
        control,
    }
}

/// `capacity` in megabytes a second, `round_trip` in seconds.
fn link(capacity: f64, round_trip: f64, each: Each) -> Link {
    Link {
        capacity: capacity * MB,
        round_trip,
        each,
        noise: 0.1,
        crowding: 0.0,
        queues: false,
    }
}

/// Each connection gets so many megabytes a second.
fn held(rate: f64) -> Each {
    Each::Held(rate * MB)
}

#[test]
fn where_each_connection_is_held_there_are_soon_as_many_as_the_link_takes() {
    for (one, megabytes) in [
        // A server that throttles, nearby.
        (link(2000.0, 0.0005, held(3.0)), 256.0),
        // One packet in 200 is lost, or one in 50, and each loss halves the window.
        (link(36.0, 0.08, held(0.46)), 128.0),
        (link(6.0, 0.12, held(0.1)), 32.0),
        (
            Link {
                noise: 0.3,
                ..link(36.0, 0.08, held(0.46))
            },
            128.0,
        ),
    ] {
        let played = controlled(|_| one, megabytes * MB, Mode::Adaptive);
        let best = best(one, megabytes * MB, 64);
        assert!(
            played.seconds < best + 3.5,
            "{} s where {best} s are possible: {one:?} {:?}",
            played.seconds,
            played.levels
        );
        assert_eq!(played.control.proved(), Some(64), "{one:?}");
    }
}

#[test]
fn where_the_machine_is_the_limit_connections_are_bounded() {
    let fast = link(2000.0, 0.0005, held(20.0));
    for (mode, most) in [(Mode::Adaptive, 24), (Mode::Speed, 128)] {
        let played = controlled(|_| fast, 4096.0 * MB, mode);
        let level = played.levels.iter().max().copied();
        assert!(
            level <= Some(most) && level > Some(most / 2),
            "{mode}: {:?}",
            played.levels
        );
    }
}

#[test]
fn where_one_connection_fills_the_link_few_are_used() {
    for (one, megabytes) in [
        (link(1400.0, 0.0005, Each::Free), 4096.0),
        (link(118.0, 0.04, Each::Free), 512.0),
        (link(36.0, 0.08, Each::Free), 128.0),
        (link(6.0, 0.12, Each::Free), 32.0),
    ] {
        let one = Link {
            crowding: 0.01,
            ..one
        };
        let played = controlled(|_| one, megabytes * MB, Mode::Adaptive);
        let best = best(one, megabytes * MB, 64);
        assert!(
            played.seconds < best * 1.04,
            "{} s where {best} s are possible: {:?}",
            played.seconds,
            played.levels
        );
        assert!(played.level() <= 4, "{:?}", played.levels);
    }
}

#[test]
fn where_bytes_wait_on_their_way_no_more_connections_are_tried() {
    let full = Link {
        noise: 0.3,
        queues: true,
        ..link(118.0, 0.04, Each::Free)
    };
    let played = controlled(|_| full, 4000.0 * MB, Mode::Speed);
    assert_eq!(played.levels.iter().max(), Some(&4), "{:?}", played.levels);
    // Nothing waits where each is held by itself, until all together fill the link.
    let held = Link {
        queues: true,
        ..link(36.0, 0.08, held(0.46))
    };
    let played = controlled(|_| held, 600.0 * MB, Mode::Adaptive);
    assert_eq!(played.control.proved(), Some(64));
}

#[test]
fn a_wrong_no_is_corrected() {
    // While it is tested, others fill the link; then they go.
    let one = |at| link(if at < 4.0 { 10.0 } else { 200.0 }, 0.05, held(2.5));
    let played = controlled(one, 4000.0 * MB, Mode::Adaptive);
    assert!(
        played.seconds < 45.0,
        "{} s: {:?}",
        played.seconds,
        played.levels
    );
    assert!(played.level() >= 32, "{:?}", played.levels);
}

#[test]
fn a_link_that_collapses_is_learnt_anew() {
    let one = |at| {
        if at < 20.0 {
            link(50.0, 0.05, Each::Free)
        } else {
            link(50.0, 0.05, held(0.5))
        }
    };
    let played = controlled(one, 2000.0 * MB, Mode::Adaptive);
    assert!(played.level() >= 32, "{:?}", played.levels);
}

#[test]
fn it_comes_to_rest() {
    for one in [
        link(100.0, 0.05, Each::Free),
        link(100.0, 0.05, held(4.0)),
        Link {
            noise: 0.3,
            ..link(100.0, 0.05, held(4.0))
        },
        Link {
            crowding: 0.01,
            ..link(100.0, 0.05, held(20.0))
        },
    ] {
        let played = controlled(|_| one, 100.0 * MB * 600.0, Mode::Adaptive);
        // A question a minute, and the way back.
        assert!(
            played.late_changes() <= 12,
            "{} {one:?}: {:?}",
            played.late_changes(),
            played.levels
        );
    }
}

#[test]
fn the_modes_differ_in_what_they_spend() {
    let one = link(36.0, 0.08, held(0.46));
    let [speed, efficiency, minimal, adaptive] =
        Mode::ALL.map(|mode| controlled(|_| one, 600.0 * MB, mode));
    let peak = |played: &Played| played.levels.iter().max().copied();
    assert_eq!((peak(&speed), peak(&adaptive)), (Some(128), Some(64)));
    assert_eq!((peak(&efficiency), peak(&minimal)), (Some(8), Some(1)));
    assert!(
        speed.seconds < adaptive.seconds
            && adaptive.seconds < efficiency.seconds
            && efficiency.seconds < minimal.seconds
    );
}

#[test]
fn links_are_classed_by_rate_noise_and_loss() {
    let class = |one: Link| {
        controlled(|_| one, one.capacity * 30.0, Mode::Adaptive)
            .control
            .quality()
    };
    assert_eq!(
        class(link(118.0, 0.04, Each::Free)),
        Some(Quality::Excellent)
    );
    assert_eq!(class(link(12.0, 0.04, Each::Free)), Some(Quality::Good));
    assert_eq!(class(link(3.0, 0.12, Each::Free)), Some(Quality::Fair));
    assert_eq!(class(link(0.2, 0.12, Each::Free)), Some(Quality::Poor));
    let mut control = controlled(
        |_| link(118.0, 0.04, Each::Free),
        1000.0 * MB,
        Mode::Adaptive,
    )
    .control;
    for _ in 0..4 {
        control.ended(false);
    }
    assert_eq!(control.quality(), Some(Quality::Unstable));
    for _ in 0..40 {
        control.ended(true);
    }
    assert_eq!(control.quality(), Some(Quality::Excellent));
}

#[test]
fn where_requests_break_no_more_are_made() {
    let one = link(36.0, 0.08, held(0.46));
    let mut control = Control::new(Mode::Adaptive, 4, usize::MAX);
    play(
        |_| one,
        40.0 * MB,
        |measure| {
            control.ended(false);
            control.observe(measure);
            control.wanted()
        },
    );
    assert_eq!(control.wanted(), 4);
}

/// The levels of a minute on a link of 100 MB/s where connections wait for the disk for such a share of their time.
fn levels_before_a_disk(waiting: f64) -> Vec<usize> {
    let mut control = Control::new(Mode::Adaptive, 4, usize::MAX);
    let mut held_up = Duration::ZERO;
    let levels = (0..600).map(|tick| {
        let running = control.wanted();
        held_up += Duration::from_secs_f64(
            waiting * 0.1 * f64::from(u32::try_from(running).expect("few")),
        );
        control.observe(Measure {
            at: Duration::from_millis(tick * 100),
            // The disk takes more for a while whenever there are more connections, as caches do.
            arrived: tick * 10_000_000 + u64::try_from(running).expect("few") * 10_000_000,
            running,
            starved: false,
            round_trip: Duration::from_millis(10),
            lately: None,
            held_up,
            transfers: 1,
        });
        running
    });
    levels.collect()
}

#[test]
fn a_slow_disk_is_no_reason_for_more_connections() {
    let levels = levels_before_a_disk(0.9);
    assert!(levels.iter().all(|level| *level <= 4), "{levels:?}");
    assert_eq!(levels.last(), Some(&2), "fewer do as well");
    assert!(levels_before_a_disk(0.1).iter().any(|level| *level > 4));
}

#[test]
fn transfers_share_what_the_machine_bears() {
    let (fast, mut most) = (link(500.0, 0.0005, held(20.0)), 0);
    let mut control = Control::new(Mode::Adaptive, 2, 64);
    play(
        |_| fast,
        1024.0 * MB,
        |measure| {
            control.observe(Measure {
                transfers: 4,
                ..measure
            });
            most = most.max(control.wanted());
            control.wanted()
        },
    );
    assert!((4..=6).contains(&most), "{most}, and 24 in all");
}

#[test]
fn an_end_without_work_teaches_nothing() {
    let mut control = Control::new(Mode::Adaptive, 4, usize::MAX);
    for tick in 0..200 {
        control.observe(Measure {
            at: Duration::from_millis(tick * 100),
            arrived: tick * tick,
            running: 4,
            starved: true,
            round_trip: Duration::from_millis(10),
            lately: None,
            held_up: Duration::ZERO,
            transfers: 1,
        });
    }
    assert_eq!(
        (control.wanted(), control.proved(), control.quality()),
        (4, None, None)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever the link, one connection is not better, and no fixed number much better.
    #[test]
    fn it_never_loses_to_one_connection(
        capacity in 0.0_f64..3.0,
        round_trip in 0.001_f64..0.3,
        each in proptest::option::of(0.005_f64..0.5),
        noise in 0.0_f64..0.3,
        crowding in 0.0_f64..0.01,
    ) {
        let capacity = 10_f64.powf(capacity);
        let each = each.map_or(Each::Free, |share| held(capacity * share));
        let one = Link { noise, crowding, ..link(capacity, round_trip, each) };
        let bytes = one.capacity * 30.0;
        let played = controlled(|_| one, bytes, Mode::Adaptive);
        let alone = fixed(one, bytes, 1);
        prop_assert!(played.seconds <= alone * 1.05, "{} s, alone {alone} s: {:?}", played.seconds, played.levels);
        let best = best(one, bytes, 64);
        // Where the machine may be the limit, a further connection must bring half of what it could.
        let much = if capacity * MB < LOCAL { 1.15 } else { 1.15 * (1.0 + CLEAR) };
        prop_assert!(played.seconds <= best * much + 60.0 * round_trip, "{} s, at best {best} s: {:?}", played.seconds, played.levels);
    }
}

const MB: f64 = 1e6;
const SEED: u64 = 42;
