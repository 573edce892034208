//! Requests to Plex are about to be sent, and are answered; and what Plex shows is stored.
//!
//! That a request may take effect is stored before it is sent. Its answer is stored whatever was decided meanwhile.

use super::Account;
use crate::{
    PlexAccountId, ShareId, Timestamp,
    reconcile::{
        Windows, later,
        share::{Change, Outcome, ShareState, Stage, answered},
    },
};

impl Account {
    /// Stores what is known of the share by now.
    fn store_share(&mut self, state: ShareState) {
        self.0.stage = state.stage;
        self.0.created_until = state.created_until;
        self.0.ended_until = state.ended_until;
        self.0.absent_since = state.absent_since;
        if !state.may_invite {
            self.0.invite_for = None;
            self.0.adopt = false;
        } else if !self.share_state().may_invite {
            // A bare address has no decision: an administrator invited it.
            self.0.invite_for = self.decided_by;
            self.0.adopt = self.decided_by.is_none();
        }
        if state.stage.is_ended() {
            self.0.share = None;
        }
    }

    /// Stores what a read shows of the share, with the ids that it shows for it.
    pub fn observe(
        &mut self,
        state: ShareState,
        (share, plex_account): (Option<ShareId>, Option<PlexAccountId>),
        change: Change,
    ) {
        self.store_share(state);
        if !state.stage.is_ended() && state.absent_since.is_none() {
            self.0.share = share.or(self.share);
            self.0.plex_account = plex_account.or(self.plex_account);
        }
        if change != Change::Quiet {
            self.0.attempts = 0;
        }
        if change == Change::Accepted {
            self.0.corrections = 0;
        }
    }

    /// The accepted share shows with these ids.
    pub const fn identify(&mut self, share: ShareId, plex_account: PlexAccountId) {
        self.0.share = Some(share);
        self.0.plex_account = Some(plex_account);
    }

    /// A share that an administrator said may be taken over is this account's from now on.
    pub const fn adopt(&mut self, stage: Stage, share: Option<ShareId>, plex_account: Option<PlexAccountId>) {
        self.0.stage = stage;
        self.0.share = share;
        self.0.plex_account = plex_account;
        self.0.invite_for = None;
        self.0.adopt = false;
        self.0.invited = true;
    }

    /// A friend may be invited, as an administrator said.
    pub const fn adopt_friend(&mut self) {
        self.0.invited = true;
    }

    /// plex.tv does not know the number of the Plex account any more.
    pub const fn lose_plex_account(&mut self) {
        self.0.plex_account = None;
    }

    /// An invitation is about to be sent.
    pub fn intend_invitation(&mut self, now: Timestamp, windows: Windows) {
        self.store_share(self.share_state().inviting(now, windows));
        self.0.share = None;
        self.0.invited = true;
    }

    /// The share or the invitation is about to be ended.
    pub fn intend_end(&mut self, now: Timestamp, windows: Windows) {
        self.store_share(self.share_state().ending(now, windows));
    }

    /// A filter, a permission or a list of libraries is about to be written. `streams` is when running streams are to be
    /// ended once more.
    pub fn intend_write(&mut self, streams: Option<Timestamp>, now: Timestamp, windows: Windows) {
        self.0.written_until = later(self.written_until, now.plus_millis(windows.late));
        self.0.streams_due = streams.or(self.streams_due);
    }

    /// An invitation was answered, or not. `before` is the state before it was sent.
    pub fn answer_invitation(
        &mut self,
        before: ShareState,
        outcome: Outcome,
        now: Timestamp,
        windows: Windows,
    ) {
        self.0.created_until = self.share_state().invited(before, outcome, now, windows).created_until;
    }

    /// A request that ends the share was answered, or not. `before` is the state before it was sent.
    pub fn answer_end(&mut self, before: ShareState, outcome: Outcome, now: Timestamp, windows: Windows) {
        self.0.ended_until = self.share_state().ended(before, outcome, now, windows).ended_until;
    }

    /// A write was answered, or not. `before` is until when earlier writes mattered.
    pub fn answer_write(
        &mut self,
        before: Option<Timestamp>,
        outcome: Outcome,
        now: Timestamp,
        windows: Windows,
    ) {
        self.0.written_until = answered(before, self.written_until, outcome, now, windows);
    }

    /// Takes over what another reading of the same account knows of requests.
    pub const fn learn_requests(&mut self, from: &Self) {
        self.0.created_until = from.0.created_until;
        self.0.ended_until = from.0.ended_until;
        self.0.written_until = from.0.written_until;
    }

    /// What was written shows at Plex.
    pub const fn confirm_write(&mut self) {
        self.0.attempts = 0;
    }

    /// The share is about to be ended, and what is watched over it is to be ended from then on.
    pub const fn owe_streams(&mut self, due: Timestamp) {
        self.0.streams_due = Some(due);
    }

    /// Running streams were ended, or can't be.
    pub const fn end_streams(&mut self) {
        self.0.streams_due = None;
    }
}
