use std::collections::HashSet;

use civitai_fuzz::{Campaign, Fault, Inputs, TARGETS, Target};

static FRAGILE: Target = Target {
    name: "fragile",
    make: |random| random.bytes(200),
    run: |bytes| {
        let at = bytes.iter().position(|&byte| byte == b'X');
        assert!(at.is_none(), "an X at {at:?}");
        bytes.len() as u64
    },
    words: &[b"X"],
};

#[test]
fn an_input_that_panics_is_found_and_made_small() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut campaign = Campaign::new(&FRAGILE, 7, &folder.path().join("under-way"));
    let failure = campaign
        .run(|tally| tally.inputs < 10_000)
        .expect("the directory is there")
        .expect("an X comes sooner or later");
    assert_eq!(failure.input, b"X");
    let Fault::Panic(message) = &failure.fault else {
        panic!("{:?}", failure.fault);
    };
    assert!(
        message.contains("campaign.rs:") && message.contains("an X at"),
        "{message}"
    );
}

static SOUND: Target = Target {
    name: "sound",
    make: |random| random.bytes(200),
    run: |bytes| bytes.len() as u64,
    words: &[],
};

#[test]
fn the_input_under_way_is_on_the_disk() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("under-way");
    let mut campaign = Campaign::new(&SOUND, 1, &path);
    let read = || fs_err::read(&path).unwrap_or_default();
    let failure = campaign
        .run(|tally| tally.inputs < 1)
        .expect("the directory is there");
    assert!(failure.is_none());
    assert_eq!(read(), Inputs::new(&SOUND, 1).draw());
}

/// What is made gets beyond the first check of its parser, and is not always the same.
#[test]
fn every_target_says_many_things() {
    for target in TARGETS {
        let mut inputs = Inputs::new(target, 3);
        let mut said = HashSet::new();
        for _ in 0..200 {
            let input = inputs.draw();
            let outcome = (target.run)(&input);
            said.insert(outcome);
            inputs.keep(input, outcome);
        }
        assert!(said.len() >= 3, "{}: {}", target.name, said.len());
    }
}

#[test]
fn a_seed_repeats_its_inputs() {
    let drawn = |target| {
        let mut inputs = Inputs::new(target, 5);
        (0..50).map(|_| inputs.draw()).collect::<Vec<_>>()
    };
    // A container has keys that are drawn anew.
    for target in TARGETS.iter().filter(|target| target.name != "container") {
        assert_eq!(drawn(target), drawn(target), "{}", target.name);
    }
}
