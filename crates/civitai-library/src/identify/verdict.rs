//! From rankings, marks and metadata to one answer with its evidence.

use std::collections::BTreeMap;

use civitai_api::{BaseModel, ModelType};

use super::adapter::{Adapter, Method, share};
use super::header::Header;
use super::kind::Family;
use super::learn::Learned;
use super::name::Part;
use super::part::Anatomy;
use super::score::{Ranking, View, rank};
use super::table::{BaseRule, Finder, Mark, Note, Table};
use super::{Format, Identity, calibration, embedding, metadata, precision};

/// Says what `header` is.
pub(super) fn judge(header: &Header, learned: &Learned) -> Identity {
    let anatomy = Anatomy::of(header);
    let case = Case {
        header,
        anatomy: &anatomy,
        notes: notes(header),
        view: view(&anatomy),
    };
    let ranking = rank(&anatomy, case.view, learned);
    let mut answer = Answer::default();
    if let Some(found) = embedding::find(header) {
        answer = found;
    } else if !case.tell_marked(&ranking, &mut answer, |mark| mark.over_adapter)
        && !case.tell_adapter(&ranking, &mut answer)
        && !case.tell_marked(&ranking, &mut answer, |mark| !mark.over_adapter)
        && !case.tell_model(&ranking, &mut answer)
    {
        case.tell_silent(&mut answer);
    }
    case.tell_rest(&ranking, &mut answer);
    answer.into_identity(header, &anatomy)
}

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) model_type: Option<ModelType>,
    pub(super) kind: Option<Box<str>>,
    pub(super) family: Option<Family>,
    pub(super) base_model: Option<BaseModel>,
    /// How sure the type is, and the family where there is one.
    pub(super) type_trust: f64,
    pub(super) family_trust: f64,
    /// Whether it is a part that several families share, so that there is no family to know.
    pub(super) is_shared: bool,
    pub(super) evidence: Vec<String>,
}

impl Answer {
    fn into_identity(self, header: &Header, anatomy: &Anatomy) -> Identity {
        let confidence = if self.model_type.is_none() {
            0.0
        } else if self.family.is_none() {
            let most = if self.is_shared {
                calibration::SHARED_PART
            } else {
                calibration::OPEN_FAMILY
            };
            most * self.type_trust
        } else {
            calibration::calibrated(self.type_trust.min(self.family_trust))
        };
        let adapter = anatomy.adapter.as_ref();
        Identity {
            format: header.format,
            model_type: self.model_type,
            kind: self.kind,
            base_model: self.base_model,
            family: self.family,
            confidence: (confidence * 1000.0).round() / 1000.0,
            evidence: self.evidence,
            precision: precision::of(header),
            rank: adapter
                .and_then(Adapter::rank)
                .or_else(|| metadata::rank(header)),
            trigger_words: metadata::trigger_words(header),
            tensors: header.tensors.len(),
        }
    }
}

struct Case<'a> {
    header: &'a Header,
    anatomy: &'a Anatomy,
    notes: Vec<&'static Note>,
    view: View,
}

/// The part of the file that tells what it is: the denoiser, where there is one.
fn view(anatomy: &Anatomy) -> View {
    let has_denoiser = [Part::Diffusion, Part::Control, Part::Bare]
        .iter()
        .any(|part| anatomy.has(*part));
    if has_denoiser && !only_leftovers(anatomy) {
        View::Diffusion
    } else if anatomy.has(Part::Vae) {
        View::Vae
    } else {
        View::Text
    }
}

/// Whether what has no wrapping is a few stray tensors beside parts that have one.
fn only_leftovers(anatomy: &Anatomy) -> bool {
    let count = |part| {
        anatomy
            .groups
            .iter()
            .filter(|group| group.part == part)
            .count()
    };
    let bare = count(Part::Bare);
    !anatomy.has(Part::Diffusion)
        && !anatomy.has(Part::Control)
        && bare <= 2
        && (anatomy.has(Part::Vae) || anatomy.has_text())
        && anatomy.groups.len() > bare * 4
}

