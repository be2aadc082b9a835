//! From page to page.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;
use tracing::{debug, warn};

use super::Gap;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::query::{ModelQuery, Parameters};
use crate::transport::Request;
use crate::wire::Wire;

/// Pages in a row without anything new after which even a moving cursor is taken for a loop.
const MOST_FRUITLESS_PAGES: u32 = 200;

/// Passes over listings, one after the other, whose things are handed out once.
pub(crate) struct Walk<T> {
    client: Client,
    passes: VecDeque<Pass>,
    /// Tells things apart; what has no key is never taken for known.
    key: fn(&T) -> Option<u64>,
    keep: Box<Judge<T>>,
    /// What the site's own filter must have seen to in at least one item of the first page.
    premise: Option<Box<Judge<T>>>,
    seen: HashSet<u64>,
    /// Whether what a boundary lost is asked for at once, at one request each, instead of all together at the end.
    is_in_order: bool,
    requests: u32,
    unreadable: usize,
    gap: Option<Gap>,
    /// What the pass under way is to make good.
    under_repair: Option<Gap>,
}

type Judge<T> = dyn Fn(&T) -> bool + Send + Sync;

/// One listing of the site.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    route: &'static str,
    parameters: Parameters,
    page_size: u32,
    paging: Paging,
    boundary: Boundary,
    /// A pass over the same things in an order that loses none.
    repair: Option<Box<Self>>,
    cursor: Option<String>,
    number: u32,
    cursors: HashSet<u64>,
    /// Ids that cursors named, and which the site may have left out.
    candidates: Vec<u64>,
    /// Boundaries whose item is not known or could not be had.
    unrecovered: usize,
    had_items: bool,
    stale_pages: u32,
    fruitless_pages: u32,
    was_shrunk: bool,
    total: Option<u64>,
}

/// How the next page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    Cursor,
    /// By number from 1, until a page is short or the site says that there is no more.
    Number,
}

/// What happens to the item at which a cursor points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// It begins the next page.
    Kept,
    /// It is left out, and can be had by a list of ids.
    LosesModel,
    /// It is left out, and can be had alone.
    LosesImage,
}

#[derive(Deserialize)]
struct Envelope {
    items: Vec<Value>,
    #[serde(default)]
    metadata: Value,
    /// The vault has this beside the items.
    #[serde(rename = "totalItems", default)]
    total_items: Value,
}

