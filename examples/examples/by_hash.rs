//! Finds out what a file on disk is: digests it, and asks which version it belongs to.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use civitai_api::{VersionId, hash::HashKey};
use civitai_download::digest::{DigestSet, hash_file};
use civitai_examples::Site;
use civitai_sim::seed;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that shows what it found")]
async fn main() -> Result<()> {
    let site = Site::open().await?;
    let path = match std::env::args_os().nth(2) {
        Some(path) => PathBuf::from(path),
        None => some_file(&site).await?,
    };
    let digests = hash_file(&path, DigestSet::SHA256)?;
    let sha256 = digests.sha256.context("SHA-256 was asked for")?;
    println!("{} is {sha256}", path.display());

    let key: HashKey = sha256.to_string().parse()?;
    let version = site.client.version_by_hash(&key).await?;
    for (file, kind) in key.files_of(&version) {
        println!(
            "version {} ({}), file {}, by {kind}",
            version.id, version.name, file.id
        );
    }
    site.close().await;
    Ok(())
}

/// A model file, for those who run this without one.
async fn some_file(site: &Site) -> Result<PathBuf> {
    let id = VersionId::new(seed::LORA.version(0).into()).context("ids begin at one")?;
    let version = site.client.version(id).await?;
    let file = version.files.first().context("the version has a file")?;
    let fetched = site.download(&version, file, &std::env::temp_dir()).await?;
    Ok(fetched.path)
}
