//! A folder of models that can be trusted: known, placed, described, reproducible, repairable.
//!
//! [`Library`] names the three places that everything here works on. The [`catalogue`] knows what is in them.
//! [`identify`] tells what a file is by its header alone.
//! What a project wants is in its [`manifest`], what that led to ([`resolve`]) in its [`lock`], and [`sync`] makes the
//! library so; [`licence`] says what may be fetched.

pub mod add;
pub mod address;
pub mod ahead;
pub mod backup;
pub mod catalogue;
pub mod document;
pub mod exchange;
pub mod fetch;
pub mod find;
pub mod identify;
pub mod judge;
pub mod layout;
pub mod leave;
pub mod licence;
pub mod link;
pub mod lock;
pub mod manifest;
pub mod network;
pub mod operation;
pub mod path;
pub mod project;
pub mod quarantine;
pub mod relock;
pub mod repair;
pub mod resolve;
pub mod reuse;
pub mod scan;
pub mod sealing;
pub mod sidecar;
pub mod site;
pub mod sync;
pub mod trees;
pub mod updates;
pub mod verify;
pub mod workflow;

mod draft;
mod library;
mod subject;

pub use catalogue::Catalogue;
pub use library::Library;

/// Runs disk work off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
