//! The journal: what happened, what was decided, and what the policy wants to be woken for.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::value::RawValue;

use super::{
    StoreError, Tx,
    prompts::UNSENT,
    rows::{At, Each, Json, json, list, words},
};
use crate::domain::{
    EventId, GuildId, RoleId, Timestamp, UntrustedText, UserId,
    contract::{Action, Cause, Origin},
};

words! {
    /// What became of an event.
    EventState {
        /// It is to be decided.
        Waiting = "waiting",
        /// The policy decided.
        Decided = "decided",
        /// The policy failed on it.
        Undecided = "undecided",
        /// The member is nobody's business.
        Skipped = "skipped",
        /// It stands in the journal and needs no decision.
        Noted = "noted",
    }
}

/// An event to journal.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it was noticed; for a wake, when it was due.
    pub at: Timestamp,
    /// How it became known.
    pub origin: Origin,
    /// The guild.
    pub guild: GuildId,
    /// The person.
    pub user: UserId,
    /// What happened.
    pub cause: Cause,
    /// The tracked roles held after the whole change.
    pub roles: Vec<RoleId>,
    /// Waiting, skipped or noted.
    pub state: EventState,
    /// Why it is skipped.
    pub remark: Option<String>,
}

/// A row of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its number.
    pub id: EventId,
    /// The rest.
    pub event: NewEvent,
}

/// What was decided on an event.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// The event.
    pub event: EventId,
    /// When.
    pub at: Timestamp,
    /// The complete input as the policy saw it, as JSON.
    pub input: String,
    /// The actions.
    pub actions: Vec<Action>,
    /// Why.
    pub reason: String,
    /// The policy's name.
    pub policy: String,
    /// The policy's version.
    pub version: String,
    /// The policy's digest.
    pub digest: String,
    /// Fuel that it took.
    pub fuel: u64,
    /// Microseconds that it took.
    pub micros: u64,
    /// What the policy logged.
    pub logs: Vec<UntrustedText>,
}

/// An event that the policy asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakeRow {
    /// The guild.
    pub guild: GuildId,
    /// The person.
    pub user: UserId,
    /// The policy's name for it.
    pub tag: String,
    /// When.
    pub due: Timestamp,
    /// The name of the policy that asked.
    pub policy: String,
}

pub(super) const COLUMNS: &str = "id, at, origin, guild, user, cause, roles, state, remark";

pub(super) const DECISION_COLUMNS: &str = "decisions.event, decisions.at, decisions.input, decisions.actions, \
     decisions.reason, decisions.policy, decisions.version, decisions.digest, decisions.fuel, decisions.micros, \
     decisions.logs";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: row.get(0)?,
        event: NewEvent {
            at: row.get::<_, At>(1)?.0,
            origin: row.get::<_, Json<Origin>>(2)?.0,
            guild: row.get(3)?,
            user: row.get(4)?,
            cause: row.get::<_, Json<Cause>>(5)?.0,
            roles: row.get::<_, Json<Vec<RoleId>>>(6)?.0,
            state: row.get(7)?,
            remark: row.get(8)?,
        },
    })
}

pub(super) fn decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(DecisionRow {
        event: row.get(0)?,
        at: row.get::<_, At>(1)?.0,
        input: row.get::<_, Json<Box<RawValue>>>(2)?.0.get().to_owned(),
        actions: row.get::<_, Json<Vec<Action>>>(3)?.0,
        reason: row.get(4)?,
        policy: row.get(5)?,
        version: row.get(6)?,
        digest: row.get(7)?,
        fuel: number(row.get(8)?),
        micros: number(row.get(9)?),
        logs: row.get::<_, Json<Vec<UntrustedText>>>(10)?.0,
    })
}

const WAKE_COLUMNS: &str = "guild, user, tag, due, policy";

fn wake(row: &Row<'_>) -> rusqlite::Result<WakeRow> {
    Ok(WakeRow {
        guild: row.get(0)?,
        user: row.get(1)?,
        tag: row.get(2)?,
        due: row.get::<_, At>(3)?.0,
        policy: row.get(4)?,
    })
}

