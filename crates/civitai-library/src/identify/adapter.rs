//! Adapters: how LoRA and its relatives name the pieces they store for a module, and the shape of the module behind them.

use std::collections::BTreeMap;

use super::header::{Header, Tensor};
use super::name::{self, Part};

/// How an adapter changes a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Method {
    /// A product of two narrow matrices.
    Lora,
    /// LoRA of convolutions wider than one pixel, which Civitai calls LoCon.
    Locon,
    /// A Hadamard product of two such products.
    Loha,
    /// A Kronecker product.
    Lokr,
    /// Rotations in blocks.
    Oft,
    /// Scales of activations.
    Ia3,
    /// The generalised form with four pairs.
    Glora,
    /// The whole difference.
    Full,
}

impl Method {
    /// The word people know it by.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Lora => "lora",
            Self::Locon => "locon",
            Self::Loha => "loha",
            Self::Lokr => "lokr",
            Self::Oft => "oft",
            Self::Ia3 => "ia3",
            Self::Glora => "glora",
            Self::Full => "full difference",
        }
    }
}

/// A piece that is stored for a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Down,
    Up,
    Middle,
    Alpha,
    Magnitude,
    Bias,
    HadaA1,
    HadaB1,
    HadaOther,
    KronA,
    KronA1,
    KronA2,
    KronB,
    KronB1,
    KronB2,
    KronOther,
    Rotation,
    Rescale,
    Scale,
    GloraA1,
    GloraOther,
    Difference,
    DifferenceOther,
}

/// How names end for each piece; where one ending ends like another, the longer stands first.
const ENDINGS: &[(&str, Piece)] = &[
    (".lora_down.weight", Piece::Down),
    (".lora_up.weight", Piece::Up),
    (".lora_mid.weight", Piece::Middle),
    (".lora_down.bias", Piece::Bias),
    (".lora_up.bias", Piece::Bias),
    (".lora_A.default.weight", Piece::Down),
    (".lora_B.default.weight", Piece::Up),
    (".lora_A.default_0.weight", Piece::Down),
    (".lora_B.default_0.weight", Piece::Up),
    (".lora_A.weight", Piece::Down),
    (".lora_B.weight", Piece::Up),
    (".lora_B.bias", Piece::Bias),
    (".lora_A", Piece::Down),
    (".lora_B", Piece::Up),
    (".lora_embedding_A", Piece::Down),
    (".lora_embedding_B", Piece::Up),
    (".lora_linear_layer.down.weight", Piece::Down),
    (".lora_linear_layer.up.weight", Piece::Up),
    (".lora.down.weight", Piece::Down),
    (".lora.up.weight", Piece::Up),
    ("_lora.down.weight", Piece::Down),
    ("_lora.up.weight", Piece::Up),
    (".lora_magnitude_vector.default.weight", Piece::Magnitude),
    (".lora_magnitude_vector.weight", Piece::Magnitude),
    (".lora_magnitude_vector", Piece::Magnitude),
    (".dora_scale", Piece::Magnitude),
    (".alpha", Piece::Alpha),
    (".hada_w1_a", Piece::HadaA1),
    (".hada_w1_b", Piece::HadaB1),
    (".hada_w2_a", Piece::HadaOther),
    (".hada_w2_b", Piece::HadaOther),
    (".hada_t1", Piece::HadaOther),
    (".hada_t2", Piece::HadaOther),
    (".lokr_w1", Piece::KronA),
    (".lokr_w1_a", Piece::KronA1),
    (".lokr_w1_b", Piece::KronA2),
    (".lokr_w2", Piece::KronB),
    (".lokr_w2_a", Piece::KronB1),
    (".lokr_w2_b", Piece::KronB2),
    (".lokr_t2", Piece::KronOther),
    (".oft_blocks", Piece::Rotation),
    (".oft_diag", Piece::Rotation),
    (".oft_R.weight", Piece::Rotation),
    (".oft_R.default.weight", Piece::Rotation),
    (".boft_R", Piece::Rotation),
    (".rescale", Piece::Rescale),
    (".on_input", Piece::Scale),
    (".ia3_l", Piece::Scale),
    (".a1.weight", Piece::GloraA1),
    (".a2.weight", Piece::GloraOther),
    (".b1.weight", Piece::GloraOther),
    (".b2.weight", Piece::GloraOther),
    (".diff", Piece::Difference),
    (".diff_b", Piece::DifferenceOther),
    (".w_norm", Piece::DifferenceOther),
    (".b_norm", Piece::DifferenceOther),
    (".reshape_weight", Piece::DifferenceOther),
    // The halves of a control LoRA; no module of a model is a bare `up`.
    (".down", Piece::Down),
    (".up", Piece::Up),
];

/// The endings of the format of XLabs, which count only under a module that says that it is an adapter.
const XLABS: &[(&str, Piece)] = &[(".down.weight", Piece::Down), (".up.weight", Piece::Up)];

