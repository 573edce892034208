//! What people do in a run, and the owner of the server.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{GuildId, PlexAccountId, RoleId, UserId},
    pipeline::ports::{ButtonAction, Command, GatewayNews, Hint, Pressed, Reply, Said, Snapshot},
    store::Stage as At,
};
use rolarr_sim::{discord as sim, plex::MACHINE};

use super::{
    driver::{PATIENCE, Run},
    plan::{Happening, Which},
    town::{Deletion, OTHERS, OWNERS},
};

impl Run {
    /// Lets one thing happen. It counts if it changed or said anything.
    pub(super) async fn happen(&mut self, happening: Happening) -> Result<()> {
        let happened = match happening {
            Happening::Gives(who, which) => self.set_role(who, which, true).await,
            Happening::Takes(who, which) => self.set_role(who, which, false).await,
            Happening::Flickers(who, which) => {
                let (guild, role) = self.role(which);
                let has = self.roles_of(guild, self.town.souls[who].user).contains(&role);
                let first = self.set_role(who, which, !has).await;
                tokio::time::sleep(Duration::from_millis(self.rng.u64(1..900))).await;
                self.set_role(who, which, has).await || first
            }
            Happening::Swaps(who) => self.swap(who).await,
            Happening::Leaves(who, there) => self.leave(who, there).await,
            Happening::Joins(who, there) => self.join(who, there).await,
            Happening::Guards(who, on) => self.guard(who, on).await,
            Happening::Answers(who) => {
                let address = self.town.souls[who].address.clone();
                self.give_address(who, &address, true).await?
            }
            Happening::Garbage(who) => {
                let text = ["what?", "a@", "\u{202e}@example.org", ""][self.rng.usize(0..4)];
                self.types(who, text).await.is_some()
            }
            Happening::Claims(who) => {
                let number = self.rng.usize(0..3);
                let address = self.town.foreign[number].address.clone();
                self.give_address(who, &address, false).await?
            }
            Happening::Asks(who) => {
                let user = self.town.souls[who].user;
                let pressed = tokio::time::timeout(PATIENCE, self.stage.press(user, ButtonAction::Inbox));
                matches!(pressed.await, Ok(Ok(_)))
            }
            Happening::Twice(who) => {
                let (guild, user) = (self.stage.guild(), self.town.souls[who].user);
                self.tell(guild, user).await;
                self.tell(guild, user).await;
                true
            }
            Happening::Outdated(who) => self.tell_outdated(who).await,
            Happening::MassLoss(which) => {
                let mut lost = false;
                for who in 0..self.town.souls.len() {
                    lost |= self.set_role(who, which, false).await;
                }
                lost
            }
            Happening::Deletes(which) => self.delete(which).await,
            Happening::Approves(who) => self.decide_some(true, who).await?,
            Happening::Rejects(who) => self.decide_some(false, who).await?,
            Happening::Session => {
                self.news(GatewayNews::Session).await;
                true
            }
            Happening::Sync => self.command(Command::Sync).await.is_some(),
            Happening::Untouchable(number) => self.untouchable_acts(number).await,
            Happening::Policy(which) => self.name_policy(which).await?,
            Happening::UnderWay(who) => self.flip_under_way(who).await?,
            Happening::WatchesOn(who) => self.watch_on(who).await?,
            other => self.at_plex(other).await?,
        };
        self.report.events += u64::from(happened);
        self.look_at_held(false).await
    }

    /// What people and the owner do at Plex, and administrators with an address.
    async fn at_plex(&mut self, happening: Happening) -> Result<bool> {
        let now = self.stage.now();
        Ok(match happening {
            Happening::Accepts(who) => {
                let address = self.town.souls[who].address.clone();
                self.stage.at_plex().person_accepts(now, &address).is_ok()
            }
            Happening::Declines(who) => {
                let address = self.town.souls[who].address.clone();
                let declined = self.stage.at_plex().person_declines(&address).is_ok();
                if declined {
                    self.town.souls[who].declined = Some(now);
                }
                declined
            }
            Happening::Departs(who) => {
                let account = self.town.souls[who].plex;
                let departed = self.stage.at_plex().person_leaves_share(account).is_ok();
                if departed {
                    self.town.souls[who].departed = Some(now);
                }
                departed
            }
            Happening::Watches(who) => {
                let account = self.town.souls[who].plex;
                let watches = self.stage.at_plex().start_stream(account, "Shootout").is_ok();
                if watches {
                    self.town.souls[who].watching = Some(now);
                }
                watches
            }
            Happening::Edits(who) => self.edit(who).await?,
            Happening::Beside(who) => self.put_beside(who),
            Happening::Unfriends(who) | Happening::Unshares(who) => {
                let account = self.town.souls[who].plex;
                let mut plex = self.stage.at_plex();
                let unfriends = matches!(happening, Happening::Unfriends(_));
                let ended = match unfriends {
                    true => plex.owner_unfriends(account),
                    false => plex.owner_ends_share(account, MACHINE),
                };
                drop(plex);
                if ended.is_ok() {
                    self.town.souls[who].departed = Some(now);
                }
                ended.is_ok()
            }
            Happening::Overwrites(who) => {
                let account = self.town.souls[who].plex;
                let restricted = self.stage.is_restricted(PlexAccountId(account));
                let done = restricted
                    && self.stage.at_plex().owner_sets_filter(account, "filterMovies", "label=Party").is_ok();
                if done {
                    self.town.souls[who].edited = Some(now);
                }
                done
            }
            Happening::Invites(who) => {
                let (email, member) = (self.town.souls[who].address.clone(), self.town.souls[who].user);
                self.command(Command::Invite { email, member: Some(member) }).await.is_some()
            }
            Happening::Removes(who) => {
                let email = self.town.souls[who].address.clone();
                // It may be killed after it counted.
                self.town.souls[who].answered = false;
                self.command(Command::Remove { email }).await.is_some()
            }
            trouble => {
                self.trouble(trouble).await?;
                false
            }
        })
    }

