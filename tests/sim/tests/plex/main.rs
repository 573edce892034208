//! plex.tv and the Plex server, route by route.

// Being marked as tests lets the lints know that these modules are nothing else.
#[cfg(test)]
mod ask;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod invites;
#[cfg(test)]
mod media_server;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod signing_in;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod story;
