//! One session on the gateway, from connecting to its end.
//!
//! It runs in a thread of its own with a runtime of one thread, for three reasons. serenity starts a task for
//! every event: with one thread they run in the order in which the events came. serenity's log lines and
//! spans hold whole events, with what people typed and the tokens of their interactions: in this thread
//! nothing is logged at all, whatever the operator asks for. And where serenity spins ([`super::pulse`]),
//! nobody else has to wait.
//!
//! serenity's own manager would begin a new session every five seconds for ever, without telling. So one
//! runner is run here, and [`super::gateway`] decides when there is another.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use serenity::{
    client::{Context, RawEventHandler},
    gateway::{
        ConnectionStage, GatewayError, Shard, ShardManager, ShardManagerOptions, ShardMessenger, ShardRunner,
        ShardRunnerInfo, ShardRunnerMessage, ShardRunnerOptions,
    },
    http::HttpBuilder,
    model::{
        event::Event,
        gateway::{GatewayIntents, ShardInfo},
        id::ShardId,
    },
    prelude::{Mutex, RwLock, TypeMap},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::{NoSubscriber, set_default};

use super::{
    gate::Gate,
    happening::{Fatal, Happening},
    http,
    link::Link,
    pulse::Pulse,
    settings::Settings,
    translate::{Asked, Translated, translate},
};
use crate::{pipeline::ports::GatewayNews, unreached};

/// How long a connection may take until Discord confirms the session.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// A connection on which no heartbeat is answered for so long is dead. Discord asks for one every 41 s.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(300);
/// How long the other side may take to answer our closing.
const CLOSE_LIMIT: Duration = Duration::from_millis(1_000);
/// The only shard: Discord asks for more from 2,500 guilds on.
const SHARD: ShardId = ShardId(0);

/// How a session ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// No connection came about: nothing was sent.
    NotConnected(&'static str),
    /// There was one, and it is over.
    Lost(&'static str),
    /// Another try would end the same way.
    Fatal(Fatal),
}

/// Where a session's events go.
#[derive(Clone)]
pub(super) struct Outlets {
    pub(super) happenings: mpsc::Sender<Happening>,
    pub(super) asked: mpsc::Sender<Asked>,
    /// Whom there is no place for among those.
    pub(super) turned_away: mpsc::Sender<Asked>,
    /// A queue was full, and something is missing.
    pub(super) overflown: Arc<AtomicBool>,
}

/// Begins a session under its number. What comes back tells how it ends; if it closes without a word, the thread broke.
pub(super) fn begin(
    settings: &Settings,
    link: Arc<Link>,
    number: u64,
    outlets: Outlets,
    pulse: Arc<Pulse>,
    stop: CancellationToken,
) -> io::Result<oneshot::Receiver<Ended>> {
    let settings = settings.clone();
    let (tell, ended) = oneshot::channel();
    thread::Builder::new().name("discord-gateway".to_owned()).spawn(move || {
        let _silent = set_default(NoSubscriber::default());
        let end = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let end = live(&runtime, &settings, &link, number, outlets, &pulse, stop);
                runtime.shutdown_background();
                end
            }
            Err(_) => Ended::NotConnected("the system gives no runtime"),
        };
        link.down(number);
        // Nobody listens any more if the session was left behind.
        let _ = tell.send(end);
    })?;
    Ok(ended)
}

fn live(
    runtime: &Runtime,
    settings: &Settings,
    link: &Arc<Link>,
    number: u64,
    outlets: Outlets,
    pulse: &Pulse,
    stop: CancellationToken,
) -> Ended {
    let handler = Arc::new(Handler { link: Arc::clone(link), number, outlets, ready: Notify::new() });
    let Ok(client) = http::client(settings) else { return Ended::NotConnected("no HTTP client") };
    // serenity wants one with a runner. It is never used, and could reach the configured address only.
    let http = Arc::new(
        HttpBuilder::new(settings.token.expose())
            .client(client)
            .proxy(&settings.api)
            .ratelimiter_disabled(true)
            .build(),
    );
    let data = Arc::new(RwLock::new(TypeMap::new()));
    let options = ShardManagerOptions {
        data: Arc::clone(&data),
        event_handlers: Vec::new(),
        raw_event_handlers: Vec::new(),
        shard_index: 0,
        shard_init: 0,
        shard_total: 1,
        ws_url: Arc::new(Mutex::new(String::new())),
        http: Arc::clone(&http),
        intents: intents(),
        presence: None,
    };
    // The manager's own task would begin sessions: it is started in a runtime that never runs.
    let Ok(idle) = Builder::new_current_thread().build() else {
        return Ended::NotConnected("the system gives no runtime");
    };
    let (manager, _returned) = {
        let _idle = idle.enter();
        ShardManager::new(options)
    };
    drop(idle);
    // A runner that ends tells its manager and waits up to five seconds for this.
    manager.shutdown_finished(SHARD);
    let gate = Gate::new(settings.gateway.clone());
    let session = async {
        let connecting = Shard::new(
            gate.address(),
            settings.token.expose(),
            ShardInfo { id: SHARD, total: 1 },
            intents(),
            None,
        );
        let shard = tokio::select! {
            () = stop.cancelled() => return Ended::NotConnected("stopped"),
            shard = timeout(settings.connect_limit, connecting) => match shard {
                Ok(Ok(shard)) => shard,
                Ok(Err(error)) => return Ended::NotConnected(unreached::why(&error)),
                Err(_) => return Ended::NotConnected("the gateway does not answer"),
            },
        };
        let runner = ShardRunner::new(ShardRunnerOptions {
            data,
            event_handlers: Vec::new(),
            raw_event_handlers: vec![Arc::clone(&handler) as Arc<dyn RawEventHandler>],
            manager: Arc::clone(&manager),
            shard,
            http,
        });
        tokio::select! {
            ended = run(runner, &gate, &manager, &handler, pulse, &stop) => ended,
            () = gate.guard(settings.reconnect_wait, |in_a_row| handler.reconnects(in_a_row)) => {
                Ended::Lost("the pacing of reconnects ended")
            }
        }
    };
    runtime.block_on(async {
        tokio::select! {
            ended = session => ended,
            () = pulse.beat() => Ended::Lost("the thread's pulse ended"),
        }
    })
}