impl<T: Wire + Send + 'static> Walk<T> {
    pub(crate) fn new(client: Client, pass: Pass, key: fn(&T) -> Option<u64>) -> Self {
        Self {
            client,
            passes: VecDeque::from([pass]),
            key,
            keep: Box::new(|_| true),
            premise: None,
            seen: HashSet::new(),
            is_in_order: false,
            requests: 0,
            unreadable: 0,
            gap: None,
            under_repair: None,
        }
    }

    /// Adds a pass whose further things are handed out after those of the passes before.
    pub(crate) fn then(mut self, pass: Pass) -> Self {
        self.passes.push_back(pass);
        self
    }

    /// Hands out only what `keep` accepts.
    pub(crate) fn keeping(mut self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.keep = Box::new(keep);
        self
    }

    /// Ends everything as [`Gap::UnknownTag`] if nothing on the first page is as `premise` says.
    pub(crate) fn provided(mut self, premise: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.premise = Some(Box::new(premise));
        self
    }

    /// Fetches one page, or what boundaries have lost.
    pub(crate) async fn advance(mut self: Box<Self>) -> (Box<Self>, Result<Vec<T>, Error>) {
        let Some(mut pass) = self.passes.pop_front() else {
            return (self, Ok(Vec::new()));
        };
        let outcome = self.page(&mut pass).await;
        match outcome {
            Ok((items, Next::Page)) => {
                self.passes.push_front(pass);
                (self, Ok(items))
            }
            Ok((mut items, Next::End(gap))) => {
                items.extend(self.recover(&mut pass).await);
                let boundaries = pass.unrecovered;
                let gap = gap.or((boundaries > 0).then_some(Gap::Boundaries { boundaries }));
                self.finish(pass, gap);
                (self, Ok(items))
            }
            Err(error) => {
                self.passes.clear();
                (self, Err(error))
            }
        }
    }

    async fn page(&mut self, pass: &mut Pass) -> Result<(Vec<T>, Next), Error> {
        let request = pass.request();
        let fetched = self
            .client
            .call(&request, "a page of a listing", &mut self.requests)
            .await;
        let envelope: Envelope = match fetched {
            Ok(envelope) => envelope,
            Err(error) => return pass.after_failure(error).map(|next| (Vec::new(), next)),
        };
        let received = envelope.items.len();
        let before = self.seen.len();
        let (mut items, is_premise_met) = self.take(envelope.items);
        let is_news = self.seen.len() > before;
        if self.is_in_order {
            // The last cursor pointed between the page before and this one.
            items.splice(0..0, self.recover(pass).await);
        }
        if received > 0 && !std::mem::replace(&mut pass.had_items, true) && !is_premise_met {
            self.passes.clear();
            return Ok((items, Next::End(Some(Gap::UnknownTag))));
        }
        let next = pass.turn(received, is_news, &envelope.metadata, &envelope.total_items);
        debug!(route = pass.route, received, new = items.len(), "page");
        Ok((items, next))
    }

    /// Reads items and drops those that are known or not wanted. Says also whether any was as the premise says.
    fn take(&mut self, raw: Vec<Value>) -> (Vec<T>, bool) {
        let mut is_premise_met = self.premise.is_none();
        let mut items = Vec::with_capacity(raw.len());
        for value in raw {
            let (Some(item), _) = T::read(value) else {
                self.unreadable += 1;
                continue;
            };
            is_premise_met =
                is_premise_met || self.premise.as_ref().is_some_and(|premise| premise(&item));
            let is_new = (self.key)(&item).is_none_or(|key| self.seen.insert(key));
            if is_new && (self.keep)(&item) {
                items.push(item);
            }
        }
        (items, is_premise_met)
    }

    /// Asks for what cursors pointed at and no page held.
    async fn recover(&mut self, pass: &mut Pass) -> Vec<T> {
        let lost: Vec<u64> = pass
            .candidates
            .drain(..)
            .filter(|id| !self.seen.contains(id))
            .collect();
        let mut found = Vec::new();
        for (request, ids) in pass.by_ids(&lost) {
            let fetched = self
                .client
                .call(&request, "a page of a listing", &mut self.requests)
                .await;
            match fetched {
                Ok(Envelope { items, .. }) => found.extend(self.take(items).0),
                Err(error) => {
                    warn!(error = %error, "what was lost between pages could not be asked for");
                    pass.unrecovered += ids;
                }
            }
        }
        found
    }

    fn finish(&mut self, pass: Pass, gap: Option<Gap>) {
        let total = pass.total.filter(|_| pass.paging == Paging::Number);
        let missing = total.map_or(0, |total| total.saturating_sub(self.seen.len() as u64));
        let gap =
            gap.or((missing > 0 && self.unreadable == 0).then_some(Gap::Unordered { missing }));
        match (gap, pass.repair, self.under_repair.take()) {
            (Some(gap @ (Gap::Boundaries { .. } | Gap::Loop)), Some(repair), _) => {
                debug!(?gap, "listing again in an order that loses nothing");
                self.under_repair = Some(gap);
                self.passes.push_front(*repair);
            }
            // The repair came to its end, so nothing is missing any more.
            (None, _, _) => {}
            (Some(gap), _, earlier) => self.gap = self.gap.take().or(earlier).or(Some(gap)),
        }
    }
}

impl<T> Walk<T> {
    /// Hands out in its place what a boundary lost, for who does not read to the end.
    pub(crate) fn in_order(&mut self) {
        self.is_in_order = true;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.passes.is_empty()
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests
    }

    pub(crate) fn into_gap(self) -> Option<Gap> {
        let unreadable = (self.unreadable > 0).then_some(Gap::Unreadable {
            items: self.unreadable,
        });
        self.gap.or(unreadable)
    }
}

enum Next {
    Page,
    End(Option<Gap>),
}

impl Pass {
    pub(crate) fn new(
        route: &'static str,
        parameters: Parameters,
        page_size: u32,
        paging: Paging,
    ) -> Self {
        Self {
            route,
            parameters,
            page_size,
            paging,
            boundary: Boundary::Kept,
            repair: None,
            cursor: None,
            number: 1,
            cursors: HashSet::new(),
            candidates: Vec::new(),
            unrecovered: 0,
            had_items: false,
            stale_pages: 0,
            fruitless_pages: 0,
            was_shrunk: false,
            total: None,
        }
    }

