//! The interval keeps what it promises.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::time::Duration;

use civitai_analytics::compare::{Arm, Cost, Method, compare, split};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Draws from the normal distribution.
fn normal(rng: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
}

/// A file whose second setting takes `ratio` times as long, both with noise of their own.
fn pair(rng: &mut StdRng, ratio: f64, noise: impl Fn(&mut StdRng) -> f64) -> (Cost, Cost) {
    let bytes = rng.random_range(1..1_000_000_000_u64);
    #[expect(clippy::cast_precision_loss, reason = "a size")]
    let time = bytes as f64 / 1e8;
    let mut cost = |factor: f64| Cost {
        bytes,
        elapsed: Duration::from_secs_f64(time * factor * noise(rng).exp()),
    };
    (cost(1.0), cost(ratio))
}

/// How often the interval of `pairs` pairs holds the true ratio, in percent.
fn coverage(pairs: usize, ratio: f64, noise: impl Fn(&mut StdRng) -> f64 + Copy) -> u32 {
    let mut held = 0;
    for seed in 0..TRIALS {
        let mut rng = StdRng::seed_from_u64(u64::from(seed));
        let costs: Vec<_> = (0..pairs).map(|_| pair(&mut rng, ratio, noise)).collect();
        let found = compare(&costs, u64::from(seed)).expect("there are pairs");
        let (low, high) = (found.low.expect("enough"), found.high.expect("enough"));
        assert!(low <= found.ratio && found.ratio <= high, "{found:?}");
        held += u32::from((low..=high).contains(&ratio));
    }
    held * 100 / TRIALS
}

#[test]
fn the_interval_holds_the_truth_about_as_often_as_it_says() {
    let even = |rng: &mut StdRng| 0.2 * normal(rng);
    // Most files take what they take, some take long: what a network does.
    let skewed = |rng: &mut StdRng| 0.1 * -(1.0 - rng.random::<f64>()).ln();
    for (pairs, ratio) in [(4, 2.0), (6, 0.5), (12, 1.0), (30, 1.3)] {
        for (name, covered) in [
            ("even", coverage(pairs, ratio, even)),
            ("skewed", coverage(pairs, ratio, skewed)),
        ] {
            assert!(
                (91..=99).contains(&covered),
                "{covered} % of {TRIALS} with {pairs} pairs of {name} noise"
            );
        }
    }
}

#[test]
fn a_difference_that_is_there_is_found_and_one_that_is_not_is_not() {
    let noise = |rng: &mut StdRng| 0.1 * normal(rng);
    let (mut found, mut imagined) = (0, 0);
    for seed in 0..100 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut verdict = |ratio| {
            let costs: Vec<_> = (0..10).map(|_| pair(&mut rng, ratio, noise)).collect();
            compare(&costs, seed).expect("there are pairs").faster()
        };
        found += u32::from(verdict(0.7) == Some(Arm::B));
        imagined += u32::from(verdict(1.0).is_some());
    }
    assert!(found >= 95, "{found} of 100 differences of 30 % found");
    assert!(
        imagined <= 12,
        "{imagined} of 100 differences that are none"
    );
}

#[test]
fn few_pairs_give_a_wide_interval_and_one_pair_none() {
    let cost = |millis| Cost {
        bytes: 1000,
        elapsed: Duration::from_millis(millis),
    };
    assert_eq!(compare(&[], 1), None);
    let one = compare(&[(cost(100), cost(50))], 1).expect("a pair");
    assert_eq!((one.low, one.high, one.method), (None, None, Method::None));
    assert!((one.ratio - 0.5).abs() < 1e-9 && one.faster().is_none());
    let two = [(cost(100), cost(50)), (cost(100), cost(60))];
    let two = compare(&two, 1).expect("pairs");
    assert_eq!(two.method, Method::StudentT);
    assert!(
        two.low.expect("two") < 0.2 && two.high.expect("two") > 1.5,
        "{two:?}"
    );
    let same = compare(&[(cost(100), cost(70)); 5], 1).expect("pairs");
    assert_eq!(same.low, same.high);
    assert_eq!(same.faster(), Some(Arm::B));
}

#[test]
fn nothing_at_all_and_no_time_at_all_are_compared_too() {
    let nothing = Cost {
        bytes: 0,
        elapsed: Duration::ZERO,
    };
    let found = compare(&[(nothing, nothing); 4], 1).expect("pairs");
    assert!((found.ratio - 1.0).abs() < 1e-9, "{found:?}");
}

proptest! {
    #[test]
    fn every_file_has_at_most_one_place_and_pairs_are_of_neighbours(
        sizes in prop::collection::vec(prop::option::of(0_u64..1000), 0..40),
        seed in any::<u64>(),
    ) {
        let pairs = split(&sizes, seed);
        prop_assert_eq!(&pairs, &split(&sizes, seed));
        prop_assert_eq!(pairs.len(), sizes.len() / 2);
        let files: BTreeSet<_> = pairs.iter().flat_map(|pair| [pair.a, pair.b]).collect();
        prop_assert_eq!(files.len(), pairs.len() * 2);
        // No file of another pair lies between the two of a pair.
        let size = |file: usize| sizes[file].unwrap_or(u64::MAX);
        for pair in &pairs {
            let (low, high) = (size(pair.a).min(size(pair.b)), size(pair.a).max(size(pair.b)));
            let between = files.iter().filter(|file| low < size(**file) && size(**file) < high);
            prop_assert_eq!(between.count(), 0);
        }
    }
}

#[test]
fn chance_gives_both_settings_the_larger_file_and_the_first_turn() {
    let sizes: Vec<_> = (0..200).map(Some).collect();
    let pairs = split(&sizes, 7);
    for count in [
        pairs.iter().filter(|pair| pair.a > pair.b).count(),
        pairs.iter().filter(|pair| pair.first == Arm::A).count(),
    ] {
        assert!((30..=70).contains(&count), "{count} of 100");
    }
}

const TRIALS: u32 = 300;
