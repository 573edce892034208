//! What kinds of things administrators are told.

use crate::words::words;

words! {
    /// The kind of an entry in the audit.
    AuditKind {
        /// Something that the operator has to see to.
        Alarm = "alarm",
        /// An administrator's command.
        Command = "command",
        /// A member gave another address.
        Corrected = "corrected",
        /// What the policy decided about a member.
        Decision = "decision",
        /// A member declined an invitation.
        Declined = "declined",
        /// Work that is tried again and again.
        Delayed = "delayed",
        /// A comparison with Plex found a difference.
        Drift = "drift",
        /// Somebody else changed something at Plex, and it is left as it is.
        Foreign = "foreign",
        /// A change waits for an administrator.
        Held = "held",
        /// The libraries of the server changed.
        Libraries = "libraries",
        /// A share was ended by the member or the owner.
        Lost = "lost",
        /// Plex refuses what was asked for an account.
        Parked = "parked",
        /// Another policy decides, or a policy asks for too much.
        Policy = "policy",
        /// An address was refused.
        Refused = "refused",
        /// A role was deleted.
        Role = "role",
        /// Running streams could not be ended.
        Streams = "streams",
        /// The Plex token is refused, or works again.
        Token = "token",
    }
}

impl AuditKind {
    /// Whether it comes before the others.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Alarm | Self::Token)
    }

    /// Whether there can be any number of them: beyond some that wait, the others are counted in one message.
    #[must_use]
    pub const fn is_frequent(self) -> bool {
        matches!(self, Self::Decision | Self::Policy)
    }
}
