//! Carries a schedule out.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use anyhow::Result;
use fastrand::Rng;
use rolarr::{
    domain::UserId,
    pipeline::ports::{Command, GatewayNews, Hint, Said, Snapshot},
    store::Stage as At,
};
use rolarr_sim::{discord as sim, plex::MACHINE};

use super::{
    Report,
    evidence::Evidence,
    faults,
    fuse::Fuse,
    invariants::{self, Standing},
    plan::{Happening, Plan, Which},
    tamper::Tamper,
    town::{Soul, Town},
};
use crate::inprocess::Stage;

/// How long a call into the pipeline may take; in a kill it never returns.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is left of a run.
struct Run {
    stage: Stage,
    town: Town,
    fuse: Fuse,
    rng: Rng,
    report: Report,
    /// The process starts again then: milliseconds since 1970.
    down_until: Option<u64>,
    /// What the next kill is like.
    next_down: u64,
    torn: usize,
    deaf_until: u64,
    unavailable_until: u64,
    plex_out_until: u64,
    discord_out_until: u64,
    /// How those who are held stood at Plex when that was first seen.
    held: BTreeMap<UserId, Standing>,
}

/// Runs one seed from beginning to end, and says what it found. It needs a runtime whose time is paused.
///
/// # Errors
/// If the run itself can't be set up or looked at.
pub async fn run(seed: u64) -> Result<Report> {
    run_with(seed, None).await.map(|(report, _)| report)
}

/// Runs one seed in which something is wrong on purpose: whether there was an opportunity for it, and what was
/// found.
///
/// # Errors
/// If the run itself can't be set up or looked at.
pub async fn run_with(seed: u64, tamper: Option<Tamper>) -> Result<(Report, bool)> {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::draw(&mut rng);
    let brake = if tamper == Some(Tamper::NoBrake) { u32::MAX } else { plan.brake };
    let (stage, town) = Town::build(&plan, brake, seed, &mut rng).await?;
    let beginning = stage.now();
    let mut run = Run {
        stage,
        town,
        fuse: Fuse::default(),
        rng,
        report: Report { seeds: 1, ..Report::default() },
        down_until: Some(0),
        next_down: 0,
        torn: 0,
        deaf_until: 0,
        unavailable_until: 0,
        plex_out_until: 0,
        discord_out_until: 0,
        held: BTreeMap::new(),
    };
    for (at, happening) in plan.happenings {
        run.pass_until(beginning + at).await?;
        run.happen(happening).await?;
    }
    run.calm_down().await?;
    let tampered = tamper.is_some_and(|tamper| tamper.strikes(&run.stage, &run.town));
    let found = invariants::at_the_end(&Evidence::of_stage(&run.stage)?, &run.town, plan.brake).await?;
    run.report.violations.extend(found);
    run.report.requests = run.stage.at_plex().requests.len() as u64;
    run.report.trace = run.trace().await?;
    for violation in &mut run.report.violations {
        *violation = format!("seed {seed}: {violation}");
    }
    Ok((run.report, tampered))
}

impl Run {
    /// Lets time pass, and does what is due meanwhile.
    async fn pass_until(&mut self, until: u64) -> Result<()> {
        loop {
            self.end_outages().await?;
            if self.fuse.is_blown() {
                self.die()?;
            }
            let now = self.stage.now();
            if self.down_until.is_some_and(|due| due <= now) {
                self.revive().await;
                continue;
            }
            if now >= until {
                return Ok(());
            }
            let changes =
                [self.deaf_until, self.unavailable_until, self.plex_out_until, self.discord_out_until];
            let next =
                changes.into_iter().chain(self.down_until).filter(|at| *at > now).fold(until, u64::min);
            let fuse = self.fuse.clone();
            tokio::select! {
                biased;
                () = fuse.blows(), if self.stage.runs() => {}
                () = tokio::time::sleep(Duration::from_millis(next - now)) => {}
            }
        }
    }

    async fn end_outages(&mut self) -> Result<()> {
        let now = self.stage.now();
        let over = |until: &mut u64| {
            let over = *until != 0 && *until <= now;
            if over {
                *until = 0;
            }
            over
        };
        if over(&mut self.plex_out_until) {
            self.stage.at_plex().clear_faults();
        }
        if over(&mut self.discord_out_until) {
            self.stage.on_discord().end_trouble();
        }
        if over(&mut self.unavailable_until) {
            let guild = self.stage.scene.guild;
            self.stage.on_discord().set_available(now, guild, true)?;
            self.news(GatewayNews::GuildAvailable(self.stage.guild())).await;
        }
        if over(&mut self.deaf_until) {
            self.news(GatewayNews::Session).await;
        }
        Ok(())
    }

