//! One module a verb.

pub(crate) mod bench;
pub(crate) mod bulk;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod fetch;
pub(crate) mod from_workflow;
pub(crate) mod get;
pub(crate) mod hash;
pub(crate) mod identify;
pub(crate) mod info;
pub(crate) mod library;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod resolve;
pub(crate) mod search;
pub(crate) mod sim;
