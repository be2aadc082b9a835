//! `GET /enums`: the closed lists a client may warn with. No wrapper: any method, no CORS.

use serde_json::json;

use crate::http::Response;
use crate::routes::ok;
use crate::vocabulary::{BASE_MODEL_TYPES, BASE_MODELS, FILE_ROLES, MODEL_TYPES};

pub(super) fn all() -> Response {
    let names = |hidden_too: bool| -> Vec<&str> {
        BASE_MODELS
            .iter()
            .filter(|model| hidden_too || !model.hidden)
            .map(|model| model.name)
            .collect()
    };
    ok(&json!({
        "ModelType": MODEL_TYPES,
        "ModelFileType": FILE_ROLES,
        "ActiveBaseModel": names(false),
        "BaseModel": names(true),
        "BaseModelType": BASE_MODEL_TYPES,
    }))
}
