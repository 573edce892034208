//! What happens on the gateway reaches the pipeline.

use std::time::Duration;

use rolarr::{
    domain::{GuildId, RoleId, UserId},
    pipeline::ports::{Discord as _, GatewayNews, GuildRole, Hint, Said},
};
use rolarr_sim::discord::{EventFault, EventFaultKind, intents};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::bot::{Bot, Told, until};

fn hint(bot: &Bot, user: UserId, said: Said) -> Hint {
    Hint { guild: bot.guild(), user, said }
}

/// The roles that the hints showed, one after the other.
fn roles(bot: &Bot) -> Vec<Vec<RoleId>> {
    let roles = |hint: Hint| if let Said::Member(seen) = hint.said { Some(seen.roles) } else { None };
    bot.intake.hints().into_iter().filter_map(roles).collect()
}

#[tokio::test]
async fn a_session_begins_and_then_the_guild_is_there() {
    let bot = Bot::start().await;
    let guild = bot.guild();
    assert_eq!(bot.intake.news(), [GatewayNews::Session, GatewayNews::GuildAvailable(guild)]);
    let wanted = intents::GUILDS | intents::GUILD_MEMBERS | intents::DIRECT_MESSAGES;
    assert_eq!(bot.server.with(|sim, _| sim.newest_intents()), Some(wanted));
}

#[tokio::test]
async fn a_role_that_is_added_is_hinted_with_all_roles() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber)).unwrap();
    until("the hint", || !bot.intake.hints().is_empty()).await;
    let hints = bot.intake.hints();
    let [Hint { user, said: Said::Member(seen), .. }] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(*user, bot.alice());
    assert_eq!(seen.roles, [RoleId(scene.subscriber.0)]);
    assert_eq!(seen.username, "alice");
}

#[tokio::test]
async fn who_joins_and_leaves_is_hinted_and_bots_are_not() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    let carol = bot.server.with(|sim, now| {
        let other = sim.create_bot(now, "other");
        sim.join(now, scene.guild, other).unwrap();
        sim.add_role(now, scene.guild, other, scene.subscriber).unwrap();
        sim.leave(now, scene.guild, other).unwrap();
        let carol = sim.create_user(now, "carol");
        sim.join(now, scene.guild, carol).unwrap();
        sim.leave(now, scene.guild, carol).unwrap();
        UserId(carol.0)
    });
    until("two hints", || bot.intake.hints().len() >= 2).await;
    let hints = bot.intake.hints();
    assert!(matches!(&hints[0], Hint { user, said: Said::Member(_), .. } if *user == carol));
    assert_eq!(hints[1..], [hint(&bot, carol, Said::Left)]);
}

#[tokio::test]
async fn an_outage_is_no_leaving() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        sim.set_available(now, scene.guild, false).unwrap();
        sim.set_available(now, scene.guild, true).unwrap();
        sim.kick_bot(now, scene.guild).unwrap();
    });
    until("the news", || bot.intake.news().len() >= 5).await;
    let guild = bot.guild();
    assert_eq!(
        bot.intake.news()[2..],
        [
            GatewayNews::GuildUnavailable(guild),
            GatewayNews::GuildAvailable(guild),
            GatewayNews::GuildGone(guild)
        ]
    );
}

