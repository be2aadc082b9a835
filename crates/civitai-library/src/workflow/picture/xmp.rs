//! XMP: the texts of an XML document, without a view on its structure.

use super::{Promise, Text};

/// Returns what stands between tags and in attributes. Entities other than XML's own five and numbers stay as written,
/// so nothing can grow.
pub(super) fn texts(document: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut rest = document;
    while let Some((text, tag)) = rest.split_once('<') {
        add(text, &mut texts);
        if let Some((data, after)) = tag
            .strip_prefix("![CDATA[")
            .map(|data| data.split_once("]]>").unwrap_or((data, "")))
        {
            add_raw(data.to_owned(), &mut texts);
            rest = after;
        } else {
            rest = attributes(tag, &mut texts);
        }
        if texts.len() >= MOST {
            break;
        }
    }
    texts
}

/// Reads the attributes of a tag and returns what follows the tag.
fn attributes<'a>(tag: &'a str, texts: &mut Vec<Text>) -> &'a str {
    let mut rest = tag;
    while let Some(at) = rest.find(['"', '\'', '>']) {
        let quote = rest.as_bytes()[at];
        let after = &rest[at + 1..];
        if quote == b'>' {
            return after;
        }
        let Some((value, after)) = after.split_once(char::from(quote)) else {
            return "";
        };
        add(value, texts);
        rest = after;
    }
    ""
}

fn add(text: &str, texts: &mut Vec<Text>) {
    if text.len() >= SHORTEST {
        add_raw(unescaped(text), texts);
    }
}

fn add_raw(text: String, texts: &mut Vec<Text>) {
    if texts.len() < MOST && text.trim().len() >= SHORTEST {
        texts.push(Text::new("XMP", text, Promise::Possible));
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after
            .split_once(';')
            .and_then(|(name, after)| Some((character(name)?, after)));
        let (character, after) = entity.unwrap_or(('&', after));
        out.push(character);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

/// Real documents have dozens.
const MOST: usize = 10_000;
/// Nothing shorter names a model.
const SHORTEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(document: &str) -> Vec<String> {
        texts(document)
            .into_iter()
            .map(|text| text.content)
            .collect()
    }

    #[test]
    fn text_attributes_and_cdata_are_read() {
        let document = r#"<?xpacket begin=""?><x:xmpmeta><rdf:li xml:lang="x-default">a &lt;lora:x:1&gt; &#65;</rdf:li>
            <d exif:UserComment='Steps: 3, Model: "y"'/><![CDATA[raw <b> &amp; data]]></x:xmpmeta>"#;
        assert_eq!(
            contents(document),
            [
                "x-default",
                "a <lora:x:1> A",
                "Steps: 3, Model: \"y\"",
                "raw <b> &amp; data"
            ]
        );
    }

    #[test]
    fn broken_documents_end_quietly() {
        for document in ["<", "<a b=\"unclosed", "<![CDATA[", ""] {
            assert!(contents(document).is_empty(), "{document}");
        }
        assert_eq!(contents("&;&#xffffffff;&#;<a"), ["&;&#xffffffff;&#;"]);
        assert_eq!(
            contents("AT&T &#xd800; &unknown;<"),
            ["AT&T &#xd800; &unknown;"]
        );
    }
}
