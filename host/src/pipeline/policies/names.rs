//! What a policy names is held against what there is: the keys of roles and Discord servers against the configuration,
//! libraries against the Plex server, and labels against the items that carry them.
//!
//! A name that doesn't exist is no error of the policy's: it says what it means, and nobody has it. So it is told, to
//! the log and to administrators, and decisions go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{
    domain::{
        AuditKind, Timestamp, closest,
        contract::{Access, Action, Cause, Event, Grant, Member, Role, Service},
        filter, printable,
    },
    pipeline::{context::Context, policies::reload::named, runtime::worker::Worker, settings::Settings},
    plex::PlexError,
    policy::{Mark, Policy},
    store::StoreError,
};

/// The fact that what administrators were told last is kept under.
const TOLD: &str = "told-of-names";

/// So many of the last recorded events a policy is asked about, to see what it names.
const RECORDED: u32 = 50;

/// So many events it is asked about altogether.
const ASKED: usize = 200;

/// So much work it may have with that.
const MOST_FUEL: u64 = 500_000_000;

/// The number of complaints about one policy that are told at once.
const MOST: usize = 12;

/// The number of complaints that are remembered, so that they are not told again.
const KEPT: usize = 200;

/// The number of names that a complaint gives to choose from.
const NAMED: usize = 40;

/// Looks at what the policies name, whenever they, the libraries or the labels may have changed.
pub(in crate::pipeline) struct NameCheck;

impl Worker for NameCheck {
    const NAME: &'static str = "names";

    fn signal(core: &Context) -> &Notify {
        &core.signals.names
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let settings = core.settings();
        let recorded = core.store.read(|tx| tx.last_inputs(RECORDED)).await?;
        let policies = std::iter::once(("The policy", core.policy()))
            .chain(core.policies.candidate().map(|candidate| ("The candidate", candidate)));
        let mut complaints = Complaints { all: Vec::new(), is_whole: true };
        for (what, policy) in policies {
            let (asked, recorded, about) = (policy.clone(), recorded.clone(), Arc::clone(&settings));
            let answered = core.seam.compute(move || Answered::by(&asked, &about, &recorded)).await;
            let answered = answered.unwrap_or_default();
            let mut found = missing(&policy, &settings, &answered);
            match carried(core, &settings, &policy, &answered).await {
                Some(more) => found.extend(more),
                None => complaints.is_whole = false,
            }
            if found.len() > MOST {
                let more = found.len() - MOST;
                found.truncate(MOST);
                found.push(Complaint { text: format!("And {more} more."), of_an_answer: true });
            }
            let name = named(&policy);
            complaints.all.extend(
                found
                    .into_iter()
                    .map(|found| Complaint { text: format!("{what} {name}: {}", found.text), ..found }),
            );
        }
        core.tell_of_names(complaints).await?;
        Ok(None)
    }
}

/// What is wrong with a name, for people.
struct Complaint {
    text: String,
    /// It was found in an answer. Which answers are looked at changes with what was recorded last.
    of_an_answer: bool,
}

/// What is wrong with names by now.
struct Complaints {
    all: Vec<Complaint>,
    /// Everything was looked at.
    is_whole: bool,
}

/// What administrators were told, as it is kept.
#[derive(Default, Serialize, Deserialize)]
struct Told {
    /// The policies that it was about.
    policies: String,
    /// What they were told. What was found in an answer is kept as long as these policies are in use.
    texts: BTreeMap<String, bool>,
}

impl Context {
    /// Tells what is wrong with names, as far as it was not told before.
    async fn tell_of_names(&self, found: Complaints) -> Result<(), StoreError> {
        let now = self.seam.now();
        let candidate = self.policies.candidate().map(|candidate| named(&candidate));
        let policies = format!("{} {}", named(&self.policy()), candidate.unwrap_or_default());
        let new = self
            .store
            .write(move |tx| {
                // What an earlier version kept is not read: it is told once more.
                let before = tx.fact(TOLD)?.and_then(|text| serde_json::from_str::<Told>(&text).ok());
                let before = before.filter(|before| before.policies == policies).unwrap_or_default();
                let new: Vec<String> = found
                    .all
                    .iter()
                    .filter(|found| !before.texts.contains_key(&found.text))
                    .map(|found| found.text.clone())
                    .collect();
                let mut texts = before.texts;
                texts.retain(|_, of_an_answer| *of_an_answer || !found.is_whole);
                let room = KEPT.saturating_sub(texts.len());
                texts.extend(found.all.into_iter().take(room).map(|found| (found.text, found.of_an_answer)));
                match texts.is_empty() {
                    true => tx.drop_fact(TOLD)?,
                    false => {
                        let told = serde_json::to_string(&Told { policies, texts }).unwrap_or_default();
                        tx.put_fact(TOLD, &told)?;
                    }
                }
                if !new.is_empty() {
                    tx.audit(now, None, None, AuditKind::Alarm, &new.join("\n"))?;
                }
                Ok(new)
            })
            .await?;
        for text in &new {
            tracing::warn!("{text}");
        }
        Ok(())
    }
}

