//! The files of a comparison: links as `get` takes them, and addresses as `fetch --list` does.

use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;

use crate::args::Choose;
use crate::batch::Wanted;
use crate::commands::fetch::{Fetcher, Row, bad_line, lines, row};
use crate::commands::get;
use crate::failure::Failure;
use crate::links;
use crate::session::Session;

/// One line of a list.
pub(super) enum Item {
    /// A link, without any token that was in it.
    Link(String),
    Row(Row),
}

/// Reads a list. The first line that is neither a link nor an address ends it: what is compared must be what was meant.
pub(super) fn items(path: &Path, session: &Session) -> Result<Vec<Item>, Failure> {
    let lang = session.printer.lang();
    let items = lines(path)?.into_iter().map(|(number, line)| {
        item(&line, session).map_err(|failure| bad_line(path, number, &failure, lang))
    });
    items.collect()
}

fn item(line: &str, session: &Session) -> Result<Item, Failure> {
    let of_row = || row(line).map(Item::Row).map_err(|unread| unread.failure);
    if line.contains('\t') {
        return of_row();
    }
    let entry = links::of_link(links::without_comment(line), &session.settings.base_url);
    match entry.link {
        Ok(_) => Ok(Item::Link(entry.text)),
        Err(failure) => of_row().map_err(|_| failure),
    }
}

/// Every file that the items mean, to be fetched as `session` is set.
pub(super) async fn find(
    items: &[Item],
    folder: &Path,
    session: &Session,
) -> Result<Vec<Arc<Wanted>>, Failure> {
    let choose = Choose {
        to: Some(folder.to_owned()),
        ..Choose::default()
    };
    let finder = Arc::new(get::finder(&choose, session, None)?);
    let mut fetcher = Fetcher::new(folder.to_owned(), None, session)?;
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Link(text) => {
                let entry = links::of_link(text, &session.settings.base_url);
                let files = get::follow(Arc::clone(&finder), entry).await;
                found.extend(files.collect::<Vec<_>>().await);
            }
            Item::Row(row) => found.push(fetcher.wanted(row.clone()).map(Ok)),
        }
    }
    let found = found.into_iter();
    found
        .map(|found| match found {
            Ok(Ok(wanted)) => Ok(Arc::new(wanted)),
            Ok(Err(unfound)) => Err(get::failure(&unfound.error)),
            Err(unread) => Err(unread.failure),
        })
        .collect()
}
