//! Japanese.

use civitai_api::Gap;
use civitai_download::Verified;
use civitai_library::fetch::Action;

use super::{Hint, Label, Lang, Message, paths, size, span, tenths};
use crate::exit::Kind;
use crate::settings::Bad;

pub(super) fn say(message: &Message) -> String {
    match message {
        Message::AlreadyThere { path } => format!("{} はすでにあり、検証済みです", path.display()),
        Message::BadArguments { text } => text.clone(),
        Message::BadDigest { place, problem } => format!("{place}: ダイジェストが正しくありません: {problem}"),
        Message::BadChoice { flag, choice } => match choice.nearest {
            Some(nearest) => format!("{flag}: 「{}」は使えません。「{nearest}」のことですか?", choice.given),
            None => format!("{flag}: 「{}」は使えません (使える値: {})", choice.given, choice.known.join(", ")),
        },
        Message::BadFlag { flag, problem } => format!("{flag} の値が正しくありません: {problem}"),
        Message::BadLine {
            list,
            line,
            problem,
        } => format!("{list} の {line} 行目: {problem}"),
        Message::BadLink { link, problem } => {
            match problem {
                Some(problem) => format!("`{link}` はリンクとして解釈できません: {problem}"),
                None => format!("`{link}` はリンクとして解釈できません"),
            }
        }
        Message::BadName { path, better } => {
            format!("{} の名前は安全ではありません。{better} なら使えます", path.display())
        }
        Message::BadSetting { place, problem } => format!("{place}: {}", bad(problem)),
        Message::BadToml { path, problem } => {
            format!("{} は正しい TOML ではありません: {problem}", path.display())
        }
        Message::Bulk(bulk) => bulk.say(Lang::Ja),
        Message::ConfigFine { path } => format!("{} に問題はありません", path.display()),
        Message::ConfigNothing => "設定ファイルはありません。既定値を使います".to_owned(),
        Message::ConfigSaved { key, path } => format!("{key} を {} に保存しました", path.display()),
        Message::Crashed { message, place } => {
            format!("プログラムの不具合です: {message} ({place})")
        }
        Message::DemoAgain => "\nもう一度: あるものは検証し、ストレージには何も求めません".to_owned(),
        Message::DemoBegins { site } => format!("Civitai のシミュレーターが {site} で動いています。外部とは通信しません"),
        Message::DemoBroken { code } => format!("ある手順が想定外の {code} で終わりました"),
        Message::DemoCommand { words } => format!("\n$ civitai-dl {words}"),
        Message::DemoEnds { files, leases, bytes, leaks } => format!(
            "\n{files} ファイル、リース {leases} 回、通信量 {}。ストレージに届いたトークン、Cookie、HEAD は {leaks} 件",
            size(*bytes)
        ),
        Message::DemoFaults => {
            "\nここからは接続の切断、サーバーの停止、リースの期限切れ、ストレージの切り替えが起こります".to_owned()
        }
        Message::DemoInterrupt => "\n取得を途中で中断し、同じコマンドで続きから再開します".to_owned(),
        Message::DemoScan => "\n読み込まれたときに何が起こりうるかを、実行せずに調べます".to_owned(),
        Message::DoctorAccount { user } => format!("サイトはこのトークンを {user} のものと認識しています"),
        Message::DoctorClock => "時計はサイトと合っています".to_owned(),
        Message::DoctorClockOff { skew } => format!("時計が {} 秒ずれています", skew.as_secs()),
        Message::DoctorConfig { files } => format!("{} を読みました", paths(files, "、")),
        Message::DoctorLittleSpace { bytes } => format!("ライブラリの空き容量が {} しかありません", size(*bytes)),
        Message::DoctorNoRoots => "このシステムには認証局の証明書がありません".to_owned(),
        Message::DoctorNotWritable { path } => format!("{} に書き込めません", path.display()),
        Message::DoctorOffline => "指示どおり接続していません".to_owned(),
        Message::DoctorRoots => "認証局の証明書があります".to_owned(),
        Message::DoctorSite { site, status } => format!("{site} は応答しています (状態 {status})"),
        Message::DoctorSpace { bytes } => format!("ライブラリの空き容量は {} です", size(*bytes)),
        Message::DoctorToken { source } => format!("トークンがあります ({source})"),
        Message::DoctorTokensDiffer { used, other } => {
            format!("{used} のトークンを使います。{other} には別のトークンがあります")
        }
        Message::DoctorWritable { path } => format!("{} に書き込めます", path.display()),
        Message::EditorFailed { editor } => {
            format!("{editor} が正常に終了しなかったため、ファイルを確認していません")
        }
        Message::EmptyToken => "トークンが空です".to_owned(),
        Message::Fetched { path, resumed, bytes, verified, elapsed } => {
            let how = if *resumed { "再開して取得" } else { "取得" };
            let proof = match verified {
                Verified::None => "未検証".to_owned(),
                proof => format!("{proof} 検証済み"),
            };
            format!("{how}: {} ({}、{proof}、{} 秒)", path.display(), size(*bytes), tenths(*elapsed))
        }
        Message::Incomplete { gap: reason } => format!("一覧は不完全かもしれません: {}", gap(reason)),
        Message::Interrupted => "中断しました".to_owned(),
        Message::Flow(flow) => flow.say(Lang::Ja),
        Message::Keys(keys) => keys.say(Lang::Ja),
        Message::Guard(guard) => guard.say(Lang::Ja),
        Message::Library(library) => library.say(Lang::Ja),
        Message::LineEnd => "\n".to_owned(),
        Message::ListMissing { path, problem } => {
            format!("一覧 {} を読めません: {problem}", path.display())
        }
        Message::LoggedIn { user, site } => format!("{site} に {user} としてログインしました"),
        Message::LoggedOut { site } => format!("{site} のトークンを削除しました"),
        Message::ManyModels { link } => format!("{link} は一つのモデルではなく、複数のモデルを指します"),
        Message::Measure(measure) => measure.say(Lang::Ja),
        Message::Project(project) => project.say(Lang::Ja),
        Message::ModelArchived => "モデルはアーカイブされており、ダウンロードできません".to_owned(),
        Message::NameTaken { path } => format!("{} には別のファイルがあります", path.display()),
        Message::NoCertificate { path } => format!("{} に証明書がありません", path.display()),
        Message::NoEditor => "$VISUAL にも $EDITOR にもエディターが設定されていません".to_owned(),
        Message::NoFiles => "このリンクからはファイルを取得できません".to_owned(),
        Message::NoHome { key } => {
            format!("{key} を置くホームディレクトリがありません。値を設定してください")
        }
        Message::NoProject => "このディレクトリとその上位に civitai.toml がありません".to_owned(),
        Message::NoToken => "トークンが設定されていません".to_owned(),
        Message::NoVersions => "公開されているバージョンがありません".to_owned(),
        Message::NotAnAddress { text } => format!("`{text}` は http または https のアドレスではありません"),
        Message::NotASize { text } => format!("`{text}` はバイト数ではありません"),
        Message::NothingFound => "見つかりませんでした".to_owned(),
        Message::NothingStored { site } => format!("{site} のトークンは保存されていません"),
        Message::OneAddressOnly => {
            "--output、--sha256、--blake3 はアドレスが一つの場合だけ使えます。複数なら --list を使ってください".to_owned()
        }
        Message::OutputLost { problem } => format!("標準出力に書き込めません: {problem}"),
        Message::PictureTellsNothing => "画像の作成に使われたモデルがサイトに記録されていません".to_owned(),
        Message::Place(place) => place.say(Lang::Ja),
        Message::Planned {
            action,
            path,
            other,
            bytes,
        } => {
            let action = match action {
                Action::Download => "取得",
                Action::Link => "共有",
                Action::Resume => "再開",
                Action::Skip => "不要",
            };
            let other = other.as_ref().map_or_else(String::new, |other| {
                format!(
                    "\n  または {}: どちらになるかはヘッダーで決まり、--dry-run では取得しません",
                    other.display()
                )
            });
            let bytes = bytes.map_or("サイズ不明".to_owned(), size);
            format!("{action}: {} ({bytes}){other}", path.display())
        }
        Message::Quarantined { path } => format!("受信したままのファイルを {} に隔離しました", path.display()),
        Message::SameFile { link } => format!("{link} は今回すでに取得するファイルと同じです"),
        Message::Sealed(sealed) => sealed.say(Lang::Ja),
        Message::SecretFileIsOpen { path } => {
            format!(
                "{} は他のユーザーから読めます。chmod 600 {0} を実行してください",
                path.display()
            )
        }
        Message::SimRunning { site } => {
            format!("シミュレーターを {site} で実行中です。Ctrl-C で終了します")
        }
        Message::StoppedAtLimit { limit } => {
            format!("{limit} 件で止めました。続きがあるかもしれません。--limit N か --all で表示できます")
        }
        Message::Stopping => "停止しています。もう一度 Ctrl-C を押すとすぐに終了します".to_owned(),
        Message::Sum { planned, bytes, .. } if *planned > 0 => format!("{planned} ファイル、{}", size(*bytes)),
        Message::Sum { fetched, skipped, linked, failed, interrupted, bytes, elapsed, .. } => {
            let stopped = match interrupted {
                0 => String::new(),
                count => format!("、中断 {count}"),
            };
            let shared = match linked {
                0 => String::new(),
                count => format!("、共有 {count}"),
            };
            format!(
                "取得 {fetched}、取得済み {skipped}{shared}、失敗 {failed}{stopped}、{} ({} 秒)",
                size(*bytes),
                tenths(*elapsed)
            )
        }
        Message::TokenDistrusted { key, path } => format!(
            "{key} は {} で指定されているため、トークンを送りません。信頼できる場合はフラグで指定してください",
            path.display()
        ),
        Message::TokenFlag => {
            "トークンはコマンドラインでは受け付けません。他のユーザーから見えてしまうためです"
                .to_owned()
        }
        Message::TokenInFile { key, place } => {
            format!("{place} の `{key}`: トークンは設定ファイルに書けません")
        }
        Message::TokenPrompt { site } => format!("{site} の API トークン (表示されません): "),
        Message::TokenStoredInFile { path } => format!(
            "キーリングが使えないため、トークンを {} に保存しました。本人だけが読めますが、暗号化されていません",
            path.display()
        ),
        Message::TokenStoredInKeyring => "トークンをシステムのキーリングに保存しました".to_owned(),
        Message::TokenUnverified => "サイトに確認せずにトークンを保存しました".to_owned(),
        Message::UnknownBaseModel { problem } => format!("未知のベースモデルです: {problem}"),
        Message::UnknownKey {
            key,
            place,
            nearest,
        } => {
            format!(
                "{place} に不明なキー `{key}` があります{}",
                did_you_mean(*nearest)
            )
        }
        Message::UnknownTable {
            table,
            place,
            nearest,
        } => {
            format!(
                "{place} に不明な表またはキー `{table}` があります{}",
                did_you_mean(*nearest)
            )
        }
        Message::WaitingFor { path, holder } => {
            let who = holder.map_or("他のプロセス".to_owned(), |id| format!("プロセス {id}"));
            format!("{} を扱っている{who}の終了を待っています", path.display())
        }
        Message::Whoami { user, source } => format!("{user} (トークン: {source})"),
        Message::WrongShape { key, place } => {
            format!("{place} の `{key}` は文字列、整数、または true/false でなければなりません")
        }
    }
}

