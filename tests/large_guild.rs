//! A guild of 100,000 members: what taking it in and comparing it costs the bot's process.
//!
//! The simulators run in the test's process, the bot in one of its own, whose memory is what is measured.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

use std::time::{Duration, Instant};

use rolarr_sim::discord::{RoleId, UserId};
use rolarr_tests::{World, process::Process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rolarr-steps");

/// The members of the guild.
const MEMBERS: usize = 100_000;
/// Every so manieth has the tracked role.
const HOLDERS: usize = 50;
/// Half of the holders lose it while the bot is away: this many are to be found.
const LOST: usize = MEMBERS / HOLDERS / 2;
/// So many leave while the bot is away.
const LEFT: usize = 100;
/// More than the bot needs when it has nothing to do.
const ALLOWED_KB: u64 = 60 * 1024;
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// The bot's process and when it was started.
struct Run {
    process: Process,
    began: Instant,
}

impl Run {
    fn start(world: &World) -> Self {
        let config = world.configuration();
        let arguments = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        Self { process: Process::start(PROGRAM, &arguments, &[]), began: Instant::now() }
    }

    /// Waits until a query of the database gives this number; says how long it took from the start.
    async fn until(&self, world: &World, query: &str, number: usize) -> Duration {
        let wanted = number.to_string();
        loop {
            let rows = world.database().map(|database| database.rows(query)).unwrap_or_default();
            if rows.first() == Some(&wanted) {
                return self.began.elapsed();
            }
            assert!(
                self.began.elapsed() < PATIENCE,
                "`{query}` gives {rows:?} and not {wanted}\n{}",
                self.process.err().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A figure of the process's memory in KiB: `VmRSS` for now, `VmHWM` for the most since its start.
    fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    async fn stop(mut self) {
        self.process.terminate().await;
        assert!(self.process.ended().await.success());
    }
}

fn fill(world: &World) -> Vec<UserId> {
    let (guild, role) = (world.scene.guild, world.scene.subscriber);
    world.discord(|sim, now| {
        let known = sim.guild(guild).unwrap().members.len();
        let others: Vec<RoleId> =
            (0..8).map(|number| sim.create_role(now, guild, &format!("team {number}")).unwrap()).collect();
        (known..MEMBERS)
            .map(|number| {
                let user = sim.create_user(now, &format!("member-{number}"));
                sim.join(now, guild, user).unwrap();
                // As large guilds are: most people have a few roles that mean nothing here.
                let mut roles = vec![others[number % 8], others[(number / 8) % 8]];
                roles.dedup();
                if number % HOLDERS == 0 {
                    roles.push(role);
                }
                sim.set_roles(now, guild, user, &roles).unwrap();
                user
            })
            .collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guild_of_100_000_members_is_compared_with_little_memory() {
    let world = World::new().await;

    let mut idle = u64::MAX;
    // The first start may compile the policy, and what that took would count as idle.
    for _ in 0..2 {
        let run = Run::start(&world);
        run.until(&world, "SELECT count(*) FROM guilds", 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        idle = idle.min(run.memory("VmRSS"));
        run.stop().await;
    }
    for file in ["rolarr.db", "rolarr.db-wal", "rolarr.db-shm"] {
        let _ = std::fs::remove_file(world.folder().join(file));
    }

    let members = fill(&world);
    let run = Run::start(&world);
    let first = run.until(&world, "SELECT count(*) FROM guilds", 1).await;
    run.until(&world, "SELECT count(*) FROM members WHERE present", MEMBERS).await;
    let first_peak = run.memory("VmHWM");
    run.stop().await;

    world.discord(|sim, now| {
        let (guild, role) = (world.scene.guild, world.scene.subscriber);
        let holds = |sim: &rolarr_sim::discord::DiscordSim, user: &UserId| {
            sim.guild(guild).unwrap().members[user].roles.contains(&role)
        };
        let holders: Vec<UserId> = members.iter().copied().filter(|user| holds(sim, user)).collect();
        for user in holders.iter().step_by(2).take(LOST) {
            sim.remove_role(now, guild, *user, role).unwrap();
        }
        for user in members.iter().filter(|user| !holders.contains(user)).step_by(500).take(LEFT) {
            sim.leave(now, guild, *user).unwrap();
        }
    });
    let run = Run::start(&world);
    let found = "SELECT count(*) FROM events WHERE origin LIKE '%sweep%' AND state = 'decided'";
    let sweep = run.until(&world, found, LOST + LEFT).await;
    let peak = run.memory("VmHWM");
    let pages = world.sessions();
    run.stop().await;

    let megabytes = |kb: u64| kb / 1024;
    println!(
        "{MEMBERS} members, {} build: idle {} MB; first start {:.1} s, at most {} MB; \
         sweep that finds {LOST} roles lost and {LEFT} members gone {:.1} s, at most {} MB ({pages} pages in all)",
        if cfg!(debug_assertions) { "unoptimised" } else { "optimised" },
        megabytes(idle),
        first.as_secs_f64(),
        megabytes(first_peak),
        sweep.as_secs_f64(),
        megabytes(peak),
    );
    assert!(first_peak.saturating_sub(idle) <= ALLOWED_KB, "first start: {first_peak} KB, idle {idle} KB");
    assert!(peak.saturating_sub(idle) <= ALLOWED_KB, "sweep: {peak} KB, idle {idle} KB");
}
