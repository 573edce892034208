//! What administrators ask for.

use std::time::Duration;

use crate::{
    domain::{
        AccountId, AuditKind, Email, GuildId, RoleId, Timestamp, Typed, UserId,
        contract::{Access, AccountChange, Cause, Grant, Origin},
    },
    pipeline::{
        approvals::{
            hold_texts, limit,
            verdict::{Reach, Verdict, Whom},
        },
        context::Context,
        desired::{
            member_state::Carried,
            state::{close_prompts, grant_of},
        },
        policies::reload::Why,
        ports::{Command, Invoker, Reply},
        settings::Settings,
        texts,
    },
    store::{Account, EventState, GrantRow, NewEvent, PromptState, Stage, StoreError, Tx},
};

/// How long a command waits for its outcome before it answers that the work goes on.
const PATIENCE: Duration = Duration::from_secs(20);

impl Context {
    /// Carries out a command, and says what came of it.
    pub(in crate::pipeline) async fn obey(&self, command: Command, by: Invoker) -> Reply {
        let guild = by.guild.filter(|guild| self.settings().guild(*guild).is_some());
        let guild = guild.filter(|_| by.administrator);
        let (typed, member) = match command {
            Command::Sync
            | Command::Approve { .. }
            | Command::Reject { .. }
            | Command::ReloadPolicy
            | Command::RollBackPolicy { .. }
                if guild.is_none() =>
            {
                return Reply::text(texts::ADMINISTRATORS_ONLY);
            }
            Command::Sync => {
                self.resync_all();
                return Reply::text(texts::SYNCING);
            }
            Command::Approve { member } => {
                return self.decide(Verdict::Approve, member, by.user, self.reach(guild)).await;
            }
            Command::Reject { member } => {
                return self.decide(Verdict::Reject, member, by.user, self.reach(guild)).await;
            }
            Command::ReloadPolicy | Command::RollBackPolicy { .. }
                if self.reach(guild) != Reach::Everywhere =>
            {
                return Reply::text(texts::CONCERNS_ALL_GUILDS);
            }
            Command::ReloadPolicy => return swapped(by.user, self.reload_policy(Why::Asked, None).await),
            Command::RollBackPolicy { to } => {
                return swapped(by.user, self.roll_back_policy(to.as_deref(), None).await);
            }
            Command::Link { email: None } => return self.link(by.user).await,
            Command::Link { email: Some(typed) } => {
                let reply = self.take_address(by.user, &typed, crate::pipeline::ports::Via::Command).await;
                return reply.unwrap_or_else(|| Reply::text(texts::NOTHING_TO_LINK));
            }
            Command::Invite { email, member } => (email, Some(member)),
            Command::Remove { email } => (email, None),
        };
        let Some(guild) = guild else {
            return Reply::text(texts::ADMINISTRATORS_ONLY);
        };
        let email = match Typed::read(&typed) {
            Typed::Address { email, .. } => email,
            other => return Reply::text(texts::no_address(&other)),
        };
        let outcome = match member {
            Some(member) => self.invite(guild, by.user, email, member).await,
            None => self.remove(guild, by.user, email).await,
        };
        outcome.unwrap_or_else(|error| {
            tracing::error!(administrator = %by.user, %error, "a command failed");
            Reply::text(texts::TRY_AGAIN)
        })
    }

    async fn decide(&self, verdict: Verdict, only: Option<UserId>, by: UserId, reach: Reach) -> Reply {
        let whom = only.map_or(Whom::Shown(reach), |member| Whom::Member(member, reach));
        match self.decide_holds(verdict, whom, Some(by)).await {
            Ok(done) => Reply::text(hold_texts::holds_decided(verdict, &done)),
            Err(error) => {
                tracing::error!(administrator = %by, %error, "a command failed");
                Reply::text(texts::TRY_AGAIN)
            }
        }
    }

    /// Whom an administrator of a guild decides on: where the bot serves several, they may be others' members.
    fn reach(&self, guild: Option<GuildId>) -> Reach {
        match guild {
            Some(guild) if self.settings().guilds.len() > 1 => Reach::Guild(guild),
            _ => Reach::Everywhere,
        }
    }