fn bad(problem: &Bad) -> String {
    match problem {
        Bad::NotOneOf {
            text,
            known,
            nearest,
        } => {
            format!(
                "`{text}` は {} のいずれでもありません{}",
                known.join("、"),
                did_you_mean(*nearest)
            )
        }
        Bad::NotANumber { text } => {
            format!("`{text}` は auto でも 1 から 64 までの数でもありません")
        }
        Bad::NotARate { text } => format!("`{text}` は 500K、20M、1GiB のような速度ではありません"),
        Bad::NotATime { text } => format!("`{text}` は 90、60s、2m のような時間ではありません"),
        Bad::NotAnOrigin { text } => {
            format!("`{text}` は https://civitai.com のようなサイトではありません")
        }
        Bad::NotAProxy { text } => {
            format!(
                "`{text}` は http://host:3128 や socks5://host:1080 のようなプロキシではありません"
            )
        }
        Bad::NotALayout { problem } => format!("このテンプレートは使えません: {problem}"),
        Bad::UnknownVariable { name, nearest } => {
            format!(
                "テンプレート変数 `{name}` は不明です{}",
                did_you_mean(*nearest)
            )
        }
    }
}

fn gap(gap: &Gap) -> String {
    match gap {
        Gap::Unfinished => "最後まで読んでいません".to_owned(),
        Gap::Failed => "エラーで終わりました".to_owned(),
        Gap::Boundaries { boundaries } => {
            format!("{boundaries} か所のページの境目で、サイトが一件ずつ落とした可能性があります")
        }
        Gap::Loop => "サイトが同じページを繰り返し始めました".to_owned(),
        Gap::Fruitless { pages } => format!("新しいもののないページが {pages} 続きました"),
        Gap::Cursor { status } => {
            format!("サイトが自分のカーソルを拒否しました (状態 {status})")
        }
        Gap::Unreadable { items } => format!("{items} 件を読み取れませんでした"),
        Gap::Unordered { missing } => {
            format!("サイトの並び順が定まらず、{missing} 件が現れませんでした")
        }
        Gap::UnknownTag => "サイトはこのタグを知りません".to_owned(),
        other => other.to_string(),
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("。`{word}` のことですか?"))
}

