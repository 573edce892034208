//! The running session as the rest of the adapter sees it, and questions that the gateway answers.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    num::NonZeroU64,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serenity::{
    gateway::{ChunkGuildFilter, ShardMessenger},
    model::id as serenity_id,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout},
};

use crate::{
    domain::{GuildId, UserId},
    pipeline::ports::{DiscordError, Presence, Snapshot},
};

/// How long the gateway may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Questions a minute. Discord closes a connection that sends more than 120 events in 60 seconds, and
/// heartbeats are events too.
const PER_MINUTE: usize = 90;

/// Who the bot is, as a new session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bot {
    /// The bot as a person.
    pub(super) user: UserId,
    /// Its application.
    pub(super) application: u64,
}

/// A part of an answer to a question for members.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) nonce: String,
    pub(super) guild: GuildId,
    pub(super) index: u32,
    pub(super) count: u32,
    pub(super) members: Vec<Snapshot>,
    pub(super) not_found: Vec<UserId>,
}

type Answer = Result<HashMap<UserId, Presence>, DiscordError>;

#[derive(Debug)]
struct Question {
    guild: GuildId,
    known: HashMap<UserId, Presence>,
    seen: BTreeSet<u32>,
    answer: oneshot::Sender<Answer>,
}

/// The seam between the session, which comes and goes, and those who ask it.
#[derive(Debug)]
pub(super) struct Link {
    /// The session that can be asked, with its number.
    messenger: Mutex<Option<(u64, ShardMessenger)>>,
    sessions: AtomicU64,
    bot: watch::Sender<Option<Bot>>,
    questions: Mutex<HashMap<String, Question>>,
    sent: Mutex<VecDeque<Instant>>,
    /// Keeps nonces apart from those of an earlier process, whose answers a resumed session may bring.
    process: u64,
    number: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(what: &str) -> DiscordError {
    DiscordError::Unavailable { what: what.to_owned() }
}

/// Forgets a question when nobody waits for its answer any more.
struct Asked<'a> {
    link: &'a Link,
    nonce: String,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.link.questions).remove(&self.nonce);
    }
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            messenger: Mutex::new(None),
            sessions: AtomicU64::new(0),
            bot: watch::Sender::new(None),
            questions: Mutex::new(HashMap::new()),
            sent: Mutex::new(VecDeque::new()),
            process: fastrand::u64(..),
            number: AtomicU64::new(0),
        }
    }

    /// The number of the session that begins now.
    pub(super) fn begin(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// This session was confirmed. One that was left behind for a newer one is not heeded.
    pub(super) fn up(&self, number: u64, messenger: ShardMessenger, bot: Bot) {
        if number < self.sessions.load(Ordering::Relaxed) {
            return;
        }
        *lock(&self.messenger) = Some((number, messenger));
        self.bot.send_replace(Some(bot));
    }

    /// This session and all before it are over: what they were asked stays unanswered. A newer one is left alone.
    pub(super) fn down(&self, number: u64) {
        {
            let mut messenger = lock(&self.messenger);
            if messenger.as_ref().is_some_and(|(newer, _)| *newer > number) {
                return;
            }
            *messenger = None;
        }
        for (_, question) in lock(&self.questions).drain() {
            // Nobody may be waiting any more.
            let _ = question.answer.send(Err(unavailable("the gateway session ended")));
        }
        lock(&self.sent).clear();
    }

    /// Who the bot is, as soon as a session has said it.
    pub(super) fn bot(&self) -> watch::Receiver<Option<Bot>> {
        self.bot.subscribe()
    }

    /// Asks for members by id, at most 100 (op 8).
    pub(super) async fn members(&self, guild: GuildId, users: &[UserId]) -> Answer {
        // serenity's ids can't be zero, and nobody has that id.
        let id = |id: u64| NonZeroU64::new(id).ok_or(DiscordError::NotFound { code: 0 });
        let guild_id = serenity_id::GuildId::from(id(guild.0)?);
        let ids = users.iter().map(|user| id(user.0).map(serenity_id::UserId::from));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let messenger = lock(&self.messenger)
            .clone()
            .map(|(_, messenger)| messenger)
            .ok_or_else(|| unavailable("no gateway session"))?;
        self.may_send()?;
        let nonce = format!("{:016x}{:08x}", self.process, self.number.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let question = Question { guild, known: HashMap::new(), seen: BTreeSet::new(), answer };
        lock(&self.questions).insert(nonce.clone(), question);
        let asked = Asked { link: self, nonce: nonce.clone() };
        messenger.chunk_guild(
            guild_id,
            u16::try_from(users.len()).ok(),
            false,
            ChunkGuildFilter::UserIds(ids),
            Some(nonce),
        );
        let answer = timeout(ANSWER_LIMIT, answered).await;
        drop(asked);
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unavailable("the gateway session ended")),
            Err(_) => Err(unavailable("the gateway did not answer within 10 s")),
        }
    }

    fn may_send(&self) -> Result<(), DiscordError> {
        const MINUTE: Duration = Duration::from_secs(60);
        let now = Instant::now();
        let mut sent = lock(&self.sent);
        while sent.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            sent.pop_front();
        }
        match sent.front() {
            Some(oldest) if sent.len() >= PER_MINUTE => {
                Err(DiscordError::RateLimited { retry_after: (*oldest + MINUTE).duration_since(now) })
            }
            _ => {
                sent.push_back(now);
                Ok(())
            }
        }
    }

    /// Takes in a part of an answer. Parts of answers that nobody waits for are dropped.
    pub(super) fn chunk(&self, chunk: Chunk) {
        let mut questions = lock(&self.questions);
        let Some(question) = questions.get_mut(&chunk.nonce).filter(|asked| asked.guild == chunk.guild)
        else {
            return;
        };
        question.seen.insert(chunk.index);
        let members = chunk.members.into_iter().map(|member| (member.user, Presence::Member(member)));
        question.known.extend(members);
        for user in chunk.not_found {
            question.known.entry(user).or_insert(Presence::Gone);
        }
        if (0..chunk.count).all(|index| question.seen.contains(&index))
            && let Some(question) = questions.remove(&chunk.nonce)
        {
            let _ = question.answer.send(Ok(question.known));
        }
    }

    /// The answer to a question can't be had now. False: it is none of ours, or none that somebody waits for.
    pub(super) fn failed(&self, nonce: &str, error: DiscordError) -> bool {
        match lock(&self.questions).remove(nonce) {
            Some(question) => {
                let _ = question.answer.send(Err(error));
                true
            }
            None => false,
        }
    }
}
