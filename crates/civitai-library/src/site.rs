//! The site, for who fetches from it: who is asked, how the bytes come, and how a file becomes the source of a transfer.

use std::sync::Arc;

use civitai_api::file::FileType;
use civitai_api::select::{FileRequest, Variant};
use civitai_api::{Client, File, HashKind};
use civitai_download::lease::source_fn;
use civitai_download::{Expected, Lease, LeaseError, Storage, UrlSource};
use civitai_reliability::RetryPolicy;

use crate::lock::Locked;

/// The two ways to a file of the site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Who exchanges versions and files for addresses.
    pub client: Client,
    /// How their bytes are reached.
    pub storage: Storage,
    /// How often what fails for the moment is tried again.
    pub retry: RetryPolicy,
}

/// A file of the site as a source. A lease is one exchange with the site, and the transfer owns the retries. What the site
/// does not find by `request` is asked for by `alternative`.
pub fn source(
    client: Client,
    request: FileRequest,
    alternative: Option<FileRequest>,
) -> Arc<dyn UrlSource> {
    Arc::new(source_fn(move || {
        let (client, request, alternative) = (client.clone(), request.clone(), alternative.clone());
        async move { exchange(&client, &request, alternative.as_ref()).await }
    }))
}

async fn exchange(
    client: &Client,
    request: &FileRequest,
    alternative: Option<&FileRequest>,
) -> Result<Lease, LeaseError> {
    let answer = match (client.exchange(request).await, alternative) {
        (Err(error), Some(other)) if error.is_not_found() => {
            client.exchange(other).await.map_err(|_| error)
        }
        (answer, _) => answer,
    };
    match answer {
        Ok(signed) => Ok(Lease::new(signed.url).with_expires(signed.expires)),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: civitai_api::Error) -> LeaseError {
    let (code, wait) = (error.code(), error.retry_after());
    let error = if error.is_transient() {
        LeaseError::transient(error, wait)
    } else {
        LeaseError::permanent(error)
    };
    error.with_code(code)
}

/// What the site promises about the bytes of a file. A digest that cannot be read promises nothing.
pub fn expected(file: &File) -> Expected {
    let hex = |kind| file.hash(kind);
    Expected::default()
        .with_bytes(file.bytes())
        .with_sha256(hex(HashKind::Sha256).and_then(|hex| hex.parse().ok()))
        .with_blake3(hex(HashKind::Blake3).and_then(|hex| hex.parse().ok()))
        .with_crc32(hex(HashKind::Crc32).and_then(|hex| hex.parse().ok()))
}

impl Locked {
    /// What was promised about its bytes when it was locked.
    pub fn expected(&self) -> Expected {
        Expected::default()
            .with_bytes(self.bytes)
            .with_sha256(self.sha256)
            .with_blake3(self.blake3)
    }

    /// Where it comes from: it is asked for by its id, or, where that is not found, by its role, as the file of a linked
    /// component is.
    pub fn source(&self, client: Client) -> Arc<dyn UrlSource> {
        let by_id = FileRequest {
            version: self.version,
            file: Some(self.file),
            variant: Variant::default(),
        };
        let by_role = match &self.about.role {
            Some(
                role @ (FileType::Vae
                | FileType::TextEncoder
                | FileType::ClipVision
                | FileType::ControlNet),
            ) => Some(FileRequest {
                version: self.version,
                file: None,
                variant: Variant {
                    kind: Some(role.clone()),
                    ..Variant::default()
                },
            }),
            _ => None,
        };
        source(client, by_id, by_role)
    }
}
