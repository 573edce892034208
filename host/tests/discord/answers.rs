//! People use commands, buttons and forms, and are answered.

use std::time::Duration;

use rolarr::{
    domain::{PromptId, TaskId, UserId},
    pipeline::ports::{Button, ButtonAction, Command, Discord, Invoker, Outgoing, Via},
};
use rolarr_sim::discord::{
    Answer, DiscordSim, EventFault, EventFaultKind, InteractionId, MessageId, OptionValue, RestFault,
    RestFaultKind,
};
use tokio::time::sleep;

use super::bot::{Bot, Recorder, Told, until};

/// What a person sees as the answer, once there is one.
async fn reply(bot: &Bot, asked: InteractionId) -> String {
    until("the answer", || bot.server.with(|sim, _| sim.reply(asked).is_some())).await;
    bot.server.with(|sim, _| {
        let reply = sim.reply(asked).unwrap();
        assert_eq!(reply.flags & 64, 64, "others see the answer too");
        reply.now.content.clone()
    })
}

/// Posts a question with a button to alice.
async fn question(bot: &Bot, action: ButtonAction) -> MessageId {
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let button = Button { label: "Give my e-mail".to_owned(), action, disabled: false };
    let message = Outgoing { text: "Your e-mail, please.".to_owned(), button: Some(button) };
    MessageId(bot.discord.post(channel, &message, "q1").await.unwrap().0)
}

fn press(bot: &Bot, message: MessageId, button: &str) -> InteractionId {
    let alice = bot.scene.alice;
    bot.server.with(|sim, now| sim.press_button(now, alice, message, button)).unwrap()
}

#[tokio::test]
async fn an_administrators_command_is_deferred_and_answered_for_their_eyes_only() {
    let bot = Bot::start().await;
    bot.registered().await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_millis(300);
    let options = [("email", "carol@example.org".into()), ("member", OptionValue::User(bot.scene.bob))];
    let asked = bot.command(bot.scene.mod_user, "plex invite", &options);
    let deferred = |sim: &mut DiscordSim, _| sim.interaction(asked).unwrap().answer.clone();
    until("the deferral", || bot.server.with(deferred) == Answer::Deferred { ephemeral: true }).await;
    assert_eq!(reply(&bot, asked).await, "Done.");
    let by = Invoker { user: UserId(bot.scene.mod_user.0), guild: Some(bot.guild()), administrator: true };
    let command = Command::Invite { email: "carol@example.org".to_owned(), member: Some(bot.bob()) };
    assert!(bot.intake.told().contains(&Told::Command(command, by)));
}

#[tokio::test]
async fn a_member_is_no_administrator() {
    let bot = Bot::start().await;
    bot.registered().await;
    let asked = bot.command(bot.scene.alice, "plex remove", &[("email", "carol@example.org".into())]);
    reply(&bot, asked).await;
    let by = Invoker { user: bot.alice(), guild: Some(bot.guild()), administrator: false };
    let command = Command::Remove { email: "carol@example.org".to_owned() };
    assert!(bot.intake.told().contains(&Told::Command(command, by)));
}

#[tokio::test]
async fn a_member_links_in_the_guild_and_in_a_direct_message() {
    let bot = Bot::start().await;
    bot.registered().await;
    let in_guild = bot.command(bot.scene.alice, "plex link", &[]);
    reply(&bot, in_guild).await;
    bot.discord.direct_channel(bot.alice()).await.unwrap();
    let alice = bot.scene.alice;
    let direct = bot.server.with(|sim, now| {
        let channel = sim.direct_channel(alice).unwrap();
        sim.slash_command(now, channel, alice, "plex link", &[("email", "alice@example.org".into())]).unwrap()
    });
    reply(&bot, direct).await;
    let link = |email: Option<&str>, guild| {
        let by = Invoker { user: bot.alice(), guild, administrator: false };
        Told::Command(Command::Link { email: email.map(str::to_owned) }, by)
    };
    let told = bot.intake.told();
    assert!(told.contains(&link(None, Some(bot.guild()))));
    assert!(told.contains(&link(Some("alice@example.org"), None)));
}

