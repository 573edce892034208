//! A role changes while a request is under way, at each place of the request's way, and something goes wrong with
//! what follows.

use std::time::Duration;

use anyhow::Result;
use rolarr::domain::RoleId;
use rolarr_sim::{
    http::Request,
    plex::{MACHINE, SERVER_LAG_MS},
};

use super::{
    driver::Run,
    faults,
    plan::{Kill, Which},
};
use crate::inprocess::Place;

/// What somebody watches.
const TITLE: &str = "Shootout";

/// A request that does not come within this time does not come because of the change.
const PATIENCE: Duration = Duration::from_secs(60);

impl Run {
    /// Somebody who has an accepted share gets or loses the role that their access hangs on, and it is turned round
    /// while a request about them is at one of its places. True if it was.
    pub(super) async fn flip_under_way(&mut self, first: usize) -> Result<bool> {
        let Some((who, which, has)) = self.turnable(first) else { return Ok(false) };
        let place = Place::ALL[self.rng.usize(0..Place::ALL.len())];
        let any = self.rng.u8(0..4) == 0;
        let names = self.names_of(who);
        let wanted = move |request: &Request| any || (request.method != "GET" && is_about(request, &names));
        let mut under_way = self.stage.plex_boundaries.stop(place, wanted);
        self.set_role(who, which, !has).await;
        let reached = tokio::time::timeout(PATIENCE, under_way.reached()).await == Ok(true);
        self.set_role(who, which, has).await;
        // The decision falls while the request is under way, or as soon as it is over.
        let moments = if self.rng.bool() { 5..900 } else { 900..20_000 };
        let pause = self.rng.u64(moments);
        if reached {
            self.mark();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.mark();
            *self.report.flips.entry(format!("{place:?}")).or_default() += 1;
        }
        if self.rng.u8(0..4) > 0 {
            let now = self.stage.now();
            let (name, fault) = match under_way.request().filter(|_| self.rng.bool()) {
                None => faults::at_plex(&mut self.rng, now, faults::LATE),
                // One that was sent and had no effect would be the next of its kind itself.
                Some((method, path)) => {
                    faults::like(&mut self.rng, now, u32::from(place == Place::Sent), method, path)
                }
            };
            self.report.drawn(name);
            if reached {
                *self.report.pairs.entry(format!("{name} x {place:?}")).or_default() += 1;
            }
            self.stage.at_plex().fault(fault);
        }
        if self.rng.u8(0..6) == 0 {
            let (steps, down) = (self.rng.u64(0..8), self.rng.u64(0..60));
            self.doom(Kill { steps, down, torn: 0 });
            if reached {
                *self.report.pairs.entry(format!("kill x {place:?}")).or_default() += 1;
            }
        }
        drop(under_way);
        // Once more off and on, or on and off, when that has settled or while it is at it.
        for _ in 0..self.rng.u8(0..3) {
            let pause = self.rng.u64(200..90_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.set_role(who, which, !has).await;
            let pause = self.rng.u64(200..60_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.set_role(who, which, has).await;
        }
        Ok(reached)
    }

    /// Somebody who has access begins to watch, loses the role that it hangs on, and presses play again as soon as it
    /// is dark: the server learns of the filter later than plex.tv. True if they could.
    pub(super) async fn watch_on(&mut self, first: usize) -> Result<bool> {
        let Some((who, which, true)) = self.turnable(first) else { return Ok(false) };
        let account = self.town.souls[who].plex;
        if self.stage.at_plex().start_stream(account, TITLE).is_err() {
            return Ok(false);
        }
        self.town.souls[who].watching = Some(self.stage.now());
        self.set_role(who, which, false).await;
        let delay = self.rng.u64(1_000..SERVER_LAG_MS);
        for _ in 0..PATIENCE.as_secs() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.stage.at_plex().visible_items(account).iter().any(|title| title == TITLE) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let now = self.stage.now();
        let again = self.stage.at_plex().start_stream_before_the_filter(now, account, TITLE).is_ok();
        if again {
            self.town.souls[who].watching = Some(now);
            *self.report.flips.entry("watches on".to_owned()).or_default() += 1;
        }
        Ok(again)
    }

    /// What is stopped on its way has its effect later than it was right.
    fn mark(&self) {
        let now = self.stage.now();
        self.stage.at_plex().struck.push(now);
    }

    /// The first from this one on whose access hangs on one role, which one that is, and whether they have it.
    fn turnable(&self, first: usize) -> Option<(usize, Which, bool)> {
        let viewers = self.town.souls.iter().filter(|soul| soul.plex != 0).count();
        (0..viewers).map(|step| (first + step) % viewers).find_map(|who| {
            let soul = &self.town.souls[who];
            let plex = self.stage.at_plex();
            let joined = |share: &rolarr_sim::plex::Share| {
                share.machine == MACHINE && share.is_with(soul.plex) && share.accepted_at.is_some()
            };
            let held = self.town.held.iter().any(|held| held.user == soul.user);
            let guarded = soul.guarded.iter().any(|(_, to)| to.is_none());
            if held || guarded || !plex.world.shares.values().any(joined) {
                return None;
            }
            drop(plex);
            let roles = [Which::Subscriber, Which::Vip, Which::Friend];
            let held: Vec<Which> = roles.into_iter().filter(|which| self.holds(who, *which)).collect();
            match held.as_slice() {
                [] => Some((who, Which::Subscriber, false)),
                [one] => Some((who, *one, true)),
                _ => None,
            }
        })
    }

    fn holds(&self, who: usize, which: Which) -> bool {
        let ordinary = matches!(which, Which::Subscriber);
        let (guild, role): (_, RoleId) = self.role(which);
        // Without a second guild its role stands for the ordinary one.
        let other = ordinary || role != self.stage.role();
        other && self.roles_of(guild, self.town.souls[who].user).contains(&role)
    }

    /// Whatever a request may call somebody.
    fn names_of(&self, who: usize) -> Vec<String> {
        let soul = &self.town.souls[who];
        let plex = self.stage.at_plex();
        let shares = plex.world.shares.values().filter(|share| share.is_with(soul.plex));
        let mut names: Vec<String> = shares.map(|share| share.id.to_string()).collect();
        names.extend([soul.plex.to_string(), soul.address.clone()]);
        names
    }
}

fn is_about(request: &Request, names: &[String]) -> bool {
    let text = format!("{} {}", request.path.replace("%40", "@"), String::from_utf8_lossy(&request.body));
    let word = |letter: char| !(letter.is_ascii_alphanumeric() || "@.-_+".contains(letter));
    text.split(word).any(|word| names.iter().any(|name| name == word))
}
