//! Who is never touched.

pub(super) mod current;
pub(super) mod rules;
