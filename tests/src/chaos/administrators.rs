//! What administrators do: commands, what they decide on those who are held, and the configuration's policy.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{RoleId, UserId},
    pipeline::ports::{Command, Reply},
    store::HoldRow,
};

use super::{
    driver::{PATIENCE, Run},
    plan::{KEEPS_LEAVERS, Who, policies},
    town::{Held, Verdict},
};
use crate::inprocess::load;

impl Run {
    /// The configuration names the policy with other settings, or one that does not load; that is noticed by the
    /// file's change, by a command, or at the next start.
    pub(super) async fn name_policy(&mut self, which: Option<usize>) -> Result<bool> {
        let Some(number) = which else {
            if !self.stage.runs() {
                // Nothing starts with it.
                return Ok(false);
            }
            self.stage.policies.put(Err("the module is no WebAssembly".to_owned()));
            self.stage.policies.touch();
            self.stage.reload_policy()?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            self.name_the_policy()?;
            return Ok(true);
        };
        self.policy = number;
        self.town.given.keeps_leavers |= number == KEEPS_LEAVERS;
        self.name_the_policy()?;
        self.stage.policies.touch();
        if self.stage.runs() && self.rng.bool() {
            self.stage.reload_policy()?;
        }
        Ok(true)
    }

    /// The configuration names the one that it should.
    pub(super) fn name_the_policy(&self) -> Result<()> {
        let (module, settings) = &policies()[self.policy];
        self.stage.policies.put(Ok(load(module, settings)?));
        Ok(())
    }

    /// A command of an administrator; none if nobody answered.
    pub(super) async fn command(&self, command: Command) -> Option<Reply> {
        let moderator = UserId(self.stage.scene.mod_user.0);
        let answered = tokio::time::timeout(PATIENCE * 3, self.stage.command(moderator, true, command)).await;
        answered.ok()?.ok()
    }

    pub(super) async fn decide_some(&mut self, approves: bool, who: Who) -> Result<bool> {
        self.look_at_held(false).await?;
        let held = self.held().await?;
        let member = match who {
            Who::All => None,
            Who::One if held.is_empty() => return Ok(false),
            Who::One => Some(held[self.rng.usize(0..held.len())].0),
        };
        self.decide(approves, member).await
    }

    /// An administrator decides on those who are held. True if that concerned somebody.
    pub(super) async fn decide(&mut self, approves: bool, member: Option<UserId>) -> Result<bool> {
        if !self.stage.runs() {
            return Ok(false);
        }
        let before: Vec<UserId> = self.held().await?.into_iter().map(|(user, _)| user).collect();
        let members = member.map_or(before, |member| vec![member]);
        // A kill may come in the middle of it: then nobody knows whether it counted.
        let (at, all) = (self.stage.now(), member.is_none());
        self.town.verdicts.push(Verdict { at, approves, all, members, answered: false });
        let command = if approves { Command::Approve { member } } else { Command::Reject { member } };
        let reply = self.command(command).await;
        let Some(reply) = reply else { return Ok(false) };
        let counts = reply.text.starts_with("Approved") || reply.text.starts_with("Rejected");
        let after: Vec<UserId> = self.held().await?.into_iter().map(|(user, _)| user).collect();
        if counts {
            if let Some(verdict) = self.town.verdicts.last_mut() {
                verdict.answered = true;
                // Those of whom nobody had been told wait still.
                verdict.members.retain(|user| !after.contains(user));
            }
        } else {
            self.town.verdicts.pop();
        }
        Ok(counts)
    }

    /// Everybody who is held.
    async fn held(&self) -> Result<Vec<(UserId, HoldRow)>> {
        let read = |tx: &rolarr::store::Tx<'_>| {
            let mut held = Vec::new();
            for hold in tx.holds()?.into_iter().flatten() {
                if let Some(user) = tx.account(hold.account)?.and_then(|account| account.user) {
                    held.push((user, hold));
                }
            }
            Ok(held)
        };
        Ok(self.stage.read(read).await?)
    }

    /// Keeps in mind who is held, and of whom it is known that they must not be touched.
    pub(super) async fn look_at_held(&mut self, long: bool) -> Result<()> {
        for (user, hold) in self.held().await? {
            let known =
                self.town.held.iter_mut().find(|held| held.user == user && held.since == hold.since.0);
            match known {
                Some(known) => known.long |= long,
                None => {
                    self.report.held += 1;
                    self.town.held.push(Held {
                        user,
                        since: hold.since.0,
                        reason: hold.reason,
                        event: hold.event,
                        before: hold.before,
                        long,
                    });
                }
            }
        }
        let (now, guild, staff) = (self.stage.now(), self.stage.guild(), RoleId(self.staff.0));
        for who in 0..self.town.souls.len() {
            if self.town.souls[who].guarded.iter().all(|(_, to)| to.is_some()) {
                continue;
            }
            let user = self.town.souls[who].user;
            let stored = self.stage.read(move |tx| tx.member(guild, user)).await?;
            let known = stored.is_some_and(|stored| stored.present && stored.roles.contains(&staff));
            let mut lost = false;
            for (from, to) in &mut self.town.souls[who].guarded {
                match (to.is_none(), *from == u64::MAX, known) {
                    (true, true, true) => *from = now,
                    // Discord showed them as they were earlier.
                    (true, false, false) => {
                        *to = Some(0);
                        lost = true;
                    }
                    _ => {}
                }
            }
            if lost {
                self.town.souls[who].guarded.push((u64::MAX, None));
            }
        }
        Ok(())
    }
}
