//! What a test asks of the simulated Plex.

use std::collections::BTreeMap;

use rolarr_sim::plex::Recorded;

use crate::World;

/// The filters of somebody who lost the role.
#[must_use]
pub fn restricted() -> BTreeMap<&'static str, String> {
    ["filterMovies", "filterTelevision"].map(|field| (field, "label=noAccess".to_owned())).into()
}

impl World {
    /// The number of somebody's Plex account.
    ///
    /// # Panics
    /// If there is no such account.
    #[must_use]
    pub fn plex_account(&self, who: &str) -> u64 {
        self.plex(|sim, _| sim.account(who).unwrap_or_else(|| panic!("{who} has no account")).id)
    }

    /// The filters of a friend that are not empty.
    #[must_use]
    pub fn filters(&self, who: &str) -> BTreeMap<&'static str, String> {
        let account = self.plex_account(who);
        self.plex(|sim, _| sim.filters(account))
    }

    /// Whether somebody is a friend of the owner's.
    #[must_use]
    pub fn is_friend(&self, who: &str) -> bool {
        self.plex(|sim, _| sim.account(who).is_some_and(|account| sim.friend(account.id).is_some()))
    }

    /// Whether an invitation is out to an address.
    #[must_use]
    pub fn is_invited(&self, who: &str) -> bool {
        self.plex(|sim, _| {
            sim.invites().iter().any(|invite| invite.typed == who) && sim.share_of(who).is_some()
        })
    }

    /// Somebody accepts the invitation.
    pub fn accepts(&self, who: &str) {
        self.plex(|sim, now| sim.person_accepts(now, who).unwrap());
    }

    /// The owner has shared everything with somebody, long ago; their account.
    pub fn befriended(&self, who: &str) -> u64 {
        let account = self.plex_account(who);
        self.plex(|sim, now| {
            sim.owner_shares_with(now, account, rolarr_sim::plex::MACHINE, &[]).unwrap();
        });
        account
    }

    /// The owner sets a filter by hand.
    pub fn owner_sets(&self, who: &str, field: &str, value: &str) {
        let account = self.plex_account(who);
        self.plex(|sim, _| sim.owner_sets_filter(account, field, value).unwrap());
    }

    /// What was written at Plex so far.
    #[must_use]
    pub fn writes(&self) -> Vec<Recorded> {
        self.plex(|sim, _| sim.writes().into_iter().cloned().collect())
    }

    /// How many invitations were sent, whatever became of them.
    #[must_use]
    pub fn invitations_sent(&self) -> usize {
        let sent = |write: &&Recorded| write.method == "POST" && write.path.ends_with("/shared_servers");
        self.writes().iter().filter(sent).count()
    }

    /// How often filters were written.
    #[must_use]
    pub fn settings_written(&self) -> usize {
        let set = |write: &&Recorded| {
            write.path.starts_with("/api/users/") || write.path.contains("sharing_settings")
        };
        self.writes().iter().filter(set).count()
    }
}
