//! How well each layout of a table explains a header, as a cost, and what follows for the probabilities.
//!
//! Every group of modules costs each layout something: nothing where path and shape agree, more where the shape does
//! not, most where the layout has no such path. "None of these" is a layout too, which everything costs the same.
//! Probabilities are what the exponentials of the negated costs share.

use std::collections::BTreeMap;

use civitai_api::ModelType;

use super::kind::Family;
use super::learn::Learned;
use super::name::Part;
use super::part::{Anatomy, Group, Member, Trust};
use super::table::{Architecture, Line, Role, Table};

/// A path that the layout has, of a shape that is not recorded.
const UNSEEN: f64 = 0.1;
/// A path that the layout has without saying its shape.
const UNTOLD: f64 = 0.12;
/// A path that the layout has, of another shape.
const OTHER_SHAPE: f64 = 1.5;
/// The same where the shape was computed from pieces that do not determine it.
const OTHER_COMPUTED: f64 = 0.4;
/// From here on a group's cost says that its shape is another.
const DIFFERING: f64 = 0.35;
/// A path that the layout does not have.
const ABSENT: f64 = 3.0;
/// A path that the layout has, but not under a number that is there: a block too many.
const BEYOND: f64 = 0.8;
/// A path under "none of these".
const UNKNOWN: f64 = 1.7;
/// An adapter that leaves out what adapters of this layout nearly always change.
const UNEXPECTED: f64 = 2.2;
/// A model that lacks what every model of this layout has.
const NEEDED: f64 = 6.0;
/// A line of the layout that a whole model does not have.
const LEFT_OUT: f64 = 0.08;
/// The most that lines left out cost together: files are cut into parts, and models are pruned.
const MOST_LEFT_OUT: f64 = 6.0;

/// A layout in one size, and how well it explains some groups.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) size: usize,
    pub(super) cost: f64,
    /// Groups whose path the layout has.
    pub(super) explained: usize,
    /// Groups whose shape agrees as well.
    pub(super) agreeing: usize,
    /// Groups whose shape is another.
    pub(super) differing: usize,
    /// How likely it is beside the others, filled in at the end.
    pub(super) weight: f64,
}

/// The layouts that can explain some groups, the best first.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    /// How many groups there were.
    pub(super) groups: usize,
    /// How likely it is that it is none of these.
    pub(super) unknown: f64,
}

impl<'a> Ranking<'a> {
    pub(super) fn best(&self) -> Option<&Candidate<'a>> {
        // Where nothing explains half of the groups, the file is something else.
        self.candidates
            .first()
            .filter(|best| best.explained * 2 > self.groups)
    }

    /// The best layout of `family`, where the file is something known at all.
    pub(super) fn best_of(&self, family: Option<Family>) -> Option<&Candidate<'a>> {
        self.best()?;
        self.candidates
            .iter()
            .find(|candidate| candidate.architecture.family == family)
    }

    /// The weight of each family, which is that of its best layout: a family that is spelled in more ways is not
    /// more likely for it. Layouts that several families share count under `None`.
    pub(super) fn families(&self) -> BTreeMap<Option<Family>, f64> {
        let mut families = BTreeMap::new();
        for candidate in &self.candidates {
            let weight: &mut f64 = families.entry(candidate.architecture.family).or_default();
            *weight = weight.max(candidate.weight);
        }
        families
    }

    /// The probability that the file is of the type that the best layout says.
    pub(super) fn type_probability(&self) -> f64 {
        let Some(best) = self.best() else {
            return 0.0;
        };
        let other = self
            .candidates
            .iter()
            .find(|other| other.architecture.model_type != best.architecture.model_type)
            .map_or(0.0, |other| other.weight);
        best.weight / (best.weight + other + self.unknown)
    }
}

/// Which groups are compared with which layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The denoiser, or all groups where no name tells a part.
    Diffusion,
    /// The autoencoder.
    Vae,
    /// The text encoders.
    Text,
}

impl View {
    fn takes(self, part: Part) -> bool {
        match self {
            Self::Diffusion => matches!(part, Part::Diffusion | Part::Control | Part::Bare),
            Self::Vae => part == Part::Vae,
            Self::Text => matches!(part, Part::Text(_)),
        }
    }

    fn asks(self, role: Role) -> bool {
        match self {
            Self::Diffusion => true,
            Self::Vae => role == Role::Vae,
            Self::Text => role == Role::Text,
        }
    }
}

/// Ranks the layouts of the built-in and the learned table by how well they explain the groups of `view`.
pub(super) fn rank<'a>(anatomy: &Anatomy, view: View, learned: &'a Learned) -> Ranking<'a> {
    let mut groups: Vec<&Group> = anatomy
        .groups
        .iter()
        .filter(|group| view.takes(group.part))
        .collect();
    groups.sort_by(|one, other| one.path.cmp(&other.path));
    let wants_denoiser = groups.iter().any(|group| group.part == Part::Diffusion);
    let mut ranking = Ranking {
        candidates: Vec::new(),
        groups: groups.len(),
        unknown: 0.0,
    };
    for table in [Table::builtin(), learned.table()] {
        for sums in sums(table, &groups).into_values() {
            let architecture = &table.architectures[sums.architecture];
            let fits = view.asks(architecture.role)
                && (!wants_denoiser || matches!(architecture.role, Role::Diffusion | Role::Whole))
                && (anatomy.adapter.is_none() || can_be_adapted(architecture));
            if fits {
                let missing = missing(architecture, anatomy, &groups);
                ranking
                    .candidates
                    .extend(sums.candidates(architecture, missing));
            }
        }
    }
    share_out(&mut ranking);
    ranking
}

