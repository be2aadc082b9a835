//! People and what they put together.

use crate::article::Article;
use crate::client::Client;
use crate::collection::Collection;
use crate::creator::{Me, User};
use crate::envelope::Page;
use crate::error::Error;
use crate::id::{ArticleId, CollectionId};
use crate::query::{Parameters, UserQuery};

impl Client {
    /// Returns the account that the token belongs to.
    ///
    /// # Errors
    /// [`BadToken`](crate::ErrorKind::BadToken) and [`LoginRequired`](crate::ErrorKind::LoginRequired): this is how to
    /// find out whether a token works.
    pub async fn me(&self) -> Result<Me, Error> {
        self.get("me".to_owned(), &Parameters::default(), "an account")
            .await
    }

    /// Returns the users asked for, as far as they exist.
    pub async fn users(&self, query: &UserQuery) -> Result<Vec<User>, Error> {
        let page: Page<User> = self
            .get("users".to_owned(), &query.parameters(), "a list of users")
            .await?;
        Ok(page.items)
    }

    /// Returns a collection's description. The API cannot list what is in it.
    pub async fn collection(&self, id: CollectionId) -> Result<Collection, Error> {
        self.get(
            format!("collections/{id}"),
            &Parameters::default(),
            "a collection",
        )
        .await
    }

    /// Returns an article.
    pub async fn article(&self, id: ArticleId) -> Result<Article, Error> {
        self.get(
            format!("articles/{id}"),
            &Parameters::default(),
            "an article",
        )
        .await
    }
}
