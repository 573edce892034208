//! A member gives an e-mail address: by the button's form, by a plain reply, or with `/plex link`.

use crate::{
    domain::{
        AuditKind, Email, PromptId, Timestamp, Typed, UserId,
        account::{Account, CORRECTIONS, Corrected},
        contract::{AccountChange, Origin},
    },
    pipeline::{
        accounts::{
            address::{against, can_correct, refresh_question, report_claim, wanted},
            journal::note,
        },
        context::Context,
        ports::{Button, ButtonAction, Pressed, Reply, Via},
        seam::{Step, millis},
        settings::Settings,
        texts,
    },
    store::{Prompt, PromptState, Stage, StoreError, Tx, Work},
};

/// What became of an address that was given.
enum Given {
    /// It was taken up: the same for an address of somebody else's as for a new one.
    TakenUp {
        /// Another one is forgotten for it.
        replaced: bool,
    },
    /// The member gave several already in place of the first one.
    TooOften,
    /// There is no question that it could answer.
    Unasked,
    /// The member is linked already.
    Linked,
}

impl Context {
    /// Takes up what a member typed. None: it was not meant for us.
    pub(in crate::pipeline) async fn take_address(
        &self,
        from: UserId,
        typed: &str,
        via: Via,
    ) -> Option<Reply> {
        let typed = Typed::read(typed);
        let is_alone = matches!(typed, Typed::Address { alone: true, .. });
        if via == Via::DirectMessage && !is_alone && !self.is_asked(from).await {
            // Somebody says something to the bot that is no answer to anything.
            return None;
        }
        let email = match typed {
            Typed::Address { email, .. } => email,
            other => return Some(Reply::text(texts::no_address(&other))),
        };
        match self.give(from, email).await {
            Ok(Given::TakenUp { .. }) => Some(Reply::text(texts::ADDRESS_TAKEN_UP)),
            Ok(Given::TooOften) => Some(Reply::text(texts::CORRECTED_TOO_OFTEN)),
            Ok(Given::Linked) => Some(Reply::text(texts::LINKED_ALREADY)),
            Ok(Given::Unasked) if via == Via::DirectMessage => None,
            Ok(Given::Unasked) => Some(Reply::text(texts::NOTHING_TO_LINK)),
            Err(error) => {
                tracing::error!(user = %from, %error, "an address could not be stored");
                Some(Reply::text(texts::TRY_AGAIN))
            }
        }
    }

    async fn is_asked(&self, user: UserId) -> bool {
        matches!(self.store.read(move |tx| tx.open_prompt_of(user)).await, Ok(Some(_)))
    }

    async fn give(&self, from: UserId, email: Email) -> Result<Given, StoreError> {
        let (now, settings) = (self.seam.now(), self.settings());
        let given = self.store.write(move |tx| give(tx, &settings, from, &email, now)).await?;
        if let Given::TakenUp { replaced } = given {
            if replaced {
                self.scrub().await?;
            }
            self.seam.reach(Step::AddressStored).await;
        }
        Ok(given)
    }

    /// A press on a question's button.
    pub(in crate::pipeline) async fn press_answer(&self, by: UserId, id: PromptId) -> Pressed {
        let (now, settings) = (self.seam.now(), self.settings());
        let pressed = self.store.write(move |tx| press(tx, &settings, by, id, now)).await;
        pressed.unwrap_or_else(|error| {
            tracing::error!(user = %by, %error, "a button could not be answered");
            Pressed::Say(Reply::text(texts::TRY_AGAIN))
        })
    }

    /// `/plex link` without an address: takes up the question again.
    pub(in crate::pipeline) async fn link(&self, by: UserId) -> Reply {
        let (now, settings) = (self.seam.now(), self.settings());
        let offered = self.store.write(move |tx| offer(tx, &settings, by, now)).await;
        offered.unwrap_or_else(|error| {
            tracing::error!(user = %by, %error, "a question could not be opened again");
            Reply::text(texts::TRY_AGAIN)
        })
    }
}

fn give(
    tx: &Tx<'_>,
    settings: &Settings,
    from: UserId,
    email: &Email,
    now: Timestamp,
) -> Result<Given, StoreError> {
    let Some(mut account) = tx.account_of(from)? else { return Ok(Given::Unasked) };
    if !wanted(tx, settings, &account)? {
        return Ok(Given::Unasked);
    }
    if account.is_pending() {
        return correct(tx, settings, account, email, now);
    }
    let fresh = match account.stage {
        Stage::None => !account.has_address(),
        // Only another address is a new beginning: a declined invitation is not sent again.
        Stage::Declined => account.email.as_ref() != Some(email),
        Stage::Inviting | Stage::Invited | Stage::Joined | Stage::Leaving | Stage::Lost => false,
    };
    if !fresh {
        return Ok(Given::Linked);
    }
    if let Some(prompt) = tx.latest_prompt(from)?
        && matches!(prompt.state, PromptState::Open | PromptState::Expired)
    {
        tx.set_prompt_state(prompt.id, PromptState::Answered)?;
        tx.add_task(account.decided_by, Some(from), &Work::Refresh(prompt.id), now)?;
    }
    let replaced = account.has_address();
    let against = against(tx, &account, email)?;
    account.give(email.clone(), against, now);
    tx.put_account(&account)?;
    report_claim(tx, &account, now)?;
    note(tx, settings, &account, AccountChange::Identified, Origin::Live, now)?;
    Ok(Given::TakenUp { replaced })
}

