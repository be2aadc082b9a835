//! Listings: from pages with their defects to one stream of things.
//!
//! * Pages are followed by cursor, or by number where the site has no cursors; a listing ends only where the site ends it.
//! * Nothing comes twice.
//! * Where the site is known to lose an item between two pages, the item is asked for by its id.
//! * What could not be made good is said: see [`Completeness`].

mod walk;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{FusedStream, Stream};

use crate::error::Error;
use crate::wire::Wire;

pub(crate) use walk::{Boundary, Paging, Pass, Walk, hash};

/// Everything that a listing has, one after the other. Pages are requested as they are needed.
///
/// After an error the stream ends. Dropping it, or a future of its `next`, loses nothing but the request under way.
#[must_use = "streams do nothing unless polled"]
pub struct Listing<T> {
    ready: VecDeque<T>,
    state: State<T>,
    /// How many more things to hand out, if there is a limit.
    wanted: Option<usize>,
    requests: u32,
    gap: Option<Gap>,
}

enum State<T> {
    Resting(Box<Walk<T>>),
    Walking(Step<T>),
    Over,
}

type Step<T> = BoxFuture<'static, (Box<Walk<T>>, Result<Vec<T>, Error>)>;

/// Whether a listing gave everything there is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completeness {
    /// The site ended the listing, and nothing is known to be missing.
    Complete,
    /// Something is missing, or may be.
    Incomplete(Gap),
}

/// Why a listing is not known to be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// It was not read to its end.
    Unfinished,
    /// An error ended it; the stream returned it.
    Failed,
    /// The site loses an item at each page boundary, and these could not be recovered.
    Boundaries {
        /// How many boundaries that concerns.
        boundaries: usize,
    },
    /// The site began to repeat its pages.
    Loop,
    /// The site went on without anything new for this many pages.
    Fruitless {
        /// How many.
        pages: u32,
    },
    /// The site refused its own cursor, also with smaller pages.
    Cursor {
        /// The status of its answer.
        status: u16,
    },
    /// Some items could not be read.
    Unreadable {
        /// How many.
        items: usize,
    },
    /// The site lists in no fixed order, and fewer than it says there are came by.
    Unordered {
        /// How many never came by.
        missing: u64,
    },
    /// The site does not know the tag, and would list everything instead.
    UnknownTag,
}

/// Nothing is ever pinned inside.
impl<T> Unpin for Listing<T> {}

impl<T> Listing<T> {
    pub(crate) fn new(walk: Walk<T>) -> Self {
        Self {
            ready: VecDeque::new(),
            state: State::Resting(Box::new(walk)),
            wanted: None,
            requests: 0,
            gap: None,
        }
    }

    /// Ends the stream after `items` things. What the site loses between pages then comes in its place and not at the end.
    pub fn with_limit(mut self, items: usize) -> Self {
        self.wanted = Some(items);
        if let State::Resting(walk) = &mut self.state {
            walk.in_order();
        }
        self
    }

    /// Returns the next thing if it came with an earlier answer, so that no request is needed for it.
    pub fn next_ready(&mut self) -> Option<T> {
        if self.wanted == Some(0) {
            return None;
        }
        let item = self.ready.pop_front()?;
        self.wanted = self.wanted.map(|wanted| wanted - 1);
        Some(item)
    }

    /// Says whether everything came. Before the stream has ended it is [`Gap::Unfinished`].
    pub fn completeness(&self) -> Completeness {
        let gap = match &self.state {
            State::Over if self.ready.is_empty() => self.gap.clone(),
            _ => Some(Gap::Unfinished),
        };
        gap.map_or(Completeness::Complete, Completeness::Incomplete)
    }

    /// Returns how many requests were sent so far, retries included.
    pub fn requests(&self) -> u32 {
        self.requests
    }
}

impl<T: Wire + Send + 'static> Stream for Listing<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.wanted == Some(0) {
                return Poll::Ready(None);
            }
            if let Some(item) = this.next_ready() {
                return Poll::Ready(Some(Ok(item)));
            }
            match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Resting(walk) => this.state = State::Walking(Box::pin(walk.advance())),
                State::Walking(mut step) => {
                    let Poll::Ready((walk, outcome)) = step.as_mut().poll(context) else {
                        this.state = State::Walking(step);
                        return Poll::Pending;
                    };
                    this.requests = walk.requests();
                    match outcome {
                        Ok(items) => this.ready.extend(items),
                        Err(error) => {
                            this.gap = Some(Gap::Failed);
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                    if walk.is_over() {
                        this.gap = walk.into_gap();
                    } else {
                        this.state = State::Resting(walk);
                    }
                }
            }
        }
    }
}

impl<T: Wire + Send + 'static> FusedStream for Listing<T> {
    fn is_terminated(&self) -> bool {
        self.wanted == Some(0) || (matches!(self.state, State::Over) && self.ready.is_empty())
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("ready", &self.ready.len())
            .field("wanted", &self.wanted)
            .field("requests", &self.requests)
            .field("completeness", &self.completeness())
            .finish_non_exhaustive()
    }
}

impl Completeness {
    /// Says whether everything came.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }

    /// Returns what is missing, or may be.
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Complete => None,
            Self::Incomplete(gap) => Some(gap),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("the listing was not read to its end"),
            Self::Failed => f.write_str("an error ended the listing"),
            Self::Boundaries { boundaries } => {
                write!(
                    f,
                    "the site may have left out an item at each of {boundaries} page boundaries"
                )
            }
            Self::Loop => f.write_str("the site began to repeat its pages"),
            Self::Fruitless { pages } => {
                write!(f, "the site sent {pages} pages without anything new")
            }
            Self::Cursor { status } => {
                write!(f, "the site refused its own cursor with status {status}")
            }
            Self::Unreadable { items } => write!(f, "{items} items could not be read"),
            Self::Unordered { missing } => {
                write!(
                    f,
                    "the site lists in no fixed order, and {missing} never came by"
                )
            }
            Self::UnknownTag => f.write_str("the site does not know the tag"),
        }
    }
}
