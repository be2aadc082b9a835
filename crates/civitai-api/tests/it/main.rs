//! Behaviour of the crate from outside.

mod corpus;
mod leaves;
mod links;
mod quirks;
mod round_trip;
mod selection;
