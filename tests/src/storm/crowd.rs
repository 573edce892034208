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
        town::{Soul, Town, share_with_others},
    },
};

/// What the bot answers to an address.
const THANKS: &str = "Thank you. If everything";

/// Everybody who does something.
pub(super) struct Crowd {
    town: Town,
    roles: Vec<sim::RoleId>,
    /// Those who left the guild at some time: nobody can say which of their addresses must still be known.
    left: Vec<bool>,
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
        let town = Town::of(souls, untouchable, foreign);
        Ok(Self { left: vec![false; PEOPLE], town, roles })
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
                let _ = world.discord(|sim, now| sim.add_role(now, guild, user, role));
            }
            11..=17 => {
                let _ = world.discord(|sim, now| sim.remove_role(now, guild, user, role));
            }
            18 | 19 => {
                world.discord(|sim, now| {
                    let _ = sim.remove_role(now, guild, user, role);
                    let _ = sim.add_role(now, guild, user, role);
                });
            }
            20 => {
                if world.discord(|sim, now| sim.leave(now, guild, user)).is_ok() {
                    self.left[who] = true;
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

    /// Everybody, and what the bot must know of them.
    pub(super) fn into_town(mut self, evidence: &Evidence) -> Town {
        for (soul, left) in self.town.souls.iter_mut().zip(&self.left) {
            let thanked = evidence.messages(soul.user).iter().any(|text| text.starts_with(THANKS));
            soul.answered = thanked && !left;
        }
        self.town
    }
}
