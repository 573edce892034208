//! The pipeline's behaviour, in one thread and with virtual time.

mod administrators;
mod crashes;
mod filters;
mod identity;
mod invitations;
mod messages;
mod observing;
mod prompts;
mod story;
mod troubles;