    async fn invite(
        &self,
        guild: GuildId,
        by: UserId,
        email: Email,
        member: Option<UserId>,
    ) -> Result<Reply, StoreError> {
        let (now, settings) = (self.seam.now(), self.settings());
        let begun = self
            .store
            .write(move |tx| match member {
                Some(member) => invite_member(tx, &settings, (guild, by), member, &email, now),
                None => invite_address(tx, by, &email, now),
            })
            .await?;
        let (id, replaced) = match begun {
            Ok(Invited { id, replaced }) => (id, replaced),
            Err(refusal) => return Ok(Reply::text(refusal)),
        };
        if replaced {
            self.scrub().await?;
        }
        // An invitation that is out is looked at again and again: for this command it is the outcome.
        let after = self.outcome(id, |account| account.stage == Stage::Invited).await?;
        Ok(Reply::text(match after {
            Some(account) if account.stage == Stage::None && account.email.is_none() => {
                "That address can't be invited; the audit channel says why.".to_owned()
            }
            Some(account) => match (&account.held, &account.parked, account.stage) {
                (Some(held), _, _) => format!("Held: {}", held.words),
                (None, Some(parked), _) => format!("Plex refuses: {}", parked.words),
                _ if account.refusals > 0 => {
                    "Plex refuses. That may pass: I try again over some hours, and the audit channel tells if it does \
                     not."
                        .to_owned()
                }
                (_, _, Stage::Invited) => "The invitation is out.".to_owned(),
                (_, _, Stage::Joined) => "They have access.".to_owned(),
                _ => "I am working on it; the audit channel tells of problems.".to_owned(),
            },
            None => "There is nothing left to do.".to_owned(),
        }))
    }

    async fn remove(&self, guild: GuildId, by: UserId, email: Email) -> Result<Reply, StoreError> {
        let (now, reach) = (self.seam.now(), self.reach(Some(guild)));
        let found = self.store.write(move |tx| remove(tx, (guild, reach), by, &email, now)).await?;
        let Some(id) = found else {
            return Ok(Reply::text(
                "I don't know that address: I never invited it. A share that I did not make has to be ended in Plex.",
            ));
        };
        let gone = self.outcome(id, |_| false).await?.is_none_or(|account| account.email.is_none());
        Ok(Reply::text(if gone {
            "Removed: the share is gone, and the address is forgotten."
        } else {
            "I am working on it: the address is forgotten once Plex confirms that the share is gone."
        }))
    }

    /// Waits until there is nothing left to do for the account, or what is done is `enough`, but not for long.
    async fn outcome(
        &self,
        id: AccountId,
        enough: fn(&Account) -> bool,
    ) -> Result<Option<Account>, StoreError> {
        let limit = self.seam.sleep(PATIENCE);
        tokio::pin!(limit);
        loop {
            let worked = self.signals.worked.notified();
            tokio::pin!(worked);
            // From here on a ring is heard, also one that comes during the read.
            worked.as_mut().enable();
            let account = self.store.read(move |tx| tx.account(id)).await?;
            let rests =
                account.as_ref().is_none_or(|account| rests(account, self.seam.now()) || enough(account));
            if rests {
                return Ok(account);
            }
            tokio::select! {
                biased;
                () = worked => {}
                () = &mut limit => return Ok(account),
            }
        }
    }
}

/// Whether there is nothing to be done for an account now.
fn rests(account: &Account, now: Timestamp) -> bool {
    account.attempts > 0 || account.refusals > 0 || account.due.is_none_or(|due| due > now)
}

/// What came of a change of the policy.
fn swapped(by: UserId, outcome: Result<Result<String, String>, StoreError>) -> Reply {
    match outcome {
        Ok(Ok(said) | Err(said)) => texts::reply(&said),
        Err(error) => {
            tracing::error!(administrator = %by, %error, "a command failed");
            Reply::text(texts::TRY_AGAIN)
        }
    }
}

/// The answer where an address belongs to another member than the one that is named.
const ANOTHERS: &str = "That address belongs to another member. Remove it there first.";

/// The answer where an address belongs to a member and none is named.
const A_MEMBERS: &str = "That address belongs to a member. Name the member to invite it again.";

/// Whether another member gave an address in place of the one that is invited, and it is taken up once that invitation
/// is withdrawn. A claim that is held is no such address: an administrator says whose that is.
fn is_awaited(tx: &Tx<'_>, email: &Email, by: Option<AccountId>) -> Result<bool, StoreError> {
    let awaits = |account: &Account| account.correction.as_ref() == Some(email) && Some(account.id) != by;
    Ok(tx.claims_of(email)?.iter().any(awaits))
}

/// An invitation that was begun.
struct Invited {
    id: AccountId,
    /// Another address is forgotten for it.
    replaced: bool,
}

type Begun = Result<Invited, &'static str>;