    /// The kill: what the disk had at this moment is all that is left.
    fn die(&mut self) -> Result<()> {
        let torn: Vec<u8> = (0..self.torn).map(|_| self.rng.u8(..)).collect();
        self.stage.cut_power(&torn)?;
        self.fuse.reset();
        self.report.kills += 1;
        self.down_until = Some(self.stage.now() + self.next_down * 1_000);
        Ok(())
    }

    async fn revive(&mut self) {
        self.fuse.reset();
        self.down_until = match self.stage.open(Some(self.fuse.watcher())).await {
            Ok(()) => None,
            // Discord does not answer: as at a real start it is tried again.
            Err(_) => Some(self.stage.now() + 5_000),
        };
    }

    async fn news(&self, news: GatewayNews) {
        if self.stage.runs() {
            // Nobody hears it while the process is down; the next start begins with a session of its own.
            let _ = tokio::time::timeout(PATIENCE, self.stage.news(news)).await;
        }
    }

    async fn command(&self, command: Command) {
        let moderator = UserId(self.stage.scene.mod_user.0);
        // Nobody answers while the process is down.
        let _ = tokio::time::timeout(PATIENCE, self.stage.command(moderator, true, command)).await;
    }

    /// The gateway tells of somebody, if it does.
    async fn tell(&mut self, user: UserId) {
        let lost = self.stage.now() < self.deaf_until || self.rng.u8(0..30) == 0;
        if !lost && self.stage.runs() {
            let _ = tokio::time::timeout(PATIENCE, self.stage.tell(user)).await;
        } else if lost {
            self.report.faults += 1;
        }
    }

    async fn happen(&mut self, happening: Happening) -> Result<()> {
        self.report.events += 1;
        match happening {
            Happening::Gives(who, which) => self.set_role(who, which, true).await,
            Happening::Takes(who, which) => self.set_role(who, which, false).await,
            Happening::Flickers(who, which) => {
                let role = self.role(which);
                let has = self.roles_of(self.town.souls[who].user).contains(&role);
                self.set_role(who, which, !has).await;
                tokio::time::sleep(Duration::from_millis(self.rng.u64(1..900))).await;
                self.set_role(who, which, has).await;
            }
            Happening::Swaps(who) => self.swap(who).await,
            Happening::Leaves(who) => {
                let (now, guild, user) =
                    (self.stage.now(), self.stage.scene.guild, self.town.souls[who].user);
                if self.stage.on_discord().leave(now, guild, sim::UserId(user.0)).is_ok() {
                    let soul = &mut self.town.souls[who];
                    // With the friendship ends what the owner had set.
                    (soul.answered, soul.filter) = (false, None);
                    self.tell(user).await;
                }
            }
            Happening::Joins(who) => {
                let (now, guild, user) =
                    (self.stage.now(), self.stage.scene.guild, self.town.souls[who].user);
                if self.stage.on_discord().join(now, guild, sim::UserId(user.0)).is_ok() {
                    self.tell(user).await;
                }
            }
            Happening::Answers(who) => {
                let address = self.town.souls[who].address.clone();
                // What comes from somebody who left, or left and came back unnoticed, is forgotten with that.
                let known = self.is_known(who).await?;
                if self.types(who, &address).await && known {
                    self.town.souls[who].answered = true;
                }
            }
            Happening::Garbage(who) => {
                let text = ["what?", "a@", "\u{202e}@example.org", ""][self.rng.usize(0..4)];
                self.types(who, text).await;
            }
            Happening::Claims(who) => {
                let number = self.rng.usize(0..self.town.foreign.len());
                let address = self.town.foreign[number].address.clone();
                if self.types(who, &address).await {
                    self.town.souls[who].claimed = true;
                }
            }
            Happening::Accepts(who) => {
                let (now, address) = (self.stage.now(), self.town.souls[who].address.clone());
                let _ = self.stage.at_plex().person_accepts(now, &address);
            }
            Happening::Declines(who) => {
                let address = self.town.souls[who].address.clone();
                if self.stage.at_plex().person_declines(&address).is_ok() {
                    self.town.souls[who].declined = true;
                }
            }
            Happening::Departs(who) => {
                let account = self.town.souls[who].plex;
                if self.stage.at_plex().person_leaves_share(account).is_ok() {
                    self.town.souls[who].departed = true;
                }
            }
            Happening::Edits(who) => self.edit(who).await?,
            Happening::Twice(who) => {
                let user = self.town.souls[who].user;
                self.tell(user).await;
                self.tell(user).await;
            }
            Happening::Outdated(who) => self.tell_outdated(who).await,
            Happening::MassLoss(which) => {
                for who in 0..self.town.souls.len() {
                    self.set_role(who, which, false).await;
                }
            }
            Happening::Deletes(which) => {
                let role = self.role(which);
                if self.stage.delete_role(role).is_ok() {
                    self.news(GatewayNews::RoleDeleted(self.stage.guild(), role)).await;
                    self.news(GatewayNews::Session).await;
                }
            }
            Happening::Approves => {
                self.look_at_held().await?;
                self.approve().await;
            }
            Happening::Rejects => self.reject().await?,
            Happening::Session => self.news(GatewayNews::Session).await,
            Happening::Sync => {
                self.command(Command::Sync).await;
            }
            trouble => self.trouble(trouble)?,
        }
        self.look_at_held().await
    }

