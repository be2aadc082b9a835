//! The steps that unpack a folder of a 7z archive.

use std::io::{BufReader, Read};

use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::delta::DeltaReader;

use super::super::compress::{Codec, Unpack};
use super::super::input::Input;
use super::header::{Coder, Folder};

/// Why a folder cannot be unpacked.
pub(super) enum Unreadable {
    Encrypted,
    /// A step is done by a method of this id.
    Method(Vec<u8>),
    /// The steps do not make a chain.
    Broken,
}

/// Puts a folder's steps in a row, so that what is read is what they unpack.
///
/// Steps with several inputs are refused: only BCJ2 has them, which is for programs.
pub(super) fn chain<'i>(
    folder: &Folder,
    packed: Input<'i>,
) -> Result<Box<dyn Read + 'i>, Unreadable> {
    if let Some(coder) = folder
        .coders
        .iter()
        .find(|coder| coder.inputs != 1 || coder.outputs != 1)
    {
        return Err(Unreadable::Method(coder.id.clone()));
    }
    let mut reader: Box<dyn Read + 'i> = Box::new(packed);
    let mut next = folder.packs.first().copied();
    let mut steps = 0;
    while let Some(at) = next {
        let index = usize::try_from(at).map_err(|_| Unreadable::Broken)?;
        let (Some(coder), Some(&size)) = (folder.coders.get(index), folder.sizes.get(index)) else {
            return Err(Unreadable::Broken);
        };
        reader = Box::new(step(coder, size, reader)?.take(size));
        steps += 1;
        if steps > folder.coders.len() {
            return Err(Unreadable::Broken);
        }
        next = folder
            .pairs
            .iter()
            .find(|&&(_, output)| output == at)
            .map(|&(input, _)| input);
    }
    if steps == folder.coders.len() {
        Ok(reader)
    } else {
        Err(Unreadable::Broken)
    }
}

fn step<'i>(
    coder: &Coder,
    size: u64,
    source: Box<dyn Read + 'i>,
) -> Result<Box<dyn Read + 'i>, Unreadable> {
    let unknown = || Unreadable::Method(coder.id.clone());
    let unpack = |known: Option<Codec>, source: Box<dyn Read + 'i>| {
        let method = known.ok_or_else(unknown)?;
        let stream = Unpack::new(method, BufReader::with_capacity(BUFFER_BYTES, source));
        Ok(Box::new(stream) as Box<dyn Read + 'i>)
    };
    let distance = || {
        coder
            .properties
            .first()
            .map_or(1, |&less_one| usize::from(less_one) + 1)
    };
    match coder.id.as_slice() {
        [] | [0] => Ok(source),
        [3, 1, 1] => unpack(Codec::lzma(&coder.properties, Some(size)), source),
        [0x21] => unpack(Codec::lzma2(&coder.properties), source),
        [4, 2, 2] => unpack(Some(Codec::bzip2()), source),
        [4, 1, 8] => unpack(Some(Codec::deflate()), source),
        [3] => Ok(Box::new(DeltaReader::new(source, distance()))),
        [4] | [3, 3, 1, 3] => Ok(Box::new(BcjReader::new_x86(source, 0))),
        [5] | [3, 3, 2, 5] => Ok(Box::new(BcjReader::new_ppc(source, 0))),
        [6] | [3, 3, 4, 1] => Ok(Box::new(BcjReader::new_ia64(source, 0))),
        [7] | [3, 3, 5, 1] => Ok(Box::new(BcjReader::new_arm(source, 0))),
        [8] | [3, 3, 7, 1] => Ok(Box::new(BcjReader::new_arm_thumb(source, 0))),
        [9] | [3, 3, 8, 5] => Ok(Box::new(BcjReader::new_sparc(source, 0))),
        [0x0a] => Ok(Box::new(BcjReader::new_arm64(source, 0))),
        [6, 0xf1, ..] => Err(Unreadable::Encrypted),
        _ => Err(unknown()),
    }
}

const BUFFER_BYTES: usize = 64 << 10;
