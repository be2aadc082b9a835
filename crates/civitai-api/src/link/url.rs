//! Addresses of the site's pages, its API, its downloads and its pictures.

use percent_encoding::percent_decode_str;
use url::Url;

use super::{LinkError, Target, Unsupported, hash, id, is_hostile, shown};
use crate::file::FileType;
use crate::open_enum::nearest;
use crate::select::Variant;

/// Hosts whose pages are read.
const SITES: [&str; 8] = [
    "civitai.com",
    "www.civitai.com",
    "civitai.red",
    "www.civitai.red",
    "civitai.green",
    "www.civitai.green",
    "civitaic.com",
    "api.civitai.com",
];

/// Hosts of pictures.
const PICTURES: [&str; 2] = ["image.civitai.com", "imagecache.civitai.com"];

/// Hosts of the site that have nothing to read.
const OTHERS: [&str; 5] = [
    "auth.civitai.com",
    "b2.civitai.com",
    "developer.civitai.com",
    "mcp.civitai.com",
    "orchestration.civitai.com",
];

/// Says whether `text` is to be read as an address, rightly or not.
pub(super) fn looks_like_address(text: &str, origin: Option<&Url>) -> bool {
    let (authority, rest) = split_authority(text);
    text.contains("://")
        || text.starts_with("//")
        || is_site(authority, origin)
        || [&PICTURES[..], &OTHERS[..]].concat().iter().any(|host| host.eq_ignore_ascii_case(authority))
        // `example.com/models/1`, `civitai.com:8080/…`, `name@civitai.com`
        || (authority.contains('.') && (!rest.is_empty() || authority.to_lowercase().contains("civitai")))
}

/// Reads an address.
pub(super) fn read(text: &str, origin: Option<&Url>) -> Result<Target, LinkError> {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => {
            if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
                return Err(LinkError::Scheme {
                    scheme: shown(scheme),
                });
            }
            rest
        }
        _ => text.strip_prefix("//").unwrap_or(text),
    };
    let (authority, rest) = split_authority(rest);
    let (path, query) = split_query(rest);
    let prefix = origin
        .filter(|origin| is_origin(authority, origin))
        .map_or("", Url::path);
    let path = path
        .strip_prefix(prefix.trim_end_matches('/'))
        .unwrap_or(path);
    let segments = segments(path)?;
    let pairs = pairs(query)?;
    match judge(authority, origin)? {
        Place::Site => page(&segments, &pairs),
        Place::Pictures => Ok(picture(&segments)),
        Place::Storage => Ok(Target::Unsupported(Unsupported::Storage)),
        Place::Elsewhere => Ok(Target::Unsupported(Unsupported::Page)),
    }
}

enum Place {
    Site,
    Pictures,
    Storage,
    Elsewhere,
}

/// Judges an address by what stands between its slashes, letter by letter: a parser that repairs what it reads would let
/// look-alikes pass.
fn judge(authority: &str, origin: Option<&Url>) -> Result<Place, LinkError> {
    if is_site(authority, origin) {
        return Ok(Place::Site);
    }
    let is_one_of = |hosts: &[&str]| {
        hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority))
    };
    if is_one_of(&PICTURES) {
        return Ok(Place::Pictures);
    }
    if authority.eq_ignore_ascii_case("b2.civitai.com") || is_storage(authority) {
        return Ok(Place::Storage);
    }
    if is_one_of(&OTHERS) {
        return Ok(Place::Elsewhere);
    }
    if authority.contains('@') {
        return Err(LinkError::Credentials);
    }
    let (host, port) = authority
        .split_once(':')
        .map_or((authority, None), |(host, port)| (host, Some(port)));
    match port {
        Some("443" | "80") if is_site(host, None) => Ok(Place::Site),
        Some(port) if is_site(host, None) => Err(LinkError::Port { port: shown(port) }),
        _ => Err(LinkError::Host {
            host: shown(host),
            nearest: similar_host(host),
        }),
    }
}

/// Returns the host of the site that a wrong one resembles. Hosts that merely contain its name are not taken for slips.
fn similar_host(host: &str) -> Option<&'static str> {
    let labels = host.split('.').count();
    (labels <= 3).then(|| nearest(host, &SITES[..6])).flatten()
}

