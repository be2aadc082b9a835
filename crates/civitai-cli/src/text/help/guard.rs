//! The help of `scan` and `quarantine` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    (
        "quarantine",
        "隔離されたファイルを確認し、解除または削除します",
    ),
    ("quarantine delete", "ファイルを完全に削除します"),
    ("quarantine list", "隔離されたファイルを一覧します"),
    (
        "quarantine release",
        "ファイルを本来の場所に置きます (検証も検査もやり直しません)",
    ),
    (
        "quarantine show",
        "ファイルについてすべて表示し、もう一度検査します",
    ),
    (
        "scan",
        "モデルファイルに危険な内容がないか、実行せずに調べます",
    ),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "",
        "kept-id",
        "ファイルの番号 (`quarantine list` に表示されるもの)",
    ),
    (
        "",
        "kept-ids",
        "ファイルの番号 (`quarantine list` に表示されるもの)",
    ),
    ("", "accept_unsafe", "検査で危険とされた内容も受け入れる"),
    (
        "scan",
        "clamav",
        "このソケットのウイルススキャナーにも尋ね、その答えを必須とする",
    ),
    (
        "scan",
        "paths",
        "ファイル、またはフォルダー (中のすべてを対象とする)",
    ),
];
