//! How far the confidence keeps its word, on headers made up from the tables themselves.
//!
//! A made-up header is a random part of a layout: a whole model, one that was cut, or an adapter of one of the formats
//! that trainers write for some of its modules. Layouts that share their paths make many of them ambiguous on purpose;
//! what the header does not say must not be claimed.

use std::fmt::Write as _;

use civitai_api::ModelType;

use super::header::{Header, Tensor};
use super::kind::Family;
use super::learn::Learned;
use super::table::{Architecture, Line, Role, Side, Table};
use super::{Format, verdict};

/// A small generator of numbers, so that a printed seed repeats a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let at = self.roll(items.len() as u64);
        &items[usize::try_from(at).expect("less than a length")]
    }
}

/// A header with the truth about it.
struct Sample {
    header: Header,
    family: Option<Family>,
    model_type: ModelType,
}

/// The paths and shapes of a layout in one size; long stacks are cut to their ends.
fn modules(architecture: &Architecture, size: usize) -> Vec<(String, Vec<u64>)> {
    architecture
        .lines
        .iter()
        .flat_map(|line| {
            let shape: Vec<u64> = line
                .shape
                .iter()
                .map(|side| match side {
                    Side::Any => 64,
                    Side::Is(values) => *values.get(size).unwrap_or(&values[values.len() - 1]),
                })
                .collect();
            paths(line)
                .into_iter()
                .map(move |path| (path, shape.clone()))
        })
        .collect()
}

fn paths(line: &Line) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut numbers = line.numbers.iter();
    for word in line.path.split('_') {
        let choices = match word {
            "#" => numbers
                .next()
                .map(|ranges| ends(ranges))
                .unwrap_or_default(),
            word => vec![word.to_owned()],
        };
        paths = paths
            .iter()
            .flat_map(|path| choices.iter().map(move |choice| join(path, choice)))
            .collect();
    }
    paths
}

/// Words with `_` between them and dots around numbers, as most names are spelled.
fn join(path: &str, word: &str) -> String {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let last = path.rsplit(['.', '_']).next().unwrap_or_default();
    match path {
        "" => word.to_owned(),
        path if is_number(word) || is_number(last) => format!("{path}.{word}"),
        path => format!("{path}_{word}"),
    }
}

