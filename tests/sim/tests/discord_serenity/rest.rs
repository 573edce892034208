//! Requests.

use rolarr_sim::discord::{DirectMessages, DiscordServer, RestFault, RestFaultKind, Scene};
use serde_json::json;
use serenity::all::{ChannelId, CreateMessage, EditMessage, GetMessages, GuildId, UserId};

use crate::bot::{Bot, code, server};

#[tokio::test]
async fn serenity_reads_members() {
    let (server, scene) = server().await;
    let bot = Bot::start(&server).await;
    let guild = GuildId::new(scene.guild.0);
    let all = guild.members(&bot.http, Some(1000), None).await.unwrap();
    assert_eq!(all.len(), 5);
    let member = guild.member(&bot.http, scene.mod_user.0).await.unwrap();
    assert_eq!(member.roles, [scene.moderator.0]);
    let shown = bot.http.get_guild_with_counts(guild).await.unwrap();
    assert_eq!(shown.approximate_member_count, Some(5));
    assert_eq!(bot.http.get_guild_roles(guild).await.unwrap().len(), 3);
    server.with(|sim, now| sim.leave(now, scene.guild, scene.bob)).unwrap();
    let error = guild.member(&bot.http, scene.bob.0).await.unwrap_err();
    assert_eq!(code(&error), Some((404, 10_007)));
    let error = GuildId::new(1).member(&bot.http, scene.bob.0).await.unwrap_err();
    assert_eq!(code(&error), Some((404, 10_004)));
    bot.stop().await;
}

async fn direct_channel(bot: &Bot, scene: &Scene) -> ChannelId {
    UserId::new(scene.alice.0).create_dm_channel(&bot.http).await.unwrap().id
}

#[tokio::test]
async fn serenity_writes_edits_and_reads_direct_messages() {
    let (server, scene) = server().await;
    let bot = Bot::start(&server).await;
    let channel = direct_channel(&bot, &scene).await;
    let mut message = channel.send_message(&bot.http, CreateMessage::new().content("hello")).await.unwrap();
    message.edit(&bot.http, EditMessage::new().content("goodbye")).await.unwrap();
    server.with(|sim, now| sim.type_direct_message(now, scene.alice, "who are you?")).unwrap();
    let read = channel.messages(&bot.http, GetMessages::new().limit(10)).await.unwrap();
    let texts: Vec<&str> = read.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(texts, ["who are you?", "goodbye"]);
    server.with(|sim, _| {
        let told = sim.told(scene.alice);
        assert_eq!((told.len(), told[0].before[0].content.as_str()), (1, "hello"));
    });
    bot.stop().await;
}

async fn refused(server: &DiscordServer, bot: &Bot, channel: ChannelId) -> Option<(u16, isize)> {
    let result = channel.send_message(&bot.http, CreateMessage::new().content("hello")).await;
    server.with(|sim, _| assert_eq!(sim.requests().last().unwrap().status, Some(403)));
    code(&result.unwrap_err())
}

#[tokio::test]
async fn a_person_who_takes_no_messages_or_is_in_no_guild_in_common_is_not_reached() {
    let (server, scene) = server().await;
    let bot = Bot::start(&server).await;
    let channel = direct_channel(&bot, &scene).await;
    server.with(|sim, _| sim.set_direct_messages(scene.alice, DirectMessages::Closed)).unwrap();
    assert_eq!(refused(&server, &bot, channel).await, Some((403, 50_007)));
    server.with(|sim, now| {
        sim.set_direct_messages(scene.alice, DirectMessages::Open).unwrap();
        sim.leave(now, scene.guild, scene.alice).unwrap();
    });
    assert_eq!(refused(&server, &bot, channel).await, Some((403, 50_278)));
    bot.stop().await;
}

#[tokio::test]
async fn a_request_can_fail_before_and_after_it_has_its_effect() {
    let (server, scene) = server().await;
    let bot = Bot::start(&server).await;
    let channel = direct_channel(&bot, &scene).await;
    let text = json!({"content": "hello", "nonce": "n1", "enforce_nonce": true});
    let post = || bot.http.send_message(channel, Vec::new(), &text);
    let fault = |kind| RestFault::once("POST", "channels/*/messages", kind);
    server.with(|sim, _| sim.fail_requests(fault(RestFaultKind::Drop)));
    post().await.unwrap_err();
    server.with(|sim, _| assert_eq!(sim.told(scene.alice).len(), 0));
    server.with(|sim, _| sim.fail_requests(fault(RestFaultKind::Drop).after_applying()));
    post().await.unwrap_err();
    server.with(|sim, _| assert_eq!(sim.told(scene.alice).len(), 1));
    let repeated = post().await.unwrap();
    server.with(|sim, _| {
        let told = sim.told(scene.alice);
        assert_eq!((told.len(), told[0].id.0), (1, repeated.id.get()), "the nonce brings back the first");
    });
    server.with(|sim, _| {
        sim.fail_requests(fault(RestFaultKind::TooManyRequests {
            retry_after_ms: Some(1500),
            global: false,
        }));
    });
    assert_eq!(code(&post().await.unwrap_err()).unwrap().0, 429);
    server.with(|sim, _| sim.fail_requests(fault(RestFaultKind::Garbage)));
    post().await.unwrap_err();
    bot.stop().await;
}
