//! The bot ends when it is told to, and when Discord does not let it in.

use std::{sync::Arc, time::Duration};

use rolarr::{
    discord::{BadSettings, Fatal, SerenityDiscord, Settings, run},
    domain::Secret,
};
use rolarr_sim::discord::{DiscordSim, RestFault, RestFaultKind};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::bot::{Bot, LONG, Recorder, Told, until};

const LIMIT: Duration = Duration::from_secs(3);

/// How the bot ends by itself.
async fn end(change: impl FnOnce(&mut DiscordSim, &mut Settings)) -> Fatal {
    let bot = Bot::launch(change, Recorder::default()).await;
    timeout(LONG, bot.running).await.unwrap().unwrap().unwrap_err()
}

/// Starts a bot whose gateway is somewhere else, stops it after a while, and measures how long that takes.
async fn stop_with_gateway(gateway: String) {
    let change = |_: &mut DiscordSim, settings: &mut Settings| {
        settings.gateway = gateway;
        settings.connect_limit = Duration::from_secs(60);
    };
    let bot = Bot::launch(change, Recorder::default()).await;
    sleep(Duration::from_millis(300)).await;
    let intake = Arc::clone(&bot.intake);
    let (end, took) = bot.stop().await;
    assert_eq!(end, Ok(()));
    assert!(took < LIMIT, "{took:?}");
    assert_eq!(intake.told(), []);
}

#[tokio::test]
async fn without_the_members_intent_the_bot_ends_and_says_what_to_switch_on() {
    let fatal = end(|sim, _| sim.application_mut().members_intent = false).await;
    assert_eq!(fatal, Fatal::RefusedIntents);
    let text = fatal.to_string();
    assert!(text.contains("4014") && text.contains("Server Members Intent"), "{text}");
}

#[tokio::test]
async fn with_a_wrong_token_the_bot_ends_and_says_what_to_do() {
    let fatal = end(|_, settings| settings.token = Secret::new("wrong-token")).await;
    assert_eq!(fatal, Fatal::Token);
    let text = fatal.to_string();
    assert!(text.contains("4004") && text.contains("Reset Token") && !text.contains("wrong-token"), "{text}");
}

#[tokio::test]
async fn a_token_that_is_reset_while_the_bot_runs_ends_it() {
    let bot = Bot::start().await;
    bot.server.with(|sim, now| {
        sim.application_mut().token_valid = false;
        sim.close_connections(now, 4004);
    });
    let end = timeout(LONG, bot.running).await.unwrap().unwrap();
    assert_eq!(end, Err(Fatal::Token));
}

#[tokio::test]
async fn a_connected_bot_stops_and_takes_its_leave() {
    let bot = Bot::start().await;
    let (stop, running) = (bot.stop.clone(), bot.running);
    let began = Instant::now();
    stop.cancel();
    assert_eq!(timeout(LONG, running).await.unwrap().unwrap(), Ok(()));
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    until("the end of the session", || bot.server.with(|sim, _| sim.open_connections().is_empty())).await;
}

#[tokio::test]
async fn a_bot_that_never_connected_stops() {
    // Nothing listens there.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    stop_with_gateway(format!("ws://{port}")).await;
    // Somebody listens, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    stop_with_gateway(format!("ws://{}", silent.local_addr().unwrap())).await;
}

#[tokio::test]
async fn a_bot_stops_while_it_waits_to_try_again() {
    let change = |sim: &mut DiscordSim, settings: &mut Settings| {
        sim.refuse_connections(1_000);
        settings.reconnect_wait = Duration::from_secs(60);
    };
    let bot = Bot::launch(change, Recorder::default()).await;
    until("a try", || bot.server.with(|sim, _| sim.connection_count()) == 1).await;
    let (end, took) = bot.stop().await;
    assert_eq!(end, Ok(()));
    assert!(took < LIMIT, "{took:?}");
}

#[tokio::test]
async fn a_bot_stops_while_people_wait_for_answers() {
    let bot = Bot::start().await;
    bot.registered().await;
    *bot.intake.thinks.lock().unwrap() = Duration::from_secs(3_600);
    bot.server.with(|sim, _| {
        sim.fail_requests(RestFault::once("POST", "interactions/**", RestFaultKind::Hang));
    });
    bot.command(bot.scene.alice, "plex link", &[]);
    until("the command", || bot.intake.told().iter().any(|told| matches!(told, Told::Command(..)))).await;
    let (end, took) = bot.stop().await;
    assert_eq!(end, Ok(()));
    assert!(took < LIMIT, "{took:?}");
}

#[tokio::test]
async fn a_bot_whose_connection_was_closed_in_an_odd_way_stops() {
    let bot = Bot::start().await;
    bot.server.with(|sim, now| sim.close_connections(now, 4003));
    sleep(Duration::from_millis(200)).await;
    let (end, took) = bot.stop().await;
    assert_eq!(end, Ok(()));
    assert!(took < LIMIT, "{took:?}");
}

#[tokio::test]
async fn a_bot_that_is_stopped_before_it_starts_does_not_connect() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(Secret::new("t"));
    settings.api = format!("http://{}", silent.local_addr().unwrap());
    settings.gateway = format!("ws://{}", silent.local_addr().unwrap());
    let stop = CancellationToken::new();
    stop.cancel();
    let discord = Arc::new(SerenityDiscord::new(settings).unwrap());
    let running = run(discord, Arc::new(Recorder::default()), stop);
    assert_eq!(timeout(LIMIT, running).await.unwrap(), Ok(()));
    assert!(timeout(Duration::from_millis(100), silent.accept()).await.is_err());
}

#[test]
fn settings_that_can_not_work_are_refused_without_repeating_the_token() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::new(Secret::new("t"));
        change(&mut settings);
        SerenityDiscord::new(settings).map(|_| ()).unwrap_err()
    };
    assert!(matches!(with(|s| s.api = "ftp://x".to_owned()), BadSettings::Address { .. }));
    assert!(matches!(with(|s| s.gateway = "https://x".to_owned()), BadSettings::Address { .. }));
    let error = with(|s| s.token = Secret::new("hunter2\n"));
    assert_eq!(error, BadSettings::Token);
    assert!(!error.to_string().contains("hunter2"));
}
