//! Carries a schedule out: lets time pass, kills the process and starts it again.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use anyhow::Result;
use fastrand::Rng;
use rolarr::{
    domain::{GuildId, UserId},
    pipeline::ports::GatewayNews,
    store::Impediment,
};
use rolarr_sim::{discord as sim, plex::MACHINE};

use super::{
    Report,
    evidence::Evidence,
    fuse::Fuse,
    judge,
    opening::{self, Opened},
    plan::{Happening, Kill, Plan},
    town::Town,
};
use crate::inprocess::Stage;

/// How long a call into the pipeline may take; in a kill it never returns.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A run on its way.
pub(super) struct Run {
    pub(super) stage: Stage,
    pub(super) town: Town,
    pub(super) staff: sim::RoleId,
    pub(super) second: Option<(sim::GuildId, sim::RoleId)>,
    /// Which of the policies the configuration names.
    pub(super) policy: usize,
    pub(super) rng: Rng,
    pub(super) report: Report,
    pub(super) troubles: Troubles,
    fuse: Fuse,
    /// The process starts again then: milliseconds since 1970.
    down_until: Option<u64>,
    /// The kills that were drawn and have not come, the next first.
    kills: VecDeque<Kill>,
}

/// Until when something goes wrong, in milliseconds since 1970; 0 for what does not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Troubles {
    pub(super) deaf: u64,
    pub(super) unavailable: u64,
    pub(super) kicked: u64,
    pub(super) plex_out: u64,
    pub(super) discord_out: u64,
    pub(super) disk_full: u64,
}

/// Runs one seed from beginning to end, and says what it found. It needs a runtime whose time is paused.
///
/// # Errors
/// If the run itself can't be set up or looked at.
pub async fn run(seed: u64) -> Result<Report> {
    let (mut report, evidence, town) = to_the_end(seed, false).await?;
    let found = judge::at_the_end(&evidence, &town).await?;
    report.violations.extend(found);
    for violation in &mut report.violations {
        *violation = format!("seed {seed}: {violation}");
    }
    Ok(report)
}

/// Runs one seed, and leaves the judgement to the caller. Without a brake everything passes at once.
pub(super) async fn to_the_end(seed: u64, without_brake: bool) -> Result<(Report, Evidence, Town)> {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::draw(&mut rng);
    let brake = if without_brake { u32::MAX } else { plan.ways.brake };
    let Opened { mut stage, town, staff, second } = opening::open(&plan, brake, seed, &mut rng).await?;
    let fuse = Fuse::default();
    stage.gate(fuse.gate());
    // The guilds are taken in before anything happens: a member who holds a role by then is taken in as they are.
    let beginning = stage.now() + 120_000;
    let mut run = Run {
        stage,
        town,
        staff,
        second,
        policy: plan.ways.policy,
        rng,
        report: Report { seeds: 1, ..Report::default() },
        troubles: Troubles::default(),
        fuse,
        down_until: Some(0),
        kills: VecDeque::new(),
    };
    run.pass_until(beginning).await?;
    for (at, happening) in plan.happenings {
        run.pass_until(beginning + at).await?;
        run.race(happening).await?;
    }
    run.calm_down().await?;
    run.close().await
}

impl Run {
    /// Something happens, and a kill may fall into it.
    async fn race(&mut self, happening: Happening) -> Result<()> {
        let (fuse, runs) = (self.fuse.clone(), self.stage.runs());
        tokio::select! {
            biased;
            () = fuse.blows(), if runs => Ok(()),
            done = self.happen(happening) => done,
        }
    }

