//! Which causes and which states of access no case covers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::contract::{Access, AccountChange, Cause, Event, Review};

/// The causes that a policy is asked about. What an administrator removed is not among them: the bot carries it
/// out without asking.
const CAUSES: [&str; 13] = [
    "role-added",
    "role-removed",
    "member-left",
    "wake",
    "account identified",
    "account ask-expired",
    "account accepted",
    "account declined",
    "account left-service",
    "review policy-changed",
    "review roles-changed",
    "review retry",
    "review asked",
];

const ACCESS: [&str; 3] = ["absent", "granted", "restricted"];

/// How many events there were of each cause in each state of access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage(BTreeMap<(usize, usize), u64>);

impl Coverage {
    pub(super) fn add(&mut self, event: &Event) {
        let cause = match &event.cause {
            Cause::RoleAdded(_) => 0,
            Cause::RoleRemoved(_) => 1,
            Cause::MemberLeft => 2,
            Cause::Wake(_) => 3,
            Cause::Account(AccountChange::Identified) => 4,
            Cause::Account(AccountChange::AskExpired) => 5,
            Cause::Account(AccountChange::Accepted) => 6,
            Cause::Account(AccountChange::Declined) => 7,
            Cause::Account(AccountChange::LeftService) => 8,
            Cause::Review(Review::PolicyChanged) => 9,
            Cause::Review(Review::RolesChanged) => 10,
            Cause::Review(Review::Retry) => 11,
            Cause::Review(Review::Asked) => 12,
            Cause::Account(AccountChange::RemovedByAdmin) | Cause::Other(_) => return,
        };
        let access = match event.account.access {
            Access::Absent => 0,
            Access::Granted(_) => 1,
            Access::Restricted(_) => 2,
        };
        *self.0.entry((cause, access)).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (place, count) in &other.0 {
            *self.0.entry(*place).or_default() += count;
        }
    }

    /// Whether there was no event at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn count(&self, cause: usize, access: usize) -> u64 {
        self.0.get(&(cause, access)).copied().unwrap_or(0)
    }

    /// The causes that no event has.
    pub(super) fn missing_causes(&self) -> Vec<&'static str> {
        let has = |cause: usize| (0..ACCESS.len()).any(|access| self.count(cause, access) > 0);
        CAUSES.iter().enumerate().filter(|(cause, _)| !has(*cause)).map(|(_, name)| *name).collect()
    }

    /// The states of access that no event has.
    pub(super) fn missing_access(&self) -> Vec<&'static str> {
        let has = |access: usize| (0..CAUSES.len()).any(|cause| self.count(cause, access) > 0);
        ACCESS.iter().enumerate().filter(|(access, _)| !has(*access)).map(|(_, name)| *name).collect()
    }

    /// One line: what no case covers.
    pub(super) fn line(&self) -> String {
        let (causes, access) = (self.missing_causes(), self.missing_access());
        let counts = format!(
            "{} of {} causes, {} of {} states of access",
            CAUSES.len() - causes.len(),
            CAUSES.len(),
            ACCESS.len() - access.len(),
            ACCESS.len()
        );
        let missing: Vec<&str> = causes.into_iter().chain(access).collect();
        match missing.is_empty() {
            true => format!("covered: {counts}"),
            false => format!("covered: {counts}; no case has: {}", missing.join(", ")),
        }
    }

    /// A table of how many events there were.
    pub(super) fn table(&self) -> Vec<String> {
        let row = |name: &str, cells: [String; 3]| {
            let [absent, granted, restricted] = cells;
            format!("{name:<22} {absent:>10} {granted:>10} {restricted:>10}")
        };
        let mut lines = vec![row("events", ACCESS.map(str::to_owned))];
        for (cause, name) in CAUSES.iter().enumerate() {
            let cell = |access| match self.count(cause, access) {
                0 => "-".to_owned(),
                count => count.to_string(),
            };
            lines.push(row(name, [cell(0), cell(1), cell(2)]));
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        let events: serde_json::Map<String, Value> = CAUSES
            .iter()
            .enumerate()
            .map(|(cause, name)| {
                let counts: serde_json::Map<String, Value> = ACCESS
                    .iter()
                    .enumerate()
                    .map(|(access, name)| ((*name).to_owned(), self.count(cause, access).into()))
                    .collect();
                ((*name).to_owned(), Value::Object(counts))
            })
            .collect();
        json!({
            "events": events,
            "missing-causes": self.missing_causes(),
            "missing-access": self.missing_access(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contract::Grant;

    #[test]
    fn what_no_event_has_is_named() {
        let mut coverage = Coverage::default();
        coverage.add(&Event::new(Cause::MemberLeft));
        let mut other = Coverage::default();
        let mut event = Event::new(Cause::Review(Review::Asked));
        event.account.access = Access::Granted(Grant::default());
        other.add(&event);
        other.add(&Event::new(Cause::Account(AccountChange::RemovedByAdmin)));
        coverage.merge(&other);
        insta::assert_snapshot!(format!("{}\n\n{}", coverage.line(), coverage.table().join("\n")));
        assert_eq!(coverage.json()["events"]["review asked"]["granted"], 1);
    }
}
