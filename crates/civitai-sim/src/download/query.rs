//! What a download request asks for.

use crate::http::Request;
use crate::state::FilePreferences;
use crate::vocabulary::{FILE_FORMATS, FILE_ROLES};

/// A request whose query the site's validator accepts.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) version: u32,
    pub(super) file: Option<u32>,
    pub(super) kind: Option<String>,
    pub(super) preferences: FilePreferences,
}

impl Wish {
    /// The wish, or the validator's words about the first members it does not like.
    pub(super) fn read(version: &str, request: &Request) -> Result<Self, String> {
        let mut complaints = Vec::new();
        for name in MEMBERS {
            if request.query_all(name).count() > 1 {
                complaints.push(format!(
                    "✖ Invalid input: expected string, received array\n  → at {name}"
                ));
            }
        }
        let mut id = |name: &str, text: &str| {
            let id = text
                .parse::<u32>()
                .ok()
                .filter(|id| i32::try_from(*id).is_ok());
            if id.is_none() {
                complaints.push(format!(
                    "✖ Invalid input: expected number, received NaN\n  → at {name}"
                ));
            }
            id
        };
        let version = id("modelVersionId", version);
        let file = request.query("fileId").map(|text| id("fileId", text));
        let mut word = |name: &str, known: &[&str]| {
            let text = request.query(name)?;
            if !known.is_empty() && !known.contains(&text) {
                let options = known
                    .iter()
                    .map(|known| format!("\"{known}\""))
                    .collect::<Vec<_>>()
                    .join("|");
                complaints.push(format!(
                    "✖ Invalid option: expected one of {options}\n  → at {name}"
                ));
            } else if known.is_empty() && text.chars().count() > 64 {
                complaints.push(format!(
                    "✖ Too big: expected string to have <=64 characters\n  → at {name}"
                ));
            }
            Some(text.to_owned())
        };
        let kind = word("type", &FILE_ROLES);
        let preferences = FilePreferences {
            format: word("format", &FILE_FORMATS),
            size: word("size", &["full", "pruned"]),
            fp: word("fp", &[]),
            quant_type: word("quantType", &[]),
        };
        match version {
            Some(version) if complaints.is_empty() => Ok(Self {
                version,
                file: file.flatten(),
                kind,
                preferences,
            }),
            _ => Err(complaints.join("\n")),
        }
    }
}

const MEMBERS: [&str; 6] = ["type", "format", "size", "fp", "quantType", "fileId"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(version: &str, query: &str) -> Result<Wish, String> {
        let target = format!("/api/download/models/{version}?{query}");
        Wish::read(
            version,
            &Request::new(
                "GET",
                &target,
                Vec::new(),
                Vec::new(),
                ([127, 0, 0, 1], 1).into(),
            ),
        )
    }

    #[test]
    fn members_are_read_and_bad_ones_named() {
        let wish = read(
            "7",
            "type=Training%20Data&format=GGUF&size=full&fp=fp8&fileId=9",
        )
        .unwrap();
        assert_eq!(
            (wish.version, wish.file, wish.kind.as_deref()),
            (7, Some(9), Some("Training Data"))
        );
        assert_eq!(wish.preferences.format.as_deref(), Some("GGUF"));
        assert_eq!(
            read("7", "size=big").unwrap_err(),
            "✖ Invalid option: expected one of \"full\"|\"pruned\"\n  → at size"
        );
        assert!(read("x", "").unwrap_err().ends_with("at modelVersionId"));
        assert!(read("7", "fileId=-1").unwrap_err().ends_with("at fileId"));
        assert!(read("2147483648", "").is_err());
        assert!(read("7", "fp=fp8&fp=fp16").unwrap_err().contains("array"));
        assert!(
            read("7", &format!("fp={}", "x".repeat(65)))
                .unwrap_err()
                .contains("<=64")
        );
    }
}
