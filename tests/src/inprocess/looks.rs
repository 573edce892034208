//! What a test looks at: what was said, what stands at Plex and in the database.

use anyhow::{Context, Result};
use rolarr::{
    domain::{PlexAccountId, UserId},
    store::{MemberRow, Record},
};
use rolarr_sim::discord as sim;

use super::Stage;

impl Stage {
    /// What the bot wrote to a person, oldest first, as it stands now.
    #[must_use]
    pub fn messages(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        sim.told(sim::UserId(user.0)).into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// The labels of the buttons that can be pressed in the direct messages of a person.
    #[must_use]
    pub fn open_buttons(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        let messages = sim.told(sim::UserId(user.0));
        let ids = messages.into_iter().filter_map(|message| message.button());
        ids.map(ToOwned::to_owned).collect()
    }

    /// What stands in the audit channel, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let sim = self.on_discord();
        let messages = sim.messages_in(sim::ChannelId(self.audit.0));
        messages.into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// A person's number at Plex.
    ///
    /// # Panics
    /// If there is no such person.
    #[must_use]
    pub fn plex_account(&self, who: &str) -> PlexAccountId {
        PlexAccountId(self.at_plex().account(who).map(|account| account.id).unwrap_or_default())
    }

    /// The filters that are set for a person.
    #[must_use]
    pub fn filters(&self, who: &str) -> Vec<(&'static str, String)> {
        let account = self.plex_account(who).0;
        self.at_plex().filters(account).into_iter().collect()
    }

    /// The writes that plex.tv and the server got, as method and path.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        let sim = self.at_plex();
        sim.writes().into_iter().map(|write| format!("{} {}", write.method, write.path)).collect()
    }

    /// A member's account.
    ///
    /// # Errors
    /// If there is none.
    pub async fn account(&self, user: UserId) -> Result<Record> {
        let account = self.read(move |tx| tx.account_of(user)).await?.context("the member has no account")?;
        Ok(Record::clone(&account))
    }

    /// A member as they are stored.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn member(&self, user: UserId) -> Result<Option<MemberRow>> {
        let guild = self.guild();
        Ok(self.read(move |tx| tx.member(guild, user)).await?)
    }

    /// Whether a text stands anywhere in the database's files.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn database_holds(&self, text: &str) -> Result<bool> {
        Ok(self.database_text()?.contains(&text.to_lowercase()))
    }

    /// Everything that stands in the database's files, in small letters, without what is no text.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn database_text(&self) -> Result<String> {
        let mut all = String::new();
        for file in std::fs::read_dir(self.folder.path())? {
            let mut bytes = std::fs::read(file?.path())?;
            bytes.make_ascii_lowercase();
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
        Ok(all)
    }
}
