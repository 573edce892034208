//! Events that the policy failed on are not run again: the member's next event is decided as if they had not been.
//! Where none comes, the policy is asked about what is there now, once there is hope for an answer: when another one
//! has taken over, or a while later if the machine was too busy.

use std::time::Duration;

use tokio::sync::Notify;

use crate::{
    domain::{
        Timestamp, UserId,
        contract::{Cause, Origin, Review},
    },
    pipeline::{
        context::Context,
        members::ingest::Seen,
        memory::quarantine::{Unread, Whose},
        runtime::worker::Worker,
    },
    policy::Failure,
    store::{EventState, NewEvent, StoreError, Tx, Unanswered},
};

/// How long after a failure of the machine's the policy is asked again.
const LATER: Duration = Duration::from_secs(3_600);

/// When the policy is to be asked again after a failure; none if the answer would be the same.
pub(in crate::pipeline) fn later(core: &Context, why: Option<&Failure>) -> Option<Timestamp> {
    match why {
        None | Some(Failure::OutOfTime { .. }) => Some(core.after(LATER)),
        Some(_) => None,
    }
}

/// All guilds, for [`ask_again`].
pub(in crate::pipeline) fn guilds(core: &Context) -> Vec<Seen> {
    core.settings().guilds.iter().map(|guild| Seen::new(core, guild.id)).collect()
}

/// Has the policy asked about members. Returns of whom that can't be done, because something stored can't be read.
pub(in crate::pipeline) fn ask_again(
    tx: &Tx<'_>,
    guilds: &[Seen],
    members: &[Unanswered],
    now: Timestamp,
) -> Result<Unread, StoreError> {
    let mut unread = Unread::new();
    for one in members {
        let Some(seen) = guilds.iter().find(|seen| seen.guild() == one.guild) else { continue };
        if let Err(error) = tx.apart(|tx| ask(tx, seen, one.user, now))? {
            unread.push((Whose::Member(one.user), error));
        }
    }
    Ok(unread)
}

/// Who is no member any more has left, whatever it was that was not decided.
fn ask(tx: &Tx<'_>, seen: &Seen, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    let Some(member) = tx.member(seen.guild(), user)? else { return Ok(()) };
    let (cause, roles) = if member.present {
        (Cause::Review(Review::Retry), seen.tracked(&member.roles))
    } else {
        (Cause::MemberLeft, Vec::new())
    };
    tx.journal(&NewEvent {
        at: now,
        origin: Origin::Timer,
        guild: seen.guild(),
        user,
        cause,
        roles,
        state: EventState::Waiting,
        remark: None,
    })?;
    Ok(())
}

/// Has the policy asked again where the machine was to blame, and it is time.
pub(in crate::pipeline) struct AskAgain;

impl Worker for AskAgain {
    const NAME: &'static str = "ask-again";

    fn signal(context: &Context) -> &Notify {
        &context.signals.undecided
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let now = core.seam.now();
        let next = core.store.read(|tx| tx.next_asked_again()).await?;
        if next.is_some_and(|next| next <= now) {
            let guilds = guilds(core);
            let unread = core
                .store
                .write(move |tx| {
                    let unread = ask_again(tx, &guilds, &tx.due_again(now)?, now)?;
                    tx.asked_again(now)?;
                    Ok(unread)
                })
                .await?;
            core.put_all_aside(&unread).await?;
            return core.store.read(|tx| tx.next_asked_again()).await;
        }
        Ok(next)
    }
}