fn ends(ranges: &[(u32, u32)]) -> Vec<String> {
    let mut numbers: Vec<u32> = ranges
        .iter()
        .flat_map(|(low, high)| [*low, *high])
        .collect();
    if numbers.is_empty() {
        numbers.extend([0, 1]);
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.iter().take(3).map(ToString::to_string).collect()
}

fn tensor(name: String, shape: &[u64]) -> Tensor {
    Tensor {
        dtype: "BF16".into(),
        shape: Some(shape.to_vec()),
        ..Tensor::named(name)
    }
}

/// A model: whole, or a part of its tensors, with or without shapes.
fn model(architecture: &Architecture, size: usize, dice: &mut Dice) -> Sample {
    let mut header = Header::new(Format::Safetensors);
    let keep = [100, 100, 40, 15][usize::try_from(dice.roll(4)).expect("small")];
    let has_shapes = dice.roll(5) > 0;
    let wrapping = match architecture.role {
        Role::Diffusion => *dice.pick(&["", "model.diffusion_model.", "diffusion_model."]),
        _ => "",
    };
    for (path, shape) in modules(architecture, size) {
        if dice.roll(100) < keep {
            let mut tensor = tensor(format!("{wrapping}{path}.weight"), &shape);
            if shape.is_empty() {
                tensor.shape = Some(vec![64]);
            }
            if !has_shapes {
                tensor.shape = None;
            }
            header.push(tensor);
        }
    }
    Sample {
        header,
        family: architecture.family,
        model_type: architecture.model_type.clone(),
    }
}

/// The endings of a format for the two sides of a module, and what a file of it is.
const FORMATS: &[(&str, &str, &str, ModelType)] = &[
    (
        "lora_unet_",
        ".lora_down.weight",
        ".lora_up.weight",
        ModelType::Lora,
    ),
    (
        "base_model.model.",
        ".lora_A.weight",
        ".lora_B.weight",
        ModelType::Lora,
    ),
    (
        "diffusion_model.",
        ".lora_A.weight",
        ".lora_B.weight",
        ModelType::Lora,
    ),
    (
        "transformer.",
        ".lora.down.weight",
        ".lora.up.weight",
        ModelType::Lora,
    ),
    ("lycoris_", ".hada_w1_b", ".hada_w1_a", ModelType::LoCon),
];

/// An adapter for some of the modules of a layout.
fn adapter(architecture: &Architecture, size: usize, dice: &mut Dice) -> Option<Sample> {
    let (wrapping, down, up, model_type) = dice.pick(FORMATS);
    let rank = 4 << dice.roll(4);
    let keep = *dice.pick(&[100, 100, 50, 15]);
    let only_attention = dice.roll(3) == 0;
    let decomposed = *model_type == ModelType::Lora && dice.roll(6) == 0;
    let mut header = Header::new(Format::Safetensors);
    for (path, shape) in modules(architecture, size) {
        let [rows, columns] = shape.as_slice() else {
            continue;
        };
        let in_block = path.contains(".0.") || path.contains(".1.");
        let is_chosen = in_block && (!only_attention || path.contains("att"));
        if !is_chosen || *rows < 64 || *columns < 64 || dice.roll(100) >= keep {
            continue;
        }
        let module = if wrapping.ends_with('_') {
            path.replace('.', "_")
        } else {
            path
        };
        header.push(tensor(
            format!("{wrapping}{module}{down}"),
            &[rank, *columns],
        ));
        header.push(tensor(format!("{wrapping}{module}{up}"), &[*rows, rank]));
        if decomposed {
            header.push(tensor(
                format!("{wrapping}{module}.dora_scale"),
                &[*rows, 1],
            ));
        }
    }
    let model_type = if decomposed {
        ModelType::DoRa
    } else {
        model_type.clone()
    };
    (header.tensors.len() > 3).then_some(Sample {
        header,
        family: architecture.family,
        model_type,
    })
}

/// One step of the curve. Each header weighs as much as its layout is common, by the table's own word: otherwise the
/// rare twins of common layouts would count for more than they are met.
#[derive(Clone, Copy, Default)]
struct Step {
    count: u32,
    weight: f64,
    right: f64,
    promised: f64,
}

#[test]
fn confidence_keeps_its_word() {
    const SEED: u64 = 20_261_122;
    let mut dice = Dice(SEED);
    let learned = Learned::default();
    let mut steps = [Step::default(); 10];
    let mut wrong = String::new();
    for architecture in &Table::builtin().architectures {
        for size in 0..architecture.sizes.len() {
            let models = (0..3)
                .map(|_| model(architecture, size, &mut dice))
                .collect::<Vec<_>>();
            let adapters = (0..5).filter_map(|_| match architecture.role {
                Role::Diffusion => adapter(architecture, size, &mut dice),
                _ => None,
            });
            for sample in models.into_iter().chain(adapters.collect::<Vec<_>>()) {
                if sample.header.tensors.is_empty() {
                    continue;
                }
                let found = verdict::judge(&sample.header, &learned);
                let is_right = found.family == sample.family
                    && found.model_type.as_ref() == Some(&sample.model_type);
                let at = (found.confidence * 10.0).clamp(0.0, 9.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and 9"
                )]
                let step = &mut steps[at as usize];
                let weight = (-architecture.cost).exp();
                step.count += 1;
                step.weight += weight;
                step.right += weight * f64::from(u8::from(is_right));
                step.promised += weight * found.confidence;
                if !is_right && found.confidence >= 0.8 {
                    writeln!(wrong, "{} {size}: {found:?}", architecture.id).expect("a string");
                }
            }
        }
    }
    println!("seed {SEED}\n| confidence | headers | promised | right |\n|---|---|---|---|");
    for (at, step) in steps.iter().enumerate() {
        if step.count > 0 {
            println!(
                "| {}–{} % | {} | {:.2} | {:.2} |",
                at * 10,
                at * 10 + 10,
                step.count,
                step.promised / step.weight,
                step.right / step.weight
            );
        }
    }
    for step in steps.iter().filter(|step| step.count >= 20) {
        let (promised, right) = (step.promised / step.weight, step.right / step.weight);
        assert!(
            right > promised - 0.1,
            "promised {promised:.2}, kept {right:.2}\n{wrong}"
        );
    }
}
