//! A member gave a mistyped address and gives another one before the invitation is accepted.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rolarr::{
    pipeline::ports::{ButtonAction, Command, Pressed},
    store::{PromptState, Stage as At},
};
use rolarr_sim::{
    http::Request,
    plex::{Effect, Fault, MACHINE, PlexSim},
};
use rolarr_tests::inprocess::{ANN, BEGINNING, BEN, Place, Setting, Stage};

/// An address that was mistyped.
const ANM: &str = "anm@example.org";
/// Longer than a correction takes.
const MINUTES: Duration = Duration::from_secs(120);
/// Longer than a request that was not answered can still take effect.
const LONG: Duration = Duration::from_secs(600);

/// Alice has the role and gave this address.
async fn invited(address: &str) -> Result<Stage> {
    invited_on(Stage::set().await?, address).await
}

async fn invited_on(stage: Stage, address: &str) -> Result<Stage> {
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    says(&stage, address, "Thank you").await?;
    stage.settle().await;
    Ok(stage)
}

/// Alice writes something, and this is in the answer.
async fn says(stage: &Stage, text: &str, answer: &str) -> Result<()> {
    let reply = stage.write(stage.alice(), text).await?.context("no answer")?;
    anyhow::ensure!(reply.text.contains(answer), "{text:?}: {}", reply.text);
    Ok(())
}

/// To whom invitations are out.
fn out(stage: &Stage) -> Vec<String> {
    stage.at_plex().invites().iter().map(|invite| invite.typed.clone()).collect()
}