    fn trouble(&mut self, trouble: Happening) -> Result<()> {
        self.report.events -= 1;
        self.report.faults += 1;
        let now = self.stage.now();
        match trouble {
            Happening::Deaf(seconds) => self.deaf_until = now + seconds * 1_000,
            Happening::Unavailable(seconds) => {
                let guild = self.stage.scene.guild;
                self.stage.on_discord().set_available(now, guild, false)?;
                self.unavailable_until = now + seconds * 1_000;
            }
            Happening::AtPlex => {
                let fault = faults::at_plex(&mut self.rng);
                self.stage.at_plex().fault(fault);
            }
            Happening::PlexOutage(seconds) => {
                let fault = faults::plex_outage(&mut self.rng);
                self.stage.at_plex().fault(fault);
                self.plex_out_until = now + seconds * 1_000;
            }
            Happening::OnDiscord => {
                let fault = faults::on_discord(&mut self.rng);
                self.stage.on_discord().fail_requests(fault);
            }
            Happening::DiscordOutage(seconds) => {
                let fault = faults::discord_outage(&mut self.rng);
                self.stage.on_discord().fail_requests(fault);
                self.discord_out_until = now + seconds * 1_000;
            }
            Happening::Kill { steps, down, torn } => {
                self.report.faults -= 1;
                (self.next_down, self.torn) = (down, torn);
                self.fuse.set(steps);
            }
            other => unreachable!("{other:?} is no trouble"),
        }
        Ok(())
    }

    fn role(&self, which: Which) -> rolarr::domain::RoleId {
        match which {
            Which::Subscriber => self.stage.role(),
            Which::Vip => self.stage.vip,
        }
    }

    fn roles_of(&self, user: UserId) -> Vec<rolarr::domain::RoleId> {
        let discord = self.stage.on_discord();
        let guild = discord.guild(self.stage.scene.guild);
        let member = guild.and_then(|guild| guild.members.get(&sim::UserId(user.0)));
        member
            .map(|member| member.roles.iter().map(|role| rolarr::domain::RoleId(role.0)).collect())
            .unwrap_or_default()
    }

    async fn set_role(&mut self, who: usize, which: Which, has: bool) {
        let (now, guild) = (self.stage.now(), self.stage.scene.guild);
        let user = self.town.souls[who].user;
        let role = self.role(which);
        if self.roles_of(user).contains(&role) == has {
            return;
        }
        let (member, role) = (sim::UserId(user.0), sim::RoleId(role.0));
        let done = if has {
            self.stage.on_discord().add_role(now, guild, member, role)
        } else {
            self.stage.on_discord().remove_role(now, guild, member, role)
        };
        if done.is_ok() {
            self.tell(user).await;
        }
    }

    async fn swap(&mut self, who: usize) {
        let (now, guild, user) = (self.stage.now(), self.stage.scene.guild, self.town.souls[who].user);
        let (subscriber, vip) = (self.role(Which::Subscriber), self.role(Which::Vip));
        let roles = self.roles_of(user);
        let to = if roles.contains(&vip) { subscriber } else { vip };
        if roles.is_empty() {
            return;
        }
        let set = self.stage.on_discord().set_roles(now, guild, sim::UserId(user.0), &[sim::RoleId(to.0)]);
        if set.is_ok() {
            self.tell(user).await;
        }
    }

    /// Whether it is stored that somebody is a member, and since when.
    async fn is_known(&self, who: usize) -> Result<bool> {
        let (guild, user) = (self.stage.guild(), self.town.souls[who].user);
        let stored = self.stage.read(move |tx| tx.member(guild, user)).await?;
        let stored = stored.filter(|member| member.present).and_then(|member| member.joined_at);
        let discord = self.stage.on_discord();
        let member =
            discord.guild(self.stage.scene.guild).and_then(|guild| guild.members.get(&sim::UserId(user.0)));
        Ok(member.is_some_and(|member| stored.is_some_and(|at| at.0 == member.joined_at_ms)))
    }

