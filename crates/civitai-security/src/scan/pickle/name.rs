//! Judges the names of callables, by the tables beside this file.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

/// A module and a name in it, as one unpickler or another looks them up.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) module: Box<str>,
    /// The name in it; may have dots, each for an attribute of what is before.
    pub(super) path: Box<str>,
    pub(super) judgement: Judgement,
    /// The opcode that names it first.
    pub(super) offset: u64,
    /// The arguments of its first call.
    pub(super) call: RefCell<Option<String>>,
    /// It was used in another way than its use allows, which its own finding told.
    pub(super) misused: Cell<bool>,
}

impl Name {
    pub(super) fn allowed(&self) -> Option<Use> {
        match self.judgement {
            Judgement::Allowed(what) => Some(what),
            _ => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.path)
    }
}

/// The names that a pickle has named.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_module: HashMap<Box<str>, HashMap<Box<str>, Rc<Name>>>,
    len: usize,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn known(&self, module: &str, path: &str) -> Option<Rc<Name>> {
        self.by_module.get(module)?.get(path).map(Rc::clone)
    }

    pub(super) fn insert(&mut self, name: &Rc<Name>) {
        let of_module = self.by_module.entry(name.module.clone()).or_default();
        let before = of_module.insert(name.path.clone(), Rc::clone(name));
        self.len += usize::from(before.is_none());
    }
}

/// What a name is known as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Allowed(Use),
    Unknown,
    Denied,
}

/// What may be done with an allowed name; the words are explained at the head of `allow.tsv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Apply,
    Bytes,
    Constant,
    Dict,
    Encode,
    /// An element type and its bytes.
    Element(u64),
    Factory,
    GetAttr,
    Iterable,
    List,
    Load,
    NewObj,
    NewObjEx,
    Range,
    Rebuild,
    RebuildTyped,
    Reconstructor,
    Set,
    Size,
    Sized,
    SizedTensor,
    /// A storage and the bytes of its elements.
    Storage(u64),
    Tensor,
    Type,
    Value,
}

impl Use {
    fn parse(word: &str) -> Option<Self> {
        let number = |digits: &str| digits.parse().ok();
        Some(match word {
            "apply" => Self::Apply,
            "bytes" => Self::Bytes,
            "constant" => Self::Constant,
            "dict" => Self::Dict,
            "encode" => Self::Encode,
            "factory" => Self::Factory,
            "getattr" => Self::GetAttr,
            "list" => Self::List,
            "load" => Self::Load,
            "newobj" => Self::NewObj,
            "newobj_ex" => Self::NewObjEx,
            "range" => Self::Range,
            "rebuild" => Self::Rebuild,
            "rebuild3" => Self::RebuildTyped,
            "reconstructor" => Self::Reconstructor,
            "set" => Self::Set,
            "size" => Self::Size,
            "sized" => Self::Sized,
            "tensor" => Self::Tensor,
            "tensor:sized" => Self::SizedTensor,
            "type" => Self::Type,
            "value" => Self::Value,
            "value:iterable" => Self::Iterable,
            _ => match word.split_once(':')? {
                ("dtype", bytes) => Self::Element(number(bytes)?),
                ("storage", bytes) => Self::Storage(number(bytes)?),
                _ => return None,
            },
        })
    }
}

/// Judges a name as the unpicklers of Python 2 and 3 look it up in a pickle of this protocol.
pub(super) fn judge(module: &str, name: &str, protocol: u8) -> Judgement {
    let (mapped_module, mapped_name) = match TABLES.python2(module, name) {
        Some(pair) if protocol < 3 => pair,
        Some((module, name)) if TABLES.is_denied(module, name) => return Judgement::Denied,
        _ => (module, name),
    };
    if let Some(&what) = TABLES.allowed.get(&(mapped_module, mapped_name)) {
        return Judgement::Allowed(what);
    }
    // TorchScript names its own types so; no package of that name can be imported.
    if mapped_module == "__torch__" || mapped_module.starts_with("__torch__.") {
        return Judgement::Allowed(Use::Value);
    }
    if TABLES.is_denied(mapped_module, mapped_name) || TABLES.is_denied(module, name) {
        return Judgement::Denied;
    }
    Judgement::Unknown
}

/// Whether the text could be a module or a dotted name in Python.
pub(super) fn is_identifier_path(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|part| {
            let mut chars = part.chars();
            chars
                .next()
                .is_some_and(|char| char == '_' || char.is_alphabetic())
                && chars.all(|char| char == '_' || char.is_alphanumeric())
        })
}

struct Tables {
    allowed: HashMap<(&'static str, &'static str), Use>,
    denied: HashMap<&'static str, Denied>,
    /// Parts of names that say themselves what they do, whoever has them.
    telling: HashSet<&'static str>,
    renamed: HashMap<(&'static str, &'static str), (&'static str, &'static str)>,
}

#[derive(Default)]
struct Denied {
    everything: bool,
    names: Vec<&'static str>,
}