/// The module that an adapter's tensor belongs to, and the piece it is.
fn split(name: &str) -> Option<(&str, Piece)> {
    let known = ENDINGS
        .iter()
        .find_map(|(ending, piece)| Some((name.strip_suffix(ending)?, *piece)));
    known.or_else(|| {
        let (module, piece) = XLABS
            .iter()
            .find_map(|(ending, piece)| Some((name.strip_suffix(ending)?, *piece)))?;
        let last = module.rsplit('.').next()?;
        (module.contains(".processor") && last.contains("lora")).then_some((module, piece))
    })
}

/// A module that an adapter changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// The part of the model.
    pub(super) part: Part,
    /// Its path without wrapping.
    pub(super) path: String,
    /// How it is changed.
    pub(super) method: Method,
    /// The shape of the module's weight, where the pieces tell it.
    pub(super) shape: Option<Vec<u64>>,
    /// The rank, where the method has one.
    pub(super) rank: Option<u64>,
    /// Whether a magnitude is stored beside the direction.
    pub(super) is_decomposed: bool,
    /// Whether the pieces are named as a Kronecker product but multiply as a plain pair.
    pub(super) is_misnamed: bool,
}

/// What an adapter is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Adapter {
    /// The modules it changes.
    pub(super) targets: Vec<Target>,
    /// How many tensors are pieces of it.
    pub(super) pieces: usize,
    /// How many pieces are biases beside the pairs.
    pub(super) biases: usize,
}

impl Adapter {
    /// Gathers the pieces in `header`; `None` where there are none.
    pub(super) fn find(header: &Header) -> Option<Self> {
        let mut modules: BTreeMap<&str, Vec<(Piece, &Tensor)>> = BTreeMap::new();
        let mut adapter = Self::default();
        for tensor in &header.tensors {
            if let Some((module, piece)) = split(&tensor.name) {
                adapter.pieces += 1;
                adapter.biases += usize::from(piece == Piece::Bias);
                modules.entry(module).or_default().push((piece, tensor));
            }
        }
        adapter.targets = modules
            .into_iter()
            .filter_map(|(module, pieces)| target(module, &pieces))
            .collect();
        (!adapter.targets.is_empty()).then_some(adapter)
    }

    /// Whether `name` is a piece of an adapter.
    pub(super) fn owns(name: &str) -> bool {
        split(name).is_some()
    }

    /// The method most targets have, with the share that has it.
    pub(super) fn method(&self) -> (Method, f64) {
        let mut counts: BTreeMap<Method, usize> = BTreeMap::new();
        for target in &self.targets {
            *counts.entry(target.method).or_default() += 1;
        }
        let (method, count) = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .unwrap_or((Method::Lora, 0));
        (method, share(count, self.targets.len()))
    }

    /// The rank most targets have.
    pub(super) fn rank(&self) -> Option<u64> {
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        for rank in self.targets.iter().filter_map(|target| target.rank) {
            *counts.entry(rank).or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(rank, _)| rank)
    }
}

/// `count` of `all` as a number from 0 to 1; 0 where there is nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tensors are far below 2^52"
)]
pub(super) fn share(count: usize, all: usize) -> f64 {
    if all == 0 {
        0.0
    } else {
        count as f64 / all as f64
    }
}

fn target(module: &str, pieces: &[(Piece, &Tensor)]) -> Option<Target> {
    let find = |wanted: Piece| {
        pieces
            .iter()
            .find(|(piece, _)| *piece == wanted)
            .map(|(_, tensor)| *tensor)
    };
    let has = |wanted: Piece| pieces.iter().any(|(piece, _)| *piece == wanted);
    let shape = |wanted: Piece| find(wanted).and_then(|tensor| tensor.shape.as_deref());
    let place = name::place(module);
    let mut target = Target {
        part: place.part,
        path: without_processor(place.path),
        method: Method::Lora,
        shape: None,
        rank: None,
        is_decomposed: has(Piece::Magnitude),
        is_misnamed: false,
    };
    if has(Piece::Down) || has(Piece::Up) {
        pair(&mut target, shape(Piece::Down), shape(Piece::Up));
        if has(Piece::Middle) {
            target.method = Method::Locon;
        }
    } else if has(Piece::HadaA1) || has(Piece::HadaOther) {
        target.method = Method::Loha;
        target.shape = outer(shape(Piece::HadaA1), shape(Piece::HadaB1));
        target.rank = shape(Piece::HadaB1).and_then(|dims| dims.first().copied());
    } else if has(Piece::KronA) || has(Piece::KronA1) || has(Piece::KronB) || has(Piece::KronB1) {
        kronecker(&mut target, &shape);
    } else if has(Piece::Rotation) {
        target.method = Method::Oft;
    } else if has(Piece::Scale) {
        target.method = Method::Ia3;
    } else if has(Piece::GloraA1) && has(Piece::GloraOther) {
        target.method = Method::Glora;
        target.rank = shape(Piece::GloraA1).and_then(|dims| dims.first().copied());
    } else if has(Piece::Difference) || has(Piece::DifferenceOther) {
        target.method = Method::Full;
        target.shape = shape(Piece::Difference).map(<[u64]>::to_vec);
    } else {
        return None;
    }
    Some(target)
}

