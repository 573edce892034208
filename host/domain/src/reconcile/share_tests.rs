use super::*;

const WINDOWS: Windows = Windows { confirm: 10, stale: 100, late: 1_000 };

fn at(millis: u64) -> Timestamp {
    Timestamp(millis)
}

fn read(standing: Standing, began: u64) -> Read {
    Read { standing, began: at(began), confirms: false }
}

fn confirmed(standing: Standing, began: u64) -> Read {
    Read { confirms: true, ..read(standing, began) }
}

fn state(stage: Stage) -> ShareState {
    ShareState { stage, ..ShareState::default() }
}

fn after(state: ShareState, desired: Desired, read: Read) -> Step {
    next(state, desired, Some(read), WINDOWS)
}

/// The state that a step stores.
#[track_caller]
fn stored(step: Step) -> (ShareState, Change) {
    match step {
        Step::Store(state, change) => (state, change),
        other => panic!("nothing is stored: {other:?}"),
    }
}

const PENDING: Standing = Standing::Pending { invitation: true, known: true };

#[test]
fn next_without_a_share_begins_only_what_may_be_begun() {
    let may = ShareState { may_invite: true, ..state(Stage::None) };
    let steps = [
        (may, Desired::Granted, Step::Begin),
        (state(Stage::None), Desired::Granted, Step::Rest(None)),
        (state(Stage::Declined), Desired::Granted, Step::Rest(None)),
        (may, Desired::Restricted, Step::Rest(None)),
        (may, Desired::Absent, Step::Forget),
        (state(Stage::Lost), Desired::Absent, Step::Forget),
    ];
    for (state, desired, step) in steps {
        assert_eq!(next(state, desired, None, WINDOWS), step, "{state:?}, {desired:?}");
    }
}

#[test]
fn next_with_an_unanswered_invitation_forgets_nobody_before_it_can_take_effect_no_more() {
    let open = ShareState { created_until: Some(at(500)), ..state(Stage::None) };
    assert_eq!(next(open, Desired::Absent, None, WINDOWS), Step::Read);
    assert_eq!(after(open, Desired::Absent, read(Standing::Absent, 499)), Step::Rest(Some(at(500))));
    assert_eq!(
        after(open, Desired::Absent, read(Standing::Absent, 500)),
        Step::Store(state(Stage::None), Change::Quiet)
    );
    let (late, change) = stored(after(open, Desired::Absent, read(PENDING, 499)));
    assert_eq!((late.stage, change), (Stage::Invited, Change::Invited));
    assert_eq!(after(late, Desired::Absent, read(PENDING, 499)), Step::Withdraw);
}

#[test]
fn next_before_an_invitation_is_sent_wants_an_absence_to_be_confirmed_and_takes_nothing_over() {
    let begun = state(Stage::None).inviting(at(0), WINDOWS);
    assert_eq!(begun.created_until, Some(at(1_000)));
    assert_eq!(after(begun, Desired::Granted, read(Standing::Absent, 20)), Step::ReadAgain);
    assert_eq!(after(begun, Desired::Granted, confirmed(Standing::Absent, 20)), Step::Invite);
    assert_eq!(stored(after(begun, Desired::Granted, read(PENDING, 20))).1, Change::Invited);
    assert_eq!(stored(after(begun, Desired::Granted, read(Standing::Joined, 20))).1, Change::Accepted);
    // Nothing was sent that can have made what shows.
    let fresh = state(Stage::Inviting);
    assert_eq!(after(fresh, Desired::Granted, read(Standing::Joined, 20)), Step::Begin);
    assert_eq!(stored(after(fresh, Desired::Absent, read(Standing::Joined, 20))).0, state(Stage::None));
}

#[test]
fn next_for_a_share_that_vanishes_is_lost_only_once_a_later_read_agrees() {
    let joined = state(Stage::Joined);
    let (doubted, change) = stored(after(joined, Desired::Granted, read(Standing::Absent, 50)));
    assert_eq!((doubted, change), (ShareState { absent_since: Some(at(50)), ..joined }, Change::Quiet));
    assert_eq!(after(doubted, Desired::Granted, read(Standing::Absent, 149)), Step::Rest(Some(at(150))));
    let back = stored(after(doubted, Desired::Granted, read(Standing::Joined, 149)));
    assert_eq!(back, (joined, Change::Quiet));
    let gone = stored(after(doubted, Desired::Granted, read(Standing::Absent, 150)));
    assert_eq!(gone, (state(Stage::Lost), Change::Lost));
    // An invitation that was out is declined by then, and not lost.
    let invited = ShareState { absent_since: Some(at(50)), ..state(Stage::Invited) };
    let declined = stored(after(invited, Desired::Granted, read(Standing::Absent, 150)));
    assert_eq!(declined, (state(Stage::Declined), Change::Declined));
    // The owner's own invitation says that the share which was there is gone.
    let owners = Standing::Pending { invitation: true, known: false };
    assert_eq!(stored(after(joined, Desired::Granted, read(owners, 50))).0.absent_since, Some(at(50)));
}

