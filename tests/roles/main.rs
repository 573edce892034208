//! A role change on Discord becomes the right access on Plex: the whole bot, over real sockets.

// Being marked as tests lets the lints know that these modules are nothing else.
#[cfg(test)]
mod addresses;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod invitations;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod prompts;
#[cfg(test)]
mod table;
