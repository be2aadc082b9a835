use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use civitai_security::address::{Special, special};
use civitai_security::{AllowPrivate, Policy, UnsafeAddress};
use proptest::prelude::*;
use url::Url;

fn url(text: &str) -> Url {
    Url::parse(text).expect("the test's URL is valid")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("the test's address is valid")
}

fn policy(origin: &str, allow: AllowPrivate) -> Policy {
    Policy::for_origin(&url(origin), allow).expect("the test's origin is allowed")
}

fn class(judged: Result<(), UnsafeAddress>) -> Special {
    match judged {
        Err(UnsafeAddress::Special { class, .. }) => class,
        judged => panic!("not refused for its address: {judged:?}"),
    }
}

#[test]
fn special_ranges_begin_and_end_where_the_registries_say() {
    use Special::*;
    // First and last address of each range, and the public neighbours where there are any.
    let table = [
        ("0.0.0.0", Some(Unspecified)),
        ("0.0.0.1", Some(Reserved)),
        ("0.255.255.255", Some(Reserved)),
        ("1.0.0.0", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some(Private)),
        ("10.255.255.255", Some(Private)),
        ("11.0.0.0", None),
        ("100.63.255.255", None),
        ("100.64.0.0", Some(Shared)),
        ("100.127.255.255", Some(Shared)),
        ("100.128.0.0", None),
        ("126.255.255.255", None),
        ("127.0.0.0", Some(Loopback)),
        ("127.255.255.255", Some(Loopback)),
        ("128.0.0.0", None),
        ("169.253.255.255", None),
        ("169.254.0.0", Some(LinkLocal)),
        ("169.254.169.254", Some(LinkLocal)),
        ("169.254.255.255", Some(LinkLocal)),
        ("169.255.0.0", None),
        ("172.15.255.255", None),
        ("172.16.0.0", Some(Private)),
        ("172.31.255.255", Some(Private)),
        ("172.32.0.0", None),
        ("191.255.255.255", None),
        ("192.0.0.0", Some(Reserved)),
        ("192.0.0.255", Some(Reserved)),
        ("192.0.1.0", None),
        ("192.0.2.0", Some(Documentation)),
        ("192.0.2.255", Some(Documentation)),
        ("192.0.3.0", None),
        ("192.88.98.255", None),
        ("192.88.99.0", Some(Transition)),
        ("192.88.99.255", Some(Transition)),
        ("192.88.100.0", None),
        ("192.167.255.255", None),
        ("192.168.0.0", Some(Private)),
        ("192.168.255.255", Some(Private)),
        ("192.169.0.0", None),
        ("198.17.255.255", None),
        ("198.18.0.0", Some(Benchmarking)),
        ("198.19.255.255", Some(Benchmarking)),
        ("198.20.0.0", None),
        ("198.51.99.255", None),
        ("198.51.100.0", Some(Documentation)),
        ("198.51.100.255", Some(Documentation)),
        ("198.51.101.0", None),
        ("203.0.112.255", None),
        ("203.0.113.0", Some(Documentation)),
        ("203.0.113.255", Some(Documentation)),
        ("203.0.114.0", None),
        ("223.255.255.255", None),
        ("224.0.0.0", Some(Multicast)),
        ("233.252.0.7", Some(Documentation)),
        ("239.255.255.255", Some(Multicast)),
        ("240.0.0.0", Some(Reserved)),
        ("255.255.255.254", Some(Reserved)),
        ("255.255.255.255", Some(Broadcast)),
        ("::", Some(Unspecified)),
        ("::1", Some(Loopback)),
        ("::2", Some(Transition)),
        ("::8.8.8.8", Some(Transition)),
        ("::ffff:8.8.8.8", None),
        ("::ffff:127.0.0.1", Some(Loopback)),
        ("::ffff:10.1.2.3", Some(Private)),
        ("::ffff:0:8.8.8.8", Some(Reserved)),
        ("64:ff9b::8.8.8.8", None),
        ("64:ff9b::192.168.1.1", Some(Private)),
        ("64:ff9b::169.254.169.254", Some(LinkLocal)),
        ("64:ff9b:1::1", Some(Private)),
        ("64:ff9b:2::1", Some(Reserved)),
        ("100::1", Some(Reserved)),
        ("1fff:ffff::", Some(Reserved)),
        ("2001::1", Some(Transition)),
        ("2001:0:ffff::", Some(Transition)),
        ("2001:1::", Some(Reserved)),
        ("2001:2::1", Some(Benchmarking)),
        ("2001:2:1::", Some(Reserved)),
        ("2001:1ff:ffff::", Some(Reserved)),
        ("2001:200::", None),
        ("2001:db7:ffff::", None),
        ("2001:db8::", Some(Documentation)),
        ("2001:db8:ffff::", Some(Documentation)),
        ("2001:db9::", None),
        ("2001:ffff::", None),
        ("2002::", Some(Transition)),
        ("2002:808:808::1", Some(Transition)),
        ("2003::", None),
        ("2606:4700::1111", None),
        ("3ffe:ffff::", None),
        ("3fff::1", Some(Documentation)),
        ("3fff:fff:ffff::", Some(Documentation)),
        ("3fff:1000::", None),
        ("4000::", Some(Reserved)),
        ("5f00::1", Some(Reserved)),
        ("fbff:ffff::", Some(Reserved)),
        ("fc00::", Some(Private)),
        ("fdff:ffff::", Some(Private)),
        ("fe00::", Some(Reserved)),
        ("fe80::1", Some(LinkLocal)),
        ("febf:ffff::", Some(LinkLocal)),
        ("fec0::1", Some(Private)),
        ("feff:ffff::", Some(Private)),
        ("ff00::", Some(Multicast)),
        ("ff02::1", Some(Multicast)),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Multicast)),
    ];
    for (text, expected) in table {
        assert_eq!(special(ip(text)), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_the_standard_library_calls_special_is_special_here(bits: u32, wide: u128) {
        let v4 = Ipv4Addr::from_bits(bits);
        if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified()
        {
            prop_assert!(special(v4.into()).is_some(), "{v4}");
        }
        prop_assert_eq!(special(v4.to_ipv6_mapped().into()), special(v4.into()));
        let v6 = Ipv6Addr::from_bits(wide);
        if v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() {
            prop_assert!(special(v6.into()).is_some(), "{v6}");
        }
        // Only one eighth of all IPv6 addresses is given out.
        prop_assert!(special(v6.into()).is_some() || v6.octets()[0] >> 5 == 1, "{v6}");
    }
}

#[test]
fn every_notation_of_a_refused_address_is_refused() {
    let table = [
        ("https://127.0.0.1/", Special::Loopback),
        ("https://2130706433/", Special::Loopback),
        ("https://0x7f.1/", Special::Loopback),
        ("https://0x7f000001/", Special::Loopback),
        ("https://0177.0.0.1/", Special::Loopback),
        ("https://017700000001/", Special::Loopback),
        ("https://127.1/", Special::Loopback),
        ("https://127.0.0.1./", Special::Loopback),
        ("https://１２７.０.０.１/", Special::Loopback),
        ("https://127。0。0。1/", Special::Loopback),
        ("https://%31%32%37.0.0.1/", Special::Loopback),
        ("https://user@127.0.0.1:8443/", Special::Loopback),
        ("https://[::1]/", Special::Loopback),
        ("https://[0:0:0:0:0:0:0:1]/", Special::Loopback),
        ("https://[::ffff:127.0.0.1]/", Special::Loopback),
        ("https://[::ffff:7f00:1]/", Special::Loopback),
        ("https://localhost/", Special::Loopback),
        ("https://LOCALHOST./", Special::Loopback),
        ("https://a.localhost/", Special::Loopback),
        ("https://ⓛocalhost/", Special::Loopback),
        (
            "https://169.254.169.254/latest/meta-data",
            Special::LinkLocal,
        ),
        ("https://0xa9fea9fe/", Special::LinkLocal),
        ("https://2852039166/", Special::LinkLocal),
        ("https://10.0.0.1/", Special::Private),
        ("https://192.168.1/", Special::Private),
        ("https://[fc00::1]/", Special::Private),
        ("https://[fd12::1]/", Special::Private),
        ("https://[64:ff9b::a00:1]/", Special::Private),
        ("https://0.0.0.0/", Special::Unspecified),
        ("https://0/", Special::Unspecified),
        ("https://[::]/", Special::Unspecified),
        ("https://[2002:7f00:1::]/", Special::Transition),
        ("https://[::127.0.0.1]/", Special::Transition),
        ("https://255.255.255.255/", Special::Broadcast),
    ];
    for (text, expected) in table {
        assert_eq!(
            class(Policy::PUBLIC.check_url(&url(text))),
            expected,
            "{text}"
        );
    }
    for public in [
        "https://civitai.com/",
        "https://8.8.8.8/",
        "https://134744072/",
        "https://localhost.example/",
    ] {
        assert_eq!(Policy::PUBLIC.check_url(&url(public)), Ok(()), "{public}");
    }
}

#[test]
fn only_http_and_https_are_asked() {
    for text in [
        "file:///etc/passwd",
        "ftp://host/x",
        "data:text/plain,x",
        "gopher://host/",
        "javascript:1",
    ] {
        let refused = Policy::PUBLIC
            .check_url(&url(text))
            .expect_err("the scheme is refused");
        assert!(matches!(refused, UnsafeAddress::Scheme { .. }), "{text}");
    }
    let refused = Policy::PUBLIC
        .check_url(&url("ftp://host/x"))
        .expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "scheme `ftp` is refused, only `https` is allowed"
    );
}