/// Another address in place of one that nobody accepted an invitation to yet. The same one again changes nothing.
fn correct(
    tx: &Tx<'_>,
    settings: &Settings,
    mut account: Account,
    email: &Email,
    now: Timestamp,
) -> Result<Given, StoreError> {
    let against = against(tx, &account, email)?;
    let corrected = account.correct(email, against, now);
    let replaced = match corrected {
        Corrected::Same => return Ok(Given::TakenUp { replaced: false }),
        Corrected::TooOften => return Ok(Given::TooOften),
        Corrected::Waits { replaced } => replaced,
        Corrected::TakenUp => true,
    };
    tx.put_account(&account)?;
    let text = texts::about(account.user, texts::CORRECTED);
    tx.audit(now, account.decided_by, account.user, AuditKind::Corrected, &text)?;
    if corrected == Corrected::TakenUp {
        report_claim(tx, &account, now)?;
        note(tx, settings, &account, AccountChange::Identified, Origin::Live, now)?;
    }
    if account.corrections == CORRECTIONS {
        refresh_question(tx, &account, now)?;
    }
    Ok(Given::TakenUp { replaced })
}

fn press(
    tx: &Tx<'_>,
    settings: &Settings,
    by: UserId,
    id: PromptId,
    now: Timestamp,
) -> Result<Pressed, StoreError> {
    let say = |text: &str| Ok(Pressed::Say(Reply::text(text)));
    let Some(prompt) = tx.prompt(id)? else { return say(texts::PROMPT_CLOSED) };
    if prompt.user != by {
        return say(texts::NOT_YOURS);
    }
    match prompt.state {
        PromptState::Open => Ok(Pressed::Form(id)),
        PromptState::Expired => {
            if reopen(tx, settings, &prompt, now)? {
                Ok(Pressed::Form(id))
            } else {
                say(texts::PROMPT_CLOSED)
            }
        }
        PromptState::Closed => say(texts::PROMPT_CLOSED),
        PromptState::Answered if can_correct(tx, settings, by)? => Ok(Pressed::Form(id)),
        PromptState::Answered => say(texts::PROMPT_ANSWERED),
    }
}

/// Opens an expired question again, if it still applies.
fn reopen(tx: &Tx<'_>, settings: &Settings, prompt: &Prompt, now: Timestamp) -> Result<bool, StoreError> {
    let Some(account) = tx.account_of(prompt.user)? else { return Ok(false) };
    if account.has_address() || !wanted(tx, settings, &account)? {
        return Ok(false);
    }
    tx.reopen_prompt(prompt.id, now.plus_millis(millis(settings.timings.prompt)))?;
    // Without a message that could say it, the question is asked once more.
    let asks = prompt.message.is_none() && !tx.is_asking(prompt.id)?;
    let work = if asks { Work::Ask(prompt.id) } else { Work::Refresh(prompt.id) };
    tx.add_task(account.decided_by, Some(prompt.user), &work, now)?;
    Ok(true)
}

fn offer(tx: &Tx<'_>, settings: &Settings, by: UserId, now: Timestamp) -> Result<Reply, StoreError> {
    let Some(account) = tx.account_of(by)? else { return Ok(Reply::text(texts::NOTHING_TO_LINK)) };
    if !wanted(tx, settings, &account)? {
        return Ok(Reply::text(texts::NOTHING_TO_LINK));
    }
    // What is held or refused looks like any other address that was given.
    let given = account.has_address() || account.held.is_some();
    if can_correct(tx, settings, by)? {
        return Ok(Reply::text(texts::CAN_CORRECT));
    }
    if given || account.plex_account.is_some() {
        return Ok(Reply::text(texts::LINKED_ALREADY));
    }
    let Some(prompt) = tx.latest_prompt(by)? else { return Ok(Reply::text(texts::NOTHING_TO_LINK)) };
    let open = match prompt.state {
        PromptState::Open => true,
        PromptState::Expired => reopen(tx, settings, &prompt, now)?,
        PromptState::Closed | PromptState::Answered => false,
    };
    if !open {
        let answered = prompt.state == PromptState::Answered;
        return Ok(Reply::text(if answered { texts::LINKED_ALREADY } else { texts::NOTHING_TO_LINK }));
    }
    Ok(Reply {
        text: texts::LINK_ASKED.to_owned(),
        button: Some(Button {
            label: "Enter e-mail address".to_owned(),
            action: ButtonAction::Answer(prompt.id),
            disabled: false,
        }),
    })
}