#[tokio::test]
async fn a_button_opens_the_form_and_the_form_gives_the_address() {
    let bot = Bot::start_with(|_, _| {}, Recorder::with_form()).await;
    let message = question(&bot, ButtonAction::Answer(PromptId(5))).await;
    let pressed = press(&bot, message, "prompt:5");
    until("the form", || bot.server.with(|sim, _| sim.form(pressed).is_some())).await;
    assert_eq!(bot.server.with(|sim, _| sim.form(pressed).unwrap()["custom_id"].clone()), "address:5");
    let values = [("email", " Alice@Example.org ")];
    let sent = bot.server.with(|sim, now| sim.submit_modal(now, pressed, &values)).unwrap();
    assert_eq!(reply(&bot, sent).await, "Thank you.");
    let given = Told::Address(bot.alice(), " Alice@Example.org ".to_owned(), Via::Form(PromptId(5)));
    assert!(bot.intake.told().contains(&given));
}

#[tokio::test]
async fn the_inbox_button_shows_a_text_with_a_button_to_one_person() {
    let bot = Bot::start().await;
    let message = question(&bot, ButtonAction::Inbox).await;
    let pressed = press(&bot, message, "inbox");
    assert_eq!(reply(&bot, pressed).await, "There is a question for you.");
    let button = bot.server.with(|sim, _| sim.reply(pressed).unwrap().button().map(str::to_owned));
    assert_eq!(button.as_deref(), Some("prompt:9"));
    assert!(bot.intake.told().contains(&Told::Pressed(bot.alice(), ButtonAction::Inbox)));
}

/// Whether the pipeline was told that what waited behind the button was shown.
fn shown(bot: &Bot) -> bool {
    bot.intake.told().contains(&Told::Shown(vec![TaskId(3)]))
}

#[tokio::test]
async fn what_waits_behind_the_button_is_over_once_discord_took_the_answer() {
    let status = |status, code| RestFaultKind::Status { status, code };
    let first = |kind| RestFault::once("POST", "interactions/*/*/callback", kind);
    let faults = [
        (None, true),
        // Sent again, and taken.
        (Some(first(status(500, 0))), true),
        (Some(first(RestFaultKind::Drop).after_applying()), true),
        // The page of a proxy says nothing of what Discord did.
        (Some(first(RestFaultKind::Page { status: 200 })), true),
        (Some(first(RestFaultKind::Page { status: 200 }).after_applying()), true),
        (Some(first(RestFaultKind::Page { status: 200 }).times(2)), false),
        // Not taken, or not known.
        (Some(first(status(404, 10_062))), false),
        (Some(first(status(401, 50_027))), false),
        (Some(first(status(503, 0)).times(2)), false),
        (Some(first(RestFaultKind::Drop).times(2)), false),
    ];
    for (number, (fault, expected)) in faults.into_iter().enumerate() {
        let bot = Bot::start().await;
        let message = question(&bot, ButtonAction::Inbox).await;
        if let Some(fault) = fault {
            bot.server.with(|sim, _| sim.fail_requests(fault));
        }
        press(&bot, message, "inbox");
        until("the press", || bot.intake.told().iter().any(|told| matches!(told, Told::Pressed(..)))).await;
        if expected {
            until("the answer", || shown(&bot)).await;
        } else {
            sleep(Duration::from_millis(500)).await;
            assert!(!shown(&bot), "{number}");
        }
    }
}

#[tokio::test]
async fn a_later_answer_that_a_proxy_answers_with_a_page_is_sent_again() {
    let bot = Bot::start().await;
    bot.registered().await;
    for kind in [RestFaultKind::Page { status: 200 }, RestFaultKind::Garbage] {
        let fault = RestFault::once("PATCH", "webhooks/*/*/messages/*", kind);
        bot.server.with(|sim, _| sim.fail_requests(fault));
        let asked = bot.command(bot.scene.alice, "plex link", &[]);
        assert_eq!(reply(&bot, asked).await, "Done.");
    }
}

#[tokio::test]
async fn a_press_that_takes_too_long_ends_no_message() {
    let bot = Bot::start().await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_secs(3);
    let message = question(&bot, ButtonAction::Inbox).await;
    let pressed = press(&bot, message, "inbox");
    assert!(reply(&bot, pressed).await.contains("press the button again"));
    sleep(Duration::from_millis(1_500)).await;
    assert!(!shown(&bot));
}

