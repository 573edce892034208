//! Events that the policy failed on are not run again: the member's next event is decided as if they had not been.
//! Where none comes, the policy is asked about what is there now, once there is hope for an answer: when another one
//! has taken over, or a while later if the machine was too busy.

use std::time::Duration;

use super::{core::Core, seen::Seen};
use crate::{
    domain::{
        Timestamp,
        contract::{Cause, Origin, Review},
    },
    policy::Failure,
    store::{EventState, NewEvent, StoreError, Tx, Unanswered},
};

/// How long after a failure of the machine's the policy is asked again.
const LATER: Duration = Duration::from_secs(3_600);

/// When the policy is to be asked again after a failure; none if the answer would be the same.
pub(super) fn later(core: &Core, why: Option<&Failure>) -> Option<Timestamp> {
    match why {
        None | Some(Failure::OutOfTime { .. }) => Some(core.after(LATER)),
        Some(_) => None,
    }
}

/// All guilds, for [`ask_again`].
pub(super) fn guilds(core: &Core) -> Vec<Seen> {
    core.settings.guilds.iter().map(|guild| Seen::new(core, guild.id)).collect()
}

/// Has the policy asked about members. Who is no member any more has left, whatever it was that was not decided.
pub(super) fn ask_again(
    tx: &Tx<'_>,
    guilds: &[Seen],
    members: &[Unanswered],
    now: Timestamp,
) -> Result<(), StoreError> {
    for Unanswered { guild, user, .. } in members {
        let Some(seen) = guilds.iter().find(|seen| seen.guild() == *guild) else { continue };
        let Some(member) = tx.member(*guild, *user)? else { continue };
        let cause = if member.present { Cause::Review(Review::Retry) } else { Cause::MemberLeft };
        let roles = if member.present { seen.tracked(&member.roles) } else { Vec::new() };
        tx.journal(&NewEvent {
            at: now,
            origin: Origin::Timer,
            guild: *guild,
            user: *user,
            cause,
            roles,
            state: EventState::Waiting,
            remark: None,
        })?;
    }
    Ok(())
}

impl Core {
    /// Has the policy asked anew where the machine was to blame, and it is time.
    pub(super) async fn retry(&self) -> Result<(), StoreError> {
        let now = self.seam.now();
        if !self.store.read(move |tx| tx.is_due_again(now)).await? {
            return Ok(());
        }
        let guilds = guilds(self);
        self.store
            .write(move |tx| {
                ask_again(tx, &guilds, &tx.due_again(now)?, now)?;
                tx.asked_again(now)
            })
            .await
    }
}
