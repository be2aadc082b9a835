use super::archive::{
    Archive, Fields, Member, archive, central, deflate, end_record, local, wide_end, zip,
};
use super::{array, assert_clean, assert_finds, assert_malicious, evil};

fn good() -> Member {
    Member::stored("a.npy", &array())
}

fn bad() -> Member {
    Member::stored("data.pkl", &evil())
}

#[test]
fn plain_archives_are_clean() {
    assert_clean(
        "a.npz",
        &zip(&[good(), Member::deflated("b.npy", &array())]),
    );
    assert_clean("empty.zip", &zip(&[]));
    assert_clean("comment.zip", &archive(b"", &[good()], b"a comment").bytes);
    assert_clean(
        "folder.zip",
        &zip(&[
            Member::stored("folder/", b""),
            Member::stored("folder/a.npy", &array()),
        ]),
    );
}

#[test]
fn archives_as_pytorch_writes_them_are_clean() {
    let descriptor = |member: Member| Member {
        flags: 0x808,
        behind: Fields(b"PK\x07\x08".to_vec())
            .u32(member.checksum)
            .u32(member.packed_size)
            .u32(member.size)
            .0,
        // Padding, so that the numbers are aligned.
        extra: Fields(b"FB".to_vec()).u16(6).bytes(b"ZZZZZZ").0,
        ..member
    };
    let members = [
        descriptor(Member::stored("archive/a.npy", &array())),
        descriptor(Member::stored("archive/b.npy", &array())),
    ];
    let Archive {
        bytes,
        directory,
        end,
        ..
    } = archive(b"", &members, b"");
    let length = end - directory;
    let wide = wide_end(2, length as u64, directory as u64);
    let bytes = [&bytes[..end], &wide, &bytes[end..]].concat();
    assert_clean("model.pt", &bytes);
}

#[test]
fn packing_methods_are_unpacked() {
    let array = array();
    let packed = bzip2_of(&array);
    assert_clean(
        "a.npz",
        &zip(&[Member::packed("a.npy", 12, &packed, &array)]),
    );
    assert_malicious(&zip(&[Member::deflated("data.pkl", &evil())]));
    assert_malicious(&zip(&[Member::packed(
        "data.pkl",
        12,
        &bzip2_of(&evil()),
        &evil(),
    )]));
}