/// What an error of this kind is called; the library's own English words follow it.
pub(super) fn headline(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "使い方の誤り",
        Kind::Unsupported => "対応していません",
        Kind::DeepPaging => "ページが深すぎます",
        Kind::LoginRequired => "ログインが必要です",
        Kind::BadToken => "トークンが無効です",
        Kind::DownloadsDisabled => "作者がダウンロードを許可していません",
        Kind::EarlyAccess => "早期アクセス期間中です",
        Kind::NoAccess => "アクセス権がありません",
        Kind::RegionBlocked => "この地域では利用できません",
        Kind::NotFound => "見つかりません",
        Kind::Archived => "アーカイブされています",
        Kind::StorageOutage => "ストレージが応答しません",
        Kind::Server => "サーバーのエラー",
        Kind::Network => "ネットワークのエラー",
        Kind::Timeout => "時間切れ",
        Kind::Quota => "ダウンロード数の上限に達しました",
        Kind::RateLimited => "リクエストが多すぎます",
        Kind::Integrity => "内容が一致しません",
        Kind::Unverified => "検証できません",
        Kind::NoSpace => "空き容量がありません",
        Kind::Io => "入出力のエラー",
        Kind::Locked => "他のプロセスが使用中です",
        Kind::UnsafeContent => "危険な内容です",
        Kind::UnsafeAddress => "安全でないアドレスです",
        Kind::Policy => "ポリシーで禁止されています",
        Kind::Interrupted => "中断しました",
        Kind::Internal => "内部エラー",
    }
}

