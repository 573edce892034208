//! What Rolarr says to people. Nothing here holds an e-mail address.

use crate::{
    domain::{PromptId, Typed, UserId, closest, contract::Action, reconcile::fields},
    pipeline::{
        ports::{Button, ButtonAction, Outgoing, Reply},
        settings::{Drift, Settings},
    },
    store::{Aspect, DecisionRow, DriftRow, StoreError},
};

/// What it is that differs, for people.
pub(in crate::pipeline) fn name(what: Aspect) -> String {
    match what {
        Aspect::Share => "the share".to_owned(),
        Aspect::Libraries => "the libraries".to_owned(),
        Aspect::Field(field) => fields::name(field).to_owned(),
    }
}

/// Discord's limit for one message.
const LONGEST: usize = 2_000;

fn plain(text: impl Into<String>) -> Outgoing {
    let mut text = text.into();
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    Outgoing { text, button: None }
}

/// What administrators read when Discord has quarantined the bot (20026).
pub(in crate::pipeline) const QUARANTINED: &str = "Discord has quarantined the bot (code 20026): it can open no direct messages. \
     Messages to members wait behind the button in the prompt channel. To have the quarantine lifted, open the \
     application in the developer portal and follow the notice there.";

/// What administrators read when the bot opens direct messages too quickly (40003).
pub(in crate::pipeline) const DIRECT_MESSAGES_PAUSE: &str = "Discord says that the bot opens direct messages too quickly (code \
     40003). Messages to members pause and go out later, more slowly. Nothing needs to be done.";

/// A member can't be asked, in a guild without a channel for the neutral button.
pub(in crate::pipeline) fn without_button(key: &str, user: UserId) -> String {
    format!(
        "I can't ask <@{user}> for the e-mail address: Discord does not deliver my direct message. The member can give \
         the address with `/plex link`. The Discord server `{key}` has no `prompt_channel` in the configuration. With \
         one, members who can't be asked find a button there. I say this once, and not for each such member."
    )
}

/// What administrators read once the audit channel takes messages again.
pub(in crate::pipeline) fn reports_dropped(count: u64) -> String {
    format!(
        "While this channel took no messages, {count} of the oldest that waited for it were dropped. The database \
         and the log have what they were about: `rolarr events list`."
    )
}

/// What administrators read while the owner's account has no Plex Pass.
pub(in crate::pipeline) const NO_PLEX_PASS: &str = "The Plex account has no Plex Pass. Plex applies filters only with one: until then, \
     members who are restricted see everything that is shared with them. What is decided is written all the same, and \
     holds once there is a Plex Pass.";

/// What administrators read once it has one again.
pub(in crate::pipeline) const PLEX_PASS_BACK: &str =
    "The Plex account has a Plex Pass again: Plex applies filters.";

/// The libraries of the server changed.
pub(in crate::pipeline) fn libraries_changed(changes: &str) -> String {
    format!(
        "The libraries of the Plex server changed: {changes}. Invitations go by that from now on. What is shared with \
         members already stays as it is, except where a rule names libraries for them."
    )
}

/// What can't be shared with a member, because the server does not have it.
pub(in crate::pipeline) fn no_such_library(settings: &Settings, named: Option<&[String]>) -> String {
    let quoted = |name: &str| format!("`{}`", crate::policy::printable(name).replace('`', "'"));
    let all = settings.library_names();
    let has = all.iter().map(|title| quoted(title)).collect::<Vec<_>>().join(", ");
    let Some(named) = named else {
        let what = settings.named.iter().flatten().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        return format!(
            "none of the libraries that the configuration shares ({what}) exists. The Plex server has {has}. Nothing \
             was shared."
        );
    };
    let unknown: Vec<String> = settings
        .unknown(named)
        .map(|name| match closest(name, all.iter().map(String::as_str)) {
            Some(meant) => format!("{} (did you mean {}?)", quoted(name), quoted(meant)),
            None => quoted(name),
        })
        .collect();
    if unknown.is_empty() {
        return "the policy names no library at all. Nothing was shared.".to_owned();
    }
    format!(
        "the policy names a library that the Plex server does not have: {}. The server has {has}. Nothing was shared.",
        unknown.join(", ")
    )
}

