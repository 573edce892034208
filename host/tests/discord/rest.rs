//! What the pipeline asks of Discord.

use std::{sync::Arc, time::Duration};

use rolarr::{
    discord::SerenityDiscord,
    domain::{ChannelId, GuildId, PromptId, RoleId, Secret, UserId},
    pipeline::ports::{Button, ButtonAction, Discord, DiscordError, Outgoing, Presence},
};
use rolarr_sim::discord::{DirectMessages, DiscordSim, RestFault, RestFaultKind};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::Instant};

use super::bot::{Bot, Recorder, settings, until};

fn plain(text: &str) -> Outgoing {
    Outgoing { text: text.to_owned(), button: None }
}

async fn with_short_limit() -> Bot {
    let change = |_: &mut DiscordSim, settings: &mut rolarr::discord::Settings| {
        settings.request_limit = Duration::from_millis(400);
        settings.register_commands = false;
    };
    Bot::start_with(change, Recorder::default()).await
}

fn fail(bot: &Bot, fault: RestFault) {
    bot.server.with(|sim, _| sim.fail_requests(fault));
}

fn requests(bot: &Bot, method: &str) -> usize {
    bot.server.with(|sim, _| sim.requests().iter().filter(|request| request.method == method).count())
}

#[tokio::test]
async fn a_channel_says_what_keeps_the_bot_from_speaking_there() {
    let bot = Bot::start().await;
    let (guild, channel) = (bot.scene.guild, bot.scene.channel);
    let us = bot.server.with(|sim, _| sim.bot());
    let over = |id: u64, kind: u8, deny: u64, allow: u64| serde_json::json!({"id": id.to_string(), "type": kind, "deny": deny.to_string(), "allow": allow.to_string()});
    let all = 1 << 10 | 1 << 11 | 1 << 16;
    let closed = || over(guild.0, 0, all, 0);
    let cases = [
        (0, vec![], vec![]),
        (5, vec![closed(), over(us.0, 1, 0, all)], vec![]),
        (15, vec![], vec!["is a forum: name a text channel"]),
        (2, vec![], vec!["is a voice channel"]),
        (4, vec![], vec!["is a category"]),
        (0, vec![over(guild.0, 0, 1 << 11, 0)], vec!["does not allow the bot `Send Messages`"]),
        (15, vec![closed()], vec!["is a forum", "`View Channel`, `Send Messages`, `Read Message History`"]),
    ];
    for (kind, overwrites, expected) in cases {
        bot.server.with(|sim, _| sim.describe_channel(channel, kind, overwrites)).unwrap();
        let faults = bot.discord.channel_faults(ChannelId(channel.0)).await.unwrap();
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        assert!(faults.iter().zip(&expected).all(|(fault, part)| fault.contains(part)), "{faults:?}");
    }
    bot.server.with(|sim, _| sim.let_bot_see(channel, false)).unwrap();
    let unseen = bot.discord.channel_faults(ChannelId(channel.0)).await.unwrap();
    assert!(unseen.len() == 1 && unseen[0].contains("`View Channel`"), "{unseen:?}");
    let none = bot.discord.channel_faults(ChannelId(1)).await.unwrap();
    assert!(none.len() == 1 && none[0].starts_with("does not exist"), "{none:?}");
}

#[tokio::test]
async fn a_guild_is_shown_with_its_roles_and_its_owner() {
    let bot = Bot::start().await;
    let guild = bot.discord.guild(bot.guild()).await.unwrap();
    assert_eq!((guild.name.as_str(), guild.owner), ("Example", UserId(bot.scene.owner.0)));
    assert!(guild.roles.iter().any(|role| role.name == "Subscriber"));
    assert_eq!(guild.members, 5);
}

