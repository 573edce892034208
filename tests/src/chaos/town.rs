//! Who lives in the guild, and with whom the owner shares already.

use anyhow::{Context, Result};
use fastrand::Rng;
use rolarr::{
    domain::{RoleId, UserId},
    pipeline::settings::Brake,
};
use rolarr_sim::{
    discord as sim,
    plex::{MACHINE, OTHER_MACHINE, PlexSim, Share, Tie},
};

use super::plan::Plan;
use crate::inprocess::{Setting, Stage};

/// A member who may get roles, and what they did.
#[derive(Clone, Debug)]
pub struct Soul {
    /// On Discord.
    pub user: UserId,
    /// Their Plex account.
    pub plex: u64,
    /// Its address.
    pub address: String,
    /// They gave it, were thanked, and have not left the guild since.
    pub answered: bool,
    /// They gave an address that is somebody else's.
    pub claimed: bool,
    /// They declined an invitation.
    pub declined: bool,
    /// They ended a share.
    pub departed: bool,
    /// What the owner set for them while they had access.
    pub filter: Option<String>,
}

impl Soul {
    /// Somebody who has done nothing yet.
    #[must_use]
    pub fn new(user: UserId, plex: u64, address: String) -> Self {
        Self {
            user,
            plex,
            address,
            answered: false,
            claimed: false,
            declined: false,
            departed: false,
            filter: None,
        }
    }
}

/// Somebody with whom the owner shares, and of whom Rolarr must keep away.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Their account at Plex.
    pub plex: u64,
    /// Its address.
    pub address: String,
    /// Their tie to the owner at the beginning.
    pub tie: Option<Tie>,
    /// What is shared with them at the beginning.
    pub shares: Vec<Share>,
}

/// Everybody.
#[derive(Clone, Debug)]
pub struct Town {
    /// Those who may get roles.
    pub souls: Vec<Soul>,
    /// Members who must never be touched: two by their ids, one by a role, the guild's owner, a bot. They
    /// hold the role that gives access.
    pub untouchable: Vec<UserId>,
    /// Those with whom the owner shares already.
    pub foreign: Vec<Foreign>,
    /// When an administrator let happen what was held, or tried to: milliseconds since 1970.
    pub approvals: Vec<u64>,
}

impl Town {
    /// People on whom nothing was decided by an administrator.
    #[must_use]
    pub fn of(souls: Vec<Soul>, untouchable: Vec<UserId>, foreign: Vec<Foreign>) -> Self {
        Self { souls, untouchable, foreign, approvals: Vec::new() }
    }

    /// Sets everything up. The pipeline has started once when it returns, and is stopped.
    pub(super) async fn build(plan: &Plan, brake: u32, seed: u64, rng: &mut Rng) -> Result<(Stage, Self)> {
        let setting = Setting { seed, in_memory: true, ..Setting::default() };
        let mut stage = Stage::with(setting).await?;
        stage.stop().await;
        let now = stage.now();
        let guild = stage.scene.guild;
        let mut souls = Vec::new();
        let mut untouchable = Vec::new();
        {
            let mut discord = stage.on_discord();
            let mut plex = stage.at_plex();
            for number in 0..plan.people {
                let name = format!("soul{number}");
                let user = discord.create_user(now, &name);
                discord.join(now, guild, user)?;
                if rng.u8(0..8) == 0 {
                    discord.set_direct_messages(user, sim::DirectMessages::Closed)?;
                }
                let address = format!("{name}.post@example.org");
                let account = plex.world.add_person(&address, &name, &name);
                souls.push(Soul::new(UserId(user.0), account, address));
            }
            for number in 0..plan.bystanders {
                let user = discord.create_user(now, &format!("bystander{number}"));
                discord.join(now, guild, user)?;
            }
            let staff = discord.create_role(now, guild, "Staff")?;
            for number in 0..3 {
                let user = discord.create_user(now, &format!("protected{number}"));
                discord.join(now, guild, user)?;
                untouchable.push(user);
            }
            discord.add_role(now, guild, untouchable[2], staff)?;
            untouchable.push(stage.scene.owner);
            let robot = discord.create_bot(now, "robot");
            discord.join(now, guild, robot)?;
            untouchable.push(robot);
            for user in &untouchable {
                discord.add_role(now, guild, *user, stage.scene.subscriber)?;
            }
            plex.world.quirks.cancel_leaves_share = rng.bool();
            plex.world.quirks.v1_lists_pending = rng.bool();
            drop((discord, plex));
            let settings = stage.settings();
            settings.protected_members = untouchable[..2].iter().map(|user| UserId(user.0)).collect();
            settings.protected_roles = [RoleId(staff.0)].into();
            settings.brake = Brake { members: brake, ..Brake::default() };
        }
        let foreign = share_with_others(&mut stage.at_plex(), now)?;
        let untouchable = untouchable.into_iter().map(|user| UserId(user.0)).collect();
        Ok((stage, Self::of(souls, untouchable, foreign)))
    }
}

/// Friends of the owner: one with our server, one with another, one with both.
pub(crate) fn share_with_others(plex: &mut PlexSim, now: u64) -> Result<Vec<Foreign>> {
    let mut all = Vec::new();
    for (name, servers) in [
        ("foreign0", &[MACHINE][..]),
        ("foreign1", &[OTHER_MACHINE]),
        ("foreign2", &[MACHINE, OTHER_MACHINE]),
    ] {
        let address = format!("{name}.post@example.org");
        let account = plex.world.add_person(&address, name, name);
        for machine in servers {
            plex.owner_shares_with(now, account, machine, &[])?;
        }
        plex.owner_sets_filter(account, "filterMovies", "label=Kids")?;
        all.push((account, address));
    }
    all.into_iter()
        .map(|(account, address)| {
            let shares: Vec<Share> =
                plex.world.shares.values().filter(|share| share.is_with(account)).cloned().collect();
            let tie = plex.friend(account).cloned();
            tie.as_ref().context("a share makes a friend")?;
            Ok(Foreign { plex: account, address, tie, shares })
        })
        .collect()
}
