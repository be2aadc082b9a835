//! What the verbs of `library` are given that change where files stand and what stands beside them.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct DuplicatesArgs {
    /// Let files of equal content share it: by hard link, reflink or symbolic link
    #[arg(long)]
    pub(crate) link: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct EmptyTrashArgs {
    /// Numbers of operations [default: everything in the trash]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<u64>,
    /// Only what was put there longer ago than this, like 30d
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct MoveArgs {
    /// Models and folders; without --to the last of several is where the others go
    #[arg(value_name = "PATH", required_unless_present = "all")]
    pub(crate) paths: Vec<PathBuf>,
    /// Folder of the library to move to [default: where the layout puts each file]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Move every model to where the layout puts it
    #[arg(long, conflicts_with_all = ["paths", "to"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) beside: BesideArgs,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct OrphansArgs {
    /// Put them into the trash
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Models and folders to put into the trash
    #[arg(value_name = "PATH", required_unless_present = "undo")]
    pub(crate) paths: Vec<PathBuf>,
    /// Undo the last operation, or the one with this number
    #[arg(long, value_name = "ID", num_args = 0..=1, conflicts_with = "paths")]
    pub(crate) undo: Option<Vec<u64>>,
    #[command(flatten)]
    pub(crate) beside: BesideArgs,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct RenameArgs {
    /// Model to rename
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// New name, in the same folder
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) beside: BesideArgs,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct SidecarsArgs {
    /// Form to write: civitai-info, a1111, cm-info, metadata-json or swarm
    #[arg(long, value_name = "FORM")]
    pub(crate) format: String,
    /// Models and folders [default: the whole library]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct TreeArgs {
    /// Build that tree in another directory: each model by hard link, reflink or symbolic link
    #[arg(long, value_name = "DIR")]
    pub(crate) link_to: Option<PathBuf>,
    /// Tell ComfyUI of the library in its `extra_model_paths.yaml`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "link_to",
        help = "Tell ComfyUI of the library in its extra_model_paths.yaml"
    )]
    pub(crate) extra_model_paths: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    /// Number of the operation [default: the last one]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<u64>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// What becomes of sidecars and previews.
#[derive(Args, Debug)]
pub(crate) struct BesideArgs {
    /// Leave sidecars and previews where they are
    #[arg(long)]
    pub(crate) leave_sidecars: bool,
}

/// Whether a plan is only shown.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
