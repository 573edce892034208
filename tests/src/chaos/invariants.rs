//! What must be true, whatever happened.

use std::collections::BTreeMap;

use anyhow::Result;
use rolarr::{
    domain::{
        RoleId, UserId,
        contract::{Access, Action, Cause},
    },
    store::{Account, DecisionRow, EventState, PromptState, Stage as At},
};
use rolarr_sim::plex::{MACHINE, PlexSim};

use super::{
    evidence::Evidence,
    timeline,
    town::{Soul, Town},
};
use crate::inprocess::Stage;

/// What somebody has at Plex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// An accepted share.
    shared: bool,
    /// An invitation, or a share that is not accepted.
    pending: bool,
    /// Hidden by our label.
    hidden: bool,
}

impl Standing {
    /// How somebody stands now.
    #[must_use]
    pub fn of(plex: &PlexSim, soul: &Soul) -> Self {
        let hidden = plex.filters(soul.plex).values().any(|filter| filter.contains("noAccess"));
        let shares = || {
            plex.world.shares.values().filter(|share| {
                share.machine == MACHINE && (share.is_with(soul.plex) || share.typed == soul.address)
            })
        };
        Self {
            shared: shares().any(|share| share.accepted_at.is_some()),
            pending: shares().any(|share| share.accepted_at.is_none())
                || plex.invites().iter().any(|invite| invite.typed == soul.address),
            hidden,
        }
    }

    /// Whether this is the same or more, in a way that the person or the owner brings about and not Rolarr:
    /// an invitation that was accepted, declined, or a share that the person ended.
    pub(super) fn is_less_than(&self, now: &Self) -> bool {
        self.hidden == now.hidden
            && (self.pending != now.pending || self.shared != now.shared)
            && (now.shared || self.pending || self.shared)
    }
}

/// Everybody who is held.
pub(super) async fn held(stage: &Stage) -> Result<Vec<UserId>> {
    Ok(stage
        .read(|tx| {
            let mut users = Vec::new();
            for hold in tx.holds()? {
                users.extend(tx.account(hold.account)?.and_then(|account| account.user));
            }
            Ok(users)
        })
        .await?)
}

/// What the database has on somebody.
struct Known {
    account: Option<Account>,
    access: Access,
    asked: bool,
    prompts: usize,
    decisions: Vec<DecisionRow>,
    undecided: usize,
    waiting: usize,
    /// When an administrator first said something else than the decisions.
    overruled: Option<u64>,
    /// An administrator rejected that their access shrinks, and nothing happened to them since.
    spared: bool,
    /// The roles that are stored; none if they count as gone.
    roles: Option<Vec<RoleId>>,
}

/// Everything that must be true when nothing is under way any more.
///
/// # Errors
/// If the database can't be read.
pub async fn at_the_end(evidence: &Evidence, town: &Town, brake: u32) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for soul in &town.souls {
        let known = known(evidence, soul.user).await?;
        for violation in of_one(evidence, soul, &known) {
            let mention = format!("<@{}>", soul.user);
            let audit: Vec<String> =
                evidence.audit().into_iter().filter(|line| line.starts_with(&mention)).collect();
            let plex = at_plex(evidence, soul);
            found.push(format!(
                "{mention} ({}): {violation}\n  audit: {audit:?}\n  Plex: {plex}",
                soul.address
            ));
        }
    }
    if !evidence.read(|tx| tx.holds()).await?.is_empty() {
        found.push("somebody is held after an administrator decided on all".to_owned());
    }
    found.extend(untouchable(evidence, town).await?);
    found.extend(foreign(evidence, town));
    found.extend(in_time(evidence, town, brake).await?);
    Ok(found)
}

/// Everything about somebody at Plex, for a person who looks into a violation.
fn at_plex(evidence: &Evidence, soul: &Soul) -> String {
    let plex = evidence.at_plex();
    let shares: Vec<_> = plex
        .world
        .shares
        .values()
        .filter(|share| share.is_with(soul.plex) || share.typed == soul.address)
        .collect();
    let invites: Vec<_> = plex.invites().iter().filter(|invite| invite.typed == soul.address).collect();
    let friend = plex.friend(soul.plex).is_some();
    let writes: Vec<String> = plex
        .writes()
        .iter()
        .filter(|write| {
            let names = |text: &str| text.contains(&soul.address) || text.contains(&soul.plex.to_string());
            names(&write.path) || names(&write.body)
        })
        .map(|write| format!("{} {} {} {:?}", write.at_ms, write.method, write.path, write.status))
        .collect();
    format!("friend {friend}, shares {shares:?}, invites {invites:?}, writes {writes:?}")
}

