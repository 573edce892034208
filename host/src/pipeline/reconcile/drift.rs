//! Drift: what somebody changed at Plex is noticed without anybody asking, told, and set again where that is
//! configured.

use tokio::sync::Notify;

use crate::{
    domain::{AuditKind, Timestamp, UserId, contract::Access},
    pipeline::{
        approvals::limit,
        context::Context,
        desired::state,
        memory::quarantine::{Unread, Whose},
        protection::current::Protection,
        reconcile::{
            self,
            diff::{Comparison, Difference, Differences},
        },
        runtime::worker::Worker,
        seam::millis,
        settings::{Drift, Settings},
        texts,
    },
    store::{Account, Aspect, DriftRow, HoldReason, LedgerRow, MemberRow, StoreError, Tx},
};

/// The fact that the time of the last whole comparison is kept under.
const COMPARED: &str = "compared-with-plex";

/// The first pauses before a comparison is tried again are left out: it is not urgent.
const FIRST_PAUSE: u32 = 5;

/// Compares Plex with what was decided.
#[derive(Default)]
pub(in crate::pipeline) struct Comparer {
    /// Number of failed comparisons in a row.
    failures: u32,
}

impl Worker for Comparer {
    const NAME: &'static str = "drift";

    fn signal(core: &Context) -> &Notify {
        &core.signals.drift
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let every = millis(core.settings().timings.drift);
        let last = core.store.read(|tx| tx.fact(COMPARED)).await?.and_then(|text| text.parse().ok());
        let now = core.seam.now();
        // A clock that was ahead may have written it.
        let last = last.filter(|last| *last <= now.0);
        let due = Timestamp(last.unwrap_or(0)).plus_millis(every);
        if now < due {
            return Ok(Some(due));
        }
        core.look_at_server().await?;
        core.signals.names.notify_one();
        // Read first: what is worked on after this is not compared with a look from before.
        let settings = core.settings();
        let (resting, unread) = core.store.read(move |tx| resting(tx, &settings)).await?;
        core.put_all_aside(&unread).await?;
        if !resting.is_empty() {
            let compared = match look(core, &resting).await {
                Ok(compared) => compared,
                Err(error) => {
                    tracing::warn!(%error, "Plex can't be compared with what was decided now; trying again");
                    let pause = self.failures.saturating_add(FIRST_PAUSE);
                    self.failures = self.failures.saturating_add(1);
                    return Ok(Some(core.retry_at(pause, None)));
                }
            };
            self.failures = 0;
            core.tell_of_missing_lists().await?;
            let (now, settings) = (core.seam.now(), core.settings());
            let unread = core.store.write(move |tx| settle(tx, &settings, now, compared)).await?;
            core.put_all_aside(&unread).await?;
        }
        let now = core.seam.now();
        core.store.write(move |tx| tx.put_fact(COMPARED, &now.0.to_string())).await?;
        Ok(Some(now.plus_millis(every)))
    }
}

/// An account for which nothing is under way, and what should be true for it.
struct Resting {
    account: Account,
    access: Access,
    rows: Vec<LedgerRow>,
    member: Vec<MemberRow>,
    hold: Option<HoldReason>,
}

/// How an account that was at rest, held for this or not at all, compares with Plex.
struct Compared {
    account: Account,
    hold: Option<HoldReason>,
    found: Comparison,
}

fn resting(tx: &Tx<'_>, settings: &Settings) -> Result<(Vec<Resting>, Unread), StoreError> {
    let (mut all, mut unread) = (Vec::new(), Unread::new());
    for account in tx.accounts_at_rest()? {
        let id = match &account {
            Ok(account) => account.id,
            Err(id) => *id,
        };
        let read = tx.apart(|tx| {
            let Ok(account) = account else { return Err(StoreError::Unreadable("an account")) };
            Ok(Resting {
                access: state::desired(tx, settings, &account)?,
                rows: tx.ledgers(account.id)?,
                member: reconcile::job::memberships(tx, &account)?,
                hold: tx.hold(account.id)?.map(|hold| hold.reason),
                account,
            })
        })?;
        match read {
            Ok(resting) => all.push(resting),
            Err(error) => unread.push((Whose::Account(id), error)),
        }
    }
    Ok((all, unread))
}

/// Compares them all with one look; where a share does not show, with a second one.
async fn look(core: &Context, resting: &[Resting]) -> Result<Vec<Compared>, crate::plex::PlexError> {
    let protection = Protection::of(core);
    let compare = |look: &crate::pipeline::memory::snapshot::Look| -> Vec<Compared> {
        resting
            .iter()
            .filter(|one| !reconcile::job::is_protected(&protection, &one.account, &one.member))
            .map(|one| {
                let found = match one.hold {
                    None | Some(HoldReason::Drift) => {
                        reconcile::diff::compare(&core.settings(), look, &one.account, &one.access, &one.rows)
                    }
                    Some(_) => reconcile::diff::compare_held(&core.settings(), look, &one.account),
                };
                Compared { account: one.account.clone(), hold: one.hold, found }
            })
            .collect()
    };
    let compared = compare(&*core.look().await?);
    if compared.iter().all(|one| one.found != Comparison::Unclear) {
        return Ok(compared);
    }
    core.seam.sleep(core.settings().timings.confirm_absence).await;
    Ok(compare(&*core.look().await?))
}

