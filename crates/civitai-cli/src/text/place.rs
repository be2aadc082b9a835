//! What is said about where files stand and what stands beside them.

use std::path::PathBuf;

use civitai_library::link::How;
use civitai_library::operation::Verb;

use super::{Lang, count, size};

/// A sentence about places and sidecars, or a hint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    ComfyTold {
        path: PathBuf,
    },
    Done {
        id: u64,
        verb: Verb,
        files: usize,
        undoable: bool,
    },
    Duplicates {
        groups: usize,
        bytes: u64,
    },
    Group {
        is_content: bool,
        files: usize,
        bytes: u64,
    },
    InTrash {
        files: usize,
        bytes: u64,
    },
    NoForm {
        text: String,
        known: String,
    },
    NoPicture {
        url: String,
        /// Absent where it may not be asked for.
        problem: Option<String>,
    },
    NoSidecars {
        problem: String,
    },
    NotHashed {
        files: usize,
    },
    NothingToDo,
    NothingToTell {
        path: String,
    },
    Orphans {
        count: usize,
    },
    /// A file that was not fetched because its content was there.
    SharedWith {
        path: PathBuf,
        from: PathBuf,
        how: How,
    },
    SidecarLeft {
        path: PathBuf,
        problem: String,
    },
    Step {
        action: &'static str,
        path: String,
        target: Option<String>,
    },
    TrashEmptied {
        files: usize,
        bytes: u64,
    },
    Tree {
        files: usize,
        moved: usize,
        layout: String,
    },
}

impl Place {
    pub(crate) fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    /// The head of the table of what is in the trash.
    pub(crate) fn trash_heads(lang: Lang) -> [&'static str; 5] {
        match lang {
            Lang::En => ["id", "verb", "since", "files", "size"],
            Lang::Ja => ["ID", "操作", "日時", "ファイル数", "サイズ"],
        }
    }

    fn en(&self) -> String {
        match self {
            Self::ComfyTold { path } => {
                format!("{} tells ComfyUI of this library", path.display())
            }
            Self::Done {
                id,
                verb,
                files,
                undoable,
            } => {
                let what = match verb {
                    Verb::Duplicates => format!("{} now share their content", count(*files)),
                    Verb::Move => format!("{} moved", count(*files)),
                    Verb::Orphans | Verb::Remove | Verb::Sync => {
                        format!("{} in the trash", count(*files))
                    }
                    Verb::Rename => format!("{} renamed", count(*files)),
                    Verb::Sidecars => format!("{} written", count(*files)),
                    Verb::Undo => format!("{} put back", count(*files)),
                };
                if *undoable {
                    format!("{what}; `civitai-dl library undo {id}` takes it back")
                } else {
                    what
                }
            }
            Self::Duplicates { groups: 0, .. } => "no file is there twice".to_owned(),
            Self::Duplicates { groups, bytes } => format!(
                "{groups} groups of equal files; --link would save {}",
                size(*bytes)
            ),
            Self::Group {
                is_content: true,
                files,
                bytes,
            } => format!("{files} × {}, byte for byte", size(*bytes)),
            Self::Group { files, bytes, .. } => {
                format!("{files} × {}, the same tensors", size(*bytes))
            }
            Self::InTrash { files: 0, .. } | Self::TrashEmptied { files: 0, .. } => {
                "there is nothing in the trash".to_owned()
            }
            Self::InTrash { files, bytes } => format!(
                "{} in the trash; deleting them would free {} and could not be undone",
                count(*files),
                size(*bytes)
            ),
            Self::NoForm { text, known } => {
                format!("--format: `{text}` is none of {known}")
            }
            Self::NoPicture { url, problem: None } => {
                format!("the picture {url} is not where pictures of this site may be")
            }
            Self::NoPicture {
                url,
                problem: Some(problem),
            } => format!("the picture {url} was not fetched: {problem}"),
            Self::NoSidecars { problem } => format!("no sidecars were written: {problem}"),
            Self::NotHashed { files } => format!(
                "{} not compared: `civitai-dl library scan` hashes what is new",
                count(*files)
            ),
            Self::NothingToDo => "there is nothing to do".to_owned(),
            Self::NothingToTell { path } => format!("nothing is known of {path}"),
            Self::Orphans { count: 0 } => "everything belongs to something".to_owned(),
            Self::Orphans { count } => {
                format!("{count} that belong to nothing; --remove puts them into the trash")
            }
            Self::SharedWith { path, from, how } => format!(
                "linked {} to {}, which has the same content ({how}, sha256 verified)",
                path.display(),
                from.display()
            ),
            Self::SidecarLeft { path, problem } => {
                format!("{} was left as it is: {problem}", path.display())
            }
            Self::Step {
                action,
                path,
                target,
            } => match (*action, target) {
                ("move", Some(to)) => format!("move {path} to {to}"),
                ("share", Some(with)) => format!("let {path} share the content of {with}"),
                ("part", Some(with)) => format!("give {path} bytes of its own, apart from {with}"),
                ("discard", _) => format!("put {path} into the trash"),
                (action, _) => format!("{action} {path}"),
            },
            Self::TrashEmptied { files, bytes } => {
                format!("{} deleted, {} free again", count(*files), size(*bytes))
            }
            Self::Tree {
                files,
                moved,
                layout,
            } => format!(
                "{} in the layout {layout}, {moved} of them elsewhere now",
                count(*files)
            ),
        }
    }

