//! The real process over real sockets, under load, with faults and kills at random moments.
//!
//! What happens is drawn from a seed, but when the process gets to it is not: such a run does not replay. It is
//! judged at its end by what stands on Discord, at Plex and in the database, as the runs in one thread are.

mod crowd;
mod figures;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use rolarr_sim::discord::{Ending, UserId};

use self::crowd::Crowd;
pub use self::figures::Figures;
use crate::{
    World,
    chaos::{evidence::Evidence, faults, judge},
    process::Process,
};

/// How long it may take until nothing is left to do, after everything has calmed down.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a connection ends that is ended at once.
const ENDINGS: [Ending; 6] = [
    Ending::Abort,
    Ending::Close(1001),
    Ending::Close(4000),
    Ending::Reconnect,
    Ending::Invalid { resumable: true },
    Ending::Invalid { resumable: false },
];

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// What everything is drawn from.
    pub seed: u64,
    /// So many times the process is killed.
    pub kills: usize,
    /// It lasts at least so long.
    pub least: Duration,
    /// Discord and Plex misbehave too.
    pub faults: bool,
    /// So many members' access may shrink within an hour.
    pub brake: u32,
    /// The second role is deleted at some time.
    pub deletes: bool,
    /// A share is taken away at the end behind Rolarr's back, and the judge has to notice.
    pub tampered: bool,
}

/// Runs it; `program` is the bot.
///
/// # Errors
/// If it can't be set up or looked at.
pub async fn run(program: &str, weather: Weather) -> Result<Figures> {
    let mut rng = Rng::with_seed(weather.seed);
    let mut world = World::new().await;
    world.track("vip");
    world.setup.brake = weather.brake;
    let guild = world.scene.guild;
    world.setup.audit_channel = Some(world.discord(|sim, now| sim.create_channel(now, guild, "audit"))?);
    world.setup.message_every = "1ms".to_owned();
    "error".clone_into(&mut world.setup.log);
    // Discord takes five messages in five seconds, and a storm has many.
    world.discord(|sim, _| sim.enforce_rate_limits(false));
    let mut crowd = Crowd::gather(&mut world)?;
    let mut storm = Storm { process: start(program, &world), program, figures: Figures::default() };
    // Whoever holds a role when the guild is first taken in is taken in as they are.
    world.until_connected(0).await;
    let began = Instant::now();
    let mut next_kill = storm.next_kill(&mut rng, weather);
    let mut trouble_ends = None;
    let mut deletes = weather.deletes.then(|| Instant::now() + weather.least.mul_f64(rng.f64()));
    while storm.figures.kills < weather.kills || began.elapsed() < weather.least {
        crowd.acts(&world, &mut rng);
        storm.figures.events += 1;
        if weather.faults && rng.u8(0..12) == 0 {
            storm.trouble(&world, &mut rng);
            trouble_ends = Some(Instant::now() + Duration::from_millis(rng.u64(50..1_500)));
        }
        if trouble_ends.is_some_and(|end| end <= Instant::now()) {
            calm(&world);
            trouble_ends = None;
        }
        if deletes.is_some_and(|at| at <= Instant::now()) {
            crowd.delete_role(&world);
            deletes = None;
        }
        if storm.figures.kills < weather.kills && next_kill <= Instant::now() {
            storm.dies(&world).await;
            next_kill = storm.next_kill(&mut rng, weather);
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(5..60))).await;
        storm.must_live()?;
    }
    calm(&world);
    // Whatever was missed while the connection was down is caught up by a new session.
    storm.dies(&world).await;
    let mut open = world.rests(PATIENCE).await.err().unwrap_or_default();
    // The rest of them may be held only by what is caught up now.
    while open.is_empty() && crowd.approve(&world).await {
        storm.figures.approvals += 1;
        open = world.rests(PATIENCE).await.err().unwrap_or_default();
    }
    storm.process.terminate().await;
    storm.process.ended().await;
    if weather.tampered {
        world.plex(|sim, _| sim.world.shares.clear());
    }
    storm.figures.duration = began.elapsed();
    judge(&world, crowd, storm.figures, open).await
}

async fn judge(world: &World, crowd: Crowd, mut figures: Figures, open: Vec<String>) -> Result<Figures> {
    figures.violations.extend(open.into_iter().map(|work| format!("still to be done: {work}")));
    let evidence = Evidence::of_world(world).await?;
    let town = crowd.into_town(&evidence);
    figures.violations.extend(judge::at_the_end(&evidence, &town).await?);
    figures.count(&evidence, &town).await?;
    Ok(figures)
}

struct Storm<'a> {
    process: Process,
    program: &'a str,
    figures: Figures,
}

fn start(program: &str, world: &World) -> Process {
    let config = world.configuration();
    Process::start(program, &["run".as_ref(), "--config".as_ref(), config.as_os_str()], &[])
}

fn calm(world: &World) {
    world.plex(|sim, _| sim.clear_faults());
    world.discord(|sim, _| sim.end_trouble());
}

impl Storm<'_> {
    /// From before it is connected to when it is well at work.
    fn next_kill(&self, rng: &mut Rng, weather: Weather) -> Instant {
        let spread = if weather.faults { 5_000 } else { 2_500 };
        Instant::now() + Duration::from_millis(rng.u64(100..spread))
    }

    /// SIGKILL, and the next start at once.
    async fn dies(&mut self, world: &World) {
        self.process.kill().await;
        self.figures.kills += 1;
        self.process = start(self.program, world);
    }

    /// Nothing but a kill ends it.
    fn must_live(&mut self) -> Result<()> {
        if self.process.has_ended() {
            let log = self.process.err().join("\n");
            anyhow::bail!("the process ended by itself:\n{log}");
        }
        Ok(())
    }

    fn trouble(&mut self, world: &World, rng: &mut Rng) {
        self.figures.faults += 1;
        match rng.u8(0..9) {
            0..=2 => world.plex(|sim, now| sim.fault(faults::at_plex(rng, now, 200..2_000).1)),
            3 | 4 => world.discord(|sim, _| sim.fail_requests(faults::on_discord(rng))),
            5 => world.plex(|sim, _| sim.fault(faults::plex_outage(rng))),
            6 => world.discord(|sim, now| sim.drop_connections(now)),
            // A gateway that takes each connection and ends it at once.
            7 => {
                let (times, ending) = (rng.u32(1..6), ENDINGS[rng.usize(0..ENDINGS.len())]);
                world.discord(|sim, _| sim.end_connections(times, ending));
            }
            _ => world.discord(|sim, _| sim.invalidate_sessions(rng.bool())),
        }
    }
}

/// How many people take part.
const PEOPLE: usize = 30;

/// A member who is protected and has the role.
fn protect_somebody(world: &mut World) -> Result<UserId> {
    let (guild, role) = (world.scene.guild, world.scene.subscriber);
    let user = world.discord(|sim, now| {
        let user = sim.create_user(now, "protected0");
        sim.join(now, guild, user)?;
        sim.add_role(now, guild, user, role)?;
        Ok::<_, rolarr_sim::discord::Impossible>(user)
    });
    let user = user.context("a protected member")?;
    world.setup.protected.push(user);
    Ok(user)
}
