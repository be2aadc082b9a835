//! A large file over a bad line.

use std::time::Duration;

use civitai_sim::content::{Content, Kind};
use civitai_sim::fault::{Expiry, Knob, Listener, Offset, Scope};
use civitai_sim::state::{File, Model, Version};
use sha2::{Digest as _, Sha256};

use crate::user::{Site, User};

const MIB: u64 = 1 << 20;
const LARGE: u32 = 900_000;

/// A site with a file of 1 GiB, and the file's digest.
fn with_large_file() -> (Site, String) {
    let site = Site::start();
    let content = Content::new(Kind::SafeTensors, 64, 1024 * MIB);
    let digest = content.digests().sha256.to_lowercase();
    let file = File::new(LARGE, "large.safetensors", content.len()).with_content(content);
    let version = Version::new(9000, "v1").with_file(file);
    let model = Model::new(900, "Large", "Checkpoint").with_version(version);
    site.sim.state().add_model(model);
    (site, digest)
}

#[test]
fn a_bad_line_costs_neither_bytes_nor_quota() {
    let (site, digest) = with_large_file();
    let faults = site.sim.faults();
    faults.add(Knob::BackendFlip);
    let reset = Knob::ResetAt {
        offset: Offset::Random,
    };
    faults.add(reset.within(Scope::storage().times(4)));
    let stall = Knob::StallAt {
        offset: Offset::Random,
        duration: Duration::from_millis(500),
    };
    faults.add(stall.within(Scope::storage().times(2)));
    // The first address dies under way; what is left fits the second.
    let expire = Knob::ExpireUrl {
        after: Expiry::Bytes(640 * MIB),
        cut: true,
    };
    faults.add(expire.within(Scope::storage()));

    let user = User::of(&site);
    let ran = user
        .run(&["get", "version:9000", "--to", "out", "--json"])
        .exits(0);
    let got = ran.line("file");
    let bytes = fs_err::read(got["path"].as_str().unwrap()).unwrap();
    let sum: Vec<_> = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let sum = sum.concat();
    assert_eq!((&sum, &got["sha256"]), (&digest, &digest.as_str().into()));

    let summary = site.sim.log().summary();
    let seen = &summary.files[&LARGE];
    assert_eq!(seen.resolves, 2, "one, and one for the address that died");
    assert!(seen.waste() <= 1.05, "{seen:?}");
    let hits = |name: &str| -> u64 {
        let standing = faults.list();
        let found = standing
            .iter()
            .find(|fault| fault.fault.knob.name() == name);
        found.map_or(0, |fault| fault.hits)
    };
    assert_eq!((hits("reset_at"), hits("stall_at")), (4, 2));
    for storage in Listener::STORAGE {
        let entries = site.sim.log().entries();
        let mut of_storage = entries.iter().filter(|entry| entry.listener == storage);
        assert!(
            of_storage.any(|entry| entry.bytes_sent > MIB),
            "{storage:?}"
        );
    }
}
