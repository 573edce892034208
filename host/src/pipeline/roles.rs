//! Whether tracked roles still exist: a role that was deleted is not a role that was taken away.

use tokio::time::Instant;

use super::{
    core::Core,
    ports::{DiscordError, Guild, Snapshot},
};
use crate::{
    domain::{GuildId, RoleId, UserId},
    store::StoreError,
};

/// Why it is not known whether a role still exists.
pub(super) enum Unknown {
    /// The database failed.
    Store(StoreError),
    /// Discord did not answer.
    Discord(DiscordError),
}

impl From<StoreError> for Unknown {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Core {
    /// The gateway says that a role was deleted.
    pub(super) async fn role_deleted(&self, guild: GuildId, role: RoleId) {
        self.forget_role(guild, role);
        if let Err(error) = self.note_deleted(guild, vec![role]).await {
            // The next look at the guild finds it too.
            tracing::error!(%guild, %error, "that a role was deleted could not be stored");
        }
    }

    /// Takes in what Discord shows of a guild, and which of its tracked roles are gone.
    pub(super) async fn learn_guild(&self, guild: Guild) -> Result<(), StoreError> {
        let id = guild.id;
        let gone: Vec<RoleId> = self
            .settings
            .guild(id)
            .map(|settings| settings.roles.iter().map(|role| role.id))
            .into_iter()
            .flatten()
            .filter(|role| !guild.roles.iter().any(|known| known.id == *role))
            .collect();
        self.learn(guild);
        self.note_deleted(id, gone).await
    }

    /// Before a tracked role counts as taken away from a member, it is made sure that the role still existed
    /// after the member was read: `read_at`. Those who come at the same time share one look.
    pub(super) async fn look_at_roles(
        &self,
        guild: GuildId,
        read: &[&Snapshot],
        read_at: Instant,
    ) -> Result<(), Unknown> {
        let members: Vec<(UserId, Vec<RoleId>)> =
            read.iter().map(|member| (member.user, member.roles.clone())).collect();
        let tracked: Vec<RoleId> = self
            .settings
            .guild(guild)
            .map(|guild| guild.roles.iter().map(|role| role.id).collect())
            .unwrap_or_default();
        let lost = self
            .store
            .read(move |tx| {
                for (user, roles) in &members {
                    let stored = tx.member(guild, *user)?.filter(|stored| stored.present);
                    let had = stored.map(|stored| stored.roles).unwrap_or_default();
                    if tracked.iter().any(|role| had.contains(role) && !roles.contains(role)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await?;
        if !lost {
            return Ok(());
        }
        let mut looks = self.guild_looks.lock().await;
        if looks.get(&guild).is_some_and(|began| *began >= read_at) {
            return Ok(());
        }
        let began = Instant::now();
        let shown = self.discord.guild(guild).await.map_err(Unknown::Discord)?;
        self.learn_guild(shown).await?;
        looks.insert(guild, began);
        Ok(())
    }

    async fn note_deleted(&self, guild: GuildId, gone: Vec<RoleId>) -> Result<(), StoreError> {
        let Some(settings) = self.settings.guild(guild) else { return Ok(()) };
        let gone: Vec<(RoleId, String)> = settings
            .roles
            .iter()
            .filter(|role| gone.contains(&role.id))
            .map(|role| (role.id, role.key.clone()))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let now = self.seam.now();
        let news = self
            .store
            .write(move |tx| {
                let mut news = Vec::new();
                for (role, key) in gone {
                    if tx.put_deleted_role(guild, role, &key, now)? {
                        let text = format!(
                            "The tracked role `{key}` was deleted on Discord. Whoever loses access by that keeps \
                             it until an administrator decides."
                        );
                        tx.audit(now, None, None, "alarm", &text)?;
                        news.push(key);
                    }
                }
                Ok(news)
            })
            .await?;
        for role in news {
            tracing::error!(%guild, role, "a tracked role was deleted; nobody loses access by that yet");
        }
        self.signals.messages.notify_one();
        Ok(())
    }
}