/// The module behind a pair of narrow matrices: as many rows as `up`, as many columns as `down`.
fn pair(target: &mut Target, down: Option<&[u64]>, up: Option<&[u64]>) {
    target.rank = down.and_then(|dims| dims.first().copied());
    target.shape = outer(up, down);
    if let Some([_, _, kernel @ ..]) = down
        && kernel.iter().any(|side| *side > 1)
    {
        target.method = Method::Locon;
    }
}

/// The first dimension of `rows` and all but the first of `columns`.
fn outer(rows: Option<&[u64]>, columns: Option<&[u64]>) -> Option<Vec<u64>> {
    let (rows, columns) = (rows?.first()?, columns?.get(1..)?);
    Some([&[*rows], columns].concat())
}

fn kronecker<'a>(target: &mut Target, shape: &impl Fn(Piece) -> Option<&'a [u64]>) {
    target.method = Method::Lokr;
    let left = shape(Piece::KronA)
        .map(<[u64]>::to_vec)
        .or_else(|| outer(shape(Piece::KronA1), shape(Piece::KronA2)));
    let right = shape(Piece::KronB)
        .map(<[u64]>::to_vec)
        .or_else(|| outer(shape(Piece::KronB1), shape(Piece::KronB2)));
    target.rank = shape(Piece::KronB2)
        .or_else(|| shape(Piece::KronA2))
        .and_then(|dims| dims.first().copied());
    let (Some([a, b]), Some([c, d, kernel @ ..])) = (left.as_deref(), right.as_deref()) else {
        return;
    };
    // A tall and a flat matrix of one narrow side multiply as a plain pair; their Kronecker product would be larger
    // than any layer there is.
    if b == c && a / 8 > *b && d / 8 > *c && kernel.is_empty() {
        target.is_misnamed = true;
        target.rank = Some(*b);
        target.shape = Some(vec![*a, *d]);
        if !target.is_decomposed {
            target.method = Method::Lora;
        }
        return;
    }
    let sides = [a.saturating_mul(*c), b.saturating_mul(*d)];
    target.shape = Some([&sides, kernel].concat());
}

/// XLabs names the adapter, not the module: `double_blocks.0.processor.qkv_lora1` changes the first stream's `qkv`.
fn without_processor(path: String) -> String {
    let Some((block, leaf)) = path.split_once(".processor.") else {
        return path;
    };
    let module = match leaf {
        "qkv_lora1" => "img_attn.qkv",
        "proj_lora1" => "img_attn.proj",
        "qkv_lora2" => "txt_attn.qkv",
        "proj_lora2" => "txt_attn.proj",
        "qkv_lora" => "linear1",
        "proj_lora" => "linear2",
        // The oldest form of diffusers: `attn1.processor.to_q`.
        other => other,
    };
    format!("{block}.{module}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::Format;

    fn header(tensors: &[(&str, &[u64])]) -> Header {
        let mut header = Header::new(Format::Safetensors);
        for (name, shape) in tensors {
            header.push(Tensor {
                shape: Some(shape.to_vec()),
                ..Tensor::named(*name)
            });
        }
        header
    }

    #[test]
    fn the_module_behind_a_pair_has_its_outer_sides() {
        let adapter = Adapter::find(&header(&[
            ("lora_unet_a_attn1_to_k.lora_down.weight", &[16, 768]),
            ("lora_unet_a_attn1_to_k.lora_up.weight", &[320, 16]),
            ("lora_unet_a_attn1_to_k.alpha", &[]),
        ]))
        .expect("an adapter");
        let target = &adapter.targets[0];
        assert_eq!(target.shape.as_deref(), Some([320, 768].as_slice()));
        assert_eq!((target.rank, target.method), (Some(16), Method::Lora));
    }

    #[test]
    fn a_kronecker_product_multiplies_the_sides() {
        let adapter = Adapter::find(&header(&[
            ("lycoris_blocks_0_attn.lokr_w1", &[8, 8]),
            ("lycoris_blocks_0_attn.lokr_w2_a", &[384, 4]),
            ("lycoris_blocks_0_attn.lokr_w2_b", &[4, 384]),
        ]))
        .expect("an adapter");
        let target = &adapter.targets[0];
        assert_eq!(target.shape.as_deref(), Some([3072, 3072].as_slice()));
        assert_eq!((target.rank, target.method), (Some(4), Method::Lokr));
    }

    #[test]
    fn a_checkpoint_has_no_pieces() {
        assert_eq!(
            Adapter::find(&header(&[
                ("model.diffusion_model.out.2.weight", &[4, 320, 3, 3]),
                ("alphas_cumprod", &[1000]),
            ])),
            None
        );
    }
}
