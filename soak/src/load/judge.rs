//! Whether a job ended as it must.

use std::io::Read as _;
use std::path::Path;

use anyhow::Result;
use civitai_sim::Sim;
use civitai_sim::content::Content;

use super::bring::{Ended, tmp_of};
use super::case::{Case, Job};
use super::knobs::End;

/// What became of one file.
#[derive(Debug)]
pub(crate) struct Judged {
    /// What is wrong with how it ended.
    pub(crate) wrong: Option<String>,
    pub(crate) hits: u64,
}

pub(crate) fn judge(job: &Job, ended: &Ended, sim: &Sim, folder: &Path) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    for (nth, case) in job.cases.iter().enumerate() {
        let kind = ended.kinds.get(nth).cloned().flatten();
        judged.push(Judged {
            wrong: wrong(case, ended, kind.as_deref(), folder)?,
            hits: case.hits(sim),
        });
    }
    if let Some(last) = judged.last_mut()
        && last.wrong.is_none()
    {
        last.wrong = leftovers(job, folder)?;
    }
    Ok(judged)
}

fn wrong(case: &Case, ended: &Ended, kind: Option<&str>, folder: &Path) -> Result<Option<String>> {
    let path = folder.join(&case.name);
    Ok(match case.end {
        _ if ended.hung => Some("it did not end".to_owned()),
        _ if ended.crashed => Some("it crashed".to_owned()),
        End::Right if !path.exists() => Some(format!("no file: {}", kind.unwrap_or("no error"))),
        _ if path.exists() && !is_equal(&path, &case.content)? => {
            Some("the final name holds other bytes".to_owned())
        }
        End::Right => kind.map(|kind| format!("there, and yet {kind}")),
        End::Refused(_) if path.exists() => Some("it came although it could not".to_owned()),
        End::Refused(kinds) => {
            let told = kind.is_some_and(|kind| kinds.contains(&kind));
            (!told).then(|| format!("{} instead of {kinds:?}", kind.unwrap_or("no error")))
        }
    })
}

/// Files that are neither the ones asked for nor what an unfinished one keeps.
fn leftovers(job: &Job, folder: &Path) -> Result<Option<String>> {
    let expected = |name: &str| {
        job.cases.iter().any(|case| match case.end {
            End::Right => name == case.name,
            End::Refused(_) => {
                name == format!("{}.part", case.name)
                    || name == format!("{}.part.json", case.name)
                    || name == ".quarantine"
            }
        })
    };
    for name in names(folder)? {
        if !expected(&name) {
            return Ok(Some(format!("{name} is left over")));
        }
    }
    let tmp = tmp_of(folder);
    let left = if tmp.exists() {
        names(&tmp)?
    } else {
        Vec::new()
    };
    Ok(left
        .first()
        .map(|name| format!("{name} is left over in the folder for temporary files")))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

fn is_equal(path: &Path, content: &Content) -> Result<bool> {
    let mut file = fs_err::File::open(path)?;
    let (mut there, mut wanted) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut at = 0;
    loop {
        let read = file.read(&mut there)?;
        let known = content.read_at(at, &mut wanted[..read]);
        if read == 0 {
            return Ok(at == content.len());
        }
        if there[..read] != wanted[..known] {
            return Ok(false);
        }
        at += read as u64;
    }
}

const BLOCK: usize = 256 << 10;