async fn known(evidence: &Evidence, user: UserId) -> Result<Known> {
    let guild = evidence.guild();
    Ok(evidence
        .read(move |tx| {
            let story = tx.story(user)?;
            let mut decisions = Vec::new();
            for row in &story {
                decisions.extend(tx.decision(row.id)?);
            }
            let latest = tx.latest_prompt(user)?;
            let count = |state| story.iter().filter(|row| row.event.state == state).count();
            Ok(Known {
                account: tx.account_of(user)?,
                access: tx
                    .grants(user)?
                    .into_iter()
                    .find(|grant| grant.guild == guild)
                    .map(|grant| grant.access)
                    .unwrap_or_default(),
                asked: latest
                    .as_ref()
                    .is_some_and(|prompt| matches!(prompt.state, PromptState::Open | PromptState::Expired)),
                prompts: tx.prompt_count(user)?,
                decisions,
                undecided: count(EventState::Undecided),
                waiting: count(EventState::Waiting),
                overruled: story
                    .iter()
                    .find(|row| row.event.state == EventState::Noted)
                    .map(|row| row.event.at.0),
                spared: story
                    .iter()
                    .rfind(|row| !matches!(row.event.cause, Cause::Account(_)))
                    .is_some_and(|row| row.event.state == EventState::Noted),
                roles: tx.member(guild, user)?.filter(|member| member.present).map(|member| member.roles),
            })
        })
        .await?)
}

fn of_one(evidence: &Evidence, soul: &Soul, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    let roles = evidence.roles_of(soul.user);
    let (present, has_role) =
        (roles.is_some(), roles.as_ref().is_some_and(|roles| evidence.has_tracked(roles)));
    let standing = Standing::of(&evidence.at_plex(), soul);
    let Known { account, access, .. } = known;
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            let stage = account.as_ref().map(|account| (account.stage, account.due, account.attempts));
            found.push(format!("{what}. present {present}, role {has_role}, decided {access:?}, at Plex {standing:?}, account {stage:?}, {soul:?}"));
        }
    };
    expect(known.waiting == 0, "an event was never decided");
    expect(known.undecided == 0, "the policy failed");
    expect(known.roles == roles, "a change on Discord was missed");

    // The decisions, folded by the contract's own rule, are the access; an administrator's word apart.
    if known.overruled.is_none() {
        let folded = known
            .decisions
            .iter()
            .flat_map(|row| &row.actions)
            .fold(Access::Absent, |access, action| rolarr_policy::apply(&access, action));
        expect(folded == *access, "what was decided is not what the decisions say");
    }
    // What is decided is what the roles say.
    if !known.spared {
        match (present, has_role, access) {
            (true, true, access) => {
                expect(matches!(access, Access::Granted(_)), "has the role and no access")
            }
            (true, false, access) => {
                expect(!matches!(access, Access::Granted(_)), "has access without the role");
            }
            (false, _, access) => expect(*access == Access::Absent, "left, and has access"),
        }
    }
    // What is at Plex is what was decided.
    let stage_of = account.as_ref().map_or(At::None, |account| account.stage);
    let own = account
        .as_ref()
        .and_then(|account| account.email.as_ref())
        .is_some_and(|email| email.expose() == soul.address);
    let theirs = soul.declined || soul.departed;
    match access {
        Access::Absent => {
            expect(!standing.shared && !standing.pending, "has something at Plex and should not");
            expect(!own, "the address is known still");
            expect(!evidence.files().contains(&soul.address), "the address stands in the database's files");
        }
        Access::Restricted(_) => {
            expect(!standing.pending, "an invitation is out for somebody who is restricted");
            expect(!standing.shared || standing.hidden, "is restricted and sees everything");
        }
        Access::Granted(_) => {
            expect(!standing.hidden || !standing.shared, "has access and is restricted at Plex");
            if own {
                let there = standing.shared || standing.pending;
                expect(there || theirs, "has access and nothing at Plex");
            } else if account.as_ref().is_none_or(|account| account.claim.is_none()) {
                expect(known.asked, "has access, and was never asked for the address");
            }
            expect(!soul.answered || own || soul.claimed, "gave the address, and it is not known");
        }
    }
    if let (Access::Granted(_), At::Joined, Some(filter)) = (access, stage_of, &soul.filter) {
        let now = evidence.at_plex().filters(soul.plex).get("filterMovies").cloned().unwrap_or_default();
        expect(now == *filter || theirs, "does not have back what the owner had set");
    }
    if let Some(account) = account {
        let polls = account.stage == At::Invited;
        expect(account.due.is_none() || polls, "something is still to be done");
        expect(account.parked.is_none(), "is parked");
        expect(
            account.stage != At::Declined || soul.declined || soul.departed,
            "counts as declined and did not",
        );
        expect(account.stage != At::Lost || theirs, "counts as lost and is not");
    }
    found.extend(sent_twice(evidence, soul, known));
    found
}