#[test]
fn a_public_origin_reaches_public_https_only() {
    let policy = policy("https://civitai.com", AllowPrivate::No);
    assert_eq!(policy.check_url(&url("https://storage.example/x")), Ok(()));
    let refused = policy
        .check_url(&url("http://storage.example/x"))
        .expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "`http` to storage.example is refused, only `https` is allowed"
    );
    assert_eq!(
        class(policy.check_url(&url("http://127.0.0.1/"))),
        Special::Loopback
    );
    let refused = policy
        .check_url(&url("https://10.0.0.1/"))
        .expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "10.0.0.1 (a private address) is refused"
    );
}

#[test]
fn unusable_origins_are_refused() {
    for origin in [
        "http://civitai.com",
        "ftp://civitai.com",
        "https://10.0.0.1",
        "http://192.168.0.2",
        "https://0.0.0.0",
    ] {
        assert!(
            Policy::for_origin(&url(origin), AllowPrivate::No).is_err(),
            "{origin}"
        );
    }
    for origin in ["http://8.8.8.8", "https://224.0.0.1", "http://0.0.0.0"] {
        assert!(
            Policy::for_origin(&url(origin), AllowPrivate::Yes).is_err(),
            "{origin}"
        );
    }
}

#[test]
fn a_loopback_origin_reaches_loopback_over_http_and_no_private_network() {
    for origin in [
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:80",
        "https://x.localhost",
    ] {
        let policy = policy(origin, AllowPrivate::No);
        assert_eq!(
            policy.check_url(&url("http://127.0.0.2:9/x")),
            Ok(()),
            "{origin}"
        );
        assert_eq!(policy.check_ip(ip("::1")), Ok(()), "{origin}");
        assert_eq!(
            class(policy.check_url(&url("http://10.0.0.1/"))),
            Special::Private
        );
        assert_eq!(
            class(policy.check_url(&url("http://169.254.169.254/"))),
            Special::LinkLocal
        );
    }
}

