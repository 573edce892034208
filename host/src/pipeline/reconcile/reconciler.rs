//! The worker that takes the accounts that are due.

use tokio::sync::Notify;

use crate::{
    domain::{AccountId, Timestamp, account::Account, contract::Access, reconcile::share::Desired},
    pipeline::{
        approvals::settling,
        context::Context,
        desired::state,
        memory::quarantine::Whose,
        protection::current::Protection,
        reconcile::{
            job::{Job, Observed, Trouble, is_protected, memberships},
            outcome,
        },
        runtime::{
            keyed::{self, Keyed},
            worker::Worker,
        },
    },
    plex::PlexError,
    store::{MemberRow, Stage, StoreError, Tx},
};

/// Works on the accounts that are due.
pub(in crate::pipeline) struct Reconciler;

impl Worker for Reconciler {
    const NAME: &'static str = "reconcile";

    fn signal(context: &Context) -> &Notify {
        <Self as Keyed>::signal(context)
    }

    async fn round(&mut self, context: &Context) -> Result<Option<Timestamp>, StoreError> {
        keyed::round::<Self>(context).await
    }
}

impl Keyed for Reconciler {
    type Key = AccountId;

    /// They share what they read of Plex.
    const ABREAST: usize = 4;

    const BATCH: u32 = 8;

    fn signal(context: &Context) -> &Notify {
        &context.signals.reconcile
    }

    async fn due(context: &Context, most: u32) -> Result<(Vec<AccountId>, Option<Timestamp>), StoreError> {
        let now = context.seam.now();
        let due = move |tx: &Tx<'_>| Ok((tx.due_accounts(now, most)?, tx.next_account_due(now)?));
        context.store.read(due).await
    }

    async fn work_on(context: &Context, id: AccountId) -> Result<(), StoreError> {
        let worked = work_on(context, id).await;
        context.signals.worked.notify_waiters();
        worked
    }

    fn quarantined(id: AccountId) -> Whose {
        Whose::Account(id)
    }
}

/// An account that is due.
enum Due {
    /// The brake holds it, and this should be true for it once it does not.
    Held(Account, Access),
    /// What was decided waits until then.
    Settles(Timestamp),
    /// This should be true for it, and its member is this on Discord.
    Work(Account, Access, Vec<MemberRow>),
}

async fn work_on(core: &Context, id: AccountId) -> Result<(), StoreError> {
    let settings = core.settings();
    let read = core
        .store
        .read(move |tx| {
            let Some(account) = tx.account(id)? else { return Ok(None) };
            let access = state::desired(tx, &settings, &account)?;
            if tx.hold(id)?.is_some() {
                return Ok(Some(Due::Held(account, access)));
            }
            if let Some(until) = tx.settles_at(id)? {
                return Ok(Some(Due::Settles(until)));
            }
            let member = memberships(tx, &account)?;
            Ok(Some(Due::Work(account, access, member)))
        })
        .await?;
    let (account, access) = match read {
        None => return Ok(()),
        // Who is protected by now is not touched, whatever was decided before.
        Some(Due::Work(account, _, member)) if is_protected(&Protection::of(core), &account, &member) => {
            tracing::info!(account = %id, "the member is protected: nothing is done");
            return core.store.write(move |tx| tx.rest(account.id, account.generation)).await;
        }
        Some(Due::Work(account, access, _)) => (account, access),
        Some(Due::Settles(until)) => return settling::wait(core, id, until).await,
        // An administrator decides first. Whatever made it due is looked at then.
        Some(Due::Held(account, access)) => return watch(core, account, access).await,
    };
    let event = account.decided_by.map(crate::domain::EventId::padded).unwrap_or_default();
    tracing::debug!(event, account = %id, stage = ?account.stage, "working on the account");
    let mut job = Job::new(core, account, access);
    if core.token_is_refused() {
        // It would be refused too.
        return outcome::store(job, Err(Trouble::Plex(PlexError::Unauthorized))).await;
    }
    let result = match job.reconcile().await {
        // Whether the invitation is out still can't be told. Its acceptance can.
        Err(Trouble::Missing(_))
            if job.account.stage == Stage::Invited && job.desired() == Desired::Granted =>
        {
            Ok(Some(job.next_check()))
        }
        other => other,
    };
    outcome::store(job, result).await?;
    core.tell_of_missing_lists().await
}

/// The brake holds this account: nothing is written for it. Where there is nothing left at Plex that could be
/// taken away, nothing is held any more.
async fn watch(core: &Context, account: Account, access: Access) -> Result<(), StoreError> {
    let mut job = Job::new(core, account, access);
    let result = match job.observe().await {
        Ok(Observed::Stands(next)) => {
            let (id, generation) = (job.account.id, job.account.generation);
            return core.store.write(move |tx| tx.requeue(id, generation, next)).await;
        }
        Ok(Observed::IsOver) => job.reconcile().await,
        Err(trouble) => Err(trouble),
    };
    outcome::store(job, result).await
}
