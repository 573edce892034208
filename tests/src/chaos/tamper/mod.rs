//! Worlds in which one thing is wrong on purpose: a judge who does not name it is no judge.

mod strike;

use anyhow::Result;

use self::strike::Tampered;
use super::{driver, judge};

macro_rules! tampers {
    ($($(#[$meta:meta])* $name:ident => $text:literal,)*) => {
        /// What is made wrong in a run that is right.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Tamper { $($(#[$meta])* $name,)* }

        impl Tamper {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the judge says of it.
            #[must_use]
            pub fn verdict(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

tampers! {
    /// A message came once more, after Discord forgot its nonce.
    MessageTwice => "one message came 2 times",
    /// The same in the audit channel.
    AuditTwice => "one message came 2 times",
    /// A member was told of one decision by two messages.
    ToldTwice => "was told twice of one decision",
    /// A message that was sent is gone.
    MessageLost => "counts as sent and does not stand there",
    /// A message is still to be sent.
    MessageWaits => "a message waits still",
    /// A question is open that nobody was sent.
    Unasked => "a question is open and nobody sees it",
    /// A member was held for long, and no message named them.
    Unannounced => "no administrator was told",
    /// An invitation was sent again.
    InvitedTwice => "a second invitation",
    /// A share was offered to somebody who is restricted.
    SharedByRestriction => "was offered a share",
    /// A restricted member's filters were emptied.
    Widened => "sees more since a write",
    /// The same by hand.
    Visible => "and should see",
    /// A restricted member watches still.
    Watches => "watches still what was begun before",
    /// A restricted member pressed play again before the server knew of the filter, and watches still.
    WatchesOn => "watches still what was begun before",
    /// A share is gone that somebody has.
    ShareGone => "has access and nothing at Plex",
    /// Somebody has a share that nobody decided.
    ShareMade => "has something at Plex and should not",
    /// Somebody who has access is restricted.
    Hidden => "and should see",
    /// A share holds fewer libraries.
    FewerLibraries => "has other libraries than were decided",
    /// Somebody may download who should not, or may not who should.
    Downloads => "downloads are",
    /// The same of live television.
    LiveTelevision => "live television is",
    /// A removed member is a friend of the owner still.
    FriendStill => "is a friend of the owner still",
    /// A filter of ours stayed with a removed member.
    FilterLeft => "a filter of ours was left behind",
    /// The address of a removed member stands in the files.
    EmailLeft => "the address stands in the database's files",
    /// An address that was given is not known.
    AddressLost => "gave the address, and it is not known",
    /// A change on Discord was not noticed.
    EventMissed => "a change on Discord was missed",
    /// An event was not decided.
    Undecided => "an event was never decided",
    /// What counts as decided is something else.
    NotAsDecided => "is not what the decisions say",
    /// Something is to be done for an account.
    NotDone => "something is still to be done",
    /// A protected member has an account.
    ProtectedTouched => "is protected and was touched",
    /// Something was done at Plex about somebody while they were protected.
    GuardedTouched => "was protected, and something was done",
    /// Somebody else's filter is another.
    ForeignChanged => "somebody else's share was changed",
    /// A request named somebody else's account in its body.
    ForeignNamed => "is about somebody else's share",
    /// Something was taken from a member who was held.
    HeldTaken => "was held from",
    /// Something was taken although the role was back within the settling time.
    FlickerTaken => "within the settling time",
    /// Something was taken before the settling time was over.
    EarlyTaken => "within the settling time",
    /// Something was taken with a role that was deleted.
    RoleTaken => "and nobody approved it",
    /// Nobody may lose anything.
    TooMany => "and the brake lets 0 pass",
}

/// What came of a tamper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    /// There was nothing to do it with.
    Not,
    /// The judge named it.
    Named,
    /// The judge did not.
    Missed,
}

/// Runs one seed without anything wrong, and then makes each of these wrong in a copy of what it left.
///
/// # Errors
/// If the run can't be set up or looked at.
pub async fn tampered(seed: u64, tampers: &[Tamper]) -> Result<Vec<(Tamper, Struck)>> {
    let (_, evidence, town) = driver::to_the_end(seed, false).await?;
    let before = judge::at_the_end(&evidence, &town).await?;
    let mut outcomes = Vec::new();
    for tamper in tampers {
        let mut world = Tampered { evidence: evidence.copy()?, town: town.clone() };
        let struck = if world.strike(*tamper).await? {
            let found = judge::at_the_end(&world.evidence, &world.town).await?;
            let fresh = |violation: &&String| !before.contains(violation);
            let named = found.iter().filter(fresh).any(|violation| violation.contains(tamper.verdict()));
            if named { Struck::Named } else { Struck::Missed }
        } else {
            Struck::Not
        };
        outcomes.push((*tamper, struck));
    }
    Ok(outcomes)
}

/// Runs one seed with a pipeline whose brake lets everything pass: whether the judge notices.
///
/// # Errors
/// If the run can't be set up or looked at.
pub async fn without_brake(seed: u64) -> Result<bool> {
    let (_, evidence, town) = driver::to_the_end(seed, true).await?;
    let found = judge::at_the_end(&evidence, &town).await?;
    Ok(found.iter().any(|violation| violation.contains("and the brake lets")))
}