    fn ja(&self) -> String {
        match self {
            Self::ComfyTold { path } => {
                format!("{} にこのライブラリを書きました", path.display())
            }
            Self::Done {
                id,
                verb,
                files,
                undoable,
            } => {
                let what = match verb {
                    Verb::Duplicates => format!("{files} 個のファイルが実体を共有しました"),
                    Verb::Move => format!("{files} 個のファイルを移動しました"),
                    Verb::Orphans | Verb::Remove | Verb::Sync => {
                        format!("{files} 個のファイルをごみ箱に入れました")
                    }
                    Verb::Rename => format!("{files} 個のファイルの名前を変えました"),
                    Verb::Sidecars => format!("{files} 個のファイルを書きました"),
                    Verb::Undo => format!("{files} 個のファイルを元に戻しました"),
                };
                if *undoable {
                    format!("{what}。`civitai-dl library undo {id}` で取り消せます")
                } else {
                    what
                }
            }
            Self::Duplicates { groups: 0, .. } => "重複したファイルはありません".to_owned(),
            Self::Duplicates { groups, bytes } => format!(
                "同じ内容のファイルが {groups} 組あります。--link で {} を節約できます",
                size(*bytes)
            ),
            Self::Group {
                is_content: true,
                files,
                bytes,
            } => format!("{files} × {}、内容が完全に同じ", size(*bytes)),
            Self::Group { files, bytes, .. } => {
                format!("{files} × {}、テンソルが同じ", size(*bytes))
            }
            Self::InTrash { files: 0, .. } | Self::TrashEmptied { files: 0, .. } => {
                "ごみ箱は空です".to_owned()
            }
            Self::InTrash { files, bytes } => format!(
                "ごみ箱に {files} 個のファイルがあります。削除すると {} が空きますが、元に戻せません",
                size(*bytes)
            ),
            Self::NoForm { text, known } => {
                format!("--format: `{text}` は {known} のどれでもありません")
            }
            Self::NoPicture { url, problem: None } => {
                format!("画像 {url} はこのサイトの画像の場所にないため取得しません")
            }
            Self::NoPicture {
                url,
                problem: Some(problem),
            } => format!("画像 {url} を取得できませんでした: {problem}"),
            Self::NoSidecars { problem } => {
                format!("付属ファイルを書き込めませんでした: {problem}")
            }
            Self::NotHashed { files } => format!(
                "{files} 個のファイルは比べていません。`civitai-dl library scan` で新しいファイルのハッシュを計算します"
            ),
            Self::NothingToDo => "することはありません".to_owned(),
            Self::NothingToTell { path } => format!("{path} については何も分かっていません"),
            Self::Orphans { count: 0 } => "孤立したファイルはありません".to_owned(),
            Self::Orphans { count } => {
                format!("孤立したファイルが {count} 個あります。--remove でごみ箱に入れます")
            }
            Self::SharedWith { path, from, how } => {
                let how = match how {
                    How::Hard => "ハードリンク",
                    How::Reflink => "reflink",
                    _ => "シンボリックリンク",
                };
                format!(
                    "{} は同じ内容の {} と実体を共有しました ({how}、sha256 検証済み)",
                    path.display(),
                    from.display()
                )
            }
            Self::SidecarLeft { path, problem } => {
                format!("{} はそのまま残しました: {problem}", path.display())
            }
            Self::Step {
                action,
                path,
                target,
            } => match (*action, target) {
                ("move", Some(to)) => format!("{path} を {to} へ移動"),
                ("share", Some(with)) => format!("{path} は {with} の実体を共有"),
                ("part", Some(with)) => format!("{path} を {with} から独立した実体にする"),
                ("discard", _) => format!("{path} をごみ箱に入れる"),
                ("write", _) => format!("{path} を書く"),
                (action, _) => format!("{action} {path}"),
            },
            Self::TrashEmptied { files, bytes } => {
                format!(
                    "{files} 個のファイルを削除し、{} を空けました",
                    size(*bytes)
                )
            }
            Self::Tree {
                files,
                moved,
                layout,
            } => format!("配置 {layout} では {files} 個のファイル。うち {moved} 個は今は別の場所"),
        }
    }
}
