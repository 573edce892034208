//! From the gateway's hints to the journal.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{
        GuildId, RoleId,
        contract::{Cause, Origin},
    },
    pipeline::{
        ports::GatewayNews,
        settings::{FirstStart, TrackedRole},
    },
    store::EventState,
};
use rolarr_sim::discord::{RestFault, RestFaultKind};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

async fn story(stage: &Stage) -> Result<Vec<(Origin, String, EventState)>> {
    let alice = stage.alice();
    let events = stage.read(move |tx| tx.story(alice)).await?;
    let name = |cause: &Cause| match cause {
        Cause::RoleAdded(role) => format!("+{}", role.key),
        Cause::RoleRemoved(role) => format!("-{}", role.key),
        Cause::MemberLeft => "left".to_owned(),
        other => format!("{other:?}"),
    };
    Ok(events.into_iter().map(|row| (row.event.origin, name(&row.event.cause), row.event.state)).collect())
}

fn with_roles(sim: &mut rolarr_sim::discord::DiscordSim, scene: &rolarr_sim::discord::Scene) {
    for user in [scene.alice, scene.bob] {
        sim.add_role(rolarr_tests::inprocess::BEGINNING.0, scene.guild, user, scene.subscriber).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_existing_guild_is_taken_in_as_it_is() -> Result<()> {
    let stage = Stage::with(Setting { on_discord: with_roles, ..Setting::default() }).await?;
    stage.wait(Duration::from_secs(600)).await;
    assert!(stage.messages(stage.alice()).is_empty());
    assert!(stage.writes().is_empty());
    assert!(story(&stage).await?.is_empty());
    // Losing a role that led to nothing leads to nothing.
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(stage.alice()).is_empty());
    assert!(stage.writes().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_existing_guild_can_be_processed_instead() -> Result<()> {
    let stage = Stage::with(Setting {
        on_discord: with_roles,
        change: |settings| settings.first_start = FirstStart::Process,
        ..Setting::default()
    })
    .await?;
    stage.settle().await;
    assert_eq!(story(&stage).await?, [(Origin::Sweep, "+plex".to_owned(), EventState::Decided)]);
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    assert_eq!(stage.messages(stage.bob()).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_tracked_later_is_a_first_start_of_its_own() -> Result<()> {
    for (first_start, messages) in [(FirstStart::Adopt, 0), (FirstStart::Process, 1)] {
        let mut stage = Stage::with(Setting {
            change: |settings| settings.guilds[0].roles.truncate(1),
            ..Setting::default()
        })
        .await?;
        stage.give_role(stage.alice(), stage.vip).await?;
        stage.settle().await;
        assert!(story(&stage).await?.is_empty(), "not tracked yet");
        stage.stop().await;
        let vip = TrackedRole { id: stage.vip, key: "vip".to_owned() };
        stage.settings().guilds[0].roles.push(vip);
        stage.settings().first_start = first_start;
        stage.start().await?;
        assert_eq!(stage.messages(stage.alice()).len(), messages, "{first_start:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_difference_is_one_event_per_role_added_ones_first() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let (now, guild, alice) = (stage.now(), stage.scene.guild, stage.scene.alice);
    let vip = rolarr_sim::discord::RoleId(stage.vip.0);
    stage.on_discord().set_roles(now, guild, alice, &[vip])?;
    stage.tell(stage.alice()).await?;
    stage.settle().await;
    let names: Vec<String> = story(&stage).await?.into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["+plex", "+vip", "-plex"]);
    let alice = stage.alice();
    let events = stage.read(move |tx| tx.story(alice)).await?;
    assert_eq!(events[1].event.roles, [stage.vip]);
    assert_eq!(events[2].event.roles, [stage.vip]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_older_than_the_hint_is_asked_for_again() -> Result<()> {
    let stage = Stage::set().await?;
    stage.on_discord().fail_requests(RestFault::once(
        "GET",
        "guilds/*/members/*",
        RestFaultKind::StaleMember,
    ));
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(1)).await;
    assert!(story(&stage).await?.is_empty());
    stage.wait(Duration::from_secs(3)).await;
    assert_eq!(story(&stage).await?.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_a_definite_answer_means_that_somebody_left() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let events = story(&stage).await?.len();
    for status in [403, 500, 503] {
        stage.on_discord().fail_requests(
            RestFault::once("GET", "guilds/*/members/*", RestFaultKind::Status { status, code: 0 }).times(40),
        );
        let hint = rolarr::pipeline::ports::Hint {
            guild: stage.guild(),
            user: stage.alice(),
            said: rolarr::pipeline::ports::Said::Left,
        };
        stage.hint(hint).await?;
        stage.settle().await;
        stage.on_discord().end_trouble();
        stage.wait(Duration::from_secs(900)).await;
        assert_eq!(story(&stage).await?.len(), events, "{status}");
    }
    assert!(stage.at_plex().share_of(ANN).is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_guild_is_not_a_guild_whose_members_left() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (now, guild) = (stage.now(), stage.scene.guild);
    stage.on_discord().set_available(now, guild, false)?;
    stage.news(GatewayNews::GuildUnavailable(stage.guild())).await?;
    stage.news(GatewayNews::Session).await?;
    stage.wait(Duration::from_secs(600)).await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(stage.filters(ANN).is_empty());
    let now = stage.now();
    stage.on_discord().set_available(now, guild, true)?;
    stage.news(GatewayNews::GuildGone(stage.guild())).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(stage.audit().iter().any(|line| line.contains("no member of a Discord server")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_nobody_listened_is_caught_up_at_the_next_session() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.stop().await;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.leave(stage.bob()).await?;
    stage.start().await?;
    let last = story(&stage).await?.pop();
    assert_eq!(last, Some((Origin::Sweep, "-plex".to_owned(), EventState::Decided)));
    assert_eq!(stage.filters(ANN).len(), 2);
    assert!(stage.member(stage.bob()).await?.is_some_and(|bob| !bob.present));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_makes_nobody_leave() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.stop().await;
    stage
        .on_discord()
        .fail_requests(RestFault::once("GET", "guilds/*/members", RestFaultKind::Garbage).times(3));
    stage.start().await?;
    stage.wait(Duration::from_secs(600)).await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn protected_members_and_roles_are_skipped_and_shown_as_skipped() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let (alice, vip) = (stage.alice(), stage.vip);
    stage.settings().protected_members.insert(alice);
    stage.settings().guilds[0].roles.truncate(1);
    stage.settings().protected_roles.insert(vip);
    stage.start().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.give_role(stage.bob(), vip).await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(story(&stage).await?[0].2, EventState::Skipped);
    assert!(stage.messages(stage.alice()).is_empty());
    assert!(stage.messages(stage.bob()).is_empty());
    let owner = rolarr::domain::UserId(stage.scene.owner.0);
    stage.give_role(owner, stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(owner).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_is_protected_by_now_is_not_evaluated_whatever_happens_to_the_account() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.stop().await;
    let alice = stage.alice();
    stage.settings().protected_members.insert(alice);
    stage.start().await?;
    stage.wait(Duration::from_secs(25 * 3600)).await;
    let last = story(&stage).await?.pop();
    assert_eq!(last.map(|(origin, _, state)| (origin, state)), Some((Origin::Timer, EventState::Skipped)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_before_a_member_was_protected_is_not_carried_out_after() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (alice, vip) = (stage.alice(), stage.vip);
    stage.stop().await;
    stage.settings().guilds[0].roles.truncate(1);
    stage.settings().protected_roles.insert(vip);
    stage.start().await?;
    stage.at_plex().fault(rolarr_sim::plex::Fault::on(
        "*",
        "*",
        rolarr_sim::plex::Effect::Drop { applied: false },
    ));
    stage.take_role(alice, stage.role()).await?;
    stage.settle().await;
    stage.give_role(alice, vip).await?;
    stage.at_plex().clear_faults();
    stage.wait(Duration::from_secs(24 * 3600)).await;
    assert!(stage.filters(ANN).is_empty(), "{:?}", stage.filters(ANN));
    // Without the protection the present roles decide.
    stage.take_role(alice, vip).await?;
    stage.settle().await;
    stage.wait(Duration::from_secs(600)).await;
    assert!(!stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_hints_at_once_are_asked_for_through_the_gateway() -> Result<()> {
    let stage = Stage::set().await?;
    let mut users = Vec::new();
    {
        let now = stage.now();
        let mut sim = stage.on_discord();
        for number in 0..150 {
            let user = sim.create_user(now, &format!("member{number}"));
            sim.join(now, stage.scene.guild, user)?;
            sim.add_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
            users.push(rolarr::domain::UserId(user.0));
        }
        sim.forget_requests();
    }
    for user in &users {
        stage.tell(*user).await?;
    }
    stage.wait(Duration::from_secs(3600)).await;
    let read =
        stage.on_discord().requests().iter().filter(|logged| logged.path.contains("/members/")).count();
    assert!(read <= 20, "{read} members were read one by one");
    assert!(users.iter().all(|user| stage.messages(*user).len() == 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_is_not_served_is_nobodys_business() -> Result<()> {
    let stage = Stage::set().await?;
    let hint = rolarr::pipeline::ports::Hint {
        guild: GuildId(1),
        user: stage.alice(),
        said: rolarr::pipeline::ports::Said::Left,
    };
    stage.hint(hint).await?;
    stage.news(GatewayNews::RoleDeleted(GuildId(1), RoleId(2))).await?;
    stage.settle().await;
    assert!(story(&stage).await?.is_empty());
    assert!(stage.audit().is_empty());
    Ok(())
}
