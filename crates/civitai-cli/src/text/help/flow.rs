//! The help of `from-workflow` in Japanese.

pub(super) const ABOUTS: &[(&str, &str)] = &[(
    "from-workflow",
    "ワークフローや画像が使うモデルと、足りないものを示します",
)];

pub(super) const ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "from-workflow",
        "files",
        "ComfyUI や InvokeAI のワークフロー、画像 (PNG、JPEG、WebP)、生成情報のテキスト",
    ),
    (
        "from-workflow",
        "add",
        "特定できたモデルを civitai.toml と civitai.lock に追加します",
    ),
    (
        "from-workflow",
        "offline",
        "ライブラリとだけ照合し、サイトには問い合わせません",
    ),
];