#[tokio::test]
async fn only_an_unknown_member_is_gone() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber)).unwrap();
    let Presence::Member(alice) = bot.discord.member(bot.guild(), bot.alice()).await.unwrap() else {
        panic!()
    };
    assert_eq!(alice.roles, [RoleId(scene.subscriber.0)]);
    let stranger = bot.server.with(|sim, now| sim.create_user(now, "stranger"));
    let gone = bot.discord.member(bot.guild(), UserId(stranger.0)).await;
    assert_eq!(gone, Ok(Presence::Gone));
    let elsewhere = bot.discord.member(GuildId(900_000_001), bot.alice()).await;
    assert!(matches!(elsewhere, Err(DiscordError::NotFound { code: 10_004 } | DiscordError::Refused { .. })));
    for (status, code) in [(404, 10_004), (403, 50_001), (500, 0), (502, 0), (404, 0)] {
        let kind = RestFaultKind::Status { status, code };
        fail(&bot, RestFault::once("GET", "guilds/*/members/*", kind));
        let error = bot.discord.member(bot.guild(), UserId(stranger.0)).await.unwrap_err();
        assert!(!error.to_string().contains(&stranger.to_string()), "{error}");
    }
}

#[tokio::test]
async fn members_are_listed_page_by_page() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, now| {
        for n in 0..1_200 {
            let user = sim.create_user(now, &format!("member{n}"));
            sim.join(now, scene.guild, user).unwrap();
        }
    });
    let first = bot.discord.members_after(bot.guild(), None).await.unwrap();
    assert_eq!(first.len(), 1_000);
    assert!(first.members.is_sorted_by_key(|member| member.user));
    let last = first.last();
    let second = bot.discord.members_after(bot.guild(), last).await.unwrap();
    assert_eq!(second.len(), 205);
    assert!(second.members.iter().all(|member| Some(member.user) > last));
    assert_eq!(first.members.iter().chain(&second.members).filter(|member| member.bot).count(), 1);
}

#[tokio::test]
async fn a_listed_member_who_can_not_be_read_is_named_and_the_others_are_read() {
    let bot = Bot::start().await;
    let user = bot.scene.alice;
    fail(&bot, RestFault::once("GET", "guilds/*/members", RestFaultKind::UnreadableMember { user }));
    let page = bot.discord.members_after(bot.guild(), None).await.unwrap();
    assert_eq!((page.len(), page.members.len()), (5, 4));
    assert_eq!(page.unreadable, [bot.alice()]);
}

#[tokio::test]
async fn a_message_is_posted_once_for_one_nonce() {
    let bot = Bot::start().await;
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let button = Button {
        label: "Give my e-mail".to_owned(),
        action: ButtonAction::Answer(PromptId(5)),
        disabled: false,
    };
    let message = Outgoing { text: "Hello @everyone".to_owned(), button: Some(button) };
    let first = bot.discord.post(channel, &message, "task-1").await.unwrap();
    assert_eq!(bot.discord.post(channel, &message, "task-1").await.unwrap(), first);
    let other = bot.discord.post(channel, &plain("Another."), "task-2").await.unwrap();
    assert_ne!(other, first);
    bot.server.with(|sim, _| {
        let told = sim.told(bot.scene.alice);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].button(), Some("prompt:5"));
        assert!(!told[0].notified_everyone && told[0].notified.is_empty());
    });
}

#[tokio::test]
async fn a_message_that_broke_off_after_it_was_posted_is_not_posted_again() {
    let bot = Bot::start().await;
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    fail(&bot, RestFault::once("POST", "channels/*/messages", RestFaultKind::Drop).after_applying());
    let lost = bot.discord.post(channel, &plain("Hello."), "task-1").await;
    assert!(matches!(lost, Err(DiscordError::Unavailable { .. })), "{lost:?}");
    bot.discord.post(channel, &plain("Hello."), "task-1").await.unwrap();
    assert_eq!(bot.server.with(|sim, _| sim.told(bot.scene.alice).len()), 1);
}

