//! From a pasted link to a proved file.

use anyhow::{Context as _, Result};
use civitai_api::select::{Choice, select};
use civitai_api::{Found, Link};
use civitai_examples::Site;
use civitai_sim::seed;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that shows what it did")]
async fn main() -> Result<()> {
    let site = Site::open().await?;
    let pasted = std::env::args().nth(2).unwrap_or_else(|| {
        format!(
            "https://civitai.com/models/{}/watercolour-fields",
            seed::LORA.model
        )
    });
    let Found::Model(model) = site.client.look_up(&Link::parse(&pasted)?).await? else {
        anyhow::bail!("{pasted} is not the page of a model");
    };
    let version = model
        .default_version()
        .context("nothing is published yet")?;
    let files = select(version, &Choice::default(), model.kind.as_ref())?;
    let directory = std::env::temp_dir();
    for file in files {
        let fetched = site.download(version, file, &directory).await?;
        println!(
            "{}: {} bytes, proved by {:?}, {} from the network",
            fetched.path.display(),
            fetched.bytes,
            fetched.verified,
            fetched.fetched_bytes
        );
    }
    site.close().await;
    Ok(())
}
