//! From what a script returns to a decision.

use rhai::{Array, Dynamic};
use rolarr_policy::contract::{Action, Cause, Decision, Event};

use crate::action::{ActionValue, DecisionValue, collect, no_action};
use crate::complaint::Complaint;
use crate::event::{change_word, review_word};

/// How many actions the host takes, unless an operator allows less.
const MOST_ACTIONS: usize = 64;

/// How many wakes a member may have.
const MOST_WAKES: usize = 16;

/// The decision that a value stands for.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn decision(value: Dynamic, event: &Event) -> Result<Decision, String> {
    let value = match value.try_cast_result::<DecisionValue>() {
        Ok(DecisionValue { actions, reason }) => {
            let reason = reason.unwrap_or_else(|| situation(event));
            fits(&actions, event)?;
            return Ok(Decision { actions, reason });
        }
        Err(value) => value,
    };
    if value.is_unit() || value.is::<ActionValue>() || value.is::<Array>() {
        let actions = collect(value, "decide").map_err(|error| match error.unwrap_inner() {
            rhai::EvalAltResult::ErrorRuntime(thrown, _) => match thrown.read_lock::<Complaint>() {
                Some(complaint) => complaint.text().to_owned(),
                None => thrown.to_string(),
            },
            other => other.to_string(),
        })?;
        fits(&actions, event)?;
        return Ok(Decision { actions, reason: situation(event) });
    }
    Err(no_action(&value, "decide").replacen("got", "returned", 1))
}

/// What the host would refuse of all actions together.
fn fits(actions: &[Action], event: &Event) -> Result<(), String> {
    if actions.len() > MOST_ACTIONS {
        return Err(format!("`decide` returned {} actions, and may return {MOST_ACTIONS}", actions.len()));
    }
    let mut tags: Vec<&str> = event.account.wakes.iter().map(|wake| wake.tag.as_str()).collect();
    let before = tags.len();
    for action in actions {
        match action {
            Action::WakeAt(wake) if !tags.contains(&wake.tag.as_str()) => tags.push(&wake.tag),
            Action::CancelWake(tag) => tags.retain(|other| other != tag),
            Action::Remove => tags.clear(),
            _ => {}
        }
    }
    if tags.len() > MOST_WAKES && tags.len() > before {
        return Err(format!(
            "the member would have {} wakes after this, and may have {MOST_WAKES}",
            tags.len()
        ));
    }
    Ok(())
}

/// The reason of a decision for which the script gives none: what happened.
fn situation(event: &Event) -> String {
    match &event.cause {
        Cause::RoleAdded(role) => format!("the role `{}` was added", role.key),
        Cause::RoleRemoved(role) => format!("the role `{}` was removed", role.key),
        Cause::MemberLeft => "left the Discord server".to_owned(),
        Cause::Wake(tag) => format!("the wake `{tag}` is due"),
        Cause::Account(change) => format!("the account: {}", change_word(*change)),
        Cause::Review(review) => format!("a review: {}", review_word(*review)),
        Cause::Other(other) => format!("`{}`", other.name),
    }
}
