//! What `encrypt` and `decrypt` are given.

use std::path::PathBuf;

use civitai_security::crypt::Level;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::PassphraseArgs;

#[derive(Args, Debug)]
pub(crate) struct EncryptArgs {
    /// File to encrypt; the result is FILE.cke, the file itself stays
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How it is protected: basic, standard, high or maximum
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "standard",
        hide_possible_values = true
    )]
    pub(crate) level: LevelName,
    /// Directory for the results, instead of beside the files
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DecryptArgs {
    /// Encrypted file; the result is the same name without .cke
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the result, of one file
    #[arg(short, long, value_name = "FILE", conflicts_with = "to")]
    pub(crate) output: Option<PathBuf>,
    /// Directory for the results, instead of beside the files
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// The word for a level.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LevelName {
    Basic,
    Standard,
    High,
    Maximum,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Basic => Self::Basic,
            LevelName::Standard => Self::Standard,
            LevelName::High => Self::High,
            LevelName::Maximum => Self::Maximum,
        }
    }
}
