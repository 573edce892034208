//! What must be true, whatever happened.
//!
//! | Part | What is there |
//! |---|---|
//! | `history` | what somebody should have had, and since when |
//! | `deeds` | what Rolarr did at Plex, and about whom |
//! | `member` | one member when nothing is under way any more |
//! | `sight` | what somebody should see at Plex, against what they see |
//! | `giving` | nothing was given that was not decided |
//! | `brake` | nothing was taken from those who were held |
//! | `settling` | nothing was taken before the settling time was over |
//! | `messages` | every message came, and none twice |
//! | `others` | those of whom Rolarr must keep away |

pub mod brake;
pub mod deeds;
pub mod giving;
pub mod history;
pub mod member;
pub mod messages;
pub mod others;
pub mod settling;
pub mod sight;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::Result;
use rolarr::domain::UserId;

use self::{brake::Times, history::History, member::Known, messages::Post};
use super::{
    evidence::Evidence,
    town::{Soul, Town},
};

/// Everything that must be true when nothing is under way any more.
///
/// # Errors
/// If the database can't be read.
pub async fn at_the_end(evidence: &Evidence, town: &Town) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut known: BTreeMap<UserId, Known> = BTreeMap::new();
    for soul in &town.souls {
        known.insert(soul.user, member::known(evidence, soul.user, &town.held).await?);
    }
    let post = Post::of(evidence).await?;
    let deeds = deeds::deeds(&evidence.at_plex(), town);
    let misled: Vec<u64> = {
        let discord = evidence.on_discord();
        discord.requests().iter().filter(|request| request.struck).map(|request| request.at_ms).collect()
    };
    for soul in &town.souls {
        let Some(known) = known.get(&soul.user) else { continue };
        let mut own = member::violations(evidence, town, soul, known);
        own.extend(post.of_one(evidence, soul, known));
        let plex = evidence.at_plex();
        let deeds = deeds.get(&soul.user).map(Vec::as_slice).unwrap_or_default();
        if !known.history.vague {
            own.extend(giving::without_access(&plex, &town.given, soul, &known.history, deeds));
        }
        if !known.history.vague {
            own.extend(settling::taken(&plex, town, &known.history, deeds));
        }
        own.extend(giving::invited_twice(&plex, soul, &known.history));
        own.extend(others::guarded(soul, deeds, &known.history, &misled));
        drop(plex);
        found.extend(own.into_iter().map(|violation| described(evidence, soul, &violation)));
    }
    found.extend(post.violations(evidence, &known));
    found.extend(messages::unannounced(evidence, &town.held));
    if !evidence.read(|tx| tx.holds()).await?.is_empty() {
        found.push("somebody is held after an administrator decided on all".to_owned());
    }
    found.extend(others::untouchable(evidence, town).await?);
    found.extend(others::foreign(evidence, town));
    let histories: BTreeMap<UserId, History> = known
        .into_iter()
        .filter(|(_, known)| !known.history.vague)
        .map(|(user, known)| (user, known.history))
        .collect();
    let plex = evidence.at_plex();
    let settling = town.given.settling;
    let times = Times { histories: &histories, deeds: &deeds, plex: &plex, settling };
    found.extend(brake::too_many(&times, town));
    found.extend(brake::held_back(&times, town));
    found.extend(brake::lost_with_a_role(&times, town));
    Ok(found)
}

/// The violation with everything about somebody, for a person who looks into it.
fn described(evidence: &Evidence, soul: &Soul, violation: &str) -> String {
    let mention = format!("<@{}>", soul.user);
    let audit: Vec<String> = evidence.audit().into_iter().filter(|line| line.starts_with(&mention)).collect();
    let plex = evidence.at_plex();
    let shares: Vec<_> = plex
        .world
        .shares
        .values()
        .filter(|share| share.is_with(soul.plex) || share.typed == soul.address)
        .collect();
    let invites: Vec<_> = plex.invites().iter().filter(|invite| invite.typed == soul.address).collect();
    let (account, address) = (soul.plex.to_string(), &soul.address);
    let writes: Vec<String> = plex
        .writes()
        .iter()
        .filter(|write| deeds::names(write).iter().any(|name| *name == account || name == address))
        .map(|write| format!("{} {} {} {:?}", write.at_ms, write.method, write.path, write.status))
        .collect();
    format!(
        "{mention} ({address}): {violation}\n  audit: {audit:?}\n  Plex: shares {shares:?}, invites {invites:?}, \
         writes {writes:?}"
    )
}