fn accepts(stage: &Stage, who: &str) -> Result<()> {
    let now = stage.now();
    stage.at_plex().person_accepts(now, who)?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_mistyped_address_is_corrected_by_a_plain_answer() -> Result<()> {
    let stage = invited(ANM).await?;
    assert_eq!(out(&stage), [ANM]);
    says(&stage, ANN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [ANN]);
    let writes = stage.writes();
    let position = |method: &str, nth: usize| {
        let mut found = writes.iter().enumerate().filter(|(_, write)| write.starts_with(method));
        found.nth(nth).map(|(index, _)| index).unwrap()
    };
    assert!(position("DELETE", 0) < position("POST", 1), "the first one is withdrawn first: {writes:?}");
    assert!(!stage.database_holds(ANM)?, "the first one is forgotten");
    let audit = stage.audit();
    assert!(audit.iter().any(|line| line.contains("gave another e-mail address")), "{audit:?}");
    assert!(audit.iter().all(|line| !line.contains("declined")), "{audit:?}");

    accepts(&stage, ANN)?;
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    says(&stage, BEN, "linked to a Plex account already").await?;
    let told = stage.messages(stage.alice());
    assert_eq!(told.len(), 1, "nothing but the question: {told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_button_under_the_question_changes_the_address_while_the_invitation_is_pending() -> Result<()> {
    let stage = invited(ANM).await?;
    let alice = stage.alice();
    let question = stage.messages(alice).pop().context("no question")?;
    assert!(question.contains("you can change it until the invitation is accepted"), "{question}");
    assert_eq!(stage.open_buttons(alice).len(), 1);
    let prompt = stage.read(move |tx| tx.latest_prompt(alice)).await?.context("no question")?;
    assert_eq!(prompt.state, PromptState::Answered);
    let press = ButtonAction::Answer(prompt.id);
    let Pressed::Form(id) = stage.press(alice, press).await? else { bail!("no form") };
    let reply = stage.fill_in(alice, id, &format!("It is **{ANN}**.")).await?.context("no answer")?;
    assert!(reply.text.contains("Thank you"), "{}", reply.text);
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [ANN]);
    let link = Command::Link { email: None };
    let reply = stage.command(alice, false, link.clone()).await?;
    assert!(reply.text.contains("you can change it"), "{}", reply.text);

    accepts(&stage, ANN)?;
    stage.wait(MINUTES).await;
    assert!(stage.open_buttons(alice).is_empty(), "{:?}", stage.messages(alice));
    assert!(matches!(stage.press(alice, press).await?, Pressed::Say(_)));
    let reply = stage.command(alice, false, link).await?;
    assert!(reply.text.contains("linked to a Plex account already"), "{}", reply.text);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_can_be_changed_three_times_and_the_same_one_again_is_no_change() -> Result<()> {
    let stage = invited(ANM).await?;
    for address in ["a1@example.org", "a2@example.org", "a2@example.org", "A2@example.org", ANN] {
        says(&stage, address, "Thank you").await?;
        stage.wait(MINUTES).await;
    }
    assert_eq!(stage.at_plex().world.offered.len(), 4);
    assert!(stage.open_buttons(stage.alice()).is_empty());
    for _ in 0..2 {
        says(&stage, BEN, "several times already").await?;
        says(&stage, ANN, "Thank you").await?;
        stage.wait(MINUTES).await;
    }
    assert_eq!(out(&stage), [ANN]);
    assert_eq!(stage.at_plex().world.offered.len(), 4);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_changed_before_a_declined_invitation_counts_after_it() -> Result<()> {
    let stage = invited(ANM).await?;
    for address in ["a1@example.org", "a2@example.org", "a3@example.org"] {
        says(&stage, address, "Thank you").await?;
        stage.wait(MINUTES).await;
    }
    stage.at_plex().person_declines("a3@example.org")?;
    stage.wait(LONG).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Declined);
    // Another address is a new beginning once.
    says(&stage, BEN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [BEN]);
    says(&stage, ANN, "several times already").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [BEN]);
    assert!(stage.open_buttons(stage.alice()).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_held_after_a_declined_invitation_is_changed_three_times_at_most() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), BEN).await?.context("no answer")?;
    stage.settle().await;
    let stage = invited_on(stage, ANM).await?;
    stage.at_plex().person_declines(ANM)?;
    stage.wait(LONG).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Declined);
    // Bob's address is held, and what follows replaces it.
    for address in [BEN, "a1@example.org", "a2@example.org", "a3@example.org"] {
        says(&stage, address, "Thank you").await?;
        stage.wait(MINUTES).await;
    }
    assert_eq!(out(&stage), [BEN, "a3@example.org"]);
    says(&stage, ANN, "several times already").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [BEN, "a3@example.org"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_first_address_again_before_anything_was_withdrawn_leaves_its_invitation_alone() -> Result<()> {
    let stage = invited(ANM).await?;
    let away = Fault::on("GET", "/api/users/", Effect::Status { status: 503, retry_after: None });
    stage.at_plex().fault(away);
    says(&stage, ANN, "Thank you").await?;
    stage.settle().await;
    says(&stage, ANM, "Thank you").await?;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.correction, account.corrections), (None, 2));
    stage.at_plex().clear_faults();
    stage.wait(LONG * 3).await;
    assert_eq!(out(&stage), [ANM]);
    assert_eq!(stage.writes().len(), 1, "nothing was withdrawn: {:?}", stage.writes());
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    assert!(!stage.database_holds(ANN)?, "the other one is forgotten");

    accepts(&stage, ANM)?;
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    let told = stage.messages(stage.alice());
    assert_eq!(told.len(), 1, "nothing but the question: {told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_first_address_again_while_its_invitation_is_withdrawn_is_invited_again() -> Result<()> {
    for place in Place::ALL {
        let stage = invited(ANM).await?;
        let withdraws = |request: &Request| request.method == "DELETE";
        let mut under_way = stage.plex_boundaries.stop(place, withdraws);
        says(&stage, ANN, "Thank you").await?;
        assert!(under_way.reached().await);
        says(&stage, ANM, "Thank you").await?;
        drop(under_way);
        stage.wait(MINUTES).await;
        assert_eq!(out(&stage), [ANM], "{place:?}");
        assert_eq!(stage.at_plex().world.offered.len(), 2, "{place:?}");
        let account = stage.account(stage.alice()).await?;
        assert_eq!((account.stage, account.held, account.correction), (At::Invited, None, None), "{place:?}");
        assert!(!stage.database_holds(ANN)?, "{place:?}: the other one is forgotten");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_changed_before_the_first_was_invited_is_invited_alone() -> Result<()> {
    let stage = Stage::set().await?;
    let away = Fault::on("GET", "/api/users/", Effect::Status { status: 503, retry_after: None });
    stage.at_plex().fault(away);
    let stage = invited_on(stage, ANM).await?;
    says(&stage, ANN, "Thank you").await?;
    stage.settle().await;
    stage.at_plex().clear_faults();
    stage.wait(LONG * 3).await;
    assert_eq!(out(&stage), [ANN]);
    assert_eq!(stage.at_plex().world.offered.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_was_accepted_already_is_left_and_both_sides_are_told() -> Result<()> {
    let stage = invited(ANM).await?;
    accepts(&stage, ANM)?;
    says(&stage, ANN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    assert!(out(&stage).is_empty());
    assert!(stage.at_plex().share_of(ANM).is_some());
    let told = stage.messages(stage.alice());
    assert!(told.iter().any(|text| text.contains("was accepted already")), "{told:?}");
    assert!(stage.audit().iter().any(|line| line.contains("/plex remove")), "{:?}", stage.audit());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_first_invitation_that_was_not_answered_is_withdrawn_whenever_it_shows() -> Result<()> {
    for applied in [true, false] {
        let stage = Stage::set().await?;
        let route = "/api/servers/{machine}/shared_servers";
        stage.at_plex().fault(Fault::on("POST", route, Effect::Drop { applied }).times(1));
        let stage = invited_on(stage, ANM).await?;
        says(&stage, ANN, "Thank you").await?;
        stage.wait(LONG * 2).await;
        assert_eq!(out(&stage), [ANN], "applied: {applied}");
        let account = stage.account(stage.alice()).await?;
        assert_eq!((account.stage, account.correction), (At::Invited, None), "applied: {applied}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_that_fails_is_tried_again_before_the_other_address_is_invited() -> Result<()> {
    let stage = invited(ANM).await?;
    for route in ["/api/invites/requested/{id}", "/api/servers/{machine}/shared_servers/{share}"] {
        let fails = Effect::Status { status: 500, retry_after: None };
        stage.at_plex().fault(Fault::on("DELETE", route, fails).times(2));
    }
    says(&stage, ANN, "Thank you").await?;
    stage.wait(LONG * 2).await;
    assert_eq!(out(&stage), [ANN]);
    assert!(stage.at_plex().share_of(ANM).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_between_goes_on_with_the_other_address() -> Result<()> {
    let mut stage = invited(ANM).await?;
    says(&stage, ANN, "Thank you").await?;
    stage.stop().await;
    stage.start().await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [ANN]);
    assert!(!stage.database_holds(ANM)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_role_that_goes_in_between_withdraws_and_the_role_that_returns_invites_the_other_address()
-> Result<()> {
    let stage = invited(ANM).await?;
    says(&stage, ANN, "Thank you").await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(LONG).await;
    assert!(out(&stage).is_empty());
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [ANN]);
    assert!(!stage.database_holds(ANM)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_in_between_is_forgotten_with_both_addresses() -> Result<()> {
    let stage = invited(ANM).await?;
    says(&stage, ANN, "Thank you").await?;
    stage.leave(stage.alice()).await?;
    stage.wait(LONG).await;
    assert!(out(&stage).is_empty());
    assert!(!stage.database_holds(ANM)? && !stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_removal_by_an_administrator_finds_a_member_by_the_address_that_waits() -> Result<()> {
    let stage = invited(ANM).await?;
    let fails = Effect::Status { status: 500, retry_after: None };
    stage.at_plex().fault(Fault::on("DELETE", "/api/invites/requested/{id}", fails));
    says(&stage, ANN, "Thank you").await?;
    stage.wait(Duration::from_secs(5)).await;
    let remove = Command::Remove { email: ANN.to_owned() };
    let reply = stage.command(stage.bob(), true, remove).await?;
    assert!(reply.text.contains("I am working on it") || reply.text.contains("Removed"), "{}", reply.text);
    stage.at_plex().clear_faults();
    stage.wait(LONG * 2).await;
    assert!(out(&stage).is_empty());
    assert!(!stage.database_holds(ANM)? && !stage.database_holds(ANN)?);
    Ok(())
}

/// Ann is a friend of the owner's, by no doing of Rolarr's.
fn ann_is_a_friend(plex: &mut PlexSim) {
    let ann = plex.account(ANN).map(|account| account.id).unwrap_or_default();
    plex.owner_shares_with(BEGINNING.0, ann, MACHINE, &["Movies"]).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_to_or_from_a_friends_address_looks_like_any_other() -> Result<()> {
    let stage = Stage::with(Setting { before: ann_is_a_friend, ..Setting::default() }).await?;
    let stage = invited_on(stage, ANN).await?;
    assert!(stage.account(stage.alice()).await?.held.is_some());
    assert_eq!(stage.open_buttons(stage.alice()).len(), 1);
    // From a friend's address to their own.
    says(&stage, BEN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [BEN]);
    assert_eq!(stage.account(stage.alice()).await?.held, None);
    // And to the friend's again.
    says(&stage, ANN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert!(out(&stage).is_empty());
    assert!(stage.account(stage.alice()).await?.held.is_some());
    assert_eq!(stage.filters(ANN), []);
    assert!(stage.at_plex().share_of(ANN).is_some(), "the friend's share is not touched");
    says(&stage, "a1@example.org", "Thank you").await?;
    stage.wait(MINUTES).await;
    says(&stage, BEN, "several times already").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_of_another_member_is_held_and_theirs_stays() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), BEN).await?.context("no answer")?;
    stage.settle().await;
    let stage = invited_on(stage, ANM).await?;
    says(&stage, BEN, "Thank you").await?;
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [BEN]);
    let account = stage.account(stage.alice()).await?;
    assert!(account.held.is_some() && account.email.is_none());
    assert_eq!(stage.account(stage.bob()).await?.stage, At::Invited);
    Ok(())
}

/// Bob gave an address, and this one in its place; the first one can't be withdrawn yet.
async fn bob_corrects_to(address: &str) -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), ANM).await?.context("no answer")?;
    stage.settle().await;
    let away = Effect::Status { status: 503, retry_after: None };
    stage.at_plex().fault(Fault::on("DELETE", "/api/*", away));
    stage.write(stage.bob(), address).await?.context("no answer")?;
    stage.settle().await;
    assert!(stage.account(stage.bob()).await?.correction.is_some());
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn an_address_that_waits_for_a_member_is_not_invited_for_another_by_an_administrator() -> Result<()> {
    for member in [true, false] {
        let stage = bob_corrects_to(BEN).await?;
        let member = member.then_some(stage.alice());
        let invite = Command::Invite { email: BEN.to_owned(), member };
        let reply = stage.command(stage.bob(), true, invite.clone()).await?;
        let owned = if member.is_some() { "belongs to another member" } else { "belongs to a member" };
        assert!(reply.text.contains(owned), "{}", reply.text);
        stage.at_plex().clear_faults();
        stage.wait(LONG * 2).await;
        // It is as if Bob had given it at first.
        assert_eq!(out(&stage), [BEN], "{member:?}");
        let account = stage.account(stage.bob()).await?;
        assert_eq!((account.stage, account.held), (At::Invited, None), "{member:?}");
        assert!(stage.audit().iter().all(|text| !text.contains("another member")), "{:?}", stage.audit());
        let reply = stage.command(stage.bob(), true, invite).await?;
        assert!(reply.text.contains(owned), "{}", reply.text);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_waits_for_a_member_is_invited_for_another_once_it_was_removed_there() -> Result<()> {
    let stage = bob_corrects_to(BEN).await?;
    stage.at_plex().clear_faults();
    let remove = Command::Remove { email: BEN.to_owned() };
    stage.command(stage.bob(), true, remove).await?;
    stage.wait(LONG).await;
    let invite = Command::Invite { email: BEN.to_owned(), member: Some(stage.alice()) };
    let reply = stage.command(stage.bob(), true, invite).await?;
    assert_eq!(reply.text, "The invitation is out.");
    assert_eq!(out(&stage), [BEN]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_held_for_a_member_is_whose_an_administrator_says() -> Result<()> {
    let stage = Stage::with(Setting { before: ann_is_a_friend, ..Setting::default() }).await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), ANN).await?.context("no answer")?;
    stage.settle().await;
    assert!(stage.account(stage.bob()).await?.claim.is_some());
    let invite = Command::Invite { email: ANN.to_owned(), member: Some(stage.alice()) };
    let reply = stage.command(stage.bob(), true, invite).await?;
    assert_eq!(reply.text, "They have access.");
    stage.settle().await;
    let bob = stage.account(stage.bob()).await?;
    assert_eq!((bob.stage, bob.email), (At::None, None));
    assert!(bob.claim.is_some() && bob.held.is_some(), "nothing is told to Bob, and nothing is his");
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_remark_with_an_address_in_it_changes_nothing_once_one_was_given() -> Result<()> {
    let stage = invited(ANM).await?;
    assert_eq!(stage.write(stage.alice(), "is no-reply@example.net the sender?").await?, None);
    assert_eq!(stage.write(stage.alice(), "thanks").await?, None);
    stage.wait(MINUTES).await;
    assert_eq!(out(&stage), [ANM]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_is_taken_from_what_stands_around_it_and_anything_else_gets_an_answer_of_its_own()
-> Result<()> {
    for (typed, address) in [
        ("Hi, mine is ann@example.org. Thanks!", ANN),
        ("**ann@example.org**", ANN),
        ("<mailto:ann@example.org>", ANN),
        ("[ann@example.org](mailto:ann@example.org)", ANN),
        ("zoe@exämple.org", "zoe@xn--exmple-cua.org"),
    ] {
        let stage = invited(typed).await?;
        assert_eq!(out(&stage), [address], "{typed}");
    }
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    says(&stage, "ann_1988", "the e-mail address of your Plex account").await?;
    says(&stage, "a@example.org or b@example.org", "only the one").await?;
    says(&stage, "what do you want from me?", "for example").await?;
    let invite = Command::Invite { email: "ann_1988".to_owned(), member: Some(stage.alice()) };
    let reply = stage.command(stage.bob(), true, invite).await?;
    assert!(reply.text.contains("user name"), "{}", reply.text);
    Ok(())
}
