//! Makes one thing wrong in a copy of what a run left.

use anyhow::{Context, Result};
use rolarr::{
    domain::{
        RoleId, UserId,
        account::{Account, Record},
        contract::{Access, AccountChange, Cause, Grant, Origin},
    },
    store::{EventState, GrantRow, HoldReason, NewEvent, TaskState, Tx, Work},
};
use rolarr_sim::{
    discord as sim,
    http::Request,
    plex::{Face, Libraries, MACHINE, OWNER_TOKEN, Recorded, SERVER_LAG_MS, Session, Tie},
};
use serde_json::json;

use super::Tamper;
use crate::chaos::{
    evidence::Evidence,
    judge::{
        self,
        history::History,
        member,
        sight::{Standing, last_offer},
    },
    town::{Deletion, Held, Soul, Town},
};

/// A copy of what a run left, to make something wrong in.
pub(super) struct Tampered {
    pub(super) evidence: Evidence,
    pub(super) town: Town,
}

impl Tampered {
    /// Makes it wrong. False if there is nothing to do it with.
    pub(super) async fn strike(&mut self, tamper: Tamper) -> Result<bool> {
        match tamper {
            Tamper::MessageTwice | Tamper::AuditTwice => self.send_again(tamper == Tamper::AuditTwice),
            Tamper::ToldTwice | Tamper::MessageWaits => self.tell(tamper == Tamper::ToldTwice).await,
            Tamper::MessageLost => self.lose_message(),
            Tamper::Unasked => self.forget_question().await,
            Tamper::Unannounced => {
                let mut held = self.held_once(UserId(900_000_001));
                held.long = true;
                self.town.held.push(held);
                Ok(true)
            }
            Tamper::EmailLeft => {
                let Some(soul) = self.one(|_, _, access| *access == Access::Absent).await? else {
                    return Ok(false);
                };
                self.evidence.leave_in_files(&soul.address);
                Ok(true)
            }
            Tamper::AddressLost | Tamper::NotDone => self.change_account(tamper == Tamper::NotDone).await,
            Tamper::EventMissed => self.change_on_discord().await,
            Tamper::Undecided | Tamper::NotAsDecided | Tamper::ProtectedTouched => self.write(tamper).await,
            Tamper::GuardedTouched
            | Tamper::HeldTaken
            | Tamper::RoleTaken
            | Tamper::TooMany
            | Tamper::FlickerTaken
            | Tamper::EarlyTaken => self.look_back(tamper).await,
            at_plex => self.at_plex(at_plex).await,
        }
    }

    /// A soul of which something is so: how they stand and what is decided.
    async fn one(&self, is: impl Fn(&Soul, &Standing, &Access) -> bool) -> Result<Option<Soul>> {
        for soul in self.town.souls.iter().filter(|soul| soul.plex != 0 && soul.guarded.is_empty()) {
            let history = self.history(soul).await?;
            let access = judge::history::most_generous(&history.grants);
            let parked = self.evidence.read({
                let user = soul.user;
                move |tx| Ok(tx.account_of(user)?.is_some_and(|account| account.parked.is_some()))
            });
            let standing = Standing::of(&self.evidence.at_plex(), soul);
            if !history.vague && soul.edited.is_none() && !parked.await? && is(soul, &standing, &access) {
                return Ok(Some(soul.clone()));
            }
        }
        Ok(None)
    }

    async fn history(&self, soul: &Soul) -> Result<History> {
        Ok(member::known(&self.evidence, soul.user, &self.town.held).await?.into_history())
    }

    fn now(&self) -> u64 {
        self.evidence.at_plex().requests.last().map_or(0, |request| request.at_ms) + 600_000
    }