    /// Lets time pass, and does what is due meanwhile.
    async fn pass_until(&mut self, until: u64) -> Result<()> {
        loop {
            self.end_troubles().await?;
            if self.fuse.is_blown() {
                self.die()?;
            }
            let now = self.stage.now();
            if self.down_until.is_some_and(|due| due <= now) {
                self.revive().await?;
                continue;
            }
            if now >= until {
                return Ok(());
            }
            let next = self.troubles.ends().into_iter().chain(self.down_until);
            let next = next.filter(|at| *at > now).fold(until, u64::min);
            let fuse = self.fuse.clone();
            let runs = self.stage.runs();
            tokio::select! {
                biased;
                () = fuse.blows(), if runs => {}
                () = self.stage.broken() => {
                    self.report.violations.push("a worker ended by itself".to_owned());
                    self.die()?;
                }
                () = tokio::time::sleep(Duration::from_millis(next - now)) => {}
            }
        }
    }

    async fn end_troubles(&mut self) -> Result<()> {
        let now = self.stage.now();
        let over = |until: &mut u64| {
            let over = *until != 0 && *until <= now;
            if over {
                *until = 0;
            }
            over
        };
        if over(&mut self.troubles.plex_out) {
            self.stage.at_plex().clear_faults();
        }
        if over(&mut self.troubles.discord_out) {
            self.stage.on_discord().end_trouble();
        }
        if over(&mut self.troubles.disk_full) && self.stage.runs() {
            self.stage.impede(Impediment::None).await?;
        }
        let guild = self.stage.scene.guild;
        if over(&mut self.troubles.unavailable) {
            self.stage.on_discord().set_available(now, guild, true)?;
            self.news(GatewayNews::GuildAvailable(GuildId(guild.0))).await;
        }
        if over(&mut self.troubles.kicked) {
            self.stage.on_discord().invite_bot(now, guild)?;
            self.news(GatewayNews::GuildAvailable(GuildId(guild.0))).await;
        }
        if over(&mut self.troubles.deaf) {
            self.news(GatewayNews::Session).await;
        }
        Ok(())
    }

    /// A kill was drawn: it comes with the steps that follow, or with those after the next start.
    pub(super) fn doom(&mut self, kill: Kill) {
        self.kills.push_back(kill);
        if self.stage.runs() && self.kills.len() == 1 {
            self.fuse.set(kill.steps);
        }
    }

    /// The kill: what the files hold at this moment is all that is left.
    fn die(&mut self) -> Result<()> {
        let kill = self.kills.pop_front();
        let torn = kill.map_or(0, |kill| kill.torn);
        let torn: Vec<u8> = (0..torn).map(|_| self.rng.u8(..)).collect();
        self.stage.cut_power(&torn)?;
        if self.fuse.is_blown() {
            *self.report.kills.entry(self.fuse.step()).or_default() += 1;
        }
        self.fuse.reset();
        self.down_until = Some(self.stage.now() + kill.map_or(1, |kill| kill.down) * 1_000);
        Ok(())
    }

    /// The process starts, and may be killed in that.
    async fn revive(&mut self) -> Result<()> {
        self.fuse.reset();
        if let Some(kill) = self.kills.front() {
            self.fuse.set(kill.steps);
        }
        // Nobody starts it with a policy that does not load.
        self.name_the_policy()?;
        let fuse = self.fuse.clone();
        let opened = tokio::select! {
            biased;
            () = fuse.blows() => None,
            opened = self.stage.open(Some(self.fuse.watcher())) => Some(opened),
        };
        match opened {
            None => self.die()?,
            Some(Ok(())) => self.down_until = None,
            // Discord does not answer: as at a real start it is tried again.
            Some(Err(_)) => self.down_until = Some(self.stage.now() + 5_000),
        }
        Ok(())
    }

    pub(super) async fn news(&self, news: GatewayNews) {
        if self.stage.runs() {
            // Nobody hears it while the process is down; the next start begins with a session of its own.
            let _ = tokio::time::timeout(PATIENCE, self.stage.news(news)).await;
        }
    }