/// What a policy names in its answers.
#[derive(Debug, Default)]
struct Answered {
    libraries: BTreeSet<String>,
    /// The labels that something must carry to be seen.
    labels: BTreeSet<String>,
    /// Why rules can't be put into a filter.
    broken: BTreeSet<String>,
}

impl Answered {
    /// Asks a policy about recorded events, and about each tracked role as if somebody got it or lost it. Whatever it
    /// decides has no effect. It is asked no more once it fails: that shows at the first real event as well.
    fn by(policy: &Policy, settings: &Settings, recorded: &[String]) -> Self {
        let (mut answered, mut fuel) = (Self::default(), 0_u64);
        let recorded = recorded.iter().filter_map(|input| serde_json::from_str::<Event>(input).ok());
        for event in roles(settings).into_iter().chain(recorded).take(ASKED) {
            let Ok(evaluation) = policy.evaluate(&event) else { break };
            fuel = fuel.saturating_add(evaluation.fuel);
            if fuel > MOST_FUEL {
                break;
            }
            for action in &evaluation.decision.actions {
                answered.take(action);
            }
        }
        answered
    }

    fn take(&mut self, action: &Action) {
        match action {
            Action::SetLibraries(names) | Action::Invite(Grant { libraries: Some(names), .. }) => {
                self.libraries.extend(names.iter().cloned());
            }
            Action::RestrictTo(restriction) => {
                for rule in filter::rules(restriction) {
                    self.labels.extend(rule.labels.iter().cloned());
                    if let Err(error) = filter::only(rule) {
                        self.broken.insert(error.to_string());
                    }
                }
            }
            _ => {}
        }
    }
}

/// For each tracked role: somebody gets it who has no access, somebody gets it who has, and somebody loses it.
fn roles(settings: &Settings) -> Vec<Event> {
    let mut events = Vec::new();
    for guild in &settings.guilds {
        for role in &guild.roles {
            let role = Role { id: role.id.into(), key: role.key.clone(), name: role.key.clone() };
            let granted = || Access::Granted(Grant::default());
            for (cause, access, holds) in [
                (Cause::RoleAdded(role.clone()), Access::Absent, true),
                (Cause::RoleAdded(role.clone()), granted(), true),
                (Cause::RoleRemoved(role.clone()), granted(), false),
            ] {
                let mut event = Event::new(cause);
                event.id = "0000000000".to_owned();
                event.guild = guild.id.into();
                event.member = Member {
                    id: "0".into(),
                    username: "nobody".to_owned(),
                    roles: if holds { vec![role.clone()] } else { Vec::new() },
                    ..Member::default()
                };
                event.service = Service {
                    key: "plex".to_owned(),
                    kind: "plex".to_owned(),
                    libraries: settings.shared_names(),
                };
                event.account.identified = access != Access::Absent;
                event.account.access = access;
                events.push(event);
            }
        }
    }
    events
}

