//! Which file of a version a caller gets who names none.
//!
//! Every candidate starts with a thousand points; each thing known about it that is as wished adds its weight, each
//! that is not takes it away, and being the weights themselves adds another thousand. The consequence to remember: a
//! wish of little weight (precision) loses to the site's default of more weight (size), and the chosen file then
//! contradicts the wish.

use crate::state::{File, FileMetadata, FilePreferences, Model, State, Version};

/// The best of some files. Of equals the first wins; the real database promises no order.
pub(crate) fn choose<'a>(
    files: impl IntoIterator<Item = &'a File>,
    preferences: &FilePreferences,
) -> Option<&'a File> {
    let mut best: Option<(f64, &File)> = None;
    for file in files {
        let points = score(file, preferences);
        if best.is_none_or(|(most, _)| points > most) {
            best = Some((points, file));
        }
    }
    best.map(|(_, file)| file)
}

/// The file that listings call primary: the best of those not replaced, hidden ones included.
pub(crate) fn primary<'a>(
    version: &'a Version,
    account: Option<&FilePreferences>,
) -> Option<&'a File> {
    let preferences = layered(account, &FilePreferences::default());
    choose(
        version
            .files
            .iter()
            .filter(|file| file.replaced_at.is_none()),
        &preferences,
    )
}

/// The site's defaults, under the account's wishes, under the request's.
pub(crate) fn layered(
    account: Option<&FilePreferences>,
    request: &FilePreferences,
) -> FilePreferences {
    let pick = |member: fn(&FilePreferences) -> &Option<String>, default: &str| {
        let wish = member(request)
            .as_ref()
            .or_else(|| account.and_then(|own| member(own).as_ref()));
        Some(wish.cloned().unwrap_or_else(|| default.to_owned()))
    };
    FilePreferences {
        format: pick(|wish| &wish.format, "SafeTensor"),
        size: pick(|wish| &wish.size, "pruned"),
        fp: pick(|wish| &wish.fp, "fp16"),
        quant_type: pick(|wish| &wish.quant_type, "Q4_K_M"),
    }
}

/// Whether the file contradicts anything the request asked for. What is unknown contradicts nothing.
pub(crate) fn contradicts(file: &File, request: &FilePreferences) -> bool {
    let unknown = FileMetadata::default();
    let known = file.metadata.as_ref().unwrap_or(&unknown);
    traits(known, request).into_iter().any(|(known, asked, _)| {
        matches!((known, asked), (Some(known), Some(asked)) if !known.is_empty() && !asked.is_empty() && known != asked)
    })
}

/// The public model file of the version that this one borrows its VAE from.
pub(crate) fn linked_vae<'a>(
    state: &'a State,
    version: &Version,
) -> Option<(&'a Model, &'a Version, &'a File)> {
    let (model, lender) = state.find_version(version.linked_vae?)?;
    let file = lender
        .files
        .iter()
        .find(|file| file.kind == "Model" && file.is_public() && file.replaced_at.is_none())?;
    Some((model, lender, file))
}

/// Whether files of this role are the weights themselves.
pub(crate) fn is_weights(kind: &str) -> bool {
    matches!(kind, "Model" | "Pruned Model" | "Diffusion Model" | "UNet")
}

fn score(file: &File, preferences: &FilePreferences) -> f64 {
    let unknown = FileMetadata::default();
    let known = file.metadata.as_ref().unwrap_or(&unknown);
    let wishes: f64 = traits(known, preferences)
        .into_iter()
        .filter_map(|(known, wish, weight)| Some(if known? == wish? { weight } else { -weight }))
        .sum();
    1000.0 + wishes + if is_weights(&file.kind) { 1000.0 } else { 0.0 }
}

/// What is known of a file beside what is wished for, with the weight of agreeing.
fn traits<'a>(
    known: &'a FileMetadata,
    wish: &'a FilePreferences,
) -> [(Option<&'a str>, Option<&'a str>, f64); 4] {
    [
        (known.format.as_deref(), wish.format.as_deref(), 100.0),
        (known.size.as_deref(), wish.size.as_deref(), 10.0),
        (known.fp.as_deref(), wish.fp.as_deref(), 1.0),
        (known.quant_type.as_deref(), wish.quant_type.as_deref(), 0.5),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: u32, format: &str, size: &str, fp: &str) -> File {
        File::new(id, "x.safetensors", 10).with_metadata(format, size, fp)
    }

    fn asking(fp: &str) -> FilePreferences {
        FilePreferences {
            fp: Some(fp.to_owned()),
            ..FilePreferences::default()
        }
    }

    #[test]
    fn the_default_is_a_pruned_half_precision_safetensor() {
        let files = [
            file(1, "PickleTensor", "pruned", "fp16"),
            file(2, "SafeTensor", "full", "fp32"),
            file(3, "SafeTensor", "pruned", "fp16"),
        ];
        let chosen = choose(&files, &layered(None, &FilePreferences::default()));
        assert_eq!(chosen.map(|file| file.id), Some(3));
    }

    #[test]
    fn weights_beat_every_wish_about_other_roles() {
        let files = [
            file(1, "SafeTensor", "pruned", "fp16").with_kind("VAE"),
            file(2, "PickleTensor", "full", "fp32"),
        ];
        let chosen = choose(&files, &layered(None, &FilePreferences::default()));
        assert_eq!(chosen.map(|file| file.id), Some(2));
    }

    #[test]
    fn a_wish_for_a_precision_loses_to_the_default_size_and_then_contradicts() {
        let files = [
            file(1, "SafeTensor", "full", "int8"),
            file(2, "SafeTensor", "pruned", "fp16"),
        ];
        let chosen =
            choose(&files, &layered(None, &asking("int8"))).expect("one of two files is chosen");
        assert_eq!(chosen.id, 2);
        assert!(contradicts(chosen, &asking("int8")));
        assert!(!contradicts(chosen, &FilePreferences::default()));
    }

    #[test]
    fn the_account_prefers_before_the_site_and_the_request_before_both() {
        let account = FilePreferences {
            size: Some("full".to_owned()),
            ..asking("fp32")
        };
        let layers = layered(Some(&account), &asking("bf16"));
        assert_eq!(layers.size.as_deref(), Some("full"));
        assert_eq!(layers.fp.as_deref(), Some("bf16"));
        assert_eq!(layers.format.as_deref(), Some("SafeTensor"));
    }

    #[test]
    fn equals_keep_database_order_and_the_unknown_contradicts_nothing() {
        let files = [file(1, "SafeTensor", "", ""), file(2, "SafeTensor", "", "")];
        let chosen =
            choose(&files, &layered(None, &asking("fp8"))).expect("one of two files is chosen");
        assert_eq!(chosen.id, 1);
        assert!(!contradicts(chosen, &asking("fp8")));
    }
}
