//! A header as groups of like modules: what the table is compared with.

use std::collections::BTreeMap;

use super::adapter::{Adapter, Target};
use super::header::{Header, Tensor};
use super::name::{self, Part};
use super::precision;

/// How far a shape can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is the shape of the module.
    Plain,
    /// It was computed from pieces that do not determine it well.
    Computed,
}

/// One module of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// The numbers in its path.
    pub(super) numbers: Vec<u32>,
    /// Its shape without trailing ones.
    pub(super) shape: Option<Vec<u64>>,
    /// How far the shape can be believed.
    pub(super) trust: Trust,
}

/// The modules of one part whose paths differ in numbers only.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// The part they stand in.
    pub(super) part: Part,
    /// The path with `#` for every number.
    pub(super) path: String,
    /// The modules.
    pub(super) members: Vec<Member>,
}

/// A header taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Anatomy {
    /// The groups, ordered by part and path.
    pub(super) groups: Vec<Group>,
    /// The pieces of an adapter, where there are some.
    pub(super) adapter: Option<Adapter>,
    /// Parts that stand in the wrapping of a whole checkpoint.
    pub(super) wrapped: Vec<Part>,
    /// Tensors that are neither pieces of an adapter nor helpers of a quantisation.
    pub(super) plain: usize,
}

/// Modules of a group beyond these say nothing new.
const MOST_MEMBERS: usize = 512;

impl Anatomy {
    pub(super) fn of(header: &Header) -> Self {
        let mut anatomy = Self {
            adapter: Adapter::find(header),
            ..Self::default()
        };
        let mut groups: BTreeMap<(Part, String), Vec<Member>> = BTreeMap::new();
        for tensor in &header.tensors {
            if Adapter::owns(&tensor.name) {
                continue;
            }
            let Some(module) = module(&tensor.name) else {
                continue;
            };
            anatomy.plain += 1;
            let place = name::place(module);
            if place.is_wrapped && !anatomy.wrapped.contains(&place.part) {
                anatomy.wrapped.push(place.part);
            }
            let shape = shape(tensor);
            add(&mut groups, place.part, &place.path, shape, Trust::Plain);
        }
        for target in anatomy.adapter.iter().flat_map(|adapter| &adapter.targets) {
            let shape = target.shape.clone().map(without_ones);
            add(&mut groups, target.part, &target.path, shape, trust(target));
        }
        anatomy.groups = groups
            .into_iter()
            .map(|((part, path), members)| Group {
                part,
                path,
                members,
            })
            .collect();
        anatomy
    }

    /// Whether any module stands in `part`.
    pub(super) fn has(&self, part: Part) -> bool {
        self.groups.iter().any(|group| group.part == part)
    }

    /// Whether any module stands in a text encoder.
    pub(super) fn has_text(&self) -> bool {
        self.groups
            .iter()
            .any(|group| matches!(group.part, Part::Text(_)))
    }
}

fn trust(target: &Target) -> Trust {
    use super::adapter::Method;
    match target.method {
        Method::Lora | Method::Locon | Method::Loha | Method::Full if !target.is_misnamed => {
            Trust::Plain
        }
        _ => Trust::Computed,
    }
}

fn add(
    groups: &mut BTreeMap<(Part, String), Vec<Member>>,
    part: Part,
    path: &str,
    shape: Option<Vec<u64>>,
    trust: Trust,
) {
    let (path, numbers) = name::canonical(path);
    let members = groups.entry((part, path)).or_default();
    // A bias has the path of its weight: the weight's shape says more.
    if let Some(same) = members.iter_mut().find(|member| member.numbers == numbers) {
        let sides = |shape: &Option<Vec<u64>>| shape.as_ref().map_or(0, Vec::len);
        if sides(&shape) > sides(&same.shape) {
            same.shape = shape;
        }
    } else if members.len() < MOST_MEMBERS {
        members.push(Member {
            numbers,
            shape,
            trust,
        });
    }
}

/// The module that a tensor belongs to, or `None` for one that only helps a quantisation, and for the running mean of the
/// weights that training leaves beside them.
pub(super) fn module(name: &str) -> Option<&str> {
    if precision::is_helper(name) || name.starts_with("model_ema.") {
        return None;
    }
    let module = [".weight", ".bias", ".qweight"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    Some(module.unwrap_or(name))
}

/// The shape without trailing ones, so that a convolution of one pixel equals a matrix.
fn without_ones(mut shape: Vec<u64>) -> Vec<u64> {
    while shape.len() > 2 && shape.last() == Some(&1) {
        shape.pop();
    }
    shape
}

/// The shape of a tensor that stands for its module; packed numbers do not tell it.
fn shape(tensor: &Tensor) -> Option<Vec<u64>> {
    let is_packed =
        matches!(&*tensor.dtype, "U8" | "I32" | "I4" | "U4") || tensor.name.ends_with(".qweight");
    if is_packed {
        return None;
    }
    tensor.shape.clone().map(without_ones)
}
