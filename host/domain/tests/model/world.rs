//! What is true at Plex for one account, and what other people do there.

use rolarr_domain::FieldValue;

/// Our share of the server with the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Share {
    /// There is none.
    Absent,
    /// An invitation is out.
    Pending,
    /// It is accepted. `owners` says that the owner made it by hand.
    Joined {
        /// The owner made it by hand.
        owners: bool,
    },
}

/// What Plex shows of the account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Truth {
    pub(crate) share: Share,
    /// The filter for movies.
    pub(crate) filter: String,
}

/// A request that was sent and not answered, and takes effect later, if at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Invite,
    End,
    Write(String),
}

/// What is true at Plex, and what may still happen there by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plex {
    pub(crate) truth: Truth,
    /// What was true before, as long as a read can show it.
    pub(crate) stale: Vec<Truth>,
    /// Requests that may still take effect, each with the ticks that are left for it.
    pub(crate) late: Vec<(Late, u64)>,
    /// The conditions that the owner and other tools set, in the order in which they came.
    pub(crate) others: Vec<String>,
    /// The member or the owner ended the share or declined the invitation.
    pub(crate) ended_by_others: bool,
    /// Somebody took our condition out, or put another filter in its place.
    pub(crate) edited: bool,
    /// A request of ours ended or restricted a share that the owner made.
    pub(crate) took_over: bool,
    /// Shares that our requests made.
    pub(crate) made: u8,
    /// Shares that our requests ended.
    pub(crate) ended: u8,
    /// A late request took effect, and a read of the work that is under way can have missed it.
    pub(crate) disturbed: bool,
}

impl Plex {
    /// Changes the truth; reads may show what was before until the next tick.
    pub(crate) fn becomes(&mut self, truth: Truth) {
        if self.truth != truth {
            let before = std::mem::replace(&mut self.truth, truth);
            if !self.stale.contains(&before) {
                self.stale.push(before);
            }
        }
    }

    /// A request takes effect.
    pub(crate) fn apply(&mut self, request: &Late) {
        let share = self.truth.share;
        let owners = matches!(share, Share::Joined { owners: true });
        let next = match request {
            // An invitation to somebody with whom is shared already changes nothing.
            Late::Invite if share == Share::Absent => {
                self.made += 1;
                // What is set for the person starts anew.
                self.others.clear();
                self.edited = false;
                Truth { share: Share::Pending, filter: String::new() }
            }
            Late::Invite => return,
            Late::End => {
                self.took_over |= owners;
                self.ended += u8::from(share != Share::Absent);
                Truth { share: Share::Absent, filter: String::new() }
            }
            Late::Write(_) if share == Share::Absent || share == Share::Pending => return,
            Late::Write(value) => {
                self.took_over |= owners;
                Truth { share, filter: value.clone() }
            }
        };
        self.becomes(next);
    }

    /// Everything that a read can show now: the truth first.
    pub(crate) fn readings(&self) -> Vec<Truth> {
        let mut all = vec![self.truth.clone()];
        all.extend(self.stale.iter().filter(|stale| **stale != self.truth).cloned());
        // Invitations are not listed any more, and friends not yet.
        let between = matches!(self.truth.share, Share::Joined { .. })
            && self.stale.iter().any(|stale| stale.share == Share::Pending);
        let nothing = Truth { share: Share::Absent, filter: String::new() };
        if between && !all.contains(&nothing) {
            all.push(nothing);
        }
        all
    }

    /// Whether the filter shows nothing.
    pub(crate) fn hides(&self) -> bool {
        self.truth.filter.to_lowercase().contains("noaccess")
    }

    /// Whether nothing happens there by itself any more.
    pub(crate) fn is_quiet(&self) -> bool {
        self.stale.is_empty() && self.late.is_empty()
    }

    /// Whether time may pass: a late request takes effect in its time or never.
    pub(crate) fn can_tick(&self) -> bool {
        self.late.iter().all(|(_, left)| *left > 1)
    }

    pub(crate) fn tick(&mut self) {
        self.stale.clear();
        for (_, left) in &mut self.late {
            *left -= 1;
        }
    }
}

/// The value of a filter.
pub(crate) fn value(text: &str) -> FieldValue {
    FieldValue(text.to_owned())
}
