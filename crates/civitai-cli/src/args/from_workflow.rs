//! What `from-workflow` is given.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct FromWorkflowArgs {
    /// Workflow of `ComfyUI` or `InvokeAI`, picture (PNG, JPEG, WebP) or text with generation data
    #[arg(
        required = true,
        value_name = "FILE",
        help = "Workflow of ComfyUI or InvokeAI, picture (PNG, JPEG, WebP) or text with generation data"
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Add the models that are known to civitai.toml and civitai.lock
    #[arg(long, conflicts_with = "offline")]
    pub(crate) add: bool,
    /// Compare with the library only, and ask the site nothing
    #[arg(long)]
    pub(crate) offline: bool,
}
