//! What `bulk` is given.

use clap::{Args, Subcommand};

use super::{Choose, Links};

#[derive(Args, Debug)]
pub(crate) struct BulkArgs {
    #[command(subcommand)]
    pub(crate) action: BulkAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BulkAction {
    /// Give a job up
    Cancel(JobArgs),
    /// List all jobs
    List,
    /// Stop a job, to go on later
    Pause(JobArgs),
    /// Go on with a paused job, in the background
    Resume(JobArgs),
    /// Try again what failed or was cancelled, in the background
    Retry(JobArgs),
    /// Make a job of links and run it
    Run(Box<BulkRunArgs>),
    /// Show a job and what became of each link
    Show(JobArgs),
    /// Run waiting jobs until none is left
    #[command(hide = true)]
    Supervise,
    /// Wait for the end of a job
    Wait(JobArgs),
}

#[derive(Args, Debug)]
pub(crate) struct JobArgs {
    /// Id of the job, as `bulk list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Args, Debug)]
pub(crate) struct BulkRunArgs {
    #[command(flatten)]
    pub(crate) links: Links,
    /// How files share the time: sequential, parallel or adaptive
    #[arg(
        long,
        value_name = "STRATEGY",
        default_value = "adaptive",
        hide_default_value = true
    )]
    pub(crate) strategy: String,
    /// What may be spent for speed: speed, efficiency, minimal or adaptive
    #[arg(
        long,
        value_name = "MODE",
        default_value = "adaptive",
        hide_default_value = true
    )]
    pub(crate) mode: String,
    /// Name of the job, for people
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Run in the background, also when this terminal is closed
    #[arg(long)]
    pub(crate) detach: bool,
    /// Replace a different file of the same name, once the new one is verified
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) choose: Choose,
}
