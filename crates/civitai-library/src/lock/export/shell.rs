//! A script that fetches what the lock names, verifies it, and may be run again.

use super::{Setting, download};
use crate::lock::Lock;

pub(super) fn write(lock: &Lock, setting: &Setting<'_>) -> String {
    let mut text = String::from(HEAD);
    for file in lock.files() {
        let digest = file
            .sha256
            .map_or_else(String::new, |digest| digest.to_string());
        let words = [
            quoted(file.path.as_str()),
            quoted(&digest),
            quoted(download(file, setting).as_str()),
        ];
        text.push_str("fetch ");
        text.push_str(&words.join(" "));
        text.push('\n');
    }
    text.push_str(TAIL);
    text
}

/// A word that the shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// curl reads the token from its standard input, so that it stands on no command line, and does not send it along when it
/// is redirected to another host.
const HEAD: &str = r#"#!/bin/sh
# Made from civitai.lock. Run it in the folder of the library; run it again to go on.
# CIVITAI_TOKEN, if it is set, is sent to the site and to nobody else.
set -u
failed=0

sum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

headers() {
    if [ -n "${CIVITAI_TOKEN:-}" ]; then
        printf 'Authorization: Bearer %s\n' "$CIVITAI_TOKEN"
    fi
}

# fetch PATH SHA256 URL
fetch() {
    if [ -e "./$1" ]; then
        if [ -z "$2" ] || [ "$(sum "./$1")" = "$2" ]; then
            return
        fi
        echo "$1: a different file is there; it is not touched" >&2
        failed=1
        return
    fi
    mkdir -p "$(dirname "./$1")" || { failed=1; return; }
    if ! headers | curl --fail --location --silent --show-error --retry 5 --continue-at - \
        --header @- --output "./$1.download" "$3"; then
        echo "$1: not fetched" >&2
        failed=1
        return
    fi
    if [ -n "$2" ] && [ "$(sum "./$1.download")" != "$2" ]; then
        echo "$1: not the promised bytes, removed" >&2
        rm -f "./$1.download"
        failed=1
        return
    fi
    mv "./$1.download" "./$1" || failed=1
}

"#;

const TAIL: &str = "\nexit \"$failed\"\n";
