//! Files of any address, without Civitai.

use civitai_security::{FileName, RedactedUrl};
use url::Url;

/// The address without what changes from lease to lease or must not be written down: what a transfer knows a file by.
pub fn identity(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_fragment(None);
    RedactedUrl::new(plain).to_string()
}

/// The name of a file that is given none: the last part of the path, as far as it can be a name.
pub fn file_name(url: &Url) -> FileName {
    let last = url
        .path_segments()
        .and_then(|mut segments| segments.next_back());
    FileName::clean(last.unwrap_or_default(), FALLBACK)
}

/// The name of a file whose address has none.
pub const FALLBACK: &str = "download";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_file_and_keeps_its_secrets() {
        let url = Url::parse("https://example.com/a/model.safetensors?token=secret#part");
        let url = url.expect("an address");
        assert_eq!(file_name(&url).as_str(), "model.safetensors");
        let identity = identity(&url);
        assert!(
            !identity.contains("secret") && !identity.contains('#'),
            "{identity}"
        );
        let bare = Url::parse("https://example.com/").expect("an address");
        assert_eq!(file_name(&bare).as_str(), FALLBACK);
    }
}
