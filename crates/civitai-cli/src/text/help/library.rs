//! The help of `library` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    ("library", "ライブラリにあるファイルを調べ、整えます"),
    ("library check-db", "カタログに問題がないか確かめます"),
    ("library list", "ライブラリのファイルを一覧します"),
    (
        "library scan",
        "ファイルを調べ、ハッシュを計算し、何であるかを突き止めます",
    ),
    (
        "library show",
        "ファイルについて分かっていることをすべて表示します",
    ),
    ("library verify", "ファイルが変わっていないか確かめます"),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "library list",
        "base_model",
        "このベースモデル用だけ (\"SDXL 1.0\" など)",
    ),
    ("library list", "missing", "もうないファイルだけ"),
    (
        "library list",
        "model_type",
        "この種類のモデルだけ (LORA、Checkpoint など)",
    ),
    (
        "library list",
        "text",
        "パス、モデル名、バージョン名にこの文字列を含むものだけ",
    ),
    (
        "library list",
        "unmatched",
        "サイトのファイルと確認できていないものだけ",
    ),
    (
        "library scan",
        "folders",
        "調べるフォルダー [既定: ライブラリ全体]",
    ),
    (
        "library scan",
        "no_hash",
        "ファイルを読まず、有無だけを調べる",
    ),
    ("library scan", "offline", "サイトに問い合わせない"),
    ("library show", "files", "ファイル、またはその SHA-256"),
    (
        "library verify",
        "paths",
        "確かめるフォルダーやファイル [既定: すべて]",
    ),
];
