//! What happens at the edge of the process, for every part of Rolarr that reads what others wrote or reaches out:
//! files that are opened without waiting and read up to a limit, panics of other people's code that become errors, and
//! words for a connection that did not come about.

pub mod files;
pub mod panics;
pub mod unreached;
