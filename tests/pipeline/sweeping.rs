//! The whole guild is compared with what is stored, and what was missed is caught up.

use std::time::Duration;

use anyhow::Result;
use rolarr::pipeline::{ports::Command, ports::GatewayNews, settings::Brake};
use rolarr_sim::discord::{self as sim, RestFault, RestFaultKind};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

fn without_brake(settings: &mut rolarr::pipeline::settings::Settings) {
    settings.brake = Brake { members: 100_000, ..Brake::default() };
}

async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: without_brake, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

/// Changes roles on Discord, and no gateway tells of it.
fn loses_unnoticed(stage: &Stage, member: Subscriber) -> Result<()> {
    let (now, role) = (stage.now(), stage.scene.subscriber);
    Ok(stage.on_discord().remove_role(now, stage.scene.guild, sim::UserId(member.user.0), role)?)
}

fn lists(stage: &Stage) -> usize {
    let sim = stage.on_discord();
    sim.requests().iter().filter(|request| request.path.ends_with("/members")).count()
}

#[tokio::test(start_paused = true)]
async fn what_nobody_told_of_is_found_within_the_hour() -> Result<()> {
    let (stage, members) = stage(2).await?;
    loses_unnoticed(&stage, members[0])?;
    stage.wait(HOUR + Duration::from_secs(60)).await;
    assert!(stage.is_restricted(members[0].plex));
    assert!(!stage.is_restricted(members[1].plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_trouble_a_guild_is_listed_once_an_hour() -> Result<()> {
    let (stage, _) = stage(1).await?;
    let before = lists(&stage);
    stage.wait(HOUR * 10 + Duration::from_secs(60)).await;
    assert_eq!(lists(&stage) - before, 10);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrator_can_have_it_at_once() -> Result<()> {
    let (stage, members) = stage(1).await?;
    loses_unnoticed(&stage, members[0])?;
    let reply = stage.command(stage.bob(), true, Command::Sync).await?;
    assert!(reply.text.starts_with("I compare all members"), "{}", reply.text);
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_restricted(members[0].plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_a_gateway_is_caught_up_in_one_pass_and_nobody_else_hears_of_it() -> Result<()> {
    let (stage, members) = stage(90).await?;
    let (lose, rest) = members.split_at(30);
    let (leave, stay) = rest.split_at(30);
    for member in lose {
        loses_unnoticed(&stage, *member)?;
    }
    let newcomer = {
        let now = stage.now();
        let mut sim = stage.on_discord();
        for member in leave {
            sim.leave(now, stage.scene.guild, sim::UserId(member.user.0))?;
        }
        // Off and on again: nothing to see.
        for member in &stay[..10] {
            let user = sim::UserId(member.user.0);
            sim.remove_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
            sim.add_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
        }
        let newcomer = sim.create_user(now, "newcomer");
        sim.join(now, stage.scene.guild, newcomer)?;
        sim.add_role(now, stage.scene.guild, newcomer, stage.scene.subscriber)?;
        newcomer
    };
    stage.wait(HOUR / 2).await;
    let (before, writes) = (lists(&stage), stage.writes().len());
    assert_eq!(writes, 0);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR / 4).await;
    assert_eq!(lists(&stage) - before, 1, "one pass");
    assert!(lose.iter().all(|member| stage.is_restricted(member.plex)));
    assert!(leave.iter().all(|member| stage.at_plex().friend(member.plex.0).is_none()));
    assert!(lose.iter().all(|member| stage.messages(member.user).len() == 1));
    for member in leave.iter().chain(stay) {
        assert!(stage.messages(member.user).is_empty());
    }
    assert!(stay.iter().all(|member| !stage.is_restricted(member.plex)));
    assert_eq!(stage.messages(rolarr::domain::UserId(newcomer.0)).len(), 1, "who came is asked");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_members_makes_nobody_leave() -> Result<()> {
    let (stage, members) = stage(40).await?;
    let broken = [
        RestFaultKind::ShortList,
        RestFaultKind::Garbage,
        RestFaultKind::Status { status: 403, code: 50_001 },
        RestFaultKind::Status { status: 404, code: 10_004 },
        RestFaultKind::Status { status: 500, code: 0 },
        RestFaultKind::TooManyRequests { retry_after_ms: None, global: true },
        RestFaultKind::Hang,
        RestFaultKind::Drop,
    ];
    for kind in broken {
        stage.on_discord().fail_requests(RestFault::once("GET", "guilds/*/members", kind.clone()));
        stage.news(GatewayNews::Session).await?;
        stage.wait(Duration::from_secs(300)).await;
        let gone = members.iter().filter(|member| stage.at_plex().friend(member.plex.0).is_none()).count();
        assert_eq!(gone, 0, "{kind:?}");
        assert!(stage.writes().is_empty(), "{kind:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_was_kicked_takes_nobody_for_gone() -> Result<()> {
    let (stage, members) = stage(30).await?;
    let (now, guild) = (stage.now(), stage.scene.guild);
    stage.on_discord().kick_bot(now, guild)?;
    stage.news(GatewayNews::GuildGone(stage.guild())).await?;
    stage.news(GatewayNews::Session).await?;
    for member in &members[..3] {
        stage
            .hint(rolarr::pipeline::ports::Hint {
                guild: stage.guild(),
                user: member.user,
                said: rolarr::pipeline::ports::Said::Left,
            })
            .await?;
    }
    stage.wait(HOUR * 24).await;
    assert!(stage.writes().is_empty());
    assert!(members.iter().all(|member| stage.at_plex().friend(member.plex.0).is_some()));
    // The audit channel is in that guild: what can't be said there stands in the database.
    let audited = stage.read(|tx| tx.audited()).await?;
    assert!(audited.iter().any(|(_, text)| text.contains("no member of a Discord server any more")));
    Ok(())
}
