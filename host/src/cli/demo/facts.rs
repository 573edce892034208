//! What is true at one moment: on Discord, at Plex, and in the bot's database.

use std::collections::BTreeMap;

use rolarr_sim::{
    discord::{Answer, DiscordSim, Message},
    plex::PlexSim,
};

use super::world::{ADDRESS, Cast, World};
use crate::{
    domain::contract::{Action, Cause},
    store::{EventState, Reader, Stage, Store},
};

/// What is true at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// What the bot said to Ann, oldest first.
    pub(super) told: Vec<Told>,
    /// How many direct messages went to anybody.
    pub(super) direct_messages: usize,
    /// How Ann stands with the owner at plex.tv.
    pub(super) plex: AtPlex,
    /// How many requests that change something the bot made to Plex.
    pub(super) writes: usize,
    /// What happened in Ann's story, and what the policy decided, oldest first.
    pub(super) decided: Vec<Decided>,
    /// Whether Rolarr has taken note of an accepted share.
    pub(super) joined: bool,
    /// Why an administrator has to look at Ann.
    pub(super) held: Option<String>,
    /// Whether the bytes of Ann's address stand in a file of the bot's, or in the administrators' channel.
    pub(super) address_kept: bool,
    /// What the bot has yet to do; none if it is at rest.
    pub(super) busy: Option<&'static str>,
}

/// Something that the bot said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The message.
    pub(super) id: u64,
    /// Its text as it is now.
    pub(super) text: String,
    /// The labels of its buttons, and whether they can be pressed.
    pub(super) buttons: Vec<(String, bool)>,
    /// It is an answer that nobody else sees.
    pub(super) private: bool,
    /// It said something else before.
    pub(super) edited: bool,
}

/// How Ann stands with the owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AtPlex {
    /// How many invitations are out, whoever they are for.
    pub(super) invites: usize,
    /// She is a friend of the owner.
    pub(super) friend: bool,
    /// The libraries of a share with her, and whether it is accepted.
    pub(super) share: Option<(Vec<String>, bool)>,
    /// What she sees, library by library.
    pub(super) sees: Vec<(String, Vec<String>)>,
    /// Her filters that are not empty.
    pub(super) filters: BTreeMap<&'static str, String>,
    /// What she plays at this moment.
    pub(super) plays: Vec<String>,
    /// What she has watched.
    pub(super) history: Vec<String>,
}

/// An event, and what the policy made of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    /// What happened.
    pub(super) cause: Cause,
    /// The actions and the reason; else why there are none.
    pub(super) decision: Result<(Vec<Action>, String), String>,
}

/// The contract's name of an action.
pub(super) fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Invite(_) => "invite",
        Action::RestrictTo(_) => "restrict-to",
        Action::Unrestrict => "unrestrict",
        Action::Remove => "remove",
        Action::SetLibraries(_) => "set-libraries",
        Action::Tell(_) => "tell",
        Action::Quiet => "quiet",
        Action::WakeAt(_) => "wake-at",
        Action::CancelWake(_) => "cancel-wake",
        Action::SetMemo(_) => "set-memo",
        Action::Other(_) => "other",
    }
}

impl Facts {
    /// Looks. The database comes first, so that a bot that is at rest is so for what follows as well.
    pub(super) async fn gather(world: &World) -> anyhow::Result<Self> {
        let cast = world.cast;
        let mut facts = from_database(&world.store, world).await?;
        world.discord.with(|sim, _| facts.look_at_discord(sim, world));
        facts.look_at_plex(&world.plex(), cast);
        facts.address_kept |= world.written(ADDRESS).await?;
        Ok(facts)
    }

    fn look_at_discord(&mut self, sim: &DiscordSim, world: &World) {
        let mut told: Vec<Told> =
            sim.told(world.cast.ann).into_iter().map(|message| said(message, false)).collect();
        told.extend(world.done.iter().filter_map(|done| sim.reply(*done)).map(|message| said(message, true)));
        told.sort_by_key(|told| told.id);
        self.told = told;
        let people = sim.guild(world.cast.guild).into_iter().flat_map(|guild| guild.members.keys());
        let besides = people.filter(|person| **person != world.cast.ann);
        self.direct_messages =
            besides.map(|person| sim.told(*person).len()).sum::<usize>() + sim.told(world.cast.ann).len();
        let audit = sim.messages_in(world.cast.audit);
        self.address_kept = audit.iter().any(|message| message.now.content.contains(ADDRESS));
        let open = |answer: &Answer| matches!(answer, Answer::Awaited | Answer::Deferred { .. });
        if world.done.iter().filter_map(|done| sim.interaction(*done)).any(|done| open(&done.answer)) {
            self.busy = Some("it has not answered Ann");
        }
    }

