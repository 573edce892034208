//! One member when nothing is under way any more.

use std::collections::BTreeMap;

use anyhow::Result;
use rolarr::{
    domain::{GuildId, UserId, contract::Access},
    pipeline::settings::Drift,
    store::{Account, EventState, GrantRow, MemberRow, Prompt, PromptState, Stage as At},
};
use rolarr_sim::plex::SERVER_LAG_MS;

use super::{
    history::{Chapter, History, most_generous},
    sight::{self, Standing, last_offer},
};
use crate::chaos::{
    evidence::Evidence,
    town::{Held, Soul, Town},
};

/// What the database has on somebody.
pub struct Known {
    pub(super) account: Option<Account>,
    pub(super) grants: Vec<GrantRow>,
    pub(super) prompt: Option<Prompt>,
    pub(super) prompts: usize,
    pub(super) members: Vec<MemberRow>,
    pub(super) story: Vec<Chapter>,
    pub(super) history: History,
    /// In so many guilds something was decided.
    pub(super) guilds: usize,
}

/// Reads it.
///
/// # Errors
/// If the database can't be read.
pub async fn known(evidence: &Evidence, user: UserId, held: &[Held]) -> Result<Known> {
    let mut known = evidence
        .read(move |tx| {
            let mut story = Vec::new();
            for row in tx.story(user)? {
                story.push(Chapter { decision: tx.decision(row.id)?, row });
            }
            let grants = tx.grants(user)?;
            Ok(Known {
                account: tx.account_of(user)?,
                guilds: grants.len(),
                grants,
                prompt: tx.latest_prompt(user)?,
                prompts: tx.prompt_count(user)?,
                members: tx.memberships(user)?,
                history: History::default(),
                story,
            })
        })
        .await?;
    known.history = History::of(user, &known.story, held);
    Ok(known)
}

impl Known {
    /// What became of their access.
    #[must_use]
    pub fn into_history(self) -> History {
        self.history
    }

    fn count(&self, state: EventState) -> usize {
        self.story.iter().filter(|chapter| chapter.row.event.state == state).count()
    }

    /// An administrator said something else than the roles, and nothing that changes it was decided since in that
    /// guild.
    fn is_spared(&self, guild: GuildId) -> bool {
        let changes = |chapter: &Chapter| {
            chapter.row.event.guild == guild
                && chapter.decision.as_ref().is_some_and(|decision| !decision.actions.is_empty())
        };
        let counts = |chapter: &&Chapter| chapter.row.event.state == EventState::Noted || changes(chapter);
        self.story.iter().rfind(counts).is_some_and(|chapter| !changes(chapter))
    }

    /// Whether the address is known as theirs.
    pub(super) fn has_address(&self, address: &str) -> bool {
        let email = self.account.as_ref().and_then(|account| account.email.as_ref());
        email.is_some_and(|email| email.expose() == address)
    }
}

/// Everything that is wrong with one member.
#[must_use]
pub fn violations(evidence: &Evidence, town: &Town, soul: &Soul, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    if known.count(EventState::Waiting) > 0 {
        found.push("an event was never decided".to_owned());
    }
    if known.count(EventState::Undecided) > 0 {
        found.push("the policy failed".to_owned());
    }
    for guild in evidence.guilds() {
        of_guild(evidence, town, soul, known, guild, &mut found);
    }
    let guarded = soul.guarded.iter().any(|(_, to)| to.is_none());
    let access = most_generous(
        &known.grants.iter().map(|grant| (grant.guild, grant.access.clone())).collect::<BTreeMap<_, _>>(),
    );
    if !guarded {
        at_plex(evidence, town, soul, known, &access, &mut found);
        of_account(evidence, soul, known, &mut found);
    }
    let context = || {
        let account = known.account.as_ref();
        let account =
            account.map(|of| (of.stage, of.due, of.attempts, of.told, &of.held, &of.parked, of.generation));
        let standing = Standing::of(&evidence.at_plex(), soul);
        format!("{access:?}, {standing:?}, {account:?}, {soul:?}, {:?}", known.history.turns)
    };
    found.iter().map(|what| format!("{what}. {}", context())).collect()
}

/// What is stored is what Discord shows, what is decided is what the decisions say, and that is what the roles
/// say.
fn of_guild(
    evidence: &Evidence,
    town: &Town,
    soul: &Soul,
    known: &Known,
    guild: GuildId,
    found: &mut Vec<String>,
) {
    let roles = evidence.roles_of(guild, soul.user);
    let stored = known.members.iter().find(|member| member.guild == guild && member.present);
    if stored.map(|member| &member.roles) != roles.as_ref() {
        found.push(format!("a change on Discord was missed in {guild}: {stored:?}, and it is {roles:?}"));
    }
    let access = known.grants.iter().find(|grant| grant.guild == guild).map(|grant| &grant.access);
    let access = access.cloned().unwrap_or_default();
    let folded = known.history.grants.get(&guild).cloned().unwrap_or_default();
    if !known.history.vague && folded != access {
        found.push(format!("what is decided in {guild} is not what the decisions say: {folded:?}"));
    }
    // While they are protected nothing is decided, and in another guild neither.
    let guarded = soul.guarded.iter().any(|(_, to)| to.is_none());
    if known.is_spared(guild) || guarded {
        return;
    }
    let has_role = roles.as_ref().is_some_and(|roles| evidence.has_tracked(guild, roles));
    let wrong = match (&roles, has_role) {
        (Some(_), true) => !matches!(access, Access::Granted(_)),
        (None, _) if !town.given.keeps_leavers => access != Access::Absent,
        (Some(_), false) | (None, _) => matches!(access, Access::Granted(_)),
    };
    if wrong {
        found.push(format!("what is decided in {guild} is not what the roles say: {roles:?}, {access:?}"));
    }
}

