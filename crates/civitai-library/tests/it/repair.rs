//! Damage, located and repaired: from other copies, by ranges of the simulated site, or by the whole file.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use civitai_api::{Client, FileId, ModelId, VersionId};
use civitai_download::Storage;
use civitai_library::Library;
use civitai_library::catalogue::{Attempt, Catalogue, Entry, Origin};
use civitai_library::layout::Layout;
use civitai_library::repair::{Error, Repair, Repaired, Site, Sources, Wish};
use civitai_library::scan::{Hashed, hash, walk};
use civitai_library::trees::Trees;
use civitai_library::verify::{Finding, deep};
use civitai_reliability::{Backoff, RetryPolicy};
use civitai_security::{AllowPrivate, Policy, Secret};
use civitai_sim::{Sim, seed};
use fs_err as fs;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const GROUP: u64 = 16 << 10;
const PATH: &str = "loras/x.safetensors";

/// A library with one file of the site in it, and the site.
struct World {
    dir: TempDir,
    sim: Sim,
    library: Library,
    bytes: Vec<u8>,
}

impl World {
    async fn new() -> Self {
        let sim = Sim::builder().seed(7).start().await.expect("it starts");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let library = Library {
            root: dir.path().join("models"),
            data_dir: dir.path().join("data"),
            layout: Layout::default(),
        };
        let file = seed::CHECKPOINT.file(0);
        let content = {
            let state = sim.state();
            let (_, _, file) = state.find_file(file).expect("the seed has it");
            file.content.clone()
        };
        let mut bytes = vec![0; usize::try_from(content.len()).expect("it fits in memory")];
        content.read_at(0, &mut bytes);
        let world = Self {
            dir,
            sim,
            library,
            bytes,
        };
        world.put(PATH, &world.bytes);
        world.scan();
        world.match_with(file);
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.library.root.join(path)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("created");
        fs::write(path, bytes).expect("written");
    }

    fn read(&self) -> Vec<u8> {
        fs::read(self.path(PATH)).expect("it is there")
    }

    fn catalogue(&self) -> Catalogue {
        self.library.catalogue().expect("it opens")
    }

    fn entry(&self) -> Entry {
        let entry = self.catalogue().entry(PATH).expect("it is read");
        entry.expect("the file is known")
    }

    fn scan(&self) {
        let walk = walk(&self.library.root, &[]).expect("walked");
        let mut catalogue = self.catalogue();
        catalogue
            .take_stock(&walk, SystemTime::now())
            .expect("taken");
        let files = catalogue.unhashed().expect("listed");
        let stop = AtomicBool::new(false);
        hash(&mut catalogue, files, NonZeroUsize::MIN, &stop, |hashed| {
            assert!(matches!(hashed, Hashed::Done { .. }), "{hashed:?}");
        })
        .expect("hashed");
    }

    fn match_with(&self, file: u32) {
        let attempt = Attempt {
            origin: Origin {
                model: ModelId::new(seed::CHECKPOINT.model.into()),
                version: VersionId::new(seed::CHECKPOINT.version(0).into()).expect("an id"),
                file: FileId::new(file.into()),
            },
            link: String::new(),
            path: self.path(PATH),
        };
        let digests = self.entry().digests.expect("it was hashed");
        self.catalogue()
            .record(&attempt, &digests, SystemTime::now())
            .expect("recorded");
    }

    fn site(&self) -> Site {
        let origin = self.sim.site_url().clone();
        let policy = Policy::for_origin(&origin, AllowPrivate::No).expect("loopback");
        let backoff = Backoff {
            base: std::time::Duration::from_millis(1),
            cap: std::time::Duration::from_millis(5),
        };
        let retry = RetryPolicy::default().with_backoff(backoff);
        Site {
            client: Client::builder(reqwest::Client::builder().no_proxy())
                .origin(origin)
                .token(Secret::new(self.sim.token("plain").expect("a token")))
                .retry(retry)
                .build()
                .expect("a client"),
            storage: Storage::new(reqwest::Client::builder().no_proxy(), policy).expect("a client"),
            retry,
        }
    }

    async fn repair_with(&self, sources: Sources, wish: Wish) -> Result<Repaired, Error> {
        let repair = Repair::new(self.library.clone(), self.catalogue(), sources)?;
        Arc::new(repair)
            .run(&self.entry(), wish, &CancellationToken::new())
            .await
    }

    async fn repair(&self) -> Result<Repaired, Error> {
        let sources = Sources {
            folders: Vec::new(),
            site: Some(self.site()),
        };
        self.repair_with(sources, Wish::Along).await
    }

    /// Flips bytes at random places; gives the groups they are in.
    fn flip(&self, count: usize, seed: u64) -> Vec<u64> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = self.bytes.clone();
        let mut groups = Vec::new();
        for _ in 0..count {
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= random.random_range(1..=255_u8);
            groups.push(at as u64 / GROUP);
        }
        groups.sort_unstable();
        groups.dedup();
        self.put(PATH, &bytes);
        groups
    }

    fn finding(&self) -> Finding {
        let trees = Trees::of(&self.library.data_dir);
        deep(&self.library.root, &self.entry(), &trees, &|_| {
            ControlFlow::Continue(())
        })
        .expect("it can be read")
    }
}