    /// A role, and the guild that it is of.
    pub(super) fn role(&self, which: Which) -> (GuildId, RoleId) {
        match (which, self.second) {
            (Which::Friend, Some((guild, role))) => (GuildId(guild.0), RoleId(role.0)),
            (Which::Vip, _) => (self.stage.guild(), self.stage.vip),
            _ => (self.stage.guild(), self.stage.role()),
        }
    }

    fn guild(&self, there: bool) -> GuildId {
        self.second.filter(|_| there).map_or(self.stage.guild(), |(guild, _)| GuildId(guild.0))
    }

    pub(super) fn roles_of(&self, guild: GuildId, user: UserId) -> Vec<RoleId> {
        let discord = self.stage.on_discord();
        let guild = discord.guild(sim::GuildId(guild.0));
        let member = guild.and_then(|guild| guild.members.get(&sim::UserId(user.0)));
        member.map(|member| member.roles.iter().map(|role| RoleId(role.0)).collect()).unwrap_or_default()
    }

    /// The tracked roles of a member in a guild.
    fn tracked_of(&self, guild: GuildId, user: UserId) -> Vec<RoleId> {
        let mut roles = self.roles_of(guild, user);
        roles.retain(|role| role.0 != self.staff.0);
        roles
    }

    /// The gateway tells of somebody, if it does.
    async fn tell(&mut self, guild: GuildId, user: UserId) {
        let lost = self.stage.now() < self.troubles.deaf || self.rng.u8(0..30) == 0;
        if lost {
            self.report.faults += 1;
        } else {
            let _ = tokio::time::timeout(PATIENCE, self.stage.tell_in(guild, user)).await;
        }
    }

    pub(super) async fn set_role(&mut self, who: usize, which: Which, has: bool) -> bool {
        let now = self.stage.now();
        let user = self.town.souls[who].user;
        let (guild, role) = self.role(which);
        if self.roles_of(guild, user).contains(&role) == has {
            return false;
        }
        let (server, member, id) = (sim::GuildId(guild.0), sim::UserId(user.0), sim::RoleId(role.0));
        let done = if has {
            self.stage.on_discord().add_role(now, server, member, id)
        } else {
            self.stage.on_discord().remove_role(now, server, member, id)
        };
        if done.is_ok() {
            if has {
                self.town.souls[who].gained.push(now);
            }
            self.tell(guild, user).await;
        }
        done.is_ok()
    }

    async fn swap(&mut self, who: usize) -> bool {
        let (now, guild, user) = (self.stage.now(), self.stage.guild(), self.town.souls[who].user);
        let roles = self.tracked_of(guild, user);
        let (subscriber, vip) = (self.stage.role(), self.stage.vip);
        let to = if roles.contains(&vip) { subscriber } else { vip };
        if roles.is_empty() {
            return false;
        }
        let server = sim::GuildId(guild.0);
        let mut roles = vec![sim::RoleId(to.0)];
        roles.extend(self.roles_of(guild, user).contains(&RoleId(self.staff.0)).then_some(self.staff));
        let set = self.stage.on_discord().set_roles(now, server, sim::UserId(user.0), &roles);
        if set.is_ok() {
            self.town.souls[who].gained.push(now);
            self.tell(guild, user).await;
        }
        set.is_ok()
    }