    pub(crate) fn with_boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self
    }

    pub(crate) fn with_repair(mut self, repair: Self) -> Self {
        self.repair = Some(Box::new(repair));
        self
    }

    fn request(&self) -> Request {
        let mut parameters = self.parameters.clone().with("limit", self.page_size);
        match (&self.cursor, self.paging) {
            (Some(cursor), _) => parameters.push("cursor", cursor),
            (None, Paging::Number) => parameters.push("page", self.number),
            (None, Paging::Cursor) => {}
        }
        Request::get(self.route, &parameters)
    }

    /// Decides after a page how to go on.
    fn turn(
        &mut self,
        received: usize,
        is_news: bool,
        metadata: &Value,
        vault_total: &Value,
    ) -> Next {
        let total = metadata.get("totalItems").unwrap_or(vault_total).as_u64();
        self.total = total
            .filter(|total| *total > 0 && metadata.get("hasMore").is_none())
            .or(self.total);
        self.fruitless_pages = if is_news { 0 } else { self.fruitless_pages + 1 };
        // An empty page is no repetition: filters that the site applies late leave such pages behind.
        self.stale_pages = match (received, is_news) {
            (0, _) => self.stale_pages,
            (_, true) => 0,
            (_, false) => self.stale_pages + 1,
        };
        let has_more = match self.paging {
            Paging::Cursor => self.follow(metadata),
            Paging::Number => {
                let is_full = received >= self.page_size as usize;
                self.number += 1;
                Ok(received > 0
                    && metadata
                        .get("hasMore")
                        .and_then(Value::as_bool)
                        .unwrap_or(is_full))
            }
        };
        match has_more {
            Ok(false) => Next::End(None),
            Err(gap) => Next::End(Some(gap)),
            Ok(true) if self.stale_pages >= 2 => Next::End(Some(Gap::Loop)),
            Ok(true) if self.fruitless_pages >= MOST_FRUITLESS_PAGES => {
                Next::End(Some(Gap::Fruitless {
                    pages: self.fruitless_pages,
                }))
            }
            Ok(true) => Next::Page,
        }
    }

    /// Takes over the next cursor; says whether there is one.
    fn follow(&mut self, metadata: &Value) -> Result<bool, Gap> {
        let cursor = match metadata.get("nextCursor") {
            Some(Value::String(cursor)) if !cursor.is_empty() => cursor.clone(),
            Some(Value::Number(cursor)) => cursor.to_string(),
            _ => return Ok(false),
        };
        if !self.cursors.insert(hash(&cursor)) {
            return Err(Gap::Loop);
        }
        if self.boundary != Boundary::Kept {
            // The last part of a cursor is the id of the item that it points at.
            match cursor.rsplit('|').next().map(str::parse) {
                Some(Ok(id)) => self.candidates.push(id),
                _ => self.unrecovered += 1,
            }
        }
        self.cursor = Some(cursor);
        Ok(true)
    }

    /// Makes the pages smaller the first time that the site refuses its cursor.
    fn after_failure(&mut self, error: Error) -> Result<Next, Error> {
        let status = match error.kind() {
            ErrorKind::Rejected { status, .. } | ErrorKind::Server { status, .. } => *status,
            _ => return Err(error),
        };
        if self.cursor.is_none() || !matches!(status, 400 | 500) {
            return Err(error);
        }
        if self.was_shrunk || self.page_size == 1 {
            return Ok(Next::End(Some(Gap::Cursor { status })));
        }
        self.was_shrunk = true;
        self.page_size = (self.page_size / 2).max(1);
        Ok(Next::Page)
    }

    /// Asks for things by their ids, under the same filters. Tells for each request how many it is about.
    fn by_ids(&self, ids: &[u64]) -> Vec<(Request, usize)> {
        let (name, at_once) = match self.boundary {
            Boundary::Kept => return Vec::new(),
            Boundary::LosesModel => ("ids", ModelQuery::LARGEST_PAGE),
            Boundary::LosesImage => ("imageId", 1),
        };
        let request = |batch: &[u64]| {
            let list: Vec<String> = batch.iter().map(u64::to_string).collect();
            let parameters = self
                .parameters
                .clone()
                .with(name, list.join(","))
                .with("limit", at_once);
            (Request::get(self.route, &parameters), batch.len())
        };
        ids.chunks(at_once as usize).map(request).collect()
    }
}

/// Returns a key for things that have a name instead of an id.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
