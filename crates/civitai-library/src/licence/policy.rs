//! What a project insists on.

use std::fmt;

use civitai_api::file::{File, FileFormat};
use civitai_api::model::CommercialUse;
use civitai_api::version::{Gate, Version};
use civitai_api::{Model, Timestamp};

use super::{Licence, Permission};

/// What the models of a project must be like. The default asks for consent to models of real persons and permits
/// everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether files in pickle format, which can run code when they are loaded, are refused.
    pub refuses_pickle: bool,
    /// What becomes of versions that must be bought for now.
    pub early_access: EarlyAccess,
    /// Models that depict real persons.
    pub real_person: RealPerson,
    /// Commercial uses that must all be permitted.
    pub commercial_use: Vec<CommercialUse>,
    /// Permissions that must be given, beside those for commercial use.
    pub permissions: Vec<Permission>,
}

/// What becomes of versions in early access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyAccess {
    /// They are taken like others; the site decides about the download.
    #[default]
    Allow,
    /// They are refused.
    Refuse,
    /// A choice among versions passes them over; one that is named is refused.
    Skip,
}

/// What becomes of models that depict a real person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RealPerson {
    /// Consent was given in writing.
    Allow,
    /// Somebody is asked.
    #[default]
    Ask,
    /// They are refused.
    Refuse,
}

/// Whether somebody must be asked before a file is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Consent {
    /// It depicts a real person.
    Needed,
    /// Nobody need be asked.
    NotNeeded,
}

/// What a policy looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the creator permits.
    pub licence: Licence,
    /// Whether the model depicts a real person.
    pub real_person: bool,
    /// Whether the file is in pickle format.
    pub pickle: bool,
    /// What must be paid for.
    pub gate: Option<EarlyUntil>,
}

/// Until when something must be bought; without a time for ever, or nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyUntil(pub Option<Timestamp>);

impl Facts {
    /// Collects what the site says of a file. Without the model, which the site hides in some cases, its licence is
    /// unknown.
    pub fn of(model: Option<&Model>, version: &Version, file: &File) -> Self {
        let by_version = version.model.as_ref().and_then(|model| model.poi);
        Self {
            licence: model.map(Licence::of).unwrap_or_default(),
            real_person: model.and_then(|model| model.poi).or(by_version) == Some(true),
            pickle: file.format() == Some(FileFormat::PickleTensor),
            gate: version.gate().map(|gate| {
                EarlyUntil(match gate {
                    Gate::Until(end) => Some(end),
                    _ => None,
                })
            }),
        }
    }
}

/// Why a policy forbids a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A commercial use that the project needs is not permitted.
    #[error(
        "the policy needs the commercial use {needed}, and the creator permits {}",
        Uses(granted)
    )]
    CommercialUse {
        /// The use.
        needed: CommercialUse,
        /// What is permitted.
        granted: Vec<CommercialUse>,
    },
    /// It must be bought.
    #[error("the policy refuses early access, which lasts {}", Until(*until))]
    EarlyAccess {
        /// The end, if there is one.
        until: Option<Timestamp>,
    },
    /// A permission that the project needs is not given.
    #[error("the policy needs {permission}, which the creator does not give")]
    NotPermitted {
        /// The permission.
        permission: Permission,
    },
    /// It can run code when it is loaded.
    #[error("the policy refuses pickle files, which can run code when they are loaded")]
    Pickle,
    /// It depicts a real person.
    #[error("the policy refuses models that depict a real person")]
    RealPerson,
    /// The site did not tell about a permission that the project needs.
    #[error("the policy needs {permission}, about which the site says nothing")]
    Untold {
        /// The permission.
        permission: Permission,
    },
}

impl Policy {
    /// Says whether a file may be fetched.
    pub fn judge(&self, facts: &Facts) -> Result<Consent, Refusal> {
        if facts.pickle && self.refuses_pickle {
            return Err(Refusal::Pickle);
        }
        if let (Some(gate), EarlyAccess::Refuse | EarlyAccess::Skip) =
            (facts.gate, self.early_access)
        {
            return Err(Refusal::EarlyAccess { until: gate.0 });
        }
        self.judge_licence(&facts.licence)?;
        match (facts.real_person, self.real_person) {
            (true, RealPerson::Refuse) => Err(Refusal::RealPerson),
            (true, RealPerson::Ask) => Ok(Consent::Needed),
            _ => Ok(Consent::NotNeeded),
        }
    }