    async fn leave(&mut self, who: usize, there: bool) -> bool {
        let (now, guild, user) = (self.stage.now(), self.guild(there), self.town.souls[who].user);
        let left = self.stage.on_discord().leave(now, sim::GuildId(guild.0), sim::UserId(user.0)).is_ok();
        if left {
            let soul = &mut self.town.souls[who];
            soul.left.push(now);
            soul.answered = false;
            if guild == self.stage.guild() {
                for (_, to) in &mut soul.guarded {
                    to.get_or_insert(now);
                }
            }
            self.tell(guild, user).await;
        }
        left
    }

    async fn join(&mut self, who: usize, there: bool) -> bool {
        let (now, guild, user) = (self.stage.now(), self.guild(there), self.town.souls[who].user);
        let joined = self.stage.on_discord().join(now, sim::GuildId(guild.0), sim::UserId(user.0)).is_ok();
        if joined {
            self.tell(guild, user).await;
        }
        joined
    }

    /// Somebody must not be touched from now on, or may be again.
    async fn guard(&mut self, who: usize, on: bool) -> bool {
        let (now, guild, user) = (self.stage.now(), self.stage.guild(), self.town.souls[who].user);
        if self.roles_of(guild, user).contains(&RoleId(self.staff.0)) == on {
            return false;
        }
        let (server, member) = (self.stage.scene.guild, sim::UserId(user.0));
        let done = if on {
            self.stage.on_discord().add_role(now, server, member, self.staff).is_ok()
        } else {
            self.stage.on_discord().remove_role(now, server, member, self.staff).is_ok()
        };
        if done {
            let soul = &mut self.town.souls[who];
            if on {
                soul.guarded.push((u64::MAX, None));
            }
            for (_, to) in soul.guarded.iter_mut().filter(|_| !on) {
                to.get_or_insert(now);
            }
            self.tell(guild, user).await;
        }
        done
    }

    /// Whether it is stored that somebody is a member of a guild, and since when.
    async fn is_known(&self, who: usize) -> Result<bool> {
        let user = self.town.souls[who].user;
        let stored = self.stage.read(move |tx| tx.memberships(user)).await?;
        let discord = self.stage.on_discord();
        let same = |row: &rolarr::store::MemberRow| {
            let guild = discord.guild(sim::GuildId(row.guild.0));
            let member = guild.and_then(|guild| guild.members.get(&sim::UserId(user.0)));
            member.is_some_and(|member| {
                row.present && row.joined_at.is_some_and(|at| at.0 == member.joined_at_ms)
            })
        };
        let elsewhere = stored.iter().all(|row| !row.present || same(row));
        Ok(elsewhere && stored.iter().any(same))
    }

    /// Somebody gives an address: by direct message, with the command, or in the form behind the button. True if
    /// anything was said to it.
    async fn give_address(&mut self, who: usize, address: &str, own: bool) -> Result<bool> {
        // What comes from somebody who left, or left and came back unnoticed, is forgotten with that.
        let known = self.is_known(who).await?;
        let user = self.town.souls[who].user;
        let reply = match self.rng.u8(0..3) {
            0 => self.types(who, address).await,
            1 => {
                let given = Command::Link { email: Some(address.to_owned()) };
                tokio::time::timeout(PATIENCE, self.stage.command(user, false, given))
                    .await
                    .ok()
                    .and_then(Result::ok)
            }
            _ => self.fills_in(user, address).await?,
        };
        let Some(reply) = reply else { return Ok(false) };
        if reply.text.starts_with("Thank you. If everything") {
            let soul = &mut self.town.souls[who];
            soul.answered = own && known;
            soul.claimed = !own;
        }
        Ok(true)
    }

    /// The form behind the last question's button.
    async fn fills_in(&mut self, user: UserId, address: &str) -> Result<Option<Reply>> {
        let prompt = self.stage.read(move |tx| tx.latest_prompt(user)).await?;
        let Some(prompt) = prompt else { return Ok(None) };
        let press = self.stage.press(user, ButtonAction::Answer(prompt.id));
        match tokio::time::timeout(PATIENCE, press).await {
            Ok(Ok(Pressed::Form(id))) => {
                let filled = self.stage.fill_in(user, id, address);
                Ok(tokio::time::timeout(PATIENCE, filled).await.ok().and_then(Result::ok).flatten())
            }
            _ => Ok(None),
        }
    }

    /// Types a direct message; the answer to it.
    async fn types(&mut self, who: usize, text: &str) -> Option<Reply> {
        let user = self.town.souls[who].user;
        let asked = tokio::time::timeout(PATIENCE, self.stage.write(user, text)).await;
        asked.ok()?.ok()?
    }

