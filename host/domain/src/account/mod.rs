//! The Plex side of one member: the account, and everything that can happen to it.
//!
//! Each method is one thing that happens. Everybody can read what is known of an account. Only these methods change it, so
//! that what belongs together changes together:
//!
//! * [`decision`](self): what should be true changes.
//! * `address`: the member or an administrator gives an address.
//! * `request`: a request to Plex is about to be sent, and is answered.
//! * `outcome`: work on the account ends.
//!
//! They are pure. The bot stores the account in the same transaction as what else follows.

mod address;
mod decision;
mod outcome;
mod record;
mod request;

use std::ops::Deref;

pub use address::{CORRECTIONS, Corrected};
pub use decision::Pursued;
pub use outcome::{Message, Messages};
pub use record::{Held, HeldReason, ParkReason, Parked, Record, Told};

/// One person's (or one bare address's) place at Plex.
#[derive(Clone, Debug, PartialEq)]
pub struct Account(Record);

impl Account {
    /// An account as it was stored.
    #[must_use]
    pub const fn load(record: Record) -> Self {
        Self(record)
    }
}

impl Deref for Account {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

#[cfg(test)]
mod tests;
