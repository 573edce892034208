//! A role change on Discord becomes the right access on Plex: the whole bot, over real sockets.

// Being marked as tests lets the lints know that these modules are nothing else.
#[cfg(test)]
mod table;
