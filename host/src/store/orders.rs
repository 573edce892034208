//! What administrators ask for on the command line, for the bot to carry out, and what it answers.

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::{
    StoreError, Tx,
    holds::Ordered,
    rows::{At, Json, json},
};
use crate::domain::{Timestamp, UserId};

/// Something for the bot to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The access of those who are held shrinks: all, or one member's.
    Approve(Option<UserId>),
    /// What was decided before goes on for those who are held: all, or one member.
    Reject(Option<UserId>),
    /// The access of those who were held at this time shrinks.
    ApproveListed(Timestamp),
    /// What was decided before goes on for those who were held at this time.
    RejectListed(Timestamp),
    /// The policy that the configuration names is loaded anew.
    Reload,
    /// An earlier policy takes over again: by name or digest, or the last one.
    RollBack(Option<String>),
    /// Nothing changes: what would change for whom is said.
    Plan(Scope),
    /// The policy decides about every member of the scope.
    Apply(Scope),
}

/// Whom the policy is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everybody: the policy or its settings changed.
    Everybody,
    /// Those who hold a tracked role and were never asked for an address.
    NeverAsked,
}

impl Tx<'_> {
    /// Leaves an order for the bot. One about those who are held is about those who were shown or listed by now:
    /// whoever is held later waits for an order of their own.
    pub fn put_order(&self, order: &Order) -> Result<i64, StoreError> {
        self.db.prepare_cached("INSERT INTO orders (what) VALUES (?1)")?.execute([json(order)?])?;
        let id = self.db.last_insert_rowid();
        match order {
            Order::Approve(None) | Order::Reject(None) => self.order_holds(id, Ordered::Shown)?,
            Order::Approve(Some(user)) | Order::Reject(Some(user)) => {
                self.order_holds(id, Ordered::Member(*user))?;
            }
            Order::ApproveListed(at) | Order::RejectListed(at) => {
                self.order_holds(id, Ordered::Listed(*at))?;
            }
            Order::Reload | Order::RollBack(_) | Order::Plan(_) | Order::Apply(_) => {}
        }
        Ok(id)
    }

    /// Whether an order still waits.
    pub fn order_waits(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("SELECT 1 FROM orders WHERE id = ?1")?.exists([id])?)
    }

    /// The bot begins to carry an order out. False if it was taken back.
    pub fn take_up_order(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("UPDATE orders SET taken_up = 1 WHERE id = ?1")?.execute([id])? > 0)
    }

    /// Takes an order back. False if it does not wait any more, or is being carried out.
    pub fn withdraw_order(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM orders WHERE id = ?1 AND taken_up = 0")?.execute([id])? > 0)
    }

    /// The order that waits longest, by its number; none where it can't be read. It stays there until it is
    /// answered, so that none is lost.
    pub fn next_order(&self) -> Result<Option<(i64, Option<Order>)>, StoreError> {
        self.next_order_after(0)
    }

    /// The order that waits longest of those with a higher number.
    pub fn next_order_after(&self, number: i64) -> Result<Option<(i64, Option<Order>)>, StoreError> {
        Ok(self
            .db
            .prepare_cached("SELECT id, what FROM orders WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([number], |row| {
                Ok((row.get(0)?, row.get::<_, Json<Order>>(1).ok().map(|order| order.0)))
            })
            .optional()?)
    }

    /// An order was carried out, or could not be.
    pub fn answer_order(&self, id: i64, at: Timestamp, answer: &Answer) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM orders WHERE id = ?1")?.execute([id])?;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO answers (id, at, text) VALUES (?1, ?2, ?3)")?
            .execute(rusqlite::params![id, At(at), json(answer)?])?;
        Ok(())
    }

    /// The answer to an order, which is forgotten with that.
    pub fn take_answer(&self, id: i64) -> Result<Option<Answer>, StoreError> {
        let answer = self
            .db
            .prepare_cached("SELECT text FROM answers WHERE id = ?1")?
            .query_row([id], |row| Ok(row.get::<_, Json<Answer>>(0)?.0))
            .optional()?;
        self.db.prepare_cached("DELETE FROM answers WHERE id = ?1")?.execute([id])?;
        Ok(answer)
    }
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was carried out. For people.
    Done(String),
    /// It could not be carried out, and nothing changed. For people.
    Failed(String),
    /// What a plan comes to.
    Plan(Plan),
}

/// What would change for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// How many members were looked at.
    pub looked_at: u64,
    /// How many of them are nobody's business: protected, the guild's owner.
    pub skipped: u64,
    /// Those for whom something follows.
    pub changes: Vec<PlannedChange>,
    /// Those about whom the policy gave no decision, with the reason.
    pub undecided: Vec<(UserId, String)>,
    /// How many members' access would shrink.
    pub shrinks: u64,
    /// From this many on the brake holds the rest: how many may still shrink now.
    pub free: u64,
}

/// What would follow for one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedChange {
    /// The member.
    pub user: UserId,
    /// Their name on Discord.
    pub username: String,
    /// The access that they have by what was decided.
    pub from: String,
    /// The access that they would have.
    pub to: String,
    /// Why, in the policy's words.
    pub reason: String,
}
