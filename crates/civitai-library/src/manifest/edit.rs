//! Changes to a manifest that leave its comments, its order and its line ends alone.

use std::io;
use std::path::{Path, PathBuf};

use civitai_download::disk;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{Manifest, Want};
use crate::document::{BadFile, ReadError, Source, load, with_line_ends_of};
use crate::resolve::one_line;

/// A manifest while it is changed.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    old: String,
    document: DocumentMut,
    wants: Vec<Want>,
}

/// What became of a wish that was put into a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// A wish for the same thing was changed.
    Changed,
    /// It stood there already.
    None,
}

impl Draft {
    /// Reads the manifest that is to be changed; `None` if there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, ReadError> {
        let Some(text) = load(path)? else {
            return Ok(None);
        };
        Ok(Some(Self::of_text(path, text)?))
    }

    fn of_text(path: &Path, text: String) -> Result<Self, BadFile> {
        let wants = Manifest::of_text(path, &text)?.models;
        let source = Source { path, text: &text };
        let document = source.parse()?.into_mut();
        Ok(Self {
            path: path.to_owned(),
            old: text,
            document,
            wants,
        })
    }

    /// Returns the wishes as they would be saved now.
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }

    /// Puts a wish among the others, or in the place of the one at `instead`. Where they are sorted by their links they
    /// stay so, and two branches that add different ones merge; else it stands behind them. `title` is remarked beside a
    /// new link, for people.
    pub fn put(&mut self, want: Want, instead: Option<usize>, title: &str) -> Change {
        match instead {
            Some(index) if self.wants[index] == want => Change::None,
            Some(index) => {
                if let Some(table) = self.tables().get_mut(index) {
                    rewrite(table, &want);
                }
                self.wants[index] = want;
                Change::Changed
            }
            None => {
                let mut table = Table::new();
                rewrite(&mut table, &want);
                remark(&mut table, title);
                let place = self.place_of(&want);
                if place == self.wants.len() {
                    self.take_trailing(&mut table);
                }
                let tables = self.tables();
                let mut all: Vec<Table> = std::mem::take(tables).into_iter().collect();
                all.insert(place, table);
                tables.extend(all);
                self.wants.insert(place, want);
                Change::Added
            }
        }
    }

    /// Takes wishes out, with the comments that stand right before them.
    pub fn take(&mut self, mut indices: Vec<usize>) {
        indices.sort_unstable();
        indices.dedup();
        for index in indices.into_iter().rev() {
            if index >= self.wants.len() {
                continue;
            }
            self.wants.remove(index);
            let tables = self.tables();
            let left = free_comment(tables.get(index).and_then(prefix).unwrap_or_default());
            tables.remove(index);
            if !left.is_empty() {
                self.keep_comment(index, &left);
            }
        }
        if self.wants.is_empty() {
            self.document.remove("model");
        }
    }

    /// Returns the text as it would be saved now.
    pub fn text(&self) -> String {
        let new = self.document.to_string();
        with_line_ends_of(&self.old, new)
    }

    /// Saves what was changed, if anything was. A crash leaves the old file or the new one.
    pub fn save(&self) -> io::Result<()> {
        let text = self.text();
        if text == self.old {
            return Ok(());
        }
        disk::replace(&self.path, text.as_bytes())
    }

    fn place_of(&self, new: &Want) -> usize {
        let links = || self.wants.iter().map(|want| natural(&want.link));
        if links().is_sorted() {
            let new = natural(&new.link);
            links().take_while(|link| *link <= new).count()
        } else {
            self.wants.len()
        }
    }

    fn tables(&mut self) -> &mut ArrayOfTables {
        let item = self.document.entry("model");
        let item = item.or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        item.as_array_of_tables_mut()
            .expect("the manifest was read before, and `model` is a list of tables")
    }

    /// Comments at the end of the file stay where they are: before what comes behind them.
    fn take_trailing(&mut self, table: &mut Table) {
        let trailing = self.document.trailing().as_str().unwrap_or_default();
        if trailing.contains('#') {
            let comments = format!("{}\n\n", trailing.trim_end());
            table.decor_mut().set_prefix(comments);
            self.document.set_trailing("");
        }
    }

    /// Gives a comment that is not about one wish to what follows.
    fn keep_comment(&mut self, index: usize, comment: &str) {
        if let Some(next) = self.tables().get_mut(index) {
            let own = prefix(next).unwrap_or_default();
            let joined = format!("{comment}{own}");
            next.decor_mut().set_prefix(joined);
        } else {
            let own = self.document.trailing().as_str().unwrap_or_default();
            let joined = format!("{comment}{own}");
            self.document.set_trailing(joined);
        }
    }
}

/// A text in the order that people give texts with numbers in them: each number by its value, which its length tells first.
fn natural(text: &str) -> Vec<(usize, &str)> {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (words, number) = rest.split_at(start);
        let end = number.find(|letter| !is_digit(letter));
        let (digits, behind) = number.split_at(end.unwrap_or(number.len()));
        parts.extend([(0, words), (digits.len(), digits)]);
        rest = behind;
    }
    parts.push((0, rest));
    parts
}

/// Makes a table say what a wish says, touching nothing that says it already.
fn rewrite(table: &mut Table, want: &Want) {
    let entries = want.entries();
    for key in Want::KEYS {
        match entries.iter().find(|(name, _)| name == key) {
            Some((_, value)) => set(table, key, value.clone()),
            None => {
                table.remove(key);
            }
        }
    }
}

