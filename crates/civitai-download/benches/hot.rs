//! What happens for every batch of bytes and every tick: `cargo bench -p civitai-download`.

use std::hint::black_box;

use civitai_download::digest::{DigestSet, Hasher};
use civitai_download::hot::{Map, Steering};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn digests(criterion: &mut Criterion) {
    let chunk = vec![0x5a_u8; CHUNK];
    let mut group = criterion.benchmark_group("digest");
    group.throughput(Throughput::Bytes(chunk.len() as u64));
    for (name, set) in [
        ("sha256", DigestSet::SHA256),
        ("blake3", DigestSet::BLAKE3),
        ("crc32", DigestSet::CRC32),
        ("all", DigestSet::ALL),
    ] {
        let mut hasher = Hasher::new(set);
        group.bench_function(name, |bencher| {
            bencher.iter(|| hasher.update(black_box(&chunk)));
        });
    }
    group.finish();
}

fn map(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut map = Map::create(&folder.path().join("a.part.json")).expect("a journal");
    let mut at = 0;
    criterion.bench_function("map append", |bencher| {
        bencher.iter(|| {
            // Four segments that grow in turn.
            let start = (at % 4) * SEGMENT + at / 4 * BATCH;
            at += 1;
            map.append(start..start + BATCH).expect("room on the disk");
        });
    });
}

fn controller(criterion: &mut Criterion) {
    let mut steering = Steering::new();
    criterion.bench_function("controller step", |bencher| {
        bencher.iter(|| black_box(steering.step()));
    });
}

criterion_group!(hot, digests, map, controller);
criterion_main!(hot);

const CHUNK: usize = 256 << 10;
const BATCH: u64 = 512 << 10;
const SEGMENT: u64 = 1 << 50;
