//! A second table of the same form, filled from files whose truth is known from their hash.
//!
//! Each observation adds the groups of a header to the layout of what the file truly is. A layout speaks only once it
//! was seen in [`LEAST_SEEN`] files, and never louder than its count allows; the built-in table is never changed.

use std::collections::BTreeMap;

use civitai_api::{BaseModel, ModelType};
use serde::{Deserialize, Serialize};

use super::header::Header;
use super::kind::Family;
use super::name::Part;
use super::part::Anatomy;
use super::table::{Architecture, Line, Role, Side, Size, Table};
use super::verdict;

/// Files of one truth that must have been seen before the layout they share counts.
pub(super) const LEAST_SEEN: u32 = 2;

/// Longest list of modules that is kept of one truth.
pub const MOST_MODULES: usize = 600;

/// What a file truly is, from the site's answer to its hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Truth {
    /// Its type.
    pub model_type: ModelType,
    /// Its base model.
    pub base_model: BaseModel,
}

/// What was seen of the files of one truth: an entry of the second table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observation {
    /// The type, in Civitai's words.
    pub model_type: String,
    /// The base model, in Civitai's words.
    pub base_model: String,
    /// In how many files.
    pub files: u32,
    /// How many of them the tables had answered rightly before.
    pub agreed: u32,
    /// In how many of the files each module was, by `path shape`.
    pub modules: BTreeMap<String, u32>,
}

/// What one file has taught.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lesson {
    /// What it is.
    pub truth: Truth,
    /// Whether the tables had answered rightly.
    pub agreed: bool,
    /// Its modules, by `path shape`, each once; at most [`MOST_MODULES`].
    pub modules: Vec<String>,
}

/// What was learned so far.
#[derive(Debug, Default)]
pub struct Learned {
    observations: Vec<Observation>,
    table: Table,
}

impl Learned {
    /// Takes up what was kept of earlier observations.
    pub fn new(observations: Vec<Observation>) -> Self {
        let mut learned = Self {
            observations,
            table: Table::default(),
        };
        learned.rebuild();
        learned
    }

