//! Creators' texts, which are HTML, as plain text.

/// Returns what an HTML text says, for a terminal: no tags, no scripts, no addresses of pictures, nothing loaded.
///
/// Paragraphs and list items become lines. At most `limit` characters come back; where the text goes on, an ellipsis is
/// the last of them. Invisible and control characters are left out, so the result cannot steer a terminal.
pub fn plain(html: &str, limit: usize) -> String {
    let mut out = Plain {
        text: String::new(),
        length: 0,
        limit,
        gap: Gap::None,
    };
    let mut rest = html;
    while !rest.is_empty() && !out.is_full() {
        rest = match rest.as_bytes()[0] {
            b'<' => tag(rest, &mut out),
            b'&' => entity(rest, &mut out),
            _ => {
                let end = rest.find(['<', '&']).unwrap_or(rest.len());
                out.push_str(&rest[..end]);
                &rest[end..]
            }
        };
    }
    out.finish(!rest.is_empty())
}

/// What must come before the next character.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Paragraph,
    /// Behind a bullet, where whatever the item begins with stays on its line.
    Bullet,
}

struct Plain {
    text: String,
    length: usize,
    limit: usize,
    gap: Gap,
}

impl Plain {
    fn is_full(&self) -> bool {
        self.length > self.limit
    }

    fn push_str(&mut self, text: &str) {
        for c in text.chars() {
            if self.is_full() {
                return;
            }
            self.push(c);
        }
    }

    fn push(&mut self, c: char) {
        if c.is_whitespace() {
            self.widen(Gap::Space);
            return;
        }
        if crate::link::is_hostile(c) {
            return;
        }
        let gap = match std::mem::replace(&mut self.gap, Gap::None) {
            _ if self.text.is_empty() => "",
            Gap::None => "",
            Gap::Space | Gap::Bullet => " ",
            Gap::Line => "\n",
            Gap::Paragraph => "\n\n",
        };
        self.text.push_str(gap);
        self.text.push(c);
        self.length += gap.len() + 1;
    }

    fn widen(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn finish(mut self, goes_on: bool) -> String {
        if self.length > self.limit || (goes_on && self.limit > 0) {
            let kept: String = self
                .text
                .chars()
                .take(self.limit.saturating_sub(1))
                .collect();
            kept.trim_end().clone_into(&mut self.text);
            if self.limit > 0 {
                self.text.push('…');
            }
        }
        self.text
    }
}

/// Reads what begins with `<` and returns what follows it.
fn tag<'a>(text: &'a str, out: &mut Plain) -> &'a str {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let is_closing = text[1..].starts_with('/');
    let name_start = if is_closing { 2 } else { 1 };
    let name_end = text[name_start..]
        .find(|c: char| !c.is_ascii_alphanumeric())
        .map_or(text.len(), |end| name_start + end);
    let name = text[name_start..name_end].to_ascii_lowercase();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // A lone `<`, as in "steps < 30".
        out.push('<');
        return &text[1..];
    }
    let after = &text[tag_end(text)..];
    match name.as_str() {
        "script" | "style" | "template" | "noscript" | "iframe" | "svg" | "title"
            if !is_closing =>
        {
            return after_closing(after, &name);
        }

        "li" if !is_closing => {
            out.widen(Gap::Line);
            out.push('•');
            out.widen(Gap::Bullet);
        }
        "br" | "tr" | "li" => out.widen(Gap::Line),
        "p" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "pre"
        | "blockquote" | "hr" | "table" => {
            out.widen(Gap::Paragraph);
        }
        "td" | "th" => out.widen(Gap::Space),
        _ => {}
    }
    after
}

/// Returns where a tag ends, quotes in it respected; the end of the text if it never does.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (index, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return index + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Returns what follows the closing tag of an element whose content is not text.
fn after_closing<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(start) = rest.find("</") {
        let candidate = &rest[start + 2..];
        if candidate
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            return &candidate[tag_end(candidate)..];
        }
        rest = candidate;
    }
    ""
}

/// Reads what begins with `&` and returns what follows it.
fn entity<'a>(text: &'a str, out: &mut Plain) -> &'a str {
    const LONGEST: usize = 10;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';');
    let Some((name, after)) = end.map(|end| (&text[1..end], &text[end + 1..])) else {
        out.push('&');
        return &text[1..];
    };
    let number = name
        .strip_prefix('#')
        .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
    let c = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "hellip" => Some('…'),
        "mdash" => Some('—'),
        "ndash" => Some('–'),
        _ => number.and_then(char::from_u32),
    };
    if let Some(c) = c {
        out.push(c);
        after
    } else {
        out.push('&');
        &text[1..]
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn paragraphs_and_items_become_lines() {
        let html =
            "<h1>Title</h1><p>One &amp; two,<br>three.</p>\n<ul><li>a</li><li><p>b</p></li></ul>";
        assert_eq!(plain(html, 500), "Title\n\nOne & two,\nthree.\n\n• a\n• b");
    }

    #[test]
    fn nothing_that_is_not_text_is_left() {
        let html = r#"a<script>alert("</b>")</SCRIPT ><!-- <p>no</p> --><img src="https://e.example/x.png" alt=">">b<style>x"#;
        assert_eq!(plain(html, 500), "ab");
        assert_eq!(
            plain("\u{1b}[31mred\u{202e}&#27;[0m&#x202e;", 500),
            "[31mred[0m"
        );
    }

    #[test]
    fn what_only_looks_like_markup_is_kept() {
        assert_eq!(
            plain("steps < 30 & cfg > 5 &unknown; &", 500),
            "steps < 30 & cfg > 5 &unknown; &"
        );
        assert_eq!(plain("<p unclosed", 500), "");
    }

    #[test]
    fn a_long_text_is_cut_at_the_limit() {
        assert_eq!(plain("<p>abcdef</p>", 6), "abcdef");
        assert_eq!(plain("<p>abcdefg</p>", 6), "abcde…");
        assert_eq!(plain(&"<b>x".repeat(1 << 18), 3), "xx…");
        assert_eq!(plain("abc", 0), "");
    }
}
