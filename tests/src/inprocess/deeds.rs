//! What people do in a story, and what the gateway says of it.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::{GuildId, PromptId, RoleId, UserId},
    pipeline::ports::{ButtonAction, Command, GatewayNews, Hint, Intake, Invoker, Pressed, Reply, Said, Via},
};
use rolarr_sim::discord as sim;

use super::{ANN, Stage, discord};

impl Stage {
    /// The gateway tells of a member as they are now, if the pipeline runs.
    ///
    /// # Errors
    /// Never while the pipeline runs.
    pub async fn tell(&self, user: UserId) -> Result<()> {
        let Ok(intake) = self.intake() else { return Ok(()) };
        let said = discord::snapshot(&self.on_discord(), self.guild(), user).map_or(Said::Left, Said::Member);
        intake.hint(Hint { guild: self.guild(), user, said }).await;
        Ok(())
    }

    /// The gateway tells of a member of any guild as they are now, if the pipeline runs.
    pub async fn tell_in(&self, guild: GuildId, user: UserId) {
        let Ok(intake) = self.intake() else { return };
        let said = discord::snapshot(&self.on_discord(), guild, user).map_or(Said::Left, Said::Member);
        intake.hint(Hint { guild, user, said }).await;
    }

    /// The policy that the configuration names is loaded anew.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub fn reload_policy(&self) -> Result<()> {
        self.intake()?.reload_policy();
        Ok(())
    }

    /// The gateway says something of a member, true or not.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn hint(&self, hint: Hint) -> Result<()> {
        self.intake()?.hint(hint).await;
        Ok(())
    }

    /// What the policy decides on an event, asked directly.
    ///
    /// # Errors
    /// If it fails.
    pub fn decide(
        &self,
        event: &rolarr_policy::contract::Event,
    ) -> Result<rolarr_policy::contract::Decision> {
        Ok(self.policies.configured()?.active.policy.evaluate(event)?.decision)
    }

    /// A member gets a role.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn give_role(&self, user: UserId, role: RoleId) -> Result<()> {
        let now = self.now();
        self.on_discord().add_role(now, self.scene.guild, sim::UserId(user.0), sim::RoleId(role.0))?;
        self.tell(user).await
    }

    /// A member loses a role.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn take_role(&self, user: UserId, role: RoleId) -> Result<()> {
        let now = self.now();
        self.on_discord().remove_role(now, self.scene.guild, sim::UserId(user.0), sim::RoleId(role.0))?;
        self.tell(user).await
    }

    /// A member leaves the guild.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn leave(&self, user: UserId) -> Result<()> {
        let now = self.now();
        self.on_discord().leave(now, self.scene.guild, sim::UserId(user.0))?;
        self.tell(user).await
    }

    /// A person joins the guild.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn join(&self, user: UserId) -> Result<()> {
        let now = self.now();
        self.on_discord().join(now, self.scene.guild, sim::UserId(user.0))?;
        self.tell(user).await
    }

    /// A person answers by direct message.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn write(&self, user: UserId, text: &str) -> Result<Option<Reply>> {
        Ok(self.intake()?.address(user, text, Via::DirectMessage).await)
    }

    /// A person fills in the form.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn fill_in(&self, user: UserId, prompt: PromptId, text: &str) -> Result<Option<Reply>> {
        Ok(self.intake()?.address(user, text, Via::Form(prompt)).await)
    }

    /// A person presses a button.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn press(&self, user: UserId, action: ButtonAction) -> Result<Pressed> {
        let intake = self.intake()?;
        match intake.pressed(user, action).await {
            Pressed::Deliver(reply, messages) => {
                intake.shown(messages).await;
                Ok(Pressed::Say(reply))
            }
            other => Ok(other),
        }
    }

    /// From now on the computer's clock is wrong by so much; zero sets it right.
    pub fn set_clock_wrong(&self, by_ms: i64) {
        self.seam.set_wrong(by_ms);
    }

    /// The same, and the answer does not reach them.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn press_in_vain(&self, user: UserId, action: ButtonAction) -> Result<Pressed> {
        Ok(self.intake()?.pressed(user, action).await)
    }

    /// A person gives a command in the guild.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn command(&self, user: UserId, administrator: bool, command: Command) -> Result<Reply> {
        let by = Invoker { user, guild: Some(self.guild()), administrator };
        Ok(self.intake()?.command(command, by).await)
    }

    /// Something else happens on the gateway.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn news(&self, news: GatewayNews) -> Result<()> {
        self.intake()?.news(news).await;
        Ok(())
    }

    /// Alice has the role, was invited under Ann's address and accepted.
    ///
    /// # Errors
    /// If any of it fails.
    pub async fn alice_joins(&self) -> Result<()> {
        self.give_role(self.alice(), self.role()).await?;
        self.settle().await;
        self.write(self.alice(), ANN).await?.context("the address was not taken up")?;
        self.settle().await;
        let now = self.now();
        self.at_plex().person_accepts(now, ANN)?;
        self.wait(Duration::from_secs(120)).await;
        Ok(())
    }
}