/// Stores what was found, and what follows from it.
fn settle(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    compared: Vec<Compared>,
) -> Result<Unread, StoreError> {
    tx.prune_drift()?;
    let (mut news, mut unread) = (News::default(), Unread::new());
    for one in compared {
        let id = one.account.id;
        match tx.apart(|tx| settle_one(tx, settings, now, one))? {
            Ok(fresh) => news.add(fresh),
            Err(error) => unread.push((Whose::Account(id), error)),
        }
    }
    news.tell(tx, settings, now)?;
    Ok(unread)
}

/// The same for one account.
fn settle_one(tx: &Tx<'_>, settings: &Settings, now: Timestamp, one: Compared) -> Result<News, StoreError> {
    let Compared { account, hold, found } = one;
    let mut news = News::default();
    // Something was decided or done meanwhile: that is another comparison's.
    let now_held = tx.hold(account.id)?.map(|hold| hold.reason);
    if tx.account(account.id)?.as_ref() != Some(&account) || now_held != hold {
        return Ok(news);
    }
    match found {
        Comparison::Unclear => {
            tracing::info!(account = %account.id, "a share does not show as it was; it is looked at");
            let mut account = account;
            account.look_at(now);
            tx.put_account(&account)?;
        }
        // Of the others who are held nothing else is compared.
        Comparison::Compared(_) if hold.is_some_and(|reason| reason != HoldReason::Drift) => {}
        Comparison::Compared(differences) => {
            let goes_on = news.note(tx, now, &account, &differences)?;
            let Differences { found: differences, unjudged } = differences;
            if hold.is_some() {
                // What is held may differ still where nothing can be said of it.
                if !unjudged.is_empty() || differences.iter().any(|difference| difference.takes) {
                    return Ok(news);
                }
                // Somebody set it right, or nothing of it is wanted any more: what is decided goes on.
                limit::lift_idle(tx, settings, now, account)?;
                return Ok(news);
            }
            if goes_on && settings.drift == Drift::Correct {
                correct(tx, settings, now, account, &differences)?;
            }
        }
    }
    Ok(news)
}

/// Has it set again, unless the brake holds that.
fn correct(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    differences: &[Difference],
) -> Result<(), StoreError> {
    let takes = differences.iter().any(|difference| difference.takes);
    if takes && limit::holds_correction(tx, settings, now, &account)? {
        return Ok(());
    }
    account.mend(now);
    tx.put_account(&account)
}

/// What is new in a comparison.
#[derive(Default)]
struct News {
    found: Vec<(Option<UserId>, DriftRow)>,
    over: Vec<(Option<UserId>, DriftRow)>,
}

impl News {
    /// Stores what differs for an account. True if any of it is not to stay.
    fn note(
        &mut self,
        tx: &Tx<'_>,
        now: Timestamp,
        account: &Account,
        differences: &Differences,
    ) -> Result<bool, StoreError> {
        let Differences { found: differences, unjudged } = differences;
        let known = tx.drift_of(account.id)?;
        let mut stays = true;
        for difference in differences {
            let before = known.iter().find(|row| row.what == difference.what);
            if let Some(before) = before
                && before.seen == difference.seen
            {
                stays &= before.accepted;
                continue;
            }
            stays = false;
            let row = DriftRow {
                account: account.id,
                what: difference.what,
                wanted: difference.wanted.clone(),
                seen: difference.seen.clone(),
                since: now,
                accepted: false,
            };
            tx.put_drift(&row)?;
            observed(tx, account, difference)?;
            self.found.push((account.user, row));
        }
        for row in known {
            let is_judged = !unjudged.contains(&row.what);
            if is_judged && differences.iter().all(|difference| difference.what != row.what) {
                tx.drop_drift(account.id, row.what)?;
                self.over.push((account.user, row));
            }
        }
        Ok(!stays)
    }

    fn add(&mut self, other: Self) {
        self.found.extend(other.found);
        self.over.extend(other.over);
    }

    /// One message for all of it.
    fn tell(self, tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<(), StoreError> {
        if !self.found.is_empty() {
            tracing::warn!(differences = self.found.len(), "Plex was changed by somebody else");
            tx.audit(now, None, None, AuditKind::Drift, &texts::drift(&self.found, settings.drift))?;
        }
        if !self.over.is_empty() {
            tracing::info!(differences = self.over.len(), "what differed at Plex does not any more");
            tx.audit(now, None, None, AuditKind::Drift, &texts::drift_over(&self.over))?;
        }
        Ok(())
    }
}

/// The converger need not report it in passing.
fn observed(tx: &Tx<'_>, account: &Account, difference: &Difference) -> Result<(), StoreError> {
    let Aspect::Field(field) = difference.what else { return Ok(()) };
    for mut row in tx.ledgers(account.id)? {
        if row.field == field && (row.of.is_none() || row.of == account.plex_account) {
            row.ledger.reported.clone_from(&difference.value);
            tx.put_ledger(account.id, &row)?;
        }
    }
    Ok(())
}
