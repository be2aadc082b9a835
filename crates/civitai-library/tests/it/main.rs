//! The library through its public interface.