/// What a policy names that does not exist, and what it says that no filter can carry.
fn missing(policy: &Policy, settings: &Settings, answered: &Answered) -> Vec<Complaint> {
    let roles: Vec<&str> =
        settings.guilds.iter().flat_map(|guild| &guild.roles).map(|role| role.key.as_str()).collect();
    let guilds: Vec<&str> = settings.guilds.iter().map(|guild| guild.key.as_str()).collect();
    let libraries: Vec<&str> = settings.libraries.iter().map(|library| library.title.as_str()).collect();
    let is_library = |name: &str| libraries.iter().any(|title| title.to_lowercase() == name.to_lowercase());
    let mut found = Vec::new();
    let mut said = BTreeSet::new();
    for marked in policy.marked() {
        let text = marked.text.as_str();
        let (what, all) = match marked.mark {
            Mark::RoleKey if !roles.contains(&text) => ("no tracked role has the key", &roles),
            Mark::GuildKey if !guilds.contains(&text) => ("no Discord server has the key", &guilds),
            Mark::Library if !is_library(text) => {
                said.insert(text.to_lowercase());
                ("the Plex server has no library", &libraries)
            }
            _ => continue,
        };
        let setting = &marked.setting;
        let place = if setting.is_empty() { String::new() } else { format!("in the setting `{setting}`, ") };
        found.push(Complaint { text: complaint(&place, what, text, all), of_an_answer: false });
    }
    for name in answered.libraries.iter().filter(|name| !is_library(name)) {
        if said.insert(name.to_lowercase()) {
            let text = complaint("in an answer, ", "the Plex server has no library", name, &libraries);
            found.push(Complaint { text, of_an_answer: true });
        }
    }
    for error in &answered.broken {
        let text = sentence(&format!("a restriction that it asks for can't be set: {error}."));
        found.push(Complaint { text, of_an_answer: true });
    }
    found
}

fn complaint(place: &str, what: &str, name: &str, all: &[&str]) -> String {
    let meant = match closest(name, all.iter().copied()) {
        Some(meant) => format!(" Did you mean {}?", quoted(meant)),
        None => String::new(),
    };
    let mut there: Vec<String> = all.iter().take(NAMED).map(|name| quoted(name)).collect();
    if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
        there.push(format!("and {more} more"));
    }
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    format!("{} {}.{meant} There is: {there}.", sentence(&format!("{place}{what}")), quoted(name))
}

fn quoted(name: &str) -> String {
    let name: String = name.chars().take(100).collect();
    format!("`{}`", printable(&name).replace('`', "'"))
}

fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The labels by which a policy hides, and that items carry: whoever is restricted sees those items. None if that can't
/// be looked up now.
async fn carried(
    core: &Context,
    settings: &Settings,
    policy: &Policy,
    answered: &Answered,
) -> Option<Vec<Complaint>> {
    if !settings.streams {
        return Some(Vec::new());
    }
    if core.token_is_refused() {
        return None;
    }
    let hides = policy.marked().iter().filter(|marked| marked.mark == Mark::Label).map(|marked| &marked.text);
    let mut labels: BTreeSet<String> = hides.chain(&answered.labels).cloned().collect();
    // What only differs in case is the same label at Plex.
    let mut seen = BTreeSet::new();
    labels.retain(|label| seen.insert(label.to_lowercase()));
    if labels.is_empty() {
        return Some(Vec::new());
    }
    let (mut found, mut is_whole) = (Vec::new(), true);
    for library in settings.shared() {
        match core.plex.labels(library.key).await {
            Ok(there) => {
                let there: BTreeSet<String> = there.iter().map(|label| label.to_lowercase()).collect();
                for label in labels.iter().filter(|label| there.contains(&label.to_lowercase())) {
                    let text = format!(
                        "Items in the library {} carry the label {}. A member who is restricted to that label sees \
                         them. If the label is meant to hide everything, choose another one, or take it off the items.",
                        quoted(&library.title),
                        quoted(label)
                    );
                    let of_an_answer = answered.labels.contains(label);
                    found.push(Complaint { text, of_an_answer });
                }
            }
            Err(error) => {
                if matches!(error, PlexError::Unauthorized) {
                    core.token_refused();
                }
                is_whole = false;
                tracing::warn!(
                    library = library.title,
                    %error,
                    "it can't be checked that no item carries a label by which a policy hides"
                );
            }
        }
    }
    is_whole.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_what_was_meant_and_what_there_is() {
        assert_eq!(
            complaint(
                "in the setting `tiers.plus`, ",
                "the Plex server has no library",
                "Moviez",
                &["Movies", "TV"]
            ),
            "In the setting `tiers.plus`, the Plex server has no library `Moviez`. Did you mean `Movies`? There is: \
             `Movies`, `TV`."
        );
        assert_eq!(
            complaint("", "no tracked role has the key", "a`b\u{1b}", &[]),
            "No tracked role has the key `a'b\\u{1b}`. There is: none."
        );
    }
}
