//! What people paste.

use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"https://civitai.com/",
    b"https://civitai.red/",
    b"models/",
    b"?modelVersionId=",
    b"/api/download/models/",
    b"urn:air:sdxl:lora:",
    b"civitai:",
    b"@",
    b":",
    b"//",
    b"?",
    b"#",
    b"&token=",
    b"%2f",
    b"%00",
    b"..",
    b"user:pass@",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"+",
    b"?type=Model&format=SafeTensor",
    b"images/",
    b"posts/",
    b"user/",
    b"tag/",
    b".safetensors",
];

/// A credential that must not come out again, behind whichever sign makes it one.
pub(crate) const TOKEN: &str = "token=5ecre7";

/// Whether a text shows it.
pub(crate) fn shows_token(text: &str) -> bool {
    let mut places = text.match_indices(TOKEN);
    places.any(|(at, _)| text[..at].ends_with(['?', '&']))
}

const FORMS: &[&str] = &[
    "4384",
    "4384@128713",
    "https://civitai.com/models/4384",
    "https://civitai.com/models/4384/dreamshaper?modelVersionId=128713",
    "civitai.com/models/4384",
    "https://civitai.com/api/download/models/128713?type=Model&format=SafeTensor&size=pruned&fp=fp16",
    "https://civitai.com/api/v1/model-versions/128713",
    "https://civitai.com/api/v1/model-versions/by-hash/879DB523C30D3B9017143D56705015E15A2CB5628762C11D086FED9538ABD7FD",
    "https://civitai.com/images/1234567",
    "https://civitai.com/posts/12345",
    "https://civitai.com/user/Lykon/models",
    "https://civitai.com/collections/99",
    "https://civitai.com/tag/anime",
    "https://civitai.com/search/models?query=anime",
    "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/0a1b2c3d-1234-5678-9abc-def012345678/width=450/1.jpeg",
    "urn:air:sdxl:checkpoint:civitai:4384@128713",
    "urn:air:sd1:lora:civitai:328553@368189?fileId=12",
    "879DB523C3",
    "sha256:879DB523C30D3B9017143D56705015E15A2CB5628762C11D086FED9538ABD7FD",
    "file:12345",
    "hash:879DB523C3",
    "model:4384",
];

/// A link of some form, with a credential now and then.
pub(crate) fn link(random: &mut Random) -> Vec<u8> {
    let mut text = random.pick(FORMS).to_owned();
    if random.one_in(4) {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(TOKEN);
    }
    if random.one_in(8) {
        text = text.replace("://", "://user:pass@");
    }
    if random.one_in(8) {
        let number = random.number().to_string();
        text = text.replace("4384", &number);
    }
    text.into_bytes()
}