    /// The owner sets a filter for somebody whose account is at rest and of whom Rolarr wrote nothing.
    async fn edit(&mut self, who: usize) -> Result<bool> {
        let (user, plex, now) = (self.town.souls[who].user, self.town.souls[who].plex, self.stage.now());
        let filter = OWNERS[self.rng.usize(0..OWNERS.len())];
        let at_rest = self
            .stage
            .read(move |tx| {
                let Some(account) = tx.account_of(user)? else { return Ok(false) };
                let waits = tx.next_waiting(user)?.is_some() || tx.hold(account.id)?.is_some();
                let filters = tx.ledgers(account.id)?.iter().any(|row| row.field.is_filter());
                Ok(account.stage == At::Joined && account.due.is_none() && !waits && !filters)
            })
            .await?;
        let done = at_rest
            && !self.stage.is_restricted(PlexAccountId(plex))
            && self.stage.at_plex().owner_sets_filter(plex, "filterMovies", filter).is_ok();
        if done {
            self.town.souls[who].filter = Some((now, filter.to_owned()));
            self.town.souls[who].beside.retain(|(_, field)| *field != "filterMovies");
        }
        Ok(done)
    }

    /// Another tool puts a condition of its own beside whatever is set for somebody with a share.
    fn put_beside(&mut self, who: usize) -> bool {
        let field = ["filterMovies", "filterTelevision"][self.rng.usize(0..2)];
        let first = self.rng.bool();
        let (now, account) = (self.stage.now(), self.town.souls[who].plex);
        let mut plex = self.stage.at_plex();
        let shared = plex.world.shares.values().any(|share| share.is_with(account));
        let held = plex.filters(account).get(field).cloned().unwrap_or_default();
        if !shared || held.contains(OTHERS) || held.contains('|') {
            return false;
        }
        let both = match (held.as_str(), first) {
            ("", _) => OTHERS.to_owned(),
            (held, true) => format!("{OTHERS}&{held}"),
            (held, false) => format!("{held}&{OTHERS}"),
        };
        let done = plex.owner_sets_filter(account, field, &both).is_ok();
        drop(plex);
        if done {
            self.town.souls[who].beside.push((now, field));
        }
        done
    }

    async fn tell_outdated(&mut self, who: usize) -> bool {
        let user = self.town.souls[who].user;
        let said = Said::Member(Snapshot {
            user,
            username: format!("soul{who}"),
            roles: Vec::new(),
            joined_at: None,
            screening: false,
            bot: false,
        });
        let hint = Hint { guild: self.stage.guild(), user, said };
        let told = tokio::time::timeout(PATIENCE, self.stage.hint(hint)).await;
        matches!(told, Ok(Ok(())))
    }

    async fn untouchable_acts(&mut self, number: usize) -> bool {
        let (now, guild) = (self.stage.now(), self.stage.scene.guild);
        let user = self.town.untouchable[number];
        let member = sim::UserId(user.0);
        match self.rng.u8(0..4) {
            // A guild's owner can't leave it, and without the role the third is like anybody.
            0 if number < 2 => {
                let left = self.stage.on_discord().leave(now, guild, member).is_ok();
                if !left {
                    let role = self.stage.scene.subscriber;
                    let mut discord = self.stage.on_discord();
                    let joined = discord.join(now, guild, member);
                    let _ = joined.and_then(|()| discord.add_role(now, guild, member, role));
                }
            }
            1 => {
                let role = self.stage.scene.subscriber;
                let mut discord = self.stage.on_discord();
                let had = discord.remove_role(now, guild, member, role);
                let _ =
                    had.and_then(|()| discord.add_role(now, guild, member, sim::RoleId(self.stage.vip.0)));
            }
            2 => {
                let address = self.town.foreign[3 + number].address.clone();
                let _ = tokio::time::timeout(PATIENCE, self.stage.write(user, &address)).await;
            }
            _ => {
                let press = self.stage.press(user, ButtonAction::Inbox);
                let _ = tokio::time::timeout(PATIENCE, press).await;
            }
        }
        self.tell(GuildId(guild.0), user).await;
        true
    }

    /// A tracked role is deleted.
    async fn delete(&mut self, which: Which) -> bool {
        let (now, (guild, role)) = (self.stage.now(), self.role(which));
        let last = |user: UserId| self.tracked_of(guild, user) == [role];
        let losers = self.town.souls.iter().map(|soul| soul.user).filter(|user| last(*user)).collect();
        let server = sim::GuildId(guild.0);
        let deleted = self.stage.on_discord().delete_role(now, server, sim::RoleId(role.0)).is_ok();
        if deleted {
            self.town.deletions.push(Deletion { at: now, guild, role, losers });
            // The gateway says so, and nothing of its members.
            if self.stage.now() >= self.troubles.deaf {
                self.news(GatewayNews::RoleDeleted(guild, role)).await;
            }
        }
        deleted
    }
}
