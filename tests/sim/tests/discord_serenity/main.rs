//! The simulated Discord with a real client: serenity, over real sockets.

// Being marked as tests lets the lints know that these modules are nothing else.
#[cfg(test)]
mod bot;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod interactions;
#[cfg(test)]
mod rest;
