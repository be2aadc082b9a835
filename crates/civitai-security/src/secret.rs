//! A text that is never printed.

use std::fmt;

use zeroize::Zeroizing;

/// A token or key.
///
/// It has no `Display` and no serialization, `Debug` shows only that there is one, and its memory is
/// overwritten when it is dropped. [`expose`](Self::expose) is the one way to the text, so every use
/// is found by searching for that word.
///
/// ```
/// # use civitai_security::Secret;
/// let token = Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{token:?}"), "Secret(..)");
/// assert_eq!(token.expose(), "hunter2");
/// ```
///
/// ```compile_fail,E0277
/// # use civitai_security::Secret;
/// # let token = Secret::new("hunter2".to_owned());
/// println!("{token}");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. Copies that the caller made before stay where they are.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text itself, to be put where it is used and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_text_nor_its_length() {
        let short = Secret::new("a".to_owned());
        let long = Secret::new("0123456789abcdef".repeat(4));
        assert_eq!(format!("{short:?}"), "Secret(..)");
        assert_eq!(format!("{:#?}", Some(long)), "Some(\n    Secret(..),\n)");
    }
}