/// From this share of wide convolutions on an adapter is a LoCon: one that changes all a transformer has finds a single
/// one, which cuts the picture into patches.
const WIDE: f64 = 0.03;

/// How many times more likely a family is whose name a trainer or a converter has written down. Layouts that differ in
/// nothing an adapter touches, as those of Chroma and Flux.1, are told apart by that alone.
const DECLARED: f64 = 40.0;

/// Notes of the tables that the metadata fulfils.
fn notes(header: &Header) -> Vec<&'static Note> {
    Table::builtin()
        .notes
        .iter()
        .filter(|note| {
            note.keys.iter().any(|key| match key.as_str() {
                // The name counts only where nothing else speaks; see `tell_silent`.
                "file name" => false,
                "class" => header
                    .mentions
                    .iter()
                    .any(|class| class.to_lowercase().contains(&note.contains)),
                key => {
                    metadata::lower(header, key).is_some_and(|text| text.contains(&note.contains))
                }
            })
        })
        .collect()
}

impl Case<'_> {
    /// An adapter: most tensors are its pieces.
    fn tell_adapter(&self, ranking: &Ranking<'_>, answer: &mut Answer) -> bool {
        let Some(adapter) = &self.anatomy.adapter else {
            return false;
        };
        if share(adapter.pieces, adapter.pieces + self.anatomy.plain) < 0.5 {
            return false;
        }
        let (method, most) = adapter.method();
        let decomposed = adapter
            .targets
            .iter()
            .filter(|target| target.is_decomposed)
            .count();
        let is_decomposed = decomposed * 2 > adapter.targets.len();
        let is_misnamed = adapter.targets.iter().any(|target| target.is_misnamed);
        let (model_type, word) = match method {
            Method::Lora | Method::Locon | Method::Full if is_decomposed => {
                (ModelType::DoRa, "dora")
            }
            Method::Lora | Method::Full => (ModelType::Lora, method.as_str()),
            other => (ModelType::LoCon, other.as_str()),
        };
        answer.model_type = Some(model_type);
        answer.kind = Some(word.into());
        answer.type_trust = if is_misnamed { 0.8 } else { 0.9 + most * 0.099 };
        answer
            .evidence
            .push(adapter_evidence(adapter, word, is_decomposed));
        if is_misnamed {
            answer.evidence.push(
                "pieces named as a Kronecker product have the shapes of a plain pair".to_owned(),
            );
        }
        self.refine_lora(method, adapter, answer);
        self.take_family(ranking, answer);
        if self.view == View::Text || answer.family.is_none() {
            self.family_of_text_adapter(answer);
        }
        mark_control(adapter, answer);
        true
    }

    /// Convolutions, or the trainer's own word, tell LyCORIS from LoRA.
    fn refine_lora(&self, method: Method, adapter: &Adapter, answer: &mut Answer) {
        if method != Method::Lora || answer.model_type != Some(ModelType::Lora) {
            return;
        }
        let module = metadata::lower(self.header, "ss_network_module").unwrap_or_default();
        let wide = adapter
            .targets
            .iter()
            .filter(|target| target.method == Method::Locon)
            .count();
        if module.contains("lycoris") {
            answer.model_type = Some(ModelType::LoCon);
            answer.kind = Some("locon".into());
            answer
                .evidence
                .push(format!("metadata: ss_network_module is {module}"));
        } else if share(wide, adapter.targets.len()) > WIDE {
            answer.model_type = Some(ModelType::LoCon);
            answer.kind = Some("locon".into());
            answer.type_trust = 0.85;
            answer.evidence.push(format!(
                "{wide} of the modules are convolutions wider than a pixel"
            ));
        }
    }

    /// The family of an adapter that changes text encoders only: its wrapping and width say which.
    fn family_of_text_adapter(&self, answer: &mut Answer) {
        if self.anatomy.has(Part::Diffusion) || self.anatomy.has(Part::Bare) {
            return;
        }
        let has = |slot| self.anatomy.has(Part::Text(slot));
        let width = self
            .anatomy
            .groups
            .iter()
            .flat_map(|group| &group.members)
            .find_map(|member| {
                member
                    .shape
                    .as_deref()
                    .and_then(|shape| shape.get(1))
                    .copied()
            });
        let (family, trust) = match (has(1), has(2), has(3), width) {
            (true, true, false, _) => (Family::Sdxl, 0.85),
            (true, true, true, _) => (Family::Sd3, 0.8),
            (false, false, false, Some(1024)) => (Family::Sd2, 0.7),
            (false, false, false, Some(768 | 3072)) => (Family::Sd1, 0.8),
            _ => return,
        };
        answer.family = Some(family);
        answer.family_trust = trust;
        answer.evidence.push(
            "only text encoders are changed; their number and width tell the family".to_owned(),
        );
    }

    /// A file that a mark tells: a control network, an image prompt adapter, an upscaler …
    fn tell_marked(
        &self,
        ranking: &Ranking<'_>,
        answer: &mut Answer,
        is_asked: fn(&Mark) -> bool,
    ) -> bool {
        let Some((mark, path)) = Table::builtin()
            .marks
            .iter()
            .filter(|mark| is_asked(mark))
            .find_map(|mark| Some((mark, self.marked(mark)?)))
        else {
            return false;
        };
        answer.model_type = Some(mark.model_type.clone());
        answer.kind = Some(mark.kind.clone());
        answer.type_trust = mark.trust;
        answer
            .evidence
            .push(format!("{}: it has {path}", mark.kind));
        self.take_family(ranking, answer);
        if let Some(family) = mark.family {
            answer.family = Some(family);
            answer.family_trust = answer.family_trust.max(mark.trust);
        }
        true
    }

    /// The path that fulfils `mark`, as it was written.
    fn marked<'a>(&self, mark: &'a Mark) -> Option<&'a str> {
        let text = mark.any.iter().find(|finder| self.finds(finder))?;
        (!mark.lacks.iter().any(|finder| self.finds(finder))).then_some(text.text.as_str())
    }

    fn finds(&self, finder: &Finder) -> bool {
        self.anatomy.groups.iter().any(|group| {
            group
                .members
                .iter()
                .any(|member| finder.finds(&group.path, &member.numbers, member.shape.as_deref()))
        })
    }

    /// A model that a layout of the table explains.
    fn tell_model(&self, ranking: &Ranking<'_>, answer: &mut Answer) -> bool {
        let Some(best) = ranking.best() else {
            return false;
        };
        answer.model_type = Some(best.architecture.model_type.clone());
        answer.kind.clone_from(&best.architecture.kind);
        answer.type_trust = ranking.type_probability().min(trust(ranking));
        let has_denoiser =
            self.view == View::Diffusion && best.architecture.model_type == ModelType::UNet;
        let companions = self.anatomy.has(Part::Vae) || self.anatomy.has_text();
        let is_folder = self.header.mentions.iter().any(|part| part == "vae");
        if has_denoiser && (companions || (self.header.format == Format::Diffusers && is_folder)) {
            answer.model_type = Some(ModelType::Checkpoint);
            answer
                .evidence
                .push("a denoiser together with an autoencoder or text encoders".to_owned());
        }
        self.take_family(ranking, answer);
        true
    }

    /// The family of the best layout, with what the metadata adds.
    fn take_family(&self, ranking: &Ranking<'_>, answer: &mut Answer) {
        let noted = self
            .notes
            .iter()
            .find_map(|note| Some((note.family?, *note)));
        let mut families = ranking.families();
        if let Some((family, note)) = noted {
            if let Some(weight) = families.get_mut(&Some(family)) {
                *weight *= DECLARED;
            }
            answer.evidence.push(format!(
                "metadata: {} says {}",
                note.keys.join(" or "),
                note.contains
            ));
        }
        self.weigh_hints(&mut families, answer);
        let sum: f64 = families.values().sum::<f64>() + ranking.unknown;
        for weight in families.values_mut() {
            *weight /= sum.max(f64::MIN_POSITIVE);
        }
        let best = families.iter().max_by(|a, b| a.1.total_cmp(b.1));
        if let (Some((family, share)), Some(_)) = (best, ranking.best()) {
            answer.family = *family;
            answer.is_shared = family.is_none();
            answer.family_trust = (share * quality(ranking)).min(trust(ranking));
            describe(ranking, &families, answer);
        } else if let Some((family, _)) = noted {
            answer.family = Some(family);
            answer.family_trust = 0.7;
        }
    }

    /// What stands beside the denoiser speaks for the families that come with it.
    fn weigh_hints(&self, families: &mut BTreeMap<Option<Family>, f64>, answer: &mut Answer) {
        for hint in &Table::builtin().hints {
            let found = hint.any.iter().find(|finder| {
                self.anatomy.groups.iter().any(|group| {
                    group.part == hint.part
                        && group.members.iter().any(|member| {
                            finder.may_find(&group.path, &member.numbers, member.shape.as_deref())
                        })
                })
            });
            if let (Some(found), Some(weight)) = (found, families.get_mut(&Some(hint.family))) {
                *weight *= hint.weight;
                answer
                    .evidence
                    .push(format!("beside it stands {}", found.text));
            }
        }
    }

    /// A header that says nothing to the tables: metadata, names of classes, and at last the name of the file.
    fn tell_silent(&self, answer: &mut Answer) {
        for note in &self.notes {
            if answer.model_type.is_none() && note.model_type.is_some() {
                answer.model_type.clone_from(&note.model_type);
                answer.type_trust = 0.8;
            }
            if answer.family.is_none() && note.family.is_some() {
                answer.family = note.family;
                answer.family_trust = 0.8;
            }
            answer.evidence.push(format!(
                "metadata: {} says {}",
                note.keys.join(" or "),
                note.contains
            ));
        }
        let Some(name) = self
            .header
            .name_hint
            .as_deref()
            .filter(|_| answer.model_type.is_none())
        else {
            return;
        };
        let name = name.to_lowercase();
        for note in &Table::builtin().notes {
            if note.keys.iter().any(|key| key == "file name") && name.contains(&note.contains) {
                if answer.model_type.is_none() {
                    answer.model_type.clone_from(&note.model_type);
                    answer.type_trust = 0.4;
                }
                if answer.family.is_none() && note.family.is_some() {
                    answer.family = note.family;
                    answer.family_trust = 0.4;
                }
                answer.evidence.push(format!(
                    "the header is silent; the file's name contains {}",
                    note.contains
                ));
            }
        }
    }

    /// The base model, and what to say about the reading itself.
    fn tell_rest(&self, ranking: &Ranking<'_>, answer: &mut Answer) {
        if let Some(family) = answer.family {
            self.tell_base(family, ranking, answer);
        }
        if !self.header.complete {
            answer.evidence.push(
                "the header is longer than what is read; its beginning was judged".to_owned(),
            );
        }
        if answer.model_type.is_none() && answer.evidence.is_empty() {
            answer.evidence.push(match self.header.format {
                Format::Unknown => {
                    "neither a file that begins like a format known here nor a folder with the configuration of a model"
                        .to_owned()
                }
                _ => format!(
                    "{} tensors that no layout known here explains",
                    self.header.tensors.len()
                ),
            });
        }
    }

    fn tell_base(&self, family: Family, ranking: &Ranking<'_>, answer: &mut Answer) {
        let noted = self
            .notes
            .iter()
            .find(|note| note.base.is_some() && note.family.is_none_or(|noted| noted == family));
        if let Some(note) = noted {
            answer.base_model.clone_from(&note.base);
            return;
        }
        let best = ranking.best_of(Some(family));
        let rules = &Table::builtin().bases;
        if let Some(rule) = rules.iter().find(|rule| self.holds(rule, family, ranking)) {
            answer.base_model.clone_from(&rule.base);
            answer.evidence.extend(rule.note.clone());
        } else if let Some(best) = best {
            answer
                .base_model
                .clone_from(&best.architecture.sizes[best.size].base);
        }
    }

    fn holds(&self, rule: &BaseRule, family: Family, ranking: &Ranking<'_>) -> bool {
        let best = ranking.best_of(Some(family));
        let is_layout = rule.architecture.is_empty()
            || best.is_some_and(|best| rule.architecture.contains(&best.architecture.id));
        let is_size = rule.size.as_deref().is_none_or(|size| {
            best.is_some_and(|best| &*best.architecture.sizes[best.size].name == size)
        });
        rule.family == family
            && is_layout
            && is_size
            && rule.has.iter().all(|finder| self.finds(finder))
            && !rule.lacks.iter().any(|finder| self.finds(finder))
    }
}

