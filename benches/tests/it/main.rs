//! The benchmark's own machinery, from outside.

mod line;