fn intents() -> GatewayIntents {
    GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS | GatewayIntents::DIRECT_MESSAGES
}

async fn run(
    mut runner: ShardRunner,
    gate: &Gate,
    manager: &ShardManager,
    handler: &Handler,
    pulse: &Pulse,
    stop: &CancellationToken,
) -> Ended {
    let messenger = ShardMessenger::new(&runner);
    pulse.of(messenger.clone());
    let info =
        ShardRunnerInfo { latency: None, runner_tx: messenger.clone(), stage: ConnectionStage::Disconnected };
    manager.runners.lock().await.insert(SHARD, info);
    // In a task of its own, so that it is polled only when it has something to do.
    let gate = gate.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { gate.watch(runner.run()).await });
    tokio::select! {
        end = tasks.join_next() => match end {
            Some(Ok(end)) => ended(end),
            Some(Err(_)) | None => Ended::Lost("the session broke off"),
        },
        what = dead(manager, handler) => Ended::Lost(what),
        () = stop.cancelled() => {
            messenger.send_to_shard(ShardRunnerMessage::Shutdown(SHARD, 1000));
            // If the other side does not answer, the connection is dropped.
            let _ = timeout(CLOSE_LIMIT, tasks.join_next()).await;
            Ended::Lost("stopped")
        }
    }
}

fn ended(end: serenity::Result<()>) -> Ended {
    match end {
        Err(serenity::Error::Gateway(error)) => match error {
            GatewayError::InvalidAuthentication => Ended::Fatal(Fatal::Token),
            GatewayError::InvalidGatewayIntents => Ended::Fatal(Fatal::UnknownIntents),
            GatewayError::DisallowedGatewayIntents => Ended::Fatal(Fatal::RefusedIntents),
            _ => Ended::Lost("the gateway ended the connection"),
        },
        Ok(()) | Err(_) => Ended::Lost("the session could not be kept"),
    }
}

/// Ends when the connection is dead without saying so: no confirmation, or no answer to heartbeats.
async fn dead(manager: &ShardManager, handler: &Handler) -> &'static str {
    if timeout(READY_LIMIT, handler.ready.notified()).await.is_err() {
        return "the gateway did not confirm the session";
    }
    loop {
        sleep(HEARTBEAT_LIMIT).await;
        // serenity enters the latency here with every answered heartbeat.
        if let Some(info) = manager.runners.lock().await.get_mut(&SHARD)
            && info.latency.take().is_none()
        {
            return "the gateway answers no heartbeats";
        }
    }
}

struct Handler {
    link: Arc<Link>,
    number: u64,
    outlets: Outlets,
    ready: Notify,
}

#[async_trait]
impl RawEventHandler for Handler {
    // Without any waiting in it: so the order of events is kept.
    async fn raw_event(&self, context: Context, event: Event) {
        match translate(event) {
            None => {}
            Some(Translated::Ready(bot)) => {
                self.link.up(self.number, context.shard, bot);
                self.ready.notify_one();
                self.happened(Happening::News(GatewayNews::Session));
            }
            Some(Translated::Hint(hint)) => self.happened(Happening::Hint(hint)),
            Some(Translated::News(news)) => self.happened(Happening::News(news)),
            Some(Translated::Asked(asked)) => self.asked(asked),
            Some(Translated::Chunk(chunk)) => self.link.chunk(chunk),
            Some(Translated::Limited { nonce, error }) => {
                let known = nonce.is_some_and(|nonce| self.link.failed(&nonce, error));
                if !known {
                    let what = "Discord limited a request on the gateway".to_owned();
                    self.happened(Happening::News(GatewayNews::Gap(what)));
                }
            }
        }
    }
}

impl Handler {
    fn reconnects(&self, in_a_row: u32) {
        self.happened(Happening::Reconnects(in_a_row));
    }

    fn asked(&self, asked: Asked) {
        if let Err(mpsc::error::TrySendError::Full(asked)) = self.outlets.asked.try_send(asked) {
            self.sent(self.outlets.turned_away.try_send(asked));
        }
    }

    fn happened(&self, happening: Happening) {
        self.sent(self.outlets.happenings.try_send(happening));
    }

    fn sent<T>(&self, outcome: Result<(), mpsc::error::TrySendError<T>>) {
        if outcome.is_err() {
            self.outlets.overflown.store(true, Ordering::Relaxed);
        }
    }
}
