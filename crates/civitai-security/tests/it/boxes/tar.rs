use super::{array, assert_clean, assert_finds, assert_malicious, evil};

/// A member of a kind, with the header's checksum put right.
fn member(kind: u8, name: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    block.extend(data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    member(b'0', name, "", data)
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.extend([0; 1024]);
    bytes
}

/// An archive of two files, the name of one in a record.
pub(super) fn seed(data: &[u8]) -> Vec<u8> {
    let named = member(b'x', "x", "", record("path", "a/long.npy").as_bytes());
    tar(&[file("a/b.npy", data), named, file("a/c.npy", data)])
}

fn record(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let length = (body.len()..body.len() + 9)
        .find(|length| length.to_string().len() + body.len() == *length);
    format!("{}{body}", length.expect("some length fits"))
}

#[test]
fn plain_archives_are_clean() {
    assert_clean(
        "a.tar",
        &tar(&[member(b'5', "d/", "", b""), file("d/a.npy", &array())]),
    );
    let long = "d/".repeat(90) + "a.npy";
    let pax = member(b'x', "x", "", record("path", &long).as_bytes());
    assert_clean("a.tar", &tar(&[pax, file("short", &array())]));
    let gnu = member(b'L', "././@LongLink", "", format!("{long}\0").as_bytes());
    assert_clean("a.tar", &tar(&[gnu, file("short", &array())]));
    let mut padded = tar(&[file("a.npy", &array())]);
    padded.resize(10_240, 0);
    assert_clean("a.tar", &padded);
}

#[test]
fn members_are_judged() {
    assert_malicious(&tar(&[
        file("pickle", &evil()),
        file("tensors", b""),
        file("storages", b""),
    ]));
    assert_malicious(&tar(&[file("in.tar", &tar(&[file("pickle", &evil())]))]));
}

#[test]
fn names_and_links_that_lead_elsewhere_are_found() {
    assert_finds(&tar(&[file("../a.npy", &array())]), "path_traversal");
    assert_finds(&tar(&[file("/a.npy", &array())]), "path_absolute");
    assert_finds(
        &tar(&[member(b'2', "d/l", "../../x", b"")]),
        "path_link_escapes",
    );
    assert_finds(
        &tar(&[member(b'1', "d/l", "../x", b"")]),
        "path_link_escapes",
    );
    assert_finds(
        &tar(&[member(b'1', "l", "/etc/passwd", b"")]),
        "path_link_escapes",
    );
    assert_finds(&tar(&[member(b'2', "d/l", "../x", b"")]), "path_link");
    assert_finds(
        &tar(&[member(b'2', "l", ".", b""), file("l/a.npy", &array())]),
        "path_through_link",
    );
    assert_finds(&tar(&[member(b'3', "tty", "", b"")]), "path_device");
    let pax = member(b'x', "x", "", record("path", "../a.npy").as_bytes());
    assert_finds(&tar(&[pax, file("a.npy", &array())]), "path_traversal");
}

#[test]
fn both_members_of_one_name_are_judged() {
    for members in [
        [file("pickle", &array()), file("pickle", &evil())],
        [file("pickle", &evil()), file("./pickle", &array())],
    ] {
        assert_finds(&tar(&members), "path_duplicate");
        assert_malicious(&tar(&members));
    }
}

#[test]
fn sizes_that_readers_see_differently_are_found() {
    // Who believes the record skips the pickle, who believes the header reads it.
    let record = member(b'x', "x", "", record("size", "0").as_bytes());
    let bytes = tar(&[record, file("a.npy", &array()), file("pickle", &evil())]);
    assert_finds(&bytes, "tar_records_disagree");
}

#[test]
fn what_follows_the_end_is_judged() {
    let bytes = [
        tar(&[file("a.npy", &array())]),
        tar(&[file("pickle", &evil())]),
    ]
    .concat();
    assert_finds(&bytes, "tar_end");
    assert_malicious(&bytes);
    assert_malicious(&[tar(&[file("a.npy", &array())]), evil()].concat());
}

#[test]
fn headers_that_break_their_form_are_found() {
    let mut bytes = tar(&[file("a.npy", &array()), file("pickle", &evil())]);
    bytes[1024] ^= 1;
    assert_finds(&bytes, "tar_checksum");
    assert_malicious(&bytes);
    let mut negative = file("a.npy", &array());
    negative[124..136].fill(0xff);
    sum(&mut negative);
    assert_finds(&tar(&[negative]), "tar_number");
    assert_finds(
        &tar(&[
            member(b'x', "x", "", b"99999 path=a\n"),
            file("a.npy", &array()),
        ]),
        "tar_record",
    );
    assert_finds(&tar(&[member(b'S', "a.npy", "", &array())]), "tar_sparse");
    assert_finds(&tar(&[member(b'V', "volume", "", b"")]), "tar_kind");
}

#[test]
fn sizes_may_be_binary() {
    let mut block = file("a.npy", &array());
    block[124..136].fill(0);
    block[124] = 0x80;
    block[135] = u8::try_from(array().len()).expect("it is short");
    sum(&mut block);
    assert_clean("a.tar", &tar(&[block]));
}

#[test]
fn truncation_inside_a_member_is_refused() {
    let whole = file("a.npy", &array());
    for length in 1..512 + array().len() {
        let report = super::scan("a.tar", &whole[..length]);
        assert_ne!(report.verdict.as_str(), "clean", "{length}");
    }
}

#[test]
fn data_that_only_some_readers_skip_is_judged() {
    // `tarfile` reads members of unknown kinds as files, and takes no data to follow a link.
    for kind in *b"12S!" {
        assert_malicious(&tar(&[member(kind, "pickle", "target", &evil())]));
    }
    assert_finds(
        &tar(&[member(b'1', "a", "b", &array())]),
        "tar_records_disagree",
    );
}

/// One record can name all members that follow it.
#[test]
fn a_name_for_all_members_is_not_kept_for_each() {
    let long = record("path", &"n".repeat(1 << 19));
    let mut members = vec![member(b'g', "g", "", long.as_bytes())];
    members.resize(200, file("a.npy", b""));
    assert_finds(&tar(&members), "path_limit");
}
