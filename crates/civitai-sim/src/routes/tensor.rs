//! `GET /model-files/{id}/tensor-metadata`: what is in a weights file, read from its first bytes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::content::{Content, Kind};
use crate::download::{self, Denial};
use crate::http::{Request, Response};
use crate::routes::body::object;
use crate::routes::params::{Params, path_id, refused};
use crate::routes::{Site, error, ok};

pub(super) fn metadata(
    site: &Site<'_>,
    request: &Request,
    user: Option<u32>,
    id: &str,
) -> Response {
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let mut params = Params::new(request);
    let summary_only = params.strict("summaryOnly").unwrap_or(false);
    if let Err(issues) = params.finish() {
        return refused(&issues);
    }
    let content = match allowed(site, user, id) {
        Ok(content) => content,
        Err(refusal) => return refusal,
    };
    let tensors = match content.kind() {
        Kind::SafeTensors => safetensors(content).map(|tensors| ("SafeTensor", tensors)),
        Kind::Gguf => Some(("GGUF", vec![gguf(content)])),
        _ => return error(400, "Unsupported file format"),
    };
    let Some((format, tensors)) = tensors else {
        return error(422, "Failed to read tensor metadata");
    };
    ok(&body(format, &tensors, summary_only))
        .with_header("Cache-Control", "public, max-age=31536000, immutable")
}

/// The same questions as for a download, with other answers.
fn allowed<'a>(site: &'a Site<'_>, user: Option<u32>, id: u32) -> Result<&'a Content, Response> {
    let missing = || error(404, "File not found");
    let (model, version, file) = site.state.find_file(id).ok_or_else(missing)?;
    let user = user.and_then(|id| site.state.user(id));
    match download::permit(site.state, user, (model, version), site.now) {
        Ok(()) if file.is_public() || download::is_privileged(user, model) => Ok(&file.content),
        Ok(()) | Err(Denial::NotFound) => Err(missing()),
        Err(Denial::Archived) => Err(error(410, "Model archived, not available for download")),
        Err(_) => Err(error(403, "Forbidden")),
    }
}

/// One tensor of a file.
struct Tensor {
    name: String,
    shape: Vec<u64>,
    dtype: String,
    bytes: u64,
}

fn safetensors(content: &Content) -> Option<Vec<Tensor>> {
    let mut prefix = [0; 8];
    if content.read_at(0, &mut prefix) < prefix.len() {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes(prefix))
        .ok()
        .filter(|&length| length <= MOST_HEADER)?;
    let mut header = vec![0; length];
    if content.read_at(8, &mut header) < length {
        return None;
    }
    let entries: Map<String, Value> = serde_json::from_slice(&header).ok()?;
    let tensors = entries
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
        .filter_map(|(name, entry)| {
            let (start, end): (u64, u64) =
                serde_json::from_value(entry.get("data_offsets")?.clone()).ok()?;
            Some(Tensor {
                name,
                shape: serde_json::from_value(entry.get("shape")?.clone()).ok()?,
                dtype: entry.get("dtype")?.as_str()?.to_owned(),
                bytes: end.checked_sub(start)?,
            })
        });
    Some(tensors.collect())
}

fn gguf(content: &Content) -> Tensor {
    Tensor {
        name: "weights".to_owned(),
        shape: vec![content.len()],
        dtype: "I8".to_owned(),
        bytes: content.len(),
    }
}

fn body(format: &str, tensors: &[Tensor], summary_only: bool) -> Value {
    let total: u64 = tensors.iter().map(|tensor| tensor.bytes).sum();
    let mut dtypes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for tensor in tensors {
        let (count, bytes) = dtypes.entry(&tensor.dtype).or_default();
        *count += 1;
        *bytes += tensor.bytes;
    }
    let counts: Vec<Value> = dtypes
        .into_iter()
        .map(|(dtype, (count, bytes))| json!({ "dtype": dtype, "count": count, "bytes": bytes }))
        .collect();
    let reserve = 1_u64 << 30;
    let mut body = object(json!({
        "format": format,
        "tensorCount": tensors.len(),
        "totalTensorBytes": total,
        "dtypeCounts": counts,
        "largestTensor": tensors.iter().max_by_key(|tensor| tensor.bytes).map(described),
        "vramEstimate": {
            "estimatedMinimumVramBytes": reserve,
            "recommendedVramBytes": total + reserve,
            "residentWeightsBytes": total,
            "fullyResidentWeightsBytes": total,
            "inferenceReserveBytes": reserve,
            "extraReservedBytes": 0,
            "dynamicVramPageBytes": 0,
        },
    }));
    if !summary_only {
        body.insert(
            "tensors".to_owned(),
            tensors.iter().map(described).collect::<Vec<_>>().into(),
        );
    }
    body.into()
}

fn described(tensor: &Tensor) -> Value {
    json!({ "name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype, "sizeBytes": tensor.bytes })
}

const MOST_HEADER: usize = 16 << 20;
