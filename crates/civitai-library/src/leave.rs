//! Wishes taken out of a project, with the files that they led to. The next sync puts those into the trash.

use url::Url;

use crate::document::ReadError;
use crate::lock::{Lock, Locked};
use crate::manifest::Draft;
use crate::project::Project;

/// The taking out of wishes. Nothing is written before [`Leaving::save`].
#[derive(Debug)]
pub struct Leaving {
    draft: Draft,
    stay: Lock,
    files: Vec<Locked>,
    unknown: Vec<String>,
}

impl Leaving {
    /// Takes out what `given` means, as [`Locked::is_meant_by`] says; a wish that led to no file is meant by its own link.
    /// Nothing where the project has no manifest. Blocks.
    pub fn of(
        project: &Project,
        given: &[String],
        origin: &Url,
    ) -> Result<Option<Self>, ReadError> {
        let (Some(manifest), Some(mut draft)) = (project.manifest()?, project.draft()?) else {
            return Ok(None);
        };
        let lock = project.lock()?;
        let wanted: Vec<_> = manifest.wanted().collect();
        let means = |text: &str, index: usize| match lock.of(&wanted[index]) {
            Some(file) => file.is_meant_by(text, origin),
            None => wanted[index].link == text,
        };
        let (mut gone, mut unknown) = (Vec::new(), Vec::new());
        for text in given {
            let before = gone.len();
            gone.extend((0..wanted.len()).filter(|index| means(text, *index)));
            if gone.len() == before {
                unknown.push(text.clone());
            }
        }
        let leaves = |file: &Locked| gone.iter().any(|index| wanted[*index] == file.wanted);
        let (files, stay): (Vec<_>, Vec<_>) = lock.files().iter().cloned().partition(leaves);
        draft.take(gone);
        Ok(Some(Self {
            draft,
            stay: Lock::new(stay).expect("a part of a lock has no two files at one place"),
            files,
            unknown,
        }))
    }

    /// The files that leave the lock.
    pub fn files(&self) -> &[Locked] {
        &self.files
    }

    /// What was given and means nothing here.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Writes the manifest, and then the lock. Blocks.
    pub fn save(&self, project: &Project) -> Result<(), ReadError> {
        self.draft.save()?;
        self.stay.save(&project.lock_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    const LOCK: &str = "version = 1\n\n[[file]]\npath = \"loras/a.safetensors\"\nwanted = { link = \"model:1\" }\nmodel = 1\n\
        version = 10\nfile = 100\nname = \"a.safetensors\"\nbytes = 1\n\
        sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\ntype = \"LORA\"\n";

    fn project(place: &tempfile::TempDir) -> Project {
        let project = Project {
            directory: place.path().to_owned(),
        };
        let manifest = "[[model]]\nlink = \"model:1\"\n\n[[model]]\nlink = \"model:2\"\n";
        fs_err::write(project.manifest_path(), manifest).expect("the folder takes files");
        fs_err::write(project.lock_path(), LOCK).expect("the folder takes files");
        project
    }

    #[test]
    fn what_is_meant_leaves_manifest_and_lock_and_the_rest_stays() {
        let place = tempfile::tempdir().expect("a folder for temporary files");
        let project = project(&place);
        let origin = Url::parse("https://civitai.com").expect("an address");
        let given = ["version:10", "model:3"].map(str::to_owned);
        let leaving = Leaving::of(&project, &given, &origin)
            .expect("both files are right")
            .expect("there is a manifest");
        assert_eq!(leaving.unknown(), ["model:3"]);
        assert_eq!(leaving.files().len(), 1);
        leaving.save(&project).expect("the folder takes files");
        let manifest = project.manifest().expect("it is right");
        let wanted: Vec<_> = manifest.iter().flat_map(Manifest::wanted).collect();
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0].link, "model:2");
        assert_eq!(project.lock().expect("it is right").files(), []);
    }

    #[test]
    fn a_wish_without_a_file_is_meant_by_its_link() {
        let place = tempfile::tempdir().expect("a folder for temporary files");
        let project = project(&place);
        let origin = Url::parse("https://civitai.com").expect("an address");
        let leaving = Leaving::of(&project, &["model:2".to_owned()], &origin)
            .expect("both files are right")
            .expect("there is a manifest");
        assert_eq!((leaving.files(), leaving.unknown()), (&[][..], &[][..]));
    }
}
