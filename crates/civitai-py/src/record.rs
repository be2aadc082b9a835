//! Civitai's objects as frozen classes. Each holds the libraries' own reading, so nothing is lost on the way back to JSON.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use pyo3::prelude::*;

use crate::give::Give;
use crate::take;

/// Declares the classes: `Name: type, shown by these fields { fields; name: source, … }`. A source is a field of another
/// name, or a method that takes nothing.
macro_rules! records {
    ($(
        $(#[$meta:meta])*
        $name:ident: $inner:ty, [$($shown:ident),*] {
            $($field:ident)*;
            $($other:ident: $source:ident $(($($none:tt)*))?,)*
        }
    )*) => {
        $(
            $(#[$meta])*
            #[pyclass(frozen, eq, module = "civitai_rs")]
            #[derive(Clone, Debug, PartialEq)]
            pub(crate) struct $name($inner);

            #[pymethods]
            impl $name {
                $(
                    #[getter]
                    fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                        self.0.$field.give(py)
                    }
                )*
                $(
                    #[getter]
                    fn $other<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                        self.0.$source $(($($none)*))?.give(py)
                    }
                )*

                /// Returns the object in Civitai's own field names, unknown fields included.
                fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    civitai_api::wire::Wire::write(&self.0).give(py)
                }

                /// Returns the same as JSON text.
                fn to_json(&self) -> String {
                    civitai_api::wire::Wire::write(&self.0).to_string()
                }

                /// Reads what Civitai sent or `to_json` wrote.
                #[staticmethod]
                fn from_json(text: &str) -> PyResult<Self> {
                    take::json(text).map(Self)
                }

                fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
                    let read = py.get_type::<Self>().getattr("from_json")?;
                    Ok((read, (self.to_json(),)))
                }

                fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                    let shown: [(&str, Bound<'_, PyAny>); _] =
                        [$( (stringify!($shown), self.0.$shown.give(py)?) ),*];
                    shown_as(stringify!($name), &shown)
                }

                fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
                    let mut hasher = DefaultHasher::new();
                    self.__repr__(py)?.hash(&mut hasher);
                    Ok(hasher.finish())
                }
            }

            impl From<$inner> for $name {
                fn from(inner: $inner) -> Self {
                    Self(inner)
                }
            }

            impl Give for $inner {
                fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    Ok(Bound::new(py, $name(self.clone()))?.into_any())
                }
            }
        )*
    };
}

records! {
    /// A model: what a creator published under one title.
    Model: civitai_api::Model, [id, name] {
        id name description nsfw nsfw_level poi minor sfw_only availability allow_no_credit allow_commercial_use
        allow_derivatives allow_different_license mode user_id base_models supports_generation stats creator tags versions;
        r#type: kind,
        default_version: default_version(),
        newest_version: newest_version(),
        is_archived: is_archived(),
    }

    /// A version of a model.
    Version: civitai_api::Version, [id, name] {
        id name index status base_model base_model_type created_at updated_at published_at availability nsfw_level
        description trained_words vae_id early_access_deadline paid_access usage_control upload_type training_status air
        stats model creator files images download_url;
        model_id: owner(),
        is_download_disabled: is_download_disabled(),
    }

    /// A file of a version.
    File: civitai_api::File, [id, name] {
        id name override_name size_kib metadata pickle_scan_result pickle_scan_message virus_scan_result
        virus_scan_message scanned_at hashes download_url primary;
        r#type: kind,
        display_name: display_name(),
        bytes: bytes(),
        format: format(),
        size: size(),
        fp: fp(),
        quant: quant(),
    }

    /// What a file contains, as far as its uploader said.
    FileMetadata: civitai_api::file::FileMetadata, [format, size, fp] {
        format size fp quant_type is_required;
    }

    /// Digests of a file, as sent.
    Hashes: civitai_api::file::Hashes, [sha256] {
        auto_v1 auto_v2 auto_v3 sha256 crc32 blake3;
    }

    /// A picture or video.
    Image: civitai_api::Image, [id, url] {
        url blur_hash width height nsfw nsfw_level browsing_level created_at post_id stats meta metadata username
        base_model version_ids tags availability minor poi has_meta has_positive_prompt on_site remix_of_id;
        id: id_from_any(),
        r#type: kind,
        level: level(),
    }

    /// Counters of a model, version, picture or article.
    Stats: civitai_api::model::Stats, [download_count, thumbs_up_count] {
        download_count thumbs_up_count thumbs_down_count comment_count tipped_amount_count favorite_count rating_count
        rating like_count heart_count laugh_count cry_count dislike_count collected_count view_count;
    }

    /// A creator.
    Creator: civitai_api::creator::Creator, [username] {
        username model_count link image;
    }

    /// A user, as an object names its owner.
    User: civitai_api::creator::User, [id, username] {
        id username image avatar_nsfw;
    }

    /// The owner of the token in use.
    Me: civitai_api::creator::Me, [id, username] {
        id username tier status is_member subscriptions email email_verified token_scope;
    }

    /// A tag.
    Tag: civitai_api::tag::Tag, [name] {
        id name link model_count is_category;
    }

    /// A collection.
    Collection: civitai_api::collection::Collection, [id, name] {
        id name description nsfw_level read is_public item_count cover_image_url user tags;
        r#type: kind,
    }

    /// An article.
    Article: civitai_api::article::Article, [id, title] {
        id title content published_at created_at updated_at nsfw_level availability status stats user tags cover_image;
    }

    /// What a version says of its model.
    VersionModel: civitai_api::version::VersionModel, [name] {
        id name nsfw poi mode description tags;
        r#type: kind,
    }

    /// An active gate in front of a version.
    PaidAccess: civitai_api::version::PaidAccess, [permanent, ends_at] {
        permanent ends_at;
    }

    /// One row of a bulk lookup by SHA-256.
    HashMatch: civitai_api::version::HashMatch, [version_id, hash] {
        version_id model_id hash;
    }

    /// The values of the site's enumerations today.
    Enums: civitai_api::envelope::Enums, [base_models] {
        model_types file_types active_base_models base_models base_model_types;
    }
}

/// `Name(field=value, …)`.
fn shown_as(name: &str, fields: &[(&str, Bound<'_, PyAny>)]) -> PyResult<String> {
    let fields = fields
        .iter()
        .map(|(field, value)| Ok(format!("{field}={}", value.repr()?.to_str()?)));
    let fields: PyResult<Vec<_>> = fields.collect();
    Ok(format!("{name}({})", fields?.join(", ")))
}
