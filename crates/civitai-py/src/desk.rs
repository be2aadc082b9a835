//! Files of the site on their way into a library.

use std::sync::Arc;

use civitai_api::Link;
use civitai_download::{Connections, Jobs, Limit};
use civitai_library::catalogue::Recorder;
use civitai_library::fetch::{Audience, Fetch, Rules};
use civitai_library::find::{Destination, Finder, LOOKUPS};
use civitai_library::licence::Policy;
use civitai_library::site::Site;
use futures::stream::{self, StreamExt as _};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio_util::sync::CancellationToken;

use crate::choose::{Care, Choose};
use crate::errors::Failure;
use crate::fetched::Fetched;

/// A library with the site, as transfers need them.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) place: civitai_library::Library,
    pub(crate) site: Site,
    pub(crate) jobs: Jobs,
    pub(crate) connections: Connections,
    pub(crate) limit: Option<Arc<Limit>>,
}

impl Desk {
    /// How files are fetched. Opens the catalogue, if anything is to be written.
    pub(crate) async fn fetch(&self, care: &Care, only_plan: bool) -> Result<Fetch, Failure> {
        let recorder = if only_plan {
            None
        } else {
            let place = self.place.clone();
            let opened = tokio::task::spawn_blocking(move || Recorder::open(&place)).await;
            let opened = opened.map_err(|error| Failure::new("internal", &error))?;
            Some(Arc::new(
                opened.map_err(|error| Failure::new(error.code(), &error))?,
            ))
        };
        Ok(Fetch {
            library: self.place.clone(),
            judge: Some(care.judge.clone().unwrap_or_default()),
            recorder,
            sealing: None,
            patience: None,
            rules: Rules {
                existing: care.existing,
                unproved: care.unproved,
                wait: care.wait,
                retry: self.site.retry,
                jobs: self.jobs,
                connections: self.connections,
                limit: self.limit.clone(),
                only_plan,
                ..Rules::default()
            },
        })
    }
}

/// Something that fetches files.
pub(crate) trait Work: Send + 'static {
    /// Does it, and tells what happens.
    fn run(
        self,
        choose: Choose,
        audience: Arc<dyn Audience>,
        cancel: CancellationToken,
    ) -> impl Future<Output = Result<Vec<Fetched>, Failure>> + Send;
}

/// Links whose files are to be fetched.
pub(crate) struct Links {
    desk: Desk,
    links: Vec<Link>,
}

impl Links {
    pub(crate) fn read(links: &Bound<'_, PyTuple>, desk: Desk) -> PyResult<Self> {
        let links = links
            .iter()
            .map(|link| link.extract::<Asked>()?.read(&desk));
        let links = links.collect::<PyResult<_>>()?;
        Ok(Self { desk, links })
    }
}

impl Work for Links {
    async fn run(
        self,
        choose: Choose,
        audience: Arc<dyn Audience>,
        cancel: CancellationToken,
    ) -> Result<Vec<Fetched>, Failure> {
        let Desk { place, site, .. } = &self.desk;
        let fetch = self.desk.fetch(&choose.care, choose.dry_run).await?;
        let destination = match choose.to {
            Some(to) => Destination::Directory(to),
            None => Destination::Library {
                root: place.root.clone(),
                layout: place.layout.clone(),
            },
        };
        let mut finder = Finder::new(site.clone(), destination)
            .wish(choose.wish)
            .terms(Policy::default(), Arc::new(choose.given))
            .telling(fetch.recorder.clone());
        if choose.sidecars {
            finder = finder.describing(place.layout.forms(), choose.with_images);
        }
        if !choose.dry_run {
            finder = finder.looking_ahead(cancel.clone());
        }
        let finder = Arc::new(finder);
        let wanted = stream::iter(self.links)
            .map(|link| Arc::clone(&finder).follow(link))
            .buffered(LOOKUPS)
            .flatten();
        let ended = fetch.gather(wanted, &cancel, audience).await;
        Ok(ended.iter().map(|ended| Fetched::from(&**ended)).collect())
    }
}

/// A link as it is given in Python: a text, or the number of a model.
#[derive(FromPyObject)]
pub(crate) enum Asked {
    Number(u64),
    Text(String),
}

impl Asked {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }

    pub(crate) fn read(self, desk: &Desk) -> PyResult<Link> {
        let text = self.text();
        let origin = Some(desk.site.client.origin());
        Ok(Link::parse_with(&text, origin).map_err(|error| Failure::argument("link", &error))?)
    }
}