fn is_site(authority: &str, origin: Option<&Url>) -> bool {
    SITES
        .iter()
        .any(|host| host.eq_ignore_ascii_case(authority))
        || origin.is_some_and(|origin| is_origin(authority, origin))
}

fn is_origin(authority: &str, origin: &Url) -> bool {
    let host = origin.host_str().unwrap_or_default();
    let with_port = origin
        .port_or_known_default()
        .map(|port| format!("{host}:{port}"));
    let is_default = origin.port().is_none() && host.eq_ignore_ascii_case(authority);
    !host.is_empty()
        && (is_default || with_port.is_some_and(|full| full.eq_ignore_ascii_case(authority)))
}

fn is_storage(authority: &str) -> bool {
    let host = authority.to_ascii_lowercase();
    host.ends_with(".r2.cloudflarestorage.com") || host.ends_with(".backblazeb2.com")
}

fn split_authority(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()))
}

fn split_query(rest: &str) -> (&str, &str) {
    let rest = rest.split('#').next().unwrap_or_default();
    rest.split_once('?').unwrap_or((rest, ""))
}

/// Returns the decoded parts of a path without a language in front.
fn segments(path: &str) -> Result<Vec<String>, LinkError> {
    let mut parts = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(decoded)
        .collect::<Result<Vec<_>, _>>()?;
    if parts
        .iter()
        .any(|part| part == "." || part == ".." || part.contains(['/', '\\']))
    {
        return Err(LinkError::Path);
    }
    if parts.first().is_some_and(|first| is_language(first)) {
        parts.remove(0);
    }
    Ok(parts)
}

/// Says whether a part is a language such as `en` or `pt-BR`.
fn is_language(part: &str) -> bool {
    let (language, region) = part
        .split_once('-')
        .map_or((part, None), |(l, r)| (l, Some(r)));
    let is_word = |word: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic())
    };
    is_word(language, 2..=2) && region.is_none_or(|region| is_word(region, 2..=4))
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, LinkError> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Ok((
            decoded(&name.replace('+', " "))?,
            decoded(&value.replace('+', " "))?,
        ))
    };
    query
        .split('&')
        .filter(|text| !text.is_empty() && !is_credential(text))
        .map(pair)
        .collect()
}

fn decoded(part: &str) -> Result<String, LinkError> {
    let text = percent_decode_str(part)
        .decode_utf8()
        .map_err(|_| LinkError::Encoding)?;
    match text.chars().find(|c| is_hostile(*c)) {
        Some(character) => Err(LinkError::Character { character }),
        None => Ok(text.into_owned()),
    }
}

/// Reads the path and query of a page, an API address or a download.
fn page(segments: &[String], pairs: &[(String, String)]) -> Result<Target, LinkError> {
    let query = |name: &str| {
        let found = pairs
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    Ok(match path[..] {
        ["models", model, "model-versions", version, ..] => Target::Version {
            model: Some(id("model", model)?),
            version: id("version", version)?,
            variant: Variant::default(),
        },
        ["models", model, ..] => {
            let model = id("model", model)?;
            match query("modelVersionId") {
                Some(version) => Target::Version {
                    model: Some(model),
                    version: id("version", version)?,
                    variant: Variant::default(),
                },
                None => Target::Model(model),
            }
        }
        ["api", "download", "models", version, ..] | ["download", "models", version, ..] => {
            download(version, query("fileId"), pairs)?
        }
        ["api", "download", "training-data", version] => Target::Version {
            model: None,
            version: id("version", version)?,
            variant: Variant {
                kind: Some(FileType::TrainingData),
                ..Variant::default()
            },
        },
        ["api", "download", ..] => Target::Unsupported(Unsupported::Download),
        ["api", "v1", "models", model] => Target::Model(id("model", model)?),
        ["api", "v1", "model-versions", "by-hash", digits] => hash(digits)?,
        ["api", "v1", "model-versions", "mini", version] => {
            download(version, query("modelFileId"), &[])?
        }
        ["api", "v1", "model-versions", version] | ["model-versions", version, ..] => {
            Target::Version {
                model: None,
                version: id("version", version)?,
                variant: Variant::default(),
            }
        }
        ["api", "v1", "images"] => match (query("imageId"), query("postId")) {
            (Some(image), _) => Target::Image(id("image", image)?),
            (None, Some(post)) => Target::Post(id("post", post)?),
            (None, None) => Target::Unsupported(Unsupported::Page),
        },
        ["api", "v1", "collections", collection] | ["collections", collection, ..] => {
            Target::Collection(id("collection", collection)?)
        }
        ["api", "v1", "articles", article] | ["articles", article, ..] => {
            Target::Article(id("article", article)?)
        }
        ["images", image, ..] => Target::Image(id("image", image)?),
        ["posts", post, ..] => Target::Post(id("post", post)?),
        ["user", name, ..] => Target::User(name.to_owned()),
        ["user-id", user, ..] => Target::UserNumber(id("user", user)?),
        ["bounties", bounty, ..] => Target::Bounty(id("bounty", bounty)?),
        ["3d-models" | "challenges", _, ..] => Target::Unsupported(Unsupported::Kind),
        ["tag", name] => Target::Tag(name.to_owned()),
        ["models"] | ["api", "v1", "models"] | ["search", ..] => listing(query),
        _ => Target::Unsupported(Unsupported::Page),
    })
}

/// Reads a listing of models.
fn listing<'q>(query: impl Fn(&str) -> Option<&'q str>) -> Target {
    if let Some(text) = query("query") {
        return Target::Search(text.to_owned());
    }
    if let Some(tag) = query("tag") {
        return Target::Tag(tag.to_owned());
    }
    match query("username") {
        Some(name) => Target::User(name.to_owned()),
        None => Target::Unsupported(Unsupported::Page),
    }
}