fn adapter_evidence(adapter: &Adapter, word: &str, is_decomposed: bool) -> String {
    let rank = adapter
        .rank()
        .map(|rank| format!(", rank {rank}"))
        .unwrap_or_default();
    let magnitude = if is_decomposed {
        ", with magnitudes"
    } else {
        ""
    };
    format!("{word}: {} modules{rank}{magnitude}", adapter.targets.len())
}

/// How much a ranking can be trusted for what it rests on: few paths, or paths whose shapes all differ, weigh less.
fn quality(ranking: &Ranking<'_>) -> f64 {
    let Some(best) = ranking.best() else {
        return 0.0;
    };
    let rests_on = match best.explained {
        0 => 0.0,
        1 => 0.75,
        2 => 0.92,
        _ => 1.0,
    };
    let explained = share(best.explained, ranking.groups);
    let differing = share(best.differing, best.explained);
    rests_on * (0.6 + 0.4 * explained) * (1.0 - 0.4 * differing)
}

/// The most that the best layout can be trusted.
fn trust(ranking: &Ranking<'_>) -> f64 {
    ranking.best().map_or(0.0, |best| best.architecture.trust)
}

/// An adapter with biases that also changes the input is one that takes a control picture.
fn mark_control(adapter: &Adapter, answer: &mut Answer) {
    let changes_input = adapter.targets.iter().any(|target| {
        matches!(target.path.as_str(), "img_in" | "x_embedder")
            && target
                .shape
                .as_deref()
                .is_some_and(|shape| matches!(shape, [_, 128 | 384]))
    });
    if answer.family == Some(Family::Flux1) && (changes_input || adapter.biases > 0) {
        answer.kind = Some("control lora".into());
        answer.evidence.insert(
            0,
            "control lora: it changes the input and carries biases".to_owned(),
        );
    }
}

fn describe(ranking: &Ranking<'_>, shares: &BTreeMap<Option<Family>, f64>, answer: &mut Answer) {
    let Some(best) = ranking.best_of(answer.family) else {
        return;
    };
    let size = match &*best.architecture.sizes[best.size].name {
        "" => String::new(),
        name => format!(", {name}"),
    };
    answer.evidence.push(format!(
        "layout of {}{size}: {} of {} paths, {} with their shapes",
        best.architecture.id, best.explained, ranking.groups, best.agreeing
    ));
    for (family, share) in shares {
        if *family != answer.family && *share > 0.02 {
            let name = family.map_or("a shared part", Family::as_str);
            answer
                .evidence
                .push(format!("also possible: {name}, {:.0} %", share * 100.0));
        }
    }
}
