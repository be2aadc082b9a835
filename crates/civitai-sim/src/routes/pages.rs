//! The two pages of the web site that API clients meet by mistake.

use crate::http::Response;

/// Some page of the site: HTML that ends in 200, whatever the client was after.
pub(super) fn page() -> Response {
    Response::html(
        200,
        "<!DOCTYPE html><html><head><title>Civitai</title></head><body>Sign in</body></html>",
    )
    .with_header(
        "Cache-Control",
        "private, no-cache, no-store, max-age=0, must-revalidate",
    )
}

/// What any unknown path answers.
pub(super) fn not_found() -> Response {
    Response::html(404, "<!DOCTYPE html><html><head><title>404 | Civitai</title></head><body>Not found</body></html>")
        .with_header("Cache-Control", "private, no-cache, no-store, max-age=0, must-revalidate")
}
