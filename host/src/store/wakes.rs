//! Wakes that are set aside while another policy decides, and how fast a policy may ask.

use rusqlite::{OptionalExtension, params};

use super::{StoreError, Tx, WakeRow, rows::At};
use crate::domain::{GuildId, Timestamp, UserId};

/// What came of setting wakes aside, and of taking others up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shelved {
    /// So many of other policies wait until one of their name decides again.
    pub aside: usize,
    /// So many of this one's are to come again.
    pub back: usize,
}

/// Whose asking is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paced {
    /// What a policy asks for a member of a guild.
    Member(GuildId, UserId),
    /// What it asks for all of them together.
    Everybody,
}

impl Paced {
    fn key(self) -> (GuildId, UserId) {
        match self {
            Self::Member(guild, user) => (guild, user),
            Self::Everybody => (GuildId(0), UserId(0)),
        }
    }
}

/// How often a policy was woken, and how often it sent messages, in the hour that began at `since`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// When the hour began.
    pub since: Timestamp,
    /// How often it was woken.
    pub wakes: u32,
    /// How many messages it sent.
    pub told: u32,
    /// When it was stopped for asking for too much; none if it was not.
    pub stopped: Option<Timestamp>,
}

impl Tx<'_> {
    /// A policy of this name decides from now on: the wakes of others are set aside, those that came and were not
    /// decided yet among them, and its own that were set aside earlier are to come again.
    pub fn shelve_wakes(&self, policy: &str, now: Timestamp) -> Result<Shelved, StoreError> {
        let before = self.name_in_force()?;
        let mut aside = self
            .db
            .prepare_cached(
                "INSERT OR REPLACE INTO shelved_wakes (guild, user, tag, due, policy, shelved)
                 SELECT guild, user, tag, due, policy, ?2 FROM wakes WHERE policy <> ?1",
            )?
            .execute(params![policy, At(now)])?;
        self.db.prepare_cached("DELETE FROM wakes WHERE policy <> ?1")?.execute([policy])?;
        // Those that came were asked for by the policy that decided up to now.
        if let Some(before) = before.filter(|before| before != policy) {
            aside += self
                .db
                .prepare_cached(
                    "INSERT OR REPLACE INTO shelved_wakes (guild, user, tag, due, policy, shelved)
                     SELECT guild, user, json_extract(cause, '$.wake'), at, ?1, ?2 FROM events
                     WHERE state = 'waiting' AND json_extract(cause, '$.wake') IS NOT NULL",
                )?
                .execute(params![before, At(now)])?;
            self.db
                .prepare_cached(
                    "UPDATE events SET state = 'skipped',
                         remark = 'the policy that had asked for it does not decide any more'
                     WHERE state = 'waiting' AND json_extract(cause, '$.wake') IS NOT NULL",
                )?
                .execute([])?;
        }
        let back = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO wakes (guild, user, tag, due, policy)
                 SELECT guild, user, tag, due, policy FROM shelved_wakes WHERE policy = ?1",
            )?
            .execute([policy])?;
        self.db.prepare_cached("DELETE FROM shelved_wakes WHERE policy = ?1")?.execute([policy])?;
        Ok(Shelved { aside, back })
    }

    /// Sets a wake aside that was asked for.
    pub fn shelve_wake(&self, wake: &WakeRow, now: Timestamp) -> Result<(), StoreError> {
        self.drop_wake(wake.guild, wake.user, &wake.tag)?;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO shelved_wakes (guild, user, tag, due, policy, shelved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![wake.guild, wake.user, wake.tag, At(wake.due), wake.policy, At(now)])?;
        Ok(())
    }

    /// Sets aside the wakes of those for whom a policy was stopped.
    pub fn shelve_wakes_of(&self, whose: Paced, now: Timestamp) -> Result<(), StoreError> {
        let (guild, user) = whose.key();
        let all = whose == Paced::Everybody;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO shelved_wakes (guild, user, tag, due, policy, shelved)
                 SELECT guild, user, tag, due, policy, ?4 FROM wakes
                 WHERE ?3 OR (guild = ?1 AND user = ?2)",
            )?
            .execute(params![guild, user, all, At(now)])?;
        self.db
            .prepare_cached("DELETE FROM wakes WHERE ?3 OR (guild = ?1 AND user = ?2)")?
            .execute(params![guild, user, all])?;
        Ok(())
    }

    /// How fast a policy asks; none if it asked for nothing yet.
    pub fn pace(&self, whose: Paced) -> Result<Option<Pace>, StoreError> {
        let (guild, user) = whose.key();
        Ok(self
            .db
            .prepare_cached("SELECT since, wakes, told, stopped FROM pace WHERE guild = ?1 AND user = ?2")?
            .query_row(params![guild, user], |row| {
                Ok(Pace {
                    since: row.get::<_, At>(0)?.0,
                    wakes: row.get(1)?,
                    told: row.get(2)?,
                    stopped: row.get::<_, Option<At>>(3)?.map(|at| at.0),
                })
            })
            .optional()?)
    }

    /// Stores how fast a policy asks.
    pub fn put_pace(&self, whose: Paced, pace: &Pace) -> Result<(), StoreError> {
        let (guild, user) = whose.key();
        self.db
            .prepare_cached(
                "INSERT INTO pace (guild, user, since, wakes, told, stopped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (guild, user) DO UPDATE SET since = ?3, wakes = ?4, told = ?5, stopped = ?6",
            )?
            .execute(params![guild, user, At(pace.since), pace.wakes, pace.told, pace.stopped.map(At)])?;
        Ok(())
    }

    /// For whom a policy was stopped, and since when; everybody first.
    pub fn stopped(&self) -> Result<Vec<(Paced, Timestamp)>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT guild, user, stopped FROM pace WHERE stopped >= 0 AND guild >= 0 AND user >= 0
             ORDER BY guild, user",
        )?;
        let rows = statement.query_map([], |row| {
            let (guild, user) = (row.get(0)?, row.get(1)?);
            let whose = if user == UserId(0) { Paced::Everybody } else { Paced::Member(guild, user) };
            Ok((whose, row.get::<_, At>(2)?.0))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whoever was stopped is not any more, and everybody is counted anew. Returns for how many a policy was
    /// stopped.
    pub fn forget_pace(&self) -> Result<usize, StoreError> {
        let stopped: i64 = self
            .db
            .prepare_cached("SELECT count(*) FROM pace WHERE stopped IS NOT NULL")?
            .query_row([], |row| row.get(0))?;
        self.db.prepare_cached("DELETE FROM pace")?.execute([])?;
        Ok(usize::try_from(stopped).unwrap_or(0))
    }

    /// How many people are stored as members of some guild.
    pub fn count_members(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .db
            .prepare_cached("SELECT count(*) FROM members WHERE present")?
            .query_row([], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