/// A message without a button.
pub(in crate::pipeline) fn message(text: &str) -> Outgoing {
    plain(text)
}

/// A text for the person who did something.
pub(in crate::pipeline) fn reply(text: &str) -> Reply {
    Reply::text(plain(text).text)
}

/// The question for the e-mail address.
pub(in crate::pipeline) fn question(prompt: PromptId, server: &str, hours: u64) -> Outgoing {
    let limit = if hours == 1 { "1 hour".to_owned() } else { format!("{hours} hours") };
    Outgoing {
        text: format!(
            "You have been given access to **{server}** on Plex. To invite you, I need the e-mail address of \
             your Plex account (or one that you want to open an account with).\n\
             Press the button, or just answer here with the address. You have {limit}."
        ),
        button: Some(answer_button(prompt, "Enter e-mail address", false)),
    }
}

/// The question after it was answered, while the answer can be changed.
pub(in crate::pipeline) fn question_pending(prompt: PromptId) -> Outgoing {
    Outgoing {
        text:
            "Thank you, I have your e-mail address. If there is a mistake in it, you can change it until the \
               invitation is accepted."
                .to_owned(),
        button: Some(answer_button(prompt, "Change address", false)),
    }
}

/// The question after it was answered.
pub(in crate::pipeline) fn question_answered(prompt: PromptId) -> Outgoing {
    Outgoing {
        text: "Thank you, I have your e-mail address.".to_owned(),
        button: Some(answer_button(prompt, "Answered", true)),
    }
}

/// The question after it stopped to apply.
pub(in crate::pipeline) fn question_closed(prompt: PromptId) -> Outgoing {
    Outgoing { text: PROMPT_CLOSED.to_owned(), button: Some(answer_button(prompt, "Closed", true)) }
}

/// The question after nobody answered in time.
pub(in crate::pipeline) fn question_expired(prompt: PromptId) -> Outgoing {
    Outgoing {
        text:
            "I did not get your e-mail address in time. You still have the role: press the button when you \
               want access."
                .to_owned(),
        button: Some(answer_button(prompt, "Enter e-mail address", false)),
    }
}

fn answer_button(prompt: PromptId, label: &str, disabled: bool) -> Button {
    Button { label: label.to_owned(), action: ButtonAction::Answer(prompt), disabled }
}

/// The neutral button in the prompt channel. It says nothing of anybody.
pub(in crate::pipeline) fn inbox_offer() -> Outgoing {
    Outgoing {
        text:
            "If I could not reach you by direct message, press the button to see what I have for you. Only \
               you will see it."
                .to_owned(),
        button: Some(Button {
            label: "Show my messages".to_owned(),
            action: ButtonAction::Inbox,
            disabled: false,
        }),
    }
}

/// Nothing waits behind the neutral button.
pub(in crate::pipeline) const INBOX_EMPTY: &str = "There is nothing for you at the moment.";

/// The wall clock differs from Discord's.
pub(in crate::pipeline) const CLOCK_IS_WRONG: &str = "This computer's clock differs from Discord's by more than ten minutes. No \
                                         question expires, no policy is woken and nothing old is deleted until it is \
                                         right: set it, or switch on its synchronisation.";

/// It does not any more.
pub(in crate::pipeline) const CLOCK_IS_RIGHT: &str =
    "This computer's clock agrees with Discord's again. What waited for that goes on.";

/// More waits behind the neutral button than fits into one answer.
pub(in crate::pipeline) const MORE_INSIDE: &str = "There is more for you: press the button again.";

/// The answer to an address, whoever it belongs to: it must not tell who is a friend of the owner.
pub(in crate::pipeline) const ADDRESS_TAKEN_UP: &str = "Thank you. If everything is in order, Plex will send an invitation to \
     that address within a few minutes: look into the spam folder too, and accept it.";

/// What was typed is no address.
pub(in crate::pipeline) fn no_address(typed: &Typed) -> &'static str {
    match typed {
        Typed::Name => {
            "That does not look like an e-mail address. If it is your user name at Plex: I need the e-mail address of \
             your Plex account, which Plex shows in its settings under Account."
        }
        Typed::Several => {
            "There is more than one e-mail address in that. Please give only the one that you mean."
        }
        Typed::Nothing | Typed::Address { .. } => {
            "That does not look like an e-mail address. Please try again, for example `name@example.org`."
        }
    }
}

