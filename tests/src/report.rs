//! Everything that is known, for the message of a test that fails.

use std::fmt::Write as _;

use rolarr_sim::discord::Place;

use crate::World;

impl World {
    /// What stands at Discord, at Plex and in the database.
    pub(crate) fn report(&self) -> String {
        let mut text = String::from("\n== what was said on Discord\n");
        let scene = self.scene;
        self.discord(|sim, _| {
            for (name, user) in [("alice", scene.alice), ("bob", scene.bob), ("moderator", scene.mod_user)] {
                for message in sim.direct_messages(user) {
                    let from = if message.author == user { "from" } else { "to" };
                    let _ = writeln!(text, "{from} {name}: {}", message.now.content);
                }
            }
            for channel in [self.setup.audit_channel, self.setup.prompt_channel].into_iter().flatten() {
                for message in sim.messages_in(channel) {
                    let _ = writeln!(text, "in {channel}: {}", message.now.content);
                }
                if let Some(Place::Guild { name, .. }) = sim.channel(channel).map(|channel| &channel.place) {
                    let _ = writeln!(text, "({channel} is {name})");
                }
            }
            for failed in sim.requests().iter().filter(|request| request.status.is_none_or(|is| is >= 400)) {
                let _ = writeln!(text, "{} {} gave {:?}", failed.method, failed.path, failed.status);
            }
        });
        self.plex(|sim, _| {
            let _ = writeln!(text, "== what stands at Plex");
            for share in sim.world.shares.values() {
                let _ = writeln!(text, "{share:?}");
            }
            for invite in sim.invites() {
                let _ = writeln!(text, "{invite:?}");
            }
            for (account, tie) in &sim.world.ties {
                let _ = writeln!(text, "friend {account}: {:?} {tie:?}", sim.filters(*account));
            }
            let _ = writeln!(text, "== what was written at Plex");
            for write in sim.writes() {
                let _ =
                    writeln!(text, "{} {} {:?} {:?}", write.method, write.path, write.query, write.status);
            }
        });
        if let Some(database) = self.database() {
            for table in ["events", "accounts", "ledgers", "prompts", "tasks", "audit"] {
                let _ = writeln!(text, "== {table}");
                for row in database.rows(&format!("SELECT * FROM {table}")) {
                    let _ = writeln!(text, "{row}");
                }
            }
        }
        text
    }
}
