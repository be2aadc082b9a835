//! What the command line may say. Values stay text here: `settings` reads flags, environment and files with one parser,
//! so that a bad value gets one message wherever it was written.

use std::path::PathBuf;
use std::str::FromStr;

use civitai_api::{FileFormat, UnknownName};
use civitai_download::{Unproved, Wait};
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::run::{complaint, refuse_token};
use crate::settings::Key;
use crate::text::{Lang, Message};

mod bench;
mod bulk;
mod crypt;
mod from_workflow;
mod guard;
mod identify;
mod keys;
mod library;
pub(crate) mod operation;
mod project;

pub(crate) use self::bench::{AbArgs, BenchAction, BenchArgs};
pub(crate) use self::bulk::{BulkAction, BulkArgs, BulkRunArgs};
pub(crate) use self::crypt::{AgeArgs, DecryptArgs, EncryptArgs, LevelName};
pub(crate) use self::from_workflow::FromWorkflowArgs;
pub(crate) use self::guard::{QuarantineAction, QuarantineArgs, ScanFilesArgs};
pub(crate) use self::identify::IdentifyArgs;
pub(crate) use self::keys::{
    DestroyArgs, ExportPublicArgs, KeyArgs, KeyBackupArgs, KeyCreateArgs, KeyImportArgs,
    KeyRestoreArgs, KeysAction, KeysArgs, NewKind, NewPassphraseArgs, PassphraseArgs, RenewArgs,
    RotateArgs, WordsKind,
};
pub(crate) use self::library::{
    BackupArgs, CatalogueExportArgs, CheckDbArgs, ImportArgs, LibraryAction, LibraryArgs, ListArgs,
    RepairArgs, RestoreArgs, ScanArgs, ShowArgs, UpdatesArgs, VerifyArgs,
};
pub(crate) use self::project::{
    AddArgs, ExportArgs, InitArgs, LockArgs, RemoveArgs, SyncArgs, TreeArgs, UpgradeArgs,
};

/// Find models of Civitai, fetch them, and prove that the bytes are the promised ones.
#[derive(Debug, Parser)]
#[command(
    name = "civitai-dl",
    version,
    max_term_width = 100,
    subcommand_required = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Settings and output")]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct Global {
    /// Print one JSON object a line on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say only what failed
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more (-vv: everything)
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: Option<String>,
    /// Language of messages: en or ja
    #[arg(long, global = true, value_name = "LANG")]
    pub(crate) lang: Option<String>,
    /// Site to talk to [default: <https://civitai.com>]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Site to talk to [default: https://civitai.com]"
    )]
    pub(crate) base_url: Option<String>,
    /// File that holds the API token
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<String>,
    /// Directory for this program's own data
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Root of the model library
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) library: Option<String>,
    /// Layout of the library: comfyui, a1111, forge, invokeai, swarmui, stabilitymatrix, flat or a template
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) layout: Option<String>,
    /// Files fetched at a time: a number or auto
    #[arg(long, global = true, value_name = "N")]
    pub(crate) jobs: Option<String>,
    /// Connections for each file: a number or auto
    #[arg(long, global = true, value_name = "N")]
    pub(crate) connections: Option<String>,
    /// Most bytes a second over all files, like 20M
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) limit_rate: Option<String>,
    /// PEM file with further certificate authorities
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<String>,
    /// Proxy for all requests (http, https, socks5)
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Allow private network addresses
    #[arg(long, global = true)]
    pub(crate) allow_private_network: bool,
    /// Longest wait a server may ask for, like 60s
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) max_wait: Option<String>,
    /// Report how transfers and requests perform, at intervals and at the end
    #[arg(long, global = true)]
    pub(crate) monitor_performance: bool,
    /// Time between two such reports: seconds, or like 2m [default: 10]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) report_interval: Option<String>,
    /// Fetch one file at a time over one connection
    #[arg(long, global = true)]
    pub(crate) force_sync_mode: bool,
    /// Turn on features that are still being tried out
    #[arg(long, global = true)]
    pub(crate) enable_experimental_performance: bool,
    /// Exists to be refused: what stands on a command line is visible to every user of the machine.
    #[arg(long, global = true, hide = true, num_args = 0..=1, value_name = "TOKEN", default_missing_value = "")]
    pub(crate) token: Option<String>,
}

