//! Cards that wait for their files.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{Card, Form};

/// A card of what Civitai tells, in a tenth of its room: a thousand files may stand in a queue.
#[derive(Clone, Debug)]
pub struct Compact {
    deflated: Box<[u8]>,
    file: Option<u64>,
}

impl Card {
    /// Returns the answer of Civitai in this card, made small.
    pub fn compact(&self) -> Compact {
        let text = serde_json::to_vec(&self.document(Form::CivitaiInfo)).expect("JSON has a text");
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder
            .write_all(&text)
            .expect("memory takes what is written");
        let deflated = encoder.finish().expect("memory takes what is written");
        Compact {
            deflated: deflated.into(),
            file: self.file_id(),
        }
    }
}

impl Compact {
    /// Returns the card again.
    pub fn card(&self) -> Card {
        let mut text = Vec::new();
        DeflateDecoder::new(&*self.deflated)
            .read_to_end(&mut text)
            .expect("it was deflated here");
        let document = serde_json::from_slice(&text).expect("it was written here");
        Card::about(document, self.file)
    }
}