/// The member gave other addresses too often.
pub(in crate::pipeline) const CORRECTED_TOO_OFTEN: &str = "You have changed your e-mail address several times already. To change it \
     once more, please ask an administrator.";

/// Another address was given, and somebody had accepted the first invitation already.
pub(in crate::pipeline) const CORRECTED_TOO_LATE: &str = "The invitation to the e-mail address that you gave before was accepted \
     already, so I could not change it. If that was not you, please tell an administrator.";

/// The same, for administrators.
pub(in crate::pipeline) const TOO_LATE_TO_CORRECT: &str = "wanted to change their e-mail address after the invitation had been \
     accepted. It is left as it is. If a stranger accepted it: end the share with `/plex remove`, and invite the \
     member with `/plex invite`.";

/// Another address was given in place of one that was not accepted, for administrators.
pub(in crate::pipeline) const CORRECTED: &str =
    "gave another e-mail address. An invitation to the one before is withdrawn first.";

/// `/plex link` by somebody who gave an address that nobody accepted an invitation to yet.
pub(in crate::pipeline) const CAN_CORRECT: &str = "I have your e-mail address already. Until the invitation is accepted you can \
     change it: use `/plex link` with the other address.";

/// The question does not apply any more.
pub(in crate::pipeline) const PROMPT_CLOSED: &str = "I no longer need your e-mail address.";

/// The question was answered already.
pub(in crate::pipeline) const PROMPT_ANSWERED: &str = "I have your e-mail address already, thank you.";

/// The button belongs to somebody else's question.
pub(in crate::pipeline) const NOT_YOURS: &str = "This question is not for you.";

/// `/plex link` by somebody who has nothing to link: without the role, taken in as they are, or removed by an
/// administrator.
pub(in crate::pipeline) const NOTHING_TO_LINK: &str = "There is nothing to link for you at the moment. If you have the role for \
     it, please ask an administrator.";

/// `/plex link` by somebody who is linked.
pub(in crate::pipeline) const LINKED_ALREADY: &str = "You are linked to a Plex account already. To use another one, please ask \
     an administrator.";

/// `/plex link` with the question open.
pub(in crate::pipeline) const LINK_ASKED: &str =
    "Press the button to enter your e-mail address, or use `/plex link` with it.";

/// A command for administrators, given by somebody else.
pub(in crate::pipeline) const ADMINISTRATORS_ONLY: &str = "This command is for administrators: it needs the permission to manage \
     this Discord server.";

/// A command that concerns all guilds, given in one of several.
pub(in crate::pipeline) const CONCERNS_ALL_GUILDS: &str = "I serve several Discord servers, and that concerns all of them. Whoever \
     runs me does it on the command line: `rolarr policy reload` or `rolarr policy rollback`.";

/// Something failed at our side.
pub(in crate::pipeline) const TRY_AGAIN: &str =
    "Something went wrong at my side. Please try again in a minute.";

/// Access is restricted.
pub(in crate::pipeline) fn restricted(server: &str) -> Outgoing {
    plain(format!(
        "Your access to **{server}** is paused, because you no longer have the role for it. You stay a friend on \
         Plex and keep your watch history. With the role everything comes back."
    ))
}

/// The invitation was withdrawn.
pub(in crate::pipeline) fn withdrawn(server: &str) -> Outgoing {
    plain(format!(
        "Your invitation to **{server}** is withdrawn, because you no longer have the role for it. With the role \
         you get a new one."
    ))
}

/// Access is back after a restriction.
pub(in crate::pipeline) fn restored(server: &str) -> Outgoing {
    plain(format!("Your access to **{server}** is back. Enjoy!"))
}

/// A new invitation is out, after an earlier one was withdrawn.
pub(in crate::pipeline) fn invited_again(server: &str) -> Outgoing {
    plain(format!(
        "You have the role for **{server}** again. If everything is in order, Plex sends a new invitation to the \
         e-mail address that you gave. Accept it to get access."
    ))
}

/// Plex refuses the address.
pub(in crate::pipeline) const ADDRESS_REFUSED: &str = "Plex does not accept that e-mail address. Please check it, and give it again \
     with `/plex link`.";