pub(super) fn hint(hint: &Hint) -> String {
    let text = match hint {
        Hint::Bulk(bulk) => return bulk.say(Lang::Ja),
        Hint::Keys(keys) => return keys.say(Lang::Ja),
        Hint::Guard(guard) => return guard.say(Lang::Ja),
        Hint::Library(library) => return library.say(Lang::Ja),
        Hint::Project(project) => return project.say(Lang::Ja),
        Hint::DidYouMean(word) => return format!("`{word}` のことですか?"),
        Hint::ComeBackIn(wait) => {
            return format!(
                "{} 後にもう一度試すか、--max-wait を大きくしてください",
                span(*wait)
            );
        }
        Hint::MoveAway => "それを移動するか、別のディレクトリまたは名前を指定してください",
        Hint::StartOver => {
            "最初からやり直すには、ジャーナルと隣の .part ファイルを移動してください。どちらも変更していません"
        }
        Hint::OtherName => {
            "別のディレクトリか名前を選んでください。--force なら、新しいファイルの検証後に置き換えます"
        }
        Hint::Kind(kind) => kind_hint(*kind),
        Hint::InstallRoots => {
            "ca-certificates パッケージを入れるか、--ca-file で PEM ファイルを指定してください"
        }
        Hint::OneToken => "使わない方を取り除いてください",
        Hint::SetClock => "時計を合わせてください。署名付きアドレスと証明書の検証に必要です",
        Hint::KeepTokenOff => {
            "`civitai-dl login` を実行するか、CIVITAI_TOKEN または --token-file FILE を使ってください"
        }
        Hint::UseSearch => "`civitai-dl search` で一覧できます",
        Hint::SeeSettings => "`civitai-dl config show --origin` で全設定とその出所を確認できます",
        Hint::LinkForms => {
            "モデルかバージョンの id、ページやダウンロードの URL、AIR URN、ハッシュを指定してください。`&` を含む URL は引用符で囲みます"
        }
        Hint::PrivateOrigin => {
            "公開サイトには https が必要です。自分のネットワークのサイトなら --allow-private-network を付けてください"
        }
    };
    text.to_owned()
}