/// Sets a value, keeping the comment beside the old one.
pub(crate) fn set(table: &mut Table, key: &str, mut value: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            if !is_same(old, &value) {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
        }
        _ => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// Says whether two values mean the same, however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::InlineTable(one), Value::InlineTable(other)) => {
            let in_other = |key, value| other.get(key).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(|(key, value)| in_other(key, value))
        }
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Integer(one), Value::Integer(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        (Value::Datetime(one), Value::Datetime(other)) => one.value() == other.value(),
        _ => false,
    }
}

/// Writes what a link means beside it.
fn remark(table: &mut Table, title: &str) {
    let title = one_line(title);
    if let (false, Some(Item::Value(link))) = (title.is_empty(), table.get_mut("link")) {
        link.decor_mut().set_suffix(format!(" # {title}"));
    }
}

fn prefix(table: &Table) -> Option<&str> {
    table.decor().prefix()?.as_str()
}

/// The part of a prefix that an empty line sets apart from what follows, if there is a comment in it.
fn free_comment(prefix: &str) -> String {
    match prefix.rfind("\n\n") {
        Some(end) if prefix[..end].contains('#') => prefix[..=end].to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Range, Rule};

    const TEXT: &str = "\
# Our models.
[settings]
layout = \"comfyui\" # as everywhere

# --- styles ---

# The best of them.
[[model]]
link = 'model:1' # Watercolour
version =  \"latest\"

[[model]]
link = \"model:2\"

[policy]
pickle = \"refuse\"
";

    fn draft(text: &str) -> Draft {
        Draft::of_text(Path::new("civitai.toml"), text.to_owned()).expect("it is right")
    }

    #[test]
    fn what_is_not_changed_is_written_as_it_was() {
        let mut draft = draft(TEXT);
        assert_eq!(draft.text(), TEXT);
        let same = draft.wants()[0].clone();
        assert_eq!(draft.put(same, Some(0), ""), Change::None);
        assert_eq!(draft.text(), TEXT);
        let crlf = TEXT.replace('\n', "\r\n");
        assert_eq!(super::tests::draft(&crlf).text(), crlf);
    }

    #[test]
    fn a_new_wish_stands_behind_the_others_with_its_title() {
        let mut draft = draft(TEXT);
        let want = Want {
            rule: Rule::Latest(Range::same_base()),
            ..Want::new("model:3")
        };
        assert_eq!(draft.put(want, None, "Ink\n\u{202e}# wash"), Change::Added);
        let new = "\n[[model]]\nlink = \"model:3\" # Ink # wash\nversion = \"latest-same-base\"\n";
        let expected = TEXT.replace(
            "link = \"model:2\"\n",
            &format!("link = \"model:2\"\n{new}"),
        );
        assert_eq!(draft.text(), expected);
    }

    #[test]
    fn sorted_wishes_stay_sorted_and_others_in_their_order() {
        let of = |ids: &[u32]| {
            let blocks = ids.iter();
            let blocks = blocks.map(|id| format!("\n[[model]]\nlink = \"model:{id}\"\n"));
            format!("[policy]\n{}", blocks.collect::<String>())
        };
        let with_7 = |ids: &[u32]| {
            let mut draft = draft(&of(ids));
            draft.put(Want::new("model:7"), None, "");
            let read = super::tests::draft(&draft.text());
            assert_eq!(read.wants(), draft.wants());
            draft.text()
        };
        assert_eq!(with_7(&[1, 12]), of(&[1, 7, 12]));
        assert_eq!(with_7(&[12, 30]), of(&[7, 12, 30]));
        assert_eq!(with_7(&[12, 1]), of(&[12, 1, 7]));
    }

    #[test]
    fn comments_at_the_end_stay_before_what_is_new() {
        let text = "[policy]\npickle = \"allow\"\n# derivatives = true\n";
        let mut draft = draft(text);
        draft.put(Want::new("model:3"), None, "");
        assert_eq!(
            draft.text(),
            format!("{text}\n[[model]]\nlink = \"model:3\"\n")
        );
        draft.take(vec![0]);
        assert!(draft.text().starts_with(text), "{}", draft.text());
    }

    #[test]
    fn a_change_touches_one_line() {
        let mut draft = draft(TEXT);
        let want = Want {
            rule: Rule::Latest(Range::same_base()),
            ..draft.wants()[0].clone()
        };
        assert_eq!(draft.put(want, Some(0), ""), Change::Changed);
        assert_eq!(
            draft.text(),
            TEXT.replace("\"latest\"", "\"latest-same-base\"")
        );
    }

    #[test]
    fn a_wish_goes_with_its_own_comment_and_leaves_the_heading() {
        let mut draft = draft(TEXT);
        draft.take(vec![0]);
        let expected = "\
# Our models.
[settings]
layout = \"comfyui\" # as everywhere

# --- styles ---

[[model]]
link = \"model:2\"

[policy]
pickle = \"refuse\"
";
        assert_eq!(draft.text(), expected);
        draft.take(vec![0]);
        assert!(draft.wants().is_empty());
        assert!(
            draft.text().contains("# --- styles ---"),
            "{}",
            draft.text()
        );
    }
}
