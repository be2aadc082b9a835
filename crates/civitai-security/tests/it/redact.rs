use civitai_security::{RedactedUrl, redact_text};
use proptest::prelude::*;
use url::Url;

/// An API key as the site makes it, written in the ways in which it may turn up.
const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00";

#[test]
fn a_key_is_hidden_wherever_it_stands_in_a_url() {
    let hiding_places = [
        format!("https://{KEY}@host/"),
        format!("https://user:{KEY}@host/"),
        format!("https://host/?token={KEY}"),
        format!("https://host/?x={KEY}"),
        format!("https://host/?{KEY}"),
        format!("https://host/#{KEY}"),
        format!("https://host/#a=b&c={KEY}"),
        format!("https://host/?next=https%3A%2F%2Fhost%2F%3Ftoken%3D{KEY}"),
        format!("https://host/?a=1&token={KEY}&token={KEY}"),
    ];
    for text in hiding_places {
        let url = RedactedUrl::new(Url::parse(&text).expect("the test's URL is valid"));
        for shown in [
            url.to_string(),
            format!("{url:?}"),
            redact_text(&text).into_owned(),
        ] {
            assert!(!shown.contains(KEY), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn a_key_after_a_name_of_a_credential_never_survives(
        before in "[ -~]{0,30}",
        name in prop::sample::select(&["token", "api_key", "X-Amz-Signature", "Authorization", "sig"][..]),
        separator in prop::sample::select(&["=", ":", ": ", "\": \"", " = "][..]),
        secret in "[A-Za-z0-9]{7,40}",
    ) {
        let text = format!("{before} {name}{separator}{secret}");
        prop_assume!(!before.contains(&secret));
        let shown = redact_text(&text);
        prop_assert!(!shown.contains(&secret), "{shown}");
    }

    #[test]
    fn hiding_twice_hides_nothing_more(text in "\\PC{0,80}") {
        let once = redact_text(&text).into_owned();
        prop_assert_eq!(redact_text(&once).into_owned(), once);
    }
}
