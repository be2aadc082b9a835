//! Decoders that share nothing with this crate but `docs/container-format.md`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use civitai_security::crypt::{
    ChunkSize, Level, Metadata, PrivateKey, Recipe, Recipient, RsaSize, Share, Writer,
};
use ml_kem::{DecapsulationKey, MlKem768};
use serde_json::{Value, json};

use super::{CHUNK, Holder, content};

/// Sixty lengths: every border of chunks, blocks and nothing, and a spread between.
fn lengths() -> Vec<usize> {
    let edges = [
        0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 4095, 4096, 4097,
    ];
    let borders =
        (1..=3).flat_map(|chunks| [chunks * CHUNK - 1, chunks * CHUNK, chunks * CHUNK + 1]);
    let spread = (0..35).map(|step| 1000 + step * 6007);
    edges.into_iter().chain(borders).chain(spread).collect()
}

#[test]
fn python_opens_sixty_files_of_each_level() {
    let Some(python) = python() else {
        eprintln!("skipped: no python with the package cryptography");
        return;
    };
    let seed = [5; 64];
    let holder = with_share(&seed);
    let folder = tempfile::tempdir().expect("a folder is made");
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let pkcs8 = holder.pair.pkcs8_der().expect("it is written");
    let keys = json!({
        "symmetric": {
            holder.machine.id().to_string(): hex(holder.machine.expose()),
            holder.master.id().to_string(): hex(holder.master.expose()),
        },
        "pairs": { holder.pair.id().to_string(): { "pkcs8": hex(&pkcs8), "seed": hex(&seed) } },
    });
    let key_file = folder.path().join("keys.json");
    fs_err::write(&key_file, keys.to_string()).expect("it is written");
    let mut expected = Vec::new();
    for level in Level::ALL {
        for length in lengths() {
            let plain = content(length);
            let metadata = Metadata {
                name: Some(format!("モデル {length}.safetensors")),
                media: (length % 2 == 0).then(|| "safetensors".to_owned()),
                bytes: Some(length as u64),
                sha256: None,
            };
            let path = folder.path().join(format!("{level}-{length}.cke"));
            fs_err::write(&path, holder.seal(level, &plain, metadata)).expect("it is written");
            expected.push((path, length, digest(&SHA256, &plain)));
        }
    }
    let mut damaged = fs_err::read(&expected[0].0).expect("it was written");
    damaged[70] ^= 1;
    let damaged_path = folder.path().join("damaged.cke");
    fs_err::write(&damaged_path, damaged).expect("it is written");

    let run = Command::new(python)
        .arg(decoder("cke.py"))
        .arg(&key_file)
        .args(expected.iter().map(|(path, ..)| path))
        .arg(&damaged_path)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
    for (path, length, digest) in &expected {
        let line = lines.next().expect("one line a file");
        assert_eq!(
            line["sha256"],
            hex(digest.as_ref()),
            "{}: {line}",
            path.display()
        );
        assert_eq!(line["about"]["bytes"], *length);
        assert_eq!(
            line["about"]["name"],
            format!("モデル {length}.safetensors")
        );
    }
    assert_eq!(expected.len(), 240);
    let refused = lines.next().expect("one line for the damaged file");
    assert!(refused["refused"].is_string(), "{refused}");
}

#[test]
fn openssl_opens_sixty_files_of_level_high() {
    if !has_openssl() {
        eprintln!("skipped: no openssl of version 3 or later");
        return;
    }
    let holder = Holder::new(Share::RsaOnly);
    let folder = tempfile::tempdir().expect("a folder is made");
    let der = folder.path().join("key.der");
    let pkcs8 = holder.pair.pkcs8_der().expect("it is written");
    fs_err::write(&der, &*pkcs8).expect("it is written");
    let pem = folder.path().join("key.pem");
    let converted = Command::new("openssl")
        .args(["pkey", "-inform", "DER", "-in"])
        .arg(&der)
        .arg("-out")
        .arg(&pem)
        .status();
    assert!(converted.expect("it runs").success());
    let path = folder.path().join("file.cke");
    let open = || {
        Command::new("sh")
            .arg(decoder("cke-high.sh"))
            .args([&pem, &path])
            .output()
            .expect("it runs")
    };
    assert_eq!(lengths().len(), 60);
    for length in lengths() {
        let plain = content(length);
        let recipe = Recipe {
            level: Level::High,
            recipients: &[Recipient::Public(holder.pair.public().clone())],
            metadata: Metadata::default(),
            chunk: ChunkSize::SMALLEST,
        };
        let file = fs_err::File::create(&path).expect("it is made");
        let mut writer = Writer::new(file, &recipe).expect("a container begins");
        writer.write_all(&plain).expect("it is written");
        writer.finish().expect("a container ends");
        let run = open();
        assert!(
            run.status.success(),
            "{length}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(run.stdout == plain, "{length}");
    }
    let mut damaged = fs_err::read(&path).expect("it was written");
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs_err::write(&path, damaged).expect("it is written");
    assert_eq!(open().status.code(), Some(7));
}

/// A pair whose second share is drawn from a known seed.
fn with_share(seed: &[u8; 64]) -> Holder {
    let drawn = PrivateKey::generate(RsaSize::Rsa3072, Share::RsaOnly).expect("a pair is drawn");
    let share = DecapsulationKey::<MlKem768>::from_seed((*seed).into());
    #[expect(deprecated, reason = "aws-lc-rs takes keys in no other form")]
    let share = ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&share);
    let pkcs8 = drawn.pkcs8_der().expect("it is written");
    Holder {
        pair: PrivateKey::from_parts(&pkcs8, Some(&share)).expect("it is read"),
        ..Holder::new(Share::RsaOnly)
    }
}

/// `CIVITAI_PYTHON`, else `python3`, where it has the package and that has ML-KEM.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CIVITAI_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let has = Command::new(&python)
        .args([
            "-c",
            "from cryptography.hazmat.primitives.asymmetric import mlkem",
        ])
        .output();
    has.is_ok_and(|run| run.status.success()).then_some(python)
}

fn has_openssl() -> bool {
    let version = Command::new("openssl").arg("version").output();
    version.is_ok_and(|run| {
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        let major = text
            .strip_prefix("OpenSSL ")
            .and_then(|rest| rest.split('.').next());
        major
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 3)
    })
}

fn decoder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/decoders")
        .join(name)
}
