//! What `scan` and `quarantine` are given.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::PassphraseArgs;

#[derive(Args, Debug)]
pub(crate) struct ScanFilesArgs {
    /// Files, or folders with everything in them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Also ask the virus scanner that listens on this socket, and insist on its answer
    #[arg(long, value_name = "SOCKET")]
    pub(crate) clamav: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    pub(crate) action: QuarantineAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineAction {
    /// List what is there
    List,
    /// Say everything about a file, and look into it again
    Show {
        /// Number of the file, as `quarantine list` shows it
        #[arg(id = "kept-id", value_name = "ID")]
        id: u64,
    },
    /// Give files their names after all
    Release {
        /// Numbers of the files, as `quarantine list` shows them
        #[arg(id = "kept-ids", required = true, value_name = "ID")]
        ids: Vec<u64>,
    },
    /// Delete files for good
    Delete {
        /// Numbers of the files, as `quarantine list` shows them
        #[arg(id = "kept-ids", required = true, value_name = "ID")]
        ids: Vec<u64>,
    },
}