impl Global {
    /// What was typed for `key`, if anything.
    pub(crate) fn typed(&self, key: Key) -> Option<&str> {
        match key {
            Key::AllowPrivateNetwork => self.allow_private_network.then_some("true"),
            Key::BaseUrl => self.base_url.as_deref(),
            Key::CaFile => self.ca_file.as_deref(),
            Key::Color => self.color.as_deref(),
            Key::Connections => self.connections.as_deref(),
            Key::DataDir => self.data_dir.as_deref(),
            Key::EnableExperimentalPerformance => {
                self.enable_experimental_performance.then_some("true")
            }
            Key::ForceSyncMode => self.force_sync_mode.then_some("true"),
            Key::Jobs => self.jobs.as_deref(),
            Key::Lang => self.lang.as_deref(),
            Key::Layout => self.layout.as_deref(),
            Key::Library => self.library.as_deref(),
            Key::LimitRate => self.limit_rate.as_deref(),
            Key::MaxWait => self.max_wait.as_deref(),
            Key::MonitorPerformance => self.monitor_performance.then_some("true"),
            Key::Proxy => self.proxy.as_deref(),
            Key::ReportInterval => self.report_interval.as_deref(),
            Key::TokenFile => self.token_file.as_deref(),
            // The verbs that scan have flags of their own.
            Key::ScanCivitai
            | Key::ScanClamav
            | Key::ScanMalformed
            | Key::ScanMalicious
            | Key::ScanSuspicious
            | Key::ScanUnscannable => None,
        }
    }
}

/// The flags of one arm of a comparison: what any command takes.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Flags {
    #[command(flatten)]
    global: Global,
}

/// Reads the flags of an arm, which stand in the value of `flag`, separated by spaces.
pub(crate) fn flags(flag: &str, text: &str, lang: Lang) -> Result<Global, Failure> {
    let flags = Flags::try_parse_from(text.split_whitespace()).map_err(|error| {
        Failure::usage(Message::BadFlag {
            flag: flag.to_owned(),
            problem: complaint(&error, lang),
        })
    })?;
    refuse_token(&flags.global)?;
    Ok(flags.global)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Want models in this project, and pin their files
    Add(Box<AddArgs>),
    /// Measure what settings are worth
    Bench(BenchArgs),
    /// Fetch many links in a job that survives a kill and a reboot
    Bulk(BulkArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Show, change and check the settings
    Config(ConfigArgs),
    /// Decrypt files that `encrypt` wrote
    Decrypt(DecryptArgs),
    /// Show the main job on a simulator: no network, no token
    Demo,
    /// Check settings, token, disk and network, and say what to mend
    Doctor(DoctorArgs),
    /// Encrypt files, for the keys that `keys` keeps
    Encrypt(EncryptArgs),
    /// Write what civitai.lock pins in the form of another tool
    Export(ExportArgs),
    /// Fetch and prove any address, without Civitai
    Fetch(FetchArgs),
    /// Say which models a workflow or a picture uses, and which of them are missing
    FromWorkflow(FromWorkflowArgs),
    /// Fetch models and prove them
    Get(GetArgs),
    /// Compute every hash Civitai knows, in one read of each file
    Hash(HashArgs),
    /// Say what a model file is, by its header alone
    Identify(IdentifyArgs),
    /// Show a model or a version
    Info(InfoArgs),
    /// Make a project of a directory
    Init(InitArgs),
    /// Make, move and retire the keys that files are encrypted to
    Keys(KeysArgs),
    /// See and mend what is on the disk
    Library(LibraryArgs),
    /// Pin the files that civitai.toml wants
    Lock(LockArgs),
    /// Store an API token for this site
    Login(LoginArgs),
    /// Forget the stored API token
    Logout,
    /// Print the manual page
    Man(ManArgs),
    /// See, let out or delete what was kept from its name
    Quarantine(QuarantineArgs),
    /// Want models no more in this project
    Remove(RemoveArgs),
    /// Say what a link means
    Resolve(ResolveArgs),
    /// Look into model files for what could do harm, running none of it
    Scan(ScanFilesArgs),
    /// Search models
    Search(Box<SearchArgs>),
    /// Run a local imitation of Civitai
    Sim(SimArgs),
    /// Make the library what civitai.lock says
    Sync(SyncArgs),
    /// Show what civitai.lock pins, as a tree
    Tree(TreeArgs),
    /// Pin newer versions where civitai.toml allows them, and fetch them
    Upgrade(UpgradeArgs),
    /// Say whose token is in use
    Whoami,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print every setting
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print one setting
    Get {
        /// Name of the setting, like base-url
        key: String,
    },
    /// Write one setting to the user's file, keeping its comments
    Set {
        /// Name of the setting, like base-url
        key: String,
        /// New value; an empty one removes the setting
        value: String,
        /// Write to civitai.toml of the project instead
        #[arg(long)]
        project: bool,
    },
    /// Open the user's file in $VISUAL or $EDITOR, then check it
    Edit {
        /// Open civitai.toml of the project instead
        #[arg(long)]
        project: bool,
    },
    /// Check the files of settings, or one of them
    Validate {
        /// File to check
        file: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Contact nothing
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Args, Debug)]
pub(crate) struct FetchArgs {
    /// Addresses to fetch
    #[arg(required_unless_present = "list", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Write the one file here
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["to", "list"])]
    pub(crate) output: Option<PathBuf>,
    /// Directory for the files [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// SHA-256 that the one file must have
    #[arg(long, value_name = "HEX", conflicts_with_all = ["blake3", "list"])]
    pub(crate) sha256: Option<String>,
    /// BLAKE3 that the one file must have
    #[arg(long, value_name = "HEX", conflicts_with = "list")]
    pub(crate) blake3: Option<String>,
    /// List of files, one a line: url, name, sha256, bytes, separated by tabs; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) care: Care,
}

