//! Whether every message came, and none twice.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use rolarr::{
    domain::{TaskId, UserId, contract::Access},
    store::{PromptState, Task, TaskState, Work},
};
use rolarr_sim::discord::{ChannelId, Logged, Message};

use super::{history::History, member::Known};
use crate::chaos::{evidence::Evidence, town::Soul};

/// After so many tries a message to a member is dropped.
const TRIES: u32 = 12;

/// All messages that were to be sent, and what became of each on Discord.
pub struct Post {
    tasks: Vec<Task>,
    /// The bot's messages by the nonce that they were sent with.
    sent: BTreeMap<String, Vec<(ChannelId, u64, String)>>,
    /// Nonces of messages that Discord refused for good.
    refused: BTreeSet<String>,
    /// Whom Discord refused a channel.
    closed: BTreeSet<UserId>,
}

impl Post {
    /// Collects them.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn of(evidence: &Evidence) -> Result<Self> {
        let tasks = evidence.tasks().await?;
        let mut sent: BTreeMap<String, Vec<(ChannelId, u64, String)>> = BTreeMap::new();
        let discord = evidence.on_discord();
        let bot = discord.bot();
        for message in discord.messages().filter(|message| message.author == bot) {
            if let Some(nonce) = nonce(message) {
                let one = (message.channel, message.sent_ms, message.now.content.clone());
                sent.entry(nonce).or_default().push(one);
            }
        }
        let no = |request: &&Logged| request.status.is_some_and(|is| (400..500).contains(&is) && is != 429);
        let refused: Vec<&Logged> =
            discord.requests().iter().filter(|request| request.method == "POST").filter(no).collect();
        let text = |request: &Logged, field: &str| request.body[field].as_str().map(str::to_owned);
        Ok(Self {
            tasks,
            sent,
            refused: refused.iter().filter_map(|request| text(request, "nonce")).collect(),
            closed: refused
                .iter()
                .filter_map(|request| text(request, "recipient_id")?.parse().ok())
                .map(UserId)
                .collect(),
        })
    }

    /// What came twice, did not come, or waits still.
    #[must_use]
    pub fn violations(&self, evidence: &Evidence, known: &BTreeMap<UserId, Known>) -> Vec<String> {
        let mut found = Vec::new();
        for (nonce, messages) in self.sent.iter().filter(|(_, messages)| messages.len() > 1) {
            found.push(format!(
                "one message came {} times, with the nonce {nonce}: {messages:?}",
                messages.len()
            ));
        }
        let mut told: BTreeSet<(UserId, i64, &str)> = BTreeSet::new();
        for task in &self.tasks {
            let nonce = evidence.nonce_of(task.id);
            let stands = self.sent.contains_key(&nonce);
            let refused = self.refused.contains(&nonce);
            let closed = task.user.is_some_and(|user| self.closed.contains(&user));
            match (task.state, &task.work) {
                (TaskState::Waiting | TaskState::Sending, _) => {
                    found.push(format!("a message waits still: {task:?}"));
                }
                (TaskState::Done, Work::Tell { .. } | Work::Ask(_) | Work::Audit { .. })
                    if !stands && !refused && !closed =>
                {
                    found.push(format!("a message counts as sent and does not stand there: {task:?}"));
                }
                // Where too many reports wait, the oldest are dropped, and one message says how many.
                (TaskState::Dropped, Work::Audit { .. }) if task.attempts == 0 && self.tells_of_dropped() => {
                }
                (TaskState::Dropped, Work::Tell { .. } | Work::Audit { .. })
                    if !refused && !closed && task.attempts < TRIES && !removed(task, known) =>
                {
                    found.push(format!("a message was dropped: {task:?}"));
                }
                _ => {}
            }
            if let (Work::Tell { text }, Some(user), Some(event), true) =
                (&task.work, task.user, task.event, stands)
                && !told.insert((user, event.0, text.as_str()))
            {
                found.push(format!("<@{user}> was told twice of one decision: {task:?}"));
            }
        }
        found
    }

    /// Whether administrators were told that reports were dropped.
    fn tells_of_dropped(&self) -> bool {
        let tells = |task: &&Task| matches!(&task.work, Work::Audit { text } if text.contains("of the oldest that waited for it were dropped"));
        self.tasks.iter().find(tells).is_some_and(|task| task.state == TaskState::Done)
    }

    /// What one member was told and should not have been, and what they should have been told.
    #[must_use]
    pub fn of_one(&self, evidence: &Evidence, soul: &Soul, known: &Known) -> Vec<String> {
        let mut found = Vec::new();
        for task in self.tasks.iter().filter(|task| task.user == Some(soul.user)) {
            let (Work::Tell { text }, Some(event)) = (&task.work, task.event) else { continue };
            let after = known.history.after.get(&event);
            let wrong = match after {
                Some(Access::Granted(_)) => is_of_less(text),
                Some(Access::Restricted(_)) => is_of_more(text),
                _ => false,
            };
            if wrong && !known.history.vague && known.guilds == 1 {
                found.push(format!("was told `{text}` after a decision for {after:?}"));
            }
        }
        let texts = evidence.messages(soul.user);
        let questions = texts.iter().filter(|text| is_question(text)).count();
        if questions > known.prompts {
            found.push(format!("{questions} questions for {} prompts", known.prompts));
        }
        let answers = texts.iter().filter(|text| is_answer(text)).count();
        if answers > evidence.typed(soul.user) {
            found.push(format!("{answers} answers to {} messages", evidence.typed(soul.user)));
        }
        found.extend(self.unasked(evidence, soul, known));
        found.extend(untold(&self.tasks, soul, known));
        found
    }

    /// Each open question stands where its member can see it.
    fn unasked(&self, evidence: &Evidence, soul: &Soul, known: &Known) -> Option<String> {
        let prompt = known.prompt.as_ref().filter(|prompt| prompt.state == PromptState::Open)?;
        let stands = prompt.message.is_some_and(|(_, message)| {
            let message = rolarr_sim::discord::MessageId(message.0);
            evidence.on_discord().message(message).is_some()
        });
        let excused = self.tasks.iter().filter(|task| task.work == Work::Ask(prompt.id)).any(|task| {
            let refused =
                self.refused.contains(&evidence.nonce_of(task.id)) || self.closed.contains(&soul.user);
            task.state == TaskState::Inbox || refused
        });
        (!stands && !excused).then(|| format!("a question is open and nobody sees it: {prompt:?}"))
    }
}

