//! What Discord's side hands in.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    core::Core,
    ports::{Button, ButtonAction, Command, GatewayNews, Hint, Intake, Invoker, Pressed, Reply, Via},
    seam::millis,
    texts,
};
use crate::{
    domain::{GuildId, UserId, contract::Origin},
    store::{PromptState, Task, TaskState, Work},
};

/// The pipeline's ear.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) core: Arc<Core>,
}

#[async_trait]
impl Intake for Handle {
    async fn hint(&self, hint: Hint) {
        let core = &self.core;
        if core.settings.guild(hint.guild).is_none() {
            return;
        }
        core.hints.add(hint.guild, hint.user, hint.said, Origin::Live, core.seam.now());
        core.signals.observe.notify_one();
    }

    async fn news(&self, news: GatewayNews) {
        match news {
            GatewayNews::Session => {
                tracing::info!("a new gateway session began; the guilds are compared");
                self.core.sweep_after_session();
            }
            GatewayNews::GuildAvailable(guild) => self.sweep(guild),
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
                self.core.sweep_after_gap();
            }
        }
    }

    async fn address(&self, from: UserId, typed: &str, via: Via) -> Option<Reply> {
        self.core.take_address(from, typed, via).await
    }

    async fn pressed(&self, by: UserId, action: ButtonAction) -> Pressed {
        match action {
            ButtonAction::Answer(prompt) => self.core.press_answer(by, prompt).await,
            ButtonAction::Inbox => Pressed::Say(self.inbox(by).await),
        }
    }

    async fn command(&self, command: Command, by: Invoker) -> Reply {
        self.core.obey(command, by).await
    }
}

impl Handle {
    /// Compares a guild with what is stored.
    pub fn sweep(&self, guild: GuildId) {
        self.core.sweep(guild);
    }

    /// Has the policy that the configuration names loaded anew, soon. What comes of it is told in the log and
    /// the audit channel.
    pub fn reload_policy(&self) {
        self.core.ask_for_reload();
    }

    /// What waits for a person behind the neutral button: the newest of it.
    async fn inbox(&self, by: UserId) -> Reply {
        let read = self
            .core
            .store
            .write(move |tx| {
                let waiting = tx.inbox(by)?;
                let prompt = tx.latest_prompt(by)?;
                // A question stays behind the button until it is answered; a message was shown now.
                for task in waiting.iter().filter(|task| !matches!(task.work, Work::Ask(_))) {
                    tx.end_task(task.id, TaskState::Done, None)?;
                }
                Ok((waiting, prompt))
            })
            .await;
        match read {
            Ok((waiting, prompt)) => {
                let open = prompt
                    .filter(|prompt| matches!(prompt.state, PromptState::Open | PromptState::Expired))
                    .map(|prompt| prompt.id);
                self.show(&waiting, open)
            }
            Err(error) => {
                tracing::error!(user = %by, %error, "the messages for a member can't be read");
                Reply::text(texts::TRY_AGAIN)
            }
        }
    }

    fn show(&self, waiting: &[Task], open: Option<crate::domain::PromptId>) -> Reply {
        let hours = millis(self.core.settings.timings.prompt).div_ceil(3_600_000);
        let mut lines = Vec::new();
        let mut button: Option<Button> = None;
        for task in waiting {
            match &task.work {
                Work::Tell { text } => lines.push(text.clone()),
                Work::Ask(prompt) if Some(*prompt) == open => {
                    let question = texts::question(*prompt, &self.core.settings.server.name, hours);
                    lines.push(question.text);
                    button = question.button;
                }
                _ => {}
            }
        }
        if lines.is_empty() {
            return Reply::text(texts::INBOX_EMPTY);
        }
        Reply { text: texts::message(&lines.join("\n\n")).text, button }
    }
}
