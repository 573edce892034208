//! A stand-in for Discord: REST v10 and the gateway.
//!
//! [`DiscordSim`] is a plain state machine. It has no sockets and no clock: time comes in as milliseconds
//! since 1970, and ids are made from it. [`DiscordServer`] puts it behind real sockets. A test does what
//! people do ([roles](DiscordSim::add_role), [buttons](DiscordSim::press_button)), and looks at what the
//! bot did ([messages](DiscordSim::direct_messages), [requests](DiscordSim::requests)).

mod build;
pub mod cli;
mod faults;
mod gateway;
mod ids;
mod inspect;
mod interactions;
mod messages;
mod people;
mod render;
mod rest;
mod scene;
mod slash;
mod socket;
mod time;
mod trouble;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use faults::{EventFault, EventFaultKind, RestFault, RestFaultKind};
pub use gateway::{ConnectionEnd, ConnectionId, Frame, intents};
pub use ids::{ApplicationId, ChannelId, CommandId, GuildId, InteractionId, MessageId, RoleId, UserId};
pub use interactions::{Answer, Interaction, InteractionKind};
pub use rest::Logged;
pub use scene::Scene;
use serde_json::Value;
pub use slash::OptionValue;
pub use socket::{DiscordServer, now_ms};
pub use world::{
    ADMINISTRATOR, Application, Channel, DirectMessages, Guild, MANAGE_GUILD, Member, Message, Place, Role,
    User, Wording,
};

/// What a test asked for can't be done on Discord either: a button that isn't there, a role of another
/// guild. The text says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(String);

impl Impossible {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Impossible {}

/// Discord.
#[derive(Clone, Debug)]
pub struct DiscordSim {
    ids: ids::Snowflakes,
    application: Application,
    users: BTreeMap<UserId, User>,
    guilds: BTreeMap<GuildId, Guild>,
    channels: BTreeMap<ChannelId, Channel>,
    messages: BTreeMap<MessageId, Message>,
    deleted: BTreeSet<MessageId>,
    /// The registered commands: global ones under `None`.
    commands: BTreeMap<Option<GuildId>, Vec<Value>>,
    interactions: BTreeMap<InteractionId, Interaction>,
    gateway: gateway::Gateway,
    rest: rest::Rest,
}
