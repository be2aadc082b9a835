//! Lists models page by page, and says whether the listing is complete.

use anyhow::Result;
use civitai_api::{ModelType, Search};
use civitai_examples::Site;
use futures::TryStreamExt as _;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that shows what it found")]
async fn main() -> Result<()> {
    let site = Site::open().await?;
    let mut search = Search::default();
    search.types = vec![ModelType::Lora];
    search.min_downloads = Some(10);
    search.limit = Some(10);
    let mut models = site.client.search(&search);
    while let Some(model) = models.try_next().await? {
        println!("{:>8}  {}", model.id, model.name);
    }
    println!(
        "{:?} after {} requests",
        models.completeness(),
        models.requests()
    );
    site.close().await;
    Ok(())
}
