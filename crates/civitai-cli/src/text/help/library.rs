//! The help of `library` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    ("library duplicates", "同じ内容のファイルを探します"),
    ("library empty-trash", "ごみ箱の中身を完全に削除します"),
    ("library move", "モデルを付属ファイルごと移動します"),
    (
        "library orphans",
        "どのモデルにも属さないファイルを探します",
    ),
    ("library remove", "モデルをごみ箱に入れます"),
    ("library rename", "モデルの名前を変えます"),
    (
        "library sidecars",
        "今ある付属ファイルから別のツールの形式を書きます",
    ),
    (
        "library tree",
        "ライブラリを木の形で表示し、別の配置でどうなるかを示します",
    ),
    ("library undo", "操作を取り消します"),
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
        "library duplicates",
        "link",
        "同じ内容のファイルに実体を共有させる (ハードリンク、reflink、シンボリックリンク)",
    ),
    (
        "library move",
        "all",
        "すべてのモデルを配置の決める場所へ移動する",
    ),
    (
        "library move",
        "leave_sidecars",
        "付属ファイルとプレビューを元の場所に残す",
    ),
    (
        "library move",
        "paths",
        "モデルやフォルダー。--to がなければ、複数のうち最後が移動先",
    ),
    (
        "library move",
        "to",
        "移動先のフォルダー [既定: 配置が決める場所]",
    ),
    (
        "library empty-trash",
        "ids",
        "操作の番号 [既定: ごみ箱の中身すべて]",
    ),
    (
        "library empty-trash",
        "older_than",
        "これより前に入れたものだけ (30d など)",
    ),
    ("library orphans", "remove", "ごみ箱に入れる"),
    (
        "library remove",
        "leave_sidecars",
        "付属ファイルとプレビューを残す",
    ),
    (
        "library remove",
        "paths",
        "ごみ箱に入れるモデルやフォルダー",
    ),
    (
        "library remove",
        "undo",
        "最後の操作、またはこの番号の操作を取り消す",
    ),
    ("library rename", "file", "名前を変えるモデル"),
    (
        "library rename",
        "leave_sidecars",
        "付属ファイルとプレビューの名前は変えない",
    ),
    ("library rename", "name", "同じフォルダーでの新しい名前"),
    (
        "library sidecars",
        "format",
        "書く形式: civitai-info、a1111、cm-info、metadata-json、swarm",
    ),
    (
        "library sidecars",
        "paths",
        "モデルやフォルダー [既定: ライブラリ全体]",
    ),
    (
        "library tree",
        "extra_model_paths",
        "ComfyUI の extra_model_paths.yaml にこのライブラリを書く",
    ),
    (
        "library tree",
        "link_to",
        "その木を別のディレクトリに作る (各モデルはハードリンク、reflink、シンボリックリンク)",
    ),
    ("library undo", "id", "操作の番号 [既定: 最後の操作]"),
    ("", "dry_run", "何をするかを示すだけで、実行しない"),
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
    (
        "library scan",
        "watch",
        "中断されるまで続け、変わったところをその都度調べる",
    ),
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