    fn judge_licence(&self, licence: &Licence) -> Result<(), Refusal> {
        for needed in &self.commercial_use {
            let permission = Permission::CommercialUse;
            let granted = licence.commercial_use.as_ref();
            let granted = granted.ok_or(Refusal::Untold { permission })?;
            if !granted.contains(needed) {
                let (needed, granted) = (needed.clone(), granted.clone());
                return Err(Refusal::CommercialUse { needed, granted });
            }
        }
        for permission in self.permissions.iter().copied() {
            let given = match permission {
                Permission::NoCredit => licence.no_credit,
                Permission::CommercialUse => {
                    let granted = licence.commercial_use.as_ref();
                    granted.map(|granted| !granted.is_empty())
                }
                Permission::Derivatives => licence.derivatives,
                Permission::DifferentLicense => licence.different_license,
            };
            match given {
                Some(true) => {}
                Some(false) => return Err(Refusal::NotPermitted { permission }),
                None => return Err(Refusal::Untold { permission }),
            }
        }
        Ok(())
    }
}

struct Uses<'a>(&'a [CommercialUse]);

impl fmt::Display for Uses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            uses => {
                let names: Vec<_> = uses.iter().map(CommercialUse::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

struct Until(Option<Timestamp>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(end) => write!(f, "until {end}"),
            None => f.write_str("for ever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn licence(commercial: &Value) -> Licence {
        let model = json!({ "id": 1, "name": "m", "type": "LORA", "allowNoCredit": false, "allowDerivatives": true,
            "allowCommercialUse": commercial });
        Licence::of(&serde_json::from_value::<Model>(model).expect("a model"))
    }

    #[test]
    fn the_three_ways_to_write_commercial_uses_are_one_licence() {
        for (written, uses) in [
            (json!(["Image", "Rent"]), vec!["Image", "Rent"]),
            (json!("{Image,Rent}"), vec!["Image", "Rent"]),
            (json!("Sell"), vec!["Sell"]),
            (json!("{}"), vec![]),
            (json!([]), vec![]),
            (json!("None"), vec![]),
            (json!(["None"]), vec![]),
        ] {
            let granted = licence(&written).commercial_use.expect("it was told");
            let granted: Vec<_> = granted.iter().map(CommercialUse::as_str).collect();
            assert_eq!(granted, uses, "{written}");
        }
        assert_eq!(licence(&Value::Null).commercial_use, None);
    }

    #[test]
    fn what_is_needed_must_be_given_and_silence_gives_nothing() {
        let needs = |uses: &[&str], permissions: &[Permission]| Policy {
            commercial_use: uses.iter().map(|name| CommercialUse::from(*name)).collect(),
            permissions: permissions.to_vec(),
            ..Policy::default()
        };
        let facts = |licence| Facts {
            licence,
            ..Facts::default()
        };
        let given = facts(licence(&json!("{Image,Sell}")));
        assert!(
            needs(&["Sell"], &[Permission::Derivatives])
                .judge(&given)
                .is_ok()
        );
        for (policy, said) in [
            (
                needs(&["Rent"], &[]),
                "the policy needs the commercial use Rent, and the creator permits Image, Sell",
            ),
            (
                needs(&[], &[Permission::NoCredit]),
                "the policy needs allowNoCredit, which the creator does not give",
            ),
            (
                needs(&[], &[Permission::DifferentLicense]),
                "the policy needs allowDifferentLicense, about which the site says nothing",
            ),
        ] {
            assert_eq!(policy.judge(&given).expect_err("refused").to_string(), said);
        }
        let untold = needs(&["Image"], &[]).judge(&facts(Licence::default()));
        let permission = Permission::CommercialUse;
        assert_eq!(untold, Err(Refusal::Untold { permission }));
    }

    #[test]
    fn real_persons_need_consent_unless_the_project_has_spoken() {
        let facts = Facts {
            real_person: true,
            ..Facts::default()
        };
        for (real_person, verdict) in [
            (RealPerson::Allow, Ok(Consent::NotNeeded)),
            (RealPerson::Ask, Ok(Consent::Needed)),
            (RealPerson::Refuse, Err(Refusal::RealPerson)),
        ] {
            let policy = Policy {
                real_person,
                ..Policy::default()
            };
            assert_eq!(policy.judge(&facts), verdict);
            assert_eq!(policy.judge(&Facts::default()), Ok(Consent::NotNeeded));
        }
    }

    #[test]
    fn a_pickle_and_a_gate_are_refused_where_the_project_says_so() {
        let strict = Policy {
            refuses_pickle: true,
            early_access: EarlyAccess::Skip,
            ..Policy::default()
        };
        let pickle = Facts {
            pickle: true,
            ..Facts::default()
        };
        let gated = Facts {
            gate: Some(EarlyUntil(None)),
            ..Facts::default()
        };
        assert_eq!(strict.judge(&pickle), Err(Refusal::Pickle));
        assert_eq!(
            strict.judge(&gated),
            Err(Refusal::EarlyAccess { until: None })
        );
        assert_eq!(Policy::default().judge(&pickle), Ok(Consent::NotNeeded));
    }
}
