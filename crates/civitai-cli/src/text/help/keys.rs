//! The help of `keys` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[
    ("decrypt", "`encrypt` が書いたファイルを復号します"),
    ("encrypt", "`keys` が保管する鍵でファイルを暗号化します"),
    ("keys", "ファイルの暗号化に使う鍵を扱います"),
    (
        "keys audit",
        "鍵に対して行ったことを表示し、記録が変わっていないことを確かめます",
    ),
    (
        "keys backup",
        "鍵を控えます。マシン鍵とマスター鍵は 24 個の単語、鍵ペアはファイルになります",
    ),
    ("keys create", "鍵を一つ作ります"),
    (
        "keys destroy",
        "鍵の秘密を消します。その鍵でしか開けないものは失われます",
    ),
    ("keys export-public", "鍵ペアの公開鍵を PEM で出力します"),
    ("keys import", "PEM の RSA 公開鍵または秘密鍵を取り込みます"),
    ("keys init", "basic と standard のための鍵を作ります"),
    ("keys list", "鍵の一覧を表示します"),
    ("keys passphrase", "鍵のパスフレーズを変えます"),
    (
        "keys renew",
        "暗号化したファイルごとに新しいファイル鍵を作り、暗号化し直します",
    ),
    ("keys restore", "単語またはファイルから鍵を復元します"),
    (
        "keys revoke",
        "鍵を今後の暗号化に使わないようにします。復号には使えます",
    ),
    (
        "keys rotate",
        "暗号化したすべてのファイルで、古い鍵を新しい鍵に替えます",
    ),
];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "decrypt",
        "files",
        "暗号化されたファイル (age のものも可)。結果は .cke や .age を除いた名前になります",
    ),
    ("decrypt", "output", "結果の名前 (一つのファイルのとき)"),
    (
        "decrypt",
        "to",
        "ファイルの隣の代わりに、このディレクトリへ書く",
    ),
    (
        "encrypt",
        "files",
        "暗号化するファイル。結果は FILE.cke で、元のファイルは残ります。暗号化済みのものは中身を暗号化し直します",
    ),
    (
        "decrypt",
        "identity",
        "age のファイルを開くための ID ファイル。繰り返し指定可",
    ),
    (
        "encrypt",
        "age_recipient",
        "代わりに、この鍵 (age1...) の持ち主のための FILE.age を書く。繰り返し指定可",
    ),
    (
        "encrypt",
        "age_recipients_file",
        "その鍵を一行に一つ書いたファイル。繰り返し指定可",
    ),
    (
        "encrypt",
        "age_passphrase",
        "代わりに、パスフレーズで保護した FILE.age を書く",
    ),
    (
        "encrypt",
        "identity",
        "すでに age で暗号化されたファイルを開くための ID ファイル",
    ),
    (
        "encrypt",
        "level",
        "保護のレベル: basic、standard、high、maximum",
    ),
    (
        "encrypt",
        "to",
        "ファイルの隣の代わりに、このディレクトリへ書く",
    ),
    (
        "get",
        "encrypt",
        "名前を付ける前に暗号化し、NAME.cke とする: basic、standard、high、maximum",
    ),
    (
        "",
        "passphrase_file",
        "パスフレーズのファイル。複数あるときは一行に一つ。繰り返し指定可",
    ),
    (
        "",
        "passphrase_fd",
        "パスフレーズを読むファイル記述子の番号",
    ),
    (
        "keys backup",
        "id",
        "鍵の ID またはその先頭 [既定: マスター鍵]",
    ),
    (
        "keys backup",
        "output",
        "標準出力の代わりに、自分だけが読めるこのファイルへ書く",
    ),
    (
        "keys create",
        "kind",
        "作る鍵: machine、master、rsa (high と maximum のための鍵ペア)",
    ),
    (
        "keys create",
        "bits",
        "RSA の長さ: 3072 または 4096 [既定: 4096]",
    ),
    (
        "keys create",
        "ml_kem",
        "量子コンピューターでも破れない ML-KEM-768 の鍵を加える",
    ),
    ("keys create", "name", "誰の鍵ペアか"),
    (
        "keys create",
        "no_passphrase",
        "秘密鍵をパスフレーズで保護しない",
    ),
    ("keys destroy", "id", "鍵の ID またはその先頭"),
    ("keys destroy", "yes", "確認しない"),
    ("keys export-public", "id", "鍵ペアの ID またはその先頭"),
    (
        "keys export-public",
        "output",
        "標準出力の代わりにこのファイルへ書く",
    ),
    ("keys import", "file", "PEM のファイル。- は標準入力"),
    ("keys import", "name", "誰の鍵か"),
    (
        "keys import",
        "no_passphrase",
        "秘密鍵をパスフレーズで保護しない",
    ),
    (
        "keys passphrase",
        "id",
        "鍵の ID またはその先頭 [既定: マスター鍵]",
    ),
    (
        "keys passphrase",
        "new_passphrase_file",
        "新しいパスフレーズのファイル",
    ),
    (
        "keys renew",
        "places",
        "暗号化したファイルやディレクトリ。繰り返し指定可 [既定: ライブラリと、暗号化を行った場所]",
    ),
    (
        "keys restore",
        "file",
        "単語、または `keys backup` のファイル。- は標準入力 [既定: キーボード]",
    ),
    (
        "keys restore",
        "kind",
        "単語が表す鍵: master または machine [既定: master]",
    ),
    ("keys revoke", "id", "鍵の ID またはその先頭"),
    (
        "keys rotate",
        "key",
        "鍵の ID またはその先頭、machine、master [既定: マスター鍵]",
    ),
    (
        "keys rotate",
        "places",
        "暗号化したファイルやディレクトリ。繰り返し指定可 [既定: ライブラリと、暗号化を行った場所]",
    ),
    (
        "keys rotate",
        "files_only",
        "鍵は作らず、以前の交換で漏れたファイルを今の鍵に替える",
    ),
];
