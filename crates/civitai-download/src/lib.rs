//! A lease on a URL in, a verified file out.

pub mod digest;
