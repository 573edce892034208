//! The configuration file that a test's bot runs with.

use std::path::Path;

use rolarr_sim::{
    discord::{ChannelId, DiscordServer, GuildId, RoleId, UserId},
    plex::{OWNER_TOKEN, PlexServers},
};

/// What differs from test to test. Everything else is the same for all: short times, and addresses on
/// loopback.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The guild.
    pub guild: GuildId,
    /// Other guilds, with a tracked role each.
    pub more_guilds: Vec<(GuildId, RoleId)>,
    /// The tracked roles: the operator's name and the role.
    pub roles: Vec<(String, RoleId)>,
    /// Where the neutral button stands.
    pub prompt_channel: Option<ChannelId>,
    /// Where administrators are told.
    pub audit_channel: Option<ChannelId>,
    /// How long a question stays open.
    pub valid_for: String,
    /// `adopt` or `process`.
    pub first_start: String,
    /// The server to share.
    pub server: String,
    /// The libraries to share; all without.
    pub libraries: Option<Vec<String>>,
    /// `ask` or `never`.
    pub existing_shares: String,
    /// Whether the bot knows the Plex server's own address.
    pub server_url: bool,
    /// How often an invitation that is out is looked at.
    pub check_pending_every: String,
    /// So many members' access may shrink within an hour.
    pub brake: u32,
    /// Members who are never touched.
    pub protected: Vec<UserId>,
    /// Roles whose holders are never touched.
    pub protected_roles: Vec<RoleId>,
    /// The least time between two direct messages.
    pub message_every: String,
    /// The log level.
    pub log: String,
    /// The policy's module, if it is not the built-in one.
    pub policy: Option<String>,
    /// The label of the policy's settings, if it is not the usual one.
    pub label: Option<String>,
}

impl Setup {
    /// One guild with one tracked role, and all else as it is without a line in the file.
    #[must_use]
    pub fn new(guild: GuildId, role: RoleId) -> Self {
        Self {
            guild,
            more_guilds: Vec::new(),
            roles: vec![("subscriber".to_owned(), role)],
            prompt_channel: None,
            audit_channel: None,
            valid_for: "24h".to_owned(),
            first_start: "adopt".to_owned(),
            server: "Attic".to_owned(),
            libraries: Some(vec!["Movies".to_owned(), "TV Shows".to_owned()]),
            existing_shares: "ask".to_owned(),
            server_url: true,
            check_pending_every: "150ms".to_owned(),
            brake: 10,
            protected: Vec::new(),
            protected_roles: Vec::new(),
            message_every: "20ms".to_owned(),
            log: "info".to_owned(),
            policy: None,
            label: None,
        }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self, discord: &DiscordServer, plex: &PlexServers, store: &Path) -> String {
        let Self {
            guild,
            valid_for,
            first_start,
            server,
            existing_shares,
            check_pending_every,
            brake,
            message_every,
            log,
            ..
        } = self;
        let token = discord.with(|sim, _| sim.token().to_owned());
        let (api, gateway) = (discord.url(), discord.gateway_url());
        let PlexServers { plex_tv, clients, server: server_url, .. } = plex;
        let store = store.display();
        let audit = line("audit_channel", self.audit_channel);
        let prompt = line("prompt_channel", self.prompt_channel);
        let roles: String = self
            .roles
            .iter()
            .map(|(key, id)| format!("[[discord.guilds.roles]]\nkey = \"{key}\"\nid = \"{id}\"\n"))
            .collect();
        let policy = self.policy.as_ref().map(|module| format!("module = \"{module}\"")).unwrap_or_default();
        let label = self.label.as_ref().map(|label| format!("label = \"{label}\"")).unwrap_or_default();
        let more: String = self
            .more_guilds
            .iter()
            .enumerate()
            .map(|(number, (guild, role))| {
                format!(
                    "[[discord.guilds]]\nid = \"{guild}\"\nkey = \"more-{number}\"\n\
                     [[discord.guilds.roles]]\nkey = \"friend\"\nid = \"{role}\"\n"
                )
            })
            .collect();
        let libraries =
            self.libraries.as_ref().map(|names| format!("libraries = {names:?}")).unwrap_or_default();
        let protected: Vec<String> = self.protected.iter().map(ToString::to_string).collect();
        let protected_roles: Vec<String> = self.protected_roles.iter().map(ToString::to_string).collect();
        let server_url =
            if self.server_url { format!("server_url = \"{server_url}\"") } else { String::new() };
        format!(
            "[discord]\n\
             token = \"{token}\"\n\
             first_start = \"{first_start}\"\n\
             {audit}\n\
             protected_members = {protected:?}\n\
             protected_roles = {protected_roles:?}\n\
             [[discord.guilds]]\n\
             id = \"{guild}\"\n\
             key = \"home\"\n\
             {prompt}\n\
             {roles}\n\
             {more}\n\
             [plex]\n\
             token = \"{OWNER_TOKEN}\"\n\
             server = \"{server}\"\n\
             existing_shares = \"{existing_shares}\"\n\
             {libraries}\n\
             {server_url}\n\
             [prompt]\n\
             valid_for = \"{valid_for}\"\n\
             [brake]\n\
             members = {brake}\n\
             [policy]\n\
             {policy}\n\
             [policy.settings]\n\
             {label}\n\
             [store]\n\
             path = \"{store}\"\n\
             [log]\n\
             level = \"{log}\"\n\
             [addresses]\n\
             discord_api = \"{api}\"\n\
             discord_gateway = \"{gateway}\"\n\
             plex_tv = \"{plex_tv}\"\n\
             plex_clients = \"{clients}\"\n\
             [timing]\n\
             check_pending_every = \"{check_pending_every}\"\n\
             reread_after = [\"200ms\", \"500ms\"]\n\
             confirm_absence_after = \"150ms\"\n\
             plex_reads_lag = \"100ms\"\n\
             plex_writes_lag = \"2500ms\"\n\
             streams_again_after = \"300ms\"\n\
             message_every = \"{message_every}\"\n\
             plex_request_every = \"2ms\"\n\
             retry_first = \"100ms\"\n\
             retry_longest = \"1s\"\n\
             refused_again_after = [\"100ms\", \"300ms\"]\n\
             settle_for = \"0s\"\n"
        )
    }
}

fn line(key: &str, id: Option<ChannelId>) -> String {
    id.map(|id| format!("{key} = \"{id}\"")).unwrap_or_default()
}
