//! The brake: access that would shrink for many at once waits for an administrator.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    pipeline::{
        ports::{Command, GatewayNews},
        settings::Brake,
    },
    store::{Order, Stage as At},
};
use rolarr_sim::discord::{RestFault, RestFaultKind};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

fn two_an_hour(settings: &mut rolarr::pipeline::settings::Settings) {
    settings.brake = Brake { members: 2, window: HOUR };
}

/// A guild with subscribers, and a brake that lets two an hour pass.
async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

async fn all_lose_the_role(stage: &Stage, members: &[Subscriber]) -> Result<()> {
    for member in members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_secs(120)).await;
    Ok(())
}

fn restricted(stage: &Stage, members: &[Subscriber]) -> usize {
    members.iter().filter(|member| stage.is_restricted(member.plex)).count()
}

fn held_messages(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains("I hold back")).collect()
}

async fn held(stage: &Stage) -> Result<usize> {
    Ok(stage.read(|tx| tx.holds()).await?.len())
}

fn approve() -> Command {
    Command::Approve { member: None }
}

fn reject() -> Command {
    Command::Reject { member: None }
}

#[tokio::test(start_paused = true)]
async fn what_goes_beyond_the_limit_is_held_and_told_in_one_message_with_the_names() -> Result<()> {
    let (stage, members) = stage(6).await?;
    all_lose_the_role(&stage, &members).await?;
    assert_eq!(restricted(&stage, &members), 2);
    assert_eq!(held(&stage).await?, 4);
    let said = held_messages(&stage);
    assert_eq!(said.len(), 1, "{said:?}");
    for member in members.iter().filter(|member| !stage.is_restricted(member.plex)) {
        assert!(said[0].contains(&format!("<@{}>", member.user)), "{}", said[0]);
        assert!(stage.messages(member.user).is_empty(), "somebody who is held is told nothing");
    }
    assert!(said[0].contains("more than 2 members"), "{}", said[0]);
    assert!(said[0].contains("/rolarr approve"), "{}", said[0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn approving_lets_it_happen_and_is_told() -> Result<()> {
    let (stage, members) = stage(6).await?;
    all_lose_the_role(&stage, &members).await?;
    let reply = stage.command(stage.bob(), true, approve()).await?;
    assert_eq!(reply.text, "Approved: the access of 4 members shrinks now.");
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(restricted(&stage, &members), 6);
    assert_eq!(held(&stage).await?, 0);
    for member in &members {
        assert_eq!(stage.messages(member.user).len(), 1, "each is told once that access is paused");
    }
    assert!(stage.audit().iter().any(|text| text.contains("approved: their access shrinks now")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rejecting_leaves_everybody_what_they_have_for_good() -> Result<()> {
    let (mut stage, members) = stage(6).await?;
    all_lose_the_role(&stage, &members).await?;
    let writes = stage.writes().len();
    let reply = stage.command(stage.bob(), true, reject()).await?;
    assert_eq!(reply.text, "Rejected: 4 members keep the access that they have.");
    stage.wait(HOUR * 48).await;
    stage.stop().await;
    stage.start().await?;
    stage.wait(HOUR * 48).await;
    assert_eq!(restricted(&stage, &members), 2);
    assert_eq!(stage.writes().len(), writes);
    assert_eq!(held(&stage).await?, 0);
    // They follow the rules from then on.
    let kept = members.iter().find(|member| !stage.is_restricted(member.plex)).expect("four keep access");
    stage.give_role(kept.user, stage.role()).await?;
    stage.settle().await;
    stage.take_role(kept.user, stage.role()).await?;
    stage.settle().await;
    assert!(stage.is_restricted(kept.plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_member_can_be_approved_alone() -> Result<()> {
    let (stage, members) = stage(5).await?;
    all_lose_the_role(&stage, &members).await?;
    let waits = members.iter().find(|member| !stage.is_restricted(member.plex)).expect("three are held");
    let reply = stage.command(stage.bob(), true, Command::Approve { member: Some(waits.user) }).await?;
    assert_eq!(reply.text, "Approved: the access of 1 member shrinks now.");
    stage.settle().await;
    assert!(stage.is_restricted(waits.plex));
    assert_eq!(held(&stage).await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hold_survives_restarts_and_never_expires_into_action() -> Result<()> {
    let (mut stage, members) = stage(5).await?;
    all_lose_the_role(&stage, &members).await?;
    let messages = stage.audit().len();
    for _ in 0..3 {
        stage.stop().await;
        stage.start().await?;
        stage.wait(HOUR * 24 * 30).await;
        assert_eq!(restricted(&stage, &members), 2);
        assert_eq!(held(&stage).await?, 3);
    }
    assert_eq!(stage.audit().len(), messages, "administrators are told once");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_comes_back_lifts_the_hold_without_a_write_or_a_message() -> Result<()> {
    let (stage, members) = stage(5).await?;
    all_lose_the_role(&stage, &members).await?;
    let writes = stage.writes().len();
    let waits: Vec<Subscriber> =
        members.iter().filter(|member| !stage.is_restricted(member.plex)).copied().collect();
    for member in &waits {
        stage.give_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held(&stage).await?, 0);
    assert_eq!(stage.writes().len(), writes);
    for member in &waits {
        assert!(stage.messages(member.user).is_empty());
        assert_eq!(stage.account(member.user).await?.stage, At::Joined);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_counts_like_losing_the_role() -> Result<()> {
    let (stage, members) = stage(5).await?;
    stage.take_role(members[0].user, stage.role()).await?;
    stage.settle().await;
    for member in &members[1..] {
        stage.leave(member.user).await?;
    }
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held(&stage).await?, 3);
    let shares = members.iter().filter(|member| stage.at_plex().friend(member.plex.0).is_some()).count();
    assert_eq!(shares, 4, "one was removed, one restricted, three wait");
    stage.command(stage.bob(), true, approve()).await?;
    stage.wait(Duration::from_secs(120)).await;
    let left = members.iter().filter(|member| stage.at_plex().friend(member.plex.0).is_some()).count();
    assert_eq!(left, 1);
    for number in 1..5 {
        assert!(!stage.database_holds(&format!("subscriber{number}@example.org"))?);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_same_member_again_and_again_counts_once() -> Result<()> {
    let (stage, members) = stage(3).await?;
    for _ in 0..4 {
        stage.take_role(members[0].user, stage.role()).await?;
        stage.settle().await;
        stage.give_role(members[0].user, stage.role()).await?;
        stage.settle().await;
    }
    all_lose_the_role(&stage, &members[..2]).await?;
    assert_eq!(restricted(&stage, &members), 2);
    assert_eq!(held(&stage).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn those_who_come_slowly_are_not_held() -> Result<()> {
    let (stage, members) = stage(6).await?;
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
        stage.wait(HOUR / 2 + Duration::from_secs(60)).await;
    }
    assert_eq!(restricted(&stage, &members), 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrators_own_removal_is_not_held() -> Result<()> {
    let (stage, members) = stage(5).await?;
    all_lose_the_role(&stage, &members).await?;
    let waits = members.iter().position(|member| !stage.is_restricted(member.plex)).expect("three are held");
    let email = format!("subscriber{waits}@example.org");
    let reply = stage.command(stage.bob(), true, Command::Remove { email }).await?;
    assert!(reply.text.starts_with("Removed"), "{}", reply.text);
    assert!(stage.at_plex().friend(members[waits].plex.0).is_none());
    assert_eq!(held(&stage).await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_administrators_decide_on_it() -> Result<()> {
    let (stage, members) = stage(4).await?;
    all_lose_the_role(&stage, &members).await?;
    for command in [approve(), reject(), Command::Sync] {
        let reply = stage.command(stage.bob(), false, command).await?;
        assert!(reply.text.contains("for administrators"), "{}", reply.text);
    }
    assert_eq!(held(&stage).await?, 2);
    let nobody = stage.command(stage.bob(), true, Command::Approve { member: Some(stage.alice()) }).await?;
    assert_eq!(nobody.text, "Nobody is held.");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_order_from_the_command_line_is_carried_out_by_the_bot() -> Result<()> {
    let (mut stage, members) = stage(4).await?;
    all_lose_the_role(&stage, &members).await?;
    stage.stop().await;
    stage.settings().timings.notice = Duration::from_secs(5);
    stage.start().await?;
    let order = stage.change(|tx| tx.put_order(&Order::Approve(None))).await?;
    stage.wait(Duration::from_secs(60)).await;
    assert!(!stage.read(move |tx| tx.order_waits(order)).await?);
    assert_eq!(restricted(&stage, &members), 4);
    assert!(stage.audit().iter().any(|text| text.starts_with("On the command line")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_many_are_decided_lets_nobody_slip_through() -> Result<()> {
    let (mut stage, members) = stage(8).await?;
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_millis(40)).await;
    stage.crash();
    stage.start().await?;
    stage.wait(Duration::from_secs(300)).await;
    assert_eq!(restricted(&stage, &members), 2);
    assert_eq!(held(&stage).await?, 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_deleted_in_a_guild_of_500_takes_access_from_nobody_until_it_is_approved() -> Result<()>
{
    let mut stage = Stage::set().await?;
    let members = stage.populate(500).await?;
    let (writes, told) = (stage.writes().len(), stage.audit().len());
    stage.delete_role(stage.role())?;
    stage.news(GatewayNews::RoleDeleted(stage.guild(), stage.role())).await?;
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR * 24 * 7).await;
    assert_eq!(stage.writes().len(), writes, "nothing was written at Plex");
    assert_eq!(held(&stage).await?, 500);
    let said = stage.audit().split_off(told);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("was deleted on Discord"), "{}", said[0]);
    assert!(said[1].contains("500 members") && said[1].contains("and 460 more"), "{}", said[1]);

    let reply = stage.command(stage.bob(), true, approve()).await?;
    assert!(reply.text.contains("500 members"), "{}", reply.text);
    stage.wait(HOUR * 2).await;
    assert_eq!(restricted(&stage, &members), 500);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_deleted_while_the_bot_was_stopped_is_recognised_at_the_start() -> Result<()> {
    let (mut stage, members) = stage(1).await?;
    stage.stop().await;
    stage.delete_role(stage.role())?;
    stage.start().await?;
    stage.wait(HOUR * 24).await;
    assert_eq!(restricted(&stage, &members), 0, "one is far below the limit, and is held all the same");
    assert_eq!(held(&stage).await?, 1);
    let said = held_messages(&stage);
    assert!(said[0].contains("the role `plex` was deleted on Discord"), "{said:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deleted_role_is_recognised_before_the_gateway_tells_of_it() -> Result<()> {
    let (stage, members) = stage(1).await?;
    stage.delete_role(stage.role())?;
    stage.tell(members[0].user).await?;
    stage.settle().await;
    assert_eq!(restricted(&stage, &members), 0);
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_has_another_role_is_not_concerned_by_a_deleted_one() -> Result<()> {
    let (stage, members) = stage(2).await?;
    let vip = stage.vip;
    stage.give_role(members[0].user, vip).await?;
    stage.settle().await;
    stage.delete_role(stage.role())?;
    stage.news(GatewayNews::Session).await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held(&stage).await?, 1);
    stage.give_role(members[1].user, vip).await?;
    stage.settle().await;
    assert_eq!(held(&stage).await?, 0, "another role lifts the hold");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_another_role_together_with_a_deleted_one_is_held() -> Result<()> {
    let (mut stage, members) = stage(1).await?;
    // The role that sorts after the deleted one by key, and one that sorts before it.
    stage.give_role(members[0].user, stage.vip).await?;
    stage.settle().await;
    stage.stop().await;
    let (vip, role) = (stage.vip, stage.role());
    stage.delete_role(vip)?;
    stage.take_role(members[0].user, role).await?;
    stage.start().await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(restricted(&stage, &members), 0);
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_an_approval_the_deleted_role_is_settled() -> Result<()> {
    let (stage, members) = stage(3).await?;
    stage.delete_role(stage.role())?;
    stage.news(GatewayNews::Session).await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held(&stage).await?, 3);
    stage.command(stage.bob(), true, approve()).await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(restricted(&stage, &members), 3);
    stage.leave(members[0].user).await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held(&stage).await?, 0, "a leaver of later is a leaver");
    assert!(stage.at_plex().friend(members[0].plex.0).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_member_of_whom_it_is_not_known_whether_the_role_still_exists_waits() -> Result<()> {
    let (stage, members) = stage(1).await?;
    let guild = stage.guild();
    stage.on_discord().fail_requests(RestFault {
        method: Some("GET".to_owned()),
        path: format!("guilds/{guild}"),
        times: 3,
        applied: false,
        kind: RestFaultKind::Drop,
    });
    stage.take_role(members[0].user, stage.role()).await?;
    stage.wait(Duration::from_secs(1)).await;
    assert_eq!(restricted(&stage, &members), 0);
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(restricted(&stage, &members), 1, "it is asked again until Discord answers");
    Ok(())
}
