//! The whole guild is compared with what is stored, and what was missed is caught up.

use std::time::Duration;

use anyhow::Result;
use rolarr::pipeline::{ports::Command, ports::GatewayNews, settings::Brake};
use rolarr_sim::discord::{self as sim, RestFault, RestFaultKind};
use rolarr_tests::inprocess::{BEGINNING, Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

fn without_brake(settings: &mut rolarr::pipeline::settings::Settings) {
    settings.brake = Brake { members: 100_000, ..Brake::default() };
}

/// Within the story only a new session has the guild compared.
fn seldom(settings: &mut rolarr::pipeline::settings::Settings) {
    without_brake(settings);
    settings.timings.sweep = HOUR * 6;
}

/// Members to whom nothing happens.
fn bystanders(stage: &Stage, count: usize) -> Result<()> {
    let now = stage.now();
    let mut sim = stage.on_discord();
    for number in 0..count {
        let user = sim.create_user(now, &format!("bystander{number}"));
        sim.join(now, stage.scene.guild, user)?;
    }
    Ok(())
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
    let is_list = |request: &&sim::Logged| request.method == "GET" && request.path.ends_with("/members");
    let sim = stage.on_discord();
    sim.requests().iter().filter(is_list).count()
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
    let mut stage = Stage::with(Setting { change: seldom, ..Setting::default() }).await?;
    // Several pages of members, most of whom nothing happens to.
    stage.stop().await;
    bystanders(&stage, 2_400)?;
    let members = stage.populate(90).await?;
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
    stage.wait(HOUR).await;
    let (before, writes) = (lists(&stage), stage.writes().len());
    assert_eq!(writes, 0);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR / 4).await;
    assert_eq!(lists(&stage) - before, 3, "one pass over all pages");
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

/// Ten members who have the role before Rolarr first sees the guild.
fn ten(sim: &mut sim::DiscordSim, scene: &sim::Scene) {
    for number in 0..10 {
        let user = sim.create_user(BEGINNING.0, &format!("early{number}"));
        let joined = sim.join(BEGINNING.0, scene.guild, user);
        assert!(joined.and_then(|()| sim.add_role(BEGINNING.0, scene.guild, user, scene.subscriber)).is_ok());
    }
}

/// The same in a guild of several pages.
fn ten_and_many(sim: &mut sim::DiscordSim, scene: &sim::Scene) {
    ten(sim, scene);
    for number in 0..2_300 {
        let user = sim.create_user(BEGINNING.0, &format!("bystander{number}"));
        assert!(sim.join(BEGINNING.0, scene.guild, user).is_ok());
    }
}

fn first_list(sim: &mut sim::DiscordSim, kind: RestFaultKind) {
    sim.fail_requests(RestFault::once("GET", "guilds/*/members", kind));
}

#[tokio::test(start_paused = true)]
async fn a_first_list_that_lacks_members_is_not_taken_for_the_guild() -> Result<()> {
    let beginnings: [fn(&mut sim::DiscordSim, &sim::Scene); 4] = [
        |sim, scene| {
            ten(sim, scene);
            first_list(sim, RestFaultKind::ShortList);
        },
        |sim, scene| {
            ten(sim, scene);
            first_list(sim, RestFaultKind::EmptyList);
        },
        |sim, scene| {
            ten_and_many(sim, scene);
            first_list(sim, RestFaultKind::ShortList);
        },
        |sim, scene| {
            ten_and_many(sim, scene);
            first_list(sim, RestFaultKind::EmptyList);
        },
    ];
    for (number, on_discord) in beginnings.into_iter().enumerate() {
        let stage = Stage::with(Setting { on_discord, ..Setting::default() }).await?;
        stage.wait(HOUR).await;
        let guild = stage.guild();
        assert!(stage.read(move |tx| tx.adopted(guild)).await?.is_some(), "{number}");
        stage.news(GatewayNews::Session).await?;
        stage.wait(HOUR).await;
        let waiting = stage.read(|tx| tx.waiting_users(100)).await?;
        let stored = stage.read(move |tx| tx.members_after(guild, None, 10_000)).await?;
        let expected = stage.on_discord().guild(stage.scene.guild).map(|guild| guild.members.len());
        assert_eq!(Some(stored.len()), expected, "{number}");
        assert!(waiting.is_empty(), "{number}");
        let all: Vec<_> = stored.iter().flatten().map(|member| member.user).collect();
        assert!(all.iter().all(|user| stage.messages(*user).is_empty()), "{number}: nobody is asked");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_listed_member_who_can_not_be_read_is_left_as_they_are_and_keeps_no_other_waiting() -> Result<()> {
    let (stage, members) = stage(3).await?;
    let user = sim::UserId(members[1].user.0);
    let fault = RestFault::once("GET", "guilds/*/members", RestFaultKind::UnreadableMember { user });
    stage.on_discord().fail_requests(fault.times(1_000));
    for member in &members[..2] {
        loses_unnoticed(&stage, *member)?;
    }
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR).await;
    let restricted = || members.iter().map(|member| stage.is_restricted(member.plex)).collect::<Vec<_>>();
    assert_eq!(restricted(), [true, false, false]);
    assert!(stage.member(members[1].user).await?.is_some_and(|member| member.present));
    stage.on_discord().end_trouble();
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR / 4).await;
    assert_eq!(restricted(), [true, true, false]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_first_list_with_a_member_who_can_not_be_read_is_whole_once_they_can_be_or_after_several_lists()
-> Result<()> {
    let beginnings: [fn(&mut sim::DiscordSim, &sim::Scene); 2] = [
        |sim, scene| {
            ten(sim, scene);
            first_list(sim, RestFaultKind::UnreadableMember { user: scene.alice });
        },
        |sim, scene| {
            ten(sim, scene);
            let kind = RestFaultKind::UnreadableMember { user: scene.alice };
            sim.fail_requests(RestFault::once("GET", "guilds/*/members", kind).times(1_000));
        },
    ];
    for (on_discord, lacking) in beginnings.into_iter().zip([0, 1]) {
        let stage = Stage::with(Setting { on_discord, ..Setting::default() }).await?;
        stage.wait(HOUR / 2).await;
        let guild = stage.guild();
        assert!(stage.read(move |tx| tx.adopted(guild)).await?.is_some(), "{lacking}");
        let stored = stage.read(move |tx| tx.members_after(guild, None, 10_000)).await?.len();
        let expected = stage.on_discord().guild(stage.scene.guild).map(|guild| guild.members.len());
        assert_eq!(Some(stored + lacking), expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_number_of_members_that_is_not_true_keeps_no_guild_out() -> Result<()> {
    let on_discord: fn(&mut sim::DiscordSim, &sim::Scene) = |sim, scene| {
        ten(sim, scene);
        assert!(sim.show_member_count(scene.guild, Some(400)).is_ok());
    };
    let stage = Stage::with(Setting { on_discord, ..Setting::default() }).await?;
    stage.wait(HOUR).await;
    let guild = stage.guild();
    assert!(stage.read(move |tx| tx.adopted(guild)).await?.is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_and_the_guild_that_comes_with_it_are_one_pass() -> Result<()> {
    let (stage, _) = stage(1).await?;
    let before = lists(&stage);
    stage.news(GatewayNews::Session).await?;
    stage.wait(Duration::from_millis(40)).await;
    stage.news(GatewayNews::GuildAvailable(stage.guild())).await?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(lists(&stage) - before, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_can_not_be_listed_is_tried_less_and_less_and_never_given_up() -> Result<()> {
    let (stage, members) = stage(2).await?;
    let refused = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("GET", "guilds/*/members", refused).times(1_000_000));
    loses_unnoticed(&stage, members[0])?;
    let before = lists(&stage);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR * 6).await;
    let tries: Vec<u64> = {
        let sim = stage.on_discord();
        let of_list = sim.requests().iter().filter(|request| request.path.ends_with("/members"));
        of_list.skip(before).map(|request| request.at_ms).collect()
    };
    assert!((10..=150).contains(&tries.len()), "{} requests in six hours", tries.len());
    // The pauses grow, and chance makes each another.
    let mut pauses: Vec<u64> =
        tries.windows(2).map(|pair| pair[1] - pair[0]).filter(|pause| *pause > 20_000).collect();
    assert!(pauses.iter().all(|pause| *pause <= 1_260_000), "{pauses:?}");
    assert!(pauses.last() > pauses.first(), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 8, "{pauses:?}");
    stage.on_discord().end_trouble();
    stage.wait(Duration::from_secs(1_300)).await;
    assert!(stage.is_restricted(members[0].plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn administrators_hear_once_of_a_kick_that_the_gateway_did_not_tell_of() -> Result<()> {
    let (stage, members) = stage(3).await?;
    let (now, guild) = (stage.now(), stage.scene.guild);
    stage.on_discord().kick_bot(now, guild)?;
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR * 24).await;
    let alarms = async || -> Result<usize> {
        let audited = stage.read(|tx| tx.audited()).await?;
        Ok(audited.iter().filter(|(_, text)| text.contains("no member of a Discord server any more")).count())
    };
    assert_eq!(alarms().await?, 1);
    assert!(stage.writes().is_empty());
    stage.news(GatewayNews::GuildGone(stage.guild())).await?;
    assert_eq!(alarms().await?, 1, "it was told");
    // Back, and out again: that is news.
    let now = stage.now();
    stage.on_discord().invite_bot(now, guild)?;
    stage.news(GatewayNews::GuildAvailable(stage.guild())).await?;
    stage.settle().await;
    let now = stage.now();
    stage.on_discord().kick_bot(now, guild)?;
    stage.news(GatewayNews::GuildGone(stage.guild())).await?;
    stage.wait(HOUR * 3).await;
    assert_eq!(alarms().await?, 2);
    assert!(members.iter().all(|member| stage.at_plex().friend(member.plex.0).is_some()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_the_guild_is_not_there_is_no_kick_whatever_failed_before_it() -> Result<()> {
    let (stage, _) = stage(1).await?;
    let one = format!("guilds/{}", stage.scene.guild.0);
    let alarms = async || -> Result<usize> {
        let audited = stage.read(|tx| tx.audited()).await?;
        Ok(audited.iter().filter(|(_, text)| text.contains("no member of a Discord server any more")).count())
    };
    let fails = |kinds: &[(u16, u32)]| {
        for (status, code) in kinds {
            let kind = RestFaultKind::Status { status: *status, code: *code };
            stage.on_discord().fail_requests(RestFault::once("GET", &one, kind));
        }
    };
    let (away, not_there) = ((503, 0), (404, 10_004));
    fails(&[away, not_there, away]);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR).await;
    assert_eq!(alarms().await?, 0);
    // The guild was there since.
    fails(&[not_there]);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR).await;
    assert_eq!(alarms().await?, 0);
    // Nothing in between says that it is there.
    fails(&[not_there, away, not_there]);
    stage.news(GatewayNews::Session).await?;
    stage.wait(HOUR).await;
    assert_eq!(alarms().await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn however_often_something_can_not_be_read_the_guild_is_not_listed_all_the_time() -> Result<()> {
    let (stage, members) = stage(1).await?;
    let before = lists(&stage);
    loses_unnoticed(&stage, members[0])?;
    stage.news(GatewayNews::Gap("an event".to_owned())).await?;
    stage.wait(Duration::from_secs(20)).await;
    assert!(stage.is_restricted(members[0].plex), "the first is followed at once");
    for _ in 0..179 {
        stage.news(GatewayNews::Gap("an event".to_owned())).await?;
        stage.wait(Duration::from_secs(20)).await;
    }
    let passes = lists(&stage) - before;
    assert!((10..=14).contains(&passes), "{passes} passes in an hour");
    Ok(())
}

/// Above twenty at once the gateway is asked, in chunks.
#[tokio::test(start_paused = true)]
async fn members_in_a_chunk_that_fails_are_asked_for_again_and_nobody_is_taken_for_gone() -> Result<()> {
    let failures = [
        RestFaultKind::Garbage,
        RestFaultKind::Status { status: 500, code: 0 },
        RestFaultKind::TooManyRequests { retry_after_ms: Some(30_000), global: false },
        RestFaultKind::Hang,
        RestFaultKind::Drop,
    ];
    for kind in failures {
        let (stage, members) = stage(120).await?;
        let asked = RestFault::once("OP 8", "gateway/guilds/*/members", kind.clone()).times(2);
        stage.on_discord().fail_requests(asked);
        let (lose, stay) = members.split_at(60);
        for member in lose {
            loses_unnoticed(&stage, *member)?;
        }
        for member in &members {
            let said = rolarr::pipeline::ports::Said::Unclear;
            let hint = rolarr::pipeline::ports::Hint { guild: stage.guild(), user: member.user, said };
            stage.hint(hint).await?;
        }
        stage.wait(HOUR / 2).await;
        let chunks = stage.on_discord().requests().iter().filter(|request| request.method == "OP 8").count();
        assert!(chunks >= 2, "{kind:?}: {chunks}");
        assert!(lose.iter().all(|member| stage.is_restricted(member.plex)), "{kind:?}");
        assert!(stay.iter().all(|member| !stage.is_restricted(member.plex)), "{kind:?}");
        let gone = members.iter().filter(|member| stage.at_plex().friend(member.plex.0).is_none()).count();
        assert_eq!(gone, 0, "{kind:?}");
    }
    Ok(())
}
