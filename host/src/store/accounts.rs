//! One person's place at Plex.

use rusqlite::{OptionalExtension, Row, params, types::Type};

use super::{
    StoreError, Tx,
    rows::{At, Json, json, list},
};
use crate::domain::{
    AccountId, Email, EventId, Timestamp, UserId,
    account::{Account, Held, HeldReason, ParkReason, Parked, Record},
    contract::Grant,
};

pub(super) const COLUMNS: &str = "id, user, email, claim, correction, corrections, plex_account, share, stage, granted, \
                       invite_for, adopt, decided_by, held, held_for, parked, parked_for, told, quiet_for, tell_for, \
                       tell, due, attempts, refusals, generation, mend, invited, commanded, created_until, \
                       ended_until, written_until, absent_since, streams_due";

pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let at = |column: &str| row.get::<_, Option<At>>(column).map(|at| at.map(|at| at.0));
    let held: Option<String> = row.get("held")?;
    let held_for: Option<HeldReason> = row.get("held_for")?;
    let parked: Option<String> = row.get("parked")?;
    let parked_for: Option<ParkReason> = row.get("parked_for")?;
    let tell_for: Option<EventId> = row.get("tell_for")?;
    let tell: Option<String> = row.get("tell")?;
    Ok(Account::load(Record {
        id: row.get("id")?,
        user: row.get("user")?,
        email: email(row, "email")?,
        claim: email(row, "claim")?,
        correction: email(row, "correction")?,
        corrections: row.get("corrections")?,
        plex_account: row.get("plex_account")?,
        share: row.get("share")?,
        stage: row.get("stage")?,
        granted: row.get::<_, Option<Json<Grant>>>("granted")?.map(|grant| grant.0),
        invite_for: row.get("invite_for")?,
        adopt: row.get("adopt")?,
        decided_by: row.get("decided_by")?,
        // Words without a reason are an earlier version's, or somebody else's.
        held: held.map(|words| Held { why: held_for.unwrap_or(HeldReason::Earlier), words }),
        // No token ends a refusal without a reason.
        parked: parked.map(|words| Parked { why: parked_for.unwrap_or(ParkReason::Refused), words }),
        told: row.get("told")?,
        quiet_for: row.get("quiet_for")?,
        tell: tell_for.zip(tell),
        due: at("due")?,
        attempts: row.get("attempts")?,
        refusals: row.get("refusals")?,
        generation: row.get::<_, i64>("generation")?.unsigned_abs(),
        mend: row.get("mend")?,
        invited: row.get("invited")?,
        commanded: row.get("commanded")?,
        created_until: at("created_until")?,
        ended_until: at("ended_until")?,
        written_until: at("written_until")?,
        absent_since: at("absent_since")?,
        streams_due: at("streams_due")?,
    }))
}

