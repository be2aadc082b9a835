//! One wish: which model, which of its versions, which file, and where it goes.

use std::fmt;

use civitai_api::file::{FileFormat, FileSize, FileType, Precision, QuantType};
use civitai_api::select::{Choice, Variant};
use civitai_api::{BaseModel, FileId, Timestamp, VersionId};
use toml_edit::{Array, InlineTable, Item, Value};

use crate::document::{BadFile, Fields, Problem};
use crate::path::LibraryPath;

/// A wish of the manifest, which leads to one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Want {
    /// The link as it is written.
    pub link: String,
    /// Which version.
    pub rule: Rule,
    /// Which file of the version.
    pub pick: Pick,
    /// Where the file goes, if not where the layout puts it.
    pub path: Option<LibraryPath>,
    /// The layout for this file alone.
    pub layout: Option<String>,
}

/// Which version of a model is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The version that the link names; of a model the one that its creator shows first.
    #[default]
    Default,
    /// This one.
    Exactly(VersionId),
    /// The one published last of those in a range.
    Latest(Range),
}

/// Some of a model's versions. Conditions that are absent do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// The base model they run on.
    pub base: Option<Base>,
    /// What they are called.
    pub name: Option<NamePattern>,
    /// They were published before this moment.
    pub before: Option<Timestamp>,
}

/// A base model to keep to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// That of the version which is in the lock, or else of the one that the link means by itself.
    Same,
    /// This one.
    Named(BaseModel),
}

/// A version's name in which `*` stands for any text and `?` for any character; case does not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(String);

/// Which file of a version is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// This one.
    File(FileId),
    /// The best one with the properties of the first variant of which there is one; without variants the main file.
    Variants(Vec<Variant>),
}

impl Default for Pick {
    fn default() -> Self {
        Self::Variants(Vec::new())
    }
}

impl Want {
    /// The keys of `[[model]]`.
    pub(crate) const KEYS: &'static [&'static str] =
        &["link", "version", "file", "variant", "path", "layout"];

    /// A wish for what a link means by itself.
    pub fn new(link: impl Into<String>) -> Self {
        Self {
            link: link.into(),
            rule: Rule::default(),
            pick: Pick::default(),
            path: None,
            layout: None,
        }
    }

    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, BadFile> {
        let link = fields.read("link", "a link", |item| {
            item.as_str().filter(|text| !text.is_empty())
        })?;
        let file = fields.id("file", FileId::new)?;
        if file.is_some() && fields.item("variant").is_some() {
            let (first, second) = ("file", "variant");
            return Err(fields.bad(second, Problem::Clash { first, second }));
        }
        Ok(Self {
            link: fields.required("link", link)?.to_owned(),
            rule: rule(fields)?,
            pick: match file {
                Some(id) => Pick::File(id),
                None => Pick::Variants(variants(fields)?),
            },
            path: library_path(fields, "path")?,
            layout: fields.text("layout")?.map(str::to_owned),
        })
    }

    /// The keys and values of the wish, in their order, without those that say nothing.
    pub(crate) fn entries(&self) -> Vec<(&'static str, Value)> {
        let (file, variant) = match &self.pick {
            Pick::File(id) => (Some(Value::from(i64::from(id.get()))), None),
            Pick::Variants(variants) => (None, variants_value(variants)),
        };
        let layout = self.layout.as_deref().map(Value::from);
        let entries = [
            ("link", Some(Value::from(self.link.as_str()))),
            ("version", self.rule.value()),
            ("file", file),
            ("variant", variant),
            ("path", self.path.as_ref().map(|path| path.as_str().into())),
            ("layout", layout),
        ];
        let told = entries.into_iter();
        told.filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }

    /// The wish in one line.
    pub(crate) fn to_inline(&self) -> InlineTable {
        inline(self.entries())
    }
}

/// The wish as an inline table of TOML: two that are equal are written alike.
impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_inline().to_string().trim())
    }
}

impl Rule {
    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Default => return None,
            Self::Exactly(id) => i64::from(id.get()).into(),
            Self::Latest(range) if *range == Range::default() => "latest".into(),
            Self::Latest(range) if *range == Range::same_base() => "latest-same-base".into(),
            Self::Latest(range) => {
                let base = range.base.as_ref().map(|base| match base {
                    Base::Same => "same".into(),
                    Base::Named(base) => base.as_str().into(),
                });
                let name = range.name.as_ref().map(|name| name.0.as_str().into());
                let before = range.before.map(|moment| moment.to_string().into());
                let entries = [("base", base), ("name", name), ("before", before)];
                let told = entries.into_iter();
                inline(told.filter_map(|(key, value): (_, Option<Value>)| Some((key, value?))))
                    .into()
            }
        })
    }
}

/// The rule as the manifest writes it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => f.pad(value.to_string().trim()),
            None => f.pad("\"default\""),
        }
    }
}

