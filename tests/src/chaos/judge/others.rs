//! Those of whom Rolarr must keep away: protected members, and people with whom the owner shares by hand.

use anyhow::Result;
use rolarr::store::EventState;

use super::{
    deeds::{Deed, Kind, names},
    history::History,
};
use crate::chaos::{
    evidence::Evidence,
    town::{Soul, Town},
};

/// Nothing was decided about members who must never be touched, and nobody wrote to them.
///
/// # Errors
/// If the database can't be read.
pub async fn untouchable(evidence: &Evidence, town: &Town) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for user in &town.untouchable {
        let user = *user;
        let (account, story) = evidence.read(move |tx| Ok((tx.account_of(user)?, tx.story(user)?))).await?;
        let decided = story.iter().any(|row| row.event.state == EventState::Decided);
        let told: Vec<String> = evidence.messages(user);
        if account.is_some() || decided || !told.is_empty() {
            found.push(format!("<@{user}> is protected and was touched: {account:?}, {story:?}, {told:?}"));
        }
    }
    Ok(found)
}

/// Nothing was done at Plex about somebody while it was known that they are protected, unless an administrator
/// asked for it. `misled` is when Discord answered something wrong: a member who is shown as they were earlier, is
/// shown without the role that protects them.
#[must_use]
pub fn guarded(soul: &Soul, deeds: &[Deed], history: &History, misled: &[u64]) -> Vec<String> {
    let mut found = Vec::new();
    for deed in deeds.iter().filter(|deed| matches!(deed.kind, Kind::Takes | Kind::Offers)) {
        // What was under way when it became known.
        let known = soul
            .guarded
            .iter()
            .any(|(from, to)| from.saturating_add(90_000) <= deed.at && to.is_none_or(|to| deed.at <= to));
        let decided = history.last(deed.at).map_or(0, |turn| turn.at);
        let was_misled = misled.iter().any(|at| *at <= decided && decided - at < 60_000);
        if known && !was_misled && !history.orders.iter().any(|at| *at <= deed.at) {
            found.push(format!(
                "<@{}> was protected, and something was done at {}: {soul:?}, {:?}",
                soul.user,
                deed.at,
                history.last(deed.at)
            ));
        }
    }
    found
}

/// What Rolarr did not make is as it was, and no request was about it.
#[must_use]
pub fn foreign(evidence: &Evidence, town: &Town) -> Vec<String> {
    let plex = evidence.at_plex();
    let mut found = Vec::new();
    let mut theirs: Vec<String> = Vec::new();
    for one in &town.foreign {
        let shares: Vec<_> =
            plex.world.shares.values().filter(|share| share.is_with(one.plex)).cloned().collect();
        if shares != one.shares || plex.friend(one.plex).cloned() != one.tie {
            found.push(format!("{}: somebody else's share was changed", one.address));
        }
        theirs.extend([one.plex.to_string(), one.address.clone()]);
        theirs.extend(one.shares.iter().map(|share| share.id.to_string()));
    }
    for request in plex.writes() {
        if names(request).iter().any(|name| theirs.contains(name)) {
            found.push(format!(
                "{} {} {} is about somebody else's share",
                request.method, request.path, request.body
            ));
        }
    }
    found
}
