//! The simulated Discord, driven in process with virtual time.

// Being marked as tests lets the lints know that these modules are nothing else.
#[cfg(test)]
mod chunks;
#[cfg(test)]
mod drive;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod interactions;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sockets;
