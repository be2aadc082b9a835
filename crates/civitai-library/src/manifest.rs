//! `civitai.toml`: what a project wants from Civitai.
//!
//! The tables are closed: a key nobody knows is an error that names the line. `docs/manifest.md` describes them all.

mod edit;
mod want;

use std::path::{Path, PathBuf};

use civitai_api::model::CommercialUse;
use civitai_security::scan::{self, Action};
use toml_edit::Item;

use crate::document::{BadFile, Fields, Problem, ReadError, Source, load, nearest};
use crate::judge::{ClamAv, Judge};
use crate::licence::{EarlyAccess, Permission, Policy, RealPerson};

pub use edit::{Change, Draft};
pub use want::{Base, NamePattern, Pick, Range, Rule, Want};

pub(crate) use edit::set;
pub(crate) use want::library_path;

/// Name of the manifest.
pub const MANIFEST: &str = "civitai.toml";

/// What a project wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The file it was read from.
    pub path: PathBuf,
    /// The models, in the order of the file.
    pub models: Vec<Want>,
    /// What the models must be like.
    pub policy: Policy,
    /// What becomes of files that are not harmless.
    pub scan: Scan,
    /// The layout that `[settings]` names.
    pub layout: Option<String>,
}

/// What becomes of files that are not harmless, as the table `[scan]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What becomes of a file that the scan does not call clean.
    pub policy: scan::Policy,
    /// What becomes of a file that the site's own scanners call dangerous.
    pub civitai: Action,
    /// The socket of a virus scanner that is asked, too.
    pub clamav: Option<PathBuf>,
}

impl Default for Scan {
    /// What [`Judge::default`] does.
    fn default() -> Self {
        let Judge {
            policy, civitai, ..
        } = Judge::default();
        Self {
            policy,
            civitai,
            clamav: None,
        }
    }
}

impl Scan {
    /// Who judges files so.
    pub fn judge(&self) -> Judge {
        Judge {
            policy: self.policy,
            civitai: self.civitai,
            clamav: self.clamav.as_deref().map(ClamAv::at),
        }
    }
}

impl Manifest {
    /// Reads a manifest; `None` if there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>, ReadError> {
        let Some(text) = load(path)? else {
            return Ok(None);
        };
        Ok(Some(Self::of_text(path, &text)?))
    }

    /// Reads the text of a manifest; the path is for errors.
    pub fn of_text(path: &Path, text: &str) -> Result<Self, BadFile> {
        let source = Source { path, text };
        let document = source.parse()?;
        let mut manifest = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for (name, item) in document.iter() {
            match name {
                "model" => manifest.models = models(source, item)?,
                "policy" => manifest.policy = policy(source, item)?,
                "scan" => manifest.scan = scan(source, item)?,
                "settings" => {
                    let layout = item.as_table_like().and_then(|table| table.get("layout"));
                    manifest.layout = layout.and_then(Item::as_str).map(str::to_owned);
                }
                // Nothing can stand in it yet.
                "library" => {
                    Fields::of_item(source, "[library]", item, &[])?;
                }
                _ if TABLES.contains(&name) => {}
                _ => {
                    let span = document.key(name).and_then(toml_edit::Key::span);
                    let problem = Problem::UnknownKey {
                        table: "the top of the file",
                        key: name.chars().take(60).collect(),
                        nearest: nearest(name, TABLES),
                    };
                    return Err(source.bad(span.or_else(|| item.span()), problem));
                }
            }
        }
        Ok(manifest)
    }

    /// Returns each wish with the layout that the project sets for all.
    pub fn wanted(&self) -> impl Iterator<Item = Want> {
        self.models.iter().map(|want| Want {
            layout: want.layout.clone().or_else(|| self.layout.clone()),
            ..want.clone()
        })
    }
}

fn models(source: Source<'_>, item: &Item) -> Result<Vec<Want>, BadFile> {
    let Item::ArrayOfTables(tables) = item else {
        let problem = Problem::Value {
            key: "model",
            wanted: "one or more tables [[model]]",
            given: crate::document::shown(item),
        };
        return Err(source.bad(item.span(), problem));
    };
    let wants = tables.iter().map(|table| {
        let fields = Fields::of_table(source, "[[model]]", table, Want::KEYS)?;
        Want::read(&fields)
    });
    wants.collect()
}

