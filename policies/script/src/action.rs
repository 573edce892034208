//! The actions, as a script writes them.

use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};
use rolarr_policy::contract::{Action, Grant, Message, Moment, Timestamp, Wake};

use crate::complaint::Complaint;
use crate::filter;
use crate::given::{Fields, one_or_more, show};
use crate::limits::Meter;
use crate::moment::{Now, Time};
use crate::vocabulary::Vocabulary;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// One action.
#[derive(Clone)]
pub(crate) struct ActionValue(pub(crate) Action);

/// Actions with a reason.
#[derive(Clone)]
pub(crate) struct DecisionValue {
    pub(crate) actions: Vec<Action>,
    pub(crate) reason: Option<String>,
}

/// Names of the types, as messages show them.
pub(crate) const ACTION: &str = "action";
pub(crate) const DECISION: &str = "decision";

/// The actions in what a script gave: one, a list of them, or nothing.
pub(crate) fn collect(value: Dynamic, function: &str) -> Fallible<Vec<Action>> {
    let mut actions = Vec::new();
    gather(value, function, &mut actions)?;
    Ok(actions)
}

fn gather(value: Dynamic, place: &str, into: &mut Vec<Action>) -> Fallible<()> {
    if value.is_unit() {
        return Ok(());
    }
    let value = match value.try_cast_result::<ActionValue>() {
        Ok(ActionValue(action)) => {
            into.push(action);
            return Ok(());
        }
        Err(value) => value,
    };
    let value = match value.try_cast_result::<DecisionValue>() {
        Ok(decision) => {
            into.extend(decision.actions);
            return Ok(());
        }
        Err(value) => value,
    };
    match value.try_cast_result::<Array>() {
        Ok(list) => list.into_iter().try_for_each(|value| gather(value, place, into)),
        Err(value) => Err(Complaint::new(no_action(&value, place)).into()),
    }
}

/// What is wrong with a value that is no action.
pub(crate) fn no_action(value: &Dynamic, place: &str) -> String {
    let shown = show(value);
    let hint = match value.clone().into_string() {
        Ok(text) if is_name_of_an_action(&text) => {
            format!("; write `{}()` without quotes", text.replace('-', "_"))
        }
        _ if value.type_name().contains("FilterValue") => "; write `restrict_to(…)` around it".to_owned(),
        _ => "; an action is for example `invite()`, and several are `[invite(), tell(\"…\")]`".to_owned(),
    };
    format!("`{place}` got {shown}, which is no action{hint}")
}

fn is_name_of_an_action(text: &str) -> bool {
    ["invite", "unrestrict", "remove", "quiet", "restrict-to", "set-libraries", "tell"]
        .contains(&text.replace('_', "-").as_str())
}

fn grant(map: Map) -> Fallible<Grant> {
    let mut fields = Fields::new(map, "invite", &["libraries", "downloads", "live_tv"])?;
    Ok(Grant {
        libraries: fields.texts("libraries")?.map(|names| libraries(names, "invite")).transpose()?,
        downloads: fields.truth("downloads")?,
        live_tv: fields.truth("live_tv")?,
    })
}

fn action(action: Action) -> ActionValue {
    ActionValue(action)
}

/// How long a reason and a memo may be, in bytes.
const LONGEST_TEXT: usize = 4 << 10;

/// How long a message may be, in characters.
const LONGEST_MESSAGE: usize = 1_800;

/// How many names one list may have.
const LONGEST_LIST: usize = 256;

fn no_longer(text: String, function: &str) -> Fallible<String> {
    if text.len() > LONGEST_TEXT {
        let what = format!("`{function}` takes {LONGEST_TEXT} bytes of text at most, and got {}", text.len());
        return Err(Complaint::new(what).into());
    }
    Ok(text)
}

fn message(text: &str, moment: Moment, function: &str) -> Fallible<ActionValue> {
    if text.trim().is_empty() {
        return Err(Complaint::new(format!("`{function}` got an empty text")).into());
    }
    let length = text.chars().count();
    if length > LONGEST_MESSAGE {
        let what = format!("`{function}` takes {LONGEST_MESSAGE} characters at most, and got {length}");
        return Err(Complaint::new(what).into());
    }
    Ok(action(Action::Tell(Message { text: text.to_owned(), moment })))
}

fn libraries(names: Vec<String>, function: &str) -> Fallible<Vec<String>> {
    if names.is_empty() {
        let what = format!("`{function}` got an empty list of libraries: to share nothing, use `remove()`");
        return Err(Complaint::new(what).into());
    }
    if names.len() > LONGEST_LIST {
        let what = format!("`{function}` takes {LONGEST_LIST} libraries at most, and got {}", names.len());
        return Err(Complaint::new(what).into());
    }
    Ok(names)
}

fn memo(text: String) -> Fallible<ActionValue> {
    Ok(action(Action::SetMemo(no_longer(text, "set_memo")?)))
}

