//! A gateway that accepts connections and ends them at once is connected to with pauses.

use std::time::Duration;

use futures_util::future::join_all;
use rolarr_sim::discord::ConnectionEnd;
use tokio::time::sleep;

use super::bot::{Bot, until};

/// How many connections a bot with a running session makes while each is ended at once.
async fn connections(end: ConnectionEnd) -> u64 {
    let bot = Bot::start().await;
    let before = bot.server.with(|sim, now| {
        sim.end_connections(Some(end));
        sim.drop_connections(now);
        sim.connection_count()
    });
    until("a new connection", || bot.server.with(|sim, _| sim.connection_count()) > before).await;
    sleep(Duration::from_secs(4)).await;
    let made = bot.server.with(|sim, _| {
        sim.end_connections(None);
        sim.connection_count() - before
    });
    until("a session", || bot.server.with(|sim, _| sim.live_sessions()) == 1).await;
    let (ended, _) = bot.stop().await;
    assert_eq!(ended, Ok(()));
    made
}

#[tokio::test]
async fn connections_that_are_ended_at_once_are_replaced_with_pauses() {
    let ends = [
        ConnectionEnd::Abort,
        ConnectionEnd::Close(1001),
        ConnectionEnd::Close(4000),
        ConnectionEnd::Close(1012),
        ConnectionEnd::Reconnect,
        ConnectionEnd::Invalid { resumable: true },
        ConnectionEnd::Invalid { resumable: false },
    ];
    let made = join_all(ends.map(|end| async move { (end, connections(end).await) })).await;
    for (end, made) in made {
        assert!((1..=12).contains(&made), "{made} connections with {end:?}");
    }
}
