//! What people do on Discord, and what they get to see.

use rolarr_sim::discord::{InteractionId, Message, MessageId, OptionValue, RoleId, UserId};

use crate::World;

/// The flag of a message that only one person sees.
const EPHEMERAL: u64 = 64;

impl World {
    /// Somebody gets the role that gives access.
    pub fn gets_role(&self, user: UserId) {
        self.gets(user, self.scene.subscriber);
    }

    /// Somebody loses it.
    pub fn loses_role(&self, user: UserId) {
        self.loses(user, self.scene.subscriber);
    }

    /// Somebody gets a role.
    pub fn gets(&self, user: UserId, role: RoleId) {
        self.discord(|sim, now| sim.add_role(now, self.scene.guild, user, role).unwrap());
    }

    /// Somebody loses a role.
    pub fn loses(&self, user: UserId, role: RoleId) {
        self.discord(|sim, now| sim.remove_role(now, self.scene.guild, user, role).unwrap());
    }

    /// Somebody leaves the guild.
    pub fn leaves(&self, user: UserId) {
        self.discord(|sim, now| sim.leave(now, self.scene.guild, user).unwrap());
    }

    /// What the bot wrote to somebody in direct messages, as it reads now.
    #[must_use]
    pub fn told(&self, user: UserId) -> Vec<String> {
        self.discord(|sim, _| sim.told(user).iter().map(|message| message.now.content.clone()).collect())
    }

    /// The last direct message with a button that can be pressed, once there is one.
    pub async fn asked(&self, user: UserId) -> MessageId {
        self.eventually_some("the member was asked for the address", || {
            self.discord(|sim, _| {
                sim.told(user).into_iter().rev().find(|told| told.button().is_some()).map(|told| told.id)
            })
        })
        .await
    }

    /// Presses the button under a message, and waits until that is answered.
    pub async fn presses(&self, user: UserId, message: MessageId) -> InteractionId {
        let pressed = self.discord(|sim, now| sim.press_button(now, user, message, "").unwrap());
        self.eventually("the press was answered", || {
            self.discord(|sim, _| sim.form(pressed).is_some() || sim.reply(pressed).is_some())
        })
        .await;
        pressed
    }

    /// Presses the button, enters an address into the form and sends it off; what the bot answers.
    pub async fn enters(&self, user: UserId, message: MessageId, address: &str) -> String {
        let pressed = self.presses(user, message).await;
        let sent = self
            .discord(|sim, now| sim.submit_modal(now, pressed, &[("email", address)]))
            .unwrap_or_else(|why| panic!("{why}: {:?}", self.discord(|sim, _| sim.reply(pressed).cloned())));
        self.reply(sent, user).await.now.content
    }

    /// Waits for the question, and answers it through the form; what the bot answers.
    pub async fn answers(&self, user: UserId, address: &str) -> String {
        let question = self.asked(user).await;
        self.enters(user, question, address).await
    }

    /// Types a direct message; what the bot answers to it.
    pub async fn types(&self, user: UserId, text: &str) -> String {
        let before = self.told(user).len();
        self.discord(|sim, now| sim.type_direct_message(now, user, text).unwrap());
        self.eventually_some("the message was answered", || self.told(user).into_iter().nth(before)).await
    }

    /// Uses a command in the guild, and returns the bot's answer, which only that person sees.
    pub async fn commands(&self, user: UserId, command: &str, options: &[(&str, OptionValue)]) -> Message {
        let channel = self.scene.channel;
        let used = self.discord(|sim, now| sim.slash_command(now, channel, user, command, options).unwrap());
        self.reply(used, user).await
    }

    /// The answer to an interaction, which only that person sees.
    pub async fn reply(&self, to: InteractionId, user: UserId) -> Message {
        let reply = self
            .eventually_some("the interaction was answered", || self.discord(|sim, _| sim.reply(to).cloned()))
            .await;
        assert_eq!(reply.only_for, Some(user), "others see it: {reply:?}");
        assert_eq!(reply.flags & EPHEMERAL, EPHEMERAL, "{reply:?}");
        reply
    }

    /// A member gets the role, gives the address, is invited and accepts.
    pub async fn joins(&self, user: UserId, address: &str) {
        self.gets_role(user);
        self.answers(user, address).await;
        self.eventually("an invitation is out", || self.is_invited(address)).await;
        self.accepts(address);
        self.eventually("the acceptance is known", || {
            self.database().is_some_and(|database| database.stage(user) == "joined")
        })
        .await;
        self.quiet().await;
    }
}