    /// No more trouble: everything that is under way comes to its end, and what is held is decided.
    async fn calm_down(&mut self) -> Result<()> {
        self.kills.clear();
        self.stage.at_plex().clear_faults();
        self.stage.on_discord().end_trouble();
        let (now, guild) = (self.stage.now(), self.stage.scene.guild);
        self.stage.on_discord().set_available(now, guild, true)?;
        if self.troubles.kicked != 0 {
            self.stage.on_discord().invite_bot(now, guild)?;
        }
        if self.troubles.disk_full != 0 && self.stage.runs() {
            self.stage.impede(Impediment::None).await?;
        }
        self.troubles = Troubles::default();
        if self.fuse.is_blown() {
            self.die()?;
        }
        self.fuse.reset();
        if let Some(until) = self.down_until {
            self.pass_until(until).await?;
        }
        self.news(GatewayNews::Session).await;
        self.pass_until(self.stage.now() + 3_600_000).await?;
        self.look_at_held(true).await?;
        let approves = self.rng.bool();
        self.decide(approves, None).await?;
        // The rest of the questions and what is compared now and then.
        self.pass_until(self.stage.now() + 3_600_000).await?;
        self.look_at_held(false).await?;
        // Who was held only after that, by what was changed by hand, is decided too.
        self.decide(approves, None).await?;
        self.pass_until(self.stage.now() + 1_800_000).await
    }

    /// Collects what is left.
    async fn close(mut self) -> Result<(Report, Evidence, Town)> {
        let ended = self.stage.now();
        let evidence = Evidence::of_stage(self.stage).await?;
        self.report.answered = self.town.souls.iter().filter(|soul| soul.answered).count() as u64;
        {
            let plex = evidence.at_plex();
            let discord = evidence.on_discord();
            self.report.requests = plex.requests.len() as u64;
            self.report.faults += plex.struck.len() as u64;
            self.report.faults += discord.requests().iter().filter(|request| request.struck).count() as u64;
        }
        let (trace, decisions) = trace(&evidence, &self.town, ended).await?;
        self.report.trace = trace;
        self.report.decisions = decisions;
        Ok((self.report, evidence, self.town))
    }
}

impl Troubles {
    fn ends(&self) -> [u64; 6] {
        [self.deaf, self.unavailable, self.kicked, self.plex_out, self.discord_out, self.disk_full]
    }
}

/// A digest of everything that happened, and how many decisions there were.
async fn trace(evidence: &Evidence, town: &Town, ended: u64) -> Result<(u64, u64)> {
    let mut decisions = 0;
    let mut digest = DefaultHasher::new();
    {
        let plex = evidence.at_plex();
        for request in &plex.requests {
            (request.at_ms, &request.method, &request.path, &request.body, request.status).hash(&mut digest);
        }
        for share in plex.world.shares.values().filter(|share| share.machine == MACHINE) {
            (share.id, &share.typed, share.accepted_at).hash(&mut digest);
        }
    }
    for request in evidence.on_discord().requests() {
        (request.at_ms, &request.method, &request.path, request.body.to_string(), request.status)
            .hash(&mut digest);
    }
    let users: Vec<UserId> = town.souls.iter().map(|soul| soul.user).collect();
    for user in users {
        evidence.messages(user).hash(&mut digest);
        let decided = evidence
            .read(move |tx| {
                let mut decided = Vec::new();
                for row in tx.story(user)? {
                    let state = row.event.state.word();
                    let decision = tx.decision(row.id)?;
                    let decision =
                        decision.map(|of| (of.at.0, format!("{:?}", of.actions), of.reason, of.fuel));
                    decided.push((
                        row.id.0,
                        row.event.at.0,
                        format!("{:?}", row.event.cause),
                        state,
                        decision,
                    ));
                }
                Ok(decided)
            })
            .await?;
        decisions += decided.iter().filter(|(.., decision)| decision.is_some()).count() as u64;
        decided.hash(&mut digest);
    }
    evidence.audit().hash(&mut digest);
    ended.hash(&mut digest);
    Ok((digest.finish(), decisions))
}
