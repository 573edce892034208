//! One person's place at Plex.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx,
    rows::{At, Json, json, list, words},
};
use crate::domain::{
    AccountId, Email, EventId, PlexAccountId, ShareId, Timestamp, UserId,
    contract::Grant,
    reconcile::share::{ShareState, Stage},
};

words! {
    /// What a member was last told of their access.
    Told {
        /// Nothing.
        Nothing = "nothing",
        /// That an invitation is out.
        Invited = "invited",
        /// That they have access.
        Granted = "granted",
        /// That it is restricted.
        Restricted = "restricted",
    }
}

words! {
    /// Why nothing is done at Plex for an account until something else happens.
    ParkReason {
        /// Plex does not accept the token: this ends when it accepts one.
        Token = "token",
        /// Plex refuses what was asked for this account.
        Refused = "refused",
    }
}

/// A refusal of Plex's that repeating can't mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Why, for the program.
    pub why: ParkReason,
    /// Why, for people: Plex's words.
    pub words: String,
}

/// One person's (or one bare address's) place at Plex.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The member; none if an administrator invited a bare address.
    pub user: Option<UserId>,
    /// The address.
    pub email: Option<Email>,
    /// An address that the member gave and that somebody else's share stands against.
    pub claim: Option<Email>,
    /// An address that the member gave in place of the one that is invited. It is taken up once the invitation to that
    /// one is withdrawn.
    pub correction: Option<Email>,
    /// How often they did so since an invitation was accepted.
    pub corrections: u32,
    /// The Plex account, once the invitation was accepted.
    pub plex_account: Option<PlexAccountId>,
    /// The share, once it was seen.
    pub share: Option<ShareId>,
    /// How far the share has got.
    pub stage: Stage,
    /// What an administrator granted to a bare address.
    pub granted: Option<Grant>,
    /// The event whose decision allows one share to be created; none once it was used.
    pub invite_for: Option<EventId>,
    /// A share that Rolarr did not create may be taken over.
    pub adopt: bool,
    /// The last event whose decision concerns this account.
    pub decided_by: Option<EventId>,
    /// Why an administrator must decide first.
    pub held: Option<String>,
    /// A refusal that repeating can't mend.
    pub parked: Option<Parked>,
    /// What the member was last told.
    pub told: Told,
    /// The policy wants no messages for this event's decision.
    pub quiet_for: Option<EventId>,
    /// A message of the policy's that waits until Plex agrees with this event's decision.
    pub tell: Option<(EventId, String)>,
    /// When to look at Plex again.
    pub due: Option<Timestamp>,
    /// How often in a row that failed.
    pub attempts: u32,
    /// How often in a row Plex refused it.
    pub refusals: u32,
    /// Rises whenever what should be true changes.
    pub wish: u64,
    /// What somebody else changed at Plex is to be written over, once.
    pub mend: bool,
    /// An invitation to the address was sent at some time, or a share of theirs taken over.
    pub invited: bool,
    /// A command of an administrator's is being carried out: it goes before protection.
    pub commanded: bool,
    /// Until when an invitation that was sent may still appear at Plex.
    pub created_until: Option<Timestamp>,
    /// Until when a request that ended the share may still take effect, or its old state may still show.
    pub ended_until: Option<Timestamp>,
    /// Until when a filter, permission or list of libraries that was sent may still take effect, or an old one show.
    pub written_until: Option<Timestamp>,
    /// When the first of the reads began that show no share although there should be one.
    pub absent_since: Option<Timestamp>,
    /// When running streams are to be ended once more: a filter reaches the server some time after plex.tv took it.
    pub streams_due: Option<Timestamp>,
}

impl Account {
    /// What is known of the share.
    #[must_use]
    pub fn share_state(&self) -> ShareState {
        ShareState {
            stage: self.stage,
            may_invite: self.invite_for.is_some() || self.adopt,
            created_until: self.created_until,
            ended_until: self.ended_until,
            absent_since: self.absent_since,
        }
    }