/// Invitations and messages, at most one for each reason.
fn sent_twice(evidence: &Evidence, soul: &Soul, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    let opens = |row: &&DecisionRow| {
        row.actions.iter().any(|action| matches!(action, Action::Invite(_) | Action::Unrestrict))
    };
    let allowed = known.decisions.iter().filter(opens).count();
    let invitations =
        evidence.at_plex().world.offered.iter().filter(|offer| offer.to == soul.address).count();
    if invitations > allowed {
        found.push(format!("{invitations} invitations for {allowed} decisions"));
    }
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    for text in evidence.messages(soul.user) {
        *texts.entry(text).or_default() += 1;
    }
    let questions: usize = texts.iter().filter(|(text, _)| is_question(text)).map(|(_, count)| count).sum();
    if questions > known.prompts {
        found.push(format!("{questions} questions for {} prompts", known.prompts));
    }
    for (text, count) in texts.iter().filter(|(text, _)| !is_question(text)) {
        let reasons = if is_answer(text) { evidence.typed(soul.user) } else { known.decisions.len() };
        if *count > reasons {
            found.push(format!("{count} times the same message: {text}"));
        }
    }
    found
}

fn is_question(text: &str) -> bool {
    ["You have been given access", "Thank you, I have your", "I no longer need", "I did not get your"]
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// What the bot says to something that was typed, each time.
fn is_answer(text: &str) -> bool {
    [
        "You are linked to a Plex account already",
        "Thank you. If everything",
        "That does not look like",
        "There is nothing to link",
        "I have your e-mail address already",
    ]
    .iter()
    .any(|beginning| text.starts_with(beginning))
}

async fn untouchable(evidence: &Evidence, town: &Town) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for user in &town.untouchable {
        let user = *user;
        let (account, story) = evidence.read(move |tx| Ok((tx.account_of(user)?, tx.story(user)?))).await?;
        let decided = story.iter().any(|row| row.event.state == EventState::Decided);
        if account.is_some() || decided || !evidence.messages(user).is_empty() {
            found.push(format!("<@{user}> is protected and was touched"));
        }
    }
    Ok(found)
}

/// What the decisions led to at Plex, in time.
async fn in_time(evidence: &Evidence, town: &Town, brake: u32) -> Result<Vec<String>> {
    let (mut turns, mut deeds) = (Vec::new(), Vec::new());
    for soul in &town.souls {
        let known = known(evidence, soul.user).await?;
        // From then on the decisions alone do not tell what should be.
        let until = known.overruled.unwrap_or(u64::MAX);
        let own = timeline::turns(soul.user, &known.decisions);
        turns.extend(own.into_iter().filter(|turn| turn.at < until));
        let own = timeline::deeds(&evidence.at_plex(), soul);
        deeds.extend(own.into_iter().filter(|deed| deed.at < until));
    }
    let mut found = timeline::too_many(&turns, &deeds, &town.approvals, brake);
    found.extend(timeline::given_without_access(&turns, &deeds));
    Ok(found)
}

/// What Rolarr did not make is as it was.
fn foreign(evidence: &Evidence, town: &Town) -> Vec<String> {
    let plex = evidence.at_plex();
    let mut found = Vec::new();
    for one in &town.foreign {
        let shares: Vec<_> =
            plex.world.shares.values().filter(|share| share.is_with(one.plex)).cloned().collect();
        if shares != one.shares || plex.friend(one.plex).cloned() != one.tie {
            found.push(format!("{}: somebody else's share was changed", one.address));
        }
    }
    for request in plex.writes() {
        let number = |one: &super::town::Foreign| request.path.contains(&one.plex.to_string());
        if town.foreign.iter().any(number) {
            found.push(format!("{} {} is about somebody else's share", request.method, request.path));
        }
    }
    found
}
