//! What the creator of a model permits, what a project insists on, and whether the two agree.
//!
//! A licence is the uploader's claim: four fields of the model, of which the commercial uses have been written in three
//! ways ([`civitai_api::model::CommercialUses`] reads them all). An absent field means that the site did not tell; it is
//! never taken for a permission.

mod policy;

use std::fmt;

use civitai_api::Model;
use civitai_api::model::CommercialUse;
use serde_json::{Map, Value, json};

pub use policy::{Consent, EarlyAccess, EarlyUntil, Facts, Policy, RealPerson, Refusal};

/// The permissions that a creator gives with a model. Each is absent where the site did not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licence {
    /// Whether it may be used without naming the creator.
    pub no_credit: Option<bool>,
    /// The permitted commercial uses; an empty list permits none.
    pub commercial_use: Option<Vec<CommercialUse>>,
    /// Whether merges and other derivatives may be shared.
    pub derivatives: Option<bool>,
    /// Whether derivatives may carry other permissions.
    pub different_license: Option<bool>,
}

impl Licence {
    /// Returns what the site says of a model.
    pub fn of(model: &Model) -> Self {
        let uses = model.allow_commercial_use.as_ref();
        Self {
            no_credit: model.allow_no_credit,
            commercial_use: uses.map(|uses| uses.iter().cloned().collect()),
            derivatives: model.allow_derivatives,
            different_license: model.allow_different_license,
        }
    }

    /// Says whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the known fields under the site's names.
    pub fn to_json(&self) -> Map<String, Value> {
        let uses = self.commercial_use.as_ref();
        let uses = uses.map(|uses| uses.iter().map(CommercialUse::as_str).collect::<Vec<_>>());
        let fields = [
            ("allowNoCredit", self.no_credit.map(Value::from)),
            ("allowCommercialUse", uses.map(|uses| json!(uses))),
            ("allowDerivatives", self.derivatives.map(Value::from)),
            (
                "allowDifferentLicense",
                self.different_license.map(Value::from),
            ),
        ];
        let known = fields.into_iter();
        known
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// One of the four fields, by the site's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Use without naming the creator.
    NoCredit,
    /// Commercial use.
    CommercialUse,
    /// Sharing of derivatives.
    Derivatives,
    /// Other permissions on derivatives.
    DifferentLicense,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredit => "allowNoCredit",
            Self::CommercialUse => "allowCommercialUse",
            Self::Derivatives => "allowDerivatives",
            Self::DifferentLicense => "allowDifferentLicense",
        })
    }
}