/// Whoever is restricted and was told so, was told by a message of the last restriction; the same for access that
/// is back. A change that did not stand is not told.
fn untold(tasks: &[Task], soul: &Soul, known: &Known) -> Option<String> {
    use rolarr::store::{Stage, Told};
    let account = known.account.as_ref()?;
    let last = known.history.turns.last()?;
    if known.history.vague || soul.guarded.iter().any(|(_, to)| to.is_none()) {
        return None;
    }
    let before = |told: Told| matches!(told, Told::Invited | Told::Granted);
    let joined = account.stage == Stage::Joined && account.parked.is_none() && account.held.is_none();
    match &last.after {
        Access::Restricted(_) if joined && before(account.told) => {
            Some(format!("is restricted and was never told ({:?})", account.told))
        }
        Access::Granted(_) if joined && account.told == Told::Restricted => {
            Some("has access again and was never told".to_owned())
        }
        // That it counts as told is stored together with the message.
        Access::Restricted(_) if joined && account.told == Told::Restricted => {
            let is = |task: &&Task| {
                task.user == Some(soul.user) && matches!(&task.work, Work::Tell { text } if is_of_less(text))
            };
            tasks.iter().find(is).is_none().then(|| "counts as told and no message was made".to_owned())
        }
        _ => None,
    }
}

/// A removal ends all messages to the member that were on their way.
fn removed(task: &Task, known: &BTreeMap<UserId, Known>) -> bool {
    let Some(history) = task.user.and_then(|user| known.get(&user)).map(|known| &known.history) else {
        return false;
    };
    gone(history)
}

fn gone(history: &History) -> bool {
    history.turns.iter().any(|turn| turn.after == Access::Absent)
}

fn nonce(message: &Message) -> Option<String> {
    let nonce = message.nonce.as_ref()?.as_str()?;
    let (_, task) = nonce.split_once('-')?;
    task.parse().ok().map(TaskId).map(|_| nonce.to_owned())
}

fn is_of_less(text: &str) -> bool {
    (text.starts_with("Your access to") && text.contains("is paused"))
        || text.starts_with("Your invitation to")
}

fn is_of_more(text: &str) -> bool {
    (text.starts_with("Your access to") && text.contains("is back"))
        || text.starts_with("You have the role for")
}

fn is_question(text: &str) -> bool {
    ["You have been given access", "Thank you, I have your", "I no longer need", "I did not get your"]
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// What the bot says to something that was typed, each time.
fn is_answer(text: &str) -> bool {
    [
        "You are linked to a Plex account already",
        "Thank you. If everything",
        "That does not look like",
        "There is nothing to link",
        "I have your e-mail address already",
        "There is more than one e-mail address",
        "You have changed your e-mail address several times",
    ]
    .iter()
    .any(|beginning| text.starts_with(beginning))
}

/// Administrators were told of everybody who was held for long.
#[must_use]
pub fn unannounced(evidence: &Evidence, held: &[crate::chaos::town::Held]) -> Vec<String> {
    let audit = evidence.audit();
    let told: Vec<&String> = audit.iter().filter(|text| text.starts_with("**I hold back")).collect();
    let named = |user: UserId| {
        told.iter().any(|text| text.contains(&format!("<@{user}>")) || text.contains(" more (`rolarr holds"))
    };
    held.iter()
        .filter(|held| held.long && !named(held.user))
        .map(|held| format!("<@{}> was held for long, and no administrator was told", held.user))
        .collect()
}
