//! Why a text is no link.

use super::InvalidAir;
use crate::hash::InvalidHash;
use crate::id::InvalidId;

/// Why a text is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing but white space.
    #[error("the link is empty")]
    Empty,
    /// Longer than any link.
    #[error("the link is {bytes} bytes long, at most {limit} make sense")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// It holds a character that no link needs and that can hide what it says.
    #[error("the link holds {character:?}, which does not belong there")]
    Character {
        /// The character.
        character: char,
    },
    /// A part of it is not percent-encoded UTF-8.
    #[error("a part of the link is not percent-encoded UTF-8")]
    Encoding,
    /// Neither http nor https.
    #[error("{scheme:?} addresses are not read, only http and https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A name or password before the host.
    #[error("the address has a name or password before its host")]
    Credentials,
    /// A port where the site has none.
    #[error("the address names port {port:?}; Civitai's have none")]
    Port {
        /// The port.
        port: String,
    },
    /// Not an address of the site.
    #[error("{host:?} is not one of Civitai's hosts{}", suggestion(*nearest))]
    Host {
        /// The host.
        host: String,
        /// The host that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A path with steps up or down in it.
    #[error("the address's path has steps such as \"..\" in it")]
    Path,
    /// Something else where an id should be.
    #[error("the {what} id is not valid")]
    Id {
        /// What the id should name.
        what: &'static str,
        /// What is wrong with it.
        source: InvalidId,
    },
    /// Something else where a digest should be.
    #[error("the hash is not valid")]
    Hash {
        /// What is wrong with it.
        source: InvalidHash,
    },
    /// Begins like a resource name and goes on otherwise.
    #[error("the resource name is not valid")]
    Air {
        /// What is wrong with it.
        source: InvalidAir,
    },
    /// No form of link at all.
    #[error("{given:?} is no link{}", suggestion(*nearest))]
    Unrecognised {
        /// What was given, shortened and without a query.
        given: String,
        /// The form that was probably meant.
        nearest: Option<&'static str>,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!(", did you mean {nearest:?}?")
    })
}
