//! What is carried from one event of a member to the next, and how a decision changes it.
//!
//! It is pure: the bot, and whatever replays decisions without a bot, follow the same rule.

use crate::domain::{
    Timestamp,
    contract::{Access, Action, Moment, Wake},
};

/// How far from the decision a wake is at least, in milliseconds: one that is asked for earlier comes then.
pub const LEAST_WAKE: u64 = 60_000;

/// What one guild's decisions made of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The access.
    pub access: Access,
    /// Since when it has the case that it has; none if it never changed.
    pub since: Option<Timestamp>,
    /// What the policy stored last.
    pub memo: String,
    /// The wakes that are still to come, sorted by time and tag.
    pub wakes: Vec<Wake>,
}

/// What a decision leads to besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// It may create a share.
    pub opens: bool,
    /// Something should be true for the member that was not before, or an ended share is asked for again.
    pub moved: bool,
    /// The host sends no message of its own.
    pub quiet: bool,
    /// Messages for this moment.
    pub told_now: Vec<String>,
    /// A message for when the media server agrees.
    pub tell: Option<String>,
    /// The tags of the wakes that were asked for and stand.
    pub asked: Vec<String>,
    /// The tags of the wakes that were asked for too early, and come later than that.
    pub deferred: Vec<String>,
}

impl Carried {
    /// Follows the actions of one decision, from left to right. `now` is when it was decided: wakes come
    /// [`LEAST_WAKE`] after it at the earliest, so that a policy can't wake itself without pause.
    pub fn follow(&mut self, actions: &[Action], now: Timestamp) -> Followed {
        let before = self.access.clone();
        let mut followed = Followed::default();
        for action in actions {
            self.access = rolarr_policy::apply(&self.access, action);
            match action {
                Action::Invite(_) | Action::Unrestrict => followed.opens = true,
                Action::RestrictTo(_) => followed.opens = false,
                Action::Remove => {
                    followed.opens = false;
                    self.memo.clear();
                    self.wakes.clear();
                    followed.asked.clear();
                }
                Action::SetLibraries(_) | Action::Other(_) => {}
                Action::Tell(message) => match message.moment {
                    Moment::Now => followed.told_now.push(message.text.clone()),
                    Moment::OnceDone => followed.tell = Some(message.text.clone()),
                },
                Action::Quiet => followed.quiet = true,
                Action::WakeAt(wake) => {
                    self.cancel(&wake.tag);
                    let due = wake.due.max(now.plus_millis(LEAST_WAKE));
                    followed.deferred.retain(|tag| *tag != wake.tag);
                    if due > wake.due {
                        followed.deferred.push(wake.tag.clone());
                    }
                    self.wakes.push(Wake { tag: wake.tag.clone(), due });
                    followed.asked.retain(|tag| *tag != wake.tag);
                    followed.asked.push(wake.tag.clone());
                }
                Action::CancelWake(tag) => {
                    self.cancel(tag);
                    followed.asked.retain(|other| other != tag);
                }
                Action::SetMemo(memo) => self.memo.clone_from(memo),
            }
        }
        self.wakes.sort_by(|one, other| (one.due, &one.tag).cmp(&(other.due, &other.tag)));
        if std::mem::discriminant(&self.access) != std::mem::discriminant(&before) {
            self.since = Some(now);
        }
        followed.moved = self.access != before || followed.opens;
        followed
    }

    /// What an administrator's removal makes of it.
    pub fn void(&mut self, now: Timestamp) {
        self.wakes.clear();
        if self.access != Access::Absent {
            self.access = Access::Absent;
            self.since = Some(now);
            self.memo.clear();
        }
    }