fn bzip2_of(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

#[test]
fn unknown_methods_are_unscannable_and_still_looked_into() {
    let member = Member {
        method: 9,
        ..good()
    };
    let report = assert_finds(&zip(&[member]), "zip_method");
    assert_eq!(report.verdict.as_str(), "unscannable");
    assert_malicious(&zip(&[Member { method: 9, ..bad() }]));
}

#[test]
fn flags_that_lie_do_not_hide_the_data() {
    for flags in [1, 1 << 5, 1 << 6, 1 << 13] {
        assert_malicious(&zip(&[Member { flags, ..bad() }]));
        assert_malicious(&zip(&[Member {
            flags,
            ..Member::deflated("data.pkl", &evil())
        }]));
    }
    assert_finds(&zip(&[Member { flags: 1, ..good() }]), "zip_encrypted");
    assert_finds(&zip(&[Member { flags: 1, ..good() }]), "zip_flag_lies");
}

#[test]
fn truly_encrypted_members_are_unscannable() {
    let noise = [
        0x9d, 0x31, 0x07, 0xe2, 0x55, 0x81, 0x6f, 0xc4, 0x13, 0xfa, 0x77, 0x20, 0xbe, 0x08,
    ];
    let member = Member {
        flags: 1,
        ..Member::packed("data.pkl", 8, &noise, &array())
    };
    let report = assert_finds(&zip(&[member]), "zip_encrypted");
    assert_eq!(
        report.verdict.as_str(),
        "unscannable",
        "{:?}",
        report.findings
    );
}

#[test]
fn checksums_and_sizes_are_compared() {
    assert_finds(
        &zip(&[Member {
            checksum: 0,
            ..good()
        }]),
        "zip_checksum",
    );
    assert_malicious(&zip(&[Member {
        checksum: 0,
        ..bad()
    }]));
    let short = Member { size: 5, ..good() };
    assert_finds(&zip(&[short]), "zip_size");
    let long = Member {
        size: 5000,
        ..Member::deflated("a.npy", &array())
    };
    assert_finds(&zip(&[long]), "zip_size");
}

#[test]
fn data_behind_the_packed_data_is_judged() {
    let packed = [deflate(&array()), evil()].concat();
    let member = Member::packed("a.npy", 8, &packed, &array());
    assert_finds(&zip(std::slice::from_ref(&member)), "zip_data_trailing");
    assert_malicious(&zip(&[member]));
}

#[test]
fn damaged_data_is_judged_as_far_as_it_goes() {
    let mut packed = deflate(&[evil(), vec![7; 4000], (0..=255).collect()].concat());
    packed.truncate(packed.len() - 3);
    let member = Member::packed("data.pkl", 8, &packed, &evil());
    assert_finds(&zip(std::slice::from_ref(&member)), "zip_data_damaged");
    assert_malicious(&zip(&[member]));
}

#[test]
fn headers_are_compared_with_the_directory() {
    let renamed = Member {
        local_name: Some(b"a.txt".to_vec()),
        ..good()
    };
    assert_finds(&zip(&[renamed]), "zip_headers_disagree");
    // The header announces a method that the directory does not.
    let Archive {
        mut bytes, headers, ..
    } = archive(b"", &[Member::deflated("a.npy", &array())], b"");
    bytes[headers[0] + 8] = 0;
    assert_finds(&bytes, "zip_headers_disagree");
    // The directory says stored and so shows nothing; readers of streams unpack.
    let Archive {
        mut bytes,
        directory,
        ..
    } = archive(b"", &[Member::deflated("data.pkl", &evil())], b"");
    bytes[directory + 10] = 0;
    assert_malicious(&bytes);
}

#[test]
fn extra_fields_stay_in_their_room() {
    let extra = |extra: &[u8]| {
        zip(&[Member {
            central_extra: extra.to_vec(),
            ..good()
        }])
    };
    assert_finds(&extra(&[1, 0, 0xff, 0xff]), "zip_extra");
    assert_finds(&extra(&[b'F', b'B', 1, 0]), "zip_extra");
    assert_clean("a.zip", &extra(&[b'F', b'B', 1, 0, b'Z']));
    assert_clean("a.zip", &extra(&[0; 3]));
}

#[test]
fn duplicates_are_all_judged() {
    for members in [
        [
            bad(),
            Member {
                packed: array(),
                ..named_like_bad()
            },
        ],
        [named_like_bad(), bad()],
    ] {
        assert_finds(&zip(&members), "path_duplicate");
        assert_malicious(&zip(&members));
    }
    assert_finds(
        &zip(&[good(), Member::stored("./a.npy", &array())]),
        "path_duplicate",
    );
    assert_finds(
        &zip(&[good(), Member::stored("a.npy\0.txt", &array())]),
        "path_duplicate",
    );
}

fn named_like_bad() -> Member {
    Member::stored("data.pkl", &array())
}

#[test]
fn members_that_only_one_reader_sees_are_judged() {
    // No record leads to the bad one.
    let hidden = [local(&bad()), zip_behind(local(&bad()).len(), &[good()])].concat();
    assert_finds(&hidden, "zip_unclaimed");
    assert_malicious(&hidden);
    // There is no directory at all.
    assert_malicious(&local(&bad()));
    let streamed = Member {
        flags: 8,
        ..Member::deflated("data.pkl", &evil())
    };
    assert_malicious(&[local(&Member { flags: 8, ..good() }), local(&streamed)].concat());
    assert_finds(&local(&good()), "zip_end_missing");
}

/// An archive whose offsets count from `before` bytes in front of it.
fn zip_behind(before: usize, members: &[Member]) -> Vec<u8> {
    archive(&vec![0; before], members, b"").bytes[before..].to_vec()
}

#[test]
fn bytes_around_an_archive_are_judged() {
    let inner = zip(&[good()]);
    for bytes in [
        [evil(), inner.clone()].concat(),
        [inner.clone(), evil()].concat(),
        [
            vec![0; 100],
            evil(),
            zip_behind(100 + evil().len(), &[good()]),
        ]
        .concat(),
    ] {
        assert_finds(&bytes, "zip_unclaimed");
    }
    assert_malicious(&[evil(), inner.clone()].concat());
    assert_malicious(&[inner.clone(), evil()].concat());
    // The archive itself is found behind anything.
    assert_malicious(&[b"#!/bin/sh\n".to_vec(), zip(&[bad()])].concat());
    assert_malicious(&[vec![0x55; 100_000], zip(&[bad()])].concat());
}

#[test]
fn every_end_is_read() {
    let first = zip(&[bad()]);
    let second = zip_behind(first.len(), &[good()]);
    let both = [first.clone(), second.clone()].concat();
    assert_finds(&both, "zip_several_ends");
    assert_malicious(&both);
    // The second archive is the comment of the first.
    let carrier = archive(b"", &[good()], &zip(&[bad()])).bytes;
    assert_malicious(&carrier);
    // An end of which the directory is not where it says.
    let Archive { mut bytes, end, .. } = archive(b"", &[good()], b"");
    bytes[end + 16] ^= 1;
    assert_finds(&bytes, "zip_unclaimed");
    // Counts that readers believe and others do not.
    let Archive { mut bytes, end, .. } = archive(b"", &[good(), bad()], b"");
    bytes[end + 8] = 1;
    bytes[end + 10] = 1;
    assert_finds(&bytes, "zip_end_disagrees");
    assert_malicious(&bytes);
}

#[test]
fn wide_ends_have_to_agree() {
    let Archive {
        bytes,
        directory,
        end,
        ..
    } = archive(b"", &[good()], b"");
    let with = |count: u64, bytes_of: u64, start: u64| {
        [
            &bytes[..end],
            &wide_end(count, bytes_of, start),
            &bytes[end..],
        ]
        .concat()
    };
    let (length, start) = ((end - directory) as u64, directory as u64);
    assert_clean("a.npz", &with(1, length, start));
    assert_finds(&with(2, length, start), "zip_end_disagrees");
    assert_finds(&with(1, length - 1, start), "zip_end_disagrees");
}

#[test]
fn shared_bytes_are_found() {
    let member = good();
    let mut bytes = local(&member);
    let start = bytes.len();
    bytes.extend(central(&member, 0));
    bytes.extend(central(
        &Member {
            name: b"b.npy".to_vec(),
            ..member
        },
        0,
    ));
    let length = bytes.len() - start;
    bytes.extend(end_record(2, length, start, b""));
    assert_finds(&bytes, "zip_overlap");
}

#[test]
fn names_that_lead_elsewhere_are_found() {
    for (name, rule) in [
        ("../a.npy", "path_traversal"),
        ("b/../../a.npy", "path_traversal"),
        ("b\\..\\..\\a.npy", "path_traversal"),
        ("/a.npy", "path_absolute"),
        ("C:\\a.npy", "path_absolute"),
        ("\\\\host\\a.npy", "path_absolute"),
        ("a\nb.npy", "path_malformed"),
        ("", "path_malformed"),
    ] {
        assert_finds(&zip(&[Member::stored(name, &array())]), rule);
    }
    assert_clean(
        "a.npz",
        &zip(&[Member::stored("b/../a..b/.c.npy", &array())]),
    );
}

#[test]
fn links_and_devices_are_found() {
    let link = |target: &str| Member {
        mode: 0o120_777,
        ..Member::stored("folder/link", target.as_bytes())
    };
    assert_finds(&zip(&[link("/etc/passwd")]), "path_link_escapes");
    assert_finds(&zip(&[link("../../etc/passwd")]), "path_link_escapes");
    assert_finds(&zip(&[link("../a.npy")]), "path_link");
    let through = Member::stored("folder/link/a.npy", &array());
    assert_finds(&zip(&[link("."), through]), "path_through_link");
    assert_finds(
        &zip(&[Member {
            mode: 0o020_666,
            ..good()
        }]),
        "path_device",
    );
}

#[test]
fn archives_in_archives_are_judged_up_to_a_depth() {
    let mut bytes = zip(&[bad()]);
    for _ in 0..3 {
        bytes = zip(&[Member::deflated("in.zip", &bytes)]);
    }
    assert_malicious(&bytes);
    for _ in 0..8 {
        bytes = zip(&[Member::stored("in.zip", &bytes)]);
    }
    assert_finds(&bytes, "limit_depth");
}

#[test]
fn bombs_end_at_a_limit() {
    let zeros = vec![0; 32 << 20];
    let report = assert_finds(&zip(&[Member::deflated("data.pkl", &zeros)]), "limit_ratio");
    assert_eq!(report.verdict.as_str(), "unscannable");
}

#[test]
fn every_truncation_is_refused() {
    let whole = zip(&[good(), Member::deflated("b.npy", &array())]);
    for length in 1..whole.len() {
        let report = super::scan("a.npz", &whole[..length]);
        assert_ne!(report.verdict.as_str(), "clean", "{length}");
    }
}

#[test]
fn what_is_said_to_be_a_link_is_judged_as_content_too() {
    assert_malicious(&zip(&[Member {
        mode: 0o120_777,
        ..bad()
    }]));
}

#[test]
fn a_member_may_claim_to_end_behind_all_bytes() {
    let sizes = Fields(vec![1, 0]).u16(16).u64(u64::MAX).u64(u64::MAX).0;
    let mut bytes = local(&Member {
        extra: sizes,
        ..good()
    });
    bytes[18..26].fill(0xff);
    assert_finds(&bytes, "zip_end_missing");
}

/// A thousand records of a few bytes lead to one header with a name of 64 KiB, which each of them would have kept.
#[test]
fn names_that_many_members_share_are_not_kept_for_each() {
    let long = Member {
        local_name: Some(vec![b'n'; 0xffff]),
        ..Member::stored("a.npy", &array())
    };
    let mut bytes = super::archive::local(&long);
    let directory = bytes.len();
    for _ in 0..1100 {
        bytes.extend(super::archive::central(&long, 0));
    }
    let length = bytes.len() - directory;
    bytes.extend(super::archive::end_record(1100, length, directory, b""));
    assert_finds(&bytes, "path_limit");
}
