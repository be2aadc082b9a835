//! What a workflow or a picture was made with: from its bytes to the models it names, and from names to what is on disk.
//!
//! [`read`] understands workflows of ComfyUI (saved from the canvas or for its API) and InvokeAI, pictures (PNG, JPEG,
//! WebP) that carry one, the text that A1111 and its kin write, and the generation data of Civitai. The bytes decide
//! what a file is, never its name. [`Shelf`] compares the references with what is on disk, [`ask_site`] with what
//! Civitai has.
//!
//! Every file is hostile: what is read, inflated, nested and followed is bounded, and what is over a bound is an error
//! that names the place. Nothing is executed, no address in a file is contacted.

mod comfy;
mod error;
mod finding;
mod form;
mod infotext;
mod invoke;
mod json;
mod kind;
mod name;
mod picture;
mod prompt;
mod reference;
mod score;
mod shelf;
mod site;
mod tools;

use std::path::Path;

use fs_err as fs;

pub use error::{Error, ErrorKind};
pub use finding::{Candidate, Finding, Status};
pub use kind::Kind;
pub use reference::{Activity, Reference};
pub use shelf::{Held, Shelf};
pub use site::{Asked, ask_site};

use self::reference::References;

/// Returns the models that a file names, in the order of the file, each once a node.
///
/// A picture often holds the same thing several times: what was run, the canvas it came from, and a text for people.
/// They are read in this order, and later ones add only what is new.
///
/// # Errors
/// [`ErrorKind::Nothing`] if the file is sound but tells nothing about models; a workflow without models is no error.
pub fn read(path: &Path) -> Result<Vec<Reference>, Error> {
    let name = |kind| Error::new(path, kind);
    let file = fs::File::open(path).map_err(|error| name(ErrorKind::Io(error)))?;
    read_from(file).map_err(name)
}

fn read_from(mut file: fs::File) -> Result<Vec<Reference>, ErrorKind> {
    let texts = picture::texts(&mut file)?;
    let mut found = References::default();
    let mut understood = false;
    for text in &texts {
        understood |= form::read(text, &mut found)?;
    }
    if understood {
        Ok(found.into_vec())
    } else {
        Err(ErrorKind::Nothing)
    }
}