#[tokio::test]
async fn a_renamed_and_a_deleted_role_are_news() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        sim.rename_role(now, scene.guild, scene.subscriber, "Friend").unwrap();
        sim.delete_role(now, scene.guild, scene.subscriber).unwrap();
    });
    until("the news", || bot.intake.news().len() >= 4).await;
    let role = RoleId(scene.subscriber.0);
    let changed = GuildRole { id: role, name: "Friend".to_owned() };
    assert_eq!(
        bot.intake.news()[2..],
        [GatewayNews::RoleChanged(bot.guild(), changed), GatewayNews::RoleDeleted(bot.guild(), role)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_changes_keep_their_order() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        for n in 0..200 {
            let change: &[_] = if n % 2 == 0 { &[scene.subscriber] } else { &[] };
            sim.set_roles(now, scene.guild, scene.alice, change).unwrap();
        }
    });
    until("all hints", || bot.intake.hints().len() >= 200).await;
    let held = vec![RoleId(scene.subscriber.0)];
    for (n, roles) in roles(&bot).into_iter().enumerate() {
        assert_eq!(roles, if n % 2 == 0 { held.clone() } else { vec![] }, "event {n}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_resumed_and_brings_what_was_missed() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        sim.drop_connections(now);
        sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    });
    until("the missed event", || !bot.intake.hints().is_empty()).await;
    assert_eq!(roles(&bot), [vec![RoleId(scene.subscriber.0)]]);
    assert_eq!(bot.intake.sessions(), 1);
    assert_eq!(bot.server.with(|sim, _| (sim.identify_count(), sim.resume_count())), (1, 1));
}

#[tokio::test]
async fn a_request_to_reconnect_is_followed_without_a_new_session() {
    let bot = Bot::start().await;
    bot.server.with(|sim, _| sim.ask_to_reconnect());
    until("the resume", || bot.server.with(|sim, _| sim.resume_count()) == 1).await;
    assert_eq!(bot.intake.sessions(), 1);
}

#[tokio::test]
async fn an_invalid_session_is_replaced_and_said_to_be_new() {
    let bot = Bot::start().await;
    bot.server.with(|sim, _| sim.invalidate_sessions(false));
    until("a second session", || bot.intake.sessions() == 2).await;
    until("the guild again", || bot.intake.news().len() == 4).await;
    assert_eq!(bot.server.with(|sim, _| sim.identify_count()), 2);
}

#[tokio::test]
async fn a_refused_resume_ends_in_a_new_session() {
    let bot = Bot::start().await;
    bot.server.with(|sim, now| {
        sim.refuse_resumes(1);
        sim.drop_connections(now);
    });
    until("a second session", || bot.intake.sessions() == 2).await;
    assert_eq!(bot.server.with(|sim, _| (sim.identify_count(), sim.resume_count())), (2, 0));
}

#[tokio::test]
async fn a_silent_connection_is_noticed() {
    let change = |sim: &mut rolarr_sim::discord::DiscordSim, _: &mut _| sim.set_heartbeat_interval(300);
    let bot = Bot::start_with(change, super::bot::Recorder::default()).await;
    bot.server.with(|sim, _| sim.silence_heartbeats(true));
    until("a second connection", || bot.server.with(|sim, _| sim.connection_count()) >= 2).await;
    bot.server.with(|sim, _| sim.silence_heartbeats(false));
    until("a live session", || bot.server.with(|sim, _| sim.live_sessions()) == 1).await;
}

#[tokio::test]
async fn refused_connections_are_tried_again_with_growing_waits() {
    let change = |sim: &mut rolarr_sim::discord::DiscordSim, _: &mut _| sim.refuse_connections(3);
    let bot = Bot::start_with(change, super::bot::Recorder::default()).await;
    assert_eq!(bot.intake.sessions(), 1);
    assert_eq!(bot.server.with(|sim, _| (sim.connection_count(), sim.identify_count())), (4, 1));
}

#[tokio::test]
async fn a_member_event_that_can_not_be_read_says_that_it_is_unclear() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        let kind = EventFaultKind::Set { pointer: "/roles".to_owned(), value: Value::Null };
        sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", kind));
        sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    });
    until("the hint", || !bot.intake.hints().is_empty()).await;
    assert_eq!(bot.intake.hints(), [hint(&bot, bot.alice(), Said::Unclear)]);
}

#[tokio::test]
async fn a_guild_with_an_odd_role_is_available_all_the_same() {
    let change = |sim: &mut rolarr_sim::discord::DiscordSim, _: &mut _| {
        let kind = EventFaultKind::Remove { pointer: "/roles/0/colors".to_owned() };
        sim.fail_events(EventFault::once("GUILD_CREATE", kind));
    };
    let bot = Bot::start_with(change, super::bot::Recorder::default()).await;
    assert_eq!(bot.intake.sessions(), 1);
}