fn email(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Email>> {
    let text: Option<String> = row.get(column)?;
    let index = row.as_ref().column_index(column)?;
    text.map(|text| Email::parse(&text))
        .transpose()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
}

impl Tx<'_> {
    /// An account by its number.
    pub fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.one_account("id = ?1", params![id])
    }

    /// A member's account.
    pub fn account_of(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        self.one_account("user = ?1", params![user])
    }

    /// The account that has this address.
    pub fn account_with(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        self.one_account("email_key = ?1", params![email.key()])
    }

    /// Whose an account is, whatever else is stored of it.
    pub fn user_of(&self, id: AccountId) -> Result<Option<UserId>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT user FROM accounts WHERE id = ?1 AND user >= 0")?;
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }

    /// The accounts of those who gave this address and don't have it, without those that can't be read.
    pub fn claims_of(&self, email: &Email) -> Result<Vec<Account>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM accounts WHERE claim IS NOT NULL OR correction IS NOT NULL ORDER BY id"
        );
        let claims = list::<_, AccountId>(self.db.prepare_cached(&sql)?, [], |row| row.get(0), account)?;
        let gave = |account: &Account| [&account.claim, &account.correction].contains(&&Some(email.clone()));
        Ok(claims.into_iter().flatten().filter(gave).collect())
    }

    fn one_account(
        &self,
        filter: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {filter}");
        Ok(self.db.prepare_cached(&sql)?.query_row(params, account).optional()?)
    }

    /// The accounts that are to be looked at, longest due first.
    pub fn due_accounts(&self, now: Timestamp, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id FROM accounts WHERE due IS NOT NULL AND due <= ?1 ORDER BY due, id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![At(now), limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the next account is due after a time.
    pub fn next_account_due(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let due = self
            .db
            .prepare_cached("SELECT min(due) FROM accounts WHERE due > ?1")?
            .query_row([At(after)], |row| row.get::<_, Option<At>>(0))?;
        Ok(due.map(|at| at.0))
    }

    /// A new account for a member, or for a bare address.
    pub fn new_account(&self, user: Option<UserId>) -> Result<Account, StoreError> {
        self.db.prepare_cached("INSERT INTO accounts (user) VALUES (?1)")?.execute([user])?;
        let id = AccountId(self.db.last_insert_rowid());
        self.account(id)?.ok_or(StoreError::Unreadable("an account that was just made"))
    }

    /// A member's account, made if there is none.
    pub fn account_for(&self, user: UserId) -> Result<Account, StoreError> {
        match self.account_of(user)? {
            Some(account) => Ok(account),
            None => self.new_account(Some(user)),
        }
    }

    /// Stores an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if its member, address, share or Plex account belongs to another account.
    pub fn put_account(&self, account: &Account) -> Result<(), StoreError> {
        let granted = account.granted.as_ref().map(json).transpose()?;
        self.db
            .prepare_cached(
                "UPDATE accounts SET user = ?2, email = ?3, email_key = ?4, claim = ?5, plex_account = ?6,
                     share = ?7, stage = ?8, granted = ?9, invite_for = ?10, adopt = ?11, decided_by = ?12,
                     held = ?13, parked = ?14, told = ?15, quiet_for = ?16, tell_for = ?17, tell = ?18,
                     due = ?19, attempts = ?20, generation = ?21, mend = ?22, invited = ?23,
                     commanded = ?24, created_until = ?25, ended_until = ?26, written_until = ?27,
                     absent_since = ?28, streams_due = ?29, parked_for = ?30, refusals = ?31,
                     correction = ?32, corrections = ?33, held_for = ?34
                 WHERE id = ?1",
            )?
            .execute(params![
                account.id,
                account.user,
                account.email.as_ref().map(Email::expose),
                account.email.as_ref().map(Email::key),
                account.claim.as_ref().map(Email::expose),
                account.plex_account,
                account.share,
                account.stage,
                granted,
                account.invite_for,
                account.adopt,
                account.decided_by,
                account.held.as_ref().map(|held| &held.words),
                account.parked.as_ref().map(|parked| &parked.words),
                account.told,
                account.quiet_for,
                account.tell.as_ref().map(|tell| tell.0),
                account.tell.as_ref().map(|tell| &tell.1),
                account.due.map(At),
                account.attempts,
                i64::try_from(account.generation).unwrap_or(i64::MAX),
                account.mend,
                account.invited,
                account.commanded,
                account.created_until.map(At),
                account.ended_until.map(At),
                account.written_until.map(At),
                account.absent_since.map(At),
                account.streams_due.map(At),
                account.parked.as_ref().map(|parked| parked.why),
                account.refusals,
                account.correction.as_ref().map(Email::expose),
                account.corrections,
                account.held.as_ref().map(|held| held.why),
            ])?;
        Ok(())
    }

    /// A member's account, if there is one, is to be looked at.
    pub fn make_due(&self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = ?2 WHERE user = ?1")?
            .execute(params![user, At(now)])?;
        Ok(())
    }

    /// The accounts for whose shares a rule names the libraries are looked at now.
    pub fn make_named_libraries_due(&self, now: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE accounts SET due = min(coalesce(due, ?1), ?1)
                 WHERE parked IS NULL AND claim IS NULL
                   AND (due IS NOT NULL AND held IS NOT NULL
                        OR stage = 'joined' AND held IS NULL AND id IN (SELECT account FROM libraries))",
            )?
            .execute([At(now)])?;
        Ok(())
    }

    /// An account is not due any more, unless what should be true changed since it was read.
    pub fn rest(&self, id: AccountId, generation: u64) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = NULL WHERE id = ?1 AND generation = ?2")?
            .execute(params![id, i64::try_from(generation).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// An account is looked at again then, unless what should be true changed since it was read.
    pub fn requeue(&self, id: AccountId, generation: u64, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = ?3 WHERE id = ?1 AND generation = ?2")?
            .execute(params![id, i64::try_from(generation).unwrap_or(i64::MAX), due.map(At)])?;
        Ok(())
    }

    /// An account that is due is looked at again then, whatever is stored of it.
    pub fn postpone(&self, id: AccountId, due: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = ?2 WHERE id = ?1 AND due IS NOT NULL")?
            .execute(params![id, At(due)])?;
        Ok(())
    }

    /// Lets the accounts go on that were parked for this reason.
    pub fn unpark(&self, why: ParkReason, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "UPDATE accounts SET parked = NULL, parked_for = NULL, due = ?2, attempts = 0, refusals = 0
                 WHERE parked_for = ?1",
            )?
            .execute(params![why, At(now)])?)
    }

    /// Deletes an account with all that is known of it.
    pub fn delete_account(&self, id: AccountId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM accounts WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}
