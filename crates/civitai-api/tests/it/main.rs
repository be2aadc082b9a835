//! Behaviour of the crate from outside.

mod bodies;
mod canned;
mod corpus;
mod leaves;
mod links;
mod listings;
mod lookups;
mod quirks;
mod quirks_http;
mod redirects;
mod requests;
mod round_trip;
mod routes;
mod selection;
mod site;
