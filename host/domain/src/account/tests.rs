//! What happens to an account changes together what belongs together.

use super::*;
use crate::{
    AccountId, Email, EventId, PlexAccountId, ShareId, Timestamp, UserId,
    contract::{Access, Grant},
    reconcile::share::Stage,
};

const NOW: Timestamp = Timestamp(1_767_225_600_000);
const EVENT: EventId = EventId(7);

fn address(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn member() -> Record {
    Record::new(AccountId(1), Some(UserId(900_000_001)))
}

/// A member who has a share.
fn joined() -> Record {
    Record {
        email: Some(address("ann@example.org")),
        plex_account: Some(PlexAccountId(3)),
        share: Some(ShareId(4)),
        stage: Stage::Joined,
        told: Told::Granted,
        ..member()
    }
}

/// A member to whom an invitation is out.
fn invited() -> Record {
    Record { plex_account: None, stage: Stage::Invited, told: Told::Invited, ..joined() }
}

fn against() -> Held {
    Held { why: HeldReason::OthersAddress, words: "gave the address of another member".to_owned() }
}

fn granted() -> Access {
    Access::Granted(Grant::default())
}

#[test]
fn a_grant_asks_a_member_whose_address_is_not_known() {
    let mut account = Account::load(member());
    account.decide(EVENT, false, None);
    assert_eq!(account.pursue(&granted(), Some(EVENT), false, NOW), Pursued::Asks);
    assert_eq!((account.invite_for, account.due, account.generation), (Some(EVENT), Some(NOW), 1));
}

#[test]
fn a_grant_that_creates_nothing_asks_nobody() {
    let mut account = Account::load(member());
    assert_eq!(account.pursue(&granted(), None, false, NOW), Pursued::Nothing);
    assert_eq!(account.invite_for, None);
}

#[test]
fn the_end_of_access_without_a_share_forgets_everything_at_once() {
    let known = Record {
        email: Some(address("ann@example.org")),
        tell: Some((EVENT, "Bye".to_owned())),
        decided_by: Some(EVENT),
        told: Told::Invited,
        ..member()
    };
    let mut account = Account::load(known);
    let ends = Pursued::Ends { forgot: true, tell: Some("Bye".to_owned()) };
    assert_eq!(account.pursue(&Access::Absent, None, false, NOW), ends);
    assert_eq!((account.email.clone(), account.told, account.due), (None, Told::Nothing, None));
}

#[test]
fn the_end_of_access_keeps_the_address_until_plex_confirms_it() {
    let inviting = Record { stage: Stage::None, created_until: Some(NOW), ..joined() };
    let watching = Record { stage: Stage::None, streams_due: Some(NOW), ..joined() };
    for (known, written) in [
        (joined(), false),
        (inviting, false),
        (Record { stage: Stage::None, ..joined() }, true),
        (watching, false),
    ] {
        let mut account = Account::load(known);
        let ends = Pursued::Ends { forgot: false, tell: None };
        assert_eq!(account.pursue(&Access::Absent, None, written, NOW), ends);
        assert!(account.email.is_some());
        assert_eq!(account.due, Some(NOW));
    }
}

#[test]
fn the_end_of_access_forgets_a_claim_although_there_is_a_share() {
    let mut account = Account::load(Record { correction: Some(address("new@example.org")), ..invited() });
    let ends = Pursued::Ends { forgot: true, tell: None };
    assert_eq!(account.pursue(&Access::Absent, None, false, NOW), ends);
    assert_eq!(account.correction, None);
}

#[test]
fn an_address_of_another_member_is_kept_as_a_claim_only() {
    let mut account = Account::load(member());
    account.give(address("ben@example.org"), Some(against()), NOW);
    assert_eq!((account.email.clone(), account.claim.clone()), (None, Some(address("ben@example.org"))));
    assert_eq!(account.held.as_ref().map(|held| held.why), Some(HeldReason::OthersAddress));
}

#[test]
fn a_correction_waits_until_the_invitation_is_withdrawn() {
    let mut account = Account::load(invited());
    let corrected = account.correct(&address("new@example.org"), None, NOW);
    assert_eq!(corrected, Corrected::Waits { replaced: false });
    assert_eq!(account.email, Some(address("ann@example.org")));
    account.take_up_correction(address("new@example.org"), None, true);
    assert_eq!((account.email.clone(), account.correction.clone()), (Some(address("new@example.org")), None));
    assert_eq!(account.stage, Stage::None);
}

#[test]
fn a_correction_back_to_the_invited_address_withdraws_nothing() {
    let mut account = Account::load(invited());
    account.correct(&address("new@example.org"), None, NOW);
    let back = account.correct(&address("ann@example.org"), None, NOW);
    assert_eq!((back, account.correction.clone()), (Corrected::Waits { replaced: true }, None));
    assert_eq!(account.corrections, 2);
}

#[test]
fn the_fourth_correction_changes_nothing() {
    let mut account = Account::load(Record { corrections: CORRECTIONS, ..invited() });
    let before = account.clone();
    assert_eq!(account.correct(&address("new@example.org"), None, NOW), Corrected::TooOften);
    assert_eq!(account, before);
}

#[test]
fn an_invitation_by_an_administrator_to_another_address_forgets_whose_the_share_was() {
    let mut account = Account::load(Record { stage: Stage::Lost, ..joined() });
    assert!(account.invite(&address("new@example.org"), EVENT, NOW));
    assert_eq!((account.plex_account, account.share, account.invited), (None, None, false));
    assert!(account.adopt && account.commanded);
    assert_eq!(account.invite_for, Some(EVENT));
}

#[test]
fn an_invitation_by_an_administrator_while_the_share_is_ended_makes_it_again() {
    let mut account = Account::load(Record { stage: Stage::Leaving, ..joined() });
    assert!(!account.invite(&address("ann@example.org"), EVENT, NOW));
    assert_eq!((account.adopt, account.invite_for), (false, Some(EVENT)));
}

#[test]
fn a_hold_is_news_once() {
    let mut account = Account::load(joined());
    assert!(account.hold(against(), None));
    assert!(!account.hold(against(), None));
    let other = Held { why: HeldReason::NoLibrary, words: "no library `Films`".to_owned() };
    assert!(account.hold(other, Some(NOW)));
}

#[test]
fn a_claim_stays_held_when_plex_agrees() {
    let mut account = Account::load(member());
    account.give(address("ben@example.org"), Some(against()), NOW);
    account.agree(None);
    assert!(account.held.is_some());
    let mut account = Account::load(Record { held: Some(against()), ..joined() });
    account.agree(None);
    assert_eq!(account.held, None);
}

#[test]
fn a_decision_tries_again_what_plex_refused() {
    let parked = Parked { why: ParkReason::Refused, words: "no".to_owned() };
    let mut account = Account::load(Record { refusals: 3, attempts: 2, ..joined() });
    account.park(parked);
    assert_eq!(account.due, None);
    account.pursue(&granted(), None, false, NOW);
    assert_eq!((account.parked.clone(), account.refusals, account.attempts), (None, 0, 0));
    assert_eq!(account.due, Some(NOW));
}

#[test]
fn a_member_is_told_of_a_restriction_once_and_of_its_end() {
    let restricted = rolarr_policy::apply(
        &granted(),
        &crate::contract::Action::RestrictTo(crate::contract::Restriction::default()),
    );
    let mut account = Account::load(joined());
    assert_eq!(account.tell(&restricted).own, Some(Message::Restricted));
    assert_eq!(account.tell(&restricted).own, None);
    assert_eq!(account.tell(&granted()).own, Some(Message::Restored));
}

#[test]
fn a_quiet_decision_tells_nothing_and_is_remembered_as_told() {
    let mut account = Account::load(Record { told: Told::Restricted, ..joined() });
    account.decide(EVENT, true, None);
    assert_eq!(account.tell(&granted()).own, None);
    assert_eq!(account.told, Told::Granted);
}

#[test]
fn a_message_of_an_older_decision_is_not_sent() {
    let mut account = Account::load(Record { tell: Some((EventId(1), "old".to_owned())), ..joined() });
    account.decide(EVENT, false, None);
    assert_eq!(account.tell(&granted()).policys, None);
    account.decide(EVENT, false, Some("new".to_owned()));
    assert_eq!(account.tell(&granted()).policys, Some((EVENT, "new".to_owned())));
}
