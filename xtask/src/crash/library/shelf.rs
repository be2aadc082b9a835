//! The models that the deeds are about, served on loopback.

use std::collections::BTreeMap;

use anyhow::Result;
use civitai_sim::Sim;
use civitai_sim::content::{Content, Kind};
use civitai_sim::state::{File, Model, State, User, Version};
use tokio::runtime::Runtime;

/// A simulator with a few models.
pub(in crate::crash) struct Shelf {
    sim: Sim,
    /// The bytes of each model file, by its name.
    contents: BTreeMap<String, Vec<u8>>,
    // Ends after the simulator, which lives on it.
    _runtime: Runtime,
}

impl Shelf {
    pub(super) fn open() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let mut state = State::default();
        state.add_user(User::new(1, OWNER).with_token("crash-token"));
        let mut contents = BTreeMap::new();
        for (id, (name, kind, bytes)) in (1..).zip(MODELS) {
            let content = Content::new(Kind::SafeTensors, u64::from(id), bytes);
            let mut all = vec![0; usize::try_from(bytes)?];
            content.read_at(0, &mut all);
            let file_name = format!("{name}.safetensors");
            let file = File::new(id * 100, &file_name, bytes).with_content(content);
            contents.insert(file_name, all);
            let version = Version::new(id * 10, "v1").with_file(file);
            state.add_model(Model::new(id, name, kind).with_version(version));
        }
        let sim = runtime.block_on(Sim::builder().seed(1).state(state).start())?;
        Ok(Self {
            sim,
            contents,
            _runtime: runtime,
        })
    }

    pub(super) fn sim(&self) -> &Sim {
        &self.sim
    }

    pub(super) fn contents(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.contents
    }
}

pub(super) const OWNER: &str = "owner";
/// Models 1, 2 and 3, their types, and the bytes of their files.
const MODELS: [(&str, &str, u64); 3] = [
    ("first", "LORA", 70_000),
    ("second", "TextualInversion", 9_000),
    ("third", "Checkpoint", 1 << 20),
];