fn download(
    version: &str,
    file: Option<&str>,
    pairs: &[(String, String)],
) -> Result<Target, LinkError> {
    let version = id("version", version)?;
    if let Some(file) = file {
        return Ok(Target::File {
            model: None,
            version: Some(version),
            file: id("file", file)?,
        });
    }
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Target::Version {
        model: None,
        version,
        variant: Variant::from_pairs(pairs),
    })
}

/// Reads the address of a picture: the file is named after its id, or after what it was stored as.
fn picture(segments: &[String]) -> Target {
    let Some(last) = segments.last().filter(|_| segments.len() >= 2) else {
        return Target::Unsupported(Unsupported::Page);
    };
    let stem = last.split_once('.').map_or(last.as_str(), |(stem, _)| stem);
    if let Ok(image) = stem.parse() {
        return Target::Image(image);
    }
    // The second part names the stored file; the last one may be any title.
    let stored = segments
        .get(1)
        .filter(|_| segments.len() >= 3)
        .map_or(stem, String::as_str);
    Target::ImageFile(stored.to_owned())
}

/// Returns an address without the parameters and the fragment that may hold a credential.
pub(super) fn without_credentials(text: &str) -> String {
    let (main, fragment) = text
        .split_once('#')
        .map_or((text, None), |(main, fragment)| (main, Some(fragment)));
    let mut clean = match main.split_once('?') {
        Some((path, query)) => {
            let kept: Vec<&str> = query
                .split('&')
                .filter(|pair| !is_credential(pair))
                .collect();
            if kept.iter().all(|pair| pair.is_empty()) {
                path.to_owned()
            } else {
                format!("{path}?{}", kept.join("&"))
            }
        }
        None => main.to_owned(),
    };
    if let Some(fragment) =
        fragment.filter(|fragment| !fragment.is_empty() && !is_credential(fragment))
    {
        clean.push('#');
        clean.push_str(fragment);
    }
    clean
}

/// Says whether a parameter is a credential or carries one inside, however often it was encoded.
fn is_credential(pair: &str) -> bool {
    const NAMES: [&str; 12] = [
        "token",
        "api_key",
        "apikey",
        "api-key",
        "access_token",
        "authorization",
        "credential",
        "key",
        "password",
        "secret",
        "sig",
        "signature",
    ];
    let mut text = pair.to_lowercase();
    for _ in 0..4 {
        let holds = |name: &str| {
            text.match_indices(&format!("{name}=")).any(|(start, _)| {
                let before = text[..start].chars().next_back();
                before.is_none_or(|c| !c.is_ascii_alphanumeric())
            })
        };
        if NAMES.iter().any(|name| holds(name)) {
            return true;
        }
        let next = percent_decode_str(&text).decode_utf8_lossy().to_lowercase();
        if next == text {
            return false;
        }
        text = next;
    }
    // Encoded more often than any tool does: not worth keeping.
    true
}
