//! Settings as a job keeps them: what was in force when it was made holds wherever it runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::file::{ConfigFile, Scope};
use super::layer::{Layers, Origin, Raw, Surroundings};
use super::{Key, unknown_key};
use crate::failure::Failure;
use crate::text::{Bulk, Hint, Message};

/// The settings that were written somewhere, and the directory that relative paths start from. Never a secret: the
/// token is looked for when the job runs, and so is a proxy that needs a password.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    directory: PathBuf,
    settings: Vec<Value>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Value {
    key: String,
    /// Absent for what is to be read again where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    from: From,
}

/// Who wrote a value. That a project did must not be forgotten: it decides where the token goes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum From {
    Given,
    Project(PathBuf),
    User(PathBuf),
}

impl Layers {
    /// What a job needs to find the same settings again.
    ///
    /// # Errors
    /// A proxy with a password on the command line can be kept nowhere.
    pub(crate) fn keep(&self) -> Result<Kept, Failure> {
        let mut settings = Vec::new();
        for key in Key::ALL.iter().copied().filter(|key| *key != Key::DataDir) {
            let Some(Raw { text, origin }) = self.raw(key) else {
                continue;
            };
            let from = match origin {
                // The language of the locale is that of whoever made the job.
                Origin::Default if key == Key::Lang => From::Given,
                Origin::Default => continue,
                Origin::Flag | Origin::Environment(_) => From::Given,
                Origin::Project(path) => From::Project(path.clone()),
                Origin::User(path) => From::User(path.clone()),
            };
            let is_secret = key == Key::Proxy && has_password(text);
            let text = match origin {
                Origin::Flag if is_secret => {
                    let message = Message::Bulk(Bulk::ProxySecret);
                    let hint = Hint::Bulk(Bulk::ProxyByEnvironment);
                    return Err(Failure::usage(message).with_hint(hint));
                }
                Origin::Environment(_) if is_secret => continue,
                _ if is_secret => None,
                _ => Some(text.clone()),
            };
            let key = key.name().to_owned();
            settings.push(Value { key, text, from });
        }
        Ok(Kept {
            directory: self.surroundings().directory.clone(),
            settings,
        })
    }

    /// The settings of a job within `surroundings`, which give what no job keeps: token, proxy password, home.
    pub(crate) fn of_kept(
        kept: Kept,
        data_dir: &std::path::Path,
        surroundings: Surroundings,
    ) -> Result<Self, Failure> {
        let mut found = vec![(
            Key::DataDir,
            Raw {
                text: data_dir.to_string_lossy().into_owned(),
                origin: Origin::Flag,
            },
        )];
        for Value {
            key: name,
            text,
            from,
        } in kept.settings
        {
            let key = Key::find(&name).ok_or_else(|| unknown_key(&name, "jobs.db"))?;
            let origin = match &from {
                From::Given => Origin::Flag,
                From::Project(path) => Origin::Project(path.clone()),
                From::User(path) => Origin::User(path.clone()),
            };
            let text = match (text, from) {
                (Some(text), _) => Some(text),
                (None, From::Given) => None,
                (None, From::Project(path)) => read_again(key, &path, Scope::Project)?,
                (None, From::User(path)) => read_again(key, &path, Scope::User)?,
            };
            found.extend(text.map(|text| (key, Raw { text, origin })));
        }
        if !found.iter().any(|(key, _)| *key == Key::Proxy) {
            let names = Key::Proxy.variables().iter();
            let proxy = names.copied().find_map(|name| {
                let text = surroundings.variable(name)?.to_owned();
                let origin = Origin::Environment(name);
                Some((Key::Proxy, Raw { text, origin }))
            });
            found.extend(proxy);
        }
        let surroundings = Surroundings {
            directory: kept.directory,
            ..surroundings
        };
        Ok(Self::of_values(found, surroundings))
    }
}

fn read_again(key: Key, path: &std::path::Path, scope: Scope) -> Result<Option<String>, Failure> {
    let settings = ConfigFile::read(path, scope)?.settings()?;
    let mut wanted = settings
        .into_iter()
        .filter(|(name, _)| Key::find(name) == Some(key));
    Ok(wanted.next().map(|(_, text)| text))
}

/// What cannot be read as an address may hold one all the same.
fn has_password(proxy: &str) -> bool {
    url::Url::parse(proxy).map_or(true, |url| url.password().is_some())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::args::Global;
    use crate::settings::Settings;

    fn around(directory: &Path, variables: &[(&str, &str)]) -> Surroundings {
        Surroundings {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            directory: directory.to_owned(),
            user_file: None,
            user_data: Some(PathBuf::from("/data")),
        }
    }

    /// Through its text, as a job keeps it.
    fn again(kept: &Kept, surroundings: Surroundings) -> Settings {
        let text = serde_json::to_string(kept).unwrap();
        let kept = serde_json::from_str(&text).unwrap();
        let layers = Layers::of_kept(kept, Path::new("/elsewhere"), surroundings).unwrap();
        Settings::read(layers).unwrap()
    }

    #[test]
    fn what_was_in_force_is_found_again_wherever_the_job_runs() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("civitai.toml");
        fs_err::write(
            &project,
            "[settings]\nbase-url = \"https://mirror.example\"\n",
        )
        .unwrap();
        let global = Global {
            jobs: Some("7".to_owned()),
            library: Some("shelf".to_owned()),
            ..Global::default()
        };
        let variables = [("LANG", "ja_JP.UTF-8"), ("CIVITAI_LAYOUT", "flat")];
        let here = around(folder.path(), &variables);
        let layers = Layers::without_files(&global, here).with_files().unwrap();
        let settings = again(
            &layers.keep().unwrap(),
            around(
                Path::new("/"),
                &[("CIVITAI_BASE_URL", "https://other.example")],
            ),
        );
        assert_eq!(settings.base_url.as_str(), "https://mirror.example/");
        assert_eq!(settings.library, folder.path().join("shelf"));
        assert_eq!(
            settings.jobs,
            crate::settings::Amount::Exactly(7.try_into().unwrap())
        );
        assert_eq!(settings.layout.to_string(), "flat");
        assert_eq!(settings.data_dir, Path::new("/elsewhere"));
        assert_eq!(settings.layers.raw(Key::Lang).unwrap().text, "ja");
        let (key, _) = settings.distrusted().expect("a project chose the site");
        assert_eq!(key, Key::BaseUrl);
    }

    #[test]
    fn a_proxy_password_is_never_kept() {
        let secret = "http://user:word@proxy.example:3128";
        let flag = Global {
            proxy: Some(secret.to_owned()),
            ..Global::default()
        };
        let nowhere = Path::new("/nowhere");
        let layers = Layers::without_files(&flag, around(nowhere, &[]));
        assert!(layers.keep().is_err());

        let variables = [("HTTPS_PROXY", secret)];
        let layers = Layers::without_files(&Global::default(), around(nowhere, &variables));
        let kept = layers.keep().unwrap();
        assert!(!serde_json::to_string(&kept).unwrap().contains("word"));
        let settings = again(&kept, around(nowhere, &variables));
        assert_eq!(settings.proxy.unwrap().password(), Some("word"));

        let open = Global {
            proxy: Some("http://proxy.example:3128".to_owned()),
            ..Global::default()
        };
        let layers = Layers::without_files(&open, around(nowhere, &[]));
        let settings = again(&layers.keep().unwrap(), around(nowhere, &[]));
        assert_eq!(
            settings.proxy.unwrap().as_str(),
            "http://proxy.example:3128/"
        );
    }
}