    /// As the bot would, with the nonce of a message that was sent long ago.
    fn send_again(&self, audit: bool) -> Result<bool> {
        let channel = self.evidence.audit_channel();
        let now = self.now() + 600_000;
        let mut discord = self.evidence.on_discord();
        let bot = discord.bot();
        let sent = discord
            .messages()
            .find(|message| {
                message.author == bot && message.nonce.is_some() && (message.channel == channel) == audit
            })
            .map(|message| (message.channel, message.now.content.clone(), message.nonce.clone()));
        let Some((channel, content, nonce)) = sent else { return Ok(false) };
        let body = json!({"content": content, "nonce": nonce, "enforce_nonce": true});
        let request = ask(discord.token(), "POST", &format!("/channels/{channel}/messages"), &body);
        Ok(is_fine(&discord.handle(now, &request)))
    }

    fn lose_message(&self) -> Result<bool> {
        let now = self.now();
        let mut discord = self.evidence.on_discord();
        let bot = discord.bot();
        let direct = |message: &&sim::Message| {
            let place = discord.channel(message.channel).map(|channel| &channel.place);
            message.author == bot
                && message.nonce.is_some()
                && matches!(place, Some(sim::Place::Direct { .. }))
        };
        let Some((channel, message)) =
            discord.messages().find(direct).map(|message| (message.channel, message.id))
        else {
            return Ok(false);
        };
        let path = format!("/channels/{channel}/messages/{message}");
        let request = ask(discord.token(), "DELETE", &path, &json!(null));
        Ok(is_fine(&discord.handle(now, &request)))
    }

    async fn tell(&self, sent: bool) -> Result<bool> {
        let tasks = self.evidence.tasks().await?;
        let told = tasks.into_iter().find(|task| {
            let stands = task.state == TaskState::Done && task.event.is_some() && task.user.is_some();
            stands && matches!(task.work, Work::Tell { .. }) && self.stands(&self.evidence.nonce_of(task.id))
        });
        let Some(told) = told else { return Ok(false) };
        let channel = told.channel.context("what was sent has a channel")?;
        let due = told.due;
        let again = self
            .evidence
            .change(move |tx| {
                let id = tx.add_task(told.event, told.user, &told.work, due)?;
                if sent {
                    tx.end_task(id, TaskState::Done, None)?;
                }
                Ok(id)
            })
            .await?;
        if sent {
            let body =
                json!({"content": "again", "nonce": self.evidence.nonce_of(again), "enforce_nonce": true});
            let now = self.now() + 600_000;
            let mut discord = self.evidence.on_discord();
            let path = format!("/channels/{channel}/messages");
            let request = ask(discord.token(), "POST", &path, &body);
            return Ok(is_fine(&discord.handle(now, &request)));
        }
        Ok(true)
    }

    fn stands(&self, nonce: &str) -> bool {
        self.evidence
            .on_discord()
            .messages()
            .any(|message| message.nonce.as_ref().is_some_and(|is| is == nonce))
    }

    async fn forget_question(&self) -> Result<bool> {
        let users: Vec<UserId> = self.town.souls.iter().map(|soul| soul.user).collect();
        let open = self
            .evidence
            .read(move |tx| {
                for user in users {
                    if let Some(prompt) = tx.open_prompt_of(user)?
                        && let Some((channel, message)) = prompt.message
                    {
                        return Ok(Some((channel, message)));
                    }
                }
                Ok(None)
            })
            .await?;
        let Some((channel, message)) = open else { return Ok(false) };
        let now = self.now();
        let mut discord = self.evidence.on_discord();
        let path = format!("/channels/{channel}/messages/{message}");
        let request = ask(discord.token(), "DELETE", &path, &json!(null));
        Ok(is_fine(&discord.handle(now, &request)))
    }

