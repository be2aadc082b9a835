//! Folders in the form of diffusers: a `model_index.json` over components, or the `config.json` of one component.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::header::Header;
use super::{Error, Flaw, Format};

/// Longest configuration that is read.
const MOST_CONFIG_BYTES: u64 = 1 << 20;
/// Most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 4096;

/// The components whose tensors say what a pipeline is, in the order in which they are asked.
const DENOISERS: &[&str] = &["transformer", "unet", "prior", "decoder"];
/// Components that make a pipeline whole.
const OTHERS: &[&str] = &[
    "vae",
    "vqgan",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
];

pub(super) fn read(path: &Path) -> Result<Header, Error> {
    let mut header = Header::new(Format::Unknown);
    if let Some(index) = config(&path.join("model_index.json"))? {
        header.format = Format::Diffusers;
        keep(&mut header, "", &index);
        for component in DENOISERS {
            let folder = path.join(component);
            if let Some(config) = config(&folder.join("config.json"))? {
                keep(&mut header, &format!("{component}."), &config);
                take_tensors(&mut header, &folder, &format!("{component}."));
            }
        }
        for component in OTHERS
            .iter()
            .filter(|component| path.join(component).is_dir())
        {
            header.mentions.push((*component).to_owned());
        }
        return Ok(header);
    }
    let mut found = false;
    for name in ["config.json", "adapter_config.json"] {
        if let Some(config) = config(&path.join(name))? {
            keep(&mut header, "", &config);
            found = true;
        }
    }
    if found {
        header.format = Format::Diffusers;
        take_tensors(&mut header, path, "");
    }
    Ok(header)
}

/// The object in the file at `path`, or `None` where there is none.
fn config(path: &Path) -> Result<Option<Value>, Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut text = Vec::new();
    file.take(MOST_CONFIG_BYTES)
        .read_to_end(&mut text)
        .map_err(io)?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| Error::Malformed {
            path: path.to_owned(),
            format: Format::Diffusers,
            source: Flaw::Json {
                what: "configuration",
                line: error.line(),
                column: error.column(),
            },
        })
}

/// Keeps the texts and numbers of a configuration as metadata.
fn keep(header: &mut Header, prefix: &str, config: &Value) {
    for (key, value) in config.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(list) if list.len() < 16 => value.to_string(),
            _ => continue,
        };
        header.metadata.insert(format!("{prefix}{key}"), text);
    }
}

/// Adds the tensors of the first file of weights in `folder`. Weights that are missing or unsound leave the
/// configuration to speak alone.
fn take_tensors(header: &mut Header, folder: &Path, prefix: &str) {
    let Some(weights) = weights(folder) else {
        return;
    };
    let Ok(inside) = Header::read(&weights) else {
        return;
    };
    for mut tensor in inside.tensors {
        tensor.name.insert_str(0, prefix);
        header.push(tensor);
    }
}

/// The first file of weights by name, safetensors before pickles.
fn weights(folder: &Path) -> Option<PathBuf> {
    let entries = fs_err::read_dir(folder).ok()?;
    let mut files: Vec<PathBuf> = entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort_unstable();
    ["safetensors", "bin", "pt", "gguf"]
        .iter()
        .find_map(|wanted| {
            files
                .iter()
                .find(|file| file.is_file() && file.extension().is_some_and(|ext| ext == *wanted))
                .cloned()
        })
}