impl Range {
    /// All versions for the same base model.
    pub fn same_base() -> Self {
        Self {
            base: Some(Base::Same),
            ..Self::default()
        }
    }
}

impl NamePattern {
    /// A pattern of what a person writes.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Says whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let fold = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
        let (pattern, name) = (fold(&self.0), fold(name));
        let (mut at, mut seen) = (0, 0);
        // Where the last `*` stands, and how much of the name it has taken.
        let mut star: Option<(usize, usize)> = None;
        while seen < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == name[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((place, taken)) = star else {
                        return false;
                    };
                    star = Some((place, taken + 1));
                    at = place + 1;
                    seen = taken + 1;
                }
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Pick {
    /// What to look for, best first.
    pub fn choices(&self) -> Vec<Choice> {
        match self {
            Self::File(id) => vec![Choice::File(*id)],
            Self::Variants(variants) if variants.is_empty() => vec![Choice::default()],
            Self::Variants(variants) => variants.iter().cloned().map(Choice::Best).collect(),
        }
    }
}

/// A path in the library.
pub(crate) fn library_path(
    fields: &Fields<'_>,
    key: &'static str,
) -> Result<Option<LibraryPath>, BadFile> {
    let wanted = "a path within the library, with names that are safe on every system";
    fields.read(key, wanted, |item| LibraryPath::parse(item.as_str()?).ok())
}

fn rule(fields: &Fields<'_>) -> Result<Rule, BadFile> {
    const WANTED: &str =
        "an id, \"default\", \"latest\", \"latest-same-base\" or { base, name, before }";
    if fields.item("version").is_some_and(Item::is_table_like)
        && let Some(range) = fields.fields("version", &["base", "name", "before"])?
    {
        return Ok(Rule::Latest(read_range(&range)?));
    }
    let rule = fields.read("version", WANTED, |item| match item.as_integer() {
        Some(number) => VersionId::new(u64::try_from(number).ok()?).map(Rule::Exactly),
        None => Some(match item.as_str()? {
            "default" => Rule::Default,
            "latest" => Rule::Latest(Range::default()),
            "latest-same-base" => Rule::Latest(Range::same_base()),
            _ => return None,
        }),
    })?;
    Ok(rule.unwrap_or_default())
}

fn read_range(fields: &Fields<'_>) -> Result<Range, BadFile> {
    Ok(Range {
        base: fields.text("base")?.map(|name| match name {
            "same" => Base::Same,
            name => Base::Named(name.parse().unwrap_or_else(|_| name.into())),
        }),
        name: fields.text("name")?.map(NamePattern::new),
        before: fields.read("before", "a date such as 2026-01-31", moment)?,
    })
}

/// A date, with or without quotes.
fn moment(item: &Item) -> Option<Timestamp> {
    match item.as_datetime() {
        Some(date) => date.to_string().parse().ok(),
        None => item.as_str()?.parse().ok(),
    }
}

fn variants(fields: &Fields<'_>) -> Result<Vec<Variant>, BadFile> {
    const KEYS: &[&str] = &["type", "format", "size", "fp", "quant"];
    let variants = fields.one_or_more("variant", KEYS)?;
    variants.iter().map(variant).collect()
}

/// Names nobody knows are taken as they are: the site invents new ones.
fn variant(fields: &Fields<'_>) -> Result<Variant, BadFile> {
    fn open<'t, T: std::str::FromStr + From<&'t str>>(text: &'t str) -> T {
        text.parse().unwrap_or_else(|_| T::from(text))
    }
    let format = |text| FileFormat::named(text).unwrap_or_else(|_| FileFormat::from(text));
    Ok(Variant {
        kind: fields.text("type")?.map(open::<FileType>),
        format: fields.text("format")?.map(format),
        size: fields.text("size")?.map(open::<FileSize>),
        fp: fields.text("fp")?.map(open::<Precision>),
        quant: fields.text("quant")?.map(open::<QuantType>),
    })
}

fn variants_value(variants: &[Variant]) -> Option<Value> {
    let table = |variant: &Variant| {
        let pairs = variant.pairs().into_iter();
        inline(pairs.map(|(name, value)| {
            let name = if name == "quantType" { "quant" } else { name };
            (name, value.into())
        }))
    };
    match variants {
        [] => None,
        [one] => Some(table(one).into()),
        several => Some(several.iter().map(table).collect::<Array>().into()),
    }
}

fn inline(entries: impl IntoIterator<Item = (&'static str, Value)>) -> InlineTable {
    entries.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_a_name_as_a_whole() {
        for (pattern, name, matches) in [
            ("v2*", "V2.1", true),
            ("v2*", "v12", false),
            ("*lightning*", "XL Lightning 8 step", true),
            ("v?.?", "v1.5", true),
            ("v?.?", "v1.55", false),
            ("*a*b*", "xxaxxb", true),
            ("*a*b", "ab ba", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(
                NamePattern::new(pattern).matches(name),
                matches,
                "{pattern} {name}"
            );
        }
    }
}
