//! The library made what a lock says.

use std::sync::Arc;

use civitai_library::fetch::{Audience, SyncFetch};
use civitai_library::manifest::Manifest;
use civitai_library::sync::Step;
use tokio_util::sync::CancellationToken;

use super::{At, find, of_file};
use crate::choose::Choose;
use crate::desk::Work;
use crate::errors::Failure;
use crate::fetched::Fetched;
use crate::line::Line;
use crate::look::blocking;

/// The making of a library equal to the lock of a project.
pub(super) struct Sync {
    pub(super) at: At,
    pub(super) check: bool,
}

impl Work for Sync {
    async fn run(
        self,
        choose: Choose,
        audience: Arc<dyn Audience>,
        cancel: CancellationToken,
    ) -> Result<Vec<Fetched>, Failure> {
        let At { desk, directory } = self.at;
        let project = find(directory).await?;
        let place = project.clone();
        let read = blocking(move || Ok::<_, Failure>((place.manifest()?, place.lock()?)));
        let (manifest, lock) = read.await??;
        if let Some(manifest) = &manifest
            && !lock.drift(manifest).is_none()
        {
            let problem = "civitai.lock is not what civitai.toml wants: call lock() first";
            return Err(Failure::saying("usage", problem));
        }
        let Manifest { policy, scan, .. } = manifest.unwrap_or_default();
        let lock = Arc::new(lock);
        let sync = SyncFetch {
            library: &desk.place,
            project: &project.directory,
            lock: &lock,
            policy: &policy,
        };
        if !self.check {
            sync.recover().await?;
        }
        let plan = sync.plan(|_| {}).await?;
        if self.check {
            let steps = plan.steps.iter().filter_map(of_step);
            return Ok(steps.map(Fetched::planned).collect());
        }
        if plan.is_in_step() {
            return Ok(Vec::new());
        }
        let settled = sync.settle(plan, &choose.given, &*audience).await?;
        if settled.is_over() {
            return Ok(Vec::new());
        }
        let mut care = choose.care;
        care.judge.get_or_insert_with(|| scan.judge());
        let fetch = desk.fetch(&care, false).await?;
        let ended = sync
            .fetch(settled, (&fetch, &desk.site), &cancel, audience)
            .await?;
        Ok(ended.iter().map(|ended| Fetched::from(&**ended)).collect())
    }
}

/// What differs, where anybody need hear of it.
fn of_step(step: &Step) -> Option<Line> {
    let (action, file) = match step {
        Step::Blocked { file } => ("blocked", Some(file)),
        Step::Fetch { file } => ("download", Some(file)),
        Step::Move { file, .. } => ("move", Some(file)),
        Step::Replace { file } => ("replace", Some(file)),
        Step::Trash { .. } => ("trash", None),
        _ => return None,
    };
    let mut line = file.map_or_else(Line::new, |file| of_file(action, file));
    line.insert("path".into(), step.path().as_str().into());
    line.insert("action".into(), action.into());
    Some(line)
}
