//! What a Rolarr policy written in Rust depends on.

mod apply;
pub mod contract;

pub use apply::{apply, apply_all};
