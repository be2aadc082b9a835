//! The help of the verbs of a project in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    (
        "add",
        "モデルをこのプロジェクトに加え、ファイルを確定します",
    ),
    (
        "export",
        "civitai.lock の内容を他のツールの形式で書き出します",
    ),
    ("init", "ディレクトリをプロジェクトにします"),
    ("lock", "civitai.toml が求めるファイルを確定します"),
    ("remove", "モデルをこのプロジェクトから外します"),
    ("sync", "ライブラリを civitai.lock のとおりにします"),
    ("tree", "civitai.lock の内容を木の形で表示します"),
    (
        "upgrade",
        "civitai.toml の許す範囲で新しいバージョンに更新し、取得します",
    ),
    (
        "library upgrade",
        "civitai.toml の許す範囲で新しいバージョンに更新し、取得します",
    ),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "add",
        "base",
        "このベースモデル用のバージョンだけ (\"SDXL 1.0\" など)",
    ),
    (
        "add",
        "links",
        "リンク、ID、URN、ハッシュ。@FILE や - で一行に一つのリスト",
    ),
    ("add", "dry_run", "何をするかだけを表示する"),
    ("add", "file_id", "この ID のファイル"),
    (
        "add",
        "format",
        "ファイルの形式: safetensors、gguf、pickle など",
    ),
    ("add", "fp", "ファイルの数値形式: fp16、fp8、bf16 など"),
    ("add", "quant", "ファイルの量子化: Q4_K_M、Q8_0 など"),
    ("add", "size", "ファイルの大きさ: full または pruned"),
    ("add", "path", "レイアウトに代えて使う、ライブラリ内のパス"),
    (
        "add",
        "version",
        "バージョン: ID、default、latest、latest-same-base",
    ),
    (
        "",
        "accept_unverified",
        "Civitai がダイジェストを示さないファイルも受け入れる",
    ),
    (
        "",
        "consent_real_person",
        "実在の人物のモデルを、確認なしで取得することに同意する",
    ),
    (
        "export",
        "format",
        "sh (curl のスクリプト)、aria2 (入力ファイル)、cyclonedx (部品表 ML-BOM 1.6)",
    ),
    ("export", "output", "標準出力の代わりにこのファイルへ書く"),
    (
        "init",
        "directory",
        "対象のディレクトリ [既定: 現在のディレクトリ]",
    ),
    (
        "lock",
        "upgrade",
        "確定済みのものも調べ直す (`upgrade` と同じ)",
    ),
    (
        "lock",
        "check",
        "何も変えず、ロックが civitai.toml と違えば失敗する",
    ),
    ("lock", "dry_run", "何をするかだけを表示する"),
    (
        "remove",
        "links",
        "civitai.toml のリンク、モデルやバージョンの ID、またはロックにあるパス",
    ),
    ("remove", "dry_run", "何をするかだけを表示する"),
    ("sync", "locked", "ロックが civitai.toml と違えば失敗する"),
    (
        "sync",
        "frozen",
        "同上。さらに、ファイルの取得以外はサイトに問い合わせない",
    ),
    (
        "sync",
        "check",
        "何も変えず、違いを表示する。違いがあれば 9 で終わる",
    ),
    ("sync", "dry_run", "何をするかだけを表示する"),
    ("sync", "wait", "同じファイルを扱う別のプロセスを待つ"),
    ("upgrade", "links", "調べ直すリンクやパス [既定: すべて]"),
    ("upgrade", "dry_run", "何が変わるかだけを表示する"),
    (
        "upgrade",
        "no_sync",
        "ロックだけを変え、ファイルは次の `sync` に任せる",
    ),
];