#[test]
fn allowing_private_networks_opens_them_but_neither_loopback_nor_cleartext_in_public() {
    let policy = policy("http://nas.lan:8080", AllowPrivate::Yes);
    for allowed in [
        "http://nas.lan/x",
        "http://192.168.1.9/",
        "https://10.0.0.1/",
        "http://[fd00::1]/",
        "https://198.18.0.5/",
    ] {
        assert_eq!(policy.check_url(&url(allowed)), Ok(()), "{allowed}");
    }
    assert_eq!(
        class(policy.check_url(&url("http://127.0.0.1/"))),
        Special::Loopback
    );
    assert_eq!(
        class(policy.check_url(&url("https://224.0.0.1/"))),
        Special::Multicast
    );
    for public in ["http://storage.example/", "http://8.8.8.8/"] {
        assert!(
            matches!(
                policy.check_url(&url(public)),
                Err(UnsafeAddress::Cleartext { .. })
            ),
            "{public}"
        );
    }
    assert_eq!(policy.check_resolved("nas.lan", ip("192.168.1.9")), Ok(()));
    assert_eq!(
        policy.check_resolved("storage.example", ip("8.8.8.8")),
        Ok(())
    );
    let refused = policy
        .check_resolved("nas.lan", ip("8.8.8.8"))
        .expect_err("it is not private");
    assert!(
        matches!(refused, UnsafeAddress::Cleartext { .. }),
        "{refused:?}"
    );
}

#[test]
fn no_redirect_leads_from_https_to_http() {
    let policy = policy("https://localhost:8443", AllowPrivate::No);
    let (secure, plain) = (url("https://127.0.0.1:1/"), url("http://127.0.0.1:2/"));
    assert_eq!(policy.check_redirect(&secure, &secure), Ok(()));
    assert_eq!(policy.check_redirect(&plain, &plain), Ok(()));
    assert_eq!(policy.check_redirect(&plain, &secure), Ok(()));
    let refused = policy
        .check_redirect(&secure, &plain)
        .expect_err("a downgrade");
    assert_eq!(
        refused.to_string(),
        "redirect from `https` to `http` on 127.0.0.1 is refused"
    );
}

#[test]
fn a_resolved_address_is_reported_with_the_name_that_led_to_it() {
    let refused = Policy::PUBLIC
        .check_resolved("rebind.example", ip("169.254.169.254"))
        .expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "rebind.example (169.254.169.254, a link-local address) is refused"
    );
}
