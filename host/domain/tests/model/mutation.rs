//! Rules of the state machines, each of which can be left out. The model must find a story that goes wrong without it.

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutation {
    /// Only the value that was sent last counts as ours.
    OneIntention,
    /// A value that a read shows already is not written.
    TrustOneRead,
    /// A share is taken for ended after one read that shows none.
    OneAbsence,
    /// An invitation without an answer counts as not sent.
    ForgetInvitation,
    /// A request without an answer that ends the share counts as not sent.
    ForgetRemoval,
    /// A filter without an answer counts as not sent.
    ForgetWrite,
    /// What was written for an earlier share is believed of a new one.
    KeepLedger,
    /// The owner's filter is not kept before the first write.
    ForgetOwner,
    /// A condition on a reserved label is the owner's.
    NothingReserved,
    /// A filter belongs to one writer as a whole.
    WholeFilters,
    /// A hold is dropped without going on with what it held.
    DropHold,
    /// What is there before an invitation is sent counts as ours.
    TakeOver,
    /// The account rests although something can still take effect.
    RestEarly,
    /// An answer that arrives after another decision is ignored.
    IgnoreLateAnswer,
    /// A read counts although it began before the last decision.
    IgnoreDecision,
    /// The member is told of a change that Plex does not show yet.
    TellUnseen,
}

impl Mutation {
    pub(crate) const ALL: [Self; 16] = [
        Self::OneIntention,
        Self::TrustOneRead,
        Self::OneAbsence,
        Self::ForgetInvitation,
        Self::ForgetRemoval,
        Self::ForgetWrite,
        Self::KeepLedger,
        Self::ForgetOwner,
        Self::NothingReserved,
        Self::WholeFilters,
        Self::DropHold,
        Self::TakeOver,
        Self::RestEarly,
        Self::IgnoreLateAnswer,
        Self::IgnoreDecision,
        Self::TellUnseen,
    ];
}
