//! The help pages in Japanese: the derive macro holds the English ones.

mod flow;
mod guard;
mod keys;
mod library;
mod project;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command};

use super::Lang;

/// Puts the help of a command and all below it into `lang`.
pub(crate) fn translate_help(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Ja => {
            let mut command = command;
            // Building adds `help` and its flags, which are to be translated like the rest.
            command.build();
            translate(command, "")
        }
    }
}

fn translate(command: Command, path: &str) -> Command {
    let mut command = command
        .subcommand_help_heading("コマンド")
        .help_template(TEMPLATE)
        .mut_args(|arg| {
            let heading = heading(&arg);
            let arg = arg.help_heading(heading);
            match argument(path, arg.get_id().as_str()) {
                Some(text) => arg.help(text).long_help(None),
                None => arg,
            }
        });
    if let Some(about) = about(path) {
        command = command.about(about).long_about(None);
    }
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path} {name}")
        };
        command = command.mut_subcommand(name, |sub| translate(sub, &below));
    }
    command
}

fn heading(arg: &Arg) -> &'static str {
    match arg.get_help_heading() {
        Some(_) => "設定と出力",
        None if arg.is_positional() => "引数",
        None => "オプション",
    }
}

/// What is wrong with a command line, as far as clap says it in other ways than English.
pub(crate) fn misuse(error: &clap::Error) -> String {
    let value = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = value(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument => format!("不明な引数 `{argument}` です"),
        ErrorKind::InvalidSubcommand => {
            format!(
                "不明なコマンド `{}` です",
                value(ContextKind::InvalidSubcommand)
            )
        }
        ErrorKind::MissingRequiredArgument => format!("必要な引数がありません: {argument}"),
        ErrorKind::MissingSubcommand => "コマンドがありません".to_owned(),
        ErrorKind::ArgumentConflict => {
            format!(
                "`{argument}` は `{}` と同時に使えません",
                value(ContextKind::PriorArg)
            )
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!(
            "`{}` は `{argument}` の値として正しくありません",
            value(ContextKind::InvalidValue)
        ),
        _ => format!("`{argument}` の使い方が正しくありません"),
    }
}

fn about(path: &str) -> Option<&'static str> {
    if path == "help" || path.ends_with(" help") {
        return Some("このヘルプ、またはコマンドのヘルプを表示します");
    }
    let all = [
        ABOUTS,
        flow::ABOUTS,
        keys::ABOUTS,
        guard::ABOUTS,
        library::ABOUTS,
        project::ABOUTS,
    ]
    .into_iter()
    .flatten();
    all.copied()
        .find(|(name, _)| *name == path)
        .map(|(_, text)| text)
}

/// The text for an argument: one of this command alone, else the one all commands share.
fn argument(path: &str, id: &str) -> Option<&'static str> {
    let find = |wanted: &str| {
        let all = [
            ARGUMENTS,
            flow::ARGUMENTS,
            keys::ARGUMENTS,
            guard::ARGUMENTS,
            library::ARGUMENTS,
            project::ARGUMENTS,
        ]
        .into_iter()
        .flatten();
        all.copied()
            .find(|(verb, name, _)| *verb == wanted && *name == id)
    };
    let kin = match path {
        "bulk run" => "get",
        "library upgrade" => "upgrade",
        path => path,
    };
    find(path)
        .or_else(|| find(kin))
        .or_else(|| find(""))
        .map(|(_, _, text)| text)
}

const TEMPLATE: &str = "{about-with-newline}\n使い方: {usage}\n\n{all-args}{after-help}";

const ABOUTS: &[(&str, &str)] = &[
    (
        "",
        "Civitai のモデルを探し、取得し、内容が約束どおりであることを確かめます",
    ),
    ("bench", "設定の効果を測ります"),
    (
        "bench ab",
        "一覧のファイルをそれぞれ二つの設定のどちらかで取得し、どちらが速いかを示します",
    ),
    (
        "bulk",
        "停止や再起動があっても続くジョブで、多くのリンクを取得します",
    ),
    ("bulk cancel", "ジョブを取り消します"),
    ("bulk list", "すべてのジョブを一覧します"),
    ("bulk pause", "ジョブを一時停止します"),
    (
        "bulk resume",
        "一時停止したジョブをバックグラウンドで再開します",
    ),
    (
        "bulk retry",
        "失敗または取り消した分をバックグラウンドでやり直します",
    ),
    ("bulk run", "リンクからジョブを作り、実行します"),
    ("bulk show", "ジョブとリンクごとの結果を表示します"),
    ("bulk supervise", "待機中のジョブがなくなるまで実行します"),
    ("bulk wait", "ジョブの終了を待ちます"),
    ("completions", "シェルの補完スクリプトを出力します"),
    ("config", "設定を表示、変更、確認します"),
    (
        "config edit",
        "ユーザーの設定ファイルをエディターで開き、保存後に確認します",
    ),
    ("config get", "設定を一つ表示します"),
    (
        "config set",
        "ユーザーの設定ファイルに書き込みます (コメントは残ります)",
    ),
    ("config show", "すべての設定を表示します"),
    ("config validate", "設定ファイルを確認します"),
    (
        "demo",
        "主な働きを手元のシミュレーターで示します。ネットワークもトークンも不要です",
    ),
    (
        "doctor",
        "設定、トークン、ディスク、ネットワークを確認し、直し方を示します",
    ),
    (
        "fetch",
        "Civitai に限らず、任意のアドレスから取得して内容を確かめます",
    ),
    ("get", "モデルを取得し、内容を確かめます"),
    (
        "hash",
        "Civitai が使うすべてのハッシュを、一度の読み込みで計算します",
    ),
    (
        "identify",
        "モデルファイルが何であるかを、ヘッダーだけから判定します",
    ),
    ("info", "モデルまたはバージョンを表示します"),
    ("login", "このサイトの API トークンを保存します"),
    ("logout", "保存した API トークンを削除します"),
    ("man", "マニュアルページを出力します"),
    ("resolve", "リンクが何を指すかを表示します"),
    ("search", "モデルを検索します"),
    ("sim", "手元で動く Civitai の模型を起動します"),
    ("whoami", "使用中のトークンの持ち主を表示します"),
];

