//! Behaviour of the crate from outside.

mod corpus;
mod leaves;
mod links;
mod quirks;
mod requests;
mod round_trip;
mod selection;
mod site;
