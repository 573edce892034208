//! A small world to begin with.

use super::{ChannelId, DiscordSim, GuildId, Impossible, MANAGE_GUILD, RoleId, UserId};

/// The ids of a small world: one guild, one role that gives access, one administrator, two members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The guild, "Example".
    pub guild: GuildId,
    /// Who owns it.
    pub owner: UserId,
    /// A channel that the bot sees, "general".
    pub channel: ChannelId,
    /// The role "Subscriber", which nobody holds yet.
    pub subscriber: RoleId,
    /// The role "Moderator", which may manage the guild.
    pub moderator: RoleId,
    /// A member who is a moderator.
    pub mod_user: UserId,
    /// A member.
    pub alice: UserId,
    /// Another member.
    pub bob: UserId,
}

impl Scene {
    /// Makes the world.
    ///
    /// # Errors
    /// Never, as long as the simulator agrees with itself.
    pub fn new(now_ms: u64) -> Result<(DiscordSim, Self), Impossible> {
        let mut sim = DiscordSim::new(now_ms);
        let owner = sim.create_user(now_ms, "owner");
        let guild = sim.create_guild(now_ms, "Example", owner);
        let channel = sim.create_channel(now_ms, guild, "general")?;
        let subscriber = sim.create_role(now_ms, guild, "Subscriber")?;
        let moderator = RoleId(sim.ids.next(now_ms));
        sim.insert_role(now_ms, guild, moderator, "Moderator", MANAGE_GUILD)?;
        let mut member = |name: &str| -> Result<UserId, Impossible> {
            let user = sim.create_user(now_ms, name);
            sim.join(now_ms, guild, user)?;
            Ok(user)
        };
        let (mod_user, alice, bob) = (member("moderator")?, member("alice")?, member("bob")?);
        sim.add_role(now_ms, guild, mod_user, moderator)?;
        Ok((sim, Self { guild, owner, channel, subscriber, moderator, mod_user, alice, bob }))
    }
}