const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "",
        "allow_private_network",
        "プライベートネットワークのアドレスを許可する",
    ),
    ("", "base_url", "接続するサイト [既定: https://civitai.com]"),
    ("", "ca_file", "追加の認証局の PEM ファイル"),
    ("", "color", "色: auto、always、never"),
    ("", "connections", "ファイルごとの接続数 (数または auto)"),
    ("", "data_dir", "このプログラム自身のデータの置き場所"),
    (
        "",
        "enable_experimental_performance",
        "試験中の機能を有効にする",
    ),
    ("", "force_sync_mode", "一度に一ファイル、一接続で取得する"),
    ("", "help", "ヘルプを表示する"),
    ("", "id", "ジョブの id (`bulk list` に表示されるもの)"),
    ("", "jobs", "同時に取得するファイル数 (数または auto)"),
    ("", "json", "標準出力に一行一つの JSON を出力する"),
    ("", "lang", "メッセージの言語: en または ja"),
    (
        "",
        "layout",
        "ライブラリの配置: comfyui、a1111、forge、invokeai、swarmui、stabilitymatrix、flat、またはテンプレート",
    ),
    ("", "library", "モデルライブラリの場所"),
    ("", "limit_rate", "全体の速度の上限 (20M など)"),
    (
        "",
        "monitor_performance",
        "転送と要求の性能を、一定の間隔と最後に報告する",
    ),
    ("", "max_wait", "サーバーが求める待ち時間の上限 (60s など)"),
    (
        "",
        "proxy",
        "すべての通信に使うプロキシ (http、https、socks5)",
    ),
    ("", "quiet", "失敗だけを表示する"),
    (
        "",
        "report_interval",
        "性能を報告する間隔 (秒数、または 2m など) [既定: 10]",
    ),
    ("", "token_file", "API トークンを書いたファイル"),
    ("", "verbose", "詳しく表示する (-vv: すべて)"),
    ("", "version", "版を表示する"),
    (
        "bench ab",
        "a",
        "一つ目の設定のフラグ (\"--connections 1\" など)",
    ),
    (
        "bench ab",
        "b",
        "二つ目の設定のフラグ (\"--connections 8\" など)",
    ),
    (
        "bench ab",
        "list",
        "ファイルの一覧 (`fetch --list` と同じ形式)",
    ),
    ("bench ab", "rounds", "一覧を取得する回数 (毎回分け直す)"),
    (
        "bench ab",
        "seed",
        "ファイルの振り分けを決める種 (比較を繰り返すとき) [既定: 自動]",
    ),
    (
        "bench ab",
        "to",
        "測定中のファイルを置くディレクトリ [既定: システムのもの]",
    ),
    (
        "bulk run",
        "detach",
        "端末を閉じても続くよう、バックグラウンドで実行する",
    ),
    (
        "bulk run",
        "mode",
        "速さのために使う資源: speed、efficiency、minimal、adaptive",
    ),
    ("bulk run", "name", "ジョブの名前"),
    (
        "bulk run",
        "strategy",
        "ファイルの取得順: sequential、parallel、adaptive",
    ),
    (
        "completions",
        "shell",
        "bash、elvish、fish、powershell、zsh のいずれか",
    ),
    (
        "config edit",
        "project",
        "プロジェクトの civitai.toml を開く",
    ),
    ("config get", "key", "設定の名前 (base-url など)"),
    ("config set", "key", "設定の名前 (base-url など)"),
    (
        "config set",
        "project",
        "プロジェクトの civitai.toml に書く",
    ),
    ("config set", "value", "新しい値 (空なら設定を取り除く)"),
    ("config show", "origin", "値の出所も表示する"),
    ("config validate", "file", "確認するファイル"),
    ("doctor", "offline", "どこにも接続しない"),
    ("fetch", "blake3", "ファイルが持つべき BLAKE3"),
    ("fetch", "dry_run", "何をするかだけを表示する"),
    ("fetch", "force", "同名の別のファイルを、検証後に置き換える"),
    (
        "fetch",
        "list",
        "一覧ファイル (一行に url、名前、sha256、バイト数をタブ区切り)。- で標準入力",
    ),
    ("fetch", "output", "ファイルの書き込み先"),
    ("fetch", "sha256", "ファイルが持つべき SHA-256"),
    (
        "fetch",
        "to",
        "ファイルを置くディレクトリ [既定: 現在のディレクトリ]",
    ),
    ("fetch", "urls", "取得するアドレス"),
    (
        "fetch",
        "wait",
        "他のプロセスが同じファイルを扱っている間は待つ",
    ),
    (
        "get",
        "accept_unverified",
        "Civitai にダイジェストのないファイルも受け入れる",
    ),
    ("get", "all_files", "バージョンのすべてのファイル"),
    ("get", "all_versions", "モデルのすべてのバージョン"),
    ("get", "dry_run", "何をするかだけを表示する"),
    ("get", "file_id", "この id のファイル"),
    ("get", "force", "同名の別のファイルを、検証後に置き換える"),
    (
        "get",
        "format",
        "ファイルの形式: safetensors、gguf、pickle など",
    ),
    ("get", "fp", "数値形式: fp16、fp8、bf16 など"),
    (
        "get",
        "links",
        "リンク、id、URN、ハッシュ。@FILE または - で一覧を読む",
    ),
    ("get", "no_sidecars", "モデルの横に付属ファイルを書かない"),
    ("get", "quant", "量子化: Q4_K_M、Q8_0 など"),
    ("get", "size", "大きさ: full または pruned"),
    ("get", "to", "ファイルを置くディレクトリ (配置なし)"),
    (
        "get",
        "wait",
        "他のプロセスが同じファイルを扱っている間は待つ",
    ),
    (
        "get",
        "with_images",
        "各バージョンの作例画像も N 枚まで取得する",
    ),
    ("hash", "files", "ハッシュを計算するファイル"),
    (
        "identify",
        "files",
        "ファイル、または diffusers 形式のフォルダー。--header-json では - で標準入力",
    ),
    (
        "identify",
        "header_json",
        "JSON に書き出した safetensors のヘッダーとして読む",
    ),
    (
        "info",
        "link",
        "モデルかバージョンのリンク、id、URN、ハッシュ",
    ),
    ("login", "no_verify", "サイトに確認せずに保存する"),
    ("man", "to", "コマンドごとのページをこのディレクトリに書く"),
    (
        "resolve",
        "links",
        "リンク、id、URN、ハッシュ。@FILE または - で一覧を読む",
    ),
    ("resolve", "online", "id やハッシュが何かをサイトに尋ねる"),
    ("", "refresh", "15 分以内に尋ねたことも改めて尋ねる"),
    ("search", "all", "すべてのモデルを表示する"),
    (
        "search",
        "base_models",
        "ベースモデル (\"SDXL 1.0\" など)。繰り返し可",
    ),
    (
        "search",
        "category",
        "このカテゴリーだけ (character、style など)",
    ),
    ("search", "checkpoint_type", "Trained または Merge"),
    (
        "search",
        "commercial",
        "許可されている商用利用 (Image、Sell など)。繰り返し可",
    ),
    ("search", "format", "この形式のファイルを持つモデルだけ"),
    ("search", "limit", "表示するモデル数の上限"),
    ("search", "max_downloads", "ダウンロード数の上限"),
    ("search", "min_downloads", "ダウンロード数の下限"),
    (
        "search",
        "nsfw",
        "含める最も高いレベル: pg、pg13、r、x、xxx [既定: pg]",
    ),
    ("search", "period", "Day、Week、Month、Year、AllTime"),
    ("search", "query", "検索する言葉"),
    ("search", "since", "最新バージョンの公開日がこの日以降"),
    (
        "search",
        "sort",
        "並び順 (\"Most Downloaded\"、Newest など)",
    ),
    ("search", "tag", "このタグを持つモデルだけ"),
    (
        "search",
        "types",
        "モデルの種類 (LORA、Checkpoint など)。繰り返し可",
    ),
    ("search", "until", "最新バージョンの公開日がこの日以前"),
    ("search", "username", "この作者のモデルだけ"),
    ("sim", "payloads", "このディレクトリの記録済みの応答を返す"),
    ("sim", "port", "サイトのポート (0 なら空いているもの)"),
    ("sim", "seed", "乱数の種"),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    fn check(command: &Command, path: &str, missing: &mut Vec<String>) {
        if command.get_name() != "help" && about(path).is_none() {
            missing.push(format!("about of `{path}`"));
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let id = arg.get_id().as_str();
            if argument(path, id).is_none() {
                missing.push(format!("{id} of `{path}`"));
            }
        }
        for sub in command.get_subcommands() {
            check(
                sub,
                format!("{path} {}", sub.get_name()).trim_start(),
                missing,
            );
        }
    }

    #[test]
    fn every_verb_and_flag_is_explained_in_japanese() {
        let mut missing = Vec::new();
        check(&Cli::command(), "", &mut missing);
        assert!(missing.is_empty(), "no Japanese for: {missing:#?}");
    }
}
