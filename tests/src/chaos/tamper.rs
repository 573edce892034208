//! Worlds in which something is wrong on purpose: a judge who finds nothing in them is no judge.

use rolarr_sim::plex::MACHINE;

use super::town::Town;
use crate::inprocess::Stage;

/// What is made wrong in a run that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// The brake lets everything pass.
    NoBrake,
    /// A share is gone that somebody has.
    ShareGone,
    /// Somebody has a share that nobody decided.
    ShareMade,
    /// Somebody who has access is restricted.
    Hidden,
    /// Somebody else's filter is another.
    ForeignFilter,
    /// A message came twice.
    MessageTwice,
}

impl Tamper {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NoBrake,
        Self::ShareGone,
        Self::ShareMade,
        Self::Hidden,
        Self::ForeignFilter,
        Self::MessageTwice,
    ];

    /// Makes it wrong at the end of a run. False if this world has nothing to do it with.
    pub(super) fn strikes(self, stage: &Stage, town: &Town) -> bool {
        match self {
            Self::NoBrake => true,
            Self::ShareGone => share_gone(stage, town),
            Self::ShareMade => share_made(stage, town),
            Self::Hidden => hidden(stage, town),
            Self::ForeignFilter => foreign_filter(stage, town),
            Self::MessageTwice => message_twice(stage, town),
        }
    }
}

/// Somebody who has a share of ours.
fn shared(stage: &Stage, town: &Town, hidden: bool) -> Option<u64> {
    let accepted = |account: u64| {
        let plex = stage.at_plex();
        plex.world
            .shares
            .values()
            .any(|share| share.machine == MACHINE && share.is_with(account) && share.accepted_at.is_some())
    };
    let is_hidden = |account: u64| stage.is_restricted(rolarr::domain::PlexAccountId(account));
    let mut all = town.souls.iter().filter(|soul| !soul.declined && !soul.departed).map(|soul| soul.plex);
    all.find(|account| accepted(*account) && is_hidden(*account) == hidden)
}

fn share_gone(stage: &Stage, town: &Town) -> bool {
    let Some(account) = shared(stage, town, false) else { return false };
    stage.at_plex().world.shares.retain(|_, share| !share.is_with(account));
    true
}

fn share_made(stage: &Stage, town: &Town) -> bool {
    let now = stage.now();
    let nothing = |account: u64| !stage.at_plex().world.shares.values().any(|share| share.is_with(account));
    let Some(soul) = town.souls.iter().find(|soul| nothing(soul.plex) && !soul.answered) else {
        return false;
    };
    let known = stage.at_plex().owner_shares_with(now, soul.plex, MACHINE, &[]).is_ok();
    // Whoever has the role may have a share.
    known && !has_role(stage, soul.user)
}

fn has_role(stage: &Stage, user: rolarr::domain::UserId) -> bool {
    let discord = stage.on_discord();
    let guild = discord.guild(stage.scene.guild);
    let member = guild.and_then(|guild| guild.members.get(&rolarr_sim::discord::UserId(user.0)));
    member.is_some_and(|member| !member.roles.is_empty())
}

fn hidden(stage: &Stage, town: &Town) -> bool {
    let Some(account) = shared(stage, town, false) else { return false };
    stage.at_plex().owner_sets_filter(account, "filterMovies", "label=noAccess").is_ok()
}

fn foreign_filter(stage: &Stage, town: &Town) -> bool {
    let Some(foreign) = town.foreign.first() else { return false };
    stage.at_plex().owner_sets_filter(foreign.plex, "filterMusic", "label=noAccess").is_ok()
}

fn message_twice(stage: &Stage, town: &Town) -> bool {
    let now = stage.now();
    let mut discord = stage.on_discord();
    let told = town.souls.iter().find_map(|soul| {
        let user = rolarr_sim::discord::UserId(soul.user.0);
        let message = discord.told(user).into_iter().next()?;
        Some((message.channel, message.now.content.clone()))
    });
    let Some((channel, text)) = told else { return false };
    // More often than anybody could have decided.
    (0..40).all(|_| discord.bot_says(now, channel, &text).is_ok())
}