/// All places are taken by people whose answers take long, and all places to wait too.
#[tokio::test]
async fn people_for_whom_there_is_no_place_are_told_so() {
    const PLACES: usize = 32 + 256;
    let bot = Bot::start().await;
    bot.registered().await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_secs(60);
    let taken = || bot.intake.told().iter().filter(|told| matches!(told, Told::Command(..))).count();
    for _ in 0..32 {
        bot.command(bot.scene.mod_user, "plex link", &[]);
    }
    until("the places are taken", || taken() == 32).await;
    let message = question(&bot, ButtonAction::Inbox).await;
    for _ in 32..PLACES {
        bot.command(bot.scene.mod_user, "plex link", &[]);
    }
    let late = [press(&bot, message, "inbox"), bot.command(bot.scene.alice, "plex link", &[])];
    for asked in late {
        assert!(reply(&bot, asked).await.contains("again in a minute"));
    }
    let alice = bot.scene.alice;
    bot.server.with(|sim, now| sim.type_direct_message(now, alice, "alice@example.org")).unwrap();
    let told =
        |sim: &mut DiscordSim, _| sim.told(alice).iter().any(|told| told.now.content.contains("again"));
    until("the writer", || bot.server.with(told)).await;
    assert!(!bot.intake.told().iter().any(|told| matches!(told, Told::Address(..) | Told::Pressed(..))));
}

#[tokio::test]
async fn a_press_that_takes_too_long_asks_to_try_again() {
    let bot = Bot::start_with(|_, _| {}, Recorder::with_form()).await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_secs(20);
    let message = question(&bot, ButtonAction::Answer(PromptId(5))).await;
    let pressed = press(&bot, message, "prompt:5");
    assert!(reply(&bot, pressed).await.contains("press the button again"));
    let took = bot.server.with(|sim, _| {
        let interaction = sim.interaction(pressed).unwrap();
        interaction.answered_ms.unwrap() - interaction.created_ms
    });
    assert!(took < 3_000, "{took} ms");
}

#[tokio::test]
async fn what_is_not_known_any_more_is_answered_politely() {
    let bot = Bot::start().await;
    bot.server.with(|sim, _| {
        let kind = EventFaultKind::Set { pointer: "/data/custom_id".to_owned(), value: "vote:yes".into() };
        sim.fail_events(EventFault::once("INTERACTION_CREATE", kind));
    });
    let message = question(&bot, ButtonAction::Inbox).await;
    let pressed = press(&bot, message, "inbox");
    assert!(reply(&bot, pressed).await.contains("out of date"));
    assert!(!bot.intake.told().iter().any(|told| matches!(told, Told::Pressed(..))));
}

#[tokio::test]
async fn an_interaction_with_a_field_that_serenity_misses_is_answered() {
    let bot = Bot::start().await;
    bot.registered().await;
    bot.server.with(|sim, _| {
        let kind = EventFaultKind::Remove { pointer: "/attachment_size_limit".to_owned() };
        sim.fail_events(EventFault::once("INTERACTION_CREATE", kind));
    });
    let asked = bot.command(bot.scene.alice, "plex link", &[]);
    assert_eq!(reply(&bot, asked).await, "Done.");
}

#[tokio::test]
async fn a_typed_direct_message_is_an_address_and_is_answered_there() {
    let bot = Bot::start().await;
    let alice = bot.scene.alice;
    bot.server.with(|sim, now| {
        sim.type_direct_message(now, alice, "alice@example.org").unwrap();
        sim.type_direct_message(now, alice, "good morning").unwrap();
    });
    until("the answer", || bot.server.with(|sim, _| !sim.told(alice).is_empty())).await;
    until("both", || bot.intake.told().iter().filter(|told| matches!(told, Told::Address(..))).count() == 2)
        .await;
    sleep(Duration::from_millis(100)).await;
    let told: Vec<_> =
        bot.server.with(|sim, _| sim.told(alice).iter().map(|message| message.now.content.clone()).collect());
    assert_eq!(told, ["Thank you."]);
    let given = Told::Address(bot.alice(), "alice@example.org".to_owned(), Via::DirectMessage);
    assert!(bot.intake.told().contains(&given));
}

