//! What a Rolarr policy written in Rust depends on.
//!
//! A policy is a type that implements [`Policy`], and one line that exports it:
//!
//! ```
//! use rolarr_policy::contract::{Access, Action, Cause, Decision, Event, Grant, Metadata, Source};
//! use rolarr_policy::{Policy, Settings};
//!
//! struct Welcome;
//!
//! impl Policy for Welcome {
//!     fn describe() -> Metadata {
//!         Metadata {
//!             name: "welcome".into(),
//!             version: "1".into(),
//!             description: "Whoever gets a role is invited. Nothing else happens.".into(),
//!             ..Metadata::default()
//!         }
//!     }
//!
//!     fn configure(_settings: Settings<'_>, _sources: Vec<Source>) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn evaluate(&self, event: &Event) -> Result<Decision, String> {
//!         Ok(match (&event.cause, &event.account.access) {
//!             (Cause::RoleAdded(role), Access::Absent) => {
//!                 Decision::of([Action::Invite(Grant::default())], format!("has `{}` now", role.key))
//!             }
//!             _ => Decision::nothing("nothing to do"),
//!         })
//!     }
//! }
//!
//! rolarr_policy::export!(Welcome);
//!
//! // The same code runs in a plain test, without WebAssembly.
//! let event = Event::new(Cause::MemberLeft);
//! assert_eq!(Welcome.evaluate(&event), Ok(Decision::nothing("nothing to do")));
//! ```
//!
//! Built for `wasm32-unknown-unknown` as a `cdylib`, that is a module which Rolarr loads as it is. On any
//! other target [`export!`] does nothing.
//!
//! | Module | What is there |
//! |---|---|
//! | [`contract`] | the words of the contract, with their JSON form |
//! | [`apply()`] | what an action makes of a member's access |
//! | [`recording`] | recorded events, for tests and bug reports |
//! | [`printable`] | what of a text is safe to show |
//! | [`log`] | lines for the host's log |

// The generated glue names this crate by its own name, inside and outside.
#[cfg(target_arch = "wasm32")]
extern crate self as rolarr_policy;

mod apply;
pub mod contract;
mod convert;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod log;
mod policy;
pub mod printable;
pub mod recording;
mod settings;
mod shortcuts;

pub use apply::{apply, apply_all};
pub use convert::Convert;
pub use policy::Policy;
pub use settings::Settings;