fn nowhere() -> Sources {
    Sources {
        folders: Vec::new(),
        site: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bytes_cost_their_groups_and_no_more() {
    let world = World::new().await;
    let groups = world.flip(20, 11);
    let Repaired::Mended {
        located,
        fetched_bytes,
    } = world.repair().await.expect("repaired")
    else {
        panic!("it was to be mended");
    };
    let found: Vec<u64> = located
        .pieces
        .iter()
        .map(|piece| piece.range.start / GROUP)
        .collect();
    assert_eq!(found, groups);
    assert!(
        fetched_bytes <= groups.len() as u64 * GROUP,
        "{fetched_bytes} bytes"
    );
    assert!(world.read() == world.bytes, "the file is not what it was");
    assert_eq!(world.finding(), Finding::Whole);
    assert_eq!(world.repair().await.expect("looked at"), Repaired::Whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_file_gets_its_end_back_and_a_long_one_loses_what_is_too_much() {
    let world = World::new().await;
    let cut = world.bytes.len() - 40_000;
    world.put(PATH, &world.bytes[..cut]);
    let repaired = world.repair().await.expect("repaired");
    assert!(matches!(repaired, Repaired::Mended { .. }), "{repaired:?}");
    assert!(world.read() == world.bytes, "the end is not what it was");
    world.put(PATH, &[&world.bytes[..], b"more"].concat());
    let repaired = world.repair().await.expect("repaired");
    assert!(
        matches!(
            repaired,
            Repaired::Mended {
                fetched_bytes: 0,
                ..
            }
        ),
        "{repaired:?}"
    );
    assert!(world.read() == world.bytes, "the surplus is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_at_hand_spares_the_network() {
    let world = World::new().await;
    world.put("elsewhere/y.safetensors", &world.bytes);
    world.scan();
    world.flip(5, 3);
    let repaired = world
        .repair_with(nowhere(), Wish::Along)
        .await
        .expect("repaired");
    assert!(
        matches!(
            repaired,
            Repaired::Mended {
                fetched_bytes: 0,
                ..
            }
        ),
        "{repaired:?}"
    );
    assert!(world.read() == world.bytes, "the file is not what it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restores_what_no_tree_locates_and_what_was_written_to_is_kept() {
    let world = World::new().await;
    let backup = world.dir.path().join("backup");
    fs::create_dir_all(backup.join("loras")).expect("created");
    fs::write(backup.join(PATH), &world.bytes).expect("written");
    fs::remove_dir_all(world.library.data_dir.join("trees")).expect("removed");
    world.flip(1, 5);
    let damaged = world.read();
    let sources = Sources {
        folders: vec![backup],
        site: None,
    };
    let repaired = world
        .repair_with(sources, Wish::Along)
        .await
        .expect("repaired");
    assert!(
        matches!(repaired, Repaired::Restored { .. }),
        "{repaired:?}"
    );
    assert!(world.read() == world.bytes, "the file is not what it was");
    let kept = fs::read(world.path(".quarantine/x.safetensors")).expect("it was kept");
    assert!(kept == damaged, "something else was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tree_the_file_is_fetched_and_has_one_then() {
    let world = World::new().await;
    fs::remove_dir_all(world.library.data_dir.join("trees")).expect("removed");
    world.flip(1, 9);
    let repaired = world.repair().await.expect("repaired");
    assert!(matches!(repaired, Repaired::Fetched { .. }), "{repaired:?}");
    assert!(world.read() == world.bytes, "the file is not what it was");
    world.flip(1, 10);
    let repaired = world.repair().await.expect("repaired");
    assert!(matches!(repaired, Repaired::Mended { .. }), "{repaired:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_comes_back_only_when_it_is_asked_for() {
    let world = World::new().await;
    fs::remove_file(world.path(PATH)).expect("removed");
    assert_eq!(world.repair().await.expect("looked at"), Repaired::Missing);
    let sources = Sources {
        folders: Vec::new(),
        site: Some(world.site()),
    };
    let repaired = world
        .repair_with(sources, Wish::ByName)
        .await
        .expect("fetched");
    assert!(matches!(repaired, Repaired::Fetched { .. }), "{repaired:?}");
    assert!(world.read() == world.bytes, "the file is not what it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_repair_from_leaves_the_file_alone() {
    let world = World::new().await;
    world.flip(3, 1);
    let damaged = world.read();
    let error = world
        .repair_with(nowhere(), Wish::Along)
        .await
        .expect_err("there is no source");
    assert!(matches!(error, Error::NoSource { .. }), "{error:?}");
    assert_eq!(error.code(), "integrity");
    assert!(world.read() == damaged, "the file was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_links_see_the_repair() {
    let world = World::new().await;
    let link = world.path("link.safetensors");
    fs::hard_link(world.path(PATH), &link).expect("linked");
    // In place, so that the link shares the damage.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(world.path(PATH))
        .expect("opened");
    std::os::unix::fs::FileExt::write_all_at(file.file(), b"damage", 123_456).expect("written");
    world.repair().await.expect("repaired");
    assert!(
        fs::read(link).expect("there") == world.bytes,
        "the link is still damaged"
    );
}
