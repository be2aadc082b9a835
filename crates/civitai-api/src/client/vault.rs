//! The signed-in member's vault: copies of versions that outlive them.

use crate::client::Client;
use crate::error::Error;
use crate::id::VersionId;
use crate::query::Parameters;
use crate::vault::{Vault, VaultAnswer, VaultCheck};
use crate::wire::List;

impl Client {
    /// Returns the vault of the token's account, or `None` if it is no member's.
    ///
    /// The site makes an empty vault the first time that a member asks.
    pub async fn vault(&self) -> Result<Option<Vault>, Error> {
        let answer: VaultAnswer = self
            .get("vault/get".to_owned(), &Parameters::default(), "a vault")
            .await?;
        Ok(answer.vault)
    }

    /// Says for each version whether the vault has it, in the order asked.
    pub async fn vault_check(&self, versions: &[VersionId]) -> Result<Vec<VaultCheck>, Error> {
        let mut parameters = Parameters::default();
        parameters.joined("modelVersionIds", versions);
        let answer: List<VaultCheck> = self
            .get(
                "vault/check-vault".to_owned(),
                &parameters,
                "a list of vault entries",
            )
            .await?;
        Ok(answer.items)
    }
}