#[tokio::test]
async fn a_doubled_event_is_one_command() {
    let bot = Bot::start().await;
    bot.registered().await;
    bot.server.with(|sim, _| {
        sim.fail_events(EventFault::once("INTERACTION_CREATE", EventFaultKind::Duplicate));
    });
    let asked = bot.command(bot.scene.alice, "plex link", &[]);
    reply(&bot, asked).await;
    let next = bot.command(bot.scene.bob, "plex link", &[]);
    reply(&bot, next).await;
    let commands = bot.intake.told().iter().filter(|told| matches!(told, Told::Command(..))).count();
    assert_eq!(commands, 2);
}

#[tokio::test]
async fn what_a_member_gave_is_not_lost_if_the_answer_can_not_be_given() {
    for (status, code) in [(404, 10_062), (400, 40_060), (401, 50_027)] {
        let bot = Bot::start().await;
        bot.registered().await;
        let kind = RestFaultKind::Status { status, code };
        bot.server.with(|sim, _| {
            sim.fail_requests(RestFault::once("POST", "interactions/*/*/callback", kind));
        });
        bot.command(bot.scene.alice, "plex link", &[("email", "alice@example.org".into())]);
        let command = Command::Link { email: Some("alice@example.org".to_owned()) };
        let given = |told: &Told| matches!(told, Told::Command(given, _) if *given == command);
        until("the command", || bot.intake.told().iter().any(given)).await;
        // The next person is answered.
        let asked = bot.command(bot.scene.bob, "plex link", &[]);
        assert_eq!(reply(&bot, asked).await, "Done.");
    }
}

#[tokio::test]
async fn a_fault_on_the_way_is_no_reason_to_leave_a_person_without_answer() {
    let status = |status| RestFaultKind::Status { status, code: 0 };
    let first = |kind| RestFault::once("POST", "interactions/*/*/callback", kind);
    let later = |kind| RestFault::once("PATCH", "webhooks/**", kind);
    for fault in [
        first(status(500)),
        first(RestFaultKind::Drop),
        first(RestFaultKind::Drop).after_applying(),
        first(RestFaultKind::TooManyRequests { retry_after_ms: Some(100), global: false }),
        later(status(502)),
        later(RestFaultKind::Drop).after_applying(),
    ] {
        let bot = Bot::start().await;
        bot.registered().await;
        bot.server.with(|sim, _| sim.fail_requests(fault));
        let asked = bot.command(bot.scene.alice, "plex link", &[]);
        assert_eq!(reply(&bot, asked).await, "Done.");
        let commands = bot.intake.told().iter().filter(|told| matches!(told, Told::Command(..))).count();
        assert_eq!(commands, 1);
    }
}

#[tokio::test]
async fn many_people_are_answered_while_one_waits() {
    let bot = Bot::start().await;
    bot.registered().await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_secs(5);
    bot.command(bot.scene.mod_user, "plex link", &[]);
    until("the slow one", || bot.intake.told().iter().any(|told| matches!(told, Told::Command(..)))).await;
    *bot.intake.thinks.lock().unwrap() = Duration::ZERO;
    let all: Vec<_> = (0..20).map(|_| bot.command(bot.scene.alice, "plex link", &[])).collect();
    for asked in all {
        assert_eq!(reply(&bot, asked).await, "Done.");
    }
}

#[tokio::test]
async fn commands_are_registered_once_and_not_again() {
    let bot = Bot::start().await;
    bot.registered().await;
    let puts = |sim: &mut DiscordSim, _| sim.requests().iter().filter(|asked| asked.method == "PUT").count();
    let gets = |sim: &mut DiscordSim, _| {
        let path = |path: &str| path.starts_with("applications/") && path.ends_with("/commands");
        sim.requests().iter().filter(|asked| asked.method == "GET" && path(&asked.path)).count()
    };
    assert_eq!((bot.server.with(puts), bot.server.with(gets)), (1, 1));
    let settings =
        bot.server.with(|sim, _| super::bot::settings(sim, bot.server.url(), bot.server.gateway_url()));
    let again = std::sync::Arc::new(rolarr::discord::SerenityDiscord::new(settings).unwrap());
    let stop = tokio_util::sync::CancellationToken::new();
    let second =
        tokio::spawn(rolarr::discord::run(again, std::sync::Arc::clone(&bot.intake) as _, stop.clone()));
    until("the second look", || bot.server.with(gets) == 2).await;
    stop.cancel();
    second.await.unwrap().unwrap();
    assert_eq!(bot.server.with(puts), 1);
}
