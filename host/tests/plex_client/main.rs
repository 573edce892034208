//! The Plex client over real sockets, against the simulated plex.tv and Plex server.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sharing;
