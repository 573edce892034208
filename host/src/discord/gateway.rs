//! Keeps a session on Discord's gateway and passes on what comes from it.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    answer::Answerer,
    commands,
    happening::{Fatal, Happening},
    identifies::Identifies,
    pulse::Pulse,
    rest::SerenityDiscord,
    session::{self, Ended, Outlets},
    translate::Asked,
};
use crate::pipeline::ports::{GatewayNews, Intake};

/// Events that may wait for the pipeline. Beyond that they are dropped, and the pipeline is told of a gap.
const QUEUE: usize = 8_192;
/// People who may wait for an answer to begin.
const ASKED_QUEUE: usize = 256;
/// People who may wait to hear that there is no place for them.
const TURNED_AWAY_QUEUE: usize = 1_024;
/// People who are answered at the same time.
const ANSWERS: usize = 32;
/// Interactions and messages of which a doubled event is recognised.
const REMEMBERED: usize = 512;
/// How long a session may take to end.
const SESSION_END: Duration = Duration::from_millis(1_300);
/// How long it may take after a push.
const AFTER_PUSH: Duration = Duration::from_millis(500);
/// How long answers that are under way may take once all ends.
const ANSWERS_END: Duration = Duration::from_millis(800);

/// Connects to the gateway and stays connected, until `stop` is cancelled; then it ends within three
/// seconds. Events reach `intake` in the order in which Discord sent them; people are answered beside that.
///
/// # Errors
/// [`Fatal`] if trying again would not help. Its text says what to do.
pub async fn run(
    discord: Arc<SerenityDiscord>,
    intake: Arc<dyn Intake>,
    stop: CancellationToken,
) -> Result<(), Fatal> {
    let (happenings, happened) = mpsc::channel(QUEUE);
    let (asked, asking) = mpsc::channel(ASKED_QUEUE);
    let overflown = Arc::new(AtomicBool::new(false));
    let (turned_away, turning_away) = mpsc::channel(TURNED_AWAY_QUEUE);
    let outlets = Outlets { happenings, asked, turned_away, overflown: Arc::clone(&overflown) };
    let ending = CancellationToken::new();
    let mut parts = JoinSet::new();
    parts.spawn(pass_on(happened, Arc::clone(&intake), overflown));
    let answerer = Answerer { http: Arc::clone(&discord.http), intake };
    parts.spawn(turn_away(turning_away, answerer.clone(), ending.clone()));
    parts.spawn(answer_all(asking, answerer, ending.clone()));
    let mut registering = JoinSet::new();
    if discord.settings.register_commands {
        registering.spawn(register(Arc::clone(&discord)));
    }
    let end = tokio::select! {
        end = stay_connected(&discord, &outlets, &stop) => end,
        part = parts.join_next() => Err(Fatal::Broken(match part {
            Some(Ok(name)) => name,
            Some(Err(_)) | None => "event queue",
        })),
    };
    discord.link.down(u64::MAX);
    ending.cancel();
    drop(outlets);
    registering.abort_all();
    let _ = timeout(ANSWERS_END, async { while parts.join_next().await.is_some() {} }).await;
    parts.shutdown().await;
    registering.shutdown().await;
    end
}

async fn stay_connected(
    discord: &SerenityDiscord,
    outlets: &Outlets,
    stop: &CancellationToken,
) -> Result<(), Fatal> {
    let mut identifies = Identifies::new(discord.settings.reconnect_wait);
    loop {
        let wait = identifies.wait(Instant::now(), fastrand::f64());
        if wait > Duration::from_secs(600) {
            error!(
                wait_s = wait.as_secs(),
                "too many gateway sessions today; waiting so that Discord does not reset the token"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(wait) => {}
        }
        let began = Instant::now();
        let halt = stop.child_token();
        // Whoever leaves this function, the session is told to end.
        let _halted = halt.clone().drop_guard();
        let pulse = Arc::new(Pulse::default());
        let (link, outlets) = (Arc::clone(&discord.link), outlets.clone());
        let number = link.begin();
        let ended = match session::begin(&discord.settings, link, number, outlets, Arc::clone(&pulse), halt) {
            Ok(mut ended) => tokio::select! {
                ended = &mut ended => ended.unwrap_or(Ended::Lost("the session's thread broke")),
                () = pulse.stopped() => {
                    discord.link.down(number);
                    Ended::Lost("the session's thread is stuck and was left behind")
                }
                () = stop.cancelled() => {
                    take_leave(ended, &pulse).await;
                    return Ok(());
                }
            },
            Err(_) => Ended::NotConnected("the system gives no thread"),
        };
        let identified = match ended {
            Ended::Fatal(fatal) => return Err(fatal),
            Ended::NotConnected(what) => {
                warn!(reason = what, "no connection to Discord's gateway");
                false
            }
            Ended::Lost(what) => {
                warn!(reason = what, "the session on Discord's gateway is over; there will be a new one");
                true
            }
        };
        identifies.ended(began, Instant::now(), identified);
    }
}

/// Waits for a session that was told to end.
async fn take_leave(mut ended: oneshot::Receiver<Ended>, pulse: &Pulse) {
    if timeout(SESSION_END, &mut ended).await.is_err() {
        pulse.push();
        if timeout(AFTER_PUSH, ended).await.is_err() {
            warn!("the gateway session did not end in time and was left behind");
        }
    }
}

async fn pass_on(
    mut happened: mpsc::Receiver<Happening>,
    intake: Arc<dyn Intake>,
    overflown: Arc<AtomicBool>,
) -> &'static str {
    while let Some(happening) = happened.recv().await {
        match happening {
            Happening::Hint(hint) => intake.hint(hint).await,
            Happening::Reconnects(1) => {
                info!("the connection to Discord's gateway was lost; resuming the session")
            }
            Happening::Reconnects(in_a_row) => {
                warn!(
                    in_a_row,
                    "Discord's gateway ends one connection after the other; resuming more and more slowly"
                );
            }
            Happening::News(news) => {
                if let GatewayNews::Gap(what) = &news {
                    warn!(what, "something on Discord's gateway was missed");
                }
                intake.news(news).await;
            }
        }
        if overflown.swap(false, Ordering::Relaxed) {
            warn!("more events came from Discord's gateway than could be taken in");
            intake.news(GatewayNews::Gap("more events came than could be taken in".to_owned())).await;
        }
    }
    "event queue"
}