#[tokio::test]
async fn what_names_nobody_is_a_gap_and_the_next_event_is_read() {
    let bot = Bot::start().await;
    bot.server.with(|sim, now| {
        for data in [json!(null), json!({"guild_id": []}), json!("ann@example.org")] {
            sim.send_event(now, "GUILD_MEMBER_UPDATE", data);
        }
        sim.send_event(now, "SOMETHING_NEW", json!({"a": 1}));
        sim.send_event(now, "GUILD_DELETE", json!({"id": "1", "unavailable": true}));
    });
    until("the news", || bot.intake.news().len() >= 6).await;
    let news = bot.intake.news();
    for gap in &news[2..5] {
        let GatewayNews::Gap(what) = gap else { panic!("{gap:?}") };
        assert_eq!(what, "an event `GUILD_MEMBER_UPDATE` can't be read");
    }
    assert_eq!(news[5..], [GatewayNews::GuildUnavailable(GuildId(1))]);
}

#[tokio::test]
async fn frames_that_are_no_payloads_end_nothing() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        for frame in ["", "{", "[]", "null", r#"{"op":99}"#, r#"{"op":0,"t":"X"}"#, r#"{"op":"x"}"#] {
            sim.send_raw_frame(frame);
        }
        sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    });
    until("the hint", || !bot.intake.hints().is_empty()).await;
    assert_eq!(bot.intake.sessions(), 1);
}

#[tokio::test]
async fn a_limit_on_the_gateway_that_nobody_waits_for_is_a_gap() {
    let bot = Bot::start().await;
    let limited = json!({"opcode": 8, "retry_after": 3.5, "meta": {"guild_id": "1", "nonce": "x"}});
    bot.server.with(|sim, now| sim.send_event(now, "RATE_LIMITED", limited));
    until("the gap", || matches!(bot.intake.news().last(), Some(GatewayNews::Gap(_)))).await;
}

#[tokio::test]
async fn messages_in_the_guild_are_not_listened_to() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        sim.type_message(now, scene.channel, scene.alice, "ann@example.org").unwrap();
        sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    });
    until("the hint", || !bot.intake.hints().is_empty()).await;
    sleep(Duration::from_millis(50)).await;
    assert!(!bot.intake.told().iter().any(|told| matches!(told, Told::Address(..))));
}

#[tokio::test]
async fn whatever_code_a_connection_is_closed_with_there_is_a_session_again() {
    let mut all = tokio::task::JoinSet::new();
    for code in [1000, 1001, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009, 4010, 4011, 4012, 4999] {
        all.spawn(async move {
            let bot = Bot::start().await;
            let scene = bot.scene;
            bot.server.with(|sim, now| sim.close_connections(now, code));
            until("a live session", || bot.server.with(|sim, _| sim.live_sessions()) == 1).await;
            bot.server
                .with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber))
                .unwrap();
            until("the hint", || !bot.intake.hints().is_empty()).await;
            let new = bot.server.with(|sim, _| sim.identify_count());
            until("word of the session", || bot.intake.sessions() as u64 == new).await;
        });
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_bot_with_flags_that_nobody_knows_gets_a_session() {
    for (pointer, value) in [
        ("/user/flags", json!(1_u64 << 44)),
        ("/application/flags", json!("many")),
        ("/guilds", json!([{"id": "1", "unavailable": "soon"}])),
    ] {
        let change = |sim: &mut rolarr_sim::discord::DiscordSim, _: &mut _| {
            let kind = EventFaultKind::Set { pointer: pointer.to_owned(), value };
            sim.fail_events(EventFault::once("READY", kind));
        };
        let bot = Bot::start_with(change, super::bot::Recorder::default()).await;
        assert_eq!(bot.intake.sessions(), 1, "{pointer}");
        let known = bot.discord.members_by_id(bot.guild(), &[bot.alice()]).await.unwrap();
        assert_eq!(known.len(), 1, "{pointer}");
    }
}