impl Tables {
    fn read() -> Self {
        let mut tables = Self {
            allowed: HashMap::new(),
            denied: HashMap::new(),
            telling: HashSet::new(),
            renamed: HashMap::new(),
        };
        for (module, names, what) in rows(ALLOW).filter_map(|row| {
            let [module, names, what] = row[..] else {
                return None;
            };
            Some((module, names, Use::parse(what)?))
        }) {
            for name in names.split(' ') {
                tables.allowed.insert((module, name), what);
            }
        }
        for row in rows(DENY) {
            if let ["*", names] = row[..] {
                tables.telling.extend(names.split(' '));
            } else if let [module, names] = row[..] {
                let denied = tables.denied.entry(module).or_default();
                denied.everything |= names == "*";
                denied.names.extend(names.split(' '));
            }
        }
        for row in rows(PYTHON2) {
            if let [module, name, to_module, to_name] = row[..] {
                tables.renamed.insert((module, name), (to_module, to_name));
            }
        }
        tables
    }

    /// What a name of Python 2 is in Python 3, where it differs.
    fn python2<'a>(&self, module: &'a str, name: &'a str) -> Option<(&'a str, &'a str)> {
        if let Some(&pair) = self.renamed.get(&(module, name)) {
            return Some(pair);
        }
        let (to_module, _) = self.renamed.get(&(module, "*"))?;
        Some((to_module, name))
    }

    /// Whether the module, one that it is in, or anything on the way along the dots is denied.
    fn is_denied(&self, module: &str, name: &str) -> bool {
        let first = name.split('.').next().unwrap_or(name);
        let by_module = prefixes(module).any(|prefix| {
            self.denied.get(prefix).is_some_and(|denied| {
                denied.everything
                    || prefix == module
                        && (denied.names.contains(&name) || denied.names.contains(&first))
            })
        });
        // A name may lead on into a module that the first one imports, or below it.
        by_module
            || self.module_of_name_is_denied(module, name)
            || name.split('.').any(|part| self.is_telling(part))
            || module.ends_with(".__main__")
    }

    /// Modules often import others under a name with an underscore.
    fn is_telling(&self, part: &str) -> bool {
        self.telling.contains(part) || self.telling.contains(part.trim_start_matches('_'))
    }

    fn module_of_name_is_denied(&self, module: &str, name: &str) -> bool {
        let whole = |path: &str| {
            self.denied
                .get(path)
                .is_some_and(|denied| denied.everything)
        };
        let mut path = module.to_owned();
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            path.push('.');
            path.push_str(part);
            let goes_on = parts.peek().is_some();
            let bare = part.trim_start_matches('_');
            if whole(&path) || (goes_on && (whole(part) || whole(bare))) {
                return true;
            }
        }
        false
    }
}

/// The module and everything that it is in.
fn prefixes(module: &str) -> impl Iterator<Item = &str> {
    module
        .match_indices('.')
        .map(|(at, _)| &module[..at])
        .chain([module])
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split('\t').collect())
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

const ALLOW: &str = include_str!("allow.tsv");
const DENY: &str = include_str!("deny.tsv");
const PYTHON2: &str = include_str!("python2.tsv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_is_understood() {
        for row in rows(ALLOW) {
            assert!(row.len() == 3 && Use::parse(row[2]).is_some(), "{row:?}");
            assert!(row[1].split(' ').all(is_identifier_path), "{row:?}");
        }
        assert!(rows(DENY).all(|row| row.len() == 2));
        assert!(rows(PYTHON2).all(|row| row.len() == 4));
    }

    #[test]
    fn names_are_judged_as_a_whole() {
        let allowed =
            |module, name, protocol| matches!(judge(module, name, protocol), Judgement::Allowed(_));
        assert!(allowed("collections", "OrderedDict", 2));
        assert!(allowed("copy_reg", "_reconstructor", 2));
        assert!(!allowed("copy_reg", "_reconstructor", 4));
        assert_eq!(
            judge("collections", "OrderedDict.fromkeys", 4),
            Judgement::Unknown
        );
        assert_eq!(judge("mine", "Thing", 4), Judgement::Unknown);
        assert_eq!(judge("minecraft.os", "Thing", 4), Judgement::Unknown);
    }

    #[test]
    fn what_can_run_code_is_denied_along_every_dot() {
        for (module, name) in [
            ("os", "system"),
            ("os.path", "os.system"),
            ("__builtin__", "eval"),
            ("collections.abc", "sys.modules"),
            ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
            ("torch", "serialization.os.system"),
            ("torch", "hub.load"),
            ("uuid", "_get_command_stdout"),
            ("numpy.f2py.crackfortran", "getlincoef"),
            ("collections", "OrderedDict.__reduce__.__globals__"),
            ("somewhere", "os.system"),
            ("decimal", "_sys.modules"),
            ("torch.nn.modules.module", "os"),
            ("somewhere", "learner.load_learner"),
        ] {
            for protocol in 0..=5 {
                assert_eq!(
                    judge(module, name, protocol),
                    Judgement::Denied,
                    "{module} {name}"
                );
            }
        }
    }
}
