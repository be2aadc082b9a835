//! What `keys` is given.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Show what was done with the keys, and check that nothing of it was changed
    Audit,
    /// Write a key down: 24 words for a machine or master key, a file for a pair
    Backup(KeyBackupArgs),
    /// Draw one more key
    Create(KeyCreateArgs),
    /// Take the secret of a key away for good: what it alone opens is lost
    Destroy(DestroyArgs),
    /// Print the public half of a pair in PEM
    ExportPublic(ExportPublicArgs),
    /// Take over a public or private RSA key in PEM
    Import(KeyImportArgs),
    /// Draw the keys for the levels basic and standard
    Init(PassphraseArgs),
    /// List the keys
    List,
    /// Put a key under another passphrase
    Passphrase(NewPassphraseArgs),
    /// Draw a new file key for each encrypted file, and encrypt it anew
    Renew(RenewArgs),
    /// Bring a key back from its words or its file
    Restore(KeyRestoreArgs),
    /// Let a key encrypt nothing any more; it still decrypts
    Revoke(KeyArgs),
    /// Put a new key in the place of an old one, in every encrypted file
    Rotate(RotateArgs),
}

/// Where passphrases come from, if not from the keyboard.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PassphraseArgs {
    /// File with the passphrase; one of several, a line each, and may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Vec<PathBuf>,
    /// Open file descriptor to read the passphrase from
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    /// Id of the key, or its beginning
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Args, Debug)]
pub(crate) struct KeyBackupArgs {
    /// Id of the key, or its beginning [default: the master key]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Write to this file, which only you may read, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KeyCreateArgs {
    /// What to draw: machine, master or rsa (a pair, for the levels high and maximum)
    #[arg(value_name = "KIND", hide_possible_values = true)]
    pub(crate) kind: NewKind,
    /// Length of the RSA modulus: 3072 or 4096
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) bits: u32,
    /// Give the pair a share of ML-KEM-768, which quantum computers do not break
    #[arg(long)]
    pub(crate) ml_kem: bool,
    /// Whose pair it is
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Leave the private half of the pair to whoever can read its file
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    pub(crate) no_passphrase: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// A kind of key that can be drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum NewKind {
    Machine,
    Master,
    Rsa,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyArgs {
    /// Id of the key, or its beginning
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportPublicArgs {
    /// Id of the pair, or its beginning
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct KeyImportArgs {
    /// PEM file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Whose key it is
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Leave a private key to whoever can read its file
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    pub(crate) no_passphrase: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct NewPassphraseArgs {
    /// Id of the key, or its beginning [default: the master key]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// File with the new passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KeyRestoreArgs {
    /// File with the words, or of `keys backup`; - reads standard input [default: the keyboard]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What the words are: master or machine
    #[arg(
        long,
        value_name = "KIND",
        default_value = "master",
        hide_possible_values = true
    )]
    pub(crate) kind: WordsKind,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// A kind of key that words stand for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum WordsKind {
    Machine,
    Master,
}

#[derive(Args, Debug)]
pub(crate) struct RenewArgs {
    /// Encrypted file or directory of such; may be repeated [default: the library and wherever files were encrypted]
    #[arg(long = "in", value_name = "PATH")]
    pub(crate) places: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    /// Id of the key, or its beginning; or machine or master [default: the master key]
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Encrypted file or directory of such; may be repeated [default: the library and wherever files were encrypted]
    #[arg(long = "in", value_name = "PATH")]
    pub(crate) places: Vec<PathBuf>,
    /// Draw no key: bring files that an earlier rotation did not see to the key of today
    #[arg(long)]
    pub(crate) files_only: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}
