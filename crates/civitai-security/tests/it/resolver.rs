use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use civitai_security::address::{Resolver, Special};
use civitai_security::{AllowPrivate, Policy, UnsafeAddress};
use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

fn answering(policy: Policy, addresses: &[&str]) -> Resolver {
    let addresses: Vec<SocketAddr> = addresses
        .iter()
        .map(|ip| SocketAddr::new(ip.parse().expect("the test's address is valid"), 0))
        .collect();
    Resolver::with_lookup(policy, move |_| std::future::ready(Ok(addresses.clone())))
}

fn client(resolver: Resolver) -> Client {
    Client::builder()
        .dns_resolver(resolver)
        .no_proxy()
        .build()
        .expect("the client has no unusual settings")
}

fn refused(error: &reqwest::Error) -> &UnsafeAddress {
    UnsafeAddress::find(error).unwrap_or_else(|| panic!("no refusal in {error:?}"))
}

#[tokio::test]
async fn public_addresses_are_handed_on_as_they_were_looked_up() {
    let resolver = answering(Policy::PUBLIC, &["1.1.1.1", "2606:4700::1111"]);
    let addresses = resolver.addresses("host.example").await.expect("public");
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    assert_eq!(texts, ["1.1.1.1:0", "[2606:4700::1111]:0"]);
}

#[tokio::test]
async fn a_refused_address_is_found_in_the_errors_of_reqwest() {
    let client = client(answering(Policy::PUBLIC, &["10.0.0.7"]));
    let error = client
        .get("https://internal.example/")
        .send()
        .await
        .expect_err("nothing is connected to");
    assert_eq!(
        *refused(&error),
        UnsafeAddress::Special {
            host: "internal.example".into(),
            ip: "10.0.0.7".parse().expect("an address"),
            class: Special::Private,
        }
    );
}

#[tokio::test]
async fn one_private_address_refuses_the_whole_answer() {
    for answer in [["1.1.1.1", "127.0.0.1"], ["::1", "2606:4700::1111"]] {
        let resolver = answering(Policy::PUBLIC, &answer);
        let error = resolver.addresses("host.example").await.expect_err("mixed");
        assert!(UnsafeAddress::find(&error).is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_again_where_it_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let lookup = {
        let asked = Arc::clone(&asked);
        move |_| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let ip = if first { "127.0.0.1" } else { "10.0.0.1" };
            let ip = ip.parse().expect("an address");
            std::future::ready(Ok(vec![SocketAddr::new(ip, 0)]))
        }
    };
    let origin = Url::parse("http://localhost").expect("a valid URL");
    let policy = Policy::for_origin(&origin, AllowPrivate::No).expect("loopback is allowed");
    let client = client(Resolver::with_lookup(policy, lookup));
    let url = format!("http://rebind.example:{port}/");

    let serving = async {
        let (mut connection, _) = listener.accept().await?;
        let mut request = [0; 1024];
        let length = connection.read(&mut request).await?;
        connection
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await?;
        Ok::<_, io::Error>(length)
    };
    let (answer, request) = tokio::join!(client.get(&url).send(), serving);
    assert!(request.expect("one request is served") > 0);
    assert_eq!(answer.expect("the first answer is allowed").status(), 200);

    let error = client
        .get(&url)
        .send()
        .await
        .expect_err("the second is not");
    assert_eq!(
        refused(&error).to_string(),
        "rebind.example (10.0.0.1, a private address) is refused"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_host_that_the_user_named_as_proxy_may_be_private() {
    let resolver = answering(Policy::PUBLIC, &["10.0.0.1"]).with_trusted(["Proxy.lan".to_owned()]);
    assert!(resolver.addresses("proxy.lan").await.is_ok());
    assert!(resolver.addresses("other.lan").await.is_err());
}

#[tokio::test]
async fn a_failed_or_empty_lookup_is_no_refusal() {
    let empty = answering(Policy::PUBLIC, &[]);
    let error = empty
        .addresses("host.example")
        .await
        .expect_err("nothing to hand on");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(UnsafeAddress::find(&error).is_none());

    let failing = Resolver::with_lookup(Policy::PUBLIC, |_| {
        std::future::ready(Err(io::Error::from(io::ErrorKind::TimedOut)))
    });
    let error = failing
        .addresses("host.example")
        .await
        .expect_err("it failed");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn localhost_is_resolved_by_the_system_and_then_judged() {
    let origin = Url::parse("http://localhost").expect("a valid URL");
    let policy = Policy::for_origin(&origin, AllowPrivate::No).expect("loopback is allowed");
    let addresses = Resolver::new(policy).addresses("localhost").await;
    assert!(addresses.is_ok_and(|found| found.iter().all(|address| address.ip().is_loopback())));
    assert!(
        Resolver::new(Policy::PUBLIC)
            .addresses("localhost")
            .await
            .is_err()
    );
}
