//! Whether tracked and protected roles still exist: a role that was deleted is not a role that was taken away.

use tokio::time::Instant;

use crate::{
    domain::{AuditKind, GuildId, RoleId, Timestamp, UserId},
    pipeline::{
        context::Context,
        ports::{DiscordError, Guild, Snapshot},
        settings::Settings,
    },
    store::{StoreError, Tx},
};

/// Why it is not known whether a role still exists.
pub(in crate::pipeline) enum Unknown {
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

impl Context {
    /// The gateway says that a role was deleted. It does not say who had it.
    pub(in crate::pipeline) async fn role_deleted(&self, guild: GuildId, role: RoleId) {
        self.forget_role(guild, role);
        let settings = self.settings();
        let Some(settings) = settings.guild(guild) else { return };
        let tracked = settings.roles.iter().any(|known| known.id == role);
        if !tracked && !self.settings().protected_roles.contains(&role) {
            return;
        }
        if let Err(error) = self.note_deleted(guild, vec![role]).await {
            // The next look at the guild finds it too.
            tracing::error!(%guild, %error, "that a role was deleted could not be stored");
        }
        self.resync(guild);
    }

    /// Takes in what Discord shows of a guild, asked for at `asked`: who owns it, which of its tracked and
    /// protected roles are gone, and which are there again.
    pub(in crate::pipeline) async fn learn_guild(
        &self,
        guild: Guild,
        asked: Timestamp,
    ) -> Result<(), StoreError> {
        let id = guild.id;
        let Some(settings) = self.settings().guild(id).cloned() else { return Ok(()) };
        self.learn(guild.clone());
        self.note_owner(id, guild.owner).await?;
        let (all, now) = (self.settings(), self.seam.now());
        let gone = self
            .store
            .read(move |tx| {
                let known = tx.protected_roles(id)?;
                let protected = known.into_iter().map(|(role, _)| role);
                let watched = settings.roles.iter().map(|role| role.id);
                let watched = watched.chain(protected.filter(|role| all.protected_roles.contains(role)));
                let gone: Vec<RoleId> = watched.filter(|role| !has(&guild, *role)).collect();
                let back = tx.deleted_before(id, asked)?.into_iter().any(|(role, _)| has(&guild, role));
                let known = tx.protected_roles(id)?;
                let fresh = protected_in(&all, &guild).iter().any(|role| !known.contains(role));
                Ok((gone, (back || fresh).then_some((all, guild))))
            })
            .await?;
        let (gone, changed) = gone;
        if let Some((settings, guild)) = changed {
            self.store
                .write(move |tx| {
                    know_protected(tx, &settings, &guild)?;
                    for (role, key) in tx.deleted_before(id, asked)? {
                        if has(&guild, role) {
                            tx.drop_deleted_role(id, role)?;
                            let text = format!(
                                "The role `{key}` is there again: it does not count as deleted any more."
                            );
                            tx.audit(now, None, None, AuditKind::Role, &text)?;
                        }
                    }
                    Ok(())
                })
                .await?;
        }
        self.note_deleted(id, gone).await
    }

    /// Before a tracked or protected role counts as taken away from a member, it is made sure that the role still existed
    /// after the member was read: `read_at`. Those who come at the same time share one look.
    pub(in crate::pipeline) async fn look_at_roles(
        &self,
        guild: GuildId,
        read: &[&Snapshot],
        read_at: Instant,
    ) -> Result<(), Unknown> {
        let members: Vec<(UserId, Vec<RoleId>)> =
            read.iter().map(|member| (member.user, member.roles.clone())).collect();
        let settings = self.settings();
        let Some(settings) = settings.guild(guild) else { return Ok(()) };
        let tracked = settings.roles.iter().map(|role| role.id);
        let watched: Vec<RoleId> = tracked.chain(self.settings().protected_roles.iter().copied()).collect();
        let lost = self
            .store
            .read(move |tx| {
                for (user, roles) in &members {
                    // Whoever can't be read is put aside where they are compared.
                    let Ok(stored) = tx.apart(|tx| tx.member(guild, *user))? else { continue };
                    let stored = stored.filter(|stored| stored.present);
                    let had = stored.map(|stored| stored.roles).unwrap_or_default();
                    if watched.iter().any(|role| had.contains(role) && !roles.contains(role)) {
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
        let (began, asked) = (Instant::now(), self.seam.now());
        let shown = self.discord.guild(guild).await.map_err(Unknown::Discord)?;
        self.learn_guild(shown, asked).await?;
        looks.insert(guild, began);
        Ok(())
    }

    async fn note_deleted(&self, guild: GuildId, gone: Vec<RoleId>) -> Result<(), StoreError> {
        let Some(settings) = self.settings().guild(guild).cloned() else { return Ok(()) };
        if gone.is_empty() {
            return Ok(());
        }
        let now = self.seam.now();
        let news = self
            .store
            .write(move |tx| {
                let protected = tx.protected_roles(guild)?;
                let mut news = Vec::new();
                for role in gone {
                    let tracked = settings.roles.iter().find(|known| known.id == role);
                    let (name, text) = match tracked {
                        Some(known) => (known.key.clone(), tracked_is_gone(&known.key)),
                        None => match protected.iter().find(|(known, _)| *known == role) {
                            Some((_, name)) => (name.clone(), protected_is_gone(name)),
                            None => continue,
                        },
                    };
                    if tx.put_deleted_role(guild, role, &name, now)? {
                        tx.audit(now, None, None, AuditKind::Alarm, &text)?;
                        news.push(name);
                    }
                }
                Ok(news)
            })
            .await?;
        for role in news {
            tracing::error!(%guild, role, "a role that counts was deleted; nobody loses access by that yet");
        }
        Ok(())
    }
}

fn tracked_is_gone(key: &str) -> String {
    format!(
        "The tracked role `{key}` was deleted on Discord. Whoever loses access by that keeps it until an \
         administrator decides."
    )
}

fn protected_is_gone(name: &str) -> String {
    format!(
        "The protected role `{name}` was deleted on Discord. Whoever it protected keeps what they have until an \
         administrator decides. To protect them further, name another role or the members in the configuration."
    )
}

fn has(guild: &Guild, role: RoleId) -> bool {
    guild.roles.iter().any(|known| known.id == role)
}

/// The protected roles that a guild has, sorted, with their names.
fn protected_in(settings: &Settings, guild: &Guild) -> Vec<(RoleId, String)> {
    let protected = guild.roles.iter().filter(|role| settings.protected_roles.contains(&role.id));
    let mut protected: Vec<_> = protected.map(|role| (role.id, role.name.clone())).collect();
    protected.sort_by_key(|(role, _)| *role);
    protected
}

/// Remembers which protected roles a guild has: so that one which is gone is known to have been there.
pub(in crate::pipeline) fn know_protected(
    tx: &Tx<'_>,
    settings: &Settings,
    guild: &Guild,
) -> Result<(), StoreError> {
    for (role, name) in protected_in(settings, guild) {
        tx.put_protected_role(guild.id, role, &name)?;
    }
    Ok(())
}
