//! Arguments of `identify`.

use std::path::PathBuf;

use clap::Args;

use super::PassphraseArgs;

#[derive(Args, Debug)]
pub(crate) struct IdentifyArgs {
    /// Files, or folders in the form of diffusers; with --header-json also - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Take the files as safetensors headers dumped as JSON
    #[arg(long)]
    pub(crate) header_json: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}