fn kind_hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "`civitai-dl help` を見てください",
        Kind::Unsupported => "サイトの API にこの機能はありません",
        Kind::DeepPaging => "フィルターで検索を絞ってください",
        Kind::LoginRequired => {
            "`civitai-dl login` を実行するか CIVITAI_TOKEN を設定してください。トークンはサイトの /user/account で作れます"
        }
        Kind::BadToken => {
            "サイトの /user/account でトークンを作り直し、`civitai-dl login` を実行してください"
        }
        Kind::DownloadsDisabled => {
            "作者がサイト上での利用だけを許可しています。トークンでは変わりません"
        }
        Kind::EarlyAccess => {
            "サイトでアクセス権を購入するか、早期アクセスの終了後にもう一度試してください"
        }
        Kind::NoAccess => "ダウンロードできるアカウントでログインしてください",
        Kind::RegionBlocked => "サイトが接続元の地域によって決めています。トークンでは変わりません",
        Kind::NotFound => "サイトで id を確認してください。非公開または削除された可能性があります",
        Kind::Archived => "作者がアーカイブしました。別のバージョンを探してください",
        Kind::StorageOutage => {
            "ファイルはありますがストレージが応答しません。後で同じコマンドを実行してください"
        }
        Kind::Server => "サーバーのエラーが続いています。後で同じコマンドを実行してください",
        Kind::Network => {
            "接続、--proxy、--ca-file を確認し、同じコマンドをもう一度実行してください"
        }
        Kind::Timeout => "サーバーの応答が遅すぎます。同じコマンドをもう一度実行してください",
        Kind::Quota => {
            "直近 24 時間の数です。明日もう一度試してください。取得済みのファイルは取り直しません"
        }
        Kind::RateLimited => "サーバーが求める時間だけ待つか、--max-wait を大きくしてください",
        Kind::Integrity => "ファイルは隔離されました。もう一度実行すると取り直します",
        Kind::Unverified => {
            "検証できないファイルを受け入れるには --accept-unverified を付けてください"
        }
        Kind::NoSpace => {
            "空き容量を増やすか、別のディレクトリを選んでください。取得済みの部分は再利用されます"
        }
        Kind::Io => "パスがあり、書き込めることを確認してください",
        Kind::Locked => "終わるまで待ってください。--wait を付けると待ってから続行します",
        Kind::UnsafeContent => {
            "隔離されたものは `civitai-dl quarantine list` で確認できます。--accept-unsafe を付けると受け入れます"
        }
        Kind::UnsafeAddress => {
            "https の公開アドレスだけを使います。自分のネットワークなら --allow-private-network で許可できます"
        }
        Kind::Policy => "ポリシーで禁止されています",
        Kind::Interrupted => "同じコマンドをもう一度実行すると、続きから再開します",
        Kind::Internal => "同じコマンドに -vv を付けた出力を添えて報告してください",
    }
}

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::BaseModel => "ベースモデル",
        Label::Commercial => "商用利用",
        Label::Confidence => "確からしさ",
        Label::Evidence => "根拠",
        Label::Family => "系統",
        Label::Format => "形式",
        Label::Precision => "精度",
        Label::Rank => "ランク",
        Label::Creator => "作者",
        Label::Derivatives => "派生物",
        Label::Disabled => "作者が許可していません",
        Label::Done => "完了",
        Label::Download => "ダウンロード",
        Label::Downloads => "ダウンロード数",
        Label::EarlyAccess => "早期アクセス期限",
        Label::Error => "エラー",
        Label::File => "ファイル",
        Label::Fine => "正常",
        Label::Hint => "ヒント",
        Label::Job => "ジョブ",
        Label::Level => "レベル",
        Label::Licence => "ライセンス",
        Label::Missing => "未取得",
        Label::Model => "モデル",
        Label::Name => "名前",
        Label::No => "不可",
        Label::NoCredit => "クレジット省略",
        Label::OtherLicence => "別ライセンス",
        Label::OrVersion => "またはバージョン",
        Label::Permanent => "購入が必要",
        Label::Problem => "異常",
        Label::Published => "公開日",
        Label::Scan => "検査",
        Label::Size => "サイズ",
        Label::Status => "状態",
        Label::Tags => "タグ",
        Label::TrainedWords => "トリガーワード",
        Label::Type => "種類",
        Label::Version => "バージョン",
        Label::Warning => "警告",
        Label::Yes => "可",
    }
}
