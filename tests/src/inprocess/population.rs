//! A guild in which many members have access already.

use anyhow::{Context, Result};
use rolarr::{
    domain::{
        Email, PlexAccountId, RoleId, ShareId, Timestamp, UserId,
        account::{Account, Record, Told},
        contract::{Access, Grant},
    },
    store::{GrantRow, MemberRow, Stage as At},
};
use rolarr_sim::discord as sim;

use super::Stage;

/// A member who has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// On Discord.
    pub user: UserId,
    /// At Plex.
    pub plex: PlexAccountId,
}

impl Stage {
    /// Puts members into the guild who have the role, and the access that goes with it, as if they had been
    /// through everything. The pipeline is stopped and started for it.
    ///
    /// # Errors
    /// If the simulators or the database refuse it.
    pub async fn populate(&mut self, count: usize) -> Result<Vec<Subscriber>> {
        self.stop().await;
        let now = self.now();
        let mut rows = Vec::new();
        for number in 0..count {
            let name = format!("subscriber{number}");
            let user = {
                let mut discord = self.on_discord();
                let user = discord.create_user(now, &name);
                discord.join(now, self.scene.guild, user)?;
                discord.add_role(now, self.scene.guild, user, self.scene.subscriber)?;
                UserId(user.0)
            };
            let address = format!("{name}@example.org");
            let (plex, share) = {
                let mut sim = self.at_plex();
                let account = sim.world.add_person(&address, &name, &name);
                let share = sim.owner_shares_with(now, account, &self.settings.server.machine.0, &[])?;
                (PlexAccountId(account), ShareId(share))
            };
            rows.push((Subscriber { user, plex }, name, address, share));
        }
        let all = rows.iter().map(|(subscriber, ..)| *subscriber).collect();
        let (guild, role) = (self.guild(), RoleId(self.scene.subscriber.0));
        self.change(move |tx| {
            for (Subscriber { user, plex }, name, address, share) in rows {
                tx.put_member(&MemberRow {
                    guild,
                    user,
                    username: name,
                    roles: vec![role],
                    joined_at: None,
                    screening: false,
                    bot: false,
                    present: true,
                    seen_at: Timestamp(now),
                })?;
                tx.put_grant(
                    user,
                    &GrantRow {
                        guild,
                        access: Access::Granted(Grant::default()),
                        since: Some(Timestamp(now)),
                        memo: String::new(),
                    },
                )?;
                let joined = Record {
                    email: Email::parse(&address).ok(),
                    plex_account: Some(plex),
                    share: Some(share),
                    stage: At::Joined,
                    told: Told::Granted,
                    ..Record::clone(&*tx.account_for(user)?)
                };
                tx.put_account(&Account::load(joined))?;
            }
            Ok(())
        })
        .await
        .context("the members could not be stored")?;
        self.start().await?;
        Ok(all)
    }

    /// Whether somebody is restricted at Plex.
    #[must_use]
    pub fn is_restricted(&self, plex: PlexAccountId) -> bool {
        self.at_plex().filters(plex.0).values().any(|filter| filter.contains("noAccess"))
    }

    /// A role is deleted on Discord, and the gateway tells of it.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub fn delete_role(&self, role: RoleId) -> Result<()> {
        let now = self.now();
        Ok(self.on_discord().delete_role(now, self.scene.guild, sim::RoleId(role.0))?)
    }
}