    /// Types a direct message. True if it was taken up as an address.
    async fn types(&mut self, who: usize, text: &str) -> bool {
        let user = self.town.souls[who].user;
        let asked = tokio::time::timeout(PATIENCE, self.stage.write(user, text)).await;
        matches!(asked, Ok(Ok(Some(reply))) if reply.text.starts_with("Thank you. If everything"))
    }

    /// The owner sets a filter for somebody whose account is at rest and of whom Rolarr wrote nothing.
    async fn edit(&mut self, who: usize) -> Result<()> {
        let Soul { user, plex, .. } = self.town.souls[who];
        let at_rest = self
            .stage
            .read(move |tx| {
                let Some(account) = tx.account_of(user)? else { return Ok(false) };
                let waits = tx.next_waiting(user)?.is_some() || tx.hold(account.id)?.is_some();
                Ok(account.stage == At::Joined
                    && account.due.is_none()
                    && !waits
                    && tx.fields(account.id)?.is_empty())
            })
            .await?;
        let restricted = self.stage.is_restricted(rolarr::domain::PlexAccountId(plex));
        let done = at_rest
            && !restricted
            && self.stage.at_plex().owner_sets_filter(plex, "filterMovies", "label=Kids").is_ok();
        if done {
            self.town.souls[who].filter = Some("label=Kids".to_owned());
        }
        Ok(())
    }

    async fn tell_outdated(&mut self, who: usize) {
        let said = Said::Member(Snapshot {
            user: self.town.souls[who].user,
            username: format!("soul{who}"),
            roles: Vec::new(),
            joined_at: None,
            screening: false,
            bot: false,
        });
        if self.stage.runs() {
            let hint = Hint { guild: self.stage.guild(), user: self.town.souls[who].user, said };
            let _ = tokio::time::timeout(PATIENCE, self.stage.hint(hint)).await;
        }
    }

    async fn approve(&mut self) {
        // A kill may come in the middle of it: then nobody knows whether it counted.
        self.town.approvals.push(self.stage.now());
        self.command(Command::Approve { member: None }).await;
        self.held.clear();
    }

    async fn reject(&mut self) -> Result<()> {
        self.look_at_held().await?;
        self.command(Command::Reject { member: None }).await;
        self.held.clear();
        Ok(())
    }

    /// Nothing may change at Plex for somebody who is held.
    async fn look_at_held(&mut self) -> Result<()> {
        let users = invariants::held(&self.stage).await?;
        let mut held = BTreeMap::new();
        for user in users {
            let Some(soul) = self.town.souls.iter().find(|soul| soul.user == user) else { continue };
            let now = Standing::of(&self.stage.at_plex(), soul);
            match self.held.get(&user) {
                None => self.report.held += 1,
                Some(then) if then.is_less_than(&now) || *then == now => {}
                Some(then) => self
                    .report
                    .violations
                    .push(format!("<@{user}> is held, and had {then:?} at Plex, and has {now:?}")),
            }
            held.insert(user, now);
        }
        self.held = held;
        Ok(())
    }

    /// No more trouble: everything that is under way comes to its end, and what is held is decided.
    async fn calm_down(&mut self) -> Result<()> {
        self.stage.at_plex().clear_faults();
        self.stage.on_discord().end_trouble();
        (self.plex_out_until, self.discord_out_until, self.deaf_until) = (0, 0, 0);
        if self.unavailable_until != 0 {
            let (now, guild) = (self.stage.now(), self.stage.scene.guild);
            self.stage.on_discord().set_available(now, guild, true)?;
            self.unavailable_until = 0;
        }
        if self.fuse.is_blown() {
            self.die()?;
        }
        self.fuse.reset();
        if let Some(until) = self.down_until {
            self.pass_until(until).await?;
        }
        self.news(GatewayNews::Session).await;
        self.pass_until(self.stage.now() + 3_600_000).await?;
        self.look_at_held().await?;
        if self.rng.bool() {
            self.reject().await?;
        } else {
            self.approve().await;
        }
        self.pass_until(self.stage.now() + 2 * 3_600_000).await
    }

    /// A digest of everything that happened.
    async fn trace(&self) -> Result<u64> {
        let mut digest = DefaultHasher::new();
        {
            let plex = self.stage.at_plex();
            for request in &plex.requests {
                (request.at_ms, &request.method, &request.path, &request.body, request.status)
                    .hash(&mut digest);
            }
            for share in plex.world.shares.values().filter(|share| share.machine == MACHINE) {
                (share.id, &share.typed, share.accepted_at).hash(&mut digest);
            }
        }
        for soul in &self.town.souls {
            self.stage.messages(soul.user).hash(&mut digest);
        }
        self.stage.audit().hash(&mut digest);
        self.stage.now().hash(&mut digest);
        Ok(digest.finish())
    }
}
