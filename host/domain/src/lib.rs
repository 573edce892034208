//! The words that every part of the host shares: ids, addresses, secrets, and the contract's own types.

pub mod account;
mod audit;
mod closest;
#[cfg(feature = "sql")]
mod columns;
mod email;
pub mod filter;
mod ids;
pub mod json;
pub mod reconcile;
mod secret;
mod sharing;
mod typed;
mod untrusted;
mod words;

pub use audit::AuditKind;
pub use closest::closest;
pub use email::{Email, NotAnAddress, without_addresses};
pub use ids::{
    AccountId, ChannelId, EventId, GuildId, MachineId, MessageId, NotAnId, PlexAccountId, PromptId, RoleId,
    SectionId, ShareId, TaskId, UserId,
};
pub use rolarr_policy::contract::{self, Snowflake, Timestamp};
pub use secret::Secret;
pub use sharing::{Changes, Field, FieldValue, Sections, Settings};
pub use typed::Typed;
pub use untrusted::{UntrustedText, is_unseen, printable, printable_lines};
