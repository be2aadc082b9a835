//! The help of `library` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    ("library", "ライブラリにあるファイルを調べ、整えます"),
    ("library backup", "カタログを、後で戻せるように複製します"),
    ("library check-db", "カタログに問題がないか確かめます"),
    (
        "library export",
        "カタログの内容をすべてテキストで書き出します",
    ),
    ("library import", "書き出されたカタログを取り込みます"),
    ("library list", "ライブラリのファイルを一覧します"),
    ("library restore", "カタログをバックアップの状態に戻します"),
    (
        "library repair",
        "破損したファイルを、必要な部分だけ取得して直します",
    ),
    (
        "library scan",
        "ファイルを調べ、ハッシュを計算し、何であるかを突き止めます",
    ),
    (
        "library show",
        "ファイルについて分かっていることをすべて表示します",
    ),
    (
        "library updates",
        "サイトに新しいものがあるファイルを一覧します",
    ),
    ("library verify", "ファイルが変わっていないか確かめます"),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "library backup",
        "if_older",
        "最後のバックアップがこれより古いときだけ (24h など)",
    ),
    (
        "library backup",
        "keep",
        "残しておくこの種類のバックアップの数",
    ),
    (
        "library backup",
        "list",
        "あるバックアップを表示し、新たに作らない",
    ),
    (
        "library check-db",
        "to_schema",
        "このプログラムの別の版のために、先にテーブルをこのバージョンに移す",
    ),
    (
        "library export",
        "format",
        "jsonl (すべて) または csv (ファイルの表)",
    ),
    ("library export", "to", "書き出すファイル [既定: 標準出力]"),
    (
        "library import",
        "file",
        "`library export` が書き出したファイル",
    ),
    (
        "library restore",
        "file",
        "戻すバックアップ [既定: 問題のない最新のもの]",
    ),
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
        "library repair",
        "from",
        "コピーのあるフォルダー (バックアップなど)。正しいと証明できた部分を使う",
    ),
    ("library repair", "offline", "ネットワークを使わない"),
    (
        "library repair",
        "paths",
        "直すフォルダーやファイル。名前を挙げたファイルはなくなっていても取得する [既定: すべて]",
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
        "library updates",
        "paths",
        "調べるフォルダーやファイル [既定: すべて]",
    ),
    (
        "library updates",
        "same_base",
        "ベースモデルがまったく同じバージョンだけ",
    ),
    (
        "library verify",
        "deep",
        "すべてのバイトを読み、破損した場所を示す",
    ),
    (
        "library verify",
        "every",
        "この期間 (30d など) 読んでいないファイルだけ",
    ),
    (
        "library verify",
        "io_limit",
        "読み込みを毎秒この量 (50M など) までに抑える",
    ),
    (
        "library verify",
        "watch",
        "中断されるまで続け、期限が来たファイルを読み直す",
    ),
    (
        "library verify",
        "paths",
        "確かめるフォルダーやファイル [既定: すべて]",
    ),
];
