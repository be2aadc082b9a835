//! How alike two names are.

use super::name;

/// Rates how well a name that was written fits the path of a file, from 0 to 1. A path that ends like the name is
/// certain; the same file name elsewhere is good enough; everything below [`GOOD`] is a suggestion.
pub(super) fn of_path(written: &str, path: &str) -> f64 {
    let written = written.trim().replace('\\', "/").to_lowercase();
    let path = path.replace('\\', "/").to_lowercase();
    let (base, file) = (name::base_name(&written), name::base_name(&path));
    if base == file {
        let folders = &written[..written.len() - base.len()];
        return match folders.trim_matches('/') {
            "" => 0.95,
            _ if path.ends_with(written.trim_start_matches('/')) => 1.0,
            _ => 0.93,
        };
    }
    let (stem, file_stem) = (name::stem(base), name::stem(file));
    if stem == file_stem {
        // A name without extension fits any; another extension is another file, often with the same weights.
        return if stem == base { 0.95 } else { 0.85 };
    }
    of_texts(stem, file_stem)
}

/// Rates how well a name that was written fits a file of the site, known by its name, its model's and its version's.
pub(super) fn of_titles(written: &str, file: &str, model: &str, version: &str) -> f64 {
    let stem = name::stem(name::base_name(written.trim()));
    let by_file = of_path(name::base_name(&written.replace('\\', "/")), file);
    let by_title = of_texts(stem, &format!("{model} {version}")).max(of_texts(stem, model) * 0.9);
    by_file.max(by_title)
}

/// Rates the likeness of two texts by the pairs of letters they share. Never [`GOOD`] unless they differ in spaces and
/// punctuation only.
pub(super) fn of_texts(one: &str, other: &str) -> f64 {
    let (one, other) = (compact(one), compact(other));
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    if one == other {
        return GOOD;
    }
    let (ours, theirs) = (pairs(&one), pairs(&other));
    let shared = ours
        .iter()
        .filter(|pair| theirs.binary_search(pair).is_ok())
        .count();
    let all = (ours.len() + theirs.len()).max(1);
    let dice = f64::from(u32::try_from(2 * shared).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(all).unwrap_or(u32::MAX));
    // `v1` and `v2` share all but one letter and are not the same.
    let digits = if numbers(&one) == numbers(&other) {
        1.0
    } else {
        0.85
    };
    dice.min(1.0) * digits * 0.85
}

/// Returns the words of a name that a search can use: what says only how the file was saved finds nothing.
pub(super) fn words(written: &str) -> Vec<String> {
    let stem = name::stem(name::base_name(written.trim())).to_owned();
    let mut words = Vec::new();
    for part in stem.split(|c: char| !c.is_alphanumeric()) {
        let lower = part.to_lowercase();
        if !lower.is_empty() && !NOISE.contains(&lower.as_str()) && !is_version(&lower) {
            words.extend(parted(part));
        }
    }
    words
}

/// Parts words that were joined by their capitals: the site names files `someModelXL` after a model "Some Model XL".
fn parted(joined: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for character in joined.chars() {
        if was_small && character.is_uppercase() {
            words.push(String::new());
        }
        was_small = character.is_lowercase();
        words
            .last_mut()
            .expect("it begins with one")
            .push(character);
    }
    words
}

fn compact(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}

fn pairs(text: &str) -> Vec<(char, char)> {
    let mut pairs: Vec<_> = text.chars().zip(text.chars().skip(1)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn numbers(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// `v2`, `v10`, `12`
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Enough to take a name for the file.
pub(super) const GOOD: f64 = 0.9;

const NOISE: [&str; 16] = [
    "bakedvae", "bf16", "ckpt", "e4m3fn", "e5m2", "ema", "fix", "fp16", "fp32", "fp8", "full",
    "fulltune", "model", "noema", "pruned", "scaled",
];

const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_is_good_and_its_kin_are_suggestions() {
        for (written, path) in [
            ("x.safetensors", "loras/x.safetensors"),
            ("SDXL\\X.safetensors", "loras/sdxl/x.safetensors"),
            ("x", "loras/X.safetensors"),
            ("add detail", "loras/add_detail.safetensors"),
        ] {
            assert!(of_path(written, path) >= GOOD, "{written} {path}");
        }
        for (written, path) in [
            ("x.ckpt", "x.safetensors"),
            ("dreamshaper_7.safetensors", "dreamshaper_8.safetensors"),
            (
                "sd_xl_base_1.0.safetensors",
                "sd_xl_base_1.0_0.9vae.safetensors",
            ),
        ] {
            let score = of_path(written, path);
            assert!((0.5..GOOD).contains(&score), "{written} {path} {score}");
        }
        assert!(of_path("flux1-dev.safetensors", "dreamshaper_8.safetensors") < 0.3);
    }

    #[test]
    fn titles_count_as_much_as_file_names() {
        let score = of_titles(
            "dreamshaper_8.safetensors",
            "model.safetensors",
            "DreamShaper",
            "8",
        );
        assert!(score >= GOOD, "{score}");
    }

    #[test]
    fn what_says_how_a_file_was_saved_is_not_searched_for() {
        let words_of = words("SDXL/dreamshaperXL_v21-turbo_fp16.safetensors");
        assert_eq!(words_of, ["dreamshaper", "XL", "turbo"]);
        assert!(words("v1-5-pruned.ckpt").is_empty());
    }
}
