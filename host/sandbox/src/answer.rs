//! What a decision must hold beyond its types.

use std::borrow::Cow;

use rolarr_policy::contract::{Action, Decision, Event, Filter, Grant, Metadata, Restriction, Rule, Wake};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use rolarr_domain::{UntrustedText, printable_lines};

/// Why an answer means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// More actions than allowed.
    #[error("it has {count} actions, the limit `actions` is {limit}")]
    TooManyActions {
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// More actions of a kind than make sense in one answer.
    #[error("it has {count} actions `{kind}`, and may have {limit}")]
    TooManyOfAKind {
        /// Which.
        kind: Cow<'static, str>,
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// A text that is too long.
    #[error("{place} has {size} {unit}, the limit is {limit}")]
    TooLong {
        /// Where it stands.
        place: String,
        /// How long it is.
        size: usize,
        /// Bytes or characters or names.
        unit: Cow<'static, str>,
        /// How long it may be.
        limit: usize,
    },
    /// A list or a text that must not be empty.
    #[error("{place} is empty{}", .hint)]
    Empty {
        /// Where it stands.
        place: String,
        /// What to do instead.
        hint: Cow<'static, str>,
    },
    /// A character that must not be there.
    #[error("{place} has a control character: `{text}`")]
    ControlCharacter {
        /// Where it stands.
        place: String,
        /// How the text begins.
        text: UntrustedText,
    },
    /// An action that is not known here.
    #[error("{place} is `{name}`, which this Rolarr does not know")]
    UnknownAction {
        /// Where it stands.
        place: String,
        /// Its name.
        name: UntrustedText,
    },
    /// A wake at a time that can't be.
    #[error("{place} is due {what}")]
    Due {
        /// Where it stands.
        place: String,
        /// What is wrong with the time.
        what: Cow<'static, str>,
    },
    /// More wakes than a member may have.
    #[error("the member would have {count} wakes, and may have {MOST_WAKES}")]
    TooManyWakes {
        /// How many there would be.
        count: usize,
    },
}

/// How many messages one answer may have.
const MOST_MESSAGES: usize = 8;

/// How many times one answer may set the memo. The last one counts.
const MOST_MEMOS: usize = 8;

/// How many wakes a member may have.
const MOST_WAKES: usize = 16;

/// How far ahead a wake may be: 366 days in milliseconds.
const YEAR: u64 = 366 * 24 * 60 * 60 * 1_000;

/// How many characters a message may have. Discord allows 2,000; the host may add a line.
const LONGEST_MESSAGE: usize = 1_800;

/// How many names one list may have.
const LONGEST_LIST: usize = 256;

/// How many characters of a policy's own words stand in a message about its answer.
const MOST_SHOWN: usize = 100;

/// Checks a decision on an event.
pub(super) fn check(decision: &Decision, event: &Event, limits: &Limits) -> Result<(), Malformed> {
    if decision.actions.len() > limits.actions {
        return Err(Malformed::TooManyActions { count: decision.actions.len(), limit: limits.actions });
    }
    of_a_kind(&decision.actions, "tell", MOST_MESSAGES, |action| matches!(action, Action::Tell(_)))?;
    of_a_kind(&decision.actions, "set-memo", MOST_MEMOS, |action| matches!(action, Action::SetMemo(_)))?;
    let check = Check { limit: limits.text_bytes };
    check.length("the reason", &decision.reason)?;
    for (index, action) in decision.actions.iter().enumerate() {
        check.action(&format!("action {}", index + 1), action, event)?;
    }
    wakes(decision, event)
}

/// Messages and memos are kept: so many of them in each answer would fill the journal and somebody's inbox.
fn of_a_kind(
    actions: &[Action],
    kind: &'static str,
    limit: usize,
    is_of_it: fn(&Action) -> bool,
) -> Result<(), Malformed> {
    let count = actions.iter().filter(|action| is_of_it(action)).count();
    if count > limit {
        return Err(Malformed::TooManyOfAKind { kind: kind.into(), count, limit });
    }
    Ok(())
}

/// What a policy says of itself, checked. Its name and version are in messages, tables and the journal: what can't be
/// seen in them is written out.
pub(super) fn metadata(mut metadata: Metadata) -> Result<Metadata, Malformed> {
    let check = Check { limit: 256 };
    check.name("its name", &metadata.name)?;
    check.text("its version", &metadata.version)?;
    Check { limit: 4 << 10 }.length("its description", &metadata.description)?;
    Check { limit: 256 << 10 }
        .length("its settings schema", metadata.settings_schema.as_deref().unwrap_or_default())?;
    check.names("`wants`", &metadata.wants)?;
    let shown = |text: &str| UntrustedText::short(text, check.limit).to_string();
    metadata.name = shown(&metadata.name);
    metadata.version = shown(&metadata.version);
    metadata.description = printable_lines(&metadata.description);
    Ok(metadata)
}

struct Check {
    limit: usize,
}

impl Check {
    fn action(&self, place: &str, action: &Action, event: &Event) -> Result<(), Malformed> {
        match action {
            Action::Invite(Grant { libraries, .. }) => match libraries {
                None => Ok(()),
                Some(libraries) => self.libraries(&format!("{place} (`invite`)"), libraries),
            },
            Action::RestrictTo(restriction) => {
                self.restriction(&format!("{place} (`restrict-to`)"), restriction)
            }
            Action::Unrestrict | Action::Remove | Action::Quiet => Ok(()),
            Action::SetLibraries(libraries) => {
                self.libraries(&format!("{place} (`set-libraries`)"), libraries)
            }
            Action::Tell(message) => self.message(&format!("{place} (`tell`)"), &message.text),
            Action::WakeAt(wake) => self.wake(&format!("{place} (`wake-at`)"), wake, event),
            Action::CancelWake(tag) => self.name(&format!("the tag of {place} (`cancel-wake`)"), tag),
            Action::SetMemo(memo) => self.length(&format!("{place} (`set-memo`)"), memo),
            Action::Other(other) => Err(Malformed::UnknownAction {
                place: place.to_owned(),
                name: UntrustedText::short(&other.name, MOST_SHOWN),
            }),
        }
    }

    fn libraries(&self, place: &str, libraries: &[String]) -> Result<(), Malformed> {
        if libraries.is_empty() {
            return Err(Malformed::Empty {
                place: format!("the list of libraries of {place}"),
                hint: ": to share nothing, use `remove`".into(),
            });
        }
        self.names(&format!("the list of libraries of {place}"), libraries)
    }

    fn restriction(&self, place: &str, restriction: &Restriction) -> Result<(), Malformed> {
        let Restriction { movies, television, music, photos, .. } = restriction;
        for (media, filter) in
            [("movies", movies), ("television", television), ("music", music), ("photos", photos)]
        {
            if let Filter::Only(rule) = filter {
                self.rule(&format!("the rule for {media} of {place}"), rule)?;
            }
        }
        Ok(())
    }

    fn rule(&self, place: &str, rule: &Rule) -> Result<(), Malformed> {
        let Rule { labels, not_labels, ratings, not_ratings } = rule;
        let lists = [labels, not_labels, ratings, not_ratings];
        if lists.iter().all(|list| list.is_empty()) {
            return Err(Malformed::Empty {
                place: place.to_owned(),
                hint: ": to show everything, use `clear`".into(),
            });
        }
        lists.iter().try_for_each(|list| self.names(place, list))
    }

    fn message(&self, place: &str, text: &str) -> Result<(), Malformed> {
        if text.trim().is_empty() {
            return Err(Malformed::Empty { place: format!("the text of {place}"), hint: "".into() });
        }
        let size = text.chars().count();
        if size > LONGEST_MESSAGE {
            return Err(Malformed::TooLong {
                place: format!("the text of {place}"),
                size,
                unit: "characters".into(),
                limit: LONGEST_MESSAGE,
            });
        }
        no_controls(&format!("the text of {place}"), text, |c| c == '\n' || c == '\t')
    }

    fn wake(&self, place: &str, wake: &Wake, event: &Event) -> Result<(), Malformed> {
        self.name(&format!("the tag of {place}"), &wake.tag)?;
        let due = |what: &'static str| Err(Malformed::Due { place: place.to_owned(), what: what.into() });
        if wake.due <= event.at {
            // It would be due at once, and again, without end.
            return due("before the event or with it");
        }
        if wake.due > event.at.plus_millis(YEAR) {
            return due("more than a year after the event");
        }
        Ok(())
    }

    fn names(&self, place: &str, names: &[String]) -> Result<(), Malformed> {
        if names.len() > LONGEST_LIST {
            return Err(Malformed::TooLong {
                place: place.to_owned(),
                size: names.len(),
                unit: "names".into(),
                limit: LONGEST_LIST,
            });
        }
        names.iter().try_for_each(|name| self.name(&format!("a name in {place}"), name))
    }

    /// Something on one line that is not empty.
    fn name(&self, place: &str, name: &str) -> Result<(), Malformed> {
        if name.trim().is_empty() {
            return Err(Malformed::Empty { place: place.to_owned(), hint: "".into() });
        }
        self.text(place, name)
    }

    /// Something on one line.
    fn text(&self, place: &str, text: &str) -> Result<(), Malformed> {
        self.length(place, text)?;
        no_controls(place, text, |_| false)
    }

    fn length(&self, place: &str, text: &str) -> Result<(), Malformed> {
        if text.len() > self.limit {
            return Err(Malformed::TooLong {
                place: place.to_owned(),
                size: text.len(),
                unit: "bytes".into(),
                limit: self.limit,
            });
        }
        Ok(())
    }
}

fn no_controls(place: &str, text: &str, except: fn(char) -> bool) -> Result<(), Malformed> {
    if text.chars().any(|c| c.is_control() && !except(c)) {
        let text = UntrustedText::short(text, MOST_SHOWN);
        return Err(Malformed::ControlCharacter { place: place.to_owned(), text });
    }
    Ok(())
}

/// Counts the wakes that the member has after the decision.
fn wakes(decision: &Decision, event: &Event) -> Result<(), Malformed> {
    let mut tags: Vec<&str> = event.account.wakes.iter().map(|wake| wake.tag.as_str()).collect();
    let before = tags.len();
    for action in &decision.actions {
        match action {
            Action::WakeAt(wake) if !tags.contains(&wake.tag.as_str()) => tags.push(&wake.tag),
            Action::CancelWake(tag) => tags.retain(|other| other != tag),
            Action::Remove => tags.clear(),
            _ => {}
        }
    }
    // More than that from before is not this decision's doing.
    if tags.len() > MOST_WAKES && tags.len() > before {
        return Err(Malformed::TooManyWakes { count: tags.len() });
    }
    Ok(())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
