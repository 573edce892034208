//! What becomes of holds: who is decided on, and when they no longer apply.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::Timestamp,
    pipeline::{
        ports::Command,
        settings::{Brake, Drift, Settings},
    },
    store::{Order, Stage as At},
};
use rolarr_sim::plex::MACHINE;
use rolarr_tests::inprocess::{ANN, Setting, Stage, Subscriber};

use crate::{
    constant_policy::{Always, always},
    second_guild::{gets_the_second_role, joins_by_the_second, settings as of_second, with_a_second_guild},
};

const HOUR: Duration = Duration::from_secs(3600);
const WHILE: Duration = Duration::from_secs(120);
/// Longer than the time between two comparisons with Plex.
const ROUND: Duration = Duration::from_secs(7 * 3600);

fn nobody(settings: &mut Settings) {
    settings.brake = Brake { members: 0, window: HOUR };
    settings.drift = Drift::Correct;
    settings.timings.notice = Duration::from_secs(5);
}

async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

async fn loses(stage: &Stage, member: &Subscriber) -> Result<()> {
    stage.take_role(member.user, stage.role()).await
}

async fn say(stage: &Stage, command: Command) -> Result<String> {
    Ok(stage.command(stage.bob(), true, command).await?.text)
}

fn approve() -> Command {
    Command::Approve { member: None }
}

fn reject() -> Command {
    Command::Reject { member: None }
}

fn restricted(stage: &Stage, members: &[Subscriber]) -> usize {
    members.iter().filter(|member| stage.is_restricted(member.plex)).count()
}

async fn held(stage: &Stage) -> Result<usize> {
    Ok(stage.read(|tx| tx.holds()).await?.len())
}

