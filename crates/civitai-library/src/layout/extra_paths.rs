//! ComfyUI's `extra_model_paths.yaml`: blocks that tell it of trees beside its own.
//!
//! ```yaml
//! a1111:
//!     base_path: /srv/webui/
//!     checkpoints: models/Stable-diffusion
//!     loras: |
//!         models/Lora
//!         models/LyCORIS
//! ```

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Layout, Slot};

/// A block of the file: a tree of somebody's models.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tree {
    /// The block's name.
    pub name: String,
    /// What its folders are relative to; absent where they are absolute, or relative to the file.
    ///
    /// As it is written: ComfyUI itself expands `~` and variables.
    pub base_path: Option<PathBuf>,
    /// Whether ComfyUI saves new files here.
    pub is_default: bool,
    /// The folders, with ComfyUI's name for what they hold, in the order of the file.
    pub folders: Vec<(String, PathBuf)>,
}

impl Tree {
    /// Returns where each folder is. What is relative stands below `base_path`, and that below `beside`, the folder of the
    /// file.
    pub fn paths(&self, beside: &Path) -> impl Iterator<Item = (&str, PathBuf)> {
        let base = match &self.base_path {
            Some(base) => beside.join(base),
            None => beside.to_owned(),
        };
        self.folders
            .iter()
            .map(move |(key, folder)| (key.as_str(), base.join(folder)))
    }
}

/// Reads the blocks in the order of the file. A block without content is left out, as ComfyUI does.
pub fn read(text: &str) -> Result<Vec<Tree>, ExtraPathsError> {
    if text.len() > MAX_BYTES {
        return Err(ExtraPathsError::TooLong { bytes: text.len() });
    }
    let file: Option<Map<String, Value>> =
        serde_saphyr::from_str(text).map_err(|error| ExtraPathsError::Yaml {
            problem: error.to_string(),
        })?;
    file.unwrap_or_default()
        .into_iter()
        .filter_map(|(name, block)| tree(name, block).transpose())
        .collect()
}

/// Returns the text with the block called `name` telling of the library at `root`; the rest of it stays as it is.
///
/// A block of that name is replaced, else one is added at the end. Comments inside a replaced block go with it.
pub fn with_tree(
    text: &str,
    name: &str,
    layout: &Layout,
    root: &Path,
) -> Result<String, ExtraPathsError> {
    let before = read(text)?;
    let block = block(name, layout, root)?;
    let written = splice(text, name, &block);
    let others = |trees: Vec<Tree>| -> Vec<Tree> {
        trees.into_iter().filter(|tree| tree.name != name).collect()
    };
    // Spelled in a way that lines do not tell, such as `{a: …}` or `"name":`: better not touched.
    let after = read(&written).map_err(|_| ExtraPathsError::Spelling)?;
    let ours = after.iter().filter(|tree| tree.name == name).count();
    if ours == 1 && others(after) == others(before) {
        Ok(written)
    } else {
        Err(ExtraPathsError::Spelling)
    }
}

fn tree(name: String, block: Value) -> Result<Option<Tree>, ExtraPathsError> {
    let Value::Object(entries) = block else {
        return if block.is_null() {
            Ok(None)
        } else {
            Err(ExtraPathsError::Block { name })
        };
    };
    let mut tree = Tree {
        name,
        base_path: None,
        is_default: false,
        folders: Vec::new(),
    };
    for (key, value) in entries {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("is_default", Value::Bool(is_default)) => tree.is_default = is_default,
            ("is_default", Value::String(text)) => {
                tree.is_default = text.eq_ignore_ascii_case("true");
            }
            ("base_path", Value::String(base)) => tree.base_path = Some(base.into()),
            (_, Value::String(folders)) => {
                let lines = folders.lines().map(str::trim);
                let folders = lines.filter(|line| !line.is_empty());
                let folders = folders.map(|folder| (key.clone(), PathBuf::from(folder)));
                tree.folders.extend(folders);
            }
            (_, _) => {
                return Err(ExtraPathsError::Entry {
                    name: tree.name,
                    key,
                });
            }
        }
    }
    Ok(Some(tree))
}

fn block(name: &str, layout: &Layout, root: &Path) -> Result<String, ExtraPathsError> {
    let root = root.to_str().ok_or_else(|| ExtraPathsError::Root {
        root: root.to_owned(),
    })?;
    // A JSON string is a YAML string too.
    let mut text = format!("{name}:\n    base_path: {}\n", Value::from(root));
    let comfy = Layout::default();
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for slot in SHARED {
        let Some(key) = comfy.folder(slot) else {
            continue;
        };
        let folder = layout
            .folder(slot)
            .ok_or_else(|| ExtraPathsError::NoFolders {
                layout: layout.to_string(),
            })?;
        match keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, folders)) if folders.contains(&folder) => {}
            Some((_, folders)) => folders.push(folder),
            None => keys.push((key, vec![folder])),
        }
    }
    let entries = keys.iter().map(|(key, folders)| match folders.as_slice() {
        [folder] => format!("    {key}: {folder}\n"),
        folders => format!("    {key}: |\n        {}\n", folders.join("\n        ")),
    });
    text.extend(entries);
    Ok(text)
}