#[tokio::test]
async fn a_message_of_ours_is_edited_and_the_newest_are_read() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let ours = bot.discord.post(channel, &plain("A question."), "task-1").await.unwrap();
    bot.server.with(|sim, now| sim.type_direct_message(now + 5, scene.alice, "good morning")).unwrap();
    bot.discord.edit(channel, ours, &plain("Closed.")).await.unwrap();
    let recent = bot.discord.recent(channel, None, 10).await.unwrap();
    let seen: Vec<_> = recent.iter().map(|message| (message.ours, message.text.as_str())).collect();
    assert_eq!(seen, [(false, "good morning"), (true, "Closed.")]);
    assert_eq!(bot.discord.recent(channel, None, 1).await.unwrap().len(), 1);
    let newest = recent[0].id;
    let older = bot.discord.recent(channel, Some(newest), 10).await.unwrap();
    assert_eq!(older, recent[1..]);
}

#[tokio::test]
async fn closed_direct_messages_are_told_from_other_refusals() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    bot.server.with(|sim, _| sim.set_direct_messages(scene.alice, DirectMessages::Closed)).unwrap();
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let error = bot.discord.post(channel, &plain("Hello."), "task-1").await.unwrap_err();
    assert_eq!(error, DiscordError::Refused { status: 403, code: 50_007 });
    assert!(error.is_refusal());
    for (status, code, closed) in [(403, 50_278, true), (429, 40_003, false), (403, 40_333, false)] {
        let kind = RestFaultKind::Status { status, code };
        fail(&bot, RestFault::once("POST", "channels/*/messages", kind));
        let error = bot.discord.post(channel, &plain("Hello."), "task-2").await.unwrap_err();
        assert_eq!(error.is_refusal(), closed, "{error:?}");
    }
}