/// What is at Plex is what was decided.
fn at_plex(
    evidence: &Evidence,
    town: &Town,
    soul: &Soul,
    known: &Known,
    access: &Access,
    found: &mut Vec<String>,
) {
    let plex = evidence.at_plex();
    let standing = Standing::of(&plex, soul);
    let parked = known.account.as_ref().is_some_and(|account| account.parked.is_some());
    if parked {
        // A write that Plex refuses for good waits for an administrator.
        if !refused(&plex) {
            found.push("is parked, and Plex refused nothing".to_owned());
        }
        return;
    }
    let own = known.has_address(&soul.address);
    let since = last_offer(&plex, soul).unwrap_or(0);
    let theirs = soul.declined.is_some_and(|at| at >= since) || soul.departed.is_some_and(|at| at >= since);
    match access {
        Access::Absent => {
            if standing.shared || standing.pending {
                found.push("has something at Plex and should not".to_owned());
            }
            if own {
                found.push("the address is known still".to_owned());
            }
            // Whoever has no account at Plex gives no address.
            if soul.plex != 0 && evidence.files().contains(&soul.address) {
                found.push("the address stands in the database's files".to_owned());
            }
            let hides = |filter: &String| town.given.labels.iter().any(|label| filter.contains(label));
            if plex.filters(soul.plex).values().any(hides) && soul.edited.is_none() {
                found.push("a filter of ours was left behind".to_owned());
            }
            if standing.friend && soul.departed.is_none() {
                found.push("is a friend of the owner still".to_owned());
            }
        }
        Access::Restricted(restricted) => {
            if restricted.restriction.end_streams && watches_still(&plex, soul, known) {
                found.push("is restricted and watches still what was begun before".to_owned());
            }
            if standing.pending {
                found.push("an invitation is out for somebody who is restricted".to_owned());
            }
        }
        Access::Granted(_) => {
            if own && !standing.shared && !standing.pending && !theirs {
                found.push("has access and nothing at Plex".to_owned());
            }
            let asked = known
                .prompt
                .as_ref()
                .is_some_and(|prompt| matches!(prompt.state, PromptState::Open | PromptState::Expired));
            let claim = known.account.as_ref().is_some_and(|account| account.claim.is_some());
            if !own && !asked && !claim {
                found.push("has access, and was never asked for the address".to_owned());
            }
            // Who ended a share is a friend still, and their address somebody's with whom the owner shares.
            if soul.answered && !own && !soul.claimed && !claim {
                found.push("gave the address, and it is not known".to_owned());
            }
        }
    }
    // What the owner changed stays, unless it is to be set again; and it is the owner's own once the restriction
    // ended.
    let stays = soul.edited.is_some_and(|at| {
        town.given.drift == Drift::Report
            || known.history.turns.last().is_some_and(|turn| turn.at >= at)
            || town.verdicts.iter().any(|verdict| !verdict.approves || !verdict.answered)
    });
    if standing.shared && *access != Access::Absent && !stays {
        found.extend(sight::differs(&plex, soul, access, &town.given));
    }
}

/// Whether something runs on that they began to watch before they were restricted, or before the server knew of it,
/// and nothing kept it from being ended: after some tries it is not tried any more.
fn watches_still(plex: &rolarr_sim::plex::PlexSim, soul: &Soul, known: &Known) -> bool {
    let (Some(began), Some(turn)) = (soul.watching, known.history.turns.last()) else { return false };
    let hindered = plex.struck.iter().any(|at| *at >= turn.at);
    let hidden = plex
        .sight_changes
        .iter()
        .rfind(|change| change.account == soul.plex && change.at_ms >= turn.at && !change.lost.is_empty());
    let known_from = hidden.map_or(turn.at, |change| change.at_ms + SERVER_LAG_MS);
    began < known_from
        && !hindered
        && known.account.as_ref().is_some_and(|account| account.stage == At::Joined)
        && plex.sessions().iter().any(|session| session.account == soul.plex)
}

/// Whether Plex refused any write with words for good.
fn refused(plex: &rolarr_sim::plex::PlexSim) -> bool {
    let no = |status: u16| (400..500).contains(&status) && status != 429 && status != 401;
    plex.requests.iter().any(|request| request.status.is_some_and(no))
}

fn of_account(evidence: &Evidence, soul: &Soul, known: &Known, found: &mut Vec<String>) {
    let Some(account) = &known.account else { return };
    let plex = evidence.at_plex();
    let since = last_offer(&plex, soul).unwrap_or(0);
    let polls = account.stage == At::Invited;
    if account.due.is_some() && !polls {
        found.push("something is still to be done".to_owned());
    }
    let after = |when: Option<u64>| when.is_some_and(|at| at >= since);
    if account.stage == At::Declined && !after(soul.declined) && !after(soul.departed) {
        found.push("counts as declined and did not".to_owned());
    }
    if account.stage == At::Lost && !after(soul.departed) && !after(soul.declined) {
        found.push("counts as lost and is not".to_owned());
    }
}
