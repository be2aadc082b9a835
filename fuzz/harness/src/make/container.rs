//! Encrypted files, whole: what is written over their bytes has to be noticed.

use std::io::Write;
use std::sync::LazyLock;

use civitai_security::crypt::{
    ChunkSize, FileId, KeyId, Level, Metadata, PrivateKey, Recipe, Recipient, Unlocked,
    WrappingKey, WrappingKind, Writer,
};
use zeroize::Zeroizing;

use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"CKE\x01",
    b"CKE\x02",
    b"\x01\x01\0\x10",
    b"\x02\x02\0\x10",
    b"\x03\x03\0\x10",
    b"\x04\x04\0\x10",
    b"\x01\x02",
    b"\x28",
];

/// Any of these opens what [`container`] makes.
pub(crate) fn keys() -> &'static Unlocked {
    static KEYS: LazyLock<Unlocked> = LazyLock::new(|| {
        let symmetric = vec![key(WrappingKind::Machine, 1), key(WrappingKind::Master, 2)];
        Unlocked {
            symmetric,
            private: vec![pair()],
        }
    });
    &KEYS
}

fn key(kind: WrappingKind, byte: u8) -> WrappingKey {
    WrappingKey::new(
        KeyId::from_bytes([byte; 16]),
        kind,
        Zeroizing::new([byte; 32]),
    )
}

fn pair() -> PrivateKey {
    let pem = pem::parse(include_bytes!("container/pair.pem")).expect("the file is PEM");
    PrivateKey::from_parts(pem.contents(), None).expect("the file is an RSA key")
}

/// What a container of this id and metadata holds.
pub(crate) fn content(file: FileId, metadata: &Metadata) -> Vec<u8> {
    let seed = file
        .as_bytes()
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mut random = Random::new(seed);
    let length = metadata.bytes.unwrap_or_default();
    (0..length).map(|_| random.byte()).collect()
}

/// A container of any level and of up to three chunks.
pub(crate) fn container(random: &mut Random) -> Vec<u8> {
    let level = match random.below(12) {
        0 => Level::High,
        1 => Level::Maximum,
        2..7 => Level::Standard,
        _ => Level::Basic,
    };
    let machine = || Recipient::Symmetric(key(WrappingKind::Machine, 1));
    let master = || Recipient::Symmetric(key(WrappingKind::Master, 2));
    let public = || Recipient::Public(keys().private[0].public().clone());
    let recipients = match level {
        Level::Basic => vec![machine()],
        Level::Standard => vec![master()],
        Level::High => vec![public()],
        Level::Maximum => vec![master(), public()],
    };
    let most = if random.one_in(6) { 3 << 16 } else { 300 };
    let length = random.below(most);
    let metadata = Metadata {
        bytes: Some(length as u64),
        name: random.one_in(2).then(|| "model.safetensors".to_owned()),
        ..Metadata::default()
    };
    let recipe = Recipe {
        level,
        recipients: &recipients,
        metadata: metadata.clone(),
        chunk: ChunkSize::SMALLEST,
    };
    let mut writer = Writer::new(Vec::new(), &recipe).expect("the keys are usable");
    let content = content(writer.file(), &metadata);
    writer
        .write_all(&content)
        .expect("a vector takes everything");
    writer.finish().expect("a vector takes everything")
}
