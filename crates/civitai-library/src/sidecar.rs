//! The files beside a model that describe it, in the forms of five tools.

/// A form that a tool reads or writes beside a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `STEM.civitai.info`: the answer of `/model-versions`, as Civitai Helper keeps it.
    CivitaiInfo,
    /// `STEM.json`: what A1111 and Forge show on a card and put into a prompt.
    A1111,
    /// `STEM.cm-info.json` of StabilityMatrix.
    CmInfo,
    /// `STEM.metadata.json` of LoRA Manager.
    MetadataJson,
    /// `STEM.swarm.json` of SwarmUI.
    Swarm,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [
        Self::CivitaiInfo,
        Self::A1111,
        Self::CmInfo,
        Self::MetadataJson,
        Self::Swarm,
    ];

    /// Returns the name by which users choose it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CivitaiInfo => "civitai-info",
            Self::A1111 => "a1111",
            Self::CmInfo => "cm-info",
            Self::MetadataJson => "metadata-json",
            Self::Swarm => "swarm",
        }
    }

    /// Returns the form of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// Returns what follows the stem of the model in the name of the sidecar.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::CivitaiInfo => ".civitai.info",
            Self::A1111 => ".json",
            Self::CmInfo => ".cm-info.json",
            Self::MetadataJson => ".metadata.json",
            Self::Swarm => ".swarm.json",
        }
    }
}