fn policy(source: Source<'_>, item: &Item) -> Result<Policy, BadFile> {
    let fields = Fields::of_item(source, "[policy]", item, POLICY_KEYS)?;
    let uses = fields.texts("commercial-use")?.unwrap_or_default();
    let uses: Option<Vec<CommercialUse>> = uses
        .into_iter()
        .map(|name| name.parse().ok())
        .map(|read| read.filter(|known| *known != CommercialUse::None))
        .collect();
    let mut permissions = Vec::new();
    for (key, permission) in [
        ("no-credit", Permission::NoCredit),
        ("derivatives", Permission::Derivatives),
        ("different-license", Permission::DifferentLicense),
    ] {
        if fields.switch(key)? == Some(true) {
            permissions.push(permission);
        }
    }
    Ok(Policy {
        refuses_pickle: word(&fields, "pickle", "\"allow\" or \"refuse\"", |word| {
            Some(match word {
                "allow" => false,
                "refuse" => true,
                _ => return None,
            })
        })?,
        early_access: word(
            &fields,
            "early-access",
            "\"allow\", \"skip\" or \"refuse\"",
            |word| {
                Some(match word {
                    "allow" => EarlyAccess::Allow,
                    "skip" => EarlyAccess::Skip,
                    "refuse" => EarlyAccess::Refuse,
                    _ => return None,
                })
            },
        )?,
        real_person: word(
            &fields,
            "real-person",
            "\"ask\", \"allow\" or \"refuse\"",
            |word| {
                Some(match word {
                    "ask" => RealPerson::Ask,
                    "allow" => RealPerson::Allow,
                    "refuse" => RealPerson::Refuse,
                    _ => return None,
                })
            },
        )?,
        commercial_use: uses.ok_or_else(|| {
            fields.bad_value(
                "commercial-use",
                "a list of \"Image\", \"RentCivit\", \"Rent\" and \"Sell\"",
            )
        })?,
        permissions,
    })
}

fn scan(source: Source<'_>, item: &Item) -> Result<Scan, BadFile> {
    const ANY: &str = "\"allow\", \"quarantine\" or \"refuse\"";
    let fields = Fields::of_item(source, "[scan]", item, SCAN_KEYS)?;
    let action = |key, wanted, takes: fn(&Action) -> bool| {
        fields.read(key, wanted, |item| {
            Action::of_word(item.as_str()?).filter(takes)
        })
    };
    let any = |key| action(key, ANY, |_| true);
    let Scan {
        policy, civitai, ..
    } = Scan::default();
    // A file must not say that what is known to do harm is taken: that needs a word each time.
    let strict = |action: &Action| *action != Action::Allow;
    let foreseen = |action: &Action| *action != Action::Quarantine;
    Ok(Scan {
        policy: scan::Policy {
            malicious: action("malicious", "\"quarantine\" or \"refuse\"", strict)?
                .unwrap_or(policy.malicious),
            suspicious: any("suspicious")?.unwrap_or(policy.suspicious),
            malformed: any("malformed")?.unwrap_or(policy.malformed),
            unscannable: any("unscannable")?.unwrap_or(policy.unscannable),
        },
        civitai: action("civitai", "\"allow\" or \"refuse\"", foreseen)?.unwrap_or(civitai),
        clamav: fields
            .read("clamav", "a path", |item| item.as_str().map(PathBuf::from))?
            .map(|socket| source.path.parent().unwrap_or(Path::new("")).join(socket)),
    })
}

