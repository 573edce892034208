//! Everything that is known of an event, as a script reads it.

use rolarr_policy::contract::{
    Access, AccountChange, Action, Extension, Grant, GuildRoles, Origin, Progress, Restricted, Restriction,
    Review, Rule, Timestamp, Wake,
};

use super::*;

/// Whether it is true of the event.
#[track_caller]
fn is(event: &Event, question: &str) {
    let decision = decide_on(event, &format!("if {question} {{ quiet() }}"));
    assert_eq!(decision.actions, [Action::Quiet], "{question}");
}

fn full() -> Event {
    let mut event = event();
    event.id = "0000000042".into();
    event.guild = "900000900".into();
    event.member.id = "900000001".into();
    event.member.username = "ada".into();
    event.member.joined_at = Some(Timestamp(1));
    event.member.screening = true;
    event.member.roles = vec![role("gold"), role("plus")];
    event.member.elsewhere = vec![
        GuildRoles { guild: "2".into(), key: "films".into(), roles: vec![role("friend"), role("plus")] },
        GuildRoles { guild: "3".into(), key: "games".into(), roles: vec![] },
    ];
    event.service.key = "plex".into();
    event.service.kind = "plex".into();
    event.service.libraries = vec!["Movies".into(), "Shows".into()];
    event.account.access = Access::Granted(Grant {
        libraries: Some(vec!["Movies".into()]),
        downloads: Some(true),
        live_tv: None,
    });
    event.account.progress = Progress::Invited;
    event.account.identified = true;
    event.account.since = Some(Timestamp(86_400_000));
    event.account.wakes = vec![Wake { tag: "grace".into(), due: Timestamp(event.at.0 + 1_000) }];
    event.account.memo = "remember".into();
    event.facts = vec![("colour".into(), "red".into())];
    event
}

#[test]
fn everything_that_is_known_can_be_read() {
    for question in [
        "event.id == \"0000000042\" && event.guild == \"900000900\" && event.origin == \"live\"",
        "event.cause == \"role-added\" && event.role == \"plus\" && event.role_name == \"PLUS\"",
        "event.role_id == \"900000101\"",
        "event.member.id == \"900000001\" && event.member.username == \"ada\" && event.member.screening",
        "event.member.joined_at.millis == 1",
        "event.service.key == \"plex\" && event.service.kind == \"plex\"",
        "event.service.libraries == [\"Movies\", \"Shows\"]",
        "event.access == \"granted\" && event.libraries == [\"Movies\"] && event.downloads && event.live_tv == ()",
        "event.progress == \"invited\" && event.identified && event.since.date == \"1970-01-02\"",
        "event.wakes.len == 1 && event.wakes[0].tag == \"grace\" && event.wakes[0].due > event.at",
        "event.has_wake(\"grace\") && !event.has_wake(\"other\")",
        "event.wake_due(\"grace\") > event.at && event.wake_due(\"other\") == ()",
        "event.memo == \"remember\" && event.fact(\"colour\") == \"red\" && event.fact(\"size\") == ()",
        "event.roles == [\"gold\", \"plus\"]",
        "event.has(\"plus\") && !event.has(\"friend\") && event.has_any()",
        "event.has_any([\"plus\", \"x\"]) && !event.has_any([\"x\"]) && !event.has_any([])",
        "event.has_all([\"plus\", \"gold\"]) && !event.has_all([\"plus\", \"x\"])",
        "event.other_guilds == [\"films\", \"games\"]",
        "event.elsewhere(\"films\").has(\"friend\") && event.elsewhere(\"films\").roles.len == 2",
        "!event.elsewhere(\"games\").has_any() && !event.elsewhere(\"nowhere\").has(\"plus\")",
        "event.anywhere.has_all([\"gold\", \"friend\"]) && event.anywhere.roles.len == 3",
    ] {
        is(&full(), question);
    }
}

#[test]
fn every_cause_access_and_progress_has_its_word() {
    let mut event = full();
    let causes = [
        (Cause::RoleRemoved(role("plus")), "event.cause == \"role-removed\" && event.role == \"plus\""),
        (Cause::MemberLeft, "event.cause == \"member-left\""),
        (Cause::Wake("grace".into()), "event.cause == \"wake\" && event.tag == \"grace\""),
        (
            Cause::Account(AccountChange::RemovedByAdmin),
            "event.cause == \"account\" && event.change == \"removed-by-admin\"",
        ),
        (
            Cause::Review(Review::PolicyChanged),
            "event.cause == \"review\" && event.review == \"policy-changed\"",
        ),
        (Cause::Other(Extension::default()), "event.cause == \"other\""),
    ];
    for (cause, question) in causes {
        event.cause = cause;
        is(&event, question);
    }
    event.account.access = Access::Absent;
    event.account.progress = Progress::AskExpired;
    event.origin = Origin::Administrator;
    is(&event, "event.access == \"absent\" && event.libraries == () && event.progress == \"ask-expired\"");
    is(&event, "event.origin == \"administrator\"");
    let before = Grant { libraries: Some(vec!["Movies".into()]), ..Grant::default() };
    event.account.access = Access::Restricted(Restricted { before, ..Restricted::default() });
    is(&event, "event.access == \"restricted\" && event.libraries == [\"Movies\"]");
}

#[test]
fn an_event_knows_what_would_change_nothing() {
    let mut event = full();
    is(&event, "event.already(set_libraries([\"Movies\"])) && !event.already(set_libraries([\"Shows\"]))");
    is(&event, "event.already(invite()) && event.already(unrestrict()) && !event.already(remove())");
    is(&event, "!event.already([remove(), invite()]) && event.already([]) && event.already(tell(\"x\"))");
    let restriction =
        Restriction { end_streams: true, ..Restriction::movies_and_television(Rule::label("noAccess")) };
    event.account.access = Access::Restricted(Restricted { before: Grant::default(), restriction });
    is(&event, "event.already(restrict_to(no_access())) && !event.already(restrict_to(no_access(\"x\")))");
}
