//! Nothing that people type and no token is ever logged, however much is logged.

use std::{
    io,
    sync::{Arc, Mutex},
};

use rolarr::pipeline::ports::{Discord, Outgoing};
use rolarr_sim::discord::{EventFault, EventFaultKind, RestFault, RestFaultKind};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::bot::{Bot, Recorder, Told, until};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_text_or_token_is_in_the_log_at_any_level() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For the whole process, since the bot has threads of its own. The other tests here only write more.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let bot = Bot::start_with(|_, _| {}, Recorder::with_form()).await;
    bot.registered().await;
    let scene = bot.scene;

    bot.command(scene.alice, "plex link", &[("email", "by.command@example.org".into())]);
    bot.server.with(|sim, _| {
        sim.fail_requests(RestFault::once("POST", "interactions/**", RestFaultKind::Drop));
    });
    bot.command(scene.bob, "plex link", &[("email", "by.drop@example.org".into())]);
    bot.server.with(|sim, now| {
        sim.type_direct_message(now, scene.alice, "by.message@example.org").unwrap();
        let kind = EventFaultKind::Set { pointer: "/timestamp".to_owned(), value: Value::Null };
        sim.fail_events(EventFault::once("MESSAGE_CREATE", kind));
        sim.type_direct_message(now, scene.alice, "by.oddity@example.org").unwrap();
        let kind = EventFaultKind::Set { pointer: "/author".to_owned(), value: Value::Null };
        sim.fail_events(EventFault::once("MESSAGE_CREATE", kind));
        sim.type_direct_message(now, scene.alice, "by.garbage@example.org").unwrap();
        sim.send_raw_frame(r#"{"op":0,"t":"MESSAGE_CREATE","d":{"content":"by.frame@example.org"}}"#);
        // serenity warns of a sequence that is off, within a span that holds the event.
        sim.send_raw_frame(
            r#"{"op":0,"s":5000,"t":"MESSAGE_CREATE","d":{"content":"by.sequence@example.org"}}"#,
        );
    });
    let channel = bot.discord.direct_channel(bot.alice()).await.unwrap();
    let text = Outgoing { text: "secret words to alice".to_owned(), button: None };
    bot.discord.post(channel, &text, "n1").await.unwrap();
    bot.server.with(|sim, now| sim.drop_connections(now));
    let addresses = || bot.intake.told().into_iter().filter(|told| matches!(told, Told::Address(..))).count();
    until("two messages", || addresses() >= 2).await;
    let commands = || bot.intake.told().into_iter().filter(|told| matches!(told, Told::Command(..))).count();
    until("two commands", || commands() >= 2).await;
    let token = bot.server.with(|sim, _| sim.token().to_owned());
    assert_eq!(bot.stop().await.0, Ok(()));

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("the slash commands were registered"), "nothing was logged at all");
    for secret in ["by.", "secret words", "interaction-token", token.as_str()] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "`{secret}` is logged: {line:?}");
    }
}
