use civitai_security::FileName;
use civitai_security::name::MAX_BYTES;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

const DEVICES: [&str; 12] = [
    "con", "PRN", "aux", "Nul", "COM1", "com9", "LPT1", "COM¹", "lpt²", "COM³", "CONIN$", "clock$",
];

fn clean(raw: &str) -> String {
    FileName::clean(raw, "fallback.bin").as_str().to_owned()
}

fn disposition(header: &[u8]) -> String {
    FileName::from_disposition(header, "fallback.bin")
        .as_str()
        .to_owned()
}

#[test]
fn only_the_last_part_of_a_path_stays() {
    let table = [
        ("model.safetensors", "model.safetensors"),
        ("../../x", "x"),
        ("/etc/x", "x"),
        (r"..\..\x", "x"),
        (r"C:\x", "x"),
        ("C:x", "C_x"),
        (r"\\host\x", "x"),
        ("file:x", "file_x"),
        ("x:stream", "x_stream"),
        ("dir/", "dir"),
        ("x/..", "x"),
        (r"a\b/c\", "c"),
        ("..", "fallback.bin"),
        ("", "fallback.bin"),
        ("////", "fallback.bin"),
        (". - ~", "fallback.bin"),
    ];
    for (raw, expected) in table {
        assert_eq!(clean(raw), expected, "{raw:?}");
    }
}

#[test]
fn device_names_are_changed_and_their_neighbours_are_not() {
    let table = [
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM1.safetensors", "_COM1.safetensors"),
        ("LPT9", "_LPT9"),
        ("aux.", "_aux"),
        ("COM¹.bin", "_COM¹.bin"),
        ("lpt³.tar.gz", "_lpt³.tar.gz"),
        ("con .txt", "_con .txt"),
        ("con\u{3000}.txt", "_con\u{3000}.txt"),
        ("name ", "name"),
        ("name.", "name"),
        ("name. . .", "name"),
        ("CONSOLE.txt", "CONSOLE.txt"),
        ("COM10.bin", "COM10.bin"),
        ("COM.bin", "COM.bin"),
        ("icon", "icon"),
    ];
    for (raw, expected) in table {
        assert_eq!(clean(raw), expected, "{raw:?}");
    }
}

#[test]
fn invisible_and_reordering_characters_go() {
    let table = [
        ("a\0b\nc\r\td\u{1b}[31me\u{7f}.bin", "abcd[31me.bin"),
        ("\u{9b}31mx", "31mx"),
        ("gpj.\u{202e}exe.safetensors", "gpj.exe.safetensors"),
        ("a\u{2066}b\u{2069}c\u{200e}d\u{61c}e", "abcde"),
        ("a\u{200b}b\u{200d}c\u{feff}d\u{ad}e\u{2060}f", "abcdef"),
        ("a\u{3164}\u{2800}b\u{e0041}c", "abc"),
        ("a\u{2028}b\u{fffe}c", "abc"),
        ("\u{200b}\u{202e}", "fallback.bin"),
        ("lone\u{fffd}\u{fffd}bytes", "lone__bytes"),
        ("cafe\u{200b}\u{301}.bin", "café.bin"),
    ];
    for (raw, expected) in table {
        assert_eq!(clean(raw), expected, "{raw:?}");
    }
}

#[test]
fn nothing_a_shell_takes_for_an_option_or_a_hidden_file_is_at_the_front() {
    let table = [
        ("-rf", "rf"),
        ("--", "fallback.bin"),
        (".ssh", "ssh"),
        (".bashrc", "bashrc"),
        ("~x", "x"),
        ("$(x)", "$(x)"),
        ("%s", "%s"),
        ("*", "_"),
        ("a<b>c\"d|e?f*g", "a_b_c_d_e_f_g"),
        ("  .- x", "x"),
        (
            "モデル v2 (最新).safetensors",
            "モデル v2 (最新).safetensors",
        ),
        ("50%25 off.bin", "50%25 off.bin"),
    ];
    for (raw, expected) in table {
        assert_eq!(clean(raw), expected, "{raw:?}");
    }
}

#[test]
fn long_names_are_cut_at_a_character_and_keep_the_extension() {
    let ascii = clean(&format!("{}.safetensors", "a".repeat(300)));
    assert_eq!(ascii.len(), MAX_BYTES);
    assert!(ascii.ends_with("aaa.safetensors"));

    let wide = clean(&format!("{}.gguf", "𝕏".repeat(255)));
    assert_eq!(wide, format!("{}.gguf", "𝕏".repeat((MAX_BYTES - 5) / 4)));

    let prose = clean(&format!("v1.{}", "no extension at all ".repeat(30)));
    assert!(prose.len() <= MAX_BYTES && prose.starts_with("v1.no extension"));

    let cut_to_a_space = clean(&format!(
        "{} {}.bin",
        "a".repeat(MAX_BYTES - 5),
        "b".repeat(50)
    ));
    assert_eq!(cut_to_a_space, format!("{}.bin", "a".repeat(MAX_BYTES - 5)));

    let device_after_the_cut = clean(&format!("con{}x.bin", " ".repeat(300)));
    assert_eq!(device_after_the_cut, "_con.bin");
}

#[test]
fn the_longest_name_leaves_room_for_what_stands_beside_it() {
    let longest = FileName::clean(&"x".repeat(1000), "");
    assert_eq!(longest.as_str().len(), MAX_BYTES);
    for suffix in [".part", ".part.json", ".quarantine"] {
        assert!(longest.as_str().len() + suffix.len() <= 255, "{suffix}");
    }
}

#[test]
fn no_name_passes_for_a_file_of_ours_beside_another() {
    let table = [
        ("x.safetensors.part", "x.safetensors_part"),
        ("x.safetensors.PART.json", "x.safetensors_PART.json"),
        ("x.bin.quarantine", "x.bin_quarantine"),
        ("x.party", "x.party"),
        (".part", "part"),
    ];
    for (raw, expected) in table {
        assert_eq!(clean(raw), expected, "{raw:?}");
    }
    let cut_to_ours = clean(&format!("{}.partly.json", "x".repeat(MAX_BYTES - 10)));
    assert!(cut_to_ours.ends_with("x_part.json"), "{cut_to_ours}");
}

#[test]
fn the_fallback_is_cleaned_too() {
    assert_eq!(FileName::clean("..", "../con").as_str(), "_con");
    assert_eq!(FileName::clean("..", "..").as_str(), "file");
}

#[test]
fn a_second_file_gets_its_id_before_the_extension() {
    let named = |raw| FileName::clean(raw, "").with_id(42).as_str().to_owned();
    assert_eq!(named("model.safetensors"), "model.42.safetensors");
    assert_eq!(named("model"), "model.42");
    assert_eq!(named("a.tar.gz"), "a.tar.42.gz");
    let long = FileName::clean(&format!("{}.safetensors", "a".repeat(300)), "").with_id(u64::MAX);
    assert_eq!(long.as_str().len(), MAX_BYTES);
    assert!(
        long.as_str()
            .ends_with("a.18446744073709551615.safetensors")
    );
}

#[test]
fn names_that_some_file_system_takes_for_the_same_share_a_key() {
    let key = |raw| FileName::clean(raw, "").collision_key();
    let same = [
        ("Model.safetensors", "model.SAFETENSORS"),
        ("caf\u{e9}.bin", "cafe\u{301}.bin"),
        ("STRASSE", "straße"),
        ("straße", "STRAẞE"),
        ("ΟΔΟΣ", "οδος"),
        ("οδοσ", "οδος"),
        ("\u{212a}elvin", "kelvin"),
        ("ÅNGSTRÖM", "a\u{30a}ngstro\u{308}m"),
    ];
    for (a, b) in same {
        assert_eq!(key(a), key(b), "{a} and {b}");
    }
    assert_ne!(key("model.safetensors"), key("model2.safetensors"));
    assert_ne!(key("モデル"), key("もでる"));
}

#[test]
fn content_disposition_is_decoded_once_and_cleaned() {
    let table: [(&[u8], &str); 23] = [
        (
            b"attachment; filename=\"Name.safetensors\"",
            "Name.safetensors",
        ),
        (b"attachment; filename=Name.safetensors", "Name.safetensors"),
        (b"attachment;FileName = \"a b.bin\" ; x=y", "a b.bin"),
        (b"attachment; filename=\"../../x\"", "x"),
        (b"attachment; filename=\"/etc/x\"", "x"),
        (b"attachment; filename=\"..\\..\\x\"", "x"),
        (b"attachment; filename=\"C:\\x\"", "x"),
        (b"attachment; filename=\"\\\\host\\x\"", "x"),
        (b"attachment; filename=\"file:x\"", "file_x"),
        (b"attachment; filename=\"a\\\"b;c.bin\"", "a_b;c.bin"),
        (b"attachment; filename*=UTF-8''..%2F..%2Fx.bin", "x.bin"),
        (
            b"attachment; filename=\"plain.bin\"; filename*=UTF-8''%e3%83%a2.bin",
            "モ.bin",
        ),
        (
            b"attachment; filename*=utf-8'en'%e2%82%ac.bin; filename=\"plain.bin\"",
            "€.bin",
        ),
        (b"attachment; filename*=iso-8859-1'en'%a3.bin", "£.bin"),
        (b"attachment; filename*=UTF-8''a%252Fb.bin", "a%2Fb.bin"),
        (
            b"attachment; filename*=KOI8-R''x.bin; filename=plain.bin",
            "plain.bin",
        ),
        (
            b"attachment; filename*=broken; filename=plain.bin",
            "plain.bin",
        ),
        (b"attachment; filename=\"never closed", "never closed"),
        (b"attachment; filename=\"\xff\xfe.bin\"", "__.bin"),
        (b"attachment; filename=", "fallback.bin"),
        (b"attachment; filename", "fallback.bin"),
        (b"attachment", "fallback.bin"),
        (b"", "fallback.bin"),
    ];
    for (header, expected) in table {
        assert_eq!(disposition(header), expected, "{}", header.escape_ascii());
    }
}

/// Pieces that names go wrong with, mixed at random.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => "[a-zA-Z0-9]{1,8}",
        2 => prop::sample::select(&DEVICES[..]).prop_map(str::to_owned),
        3 => prop::sample::select(&[
            ".", " ", "-", "~", "/", "\\", ":", "_", "\u{200b}", "\u{301}", "\u{338}", "<", ".part",
            ".part.json", ".quarantine", ".safetensors", "\u{3000}", "\u{fe0f}", "\u{1100}", "\u{1161}",
        ][..]).prop_map(str::to_owned),
        1 => (prop::sample::select(&['a', ' ', '𝕏', 'é', '.'][..]), 0..300_usize)
            .prop_map(|(c, n)| String::from(c).repeat(n)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Legality as the three systems define it, written down a second time.
fn assert_legal(name: &str) -> Result<(), TestCaseError> {
    prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
    prop_assert!(
        !name.contains(|c: char| c.is_control() || "<>:\"/\\|?*".contains(c)),
        "{name:?}"
    );
    prop_assert!(!name.starts_with(['.', '-', '~', ' ']), "{name:?}");
    prop_assert!(!name.ends_with(['.', ' ']), "{name:?}");
    let base = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_lowercase();
    prop_assert!(
        DEVICES.iter().all(|device| device.to_lowercase() != base),
        "{name:?}"
    );
    let lower = name.to_lowercase();
    prop_assert!(
        ![".part", ".part.json", ".quarantine"]
            .iter()
            .any(|own| lower.ends_with(own))
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_name_is_legal_and_stays_as_it_is_when_cleaned_again(raw in hostile(), fallback in hostile()) {
        let name = FileName::clean(&raw, &fallback);
        assert_legal(name.as_str())?;
        prop_assert_eq!(&FileName::clean(name.as_str(), &fallback), &name);
        prop_assert_eq!(&FileName::clean(name.as_str(), "other"), &name);
    }

    #[test]
    fn a_short_extension_survives(stem in hostile(), extension in "[a-z]{1,12}") {
        prop_assume!(!["part", "quarantine", "json"].contains(&extension.as_str()));
        let stem = format!("x{}", stem.replace(['/', '\\'], ""));
        let name = FileName::clean(&format!("{stem}.{extension}"), "");
        prop_assert_eq!(name.extension(), Some(extension.as_str()));
    }

    #[test]
    fn a_name_with_an_id_is_as_legal(raw in hostile(), id: u64) {
        let name = FileName::clean(&raw, "").with_id(id);
        assert_legal(name.as_str())?;
        let infix = format!(".{id}");
        prop_assert!(name.as_str().contains(&infix));
        prop_assert_eq!(&FileName::clean(name.as_str(), ""), &name);
    }

    #[test]
    fn no_header_breaks_the_reader(header in prop::collection::vec(any::<u8>(), 0..200), tail: bool) {
        let mut bytes = if tail { b"attachment; filename*=UTF-8''".to_vec() } else { b"a; filename=\"".to_vec() };
        bytes.extend(header);
        assert_legal(&disposition(&bytes))?;
    }

    #[test]
    fn cleaning_changes_no_key(raw in hostile()) {
        let name = FileName::clean(&raw, "");
        // File systems that map more than single letters take letters apart first: an iota below a letter (U+0345)
        // becomes a letter, and the marks of the first one must not come to stand on that.
        let upper = name.as_str().nfd().collect::<String>().to_uppercase();
        // Upper case may lengthen a name over the limit, or uncover a device (`ﬆ`, `ﬀ`).
        prop_assume!(upper.len() <= MAX_BYTES);
        let upper = FileName::clean(&upper, "");
        prop_assert_eq!(upper.collision_key(), name.collision_key());
    }
}