    /// Takes over what is known of the share by now.
    pub fn set_share_state(&mut self, state: ShareState) {
        self.stage = state.stage;
        self.created_until = state.created_until;
        self.ended_until = state.ended_until;
        self.absent_since = state.absent_since;
        if !state.may_invite {
            self.invite_for = None;
            self.adopt = false;
        } else if !self.share_state().may_invite {
            // A bare address has no decision: an administrator invited it.
            self.invite_for = self.decided_by;
            self.adopt = self.decided_by.is_none();
        }
        if state.stage.is_ended() {
            self.share = None;
        }
    }
}

pub(super) const COLUMNS: &str = "id, user, email, claim, plex_account, share, stage, granted, invite_for, adopt, \
                       decided_by, held, parked, told, quiet_for, tell_for, tell, due, attempts, wish, mend, \
                       invited, commanded, created_until, ended_until, written_until, absent_since, streams_due, \
                       parked_for, refusals, correction, corrections";

pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let email = |column: usize| -> rusqlite::Result<Option<Email>> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| {
            Email::parse(&text).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    column,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })
        })
        .transpose()
    };
    let at = |column: usize| row.get::<_, Option<At>>(column).map(|at| at.map(|at| at.0));
    let parked: Option<String> = row.get(12)?;
    // Words without a reason are an earlier program's, or somebody else's: no token ends that.
    let why = row.get::<_, Option<ParkReason>>(28)?.unwrap_or(ParkReason::Refused);
    let tell_for: Option<EventId> = row.get(15)?;
    let tell: Option<String> = row.get(16)?;
    Ok(Account {
        id: row.get(0)?,
        user: row.get(1)?,
        email: email(2)?,
        claim: email(3)?,
        correction: email(30)?,
        corrections: row.get(31)?,
        plex_account: row.get(4)?,
        share: row.get(5)?,
        stage: row.get(6)?,
        granted: row.get::<_, Option<Json<Grant>>>(7)?.map(|grant| grant.0),
        invite_for: row.get(8)?,
        adopt: row.get(9)?,
        decided_by: row.get(10)?,
        held: row.get(11)?,
        parked: parked.map(|words| Parked { why, words }),
        told: row.get(13)?,
        quiet_for: row.get(14)?,
        tell: tell_for.zip(tell),
        due: at(17)?,
        attempts: row.get(18)?,
        wish: row.get::<_, i64>(19)?.unsigned_abs(),
        mend: row.get(20)?,
        invited: row.get(21)?,
        commanded: row.get(22)?,
        created_until: at(23)?,
        ended_until: at(24)?,
        written_until: at(25)?,
        absent_since: at(26)?,
        streams_due: at(27)?,
        refusals: row.get(29)?,
    })
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
                     due = ?19, attempts = ?20, wish = ?21, mend = ?22, invited = ?23,
                     commanded = ?24, created_until = ?25, ended_until = ?26, written_until = ?27,
                     absent_since = ?28, streams_due = ?29, parked_for = ?30, refusals = ?31,
                     correction = ?32, corrections = ?33
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
                account.held,
                account.parked.as_ref().map(|parked| &parked.words),
                account.told,
                account.quiet_for,
                account.tell.as_ref().map(|tell| tell.0),
                account.tell.as_ref().map(|tell| &tell.1),
                account.due.map(At),
                account.attempts,
                i64::try_from(account.wish).unwrap_or(i64::MAX),
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
    pub fn rest(&self, id: AccountId, wish: u64) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = NULL WHERE id = ?1 AND wish = ?2")?
            .execute(params![id, i64::try_from(wish).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// An account is looked at again then, unless what should be true changed since it was read.
    pub fn requeue(&self, id: AccountId, wish: u64, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE accounts SET due = ?3 WHERE id = ?1 AND wish = ?2")?
            .execute(params![id, i64::try_from(wish).unwrap_or(i64::MAX), due.map(At)])?;
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