fn word<T: Default>(
    fields: &Fields<'_>,
    key: &'static str,
    wanted: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, BadFile> {
    let found = fields.read(key, wanted, |item| read(item.as_str()?))?;
    Ok(found.unwrap_or_default())
}

/// Every table of a manifest; the rest of `[settings]` is read where it applies.
const TABLES: &[&str] = &["settings", "library", "scan", "policy", "model"];

const POLICY_KEYS: &[&str] = &[
    "commercial-use",
    "derivatives",
    "different-license",
    "early-access",
    "no-credit",
    "pickle",
    "real-person",
];

const SCAN_KEYS: &[&str] = &[
    "civitai",
    "clamav",
    "malformed",
    "malicious",
    "suspicious",
    "unscannable",
];

#[cfg(test)]
mod tests {
    use super::*;
    use civitai_api::VersionId;

    fn read(text: &str) -> Result<Manifest, String> {
        Manifest::of_text(Path::new("civitai.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_manifest_says_what_is_wanted() {
        let manifest = read(
            "[settings]\nlayout = \"a1111\"\n\n[policy]\npickle = \"refuse\"\ncommercial-use = [\"sell\"]\nderivatives = true\n\
             \n[[model]]\nlink = \"model:1\"\nversion = \"latest-same-base\"\n\n[[model]]\nlink = \"2\"\nversion = 20\n\
             layout = \"flat\"\nvariant = [{ quant = \"Q8_0\" }, { fp = \"fp8\" }]\n",
        )
        .expect("it is right");
        assert!(manifest.policy.refuses_pickle);
        assert_eq!(manifest.policy.commercial_use, [CommercialUse::Sell]);
        assert_eq!(manifest.policy.permissions, [Permission::Derivatives]);
        let wanted: Vec<_> = manifest.wanted().collect();
        assert_eq!(wanted[0].layout.as_deref(), Some("a1111"));
        assert_eq!(wanted[1].layout.as_deref(), Some("flat"));
        assert_eq!(
            wanted[1].rule,
            Rule::Exactly(VersionId::new(20).expect("an id"))
        );
        assert!(matches!(&wanted[1].pick, Pick::Variants(variants) if variants.len() == 2));
    }

    #[test]
    fn a_manifest_says_what_becomes_of_files_that_are_not_harmless() {
        let manifest = read(
            "[scan]\nsuspicious = \"refuse\"\ncivitai = \"refuse\"\nclamav = \"/run/clamd.sock\"\n",
        )
        .expect("it is right");
        let judge = manifest.scan.judge();
        assert_eq!(judge.policy.suspicious, Action::Refuse);
        assert_eq!(judge.policy.malicious, Action::Quarantine);
        assert_eq!(judge.civitai, Action::Refuse);
        assert!(judge.clamav.is_some());
        for bad in [
            "[scan]\nmalicious = \"allow\"\n",
            "[scan]\ncivitai = \"quarantine\"\n",
            "[scan]\nvirus = \"refuse\"\n",
        ] {
            read(bad).expect_err(bad);
        }
    }

    /// The schema is for editors and for people; what it lists is what is read.
    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = include_str!("../../../docs/manifest.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("it is JSON");
        let keys = |pointer: &str| {
            let properties = schema
                .pointer(pointer)
                .and_then(serde_json::Value::as_object);
            let mut keys: Vec<_> = properties.expect(pointer).keys().cloned().collect();
            keys.sort();
            keys
        };
        let sorted = |known: &[&str]| {
            let mut known: Vec<_> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            known
        };
        assert_eq!(keys("/properties"), sorted(TABLES));
        assert_eq!(keys("/properties/policy/properties"), sorted(POLICY_KEYS));
        assert_eq!(keys("/$defs/wish/properties"), sorted(Want::KEYS));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, said) in [
            (
                "[polizy]\n",
                "civitai.toml, line 1: the top of the file has no key `polizy`, did you mean `policy`?",
            ),
            (
                "\n[policy]\npickel = \"refuse\"\n",
                "civitai.toml, line 3: [policy] has no key `pickel`, did you mean `pickle`?",
            ),
            (
                "[policy]\npickle = true\n",
                "civitai.toml, line 2: `pickle` must be \"allow\" or \"refuse\", not true",
            ),
            (
                "[policy]\ncommercial-use = [\"Sel\"]\n",
                "civitai.toml, line 2: `commercial-use` must be a list of \"Image\", \"RentCivit\", \"Rent\" and \"Sell\", not a list",
            ),
            (
                "[[model]]\nversion = 3\n",
                "civitai.toml, line 1: `link` is missing in [[model]]",
            ),
            (
                "[model]\nlink = \"1\"\n",
                "civitai.toml, line 1: `model` must be one or more tables [[model]], not a table",
            ),
            (
                "[[model]]\nlink = \"1\"\nversion = \"newest\"\n",
                "civitai.toml, line 3: `version` must be an id, \"default\", \"latest\", \"latest-same-base\" or { base, name, before }, not \"newest\"",
            ),
            (
                "[[model]]\nlink = \"1\"\nfile = 1\nvariant = { fp = \"fp16\" }\n",
                "civitai.toml, line 4: `file` and `variant` exclude each other",
            ),
            (
                "[[model]]\nlink = \"1\"\npath = \"../x\"\n",
                "civitai.toml, line 3: `path` must be a path within the library, with names that are safe on every system, not \"../x\"",
            ),
            (
                "a = \n",
                "civitai.toml, line 1: it is not TOML: string values must be quoted, expected literal string",
            ),
            (
                "[policy]\n<<<<<<< ours\npickle = \"allow\"\n",
                "civitai.toml, line 2: there are marks of an unfinished merge",
            ),
        ] {
            assert_eq!(read(text).expect_err(text), said);
        }
    }
}
