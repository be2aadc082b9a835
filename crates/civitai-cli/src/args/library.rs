//! What `library` is given.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::PassphraseArgs;
use super::operation::{
    DuplicatesArgs, EmptyTrashArgs, MoveArgs, OrphansArgs, RemoveArgs, RenameArgs, SidecarsArgs,
    TreeArgs, UndoArgs,
};

#[derive(Args, Debug)]
pub(crate) struct LibraryArgs {
    #[command(subcommand)]
    pub(crate) action: LibraryAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LibraryAction {
    /// Copy the catalogue to where it can be gone back to
    Backup(BackupArgs),
    /// Check that the catalogue is whole
    CheckDb(CheckDbArgs),
    /// Write everything the catalogue holds as text
    Export(CatalogueExportArgs),
    /// Take in what an export has written
    Import(ImportArgs),
    /// Find files that hold the same
    Duplicates(DuplicatesArgs),
    /// Delete for good what is in the trash
    EmptyTrash(EmptyTrashArgs),
    /// List the files of the library
    List(ListArgs),
    /// Move models with the files beside them
    Move(MoveArgs),
    /// Find files that belong to nothing
    Orphans(OrphansArgs),
    /// Put models into the trash
    Remove(RemoveArgs),
    /// Give a model another name
    Rename(RenameArgs),
    /// Make damaged files whole again, fetching only what is wrong
    Repair(RepairArgs),
    /// Go back to a backup of the catalogue
    Restore(RestoreArgs),
    /// Look what is there, hash it, and find out what it is
    Scan(ScanArgs),
    /// Show everything that is known of a file
    Show(ShowArgs),
    /// Write the sidecars of another tool from those that are there
    Sidecars(SidecarsArgs),
    /// Show the library as a tree, and what it would be in another layout
    Tree(TreeArgs),
    /// Take an operation back
    Undo(UndoArgs),
    /// List files that the site has something newer for
    Updates(UpdatesArgs),
    /// Pin newer versions where civitai.toml allows them, and fetch them
    Upgrade(super::UpgradeArgs),
    /// Check that files are what they were
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// Only if the last one is older than this, like 24h
    #[arg(long, value_name = "TIME")]
    pub(crate) if_older: Option<String>,
    /// Backups of this kind to keep
    #[arg(long, value_name = "N", default_value_t = civitai_library::backup::KEEP)]
    pub(crate) keep: usize,
    /// Show the backups there are, and make none
    #[arg(long, conflicts_with_all = ["if_older", "keep"])]
    pub(crate) list: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CheckDbArgs {
    /// Move the tables to this version first, for another version of this program
    #[arg(long, value_name = "N")]
    pub(crate) to_schema: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct CatalogueExportArgs {
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// jsonl for everything, or csv for a table of the files
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "jsonl",
        hide_default_value = true
    )]
    pub(crate) format: String,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// File that `library export` has written
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// Backup to go back to [default: the newest that is whole]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only files whose path, model or version has this in it
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Only models of this type, like LORA or Checkpoint
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) model_type: Option<String>,
    /// Only files for this base model, like "SDXL 1.0"
    #[arg(long, value_name = "NAME")]
    pub(crate) base_model: Option<String>,
    /// Only files that are not there any more
    #[arg(long, conflicts_with = "unmatched")]
    pub(crate) missing: bool,
    /// Only files that are not known to be of the site
    #[arg(long)]
    pub(crate) unmatched: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// Folders or files to repair; a file that is named is fetched also when it is missing [default: everything]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// A folder with copies, such as a backup: what it can prove is taken from there
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Vec<PathBuf>,
    /// Take nothing from the network
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Folders to look through [default: the whole library]
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Read no file: only look what is there
    #[arg(long)]
    pub(crate) no_hash: bool,
    /// Do not ask the site
    #[arg(long)]
    pub(crate) offline: bool,
    /// Go on until interrupted: look at what changes when it changes
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Files, or their SHA-256
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct UpdatesArgs {
    /// Folders or files to look at [default: everything]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only versions for the very same base model
    #[arg(long)]
    pub(crate) same_base: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Read every byte, and say where files are damaged
    #[arg(long)]
    pub(crate) deep: bool,
    /// Only files that were not read for so long, like 30d
    #[arg(long, value_name = "TIME", requires = "deep")]
    pub(crate) every: Option<String>,
    /// Read at most so many bytes a second, like 50M
    #[arg(long, value_name = "RATE", requires = "deep")]
    pub(crate) io_limit: Option<String>,
    /// Go on until interrupted: read each file again when it is due
    #[arg(long, requires = "every")]
    pub(crate) watch: bool,
    /// Folders or files to look at [default: everything]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}