/// One line for each action of a decision.
pub(in crate::pipeline) fn decided(user: UserId, decision: &DecisionRow) -> String {
    format!("<@{user}>: {} ({})", actions(&decision.actions), decision.reason)
}

/// The actions of a decision.
pub(in crate::pipeline) fn actions(actions: &[Action]) -> String {
    actions.iter().map(action).collect::<Vec<_>>().join(", ")
}

fn action(action: &Action) -> &'static str {
    match action {
        Action::Invite(_) => "invite",
        Action::RestrictTo(_) => "restrict",
        Action::Unrestrict => "lift the restriction",
        Action::Remove => "remove",
        Action::SetLibraries(_) => "change libraries",
        Action::Tell(_) => "send a message",
        Action::Quiet => "no messages",
        Action::WakeAt(_) => "look again later",
        Action::CancelWake(_) => "do not look again later",
        Action::SetMemo(_) => "remember something",
        Action::Other(_) => "something else",
    }
}

/// An event stayed undecided.
pub(in crate::pipeline) fn undecided(user: UserId, why: &str) -> String {
    format!("<@{user}>: no decision, nothing was changed. {why}")
}

/// What the audit channel is told of an account, whom it concerns first.
pub(in crate::pipeline) fn about(user: Option<UserId>, what: &str) -> String {
    match user {
        Some(user) => format!("<@{user}>: {what}"),
        None => format!("An address that an administrator invited: {what}"),
    }
}

/// Rows of one person can't be read.
pub(in crate::pipeline) fn unreadable(error: &StoreError) -> String {
    format!(
        "{error}. Nothing is changed for them until that is mended: a backup that is put in its place does it."
    )
}

/// One question or one message can't be read.
pub(in crate::pipeline) fn unreadable_alone(error: &StoreError) -> String {
    format!("{error}. It waits until that is mended: a backup that is put in its place does it.")
}

/// An order from the command line can't be read.
pub(in crate::pipeline) const ORDER_UNREADABLE: &str = "the bot can't read this order, and nothing was changed. Is the command of a \
                                           later version than the bot?";

/// So many differences are named in one message.
const DIFFERENCES: usize = 12;

/// What a comparison found at Plex that is not as it was made.
pub(in crate::pipeline) fn drift(found: &[(Option<UserId>, DriftRow)], then: Drift) -> String {
    let mut lines: Vec<String> = found
        .iter()
        .take(DIFFERENCES)
        .map(|(user, row)| {
            about(
                *user,
                &format!(
                    "{} should be {} and is {}, first seen <t:{}:f>.",
                    name(row.what),
                    row.wanted,
                    row.seen,
                    row.since.0 / 1_000
                ),
            )
        })
        .collect();
    if let Some(more @ 1..) = found.len().checked_sub(DIFFERENCES) {
        lines.push(format!("And {more} more."));
    }
    lines.push(
        match then {
            Drift::Report => {
                "It is left as it is. With `drift = \"correct\"` in the configuration it is set again."
            }
            Drift::Correct => "It is set again.",
        }
        .to_owned(),
    );
    format!("**Plex was changed by somebody else.**\n{}", lines.join("\n"))
}

/// What differed does not any more.
pub(in crate::pipeline) fn drift_over(over: &[(Option<UserId>, DriftRow)]) -> String {
    let mut lines: Vec<String> = over
        .iter()
        .take(DIFFERENCES)
        .map(|(user, row)| about(*user, &format!("{} is as it should be again.", name(row.what))))
        .collect();
    if let Some(more @ 1..) = over.len().checked_sub(DIFFERENCES) {
        lines.push(format!("And {more} more."));
    }
    lines.join("\n")
}

/// A guild that was served before can't be had at a start.
pub(in crate::pipeline) fn without_guild(key: &str) -> String {
    format!(
        "I start without the Discord server `{key}`: Discord does not show it to me now. What happens there is caught \
         up once it does."
    )
}

/// What somebody else changed was written over.
pub(in crate::pipeline) const SET_AGAIN: &str = "what somebody else changed at Plex is set again.";

/// The answer to `/rolarr sync`.
pub(in crate::pipeline) const SYNCING: &str = "I compare all members with what I know. What was missed is caught up; the audit \
     channel tells of it.";