fn reason(text: Dynamic) -> Fallible<Option<String>> {
    if text.is_string() || text.is_int() {
        return no_longer(text.to_string(), "because").map(Some);
    }
    if let Some(complaint) = text.read_lock::<Complaint>() {
        return Ok(Some(complaint.text().to_owned()));
    }
    Err(Complaint::new(format!("a reason is a text, and here it is {}", show(&text))).into())
}

/// Teaches the engine all actions, and the rules for them.
pub(crate) fn register(engine: &mut Engine, vocabulary: &mut Vocabulary, now: &Now, meter: &Meter) {
    engine.register_type_with_name::<ActionValue>(ACTION).register_type_with_name::<DecisionValue>(DECISION);
    actions(engine, vocabulary, now.clone());
    filter::register(engine, vocabulary, meter);
    decisions(engine, vocabulary);
}

fn actions(engine: &mut Engine, vocabulary: &mut Vocabulary, now: Now) {
    for (name, usage) in [
        (
            "invite",
            "invite(), invite([\"library\", …]) or invite(#{ libraries: […], downloads: true, live_tv: false })",
        ),
        ("unrestrict", "unrestrict()"),
        ("remove", "remove()"),
        ("set_libraries", "set_libraries([\"library\", …])"),
        ("tell", "tell(\"text\")"),
        ("tell_once_done", "tell_once_done(\"text\")"),
        ("quiet", "quiet()"),
        ("wake_at", "wake_at(\"tag\", event.at + days(7))"),
        ("cancel_wake", "cancel_wake(\"tag\")"),
        ("set_memo", "set_memo(\"text\")"),
    ] {
        vocabulary.function(name, usage);
    }
    engine
        .register_fn("invite", || action(Action::Invite(Grant::default())))
        .register_fn("invite", |map: Map| Ok::<_, Box<EvalAltResult>>(action(Action::Invite(grant(map)?))))
        .register_fn("invite", |names: Array| {
            let libraries = Some(libraries(one_or_more(Dynamic::from(names), "invite")?, "invite")?);
            Ok::<_, Box<EvalAltResult>>(action(Action::Invite(Grant { libraries, ..Grant::default() })))
        })
        .register_fn("unrestrict", || action(Action::Unrestrict))
        .register_fn("remove", || action(Action::Remove))
        .register_fn("set_libraries", |names: Dynamic| {
            let names = libraries(one_or_more(names, "set_libraries")?, "set_libraries")?;
            Ok::<_, Box<EvalAltResult>>(action(Action::SetLibraries(names)))
        })
        .register_fn("tell", |text: &str| message(text, Moment::Now, "tell"))
        .register_fn("tell_once_done", |text: &str| message(text, Moment::OnceDone, "tell_once_done"))
        .register_fn("quiet", || action(Action::Quiet))
        .register_fn("wake_at", move |tag: &str, due: Time| -> Fallible<ActionValue> {
            match now.refuses(due) {
                Some(what) => Err(Complaint::new(what).into()),
                None => {
                    Ok(action(Action::WakeAt(Wake { tag: tag.to_owned(), due: Timestamp(due.millis()) })))
                }
            }
        })
        .register_fn("cancel_wake", |tag: &str| action(Action::CancelWake(tag.to_owned())))
        .register_fn("set_memo", |text: &str| memo(text.to_owned()))
        .register_fn("set_memo", |number: INT| memo(number.to_string()));
}

fn decisions(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    vocabulary.function("nothing", "nothing() or nothing(\"reason\")");
    vocabulary.function("because", "actions.because(\"reason\")");
    engine
        .register_fn("nothing", || DecisionValue { actions: Vec::new(), reason: None })
        .register_fn("nothing", |text: Dynamic| -> Fallible<DecisionValue> {
            Ok(DecisionValue { actions: Vec::new(), reason: reason(text)? })
        })
        .register_fn(
            "because",
            |ActionValue(action): &mut ActionValue, text: Dynamic| -> Fallible<DecisionValue> {
                Ok(DecisionValue { actions: vec![action.clone()], reason: reason(text)? })
            },
        )
        .register_fn("because", |decision: &mut DecisionValue, text: Dynamic| -> Fallible<DecisionValue> {
            Ok(DecisionValue { actions: decision.actions.clone(), reason: reason(text)? })
        })
        .register_fn("because", |list: &mut Array, text: Dynamic| -> Fallible<DecisionValue> {
            let actions = collect(Dynamic::from(list.clone()), "because")?;
            Ok(DecisionValue { actions, reason: reason(text)? })
        });
    engine.register_fn("to_string", |ActionValue(action): &mut ActionValue| shown(action));
    engine.register_fn("to_debug", |ActionValue(action): &mut ActionValue| shown(action));
}

/// An action in the log.
fn shown(action: &Action) -> ImmutableString {
    serde_json::to_string(action).unwrap_or_default().into()
}
