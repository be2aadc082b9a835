//! Behaviour of the crate from outside.

mod bodies;
mod canned;
mod corpus;
mod dual;
mod hostile_json;
mod leaves;
mod links;
mod listings;
mod lookups;
mod observer;
mod quirks;
mod quirks_http;
mod redirects;
mod requests;
mod round_trip;
mod routes;
mod schemes;
mod selection;
mod site;