#[tokio::test]
async fn a_short_limit_is_waited_for() {
    let bot = Bot::start().await;
    let limit = RestFaultKind::TooManyRequests { retry_after_ms: Some(300), global: false };
    fail(&bot, RestFault::once("GET", "guilds/*", limit));
    let began = Instant::now();
    bot.discord.guild(bot.guild()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_long_limit_is_an_error_and_is_kept() {
    let bot = Bot::start().await;
    let limit = RestFaultKind::TooManyRequests { retry_after_ms: Some(3_600_000), global: false };
    fail(&bot, RestFault::once("GET", "guilds/*", limit));
    for _ in 0..2 {
        let error = bot.discord.guild(bot.guild()).await.unwrap_err();
        let DiscordError::RateLimited { retry_after } = error else { panic!("{error:?}") };
        assert!(retry_after > Duration::from_secs(3_500));
    }
    let asked = |sim: &mut DiscordSim, _| {
        let path = format!("guilds/{}", bot.scene.guild);
        sim.requests().iter().filter(|request| request.path == path).count()
    };
    assert_eq!(bot.server.with(asked), 1);
    // Other routes go on.
    bot.discord.member(bot.guild(), bot.alice()).await.unwrap();
}

#[tokio::test]
async fn a_limit_that_does_not_end_is_not_asked_for_ever() {
    let bot = Bot::start().await;
    let limit = RestFaultKind::TooManyRequests { retry_after_ms: Some(20), global: false };
    fail(&bot, RestFault::once("GET", "guilds/*", limit).times(50));
    assert!(matches!(bot.discord.guild(bot.guild()).await, Err(DiscordError::RateLimited { .. })));
    assert!(bot.server.with(|sim, _| sim.invalid_requests()) <= 3);
}

#[tokio::test]
async fn many_requests_at_once_meet_no_limit() {
    let bot = Bot::start().await;
    bot.registered().await;
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..8 {
        let discord = Arc::clone(&bot.discord);
        all.spawn(async move { discord.post(channel, &plain("x"), &format!("n{n}")).await.map(|_| ()) });
    }
    for _ in 0..120 {
        let (discord, guild, alice) = (Arc::clone(&bot.discord), bot.guild(), bot.alice());
        all.spawn(async move { discord.member(guild, alice).await.map(|_| ()) });
    }
    for end in all.join_all().await {
        assert_eq!(end, Ok(()));
    }
    assert!(bot.server.with(|sim, _| sim.invalid_requests()) <= 2);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let bot = with_short_limit().await;
    fail(&bot, RestFault::once("GET", "**", RestFaultKind::Hang).times(2));
    let began = Instant::now();
    let error = bot.discord.guild(bot.guild()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Discord can't be reached or is at fault: GET /guilds/{guild}: no answer within 0.4 s"
    );
    assert!(bot.discord.member(bot.guild(), bot.alice()).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(10));
    bot.discord.guild(bot.guild()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_can_not_be_read_is_no_answer() {
    let bot = Bot::start().await;
    fail(&bot, RestFault::once("GET", "**", RestFaultKind::Garbage).times(2));
    assert!(matches!(bot.discord.guild(bot.guild()).await, Err(DiscordError::Unavailable { .. })));
    assert!(matches!(
        bot.discord.members_after(bot.guild(), None).await,
        Err(DiscordError::Unavailable { .. })
    ));
}

#[tokio::test]
async fn a_page_of_a_proxy_is_an_outage_whatever_was_asked() {
    let bot = Bot::start().await;
    bot.registered().await;
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let message = bot.discord.post(channel, &plain("A question."), "task-1").await.unwrap();
    for kind in [RestFaultKind::Page { status: 200 }, RestFaultKind::Garbage] {
        let fault = |method| fail(&bot, RestFault::once(method, "**", kind.clone()));
        let is_outage = |error: DiscordError| matches!(error, DiscordError::Unavailable { .. });
        fault("PATCH");
        assert!(is_outage(bot.discord.edit(channel, message, &plain("Closed.")).await.unwrap_err()));
        fault("POST");
        assert!(is_outage(bot.discord.post(channel, &plain("x"), "task-2").await.unwrap_err()));
        fault("GET");
        assert!(is_outage(bot.discord.ask_time().await.unwrap_err()));
        fault("GET");
        assert!(is_outage(bot.discord.recent(channel, None, 10).await.unwrap_err()));
    }
    bot.discord.edit(channel, message, &plain("Closed.")).await.unwrap();
    bot.discord.ask_time().await.unwrap();
    let told = bot.server.with(|sim, _| sim.told(bot.scene.alice).len());
    assert_eq!(told, 1, "nothing was taken before");
}

#[tokio::test]
async fn a_refused_token_stops_all_calls() {
    let bot = Bot::start().await;
    bot.registered().await;
    bot.server.with(|sim, _| sim.application_mut().token_valid = false);
    assert_eq!(bot.discord.guild(bot.guild()).await, Err(DiscordError::Unauthorized));
    let before = requests(&bot, "GET");
    for _ in 0..20 {
        assert_eq!(bot.discord.member(bot.guild(), bot.alice()).await, Err(DiscordError::Unauthorized));
    }
    assert_eq!(requests(&bot, "GET"), before);
}

#[tokio::test]
async fn members_by_id_come_through_the_gateway() {
    let bot = Bot::start().await;
    let scene = bot.scene;
    let stranger = UserId(bot.server.with(|sim, now| sim.create_user(now, "stranger")).0);
    bot.server.with(|sim, now| sim.add_role(now, scene.guild, scene.bob, scene.subscriber)).unwrap();
    let asked = [bot.bob(), stranger, bot.alice(), bot.bob()];
    let answer = bot.discord.members_by_id(bot.guild(), &asked).await.unwrap();
    assert_eq!(answer.len(), 3);
    for (user, presence) in answer {
        match presence {
            Presence::Member(seen) if user == bot.bob() => {
                assert_eq!(seen.roles, [RoleId(scene.subscriber.0)]);
            }
            Presence::Member(seen) => assert_eq!((seen.user, user), (bot.alice(), bot.alice())),
            Presence::Gone => assert_eq!(user, stranger),
        }
    }
    assert_eq!(bot.discord.members_by_id(bot.guild(), &[]).await, Ok(vec![]));
}

#[tokio::test]
async fn more_members_than_one_question_may_name_are_several_questions() {
    let bot = Bot::start().await;
    let users: Vec<UserId> = (900_000_001..900_000_251).map(UserId).collect();
    let answer = bot.discord.members_by_id(bot.guild(), &users).await.unwrap();
    assert_eq!(answer.len(), 250);
    assert!(answer.iter().all(|(_, presence)| *presence == Presence::Gone));
}

#[tokio::test]
async fn questions_to_the_gateway_do_not_mix() {
    let bot = Bot::start().await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (discord, guild) = (Arc::clone(&bot.discord), bot.guild());
        let user = if n % 2 == 0 { bot.alice() } else { UserId(900_000_001 + n) };
        all.spawn(async move { (n, discord.members_by_id(guild, &[user]).await.unwrap()) });
    }
    for (n, answer) in all.join_all().await {
        assert_eq!(matches!(answer[..], [(_, Presence::Member(_))]), n % 2 == 0);
    }
}

#[tokio::test]
async fn a_guild_that_the_gateway_does_not_answer_for_is_given_up() {
    let bot = Bot::start().await;
    let began = Instant::now();
    let error = bot.discord.members_by_id(GuildId(900_000_001), &[bot.alice()]).await.unwrap_err();
    assert!(matches!(error, DiscordError::Unavailable { .. }));
    assert!((9..15).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn a_session_that_ends_leaves_no_question_waiting() {
    let bot = Bot::start().await;
    let (discord, alice) = (Arc::clone(&bot.discord), bot.alice());
    let asking = tokio::spawn(async move { discord.members_by_id(GuildId(900_000_001), &[alice]).await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let began = Instant::now();
    bot.server.with(|sim, _| sim.invalidate_sessions(false));
    assert!(matches!(asking.await.unwrap(), Err(DiscordError::Unavailable { .. })));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn without_a_session_the_gateway_can_not_be_asked_and_rest_can() {
    let bot = Bot::start().await;
    let settings = bot.server.with(|sim, _| settings(sim, bot.server.url(), bot.server.gateway_url()));
    let alone = SerenityDiscord::new(settings).unwrap();
    let unavailable = alone.members_by_id(bot.guild(), &[bot.alice()]).await;
    assert!(matches!(unavailable, Err(DiscordError::Unavailable { .. })));
    let channel = alone.direct_channel(bot.alice()).await.unwrap();
    bot.discord.post(channel, &plain("x"), "n").await.unwrap();
    assert!(alone.recent(channel, None, 5).await.unwrap()[0].ours);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let crooked = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", crooked.local_addr().unwrap());
    let target = trap.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut socket, _) = crooked.accept().await.unwrap();
        let head = format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    });
    let bot = Bot::start().await;
    let mut settings = bot.server.with(|sim, _| settings(sim, api, bot.server.gateway_url()));
    settings.token = Secret::new("another-token");
    let discord = SerenityDiscord::new(settings).unwrap();
    let error = discord.direct_channel(UserId(7)).await.unwrap_err();
    assert!(matches!(error, DiscordError::Unavailable { .. }), "{error:?}");
    answering.await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), trap.accept()).await.is_err());
}

#[tokio::test]
async fn resuming_goes_to_the_configured_gateway_whatever_discord_offers() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let offered = format!("ws://{}", trap.local_addr().unwrap());
    let bot = Bot::start_with(|sim, _| sim.set_gateway_url(offered), Recorder::default()).await;
    bot.server.with(|sim, now| sim.drop_connections(now));
    until("the resume", || bot.server.with(|sim, _| sim.resume_count()) == 1).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), trap.accept()).await.is_err());
    let asked_where = |sim: &mut DiscordSim, _| sim.requests().iter().any(|asked| asked.path == "gateway");
    assert!(!bot.server.with(asked_where));
}

#[tokio::test]
async fn an_id_that_nobody_can_have_is_no_panic() {
    let bot = Bot::start().await;
    assert!(bot.discord.members_by_id(GuildId(0), &[UserId(0)]).await.is_err());
    assert!(bot.discord.member(bot.guild(), UserId(0)).await.is_err());
    assert!(bot.discord.post(ChannelId(0), &plain("x"), "n").await.is_err());
}
