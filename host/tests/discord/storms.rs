//! A gateway that accepts connections and ends them at once is connected to with pauses.

use std::time::Duration;

use futures_util::future::join_all;
use rolarr_sim::discord::Ending;
use tokio::time::sleep;

use super::bot::{Bot, until};

/// How many connections a bot with a running session makes while each is ended at once.
async fn connections(end: Ending) -> u64 {
    let bot = Bot::start().await;
    let before = bot.server.with(|sim, now| {
        sim.end_connections(u32::MAX, end);
        sim.drop_connections(now);
        sim.connection_count()
    });
    until("a new connection", || bot.server.with(|sim, _| sim.connection_count()) > before).await;
    sleep(Duration::from_secs(4)).await;
    let made = bot.server.with(|sim, _| {
        sim.end_connections(0, end);
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
        Ending::Abort,
        Ending::Close(1001),
        Ending::Close(4000),
        Ending::Close(1012),
        Ending::Reconnect,
        Ending::Invalid { resumable: true },
        Ending::Invalid { resumable: false },
    ];
    let made = join_all(ends.map(|end| async move { (end, connections(end).await) })).await;
    for (end, made) in made {
        assert!((1..=12).contains(&made), "{made} connections with {end:?}");
    }
}
