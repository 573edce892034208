//! What happens to an account and not on Discord becomes an event in the journal.

use crate::{
    domain::{
        AuditKind, RoleId, Timestamp,
        account::Account,
        contract::{Access, AccountChange, Cause, Origin},
        reconcile::share::Change,
    },
    pipeline::{settings::Settings, texts},
    store::{EventState, NewEvent, StoreError, Tx},
};

/// Journals something that happened to the account and not on Discord.
pub(in crate::pipeline) fn note(
    tx: &Tx<'_>,
    settings: &Settings,
    account: &Account,
    change: AccountChange,
    origin: Origin,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A bare address is no member of anything: the audit has it.
    let Some(user) = account.user else { return Ok(()) };
    let Some(guild) = concerned(tx, account, user)? else { return Ok(()) };
    let held: Vec<RoleId> = tx
        .member(guild, user)?
        .filter(|member| member.present)
        .map(|member| member.roles)
        .unwrap_or_default();
    tx.journal(&NewEvent {
        at: now,
        origin,
        guild,
        user,
        cause: Cause::Account(change),
        roles: settings.guild(guild).map(|guild| guild.tracked(&held)).unwrap_or_default(),
        state: EventState::Waiting,
        remark: None,
    })?;
    Ok(())
}

/// The guild whose decision stands behind a member's share: the last that decided, if it gives access, and
/// else one that does.
pub(in crate::pipeline) fn concerned(
    tx: &Tx<'_>,
    account: &Account,
    user: crate::domain::UserId,
) -> Result<Option<crate::domain::GuildId>, StoreError> {
    let decided = account.decided_by.map(|event| tx.event(event)).transpose()?.flatten();
    let last = decided.map(|event| event.event.guild);
    let grants = tx.grants(user)?;
    let mut giving = grants.iter().filter(|grant| grant.access != Access::Absent).map(|grant| grant.guild);
    let any = giving.clone().next();
    Ok(giving.find(|guild| Some(*guild) == last).or(any).or(last))
}

/// Journals a change of the share, and reports it.
pub(in crate::pipeline) fn note_change(
    tx: &Tx<'_>,
    settings: &Settings,
    account: &Account,
    change: Change,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (noted, report) = match change {
        Change::Quiet | Change::Invited => return Ok(()),
        Change::Accepted => (AccountChange::Accepted, None),
        Change::Declined => (
            AccountChange::Declined,
            Some((AuditKind::Declined, "declined the invitation. It is not sent again.")),
        ),
        Change::Lost => {
            let text = "the share was ended by the member or the owner. It is not made again.";
            (AccountChange::LeftService, Some((AuditKind::Lost, text)))
        }
    };
    note(tx, settings, account, noted, Origin::Live, now)?;
    let Some((kind, text)) = report else { return Ok(()) };
    tx.audit(now, account.decided_by, account.user, kind, &texts::about(account.user, text))
}
