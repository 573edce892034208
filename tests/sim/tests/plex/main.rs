//! plex.tv and the Plex server, route by route.

mod ask;
mod faults;
mod garbage;
mod invites;
mod media_server;
mod settings;
mod shares;
mod signing_in;
mod sockets;
mod story;