/// One member is held and told of, another is held since and not told of yet.
async fn one_more_since_the_message(stage: &Stage, members: &[Subscriber]) -> Result<()> {
    loses(stage, &members[0]).await?;
    stage.wait(WHILE).await;
    loses(stage, &members[1]).await?;
    stage.wait(Duration::from_secs(3)).await;
    assert_eq!(held(stage).await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_came_after_the_message_waits_for_a_decision_of_their_own() -> Result<()> {
    for (command, verdict) in [
        (approve(), "Approved: the access of 1 member shrinks now."),
        (reject(), "Rejected: 1 member keeps the access that they have."),
    ] {
        let (stage, members) = stage(2).await?;
        one_more_since_the_message(&stage, &members).await?;
        assert_eq!(
            say(&stage, command.clone()).await?,
            format!("{verdict} 1 more is held since the last message and waits: you are told of them soon.")
        );
        assert_eq!(held(&stage).await?, 1);
        stage.wait(WHILE).await;
        let second = format!("<@{}>", members[1].user);
        let told = stage.audit().into_iter().filter(|text| text.contains("I hold back"));
        assert_eq!(told.filter(|text| text.contains(&second)).count(), 1);
        assert!(!stage.is_restricted(members[1].plex));
        say(&stage, approve()).await?;
        stage.wait(WHILE).await;
        assert!(stage.is_restricted(members[1].plex));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn before_the_first_message_nobody_is_decided_on_but_who_is_named() -> Result<()> {
    let (stage, members) = stage(2).await?;
    for member in &members {
        loses(&stage, member).await?;
    }
    stage.wait(Duration::from_secs(3)).await;
    assert_eq!(
        say(&stage, approve()).await?,
        "Nothing is decided: 2 are held since the last message and wait: you are told of them soon."
    );
    say(&stage, Command::Approve { member: Some(members[0].user) }).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), 1);
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_order_on_the_command_line_is_for_those_who_were_shown_when_it_was_given() -> Result<()> {
    let (stage, members) = stage(3).await?;
    one_more_since_the_message(&stage, &members).await?;
    stage.change(|tx| tx.put_order(&Order::Approve(None))).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), 1);
    assert_eq!(held(&stage).await?, 1);
    // Whoever is named is meant, shown or not.
    loses(&stage, &members[2]).await?;
    stage.wait(Duration::from_secs(3)).await;
    let named = members[2].user;
    stage.change(move |tx| tx.put_order(&Order::Approve(Some(named)))).await?;
    stage.wait(WHILE).await;
    assert!(stage.is_restricted(members[2].plex));
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_order_that_a_kill_interrupts_is_carried_out_and_answered_once() -> Result<()> {
    for moment in [0, 1, 2, 3, 5, 8, 13, 21, 100, 5_000] {
        let (mut stage, members) = stage(2).await?;
        for member in &members {
            loses(&stage, member).await?;
        }
        stage.wait(WHILE).await;
        stage.stop().await;
        let order = stage.change(|tx| tx.put_order(&Order::Approve(None))).await?;
        stage.open(None).await?;
        stage.wait(Duration::from_millis(moment)).await;
        stage.cut_power(&[])?;
        stage.start().await?;
        stage.wait(WHILE).await;
        assert_eq!(restricted(&stage, &members), 2, "after {moment} ms");
        assert_eq!(held(&stage).await?, 0);
        assert!(!stage.read(move |tx| tx.order_waits(order)).await?);
        let said = stage.audit().into_iter().filter(|text| text.starts_with("On the command line")).count();
        assert_eq!(said, 1, "after {moment} ms");
        stage.stop().await;
        let answer = stage.change(move |tx| tx.take_answer(order)).await?;
        assert!(format!("{answer:?}").contains("Approved: the access of 2 members"), "{answer:?}");
    }
    Ok(())
}

/// Restricted members, whose filters the owner lifts by hand; to set them again is held.
async fn corrections_are_held() -> Result<(Stage, Vec<Subscriber>)> {
    let (stage, members) = stage(3).await?;
    for member in &members {
        loses(&stage, member).await?;
    }
    stage.wait(WHILE).await;
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    for member in &members {
        set(&stage, member, "")?;
    }
    stage.wait(ROUND).await;
    assert_eq!(held(&stage).await?, 3);
    Ok((stage, members))
}

fn set(stage: &Stage, member: &Subscriber, value: &str) -> Result<()> {
    for field in ["filterMovies", "filterTelevision"] {
        stage.at_plex().owner_sets_filter(member.plex.0, field, value)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_is_held_is_dropped_once_the_owner_set_it_right() -> Result<()> {
    let (stage, members) = corrections_are_held().await?;
    let writes = stage.writes().len();
    set(&stage, &members[0], "label=noAccess")?;
    stage.wait(ROUND).await;
    assert_eq!(held(&stage).await?, 2);
    let again = format!("<@{}>: the filter for movies is as it should be again", members[0].user);
    assert!(stage.audit().iter().any(|text| text.contains(&again)), "{:?}", stage.audit());
    assert_eq!(stage.writes().len(), writes);
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_the_share_that_it_was_about() -> Result<()> {
    let (stage, members) = stage(2).await?;
    for member in &members {
        loses(&stage, member).await?;
    }
    stage.wait(WHILE).await;
    let writes = stage.writes().len();
    stage.at_plex().person_leaves_share(members[0].plex.0)?;
    stage.wait(ROUND).await;
    assert_eq!(held(&stage).await?, 1);
    assert_eq!(stage.account(members[0].user).await?.stage, At::Lost);
    assert!(stage.audit().iter().any(|text| text.contains("the share was ended by the member or the owner")));
    assert_eq!(stage.writes().len(), writes);
    assert!(!stage.is_restricted(members[1].plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hold_stays_while_plex_can_not_show_the_share() -> Result<()> {
    use rolarr_sim::plex::{Effect, Fault};
    let (stage, members) = stage(1).await?;
    loses(&stage, &members[0]).await?;
    stage.wait(WHILE).await;
    for effect in [Effect::Garbage, Effect::EmptyBody, Effect::Status { status: 503, retry_after: None }] {
        stage.at_plex().fault(Fault::on("GET", "*", effect));
        stage.wait(ROUND).await;
        stage.at_plex().clear_faults();
        assert_eq!(held(&stage).await?, 1);
    }
    stage.wait(ROUND).await;
    assert_eq!(held(&stage).await?, 1);
    assert_eq!(restricted(&stage, &members), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_came_back_is_not_narrowed_past_the_brake() -> Result<()> {
    let (mut stage, members) = stage(1).await?;
    let (user, plex) = (members[0].user, members[0].plex.0);
    stage.stop().await;
    stage.policies.put(Ok(always(&Always::Libraries(&["Movies"]))?));
    stage.start().await?;
    stage.take_role(user, stage.role()).await?;
    stage.wait(WHILE).await;
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    stage.at_plex().person_leaves_share(plex)?;
    stage.wait(ROUND).await;
    assert_eq!(stage.account(user).await?.stage, At::Lost);
    let now = stage.now();
    stage.at_plex().owner_shares_with(now, plex, MACHINE, &[])?;
    let writes = stage.writes().len();
    stage.wait(ROUND).await;
    assert_eq!(held(&stage).await?, 1);
    assert_eq!(stage.writes().len(), writes);
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.account(user).await?.stage, At::Joined);
    assert!(stage.writes().len() > writes);
    Ok(())
}

/// Alice has access by the second guild alone, and the second guild is not served any more.
async fn the_second_is_gone() -> Result<(Stage, rolarr_sim::discord::GuildId, rolarr_sim::discord::RoleId)> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    joins_by_the_second(&stage, guild, role).await?;
    without_the_second(&mut stage).await?;
    Ok((stage, guild, role))
}

async fn without_the_second(stage: &mut Stage) -> Result<()> {
    stage.stop().await;
    stage.settings().guilds.truncate(1);
    let (alice, now) = (stage.alice(), Timestamp(stage.now()));
    // Whatever it may be that makes the bot look at her.
    stage.change(move |tx| tx.make_due(alice, now)).await?;
    stage.start().await?;
    stage.wait(WHILE).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn access_that_a_guild_gave_that_is_not_served_any_more_is_held() -> Result<()> {
    let (mut stage, ..) = the_second_is_gone().await?;
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert_eq!(held(&stage).await?, 1);
    let said: Vec<String> = stage.audit().into_iter().filter(|text| text.contains("I hold back")).collect();
    assert!(
        said.len() == 1 && said[0].contains("a Discord server was taken out of the configuration"),
        "{said:?}"
    );
    stage.stop().await;
    stage.start().await?;
    stage.wait(HOUR * 24 * 30).await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_such_a_guild_gave_goes_on_after_a_rejection() -> Result<()> {
    let (mut stage, ..) = the_second_is_gone().await?;
    say(&stage, reject()).await?;
    for _ in 0..2 {
        stage.wait(HOUR * 24).await;
        stage.stop().await;
        let (alice, now) = (stage.alice(), Timestamp(stage.now()));
        stage.change(move |tx| tx.make_due(alice, now)).await?;
        stage.start().await?;
    }
    assert_eq!(held(&stage).await?, 0);
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_is_served_again_lifts_the_hold() -> Result<()> {
    let (mut stage, guild, role) = the_second_is_gone().await?;
    let writes = stage.writes().len();
    assert_eq!(held(&stage).await?, 1);
    stage.stop().await;
    stage.settings().guilds.push(of_second(guild, role));
    stage.start().await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 0);
    assert_eq!(stage.writes().len(), writes);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_nothing_with_such_a_guild_is_not_held() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    gets_the_second_role(&stage, guild, role).await?;
    without_the_second(&mut stage).await?;
    assert_eq!(held(&stage).await?, 0);
    assert!(stage.at_plex().share_of(ANN).is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_of_a_guild_that_is_not_served_any_more_is_not_withdrawn_unasked() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    gets_the_second_role(&stage, guild, role).await?;
    stage.write(stage.alice(), ANN).await?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    without_the_second(&mut stage).await?;
    assert_eq!(stage.at_plex().invites().len(), 1);
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}
