//! What `library` is given.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct LibraryArgs {
    #[command(subcommand)]
    pub(crate) action: LibraryAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LibraryAction {
    /// Check that the catalogue is whole
    CheckDb,
    /// List the files of the library
    List(ListArgs),
    /// Look what is there, hash it, and find out what it is
    Scan(ScanArgs),
    /// Show everything that is known of a file
    Show(ShowArgs),
    /// Check that files are what they were
    Verify(VerifyArgs),
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
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Files, or their SHA-256
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Folders or files to look at [default: everything]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}