impl Tx<'_> {
    /// Writes an event into the journal.
    pub fn journal(&self, new: &NewEvent) -> Result<EventId, StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO events (at, origin, guild, user, cause, roles, state, remark)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                At(new.at),
                json(&new.origin)?,
                new.guild,
                new.user,
                json(&new.cause)?,
                json(&new.roles)?,
                new.state,
                new.remark,
            ])?;
        Ok(EventId(self.db.last_insert_rowid()))
    }

    /// An event of the journal.
    pub fn event(&self, id: EventId) -> Result<Option<EventRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE id = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([id], event).optional()?)
    }

    /// Everything that the journal has on a person, oldest first.
    pub fn story(&self, user: UserId) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE user = ?1 ORDER BY id");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([user], event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The people who have events to be decided, longest waiting first.
    pub fn waiting_users(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT user FROM events WHERE state = 'waiting' AND user >= 0 GROUP BY user ORDER BY min(id)
             LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A person's oldest event that is to be decided.
    pub fn next_waiting(&self, user: UserId) -> Result<Option<EventRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM events WHERE user = ?1 AND state = 'waiting' ORDER BY id LIMIT 1");
        Ok(self.db.prepare_cached(&sql)?.query_row([user], event).optional()?)
    }

    /// Says what became of an event.
    pub fn close_event(
        &self,
        id: EventId,
        state: EventState,
        remark: Option<&str>,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE events SET state = ?2, remark = ?3 WHERE id = ?1")?
            .execute(params![id, state, remark])?;
        Ok(())
    }

    /// Closes the events of a person that wait to be decided: what is done to them by hand outweighs them.
    pub fn close_waiting(&self, user: UserId, remark: &str) -> Result<usize, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "UPDATE events SET state = 'skipped', remark = ?2 WHERE user = ?1 AND state = 'waiting'",
            )?
            .execute(params![user, remark])?)
    }

    /// Wakes that have come and are not decided yet are not to be decided any more: those of one tag, or all of a
    /// person in a guild. `but` is the event that is being decided.
    pub fn skip_waiting_wakes_of(
        &self,
        guild: GuildId,
        user: UserId,
        tag: Option<&str>,
        but: EventId,
    ) -> Result<usize, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "UPDATE events SET state = 'skipped', remark = 'the policy does not want it any more'
                 WHERE user = ?2 AND guild = ?1 AND state = 'waiting' AND id <> ?4
                     AND json_extract(cause, '$.wake') IS NOT NULL
                     AND (?3 IS NULL OR json_extract(cause, '$.wake') = ?3)",
            )?
            .execute(params![guild, user, tag, but])?)
    }

    /// Stores a decision. An event is decided once.
    pub fn put_decision(&self, decision: &DecisionRow) -> Result<(), StoreError> {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.db
            .prepare_cached(
                "INSERT INTO decisions
                     (event, at, input, actions, reason, policy, version, digest, fuel, micros, logs)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                decision.event,
                At(decision.at),
                decision.input,
                json(&decision.actions)?,
                decision.reason,
                decision.policy,
                decision.version,
                decision.digest,
                number(decision.fuel),
                number(decision.micros),
                json(&decision.logs)?,
            ])?;
        Ok(())
    }

    /// What was decided on an event.
    pub fn decision(&self, id: EventId) -> Result<Option<DecisionRow>, StoreError> {
        let sql = format!("SELECT {DECISION_COLUMNS} FROM decisions WHERE event = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([id], decision).optional()?)
    }

    /// What the policy was told of the events that were decided last, as JSON, newest first.
    pub fn last_inputs(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT input FROM decisions ORDER BY event DESC LIMIT ?1")?;
        let rows = statement.query_map([limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Drops what is older than a time: decisions with their events, what was told, and questions that are
    /// done with.
    pub fn prune(&self, before: Timestamp) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM decisions WHERE at < ?1",
            "DELETE FROM failures WHERE at < ?1",
            "DELETE FROM events WHERE at < ?1 AND state <> 'waiting'
             AND NOT EXISTS (SELECT 1 FROM decisions WHERE event = events.id)
             AND NOT EXISTS (SELECT 1 FROM failures WHERE event = events.id)",
            "DELETE FROM tasks WHERE due < ?1 AND state IN ('done', 'dropped', 'inbox')",
            "DELETE FROM audit WHERE at < ?1",
            "DELETE FROM answers WHERE at < ?1",
            "DELETE FROM shelved_wakes WHERE shelved < ?1",
            "DELETE FROM prompts WHERE expires_at < ?1 AND state IN ('closed', 'answered')",
        ] {
            self.db.prepare_cached(sql)?.execute([At(before)])?;
        }
        Ok(())
    }

    /// The wakes of a person in a guild, sorted by time.
    pub fn wakes(&self, guild: GuildId, user: UserId) -> Result<Vec<WakeRow>, StoreError> {
        let sql =
            format!("SELECT {WAKE_COLUMNS} FROM wakes WHERE guild = ?1 AND user = ?2 ORDER BY due, tag");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map(params![guild, user], wake)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The wakes that are due, longest due first; where one can't be read, whose it is.
    pub fn due_wakes(&self, now: Timestamp) -> Result<Each<WakeRow, (GuildId, UserId)>, StoreError> {
        let sql = format!(
            "SELECT {WAKE_COLUMNS} FROM wakes WHERE due <= ?1 AND guild >= 0 AND user >= 0
             ORDER BY due, guild, user, tag LIMIT 100"
        );
        list(self.db.prepare_cached(&sql)?, [At(now)], |row| Ok((row.get(0)?, row.get(1)?)), wake)
    }

    /// The wakes of a person in a guild that are due wait until a time, whatever else is stored of them.
    pub fn postpone_wakes(
        &self,
        guild: GuildId,
        user: UserId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE wakes SET due = ?4 WHERE guild = ?1 AND user = ?2 AND due <= ?3")?
            .execute(params![guild, user, At(now), At(until)])?;
        Ok(())
    }

    /// Stores a wake; one of the same tag is replaced.
    pub fn put_wake(&self, wake: &WakeRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO wakes (guild, user, tag, due, policy) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (guild, user, tag) DO UPDATE SET due = ?4, policy = ?5",
            )?
            .execute(params![wake.guild, wake.user, wake.tag, At(wake.due), wake.policy])?;
        Ok(())
    }

    /// Takes out a wake that is due. False if it is not the one that stands there (any more).
    pub fn take_wake(&self, wake: &WakeRow) -> Result<bool, StoreError> {
        let taken = self
            .db
            .prepare_cached(
                "DELETE FROM wakes WHERE guild = ?1 AND user = ?2 AND tag = ?3 AND due = ?4 AND policy = ?5",
            )?
            .execute(params![wake.guild, wake.user, wake.tag, At(wake.due), wake.policy])?;
        Ok(taken > 0)
    }

    /// Forgets one wake.
    pub fn drop_wake(&self, guild: GuildId, user: UserId, tag: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM wakes WHERE guild = ?1 AND user = ?2 AND tag = ?3")?
            .execute(params![guild, user, tag])?;
        Ok(())
    }

    /// Forgets one wake that was set aside.
    pub fn drop_shelved_wake(
        &self,
        guild: GuildId,
        user: UserId,
        tag: &str,
        policy: &str,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "DELETE FROM shelved_wakes WHERE guild = ?1 AND user = ?2 AND tag = ?3 AND policy = ?4",
            )?
            .execute(params![guild, user, tag, policy])?;
        Ok(())
    }

    /// Forgets all wakes of a person in a guild, those of policies that do not decide now too.
    pub fn drop_wakes(&self, guild: GuildId, user: UserId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM wakes WHERE guild = ?1 AND user = ?2")?
            .execute(params![guild, user])?;
        self.drop_shelved_wakes(guild, user)
    }

    /// Forgets all wakes of a person in a guild that were set aside.
    pub fn drop_shelved_wakes(&self, guild: GuildId, user: UserId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM shelved_wakes WHERE guild = ?1 AND user = ?2")?
            .execute(params![guild, user])?;
        Ok(())
    }

    /// When the next wake or the end of the next open prompt is due.
    pub fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        let due = self
            .db
            .prepare_cached(&format!(
                "SELECT min(due) FROM (SELECT min(due) AS due FROM wakes WHERE guild >= 0 AND user >= 0
                 UNION ALL SELECT min(expires_at) FROM prompts WHERE state = 'open' AND NOT EXISTS ({UNSENT}))"
            ))?
            .query_row([], |row| row.get::<_, Option<At>>(0))?;
        Ok(due.map(|at| at.0))
    }
}