    fn look_at_plex(&mut self, sim: &PlexSim, cast: Cast) {
        let ann = cast.ann_at_plex;
        let visible = sim.visible_items(ann);
        let share = sim.share_of(ADDRESS);
        let server = share.and_then(|share| sim.world.server(&share.machine));
        let libraries = server.map(|server| server.libraries.as_slice()).unwrap_or_default();
        let shared: Vec<_> =
            libraries.iter().filter(|library| share.is_some_and(|share| share.holds(library.id))).collect();
        let accepted = share.is_some_and(|share| share.accepted_at.is_some());
        self.plex = AtPlex {
            invites: sim.invites().len(),
            friend: sim.friend(ann).is_some(),
            share: share.map(|_| (shared.iter().map(|library| library.title.clone()).collect(), accepted)),
            sees: shared
                .iter()
                .filter(|_| accepted)
                .map(|library| {
                    let titles = library.items.iter().map(|item| item.title.clone());
                    (library.title.clone(), titles.filter(|title| visible.contains(title)).collect())
                })
                .collect(),
            filters: sim.filters(ann),
            plays: sim
                .sessions()
                .iter()
                .filter(|session| session.account == ann)
                .map(|session| session.title.clone())
                .collect(),
            history: sim.history(ann).to_vec(),
        };
        self.writes = sim.writes().len();
        if self.busy.is_none() && accepted && !self.joined && self.held.is_none() {
            self.busy = Some("it has not noticed that Ann accepted");
        }
    }
}

fn said(message: &Message, private: bool) -> Told {
    let label = |button: &&serde_json::Value| button["label"].as_str().unwrap_or_default().to_owned();
    Told {
        id: message.id.0,
        text: message.now.content.clone(),
        buttons: message.buttons().iter().map(|button| (label(button), button["disabled"] != true)).collect(),
        private,
        edited: !message.before.is_empty(),
    }
}

async fn from_database(store: &Store, world: &World) -> anyhow::Result<Facts> {
    let cast = world.cast;
    let (guild, user, role) = (cast.guild(), cast.ann(), cast.role());
    let held_now = world.discord.with(|sim, _| {
        let member = sim.guild(cast.guild)?.members.get(&cast.ann)?;
        Some(member.roles.contains(&cast.role))
    });
    let now = crate::pipeline::Seam::system().now();
    let facts = store
        .read(move |tx| {
            let mut facts = Facts::default();
            for row in tx.story(user)? {
                let decision = match tx.decision(row.id)? {
                    Some(decision) => Ok((decision.actions, decision.reason)),
                    None if row.event.state == EventState::Waiting => continue,
                    None => Err(row.event.remark.unwrap_or_else(|| row.event.state.word().to_owned())),
                };
                facts.decided.push(Decided { cause: row.event.cause, decision });
            }
            let account = tx.account_of(user)?;
            if let Some(account) = &account {
                facts.joined = account.stage == Stage::Joined;
                facts.held = account.held.as_ref().map(|held| held.words.clone());
                if let (None, Some(parked)) = (&facts.held, &account.parked) {
                    facts.held = Some(parked.words.clone());
                }
            }
            let known = tx.member(guild, user)?.filter(|member| member.present);
            let due = !tx.due_accounts(now, 1)?.is_empty();
            let again = account.is_some_and(|account| account.attempts > 0 && account.parked.is_none());
            let messages_wait = tx.next_task_due(Reader::Member)?.is_some()
                || tx.next_task_due(Reader::Administrators)?.is_some();
            facts.busy = if known.map(|member| member.roles.contains(&role)) != held_now {
                Some("it has not noticed what happened on Discord")
            } else if !tx.waiting_users(1)?.is_empty() {
                Some("an event waits for its decision")
            } else if due || again {
                Some("Plex does not agree yet with what was decided")
            } else if messages_wait {
                Some("a message waits to be sent")
            } else {
                None
            };
            Ok(facts)
        })
        .await?;
    Ok(facts)
}