async fn answer_all(
    mut asking: mpsc::Receiver<Asked>,
    answerer: Answerer,
    ending: CancellationToken,
) -> &'static str {
    let mut answers = JoinSet::new();
    let mut seen = Seen::default();
    loop {
        let asked = tokio::select! {
            () = ending.cancelled() => break,
            Some(end) = answers.join_next(), if !answers.is_empty() => {
                if end.is_err() {
                    error!("an answer to a person broke off");
                }
                continue;
            }
            asked = asking.recv(), if answers.len() < ANSWERS => asked,
        };
        let Some(asked) = asked else { break };
        if seen.is_new(&asked) {
            let answerer = answerer.clone();
            answers.spawn(async move { answerer.answer(asked).await });
        }
    }
    while answers.join_next().await.is_some() {}
    "answers"
}

/// Answers those for whom there is no place, without bothering the pipeline.
async fn turn_away(
    mut asking: mpsc::Receiver<Asked>,
    answerer: Answerer,
    ending: CancellationToken,
) -> &'static str {
    let mut answers = JoinSet::new();
    loop {
        let asked = tokio::select! {
            () = ending.cancelled() => break,
            Some(_) = answers.join_next(), if !answers.is_empty() => continue,
            asked = asking.recv(), if answers.len() < ANSWERS => asked,
        };
        let Some(asked) = asked else { break };
        warn!("more people ask for something than can be answered; one is asked to come back later");
        let answerer = answerer.clone();
        answers.spawn(async move { answerer.turn_away(asked).await });
    }
    "answers"
}

/// Recognises events that Discord sends twice.
#[derive(Default)]
struct Seen {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    fn is_new(&mut self, asked: &Asked) -> bool {
        let id = match asked {
            Asked::Interaction(interaction) => interaction.id,
            Asked::DirectMessage { id, .. } => *id,
        };
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

/// Registers the commands once the bot knows its application. It goes on trying while that may help.
async fn register(discord: Arc<SerenityDiscord>) {
    const FIRST_WAIT: Duration = Duration::from_secs(30);
    const LONGEST_WAIT: Duration = Duration::from_secs(3600);
    let mut bot = discord.link.bot();
    let Ok(application) = bot.wait_for(Option::is_some).await.map(|bot| bot.map(|bot| bot.application))
    else {
        return;
    };
    let Some(application) = application else { return };
    let mut wait = FIRST_WAIT;
    loop {
        match commands::register(&discord.http, application).await {
            Ok(true) => return info!("the slash commands were registered with Discord"),
            Ok(false) => return info!("the slash commands are registered with Discord"),
            Err(error) if error.is_refusal() => {
                error!(%error, wait_s = wait.as_secs(), "the slash commands could not be registered; was the bot invited with the scope `applications.commands`? Trying again");
            }
            Err(error) => {
                warn!(%error, wait_s = wait.as_secs(), "the slash commands could not be registered yet")
            }
        }
        sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelId, Secret, UserId};

    fn message(id: u64) -> Asked {
        Asked::DirectMessage { id, from: UserId(7), channel: ChannelId(5), typed: Secret::new("x") }
    }

    #[test]
    fn a_doubled_event_is_answered_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&message(1)));
        assert!(!seen.is_new(&message(1)));
    }

    #[test]
    fn only_the_newest_events_are_remembered() {
        let mut seen = Seen::default();
        for id in 0..10_000 {
            assert!(seen.is_new(&message(id)));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn what_can_not_be_mended_by_trying_says_what_to_do() {
        assert!(Fatal::Token.to_string().contains("Reset Token"));
        assert!(Fatal::RefusedIntents.to_string().contains("Server Members Intent"));
    }
}