    /// What to keep: one entry for each truth, in no particular order.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Learns that the file with `header` is `truth`; returns what that adds.
    ///
    /// The same content must be shown only once: the counts are of files. An entry speaks with its new count each time
    /// that has doubled.
    pub fn observe(&mut self, header: &Header, truth: &Truth) -> Lesson {
        let answer = verdict::judge(header, self);
        let agreed = answer.model_type.as_ref() == Some(&truth.model_type)
            && answer.family == Some(Family::of(&truth.base_model));
        let mut modules = modules(header);
        modules.sort_unstable();
        modules.dedup();
        modules.truncate(MOST_MODULES);
        let at = self.entry(truth);
        let entry = &mut self.observations[at];
        entry.files = entry.files.saturating_add(1);
        entry.agreed = entry.agreed.saturating_add(agreed.into());
        for module in &modules {
            if let Some(count) = entry.modules.get_mut(module) {
                *count = count.saturating_add(1);
            } else if entry.modules.len() < MOST_MODULES {
                entry.modules.insert(module.clone(), 1);
            }
        }
        if entry.files.is_power_of_two() {
            self.rebuild();
        }
        Lesson {
            truth: truth.clone(),
            agreed,
            modules,
        }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    fn entry(&mut self, truth: &Truth) -> usize {
        let (model_type, base_model) = (truth.model_type.as_str(), truth.base_model.as_str());
        let known = self
            .observations
            .iter()
            .position(|seen| seen.model_type == model_type && seen.base_model == base_model);
        known.unwrap_or_else(|| {
            self.observations.push(Observation {
                model_type: model_type.to_owned(),
                base_model: base_model.to_owned(),
                ..Observation::default()
            });
            self.observations.len() - 1
        })
    }

    fn rebuild(&mut self) {
        self.table = Table::default();
        for seen in &self.observations {
            if let Some(architecture) = architecture(seen) {
                self.table.push(architecture);
            }
        }
    }
}

/// The layout that the files of one truth share, once there are enough of them.
fn architecture(seen: &Observation) -> Option<Architecture> {
    (seen.files >= LEAST_SEEN).then_some(())?;
    let base = BaseModel::from(seen.base_model.as_str());
    let model_type = ModelType::from(seen.model_type.as_str());
    let lines: Vec<Line> = seen
        .modules
        .iter()
        // What was in one file of many is that file's own.
        .filter(|(_, count)| **count >= LEAST_SEEN)
        .filter_map(|(module, _)| line(module))
        .collect();
    (!lines.is_empty()).then_some(())?;
    let role = match model_type {
        ModelType::Vae => Role::Vae,
        ModelType::TextEncoder | ModelType::Clip => Role::Text,
        _ => Role::Diffusion,
    };
    Some(Architecture {
        id: format!("learned from {} files", seen.files),
        family: Some(Family::of(&base)),
        role,
        model_type,
        kind: None,
        // What was learned from n files is at most as sure as n in n + 1; it never outbids a layout that is built in
        // and explains as much.
        cost: (1.0 + f64::from(seen.files)).ln().recip() + 0.7,
        sizes: vec![Size {
            name: Box::default(),
            base: Some(base),
        }],
        lines,
        expects: Vec::new(),
        needs: Vec::new(),
        // Of n files alike the next is alike with n + 1 in n + 2.
        trust: f64::from(seen.files.saturating_add(1)) / f64::from(seen.files.saturating_add(2)),
    })
}

/// The modules of a header's denoiser, or of all of it where no name tells a part, as `path shape`.
fn modules(header: &Header) -> Vec<String> {
    let anatomy = Anatomy::of(header);
    let mut modules = Vec::new();
    for group in &anatomy.groups {
        if matches!(group.part, Part::Text(_) | Part::Vae) && anatomy.has(Part::Diffusion) {
            continue;
        }
        let mut shapes: Vec<String> = group
            .members
            .iter()
            .map(|member| shape_text(member.shape.as_deref()))
            .collect();
        shapes.sort_unstable();
        shapes.dedup();
        modules.extend(
            shapes
                .iter()
                .take(4)
                .map(|shape| format!("{} {shape}", group.path)),
        );
    }
    modules
}

fn shape_text(shape: Option<&[u64]>) -> String {
    match shape {
        Some(sides) if sides.len() > 1 => {
            let sides: Vec<String> = sides.iter().map(ToString::to_string).collect();
            sides.join("x")
        }
        _ => "-".to_owned(),
    }
}

/// Reads what [`modules`] wrote. It comes back from a database, so it may be anything.
fn line(module: &str) -> Option<Line> {
    let (path, shape) = module.rsplit_once(' ')?;
    let shape = match shape {
        "-" => Vec::new(),
        sides => sides
            .split('x')
            .map(|side| side.parse().ok().map(|side| Side::Is(vec![side])))
            .collect::<Option<_>>()?,
    };
    Some(Line {
        path: path.to_owned(),
        numbers: Vec::new(),
        shape,
    })
}

impl Family {
    /// The family that a base model belongs to; what has no word of its own is [`Family::Other`].
    pub fn of(base: &BaseModel) -> Self {
        let name = base.as_str();
        let known = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
        known.map_or(Self::Other, |(_, family)| *family)
    }
}

/// How the names of base models begin, and their families; of two that fit the first counts.
const FAMILIES: &[(&str, Family)] = &[
    ("SD 1", Family::Sd1),
    ("SD 2", Family::Sd2),
    ("SD 3", Family::Sd3),
    ("SDXL", Family::Sdxl),
    ("Pony V7", Family::AuraFlow),
    ("Pony", Family::Sdxl),
    ("Illustrious", Family::Sdxl),
    ("NoobAI", Family::Sdxl),
    ("Playground", Family::Sdxl),
    ("Stable Cascade", Family::Cascade),
    ("SVD", Family::Svd),
    ("Flux.1", Family::Flux1),
    ("Flux.2", Family::Flux2),
    ("Chroma", Family::Chroma),
    ("Qwen", Family::Qwen),
    ("ZImage", Family::ZImage),
    ("Wan ", Family::Wan),
    ("Hunyuan Video", Family::HunyuanVideo),
    ("Hunyuan 1", Family::Hunyuan),
    ("LTXV", Family::Ltx),
    ("HiDream", Family::HiDream),
    ("PixArt", Family::PixArt),
    ("Lumina", Family::Lumina),
    ("Kolors", Family::Kolors),
    ("AuraFlow", Family::AuraFlow),
    ("Krea 2", Family::Krea2),
    ("Anima", Family::Anima),
    ("Mochi", Family::Mochi),
    ("CogVideoX", Family::CogVideoX),
    ("MiniMax", Family::MiniMax),
];