#[test]
fn next_for_somebody_who_leaves_ends_what_shows_and_trusts_two_reads_that_nothing_is_left() {
    let joined = state(Stage::Joined);
    assert_eq!(after(joined, Desired::Absent, read(Standing::Joined, 20)), Step::End);
    let leaving = joined.ending(at(20), WINDOWS);
    assert_eq!(after(leaving, Desired::Absent, read(PENDING, 30)), Step::Withdraw);
    assert_eq!(after(leaving, Desired::Absent, read(Standing::Absent, 30)), Step::ReadAgain);
    let (gone, change) = stored(after(leaving, Desired::Absent, confirmed(Standing::Absent, 40)));
    assert_eq!((gone.stage, gone.ended_until, change), (Stage::None, Some(at(1_020)), Change::Quiet));
    assert_eq!(next(gone, Desired::Absent, None, WINDOWS), Step::Forget);
    // An invitation without an answer may still make a share.
    let open = ShareState { created_until: Some(at(900)), ..leaving };
    assert_eq!(after(open, Desired::Absent, confirmed(Standing::Absent, 40)), Step::Rest(Some(at(900))));
}

#[test]
fn next_for_somebody_who_returns_keeps_what_is_left_of_the_share() {
    let leaving = ShareState { may_invite: true, ..state(Stage::Joined) }.ending(at(0), WINDOWS);
    let (kept, _) = stored(after(leaving, Desired::Granted, read(Standing::Joined, 20)));
    assert_eq!(kept, ShareState { stage: Stage::Joined, ..leaving });
    // It may still end: until then the invitation that would be needed stays allowed.
    assert_eq!(after(kept, Desired::Granted, read(Standing::Joined, 30)), Step::Keep);
    let (safe, _) = stored(after(kept, Desired::Granted, read(Standing::Joined, 1_000)));
    assert_eq!(safe, state(Stage::Joined));
    // Nobody can accept what a withdrawn invitation left behind.
    let rest = Standing::Pending { invitation: false, known: true };
    assert_eq!(after(leaving, Desired::Granted, read(rest, 20)), Step::Withdraw);
    assert_eq!(after(leaving, Desired::Granted, read(Standing::Absent, 20)), Step::ReadAgain);
    let (gone, _) = stored(after(leaving, Desired::Granted, confirmed(Standing::Absent, 40)));
    assert_eq!(next(gone, Desired::Granted, None, WINDOWS), Step::Begin);
}

#[test]
fn next_for_a_share_ended_by_one_of_two_unanswered_removals_allows_an_invitation_for_each() {
    let joined = state(Stage::Joined);
    // Two removals are sent, and none is answered.
    let first = joined.ending(at(0), WINDOWS).ended(joined, Outcome::Unknown, at(30), WINDOWS);
    let second = first.ending(at(500), WINDOWS).ended(first, Outcome::Unknown, at(530), WINDOWS);
    assert_eq!(second.ended_until, Some(at(1_500)));
    // The role is back, the share shows still, and then the first removal ends it.
    let (kept, _) = stored(after(second, Desired::Granted, read(Standing::Joined, 540)));
    let (doubted, _) = stored(after(kept, Desired::Granted, read(Standing::Absent, 600)));
    let (gone, change) = stored(after(doubted, Desired::Granted, read(Standing::Absent, 700)));
    assert_eq!((gone.stage, change), (Stage::None, Change::Quiet));
    assert!(gone.may_invite);
    assert_eq!(gone.ended_until, Some(at(1_500)), "the second removal may still take effect");
    // A new share is made, and the second removal ends that one too: it may be made again.
    let sent = gone.inviting(at(710), WINDOWS);
    let sent = sent.invited(gone, Outcome::Done, at(720), WINDOWS);
    let (invited, _) = stored(after(sent, Desired::Granted, read(PENDING, 730)));
    let (again, _) = stored(after(invited, Desired::Granted, read(Standing::Absent, 900)));
    let (gone, change) = stored(after(again, Desired::Granted, read(Standing::Absent, 1_000)));
    assert_eq!((gone.stage, gone.may_invite, change), (Stage::None, true, Change::Quiet));
    // Once it has passed, nothing of ours can end a share, and nothing is kept of it.
    let (passed, _) = stored(after(again, Desired::Granted, read(Standing::Absent, 1_500)));
    assert_eq!((passed.may_invite, passed.ended_until), (true, None));
}

#[test]
fn answered_by_each_outcome_matters_for_as_long_as_it_can() {
    let (before, sending) = (Some(at(300)), Some(at(1_000)));
    let until = |outcome| answered(before, sending, outcome, at(250), WINDOWS);
    assert_eq!(until(Outcome::Done), Some(at(350)), "old values can show for a while");
    assert_eq!(until(Outcome::NotApplied), before, "an earlier request is not settled by a later refusal");
    assert_eq!(until(Outcome::Unknown), sending);
    assert_eq!(answered(Some(at(400)), sending, Outcome::Done, at(250), WINDOWS), Some(at(400)));
    let state = ShareState { created_until: before, ended_until: sending, ..ShareState::default() };
    assert_eq!(state.uncertain_until(at(299)), sending);
    assert_eq!(state.uncertain_until(at(1_000)), None);
}
