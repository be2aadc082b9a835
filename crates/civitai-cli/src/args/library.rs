//! What `library` is given.

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct LibraryArgs {
    #[command(subcommand)]
    pub(crate) action: LibraryAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LibraryAction {
    /// Check that the catalogue is whole
    CheckDb(CheckDbArgs),
    /// List the files of the library
    List(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CheckDbArgs {}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {}
