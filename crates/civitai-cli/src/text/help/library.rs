//! The help of `library` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    ("library", "ライブラリにあるファイルを調べ、整えます"),
    ("library check-db", "カタログに問題がないか確かめます"),
    ("library list", "ライブラリのファイルを一覧します"),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[];
