//! HKDF-SHA-256.

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

/// HKDF-SHA-256 with everything given, for keys that are not a file key's.
pub(crate) fn hkdf_sha256<const N: usize>(
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
) -> Zeroizing<[u8; N]> {
    expand(
        &hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret),
        info,
    )
}

fn expand<const N: usize>(secret: &hkdf::Prk, info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    secret
        .expand(&[info], Length(N))
        .and_then(|okm| okm.fill(&mut *out))
        .expect("fewer than 255 blocks of SHA-256 are asked for");
    out
}

#[derive(Clone, Copy)]
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