#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) links: Links,
    #[command(flatten)]
    pub(crate) choose: Choose,
    #[command(flatten)]
    pub(crate) care: Care,
    /// Encrypt each file before it gets a name, which is NAME.cke then: basic, standard, high or maximum
    #[arg(long, value_name = "LEVEL", hide_possible_values = true)]
    pub(crate) encrypt: Option<LevelName>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Which files of a link are wanted, where they go, and what is accepted. A job keeps it in this form.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct Choose {
    /// Directory for the files, without any layout
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// The file with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["format", "fp", "size", "quant", "all_files"])]
    pub(crate) file_id: Option<u32>,
    /// Format of the file: safetensors, gguf, pickle, ...
    #[arg(long, value_name = "FORMAT", conflicts_with = "all_files")]
    pub(crate) format: Option<String>,
    /// Number format of the file: fp16, fp8, bf16, ...
    #[arg(long, value_name = "FP", conflicts_with = "all_files")]
    pub(crate) fp: Option<String>,
    /// Size of the file: full or pruned
    #[arg(long, value_name = "SIZE", conflicts_with = "all_files")]
    pub(crate) size: Option<String>,
    /// Quantisation of the file, like Q8
    #[arg(
        long,
        value_name = "QUANT",
        conflicts_with = "all_files",
        help = "Quantisation of the file: Q4_K_M, Q8_0, ..."
    )]
    pub(crate) quant: Option<String>,
    /// Every file of the version
    #[arg(long)]
    pub(crate) all_files: bool,
    /// Every version of the model
    #[arg(long)]
    pub(crate) all_versions: bool,
    /// Also fetch up to N example pictures of each version
    #[arg(long, default_value_t = 0, value_name = "N", hide_default_value = true)]
    pub(crate) with_images: u32,
    /// Write no files beside the model
    #[arg(long)]
    pub(crate) no_sidecars: bool,
    /// Accept a file for which Civitai promises no digest
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Fetch models of real persons without asking
    #[arg(long)]
    pub(crate) consent_real_person: bool,
    /// Accept content that a scan finds unsafe
    #[arg(long)]
    pub(crate) accept_unsafe: bool,
}

