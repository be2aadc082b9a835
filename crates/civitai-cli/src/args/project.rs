//! What the verbs of a project are given.

use std::path::PathBuf;

use clap::Args;

use super::{Choose, Links};

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Directory to make a project of [default: the current one]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Args, Debug, Default)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub(crate) links: Links,
    /// Which version: an id, default, latest or latest-same-base
    #[arg(long, value_name = "RULE")]
    pub(crate) version: Option<String>,
    /// Only versions for this base model, like "SDXL 1.0"
    #[arg(long, value_name = "NAME")]
    pub(crate) base: Option<String>,
    /// The file with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["format", "fp", "size", "quant"])]
    pub(crate) file_id: Option<u32>,
    /// Format of the file: safetensors, gguf, pickle, ...
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Number format of the file: fp16, fp8, bf16, ...
    #[arg(long, value_name = "FP")]
    pub(crate) fp: Option<String>,
    /// Size of the file: full or pruned
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<String>,
    /// Quantisation of the file, like Q8
    #[arg(
        long,
        value_name = "QUANT",
        help = "Quantisation of the file: Q4_K_M, Q8_0, ..."
    )]
    pub(crate) quant: Option<String>,
    /// Path of the file within the library, instead of where the layout puts it
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// Accept a file for which Civitai promises no digest
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl AddArgs {
    /// The part of the choice that `get` has, too.
    pub(crate) fn choose(&self) -> Choose {
        Choose {
            file_id: self.file_id,
            format: self.format.clone(),
            fp: self.fp.clone(),
            size: self.size.clone(),
            quant: self.quant.clone(),
            ..Choose::default()
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Links of civitai.toml, model or version ids, or paths of the lock
    #[arg(required = true, value_name = "LINK")]
    pub(crate) links: Vec<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct LockArgs {
    /// Look up again what is locked already, as `upgrade` does
    #[arg(long)]
    pub(crate) upgrade: bool,
    /// Change nothing; fail if the lock is not what civitai.toml wants
    #[arg(long, conflicts_with = "upgrade")]
    pub(crate) check: bool,
    /// Accept a file for which Civitai promises no digest
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct SyncArgs {
    /// Fail if the lock is not what civitai.toml wants
    #[arg(long)]
    pub(crate) locked: bool,
    /// The same, and ask the site for nothing but the files
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Change nothing; say what differs, and exit with 9 if anything does
    #[arg(long)]
    pub(crate) check: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "check")]
    pub(crate) dry_run: bool,
    /// Fetch models of real persons without asking
    #[arg(long)]
    pub(crate) consent_real_person: bool,
    /// Accept a file for which Civitai promises no digest
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Accept content that a scan finds unsafe
    #[arg(long)]
    pub(crate) accept_unsafe: bool,
    /// Wait while another process works on the same file
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct UpgradeArgs {
    /// Links or paths to look up again [default: all]
    #[arg(value_name = "LINK")]
    pub(crate) links: Vec<String>,
    /// Say what would change, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Change the lock and leave the files to the next `sync`
    #[arg(long)]
    pub(crate) no_sync: bool,
    /// Fetch models of real persons without asking
    #[arg(long)]
    pub(crate) consent_real_person: bool,
    /// Accept a file for which Civitai promises no digest
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Accept content that a scan finds unsafe
    #[arg(long)]
    pub(crate) accept_unsafe: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TreeArgs {}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// sh (a script for curl), aria2 (an input file) or cyclonedx (a bill of materials, ML-BOM 1.6)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: String,
    /// Write here instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
