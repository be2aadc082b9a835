//! What can be switched off when transfers go badly: each feature as data, with the stage it has reached.

use crate::settings::Settings;
use crate::text::Bulk;

/// How far a feature is from being taken for granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// On unless the safe path is taken.
    Stable,
    /// Off unless the user wants to try it, and the first to go when transfers go badly.
    Experimental,
}

/// A feature.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    /// What it does, for people.
    pub(crate) what: Bulk,
}

/// Every feature there is.
pub(crate) static ALL: [&Feature; 2] = [&SMALL_FILES, &WIDE];

/// Small files share HTTP/2 connections.
pub(crate) static SMALL_FILES: Feature = Feature {
    name: "http2-small-files",
    stage: Stage::Stable,
    what: Bulk::FeatureSmallFiles,
};

/// Up to twice the connections that are tried else.
pub(crate) static WIDE: Feature = Feature {
    name: "wide-connections",
    stage: Stage::Experimental,
    what: Bulk::FeatureWide,
};

impl Feature {
    /// Whether the settings want it.
    pub(crate) fn is_on(&self, settings: &Settings) -> bool {
        match self.stage {
            Stage::Stable => !settings.force_sync,
            Stage::Experimental => settings.experimental && !settings.force_sync,
        }
    }
}

/// The experiments that the user wants.
pub(crate) fn experiments(settings: &Settings) -> Vec<&'static str> {
    let wanted = ALL
        .into_iter()
        .filter(|feature| feature.stage == Stage::Experimental);
    let wanted = wanted.filter(|feature| feature.is_on(settings));
    wanted.map(|feature| feature.name).collect()
}
