//! Events to measure with where nothing was recorded: one of each cause, in each state of access.

use rolarr_policy::{
    apply,
    contract::{
        Access, Account, AccountChange, Action, Cause, Event, Grant, Member, Restriction, Review, Role, Rule,
        Service, Timestamp,
    },
};

/// 2026-09-21, a Monday.
const AT: u64 = 1_790_000_000_000;

/// A day in milliseconds.
const DAY: u64 = 86_400_000;

/// The events.
pub(super) fn events() -> Vec<Event> {
    let role = || Role { id: "900000100".into(), key: "plus".to_owned(), name: "Plex Plus".to_owned() };
    let causes = [
        Cause::RoleAdded(role()),
        Cause::RoleRemoved(role()),
        Cause::MemberLeft,
        Cause::Wake("grace".to_owned()),
        Cause::Account(AccountChange::Accepted),
        Cause::Review(Review::PolicyChanged),
    ];
    let granted = Access::Granted(Grant::default());
    let restrict = Action::RestrictTo(Restriction::movies_and_television(Rule::label("noAccess")));
    let accesses = [Access::Absent, granted.clone(), apply(&granted, &restrict)];
    let mut events = Vec::new();
    for cause in causes {
        for access in &accesses {
            let held = matches!(cause, Cause::RoleAdded(_) | Cause::Review(_));
            let identified = !access.is_absent();
            let mut event = Event::new(cause.clone());
            event.id = format!("{:012}", events.len() + 1);
            event.at = Timestamp(AT);
            event.guild = "900000010".into();
            event.member = Member {
                id: "900000021".into(),
                username: "ada".to_owned(),
                roles: if held { vec![role()] } else { Vec::new() },
                joined_at: Some(Timestamp(AT - 100 * DAY)),
                ..Member::default()
            };
            event.service = Service {
                key: "plex".to_owned(),
                kind: "plex".to_owned(),
                libraries: ["Movies", "Shows", "Music"].map(str::to_owned).to_vec(),
            };
            event.account = Account {
                access: access.clone(),
                identified,
                since: identified.then_some(Timestamp(AT - 10 * DAY)),
                ..Account::default()
            };
            events.push(event);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_there_in_every_state_of_access() {
        let events = events();
        assert_eq!(events.len(), 18);
        for found in [Access::is_absent, Access::is_granted, Access::is_restricted] {
            assert_eq!(events.iter().filter(|event| found(&event.account.access)).count(), 6);
        }
    }
}
