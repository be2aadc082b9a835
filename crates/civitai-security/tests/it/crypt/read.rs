//! Reading at any position.

use std::io::{Cursor, Read, Seek, SeekFrom};

use civitai_security::crypt::{Level, Metadata, Reader};
use proptest::prelude::*;

use super::{CHUNK, content, holder};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_container_reads_like_the_file_that_is_in_it(
        level in prop::sample::select(Level::ALL.to_vec()),
        length in 0..3 * CHUNK,
        reads in prop::collection::vec((0..4 * CHUNK, 0..CHUNK + 10), 1..20),
    ) {
        let plain = content(length);
        let container = holder().seal(level, &plain, Metadata::default());
        let keys = holder().keys();
        let mut reader = Reader::open(Cursor::new(container), &keys).expect("it opens");
        let mut file = Cursor::new(&plain);
        prop_assert_eq!(reader.len(), length as u64);
        for (start, count) in reads {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            reader.seek(SeekFrom::Start(start as u64)).expect("it seeks");
            file.seek(SeekFrom::Start(start as u64)).expect("it seeks");
            reader.by_ref().take(count as u64).read_to_end(&mut ours).expect("it reads");
            file.by_ref().take(count as u64).read_to_end(&mut theirs).expect("it reads");
            prop_assert!(ours == theirs);
            prop_assert_eq!(reader.stream_position().ok(), file.stream_position().ok());
        }
        let mut all = Vec::new();
        reader.extract(&mut all).expect("it is whole after any reading");
        prop_assert!(all == plain);
    }
}

#[test]
fn a_damaged_chunk_leaves_the_others_readable() {
    let plain = content(3 * CHUNK);
    let mut container = holder().seal(Level::Standard, &plain, Metadata::default());
    container[2 * CHUNK + 100] ^= 1;
    let keys = holder().keys();
    let mut reader = Reader::open(Cursor::new(container), &keys).expect("its header is whole");
    let mut chunk = vec![0; CHUNK];
    reader.read_exact(&mut chunk).expect("the first is whole");
    assert!(chunk == plain[..CHUNK]);
    reader
        .read_exact(&mut chunk)
        .expect_err("the second is not");
    reader
        .seek(SeekFrom::Start(2 * CHUNK as u64))
        .expect("it seeks");
    reader.read_exact(&mut chunk).expect("the third is whole");
    assert!(chunk == plain[2 * CHUNK..]);
}

#[test]
fn nothing_is_before_the_beginning() {
    let container = holder().seal(Level::Basic, b"1234", Metadata::default());
    let mut reader = Reader::open(Cursor::new(container), &holder().keys()).expect("it opens");
    assert_eq!(reader.seek(SeekFrom::End(-1)).ok(), Some(3));
    reader
        .seek(SeekFrom::Current(-4))
        .expect_err("that is before the beginning");
    assert_eq!(reader.seek(SeekFrom::End(10)).ok(), Some(14));
    assert_eq!(reader.read(&mut [0; 4]).ok(), Some(0));
}
