//! The address of an account: whose it is, and what is told of it.

use crate::{
    domain::{
        AuditKind, Email, Timestamp, UserId,
        account::{Account, Held, HeldReason},
        contract::Access,
    },
    pipeline::{desired::state::desired, settings::Settings, texts},
    store::{PromptState, StoreError, Tx, Work},
};

/// Whether the member is to have access and nothing is known of them yet.
pub(in crate::pipeline) fn wanted(
    tx: &Tx<'_>,
    settings: &Settings,
    account: &Account,
) -> Result<bool, StoreError> {
    Ok(matches!(desired(tx, settings, account)?, Access::Granted(_)))
}

/// Why an address can't be this account's: it is another member's.
pub(in crate::pipeline) fn against(
    tx: &Tx<'_>,
    account: &Account,
    email: &Email,
) -> Result<Option<Held>, StoreError> {
    let is_taken = tx.account_with(email)?.is_some_and(|other| other.id != account.id);
    Ok(is_taken.then(|| Held {
        why: HeldReason::OthersAddress,
        words: "gave an address that belongs to another member. Nothing was changed.".to_owned(),
    }))
}

/// Administrators are told that the address that was just taken up is held.
pub(in crate::pipeline) fn report_claim(
    tx: &Tx<'_>,
    account: &Account,
    now: Timestamp,
) -> Result<(), StoreError> {
    match &account.held {
        Some(held) if account.claim.is_some() => {
            let text = texts::about(account.user, &held.words);
            tx.audit(now, account.decided_by, account.user, AuditKind::Held, &text)
        }
        _ => Ok(()),
    }
}

/// Whether the member can give another address.
pub(in crate::pipeline) fn can_correct(
    tx: &Tx<'_>,
    settings: &Settings,
    user: UserId,
) -> Result<bool, StoreError> {
    let Some(account) = tx.account_of(user)? else { return Ok(false) };
    Ok(account.can_correct() && wanted(tx, settings, &account)?)
}

/// The question that was answered says anew whether the address can be changed.
pub(in crate::pipeline) fn refresh_question(
    tx: &Tx<'_>,
    account: &Account,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(user) = account.user else { return Ok(()) };
    if let Some(prompt) = tx.latest_prompt(user)?
        && prompt.state == PromptState::Answered
    {
        tx.add_task(account.decided_by, Some(user), &Work::Refresh(prompt.id), now)?;
    }
    Ok(())
}