/// Whether adapters change this layout: denoisers and their companions, and of what stands alone the motion modules.
fn can_be_adapted(architecture: &Architecture) -> bool {
    architecture.role != Role::Whole || architecture.model_type == ModelType::MotionModule
}

/// What the groups cost one layout so far.
struct Sums {
    architecture: usize,
    /// For each size.
    costs: Vec<f64>,
    agreeing: Vec<usize>,
    differing: Vec<usize>,
    explained: usize,
}

impl Sums {
    fn candidates(
        self,
        architecture: &Architecture,
        missing: f64,
    ) -> impl Iterator<Item = Candidate<'_>> {
        let explained = self.explained;
        let shapes = self.agreeing.into_iter().zip(self.differing);
        self.costs.into_iter().zip(shapes).enumerate().map(
            move |(size, (cost, (agreeing, differing)))| Candidate {
                architecture,
                size,
                cost: cost + missing + architecture.cost,
                explained,
                agreeing,
                differing,
                weight: 0.0,
            },
        )
    }
}

fn sums(table: &Table, groups: &[&Group]) -> BTreeMap<usize, Sums> {
    let mut all: BTreeMap<usize, Sums> = BTreeMap::new();
    for group in groups {
        let lines = table.lines(&group.path);
        // The places of a table's lines are in order: those of one layout stand together.
        for lines in lines.chunk_by(|one, next| one.0 == next.0) {
            let at = lines[0].0;
            let sizes = table.architectures[at].sizes.len();
            // Every group is charged as absent first, and refunded where the layout has it.
            let sums = all.entry(at).or_insert_with(|| Sums {
                architecture: at,
                costs: vec![ABSENT * as_cost(groups.len()); sizes],
                agreeing: vec![0; sizes],
                differing: vec![0; sizes],
                explained: 0,
            });
            let mut is_explained = false;
            for size in 0..sizes {
                let (cost, agrees) = cost(table, lines, group, size);
                sums.costs[size] += cost - ABSENT;
                sums.agreeing[size] += usize::from(agrees);
                sums.differing[size] += usize::from((DIFFERING..ABSENT * 0.7).contains(&cost));
                is_explained |= cost < ABSENT * 0.7;
            }
            sums.explained += usize::from(is_explained);
        }
    }
    all
}

/// What `group` costs a layout of which `lines` have its path, and whether all shapes agree.
fn cost(table: &Table, lines: &[(usize, usize)], group: &Group, size: usize) -> (f64, bool) {
    let mut sum = 0.0;
    let mut agrees = true;
    for member in &group.members {
        let cost = lines
            .iter()
            .map(|(at, line)| member_cost(member, &table.architectures[*at].lines[*line], size))
            .fold(ABSENT, f64::min);
        agrees &= cost == 0.0;
        sum += cost;
    }
    let mean = sum / as_cost(group.members.len().max(1));
    let is_beyond = group.members.iter().any(|member| {
        !lines
            .iter()
            .any(|(at, line)| table.architectures[*at].lines[*line].fits_numbers(&member.numbers))
    });
    let least = if is_beyond { BEYOND } else { 0.0 };
    (mean.max(least), agrees)
}

fn member_cost(member: &Member, line: &Line, size: usize) -> f64 {
    if !line.fits_numbers(&member.numbers) {
        return ABSENT;
    }
    match &member.shape {
        Some(shape) if line.shape.is_empty() && shape.len() > 1 => UNTOLD,
        _ if line.shape.is_empty() => 0.0,
        None => UNSEEN,
        // A vector beside a matrix is a bias, a norm or a scale: it does not tell the shape.
        Some(shape) if shape.len() < 2 && line.shape.len() > 1 => UNSEEN,
        Some(shape) if line.fits_shape(shape, size) => 0.0,
        Some(_) if member.trust == Trust::Computed => OTHER_COMPUTED,
        Some(_) => OTHER_SHAPE,
    }
}

/// What is charged for modules that are not there: an adapter leaves out what it does not change, a model nothing.
fn missing(architecture: &Architecture, anatomy: &Anatomy, groups: &[&Group]) -> f64 {
    if anatomy.adapter.is_none() {
        let has = |line: &Line| {
            groups
                .binary_search_by(|group| group.path.as_str().cmp(&line.path))
                .is_ok()
        };
        let left_out = architecture.lines.iter().filter(|line| !has(line)).count();
        return (LEFT_OUT * as_cost(left_out)).min(MOST_LEFT_OUT)
            + NEEDED * as_cost(lacking(&architecture.needs, groups));
    }
    UNEXPECTED * as_cost(lacking(&architecture.expects, groups))
}

/// How many of the beginnings no group has.
fn lacking(beginnings: &[String], groups: &[&Group]) -> usize {
    beginnings
        .iter()
        .filter(|path| {
            !groups
                .iter()
                .any(|group| group.path.starts_with(path.as_str()))
        })
        .count()
}

/// Sorts the candidates and turns costs into probabilities.
fn share_out(ranking: &mut Ranking<'_>) {
    let candidates = &mut ranking.candidates;
    candidates.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    candidates.truncate(64);
    let unknown = UNKNOWN * as_cost(ranking.groups);
    let least = candidates
        .first()
        .map_or(unknown, |best| best.cost.min(unknown));
    ranking.unknown = (least - unknown).exp();
    for candidate in candidates {
        candidate.weight = (least - candidate.cost).exp();
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tensors are far below 2^52"
)]
fn as_cost(count: usize) -> f64 {
    count as f64
}
