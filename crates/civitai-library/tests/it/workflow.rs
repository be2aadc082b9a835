//! What files name.

mod canvas;
mod corpus;
mod files;
mod hostile;
