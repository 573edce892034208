//! Sessions and events.

use rolarr_sim::discord::{EventFault, EventFaultKind, intents};
use serde_json::Value;
use serenity::all::{ChunkGuildFilter, Event, GatewayIntents, GuildId, UserId};

use crate::bot::{Bot, server, until};

#[tokio::test]
async fn serenity_connects_and_understands_the_guild() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    let guild = bot.hears_guild().await;
    assert_eq!(guild.id.get(), scene.guild.0);
    assert_eq!(guild.roles.len(), 3);
    assert_eq!(guild.member_count, 5);
    assert_eq!(guild.members.len(), 1, "only the bot itself");
    server.with(|sim, _| {
        assert_eq!(sim.identify_count(), 1);
        let wanted = intents::GUILDS | intents::GUILD_MEMBERS | intents::DIRECT_MESSAGES;
        assert_eq!(sim.newest_intents(), Some(wanted));
    });
    bot.stop().await;
}

#[tokio::test]
async fn serenity_hears_what_members_and_roles_do() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    server.with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber)).unwrap();
    assert_eq!(bot.hears_roles().await, [scene.subscriber.0]);

    server.with(|sim, now| sim.leave(now, scene.guild, scene.alice)).unwrap();
    let gone = bot.hears(|event| match event {
        Event::GuildMemberRemove(removal) => Some(removal.user.id.get()),
        _ => None,
    });
    assert_eq!(gone.await, scene.alice.0);

    server.with(|sim, now| sim.join(now, scene.guild, scene.alice)).unwrap();
    let back = bot.hears(|event| match event {
        Event::GuildMemberAdd(add) => {
            Some((add.member.user.id.get(), add.member.roles.len(), add.member.flags.bits()))
        }
        _ => None,
    });
    assert_eq!(back.await, (scene.alice.0, 0, 1), "without roles, and marked as having been here before");

    server.with(|sim, now| sim.rename_role(now, scene.guild, scene.subscriber, "Patron")).unwrap();
    let renamed = bot.hears(|event| match event {
        Event::GuildRoleUpdate(update) => Some(update.role.name.clone()),
        _ => None,
    });
    assert_eq!(renamed.await, "Patron");

    server.with(|sim, now| sim.delete_role(now, scene.guild, scene.subscriber)).unwrap();
    let deleted = bot.hears(|event| match event {
        Event::GuildRoleDelete(delete) => Some(delete.role_id.get()),
        _ => None,
    });
    assert_eq!(deleted.await, scene.subscriber.0);

    server.with(|sim, now| sim.set_available(now, scene.guild, false)).unwrap();
    let outage = bot.hears(|event| match event {
        Event::GuildDelete(delete) => Some(delete.guild.unavailable),
        _ => None,
    });
    assert!(outage.await);
    server.with(|sim, now| sim.set_available(now, scene.guild, true)).unwrap();
    bot.hears_guild().await;
    bot.stop().await;
}

#[tokio::test]
async fn serenity_gets_members_by_id_in_a_chunk() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    let context =
        bot.hears_even(|context, event| matches!(event, Event::GuildCreate(_)).then(|| context.clone()));
    let shard = context.await.shard;
    let users = vec![UserId::new(scene.alice.0), UserId::new(900_000_001)];
    let filter = ChunkGuildFilter::UserIds(users);
    shard.chunk_guild(GuildId::new(scene.guild.0), None, false, filter, Some("ask 1".to_owned()));
    let chunk = bot.hears(|event| match event {
        Event::GuildMembersChunk(chunk) => Some(chunk.clone()),
        _ => None,
    });
    let chunk = chunk.await;
    assert_eq!((chunk.chunk_index, chunk.chunk_count, chunk.nonce.as_deref()), (0, 1, Some("ask 1")));
    assert_eq!(chunk.members.keys().map(|id| id.get()).collect::<Vec<_>>(), [scene.alice.0]);
    assert_eq!(chunk.not_found, [900_000_001]);
    bot.stop().await;
}

#[tokio::test]
async fn a_dropped_connection_is_resumed_and_what_was_missed_is_replayed() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    server.with(|sim, now| {
        sim.drop_connections(now);
        sim.add_role(now, scene.guild, scene.bob, scene.subscriber).unwrap();
    });
    assert_eq!(bot.hears_roles().await, [scene.subscriber.0]);
    bot.hears(|event| matches!(event, Event::Resumed(_)).then_some(())).await;
    server.with(|sim, _| assert_eq!((sim.identify_count(), sim.resume_count()), (1, 1)));
    bot.stop().await;
}

#[tokio::test]
async fn a_refused_resume_ends_in_a_new_session() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    server.with(|sim, now| {
        sim.refuse_resumes(1);
        sim.ask_to_reconnect();
        sim.add_role(now, scene.guild, scene.bob, scene.subscriber).unwrap();
    });
    until(&server, |sim| (sim.identify_count() == 2).then_some(())).await;
    bot.hears_guild().await;
    bot.stop().await;
}

#[tokio::test]
async fn a_portal_without_the_members_switch_refuses_the_session() {
    let (server, _) = server().await;
    server.with(|sim, _| sim.application_mut().members_intent = false);
    let bot = Bot::start(&server).await;
    let end = tokio::time::timeout(std::time::Duration::from_secs(20), bot.task).await.unwrap().unwrap();
    let error = format!("{:?}", end.unwrap_err());
    assert!(error.contains("DisallowedGatewayIntents"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let (server, _) = server().await;
    let bot = Bot::start_with(&server, "wrong".to_owned(), GatewayIntents::GUILDS).await;
    let end = tokio::time::timeout(std::time::Duration::from_secs(20), bot.task).await.unwrap().unwrap();
    let error = format!("{:?}", end.unwrap_err());
    assert!(error.contains("InvalidAuthentication"), "{error}");
}

#[tokio::test]
async fn an_event_with_an_odd_field_is_one_that_serenity_does_not_understand() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    server.with(|sim, now| {
        let kind = EventFaultKind::Set { pointer: "/joined_at".to_owned(), value: Value::Null };
        sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", kind));
        sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    });
    let name = bot.hears_even(|_, event| match event {
        Event::Unknown(unknown) => Some(unknown.kind.clone()),
        _ => None,
    });
    assert_eq!(name.await, "GUILD_MEMBER_UPDATE");
    bot.stop().await;
}
