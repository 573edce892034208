//! What follows when somebody's protection ends: what happened while they were protected was skipped, and what was
//! decided before it rested. Both are caught up, through the brake.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        EventId, GuildId, RoleId, Timestamp, UserId,
        contract::{Access, Cause, Origin, Review},
    },
    pipeline::{
        approvals::limit, context::Context, ports::Guild, protection::rules::Protected, settings::Settings,
    },
    store::{EventState, MemberRow, NewEvent, StoreError, Tx},
};

/// Compares whom the configuration protects with what was at the last start, and remembers it. Returns who owns each
/// guild that was ever shown, `shown` being those that Discord shows now.
pub(in crate::pipeline) fn begin(
    tx: &Tx<'_>,
    settings: &Settings,
    shown: &[Guild],
    now: Timestamp,
) -> Result<BTreeMap<GuildId, UserId>, StoreError> {
    let was = Protected::stored(tx)?;
    let is = Protected::by(settings, |id| {
        let owner = shown.iter().find(|guild| guild.id == id).map(|guild| guild.owner);
        owner.or_else(|| was.as_ref().and_then(|was| was.owner(id)))
    });
    if was.as_ref() != Some(&is) {
        if let Some(was) = &was {
            catch_up(tx, settings, was, &is, now)?;
        }
        is.store(tx)?;
    }
    Ok(is.guilds.into_iter().filter_map(|(guild, owner)| Some((guild, owner?))).collect())
}

impl Context {
    /// A guild has this owner: whoever owned it before is protected by that no longer.
    pub(in crate::pipeline) async fn note_owner(
        &self,
        guild: GuildId,
        owner: UserId,
    ) -> Result<(), StoreError> {
        let stored = self.store.read(Protected::stored).await?;
        if stored.as_ref().and_then(|stored| stored.owner(guild)) == Some(owner) {
            return Ok(());
        }
        let (settings, now) = (self.settings(), self.seam.now());
        self.store
            .write(move |tx| {
                let was = Protected::stored(tx)?.unwrap_or_else(|| Protected::by(&settings, |_| None));
                let mut is = was.clone();
                is.guilds.insert(guild, Some(owner));
                catch_up(tx, &settings, &was, &is, now)?;
                is.store(tx)
            })
            .await?;
        Ok(())
    }
}

/// Whoever was protected and is no longer is looked at.
fn catch_up(
    tx: &Tx<'_>,
    settings: &Settings,
    was: &Protected,
    is: &Protected,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut lapsed: u64 = 0;
    for user in concerned(tx, was, is)? {
        match end(tx, settings, was, is, user, now) {
            Ok(ended) => lapsed += u64::from(ended),
            // It concerns one person: everybody else goes on.
            Err(error @ StoreError::Unreadable(_)) => {
                tracing::error!(%user, %error, "what was skipped for the member is not caught up");
            }
            Err(error) => return Err(error),
        }
    }
    if lapsed > 0 {
        tracing::info!(members = lapsed, "members are protected no longer; what was skipped is caught up");
    }
    Ok(())
}

/// Who may be protected no longer.
fn concerned(tx: &Tx<'_>, was: &Protected, is: &Protected) -> Result<BTreeSet<UserId>, StoreError> {
    let mut users: BTreeSet<UserId> = was.members.difference(&is.members).copied().collect();
    users.extend(was.owners().difference(&is.owners()));
    let unserved = was.guilds.keys().any(|guild| !is.guilds.contains_key(guild));
    let roles: BTreeSet<RoleId> =
        if unserved { was.roles.clone() } else { was.roles.difference(&is.roles).copied().collect() };
    for role in roles {
        users.extend(tx.holders(role)?);
    }
    Ok(users)
}

fn end(
    tx: &Tx<'_>,
    settings: &Settings,
    was: &Protected,
    is: &Protected,
    user: UserId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = tx.memberships(user)?;
    let ends = was.why_of(user, &known).is_some() && is.why_of(user, &known).is_none();
    if !ends || known.iter().any(|member| member.bot) {
        return Ok(false);
    }
    let events = look_anew(tx, settings, user, known.iter(), Origin::Sweep, now)?;
    let first = events.first().copied();
    let home = known.iter().map(|member| member.guild).find(|guild| settings.guild(*guild).is_some());
    let guild = first.map(|(_, guild)| guild).or(home).or(settings.guilds.first().map(|guild| guild.id));
    if let Some(guild) = guild {
        limit::unprotected(tx, settings, now, user, (first.map(|(event, _)| event), guild), None)?;
    }
    Ok(true)
}

/// These guilds look at what they skipped: the present roles decide, and who is gone has left.
pub(in crate::pipeline) fn look_anew<'a>(
    tx: &Tx<'_>,
    settings: &Settings,
    user: UserId,
    memberships: impl Iterator<Item = &'a MemberRow>,
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<(EventId, GuildId)>, StoreError> {
    let grants = tx.grants(user)?;
    let gave = |guild| grants.iter().any(|grant| grant.guild == guild && grant.access != Access::Absent);
    let mut events = Vec::new();
    for member in memberships {
        let Some(guild) = settings.guild(member.guild) else { continue };
        let cause = if member.present {
            Cause::Review(Review::RolesChanged)
        } else if gave(member.guild) {
            Cause::MemberLeft
        } else {
            continue;
        };
        let event = tx.journal(&NewEvent {
            at: now,
            origin,
            guild: member.guild,
            user,
            cause,
            roles: guild.tracked(&member.roles),
            state: EventState::Waiting,
            remark: None,
        })?;
        events.push((event, member.guild));
    }
    Ok(events)
}