/// How careful a download is.
#[derive(Args, Debug)]
pub(crate) struct Care {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace a different file of the same name, once the new one is verified
    #[arg(long)]
    pub(crate) force: bool,
    /// Wait while another process works on the same file
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What `--accept-unverified` says.
pub(crate) fn unproved(accept: bool) -> Unproved {
    if accept {
        Unproved::Accept
    } else {
        Unproved::Refuse
    }
}

impl Care {
    /// What to do while another process has the file.
    pub(crate) fn wait(&self) -> Wait {
        if self.wait {
            Wait::UntilFree
        } else {
            Wait::Never
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// Link, id, URN or hash of a model or version
    #[arg(value_name = "LINK")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// What earlier answers of the site are worth.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Asking {
    /// Ask anew what was asked in the last quarter of an hour
    #[arg(long)]
    pub(crate) refresh: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Words to search for
    pub(crate) query: Option<String>,
    /// Type of model, like LORA or Checkpoint; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Base model, like "SDXL 1.0"; may be repeated
    #[arg(long = "base-model", value_name = "NAME")]
    pub(crate) base_models: Vec<String>,
    /// Only models with this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only models of this creator
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Order, like "Most Downloaded" or Newest
    #[arg(long, value_name = "ORDER")]
    pub(crate) sort: Option<String>,
    /// Window of the newest version: Day, Week, Month or Year
    #[arg(long)]
    pub(crate) period: Option<String>,
    /// Highest level to include: pg, pg13, r, x or xxx [default: pg]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) nsfw: Option<String>,
    /// Trained or Merge
    #[arg(long, value_name = "KIND")]
    pub(crate) checkpoint_type: Option<String>,
    /// Commercial use that must be permitted, like Image or Sell; may be repeated
    #[arg(long = "commercial", value_name = "USE")]
    pub(crate) commercial: Vec<String>,
    /// Least number of downloads
    #[arg(long, value_name = "N")]
    pub(crate) min_downloads: Option<u64>,
    /// Greatest number of downloads
    #[arg(long, value_name = "N")]
    pub(crate) max_downloads: Option<u64>,
    /// Newest version published on this day or later
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Newest version published on this day or earlier
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Only this category, like character or style
    #[arg(long, value_name = "NAME")]
    pub(crate) category: Option<String>,
    /// Only models with a file of this format
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Most models to print
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "all")]
    pub(crate) limit: usize,
    /// Print every model there is
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Args, Debug)]
pub(crate) struct HashArgs {
    /// Files to hash; of encrypted ones, what is in them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    /// Store the token without asking the site whether it is good
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Exists to be refused, like the flag of this name.
    #[arg(hide = true, id = "positional-token")]
    pub(crate) token: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write one page for each verb into this directory instead
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ResolveArgs {
    #[command(flatten)]
    pub(crate) links: Links,
    /// Ask the site what an id or a hash belongs to
    #[arg(long)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Args, Debug, Default)]
pub(crate) struct Links {
    /// Link, id, URN or hash; @FILE or - for a list of them
    #[arg(required = true, value_name = "LINK", allow_hyphen_values = false)]
    pub(crate) links: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct SimArgs {
    /// Port of the site; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) port: u16,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Serve the recorded answers in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) payloads: Option<PathBuf>,
}

/// Reads a flag whose value is one of Civitai's own names.
pub(crate) fn one<T: FromStr<Err = UnknownName>>(
    flag: &str,
    text: Option<&str>,
) -> Result<Option<T>, Failure> {
    text.map(|text| text.parse().map_err(|choice| Failure::choice(flag, choice)))
        .transpose()
}

/// Reads a file format, which people call by its extension or by Civitai's name.
pub(crate) fn format(text: Option<&str>) -> Result<Option<FileFormat>, Failure> {
    text.map(|text| FileFormat::named(text).map_err(|choice| Failure::choice("--format", choice)))
        .transpose()
}
