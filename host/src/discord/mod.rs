//! Discord: serenity's gateway on one side, the pipeline's ports on the other.
//!
//! [`SerenityDiscord`] is what the pipeline asks; [`run`] keeps a session on the gateway and tells the
//! pipeline's [`crate::pipeline::ports::Intake`] what happens. Nothing outside of this folder knows serenity.

mod answer;
mod body;
mod channels;
mod commands;
mod custom_id;
mod date;
mod gate;
mod gateway;
mod happening;
mod http;
mod identifies;
mod interaction;
mod limiter;
mod link;
mod pulse;
mod refusal;
mod rest;
mod session;
mod settings;
mod translate;
mod wire;

pub use gateway::run;
pub use happening::Fatal;
pub use http::answered;
pub use refusal::refused;
pub use rest::SerenityDiscord;
pub use settings::{BadSettings, Settings};
pub use translate::understands;
