//! How a run begins: who is there, and what the operator configured.

use anyhow::Result;
use fastrand::Rng;
use rolarr::{
    domain::{GuildId, RoleId, UserId},
    pipeline::settings::{Brake, FirstStart, GuildSettings, TrackedRole},
};
use rolarr_sim::{
    discord as sim,
    plex::{MACHINE, PlexSim},
};

use super::{
    plan::{KEEPS_LEAVERS, LABELS, Plan, Ways, policies},
    town::{Given, Soul, Town, share_with, share_with_others},
};
use crate::inprocess::{Setting, Stage, load};

/// The parts of a world that a run goes by.
pub(super) struct Opened {
    pub(super) stage: Stage,
    pub(super) town: Town,
    /// The role whose holders must not be touched.
    pub(super) staff: sim::RoleId,
    pub(super) second: Second,
}

/// How often Plex may be asked in the long run, as configured by default.
const REQUEST_EVERY: std::time::Duration = std::time::Duration::from_millis(250);

/// Sets everything up. The pipeline has started once when it returns, and is stopped.
pub(super) async fn open(plan: &Plan, brake: u32, seed: u64, rng: &mut Rng) -> Result<Opened> {
    let setting = Setting { seed, in_memory: true, request_every: Some(REQUEST_EVERY), ..Setting::default() };
    let mut stage = Stage::with(setting).await?;
    stage.stop().await;
    let now = stage.now();
    let ways = &plan.ways;
    let (souls, second) = gather(&mut stage, plan, now, rng)?;
    let (untouchable, staff) = protect(&mut stage, now)?;
    let foreign = {
        let mut plex = stage.at_plex();
        plex.world.quirks.cancel_leaves_share = rng.bool();
        plex.world.quirks.v1_lists_pending = rng.bool();
        plex.world.quirks.friends_lack_filters = rng.u8(0..4) == 0;
        let mut foreign = share_with_others(&mut plex, now)?;
        for number in 0..untouchable.len() {
            foreign.push(share_with(&mut plex, now, &format!("untouchable{number}"), &[MACHINE])?);
        }
        foreign
    };
    configure(&mut stage, ways, brake, &untouchable, staff);
    let (module, policy) = &policies()[ways.policy];
    stage.policies.put(Ok(load(module, policy)?));
    let mut town = Town::of(souls, untouchable.iter().map(|user| UserId(user.0)).collect(), foreign);
    town.given = Given {
        brake: ways.brake,
        libraries: None,
        downloads: ways.downloads,
        live_tv: ways.live_tv,
        labels: LABELS.map(str::to_owned).into(),
        keeps_leavers: ways.policy == KEEPS_LEAVERS,
        drift: ways.drift,
        settling: u64::try_from(ways.settle.as_millis()).unwrap_or(u64::MAX),
        ..Given::default()
    };
    Ok(Opened { stage, town, staff, second })
}

/// The second guild with its tracked role, if there is one.
type Second = Option<(sim::GuildId, sim::RoleId)>;

/// Those who may get roles, and others.
fn gather(stage: &mut Stage, plan: &Plan, now: u64, rng: &mut Rng) -> Result<(Vec<Soul>, Second)> {
    let guild = stage.scene.guild;
    let owner = stage.scene.owner;
    let mut souls = Vec::new();
    let mut second = None;
    {
        let mut discord = stage.on_discord();
        let mut plex: std::sync::MutexGuard<'_, PlexSim> = stage.at_plex();
        if plan.ways.second_guild {
            let guild = discord.create_guild(now, "Second", owner);
            second = Some((guild, discord.create_role(now, guild, "Friend")?));
        }
        for number in 0..plan.people {
            let name = format!("soul{number}");
            let user = discord.create_user(now, &name);
            discord.join(now, guild, user)?;
            if let Some((guild, role)) = second.filter(|_| rng.bool()) {
                discord.join(now, guild, user)?;
                // Whoever is taken in as they are with a role has no access by it.
                if plan.ways.first_start == FirstStart::Process && rng.u8(0..3) == 0 {
                    discord.add_role(now, guild, user, role)?;
                }
            }
            if rng.u8(0..8) == 0 {
                discord.set_direct_messages(user, sim::DirectMessages::Closed)?;
            }
            let address = format!("{name}.post@example.org");
            let account =
                if number < plan.viewers { plex.world.add_person(&address, &name, &name) } else { 0 };
            souls.push(Soul::new(UserId(user.0), account, address));
        }
        for number in 0..plan.bystanders {
            let user = discord.create_user(now, &format!("bystander{number}"));
            discord.join(now, guild, user)?;
        }
    }
    if let Some((guild, role)) = second {
        let roles = vec![TrackedRole { id: RoleId(role.0), key: "friend".to_owned() }];
        let (id, key) = (GuildId(guild.0), "second".to_owned());
        stage.settings().guilds.push(GuildSettings { id, key, roles, prompt_channel: None });
    }
    Ok((souls, second))
}

/// Members who must never be touched: two by their ids, one by a role, the guild's owner, a bot. They hold the
/// role that gives access.
fn protect(stage: &mut Stage, now: u64) -> Result<(Vec<sim::UserId>, sim::RoleId)> {
    let guild = stage.scene.guild;
    let mut discord = stage.on_discord();
    let mut all = Vec::new();
    let staff = discord.create_role(now, guild, "Staff")?;
    for number in 0..3 {
        let user = discord.create_user(now, &format!("protected{number}"));
        discord.join(now, guild, user)?;
        all.push(user);
    }
    discord.add_role(now, guild, all[2], staff)?;
    all.push(stage.scene.owner);
    let robot = discord.create_bot(now, "robot");
    discord.join(now, guild, robot)?;
    all.push(robot);
    for user in &all {
        discord.add_role(now, guild, *user, stage.scene.subscriber)?;
    }
    Ok((all, staff))
}

fn configure(stage: &mut Stage, ways: &Ways, brake: u32, untouchable: &[sim::UserId], staff: sim::RoleId) {
    let settings = stage.settings();
    settings.protected_members = untouchable[..2].iter().map(|user| UserId(user.0)).collect();
    settings.protected_roles = [RoleId(staff.0)].into();
    settings.brake = Brake { members: brake, ..Brake::default() };
    settings.first_start = ways.first_start;
    settings.removal = ways.removal;
    settings.drift = ways.drift;
    settings.existing_shares = ways.existing;
    settings.downloads = ways.downloads;
    settings.live_tv = ways.live_tv;
    settings.timings.prompt = ways.prompt;
    settings.timings.settle = ways.settle;
    settings.timings.drift = std::time::Duration::from_secs(2_400);
    // Hundreds are asked at once here, and an invitation that nobody accepts is polled for hours.
    settings.timings.refused_again = [20, 60, 120].map(std::time::Duration::from_secs).to_vec();
    settings.timings.message_spacing = std::time::Duration::from_secs(1);
    settings.timings.check_pending = std::time::Duration::from_secs(180);
}
