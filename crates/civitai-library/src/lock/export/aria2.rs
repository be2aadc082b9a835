//! The input file of aria2.
//!
//! aria2 sends headers along when it is redirected, and the storage refuses a token, so none is written: files that need
//! a login are beyond it, and so is a signed address that expires on the way.

use super::{Setting, download};
use crate::lock::Lock;

pub(super) fn write(lock: &Lock, setting: &Setting<'_>) -> String {
    let mut text = String::from(
        "# Made from civitai.lock. In the folder of the library: aria2c --input-file=THIS --continue=true\n\
         # Files that need a login cannot be fetched this way.\n",
    );
    for file in lock.files() {
        text.push('\n');
        text.push_str(download(file, setting).as_str());
        text.push('\n');
        // No name has a line break: paths are made of safe names.
        let mut option = |name: &str, value: &str| {
            text.push_str(&["  ", name, "=", value, "\n"].concat());
        };
        let folder = file.path.folder();
        option("dir", if folder.is_empty() { "." } else { folder });
        option("out", file.path.name());
        if let Some(digest) = &file.sha256 {
            option("checksum", &format!("sha-256={digest}"));
        }
        option("allow-overwrite", "false");
        option("auto-file-renaming", "false");
    }
    text
}
