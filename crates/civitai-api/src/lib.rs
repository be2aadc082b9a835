//! Civitai over HTTP, typed: models, images, search, links, downloads.
