//! Rolarr's default policy.
