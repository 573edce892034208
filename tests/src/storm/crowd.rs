//! The people who make the load.

use anyhow::Result;
use fastrand::Rng;
use rolarr::domain::UserId;
use rolarr_sim::discord::{self as sim};

use super::{PEOPLE, protect_somebody};
use crate::{
    World,
    chaos::{
        evidence::Evidence,
        town::{Deletion, Soul, Town, Verdict, share_with_others},
    },
};

/// What the bot answers to an address.
const THANKS: &str = "Thank you. If everything";

/// Everybody who does something.
pub(super) struct Crowd {
    town: Town,
    roles: Vec<sim::RoleId>,
}

impl Crowd {
    /// They join the guild; nobody has a role yet.
    pub(super) fn gather(world: &mut World) -> Result<Self> {
        let guild = world.scene.guild;
        let untouchable = vec![UserId(protect_somebody(world)?.0)];
        let mut souls = Vec::new();
        for number in 0..PEOPLE {
            let name = format!("soul{number}");
            let address = format!("{name}.post@example.org");
            let user = world.discord(|sim, now| {
                let user = sim.create_user(now, &name);
                sim.join(now, guild, user).map(|()| user)
            })?;
            let plex = world.plex(|sim, _| sim.world.add_person(&address, &name, &name));
            souls.push(Soul::new(UserId(user.0), plex, address));
        }
        world.discord(|sim, _| sim.allow_identifies(100_000));
        let foreign = world.plex(share_with_others)?;
        let roles = world.setup.roles.iter().map(|(_, role)| *role).collect();
        let mut town = Town::of(souls, untouchable, foreign);
        town.given.brake = world.setup.brake;
        town.given.libraries.clone_from(&world.setup.libraries);
        // A busy machine takes its time between a decision and the last request of an earlier one.
        town.given.moment = 5_000;
        Ok(Self { town, roles })
    }

    /// One of them does something.
    pub(super) fn acts(&mut self, world: &World, rng: &mut Rng) {
        let who = rng.usize(0..PEOPLE);
        let Soul { user, address, plex, .. } = self.town.souls[who].clone();
        let (guild, user) = (world.scene.guild, sim::UserId(user.0));
        let role = self.roles[usize::from(rng.u8(0..4) == 0)];
        // What is not possible at this moment does not happen.
        match rng.u8(0..40) {
            0..=10 => {
                let gained = world.discord(|sim, now| sim.add_role(now, guild, user, role).map(|()| now));
                self.town.souls[who].gained.extend(gained);
            }
            11..=17 => {
                let _ = world.discord(|sim, now| sim.remove_role(now, guild, user, role));
            }
            18 | 19 => {
                let gained = world.discord(|sim, now| {
                    let _ = sim.remove_role(now, guild, user, role);
                    sim.add_role(now, guild, user, role).map(|()| now)
                });
                self.town.souls[who].gained.extend(gained);
            }
            20 => {
                if let Ok(at) = world.discord(|sim, now| sim.leave(now, guild, user).map(|()| now)) {
                    self.town.souls[who].left.push(at);
                }
            }
            21 | 22 => {
                let _ = world.discord(|sim, now| sim.join(now, guild, user));
            }
            23..=30 => {
                let _ = world.discord(|sim, now| sim.type_direct_message(now, user, &address));
            }
            31 => {
                let _ = world.discord(|sim, now| sim.type_direct_message(now, user, "what is this?"));
            }
            32..=37 => {
                let _ = world.plex(|sim, now| sim.person_accepts(now, &address));
            }
            38 => {
                if let Ok(at) = world.plex(|sim, now| sim.person_declines(&address).map(|()| now)) {
                    self.town.souls[who].declined = Some(at);
                }
            }
            _ => {
                if let Ok(at) = world.plex(|sim, now| sim.person_leaves_share(plex).map(|()| now)) {
                    self.town.souls[who].departed = Some(at);
                }
            }
        }
    }

    /// The second role is deleted.
    pub(super) fn delete_role(&mut self, world: &World) {
        let (guild, role) = (world.scene.guild, self.roles[1]);
        let souls = &self.town.souls;
        let deletion = world.discord(|sim, now| {
            let only = |user: UserId| {
                let known = sim.guild(guild).and_then(|known| known.members.get(&sim::UserId(user.0)));
                known.is_some_and(|member| member.roles.iter().eq([&role]))
            };
            let losers = souls.iter().map(|soul| soul.user).filter(|user| only(*user)).collect();
            let guild_id = rolarr::domain::GuildId(guild.0);
            sim.delete_role(now, guild, role).map(|()| Deletion {
                at: now,
                guild: guild_id,
                role: rolarr::domain::RoleId(role.0),
                losers,
            })
        });
        self.town.deletions.extend(deletion);
    }

    /// An administrator lets happen what is held; true if somebody was.
    pub(super) async fn approve(&mut self, world: &World) -> bool {
        let at = rolarr_sim::discord::now_ms();
        // Whoever is not held is concerned by nothing.
        let members = self.town.souls.iter().map(|soul| soul.user).collect();
        let answer = world.commands(world.scene.mod_user, "rolarr approve", &[]).await.now.content;
        let answered = answer.starts_with("Approved");
        if answered {
            self.town.verdicts.push(Verdict { at, approves: true, all: true, members, answered });
        }
        answered
    }

    /// Everybody, and what the bot must know of them.
    pub(super) fn into_town(mut self, evidence: &Evidence) -> Town {
        for soul in &mut self.town.souls {
            let thanked = evidence.messages(soul.user).iter().any(|text| text.starts_with(THANKS));
            // Nobody can say which of the addresses of those who left at some time must still be known.
            soul.answered = thanked && soul.left.is_empty();
        }
        self.town
    }
}
