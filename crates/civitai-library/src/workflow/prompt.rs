//! Models named inside of prompts.

use super::kind::Kind;
use super::name;
use super::reference::Reference;

/// Returns the models that a prompt names: `<lora:NAME:WEIGHT>` and its kin, and `embedding:NAME`.
pub(super) fn references(prompt: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut rest = prompt;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let Some(end) = rest.find(['>', '<', '\n']) else {
            break;
        };
        if rest.as_bytes()[end] == b'>' {
            found.extend(tag(&rest[..end]));
        }
        rest = &rest[end..];
    }
    found.extend(embeddings(prompt));
    found.truncate(MOST);
    found
}

/// Says whether a text may hold any, at the cost of a search.
pub(super) fn is_likely(text: &str) -> bool {
    text.len() <= LONGEST && (text.contains('<') || find_word(text).is_some())
}

/// Reads what stands between angle brackets. Other tags than those below are markup, or a tool's own language.
fn tag(inside: &str) -> Option<Reference> {
    let (word, rest) = inside.split_once(':')?;
    let kind = match word.trim().to_ascii_lowercase().as_str() {
        "lora" | "lyco" | "lycoris" | "locon" | "loha" | "dora" => Kind::Lora,
        "hypernet" => Kind::Hypernetwork,
        "embed" | "embedding" | "ti" => Kind::Embedding,
        _ => return None,
    };
    // A resource name has colons of its own.
    let written = if rest
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
    {
        rest.rsplit_once(':')
            .filter(|(_, weight)| weight.trim().parse::<f64>().is_ok())
            .map_or(rest, |(name, _)| name)
    } else {
        rest.split(':').next().unwrap_or(rest)
    };
    let is_name = !name::is_placeholder(written) && written.len() <= LONGEST_NAME;
    // Templates fill these in before a run.
    (is_name && !written.contains(['{', '}', '$', '*', '|']))
        .then(|| Reference::named(written, kind))
}

fn embeddings(prompt: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut rest = prompt;
    while let Some(at) = find_word(rest) {
        let is_tag = rest[..at].ends_with('<');
        rest = &rest[at + EMBEDDING.len()..];
        let (name, end) = embedding_name(rest);
        if !is_tag && !name::is_placeholder(&name) && name.len() <= LONGEST_NAME {
            found.push(Reference::named(&name, Kind::Embedding));
        }
        rest = &rest[end..];
    }
    found
}

/// Finds the word where ComfyUI does: its tokenizer splits at spaces and brackets only, but a letter before it makes
/// another word of it.
fn find_word(text: &str) -> Option<usize> {
    text.match_indices(EMBEDDING)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Returns the name at the start of a text, and its length there. A weight and punctuation end it; an escaped bracket
/// belongs to it.
fn embedding_name(text: &str) -> (String, usize) {
    let mut name = String::new();
    let mut characters = text.char_indices().peekable();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if matches!(characters.peek(), Some((_, '(' | ')'))) => {
                name.extend(characters.next().map(|(_, bracket)| bracket));
            }
            ',' | ':' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | '"' => {
                end = at;
                break;
            }
            c if c.is_whitespace() => {
                end = at;
                break;
            }
            c => name.push(c),
        }
    }
    let name = name.trim_end_matches(['.', '!', '?']);
    (name.to_owned(), end)
}

const EMBEDDING: &str = "embedding:";
/// Longer texts are no prompts.
const LONGEST: usize = 1 << 20;
const LONGEST_NAME: usize = 256;
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prompt: &str) -> Vec<(Kind, String)> {
        let references = references(prompt).into_iter();
        references
            .map(|reference| (reference.kind, reference.name.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn tags_and_embeddings_are_found() {
        let prompt = "cat <lora:add_detail:0.8>, <lyco:sdxl/style v2:1:0.5> <hypernet:anime> \
             (embedding:bad-hands.pt:1.2), embedding:SDA768.pt girl, embedding:mine, <embed:other>.";
        assert_eq!(
            names(prompt),
            [
                (Kind::Lora, "add_detail".into()),
                (Kind::Lora, "sdxl/style v2".into()),
                (Kind::Hypernetwork, "anime".into()),
                (Kind::Embedding, "other".into()),
                (Kind::Embedding, "bad-hands.pt".into()),
                (Kind::Embedding, "SDA768.pt".into()),
                (Kind::Embedding, "mine".into()),
            ]
        );
    }

    #[test]
    fn markup_templates_and_other_words_are_not() {
        for text in [
            "<b>bold</b> 1 < 2 and 3 > 2",
            "<lora:>",
            "<lora:none:1>",
            "<lora:{name}:1>",
            "<lora:unfinished",
            "<lora:over\nlines:1>",
            "my_embedding:foo",
            "embedding: nothing",
            "the embedding:",
        ] {
            assert_eq!(names(text), [], "{text}");
        }
    }

    #[test]
    fn an_escaped_bracket_belongs_to_the_name() {
        assert_eq!(names(r"(embedding:a\(b\):1.1)")[0].1, "a(b)");
        assert_eq!(names("embedding:sdxl\\c.")[0].1, "sdxl\\c");
    }

    #[test]
    fn a_resource_name_in_a_tag_is_a_version() {
        let found = references("<lora:urn:air:sdxl:lora:civitai:1@22:0.7>");
        assert_eq!(found[0].version.map(civitai_api::VersionId::get), Some(22));
    }
}
