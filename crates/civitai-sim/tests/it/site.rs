//! The seeded site, asked over HTTP.

use civitai_sim::seed::Account;
use civitai_sim::{Clock, Sim};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A simulator with the seeded catalogue whose clock stands at 2026-08-08T00:00:00Z.
pub(crate) struct Site {
    pub(crate) sim: Sim,
    http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let clock = Clock::starting_at("2026-08-08T00:00:00Z".parse().unwrap());
        clock.freeze();
        let sim = Sim::builder().seed(7).clock(clock).start().await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { sim, http }
    }

    /// Asks an API route as nobody.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    /// Asks an API route with an account's token.
    pub(crate) async fn get_as(&self, account: Account, path: &str) -> Answer {
        let header = format!("Bearer {}", account.token);
        self.send(Method::GET, path, Some(&header), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, None, Some(body.to_string()))
            .await
    }

    /// Sends anything. A path that does not start with a slash is one of the API; a body is sent as JSON.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        authorization: Option<&str>,
        body: Option<String>,
    ) -> Answer {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/v1/{path}")
        };
        let url = format!(
            "{}{path}",
            self.sim.site_url().as_str().trim_end_matches('/')
        );
        let mut request = self.http.request(method, url);
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// Follows `nextCursor` to the end of a listing, or until a page brings nothing new.
    pub(crate) async fn walk(&self, path: &str) -> Walk {
        let mut walk = Walk::default();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await.ok();
            let before = walk.distinct();
            walk.ids.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].as_u64().unwrap()),
            );
            let Some(next) = page["metadata"]["nextCursor"].as_str() else {
                return walk;
            };
            walk.boundaries += 1;
            if walk.distinct() == before {
                walk.stuck = true;
                return walk;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            cursor = format!("&cursor={encoded}");
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Ids of the items of a listing.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.ok()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_u64().unwrap())
            .collect()
    }
}

/// What a client saw that followed every cursor.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) ids: Vec<u64>,
    pub(crate) boundaries: usize,
    pub(crate) stuck: bool,
}

impl Walk {
    pub(crate) fn distinct(&self) -> usize {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}

/// The one item of a list whose member has this value.
pub(crate) fn find<'a>(list: &'a Value, member: &str, value: impl Into<Value>) -> &'a Value {
    let value = value.into();
    let mut found = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item[member] == value);
    let item = found
        .next()
        .unwrap_or_else(|| panic!("no {member} is {value} in {list}"));
    assert!(found.next().is_none(), "several {member} are {value}");
    item
}

/// The names of an object's members, in the order sent.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}
