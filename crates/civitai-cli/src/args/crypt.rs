//! What `encrypt` and `decrypt` are given.

use std::path::PathBuf;

use civitai_security::crypt::Level;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::PassphraseArgs;

#[derive(Args, Debug)]
pub(crate) struct EncryptArgs {
    /// File to encrypt; the result is FILE.cke, the file itself stays. Of what is encrypted already the content is taken
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
    pub(crate) age: AgeArgs,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// How files are exchanged with people who have `age`.
#[derive(Args, Debug)]
pub(crate) struct AgeArgs {
    /// Write FILE.age for whoever has the other half of this key (age1...) instead; may be repeated
    #[arg(long, value_name = "KEY", conflicts_with = "level")]
    pub(crate) age_recipient: Vec<String>,
    /// File with such keys, a line each; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "level")]
    pub(crate) age_recipients_file: Vec<PathBuf>,
    /// Write FILE.age under a passphrase instead
    #[arg(long, conflicts_with_all = ["level", "age_recipient", "age_recipients_file"])]
    pub(crate) age_passphrase: bool,
    /// Identity file of age, to open files that are age files already
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
}

impl AgeArgs {
    /// Whether containers are to be written.
    pub(crate) fn is_none(&self) -> bool {
        !self.age_passphrase && self.age_recipient.is_empty() && self.age_recipients_file.is_empty()
    }
}

#[derive(Args, Debug)]
pub(crate) struct DecryptArgs {
    /// Encrypted file, also one of age; the result is the same name without .cke or .age
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the result, of one file
    #[arg(short, long, value_name = "FILE", conflicts_with = "to")]
    pub(crate) output: Option<PathBuf>,
    /// Directory for the results, instead of beside the files
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Identity file of age, to open files of age; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
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
