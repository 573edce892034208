//! Commands about policies.
