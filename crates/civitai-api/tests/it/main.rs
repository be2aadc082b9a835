//! Behaviour of the crate from outside.

mod corpus;
mod leaves;
mod links;
