//! What Discord's side hands in.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    domain::{GuildId, TaskId, UserId, contract::Origin},
    pipeline::{
        context::Context,
        ports::{Button, ButtonAction, Command, GatewayNews, Hint, Intake, Invoker, Pressed, Reply, Via},
        seam::millis,
        texts,
    },
    store::{PromptState, Task, TaskState, Work},
};

/// So many characters of messages go into one answer, so that a line about others fits too: Discord takes 2,000.
const ROOM: usize = 1_900;

/// The pipeline's ear.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(in crate::pipeline) core: Arc<Context>,
}

#[async_trait]
impl Intake for Handle {
    async fn hint(&self, hint: Hint) {
        let core = &self.core;
        if core.settings().guild(hint.guild).is_none() {
            return;
        }
        core.hints.add(hint.guild, hint.user, hint.said, Origin::Live, core.seam.now());
        core.signals.observe.notify_one();
    }

    async fn news(&self, news: GatewayNews) {
        match news {
            GatewayNews::Session => {
                tracing::info!("a new gateway session began; the guilds are compared");
                self.core.resync_after_session();
            }
            GatewayNews::GuildAvailable(guild) => self.resync(guild),
            GatewayNews::GuildUnavailable(guild) => {
                tracing::warn!(%guild, "the guild is not available at Discord; nobody is taken for gone");
            }
            GatewayNews::GuildGone(guild) => {
                if let Err(error) = self.core.guild_gone(guild).await {
                    // The next comparison finds it too.
                    tracing::error!(%guild, %error, "that the bot was removed from a guild could not be stored");
                }
            }
            GatewayNews::RoleChanged(guild, role) => self.core.rename(guild, role),
            GatewayNews::RoleDeleted(guild, role) => self.core.role_deleted(guild, role).await,
            GatewayNews::Gap(what) => {
                tracing::warn!(what, "something on the gateway could not be read; the guilds are compared");
                self.core.resync_after_gap();
            }
        }
    }

    async fn address(&self, from: UserId, typed: &str, via: Via) -> Option<Reply> {
        self.core.take_address(from, typed, via).await
    }

    async fn pressed(&self, by: UserId, action: ButtonAction) -> Pressed {
        match action {
            ButtonAction::Answer(prompt) => self.core.press_answer(by, prompt).await,
            ButtonAction::Inbox => self.inbox(by).await,
        }
    }

    async fn shown(&self, messages: Vec<TaskId>) {
        let ended = self
            .core
            .store
            .write(move |tx| messages.iter().try_for_each(|id| tx.end_task(*id, TaskState::Done, None)))
            .await;
        if let Err(error) = ended {
            // They are shown again, which is better than never.
            tracing::error!(%error, "that messages were shown could not be stored");
        }
    }

    async fn command(&self, command: Command, by: Invoker) -> Reply {
        self.core.obey(command, by).await
    }
}

impl Handle {
    /// Compares a guild with what is stored.
    pub fn resync(&self, guild: GuildId) {
        self.core.resync(guild);
    }

    /// Has the policy that the configuration names loaded anew, soon. What comes of it is told in the log and
    /// the audit channel.
    pub fn reload_policy(&self) {
        self.core.ask_for_reload();
    }

    /// What waits for a person behind the neutral button, oldest first. It waits there until Discord has taken the
    /// answer: whatever keeps it from the person, it is there when they press again.
    async fn inbox(&self, by: UserId) -> Pressed {
        let read = self.core.store.read(move |tx| Ok((tx.inbox(by)?, tx.latest_prompt(by)?))).await;
        match read {
            Ok((waiting, prompt)) => {
                let open = prompt
                    .filter(|prompt| matches!(prompt.state, PromptState::Open | PromptState::Expired))
                    .map(|prompt| prompt.id);
                self.show(&waiting, open)
            }
            Err(error) => {
                tracing::error!(user = %by, %error, "the messages for a member can't be read");
                Pressed::Say(Reply::text(texts::TRY_AGAIN))
            }
        }
    }

    /// As many of the messages as fit into one answer. A question stays behind the button until it is answered; what
    /// no answer has any more is over with the first press.
    fn show(&self, waiting: &[Task], open: Option<crate::domain::PromptId>) -> Pressed {
        let hours = millis(self.core.settings().timings.prompt).div_ceil(3_600_000);
        let (mut lines, mut shown) = (Vec::new(), Vec::new());
        let mut button: Option<Button> = None;
        let mut room = ROOM;
        for task in waiting {
            let line = match &task.work {
                Work::Tell { text } => texts::message(text).text,
                Work::Ask(prompt) if Some(*prompt) == open => {
                    let question = texts::question(*prompt, &self.core.settings().server.name, hours);
                    button = question.button;
                    question.text
                }
                _ => continue,
            };
            let length = line.chars().count();
            if !lines.is_empty() && length > room {
                lines.push(texts::MORE_INSIDE.to_owned());
                break;
            }
            room = room.saturating_sub(length + 2);
            lines.push(line);
            if matches!(task.work, Work::Tell { .. }) {
                shown.push(task.id);
            }
        }
        if lines.is_empty() {
            return Pressed::Say(Reply::text(texts::INBOX_EMPTY));
        }
        let reply = Reply { text: texts::message(&lines.join("\n\n")).text, button };
        if shown.is_empty() { Pressed::Say(reply) } else { Pressed::Deliver(reply, shown) }
    }
}
