//! Models in archives in archives, as frameworks write them.

use super::assert_clean;
use super::safetensors::file;

/// A zip of one stored member.
pub(super) fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).expect("small").to_le_bytes();
    let common = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..],
        &crc.sum().to_le_bytes(),
        &size,
        &size,
    ]
    .concat();
    let name_len = u16::try_from(name.len()).expect("short").to_le_bytes();
    let local = [
        b"PK\x03\x04",
        &common[..],
        &name_len,
        &[0, 0],
        name.as_bytes(),
        content,
    ]
    .concat();
    let central = [
        b"PK\x01\x02\x14\0",
        &common[..],
        &name_len,
        &[0; 16],
        name.as_bytes(),
    ]
    .concat();
    let offset = u32::try_from(local.len()).expect("small").to_le_bytes();
    let central_len = u32::try_from(central.len()).expect("small").to_le_bytes();
    let end = [
        &b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..],
        &central_len,
        &offset,
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

/// A tar of plain files.
pub(super) fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in members {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..124].copy_from_slice(b"0000000\x000000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize((tar.len() + 1024).next_multiple_of(10240), 0);
    tar
}

#[test]
fn an_archive_at_the_end_of_a_tar_is_a_member_of_it() {
    let config = b"target: nemo.collections.asr.models.EncDecCTCModel\n".to_vec();
    let inner = zip("model.safetensors", &file("{}", &[]));
    assert_clean("inner.zip", &inner);
    assert_clean(
        "model.nemo",
        tar(&[("model_config.yaml", config), ("weights.zip", inner)]),
    );
}
