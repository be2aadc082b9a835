//! Containers through the public API: what is written is read, and nothing else is.

mod damage;
mod decoders;
mod files;
mod levels;
mod read;

use std::io::{Cursor, Write};
use std::sync::OnceLock;

use civitai_security::crypt::{
    ChunkSize, CryptError, Level, Metadata, PrivateKey, Reader, Recipe, Recipient, RsaSize, Share,
    Unlocked, WrappingKey, WrappingKind, Writer,
};

/// One key of each kind. RSA keys take seconds to draw, so each kind is drawn once.
pub(super) struct Holder {
    pub(super) machine: WrappingKey,
    pub(super) master: WrappingKey,
    pub(super) pair: PrivateKey,
}

impl Holder {
    pub(super) fn new(share: Share) -> Self {
        Self {
            machine: WrappingKey::random(WrappingKind::Machine).expect("a key is drawn"),
            master: WrappingKey::random(WrappingKind::Master).expect("a key is drawn"),
            pair: PrivateKey::generate(RsaSize::Rsa3072, share).expect("a pair is drawn"),
        }
    }

    pub(super) fn recipients(&self, level: Level) -> Vec<Recipient> {
        let machine = || Recipient::Symmetric(self.machine.clone());
        let master = || Recipient::Symmetric(self.master.clone());
        let public = || Recipient::Public(self.pair.public().clone());
        match level {
            Level::Basic => vec![machine()],
            Level::Standard => vec![master()],
            Level::High => vec![public()],
            Level::Maximum => vec![master(), public()],
        }
    }

    /// Keys cannot be copied by accident: this one is read back from its own bytes.
    pub(super) fn keys(&self) -> Unlocked {
        let der = self.pair.pkcs8_der().expect("it can be written");
        let pair = PrivateKey::from_parts(&der, self.pair.mlkem()).expect("it can be read");
        Unlocked {
            symmetric: vec![self.machine.clone(), self.master.clone()],
            private: vec![pair],
        }
    }

    pub(super) fn seal(&self, level: Level, content: &[u8], metadata: Metadata) -> Vec<u8> {
        let recipe = Recipe {
            level,
            recipients: &self.recipients(level),
            metadata,
            chunk: ChunkSize::SMALLEST,
        };
        let mut writer = Writer::new(Vec::new(), &recipe).expect("a container begins");
        writer.write_all(content).expect("a vector takes it");
        writer.finish().expect("a container ends")
    }
}

pub(super) fn holder() -> &'static Holder {
    static HOLDER: OnceLock<Holder> = OnceLock::new();
    HOLDER.get_or_init(|| Holder::new(Share::RsaOnly))
}

/// Opens and reads all; what was released comes with the error.
pub(super) fn extract(container: &[u8], keys: &Unlocked) -> (Vec<u8>, Result<u64, CryptError>) {
    let mut content = Vec::new();
    let result = Reader::open(Cursor::new(container), keys)
        .and_then(|mut reader| reader.extract(&mut content));
    (content, result)
}

/// Bytes that repeat nowhere within a chunk.
pub(super) fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .collect()
}

pub(super) const CHUNK: usize = 64 * 1024;
/// Two places of 32 KiB for a header.
pub(super) const REGION: usize = 64 * 1024;