    async fn change_account(&self, due: bool) -> Result<bool> {
        let has = |soul: &Soul, standing: &Standing, access: &Access| {
            soul.answered && standing.shared && matches!(access, Access::Granted(_))
        };
        let Some(soul) = self.one(has).await? else { return Ok(false) };
        let now = rolarr::domain::Timestamp(self.now());
        let change = move |tx: &Tx<'_>| {
            let Some(account) = tx.account_of(soul.user)? else { return Ok(false) };
            let mut record = Record::clone(&account);
            if due {
                record.due = Some(now);
            } else {
                record.email = None;
            }
            tx.put_account(&Account::load(record))?;
            Ok(true)
        };
        Ok(self.evidence.change(change).await?)
    }

    async fn change_on_discord(&self) -> Result<bool> {
        let Some(guild) = self.evidence.guilds().next() else { return Ok(false) };
        let now = self.now();
        let mut discord = self.evidence.on_discord();
        Ok(self
            .town
            .souls
            .iter()
            .any(|soul| discord.leave(now, sim::GuildId(guild.0), sim::UserId(soul.user.0)).is_ok()))
    }

    async fn write(&self, tamper: Tamper) -> Result<bool> {
        let Some(guild) = self.evidence.guilds().next() else { return Ok(false) };
        let Some(soul) = self.town.souls.first() else { return Ok(false) };
        let (user, protected) = (soul.user, self.town.untouchable[0]);
        let now = rolarr::domain::Timestamp(self.now());
        self.evidence
            .change(move |tx| {
                match tamper {
                    Tamper::ProtectedTouched => {
                        tx.account_for(protected)?;
                    }
                    Tamper::Undecided => {
                        tx.journal(&NewEvent {
                            at: now,
                            origin: Origin::Live,
                            guild,
                            user,
                            cause: Cause::Account(AccountChange::Accepted),
                            roles: Vec::new(),
                            state: EventState::Waiting,
                            remark: None,
                        })?;
                    }
                    _ => {
                        let grants = tx.grants(user)?;
                        let here = |grant: &&GrantRow| grant.guild == guild;
                        let granted = grants
                            .iter()
                            .find(here)
                            .is_some_and(|grant| matches!(grant.access, Access::Granted(_)));
                        let access = if granted { Access::Absent } else { Access::Granted(Grant::default()) };
                        tx.put_grant(user, &GrantRow { guild, access, since: None, memo: String::new() })?;
                    }
                }
                Ok(())
            })
            .await?;
        let known = member::known(&self.evidence, user, &self.town.held).await?;
        Ok(tamper != Tamper::NotAsDecided || !known.into_history().vague)
    }

    async fn at_plex(&mut self, tamper: Tamper) -> Result<bool> {
        let restricts =
            matches!(tamper, Tamper::Widened | Tamper::Visible | Tamper::Watches | Tamper::WatchesOn);
        let removed = matches!(tamper, Tamper::ShareMade | Tamper::FriendStill | Tamper::FilterLeft);
        let invites = tamper == Tamper::SharedByRestriction;
        let fits = |soul: &Soul, standing: &Standing, access: &Access| match access {
            Access::Granted(_) => {
                let since = last_offer(&self.evidence.at_plex(), soul).unwrap_or(0);
                let theirs = [soul.declined, soul.departed].into_iter().flatten().any(|at| at >= since);
                !restricts && !removed && !invites && standing.shared && !theirs
            }
            Access::Restricted(_) => (restricts && standing.shared) || (invites && !standing.shared),
            Access::Absent => removed && soul.departed.is_none() && !standing.friend,
        };
        let now = self.now();
        let foreign = self.town.foreign[0].plex;
        let soul = self.one(fits).await?;
        let mut plex = self.evidence.at_plex();
        match tamper {
            Tamper::ForeignChanged => {
                return Ok(plex.owner_sets_filter(foreign, "filterMusic", "label=noAccess").is_ok());
            }
            Tamper::ForeignNamed => {
                let body = json!({"invitedId": foreign, "settings": {}});
                plex.handle(now, Face::Clients, &write("POST", "/api/v2/sharing_settings", &[], &body));
                return Ok(true);
            }
            _ => {}
        }
        let Some(soul) = soul else { return Ok(false) };
        let account = soul.plex;
        if matches!(tamper, Tamper::Watches | Tamper::WatchesOn) {
            let hidden = plex.sight_changes.iter().rfind(|change| change.account == account);
            let hidden = hidden.filter(|change| !change.lost.is_empty()).map(|change| change.at_ms);
            let began = match (tamper, hidden) {
                (Tamper::Watches, _) => 0,
                (_, Some(hidden)) => hidden + SERVER_LAG_MS - 1,
                (_, None) => return Ok(false),
            };
            plex.struck.clear();
            let machine = MACHINE.to_owned();
            let (title, kind) = ("Shootout".to_owned(), "movie".to_owned());
            plex.world.sessions.push(Session { id: "1".to_owned(), key: 1, machine, account, title, kind });
            drop(plex);
            let watching = self.town.souls.iter_mut().find(|other| other.user == soul.user);
            if let Some(watching) = watching {
                watching.watching = Some(began);
            }
            return Ok(true);
        }
        match tamper {
            Tamper::InvitedTwice => {
                let Some(last) = plex.world.offered.iter().rfind(|offer| offer.to == soul.address).cloned()
                else {
                    return Ok(false);
                };
                // Their last decision may allow the first of them.
                for at_ms in [now, now + 1] {
                    let again = rolarr_sim::plex::Offered { at_ms, asked_ms: at_ms, ..last.clone() };
                    plex.world.offered.push(again);
                }
            }
            Tamper::SharedByRestriction => {
                let server = plex.world.server(MACHINE).context("the server")?;
                let libraries: Vec<u64> = server.libraries.iter().map(|library| library.id).collect();
                let body = json!({"server_id": MACHINE, "shared_server": {
                    "library_section_ids": libraries, "invited_email": soul.address,
                }});
                let path = format!("/api/servers/{MACHINE}/shared_servers");
                plex.handle(now, Face::PlexTv, &write("POST", &path, &[], &body));
            }
            Tamper::Widened => {
                let empty = ["filterMovies", "filterTelevision", "filterMusic"];
                let query: Vec<(&str, &str)> = empty.into_iter().map(|field| (field, "")).collect();
                let path = format!("/api/users/{account}");
                plex.handle(now, Face::PlexTv, &write("PUT", &path, &query, &json!(null)));
                return Ok(plex.sight_changes.last().is_some_and(|change| change.at_ms == now));
            }
            Tamper::Visible => {
                for field in ["filterMovies", "filterTelevision", "filterMusic"] {
                    plex.owner_sets_filter(account, field, "")?;
                }
            }
            Tamper::ShareGone => plex.world.shares.retain(|_, share| !share.is_with(account)),
            Tamper::ShareMade => {
                plex.owner_shares_with(now, account, MACHINE, &[])?;
            }
            Tamper::Hidden => plex.owner_sets_filter(account, "filterMovies", "label=noAccess")?,
            Tamper::FewerLibraries => {
                for share in plex.world.shares.values_mut().filter(|share| share.is_with(account)) {
                    share.libraries = Libraries::These([1].into());
                }
            }
            Tamper::Downloads | Tamper::LiveTelevision => {
                let tie = plex.world.ties.get_mut(&account).context("whoever has a share is a friend")?;
                if tamper == Tamper::Downloads {
                    tie.settings.allow_sync ^= true;
                } else {
                    tie.settings.allow_tuners = u8::from(tie.settings.allow_tuners == 0);
                }
            }
            Tamper::FriendStill => {
                plex.world.ties.insert(account, Tie::default());
            }
            Tamper::FilterLeft => {
                plex.world.ties.insert(account, Tie::default());
                plex.owner_sets_filter(account, "filterMovies", "label=noAccess")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was done long ago was something else.
    async fn look_back(&mut self, tamper: Tamper) -> Result<bool> {
        if tamper == Tamper::TooMany {
            self.town.given.brake = 0;
            self.town.verdicts.clear();
        }
        for index in 0..self.town.souls.len() {
            let soul = self.town.souls[index].clone();
            if soul.plex == 0 {
                continue;
            }
            let history = self.history(&soul).await?;
            let lost = history
                .turns
                .iter()
                .find(|turn| turn.less() && !turn.ordered && matches!(turn.before, Access::Granted(_)));
            let Some(turn) = lost.filter(|_| !history.vague) else { continue };
            let next = history.turns.iter().find(|later| later.at > turn.at);
            let returns = turn.lost.is_some() && next.is_some_and(judge::history::Turn::granted);
            let next = next.map_or(u64::MAX, |later| later.at);
            // What is taken a moment after it was decided may have been under way.
            let waits = turn.lost.is_some() && self.town.given.settling > 2 * self.town.given.moment;
            let at = match tamper {
                Tamper::EarlyTaken => turn.at + self.town.given.settling - 1,
                _ => turn.at + 120_000,
            };
            if at >= next
                || (tamper == Tamper::FlickerTaken && !returns)
                || (tamper == Tamper::EarlyTaken && !waits)
            {
                continue;
            }
            self.town.verdicts.clear();
            let held = self.held_once(soul.user);
            match tamper {
                Tamper::FlickerTaken => self.town.given.settling = next - turn.at + 1,
                Tamper::HeldTaken => self.town.held.push(Held { since: turn.at, ..held }),
                Tamper::RoleTaken => {
                    self.town.souls[index].gained.clear();
                    self.town.souls[index].left.clear();
                    let guild = self.evidence.guilds().next().context("a guild")?;
                    let role =
                        turn.lost.as_ref().and_then(|lost| lost.0.parse().ok()).map_or(RoleId(0), RoleId);
                    self.town.deletions.push(Deletion {
                        at: turn.at - 1,
                        guild,
                        role,
                        losers: vec![soul.user],
                    });
                }
                Tamper::GuardedTouched => {
                    self.town.souls[index].guarded.push((turn.at - 1, Some(turn.at + 600_000)));
                }
                _ => {}
            }
            let mut plex = self.evidence.at_plex();
            // Nothing stood in line, and nothing went wrong.
            plex.struck.clear();
            plex.requests.retain(|request| request.at_ms < turn.at || request.at_ms > at);
            let place = plex.requests.partition_point(|request| request.at_ms <= at);
            let taken = Recorded {
                at_ms: at,
                face: Face::PlexTv,
                method: "DELETE".to_owned(),
                path: format!("/api/v2/friends/{}", soul.plex),
                query: Vec::new(),
                body: String::new(),
                status: Some(200),
            };
            plex.requests.insert(place, taken);
            return Ok(true);
        }
        Ok(false)
    }

    fn held_once(&self, user: UserId) -> Held {
        let reason = HoldReason::TooMany;
        Held { user, since: self.now(), reason, event: None, before: Vec::new(), long: false }
    }
}

fn ask(token: &str, method: &str, path: &str, body: &serde_json::Value) -> Request {
    let headers = [
        ("authorization".to_owned(), format!("Bot {token}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    Request {
        method: method.to_owned(),
        path: format!("/api/v10{path}"),
        query: Vec::new(),
        headers: headers.into(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    }
}

fn write(method: &str, path: &str, query: &[(&str, &str)], body: &serde_json::Value) -> Request {
    let headers = [
        ("x-plex-token".to_owned(), OWNER_TOKEN.to_owned()),
        ("x-plex-client-identifier".to_owned(), "rolarr-tests".to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        headers: headers.into(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    }
}

fn is_fine(outcome: &rolarr_sim::http::Outcome) -> bool {
    matches!(outcome, rolarr_sim::http::Outcome::Respond(response) if response.status < 300)
}