/// An address for a member: what the member claimed or what another share stands against is theirs now.
fn invite_member(
    tx: &Tx<'_>,
    settings: &Settings,
    (guild, by): (GuildId, UserId),
    member: UserId,
    email: &Email,
    now: Timestamp,
) -> Result<Begun, StoreError> {
    let held: Vec<RoleId> = match tx.member(guild, member)? {
        Some(row) if row.present && !row.bot => row.roles,
        _ => return Ok(Err("That person is no member of this Discord server.")),
    };
    let mut account = tx.account_for(member)?;
    let owner = tx.account_with(email)?;
    if owner.is_none() && is_awaited(tx, email, Some(account.id))? {
        return Ok(Err(ANOTHERS));
    }
    if let Some(other) = owner
        && other.id != account.id
    {
        if other.user.is_some() {
            return Ok(Err(ANOTHERS));
        }
        // A bare address that was invited before: it is this member's from now on.
        if account.stage != Stage::None {
            return Ok(Err("That member has another Plex account already. Remove that first."));
        }
        tx.hand_ledgers_on(other.id, account.id)?;
        tx.delete_account(other.id)?;
        account.take_over(&other);
    } else if account.email.as_ref().is_some_and(|known| known != email) && !account.stage.is_ended() {
        return Ok(Err("That member has another Plex account already. Remove that first."));
    }
    let event = tx.journal(&NewEvent {
        at: now,
        origin: Origin::Administrator,
        guild,
        user: member,
        cause: Cause::Account(AccountChange::Identified),
        roles: settings.guild(guild).map(|guild| guild.tracked(&held)).unwrap_or_default(),
        state: EventState::Noted,
        remark: Some("invited by an administrator".to_owned()),
    })?;
    let text = texts::about(Some(member), &format!("invited by <@{by}>."));
    tx.audit(now, Some(event), Some(member), AuditKind::Command, &text)?;
    let mut grant = grant_of(tx, guild, member)?;
    if !matches!(grant.access, Access::Granted(_)) {
        grant.access =
            rolarr_policy::apply(&grant.access, &crate::domain::contract::Action::Invite(Grant::default()));
        grant.since = Some(now);
        tx.put_grant(member, &grant)?;
    }
    if let Some(prompt) = tx.latest_prompt(member)?
        && matches!(prompt.state, PromptState::Open | PromptState::Expired)
    {
        tx.set_prompt_state(prompt.id, PromptState::Answered)?;
        tx.add_task(Some(event), Some(member), &crate::store::Work::Refresh(prompt.id), now)?;
    }
    // What an administrator says outweighs what waits for one, and what waits to be carried out.
    limit::overrule(tx, account.id)?;
    tx.settle(member)?;
    let replaced = account.invite(email, event, now);
    tx.put_account(&account)?;
    Ok(Ok(Invited { id: account.id, replaced }))
}

/// An address that belongs to no member.
fn invite_address(tx: &Tx<'_>, by: UserId, email: &Email, now: Timestamp) -> Result<Begun, StoreError> {
    let mut account = match tx.account_with(email)? {
        Some(account) if account.user.is_some() => return Ok(Err(A_MEMBERS)),
        None if is_awaited(tx, email, None)? => return Ok(Err(A_MEMBERS)),
        Some(account) => account,
        None => tx.new_account(None)?,
    };
    // The journal is of members; a bare address stands in the audit.
    tx.audit(
        now,
        None,
        Some(by),
        AuditKind::Command,
        &format!("<@{by}> invited an address that belongs to no member."),
    )?;
    account.invite_address(email, now);
    tx.put_account(&account)?;
    // Its account is found by the address: none is replaced.
    Ok(Ok(Invited { id: account.id, replaced: false }))
}

/// The full removal: all guilds' decisions are void, the share goes, the address is forgotten.
fn remove(
    tx: &Tx<'_>,
    (guild, reach): (GuildId, Reach),
    by: UserId,
    email: &Email,
    now: Timestamp,
) -> Result<Option<AccountId>, StoreError> {
    let mut found = Vec::from_iter(tx.account_with(email)?);
    found.extend(tx.claims_of(email)?);
    let mut meant = None;
    for account in found {
        // Whoever is of another guild only is nothing that an administrator of this one hears of.
        let theirs = match account.user {
            Some(user) => reach.has(tx, user)?,
            None => true,
        };
        if theirs && meant.is_none() {
            meant = Some(account);
        }
    }
    let Some(mut account) = meant else { return Ok(None) };
    let text = texts::about(account.user, &format!("removed by <@{by}>."));
    let Some(user) = account.user else {
        tx.audit(now, None, None, AuditKind::Command, &text)?;
        account.remove_address(now);
        tx.put_account(&account)?;
        return Ok(Some(account.id));
    };
    let event = tx.journal(&NewEvent {
        at: now,
        origin: Origin::Administrator,
        guild,
        user,
        cause: Cause::Account(AccountChange::RemovedByAdmin),
        roles: Vec::new(),
        state: EventState::Noted,
        remark: Some("removed by an administrator".to_owned()),
    })?;
    tx.audit(now, Some(event), Some(user), AuditKind::Command, &text)?;
    // What happened before and is not decided yet must not give back what is taken now.
    tx.close_waiting(user, "overtaken: an administrator removed the member")?;
    for GrantRow { guild, access, since, memo } in tx.grants(user)? {
        let mut carried = Carried { access, since, memo, wakes: Vec::new() };
        carried.void(now);
        tx.drop_wakes(guild, user)?;
        let Carried { access, since, memo, .. } = carried;
        tx.put_grant(user, &GrantRow { guild, access, since, memo })?;
    }
    limit::overrule(tx, account.id)?;
    close_prompts(tx, now, event, user)?;
    tx.drop_tasks_of(user)?;
    account.remove(event, now);
    tx.put_account(&account)?;
    Ok(Some(account.id))
}
