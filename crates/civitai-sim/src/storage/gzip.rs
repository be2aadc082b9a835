//! A gzip that does not compress: enough to be one, and cheap.

use bytes::Bytes;

use crate::http::{Body, Response};

/// Replaces a file body by its gzipped self and says so. Ranges above [`LIMIT`] are left alone.
pub(super) fn compress(mut response: Response) -> Response {
    let Body::File(file) = &response.body else {
        return response;
    };
    let len = response.body.len();
    if len > LIMIT {
        return response;
    }
    let mut plain = vec![0; usize::try_from(len).expect("the limit fits memory")];
    file.fill(0, &mut plain);
    response.body = Body::Bytes(Bytes::from(stored(&plain)));
    response
        .with_header("Content-Encoding", "gzip")
        .with_header("Vary", "Accept-Encoding")
}

/// A gzip member of stored blocks.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = plain.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).expect("a block is that short");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32fast::hash(plain).to_le_bytes());
    // The format keeps the length modulo 2^32, and the limit is below that.
    out.extend(
        u32::try_from(plain.len())
            .expect("the limit is below 4 GiB")
            .to_le_bytes(),
    );
    out
}

const BLOCK: usize = 65_535;
const LIMIT: u64 = 64 << 20;