    /// Takes out the wake that is due first, if one is due at this time. Its event has the time when it was due.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Wake> {
        let due = self.wakes.first().is_some_and(|wake| wake.due <= now);
        due.then(|| self.wakes.remove(0))
    }

    fn cancel(&mut self, tag: &str) {
        self.wakes.retain(|wake| wake.tag != tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contract::{Grant, Message, Restriction};

    fn wake(tag: &str, due: u64) -> Wake {
        Wake { tag: tag.to_owned(), due: due.into() }
    }

    #[test]
    fn the_same_tag_replaces_and_the_earliest_is_due_first() {
        let mut carried = Carried::default();
        let actions = [
            Action::WakeAt(wake("b", 500_000)),
            Action::WakeAt(wake("a", 900_000)),
            Action::WakeAt(wake("a", 300_000)),
            Action::WakeAt(wake("c", 700_000)),
            Action::CancelWake("c".to_owned()),
        ];
        let followed = carried.follow(&actions, 1.into());
        assert_eq!(carried.wakes, [wake("a", 300_000), wake("b", 500_000)]);
        assert_eq!((followed.asked, followed.deferred), (vec!["b".to_owned(), "a".to_owned()], vec![]));
        assert_eq!(carried.take_due(200_000.into()), None);
        assert_eq!(carried.take_due(800_000.into()), Some(wake("a", 300_000)));
        assert_eq!(carried.take_due(800_000.into()), Some(wake("b", 500_000)));
        assert_eq!(carried.take_due(800_000.into()), None);
    }

    #[test]
    fn a_wake_too_close_to_the_decision_comes_later() {
        let mut carried = Carried::default();
        let ask = |tag, due| Action::WakeAt(wake(tag, due));
        // The last one of a tag counts, and a time just far enough is kept.
        let actions = [ask("a", 1_001), ask("b", 60_999), ask("c", 61_000), ask("d", 5), ask("d", 90_000)];
        let followed = carried.follow(&actions, 1_000.into());
        assert_eq!(followed.deferred, ["a", "b"]);
        let expected = [wake("a", 61_000), wake("b", 61_000), wake("c", 61_000), wake("d", 90_000)];
        assert_eq!(carried.wakes, expected);
    }

    #[test]
    fn removing_forgets_memo_and_wakes_but_not_what_comes_after_it() {
        let mut carried = Carried {
            access: Access::Granted(Grant::default()),
            memo: "old".to_owned(),
            wakes: vec![wake("old", 9)],
            since: None,
        };
        let followed = carried.follow(
            &[Action::WakeAt(wake("x", 90_000)), Action::Remove, Action::WakeAt(wake("y", 90_000))],
            3.into(),
        );
        assert_eq!(
            carried,
            Carried {
                access: Access::Absent,
                memo: String::new(),
                wakes: vec![wake("y", 90_000)],
                since: Some(3.into())
            }
        );
        assert_eq!(followed.asked, ["y"]);
        assert!(followed.moved && !followed.opens);
    }

    #[test]
    fn since_changes_with_the_case_of_the_access_and_not_with_its_content() {
        let mut carried = Carried::default();
        carried.follow(&[Action::Invite(Grant::default())], 5.into());
        assert_eq!(carried.since, Some(5.into()));
        carried.follow(&[Action::SetLibraries(vec!["Movies".to_owned()])], 6.into());
        assert_eq!(carried.since, Some(5.into()));
        carried.follow(&[Action::RestrictTo(Restriction::default())], 7.into());
        assert_eq!(carried.since, Some(7.into()));
        let same = carried.follow(&[Action::Quiet], 8.into());
        assert_eq!(same, Followed { quiet: true, ..Followed::default() });
        assert_eq!(carried.since, Some(7.into()));
    }

    #[test]
    fn a_restriction_closes_what_an_invitation_opened() {
        let mut carried = Carried::default();
        let invite = Action::Invite(Grant::default());
        let restrict = Action::RestrictTo(Restriction::default());
        assert!(carried.follow(&[restrict.clone(), invite.clone()], 1.into()).opens);
        assert!(!carried.follow(&[invite, restrict], 1.into()).opens);
    }

    #[test]
    fn messages_go_to_their_moment_and_the_last_one_for_later_counts() {
        let tell = |text: &str, moment| Action::Tell(Message { text: text.to_owned(), moment });
        let followed = Carried::default().follow(
            &[
                tell("a", Moment::Now),
                tell("b", Moment::OnceDone),
                tell("c", Moment::Now),
                tell("d", Moment::OnceDone),
            ],
            1.into(),
        );
        assert_eq!(followed.told_now, ["a", "c"]);
        assert_eq!(followed.tell.as_deref(), Some("d"));
        assert!(!followed.moved);
    }

    #[test]
    fn an_administrators_removal_leaves_nothing() {
        let mut carried = Carried {
            access: Access::Granted(Grant::default()),
            since: Some(1.into()),
            memo: "old".to_owned(),
            wakes: vec![wake("old", 9)],
        };
        carried.void(4.into());
        assert_eq!(carried, Carried { since: Some(4.into()), ..Carried::default() });
    }
}
