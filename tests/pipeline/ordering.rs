//! What comes quickly one after the other ends as the last of it says.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::store::Stage as At;
use rolarr_sim::{
    discord::{self as sim, RestFault, RestFaultKind},
    plex::{Effect, Fault},
};
use rolarr_tests::inprocess::{ANN, BEN, Setting, Stage};

const MOMENT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(900);

async fn stage() -> Result<Stage> {
    Stage::with(Setting { in_memory: true, ..Setting::default() }).await
}

fn sent(stage: &Stage) -> usize {
    stage.writes().iter().filter(|write| write.ends_with("/shared_servers")).count()
}

/// Loses the role, gets it, and so on, so many times.
async fn flips(stage: &Stage, times: usize, apart: Duration) -> Result<()> {
    for time in 0..times {
        if time % 2 == 0 {
            stage.take_role(stage.alice(), stage.role()).await?;
        } else {
            stage.give_role(stage.alice(), stage.role()).await?;
        }
        stage.wait(apart).await;
    }
    stage.wait(LONG).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn off_and_on_and_off_within_a_second_is_one_loss() -> Result<()> {
    let usual = {
        let stage = stage().await?;
        stage.alice_joins().await?;
        let before = stage.writes().len();
        flips(&stage, 1, MOMENT).await?;
        stage.writes().len() - before
    };
    for apart in [Duration::ZERO, Duration::from_millis(1), MOMENT] {
        let stage = stage().await?;
        stage.alice_joins().await?;
        let (writes, told) = (stage.writes().len(), stage.messages(stage.alice()).len());
        flips(&stage, 3, apart).await?;
        assert_eq!(stage.filters(ANN).len(), 2);
        let extra = stage.writes().len() - writes;
        if apart < MOMENT {
            assert_eq!(extra, usual, "{apart:?} apart");
        } else {
            // Each change was carried out before the next came.
            assert_eq!(extra, 3 * usual, "{apart:?} apart");
        }
        let told: Vec<String> = stage.messages(stage.alice()).split_off(told);
        assert!(told.last().is_some_and(|last| last.contains("paused")), "{told:?}");
    }
    Ok(())
}

/// With the pause between requests that the bot keeps, most of what comes within a second is overtaken.
#[tokio::test(start_paused = true)]
async fn a_role_that_comes_and_goes_all_the_time_costs_few_writes() -> Result<()> {
    let request_every = Some(Duration::from_millis(250));
    for times in [9, 31] {
        let stage = Stage::with(Setting { in_memory: true, request_every, ..Setting::default() }).await?;
        stage.alice_joins().await?;
        let (writes, told) = (stage.writes().len(), stage.messages(stage.alice()).len());
        flips(&stage, times, Duration::from_millis(100)).await?;
        assert_eq!(stage.filters(ANN).len(), 2);
        let writes = stage.writes().len() - writes;
        let told = stage.messages(stage.alice()).len() - told;
        println!("{times} changes 100 ms apart: {writes} writes, {told} messages");
        assert!(writes <= 1 + times / 6, "{writes} writes for {times} changes");
        assert!(told <= 1 + times / 6, "{told} messages for {times} changes");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn however_often_a_role_comes_and_goes_the_last_state_holds() -> Result<()> {
    for times in 2..9 {
        for apart in [0, 3, 40, 700] {
            let stage = stage().await?;
            stage.alice_joins().await?;
            flips(&stage, times, Duration::from_millis(apart)).await?;
            assert_eq!(stage.filters(ANN).len(), if times % 2 == 1 { 2 } else { 0 }, "{times} times");
            assert_eq!(sent(&stage), 1, "nobody is invited again for it");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_given_as_the_member_leaves_invites_nobody_in_the_end() -> Result<()> {
    for pause in 0..30 {
        let stage = stage().await?;
        let alice = stage.alice();
        stage.give_role(alice, stage.role()).await?;
        stage.settle().await;
        stage.write(alice, ANN).await?.context("no answer")?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.leave(alice).await?;
        stage.wait(LONG).await;
        assert!(stage.at_plex().invites().is_empty(), "left {pause} ms after the answer");
        assert!(stage.at_plex().share_of(ANN).is_none());
        assert!(!stage.database_holds(ANN)?, "the address is forgotten");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_before_the_answer_closes_the_question_and_a_late_answer_is_for_nothing() -> Result<()> {
    let stage = stage().await?;
    let alice = stage.alice();
    stage.give_role(alice, stage.role()).await?;
    stage.settle().await;
    stage.leave(alice).await?;
    stage.settle().await;
    assert!(stage.open_buttons(alice).is_empty());
    stage.write(alice, ANN).await?;
    stage.wait(LONG).await;
    assert!(stage.writes().is_empty());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_rejoins_while_being_removed_keeps_access_or_is_asked_anew() -> Result<()> {
    let (mut kept, mut asked) = (0, 0);
    for pause in (0..40).step_by(2).chain([500, 3_500, 10_000]) {
        let stage = stage().await?;
        stage.alice_joins().await?;
        let alice = stage.alice();
        stage.leave(alice).await?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.join(alice).await?;
        stage.give_role(alice, stage.role()).await?;
        stage.wait(LONG).await;
        let account = stage.account(alice).await?;
        let context = format!("back after {pause} ms: {:?}", account.stage);
        match account.stage {
            At::Joined => {
                kept += 1;
                assert!(stage.at_plex().share_of(ANN).is_some(), "{context}");
                assert!(stage.filters(ANN).is_empty(), "{context}");
            }
            // The share had ended with the old address, which is known still.
            At::Invited => {
                kept += 1;
                assert_eq!(stage.at_plex().invites().len(), 1, "{context}");
            }
            At::None => {
                asked += 1;
                assert!(stage.at_plex().share_of(ANN).is_none(), "{context}");
                assert_eq!(stage.open_buttons(alice).len(), 1, "{context}");
                assert!(!stage.database_holds(ANN)?, "{context}");
            }
            other => anyhow::bail!("back after {pause} ms it ends as {other:?}"),
        }
    }
    println!("back while being removed: {kept} kept their access or were invited, {asked} were asked anew");
    assert!(kept > 0 && asked > 0, "{kept} and {asked}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_rejoins_without_the_role_stays_removed() -> Result<()> {
    for pause in [0, 5, 20, 4_000] {
        let stage = stage().await?;
        stage.alice_joins().await?;
        let alice = stage.alice();
        stage.leave(alice).await?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.join(alice).await?;
        stage.wait(LONG).await;
        assert!(stage.member(alice).await?.is_some_and(|member| member.present));
        let shared = stage.at_plex().share_of(ANN).is_some();
        if pause == 0 {
            // Nobody saw them gone: what was seen is that the role was lost.
            assert_eq!((shared, stage.filters(ANN).len()), (true, 2));
        } else {
            assert!(!shared || stage.filters(ANN).len() == 2, "back after {pause} ms");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_at_any_moment_of_its_withdrawal_gives_no_access() -> Result<()> {
    let (mut withdrawn, mut restricted) = (0, 0);
    for pause in 0..30 {
        let stage = stage().await?;
        let alice = stage.alice();
        stage.give_role(alice, stage.role()).await?;
        stage.settle().await;
        stage.write(alice, ANN).await?.context("no answer")?;
        stage.settle().await;
        stage.take_role(alice, stage.role()).await?;
        stage.wait(Duration::from_millis(pause)).await;
        let now = stage.now();
        let accepted = stage.at_plex().person_accepts(now, ANN).is_ok();
        stage.wait(LONG).await;
        let shared = stage.at_plex().share_of(ANN).is_some();
        assert_eq!(shared, accepted, "{pause} ms after the role was lost");
        if shared {
            restricted += 1;
            assert_eq!(stage.filters(ANN).len(), 2, "accepted {pause} ms after the role was lost");
        } else {
            withdrawn += 1;
            assert!(stage.at_plex().invites().is_empty());
        }
        // The role back gives access again in either case.
        stage.give_role(alice, stage.role()).await?;
        stage.wait(LONG).await;
        assert!(stage.filters(ANN).is_empty());
        let stage_now = stage.account(alice).await?.stage;
        assert_eq!(stage_now, if shared { At::Joined } else { At::Invited });
    }
    println!("accepted while being withdrawn: {withdrawn} were withdrawn, {restricted} restricted");
    assert!(withdrawn > 0 && restricted > 0, "{withdrawn} and {restricted}");
    Ok(())
}

/// The last address counts: the invitation to the first one is withdrawn before, if it was sent at all.
#[tokio::test(start_paused = true)]
async fn a_changed_address_never_leads_to_two_invitations() -> Result<()> {
    for pause in (0..30).step_by(3).chain([45_000]) {
        let stage = stage().await?;
        let alice = stage.alice();
        stage.give_role(alice, stage.role()).await?;
        stage.settle().await;
        stage.write(alice, ANN).await?.context("no answer")?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.write(alice, BEN).await?.context("no answer")?;
        stage.wait(LONG).await;
        let invited: Vec<String> =
            stage.at_plex().invites().iter().map(|invite| invite.typed.clone()).collect();
        assert_eq!(invited, [BEN], "changed after {pause} ms");
        let first = sent(&stage);
        assert!((1..=2).contains(&first), "changed after {pause} ms: {:?}", stage.writes());
        assert!(!stage.database_holds(ANN)?, "the first address is forgotten");

        stage.at_plex().person_declines(BEN)?;
        stage.wait(LONG).await;
        stage.write(alice, "cleo@example.org").await?.context("no answer")?;
        stage.wait(LONG).await;
        assert_eq!(sent(&stage), first + 1);
        assert_eq!(stage.at_plex().invites().len(), 1);
        let email = stage.account(alice).await?.email;
        assert_eq!(email.map(|email| email.is("cleo@example.org")), Some(true));
        assert!(!stage.database_holds(BEN)?, "the declined address is forgotten");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn members_are_worked_on_side_by_side_and_each_in_order() -> Result<()> {
    let mut stage = stage().await?;
    let members = stage.populate(8).await?;
    for (number, member) in members.iter().enumerate() {
        for time in 0..=number {
            let (now, guild, role) = (stage.now(), stage.scene.guild, stage.scene.subscriber);
            let user = sim::UserId(member.user.0);
            if time % 2 == 0 {
                stage.on_discord().remove_role(now, guild, user, role)?;
            } else {
                stage.on_discord().add_role(now, guild, user, role)?;
            }
            stage.tell(member.user).await?;
            stage.wait(Duration::from_millis(7)).await;
        }
    }
    stage.wait(LONG).await;
    for (number, member) in members.iter().enumerate() {
        assert_eq!(stage.is_restricted(member.plex), number % 2 == 0, "member {number}");
    }
    Ok(())
}

/// One member's work hangs at Plex; nobody waits for it but that member.
#[tokio::test(start_paused = true)]
async fn a_member_whose_work_hangs_keeps_no_other_waiting() -> Result<()> {
    let mut stage = stage().await?;
    let members = stage.populate(8).await?;
    let stuck = members[0];
    let path = format!("/api/users/{}", stuck.plex);
    stage.at_plex().fault(Fault::on("PUT", &path, Effect::Hang { applied: false }).times(1));
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    // A request is given up after half a minute.
    stage.wait(Duration::from_secs(20)).await;
    let restricted: Vec<bool> = members.iter().map(|member| stage.is_restricted(member.plex)).collect();
    assert_eq!(restricted, [false, true, true, true, true, true, true, true]);
    // Nor does what comes next for that member wait for more than the request that hangs.
    stage.give_role(members[1].user, stage.role()).await?;
    stage.give_role(stuck.user, stage.role()).await?;
    stage.take_role(stuck.user, stage.role()).await?;
    stage.wait(Duration::from_secs(5)).await;
    assert!(!stage.is_restricted(members[1].plex));
    stage.wait(LONG).await;
    assert!(stage.is_restricted(stuck.plex));
    Ok(())
}

/// Answers to reads of several members are under way at the same time.
#[tokio::test(start_paused = true)]
async fn members_are_read_at_the_same_time() -> Result<()> {
    let mut stage = stage().await?;
    let members = stage.populate(4).await?;
    let path = format!("guilds/*/members/{}", members[0].user);
    stage.on_discord().fail_requests(RestFault::once("GET", &path, RestFaultKind::Hang));
    let before = stage.on_discord().requests().len();
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_millis(5)).await;
    let asked: Vec<String> = {
        let sim = stage.on_discord();
        let reads = sim.requests()[before..].iter().filter(|request| request.path.contains("/members/"));
        reads.map(|request| request.path.clone()).collect()
    };
    assert_eq!(asked.len(), 4, "{asked:?}");
    stage.wait(LONG).await;
    assert!(members.iter().all(|member| stage.is_restricted(member.plex)));
    Ok(())
}