/// Puts the block where the one of its name is, or at the end.
fn splice(text: &str, name: &str, block: &str) -> String {
    let head = format!("{name}:");
    let is_ours = |line: &str| {
        line.strip_prefix(&head)
            .is_some_and(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with('#'))
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(start) = lines.iter().position(|line| is_ours(line)) else {
        let gap = if text.is_empty() || text.ends_with("\n\n") {
            ""
        } else if text.ends_with('\n') {
            "\n"
        } else {
            "\n\n"
        };
        return format!("{text}{gap}{block}");
    };
    let is_inside = |line: &&str| line.starts_with([' ', '\t']);
    let inside = lines[start + 1..]
        .iter()
        .take_while(|line| is_inside(line) || line.trim().is_empty());
    let taken: Vec<_> = inside.collect();
    let blank = taken
        .iter()
        .rev()
        .take_while(|line| line.trim().is_empty())
        .count();
    let end = start + 1 + taken.len() - blank;
    format!(
        "{}{block}{}",
        lines[..start].concat(),
        lines[end..].concat()
    )
}

/// Why the file could not be read, or not be written without a loss.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraPathsError {
    /// A block is neither a mapping nor empty.
    #[error("the block {name:?} is no mapping")]
    Block {
        /// The block.
        name: String,
    },
    /// An entry is neither text nor a known switch.
    #[error("the entry {key:?} of the block {name:?} is no text")]
    Entry {
        /// The block.
        name: String,
        /// The entry.
        key: String,
    },
    /// The layout has no folders by kind of model, so there is nothing to tell.
    #[error("the layout {layout} has no folder for each kind of model")]
    NoFolders {
        /// The layout.
        layout: String,
    },
    /// The root is not Unicode, which YAML cannot hold.
    #[error("the root {root:?} is not Unicode")]
    Root {
        /// The root.
        root: PathBuf,
    },
    /// The file is spelled in a way that an edit could damage.
    #[error("the blocks of the file do not stand one below the other")]
    Spelling,
    /// Longer than any real file.
    #[error("{bytes} bytes are more than such a file has")]
    TooLong {
        /// The length.
        bytes: usize,
    },
    /// It is not YAML, or not a mapping.
    #[error("it is not the YAML that ComfyUI reads: {problem}")]
    Yaml {
        /// What the parser said, with line and column.
        problem: String,
    },
}

const MAX_BYTES: usize = 1 << 20;

/// What ComfyUI and others both have folders for.
const SHARED: [Slot; 13] = [
    Slot::Checkpoint,
    Slot::DiffusionModel,
    Slot::Lora,
    Slot::Lycoris,
    Slot::Embedding,
    Slot::Hypernetwork,
    Slot::Vae,
    Slot::ControlNet,
    Slot::Upscaler,
    Slot::RealEsrgan,
    Slot::SwinIr,
    Slot::TextEncoder,
    Slot::ClipVision,
];

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "\
# my trees
a1111:
    base_path: /srv/webui/
    is_default: true
    checkpoints: models/Stable-diffusion
    loras: |
        models/Lora
        models/LyCORIS

# the end
";

    fn a1111() -> Layout {
        "a1111".parse().expect("known")
    }

    #[test]
    fn blocks_are_read_with_several_folders_a_key() {
        let trees = read(THEIRS).expect("valid");
        assert_eq!(trees.len(), 1);
        assert!(trees[0].is_default);
        let paths: Vec<_> = trees[0].paths(Path::new("/x")).collect();
        assert_eq!(
            paths,
            [
                ("checkpoints", "/srv/webui/models/Stable-diffusion".into()),
                ("loras", "/srv/webui/models/Lora".into()),
                ("loras", "/srv/webui/models/LyCORIS".into()),
            ]
        );
    }

    #[test]
    fn our_block_is_added_and_then_replaced() {
        let root = Path::new("/a \"b\"/models");
        let once = with_tree(THEIRS, "civitai-dl", &Layout::default(), root).expect("added");
        assert!(once.starts_with(THEIRS), "{once}");
        let again = with_tree(&once, "civitai-dl", &Layout::default(), root).expect("replaced");
        assert_eq!(again, once);
        let other = with_tree(&once, "civitai-dl", &a1111(), root).expect("replaced");
        let trees = read(&other).expect("valid");
        assert_eq!(trees[1].base_path.as_deref(), Some(root));
        let has = |key: &str, folder: &str| {
            let entry = (key.to_owned(), PathBuf::from(folder));
            trees[1].folders.contains(&entry)
        };
        assert!(has("checkpoints", "models/Stable-diffusion"));
        assert!(has("diffusion_models", "models/Stable-diffusion"));
        assert!(has("upscale_models", "models/SwinIR"));
    }

    #[test]
    fn a_replaced_block_in_the_middle_leaves_its_neighbours() {
        let text = "ours:\n    base_path: /old\n    # gone\n\n# kept\ntheirs:\n    vae: x\n";
        let written = with_tree(text, "ours", &Layout::default(), Path::new("/new")).expect("fine");
        assert!(
            written.ends_with("\n\n# kept\ntheirs:\n    vae: x\n"),
            "{written}"
        );
        assert!(!written.contains("/old"));
    }

    #[test]
    fn what_cannot_be_read_is_not_edited() {
        let edit = |text: &str| with_tree(text, "ours", &Layout::default(), Path::new("/r"));
        assert!(matches!(
            edit("a: [1, 2"),
            Err(ExtraPathsError::Yaml { .. })
        ));
        assert!(matches!(edit("a: 3"), Err(ExtraPathsError::Block { .. })));
        assert!(matches!(
            edit("a: {b: [c]}"),
            Err(ExtraPathsError::Entry { .. })
        ));
        assert_eq!(edit("{a: {vae: x}}"), Err(ExtraPathsError::Spelling));
        assert_eq!(
            edit("\"ours\":\n    vae: x\n"),
            Err(ExtraPathsError::Spelling)
        );
        assert!(matches!(
            with_tree("", "ours", &Layout::flat(), Path::new("/r")),
            Err(ExtraPathsError::NoFolders { .. })
        ));
    }
}
