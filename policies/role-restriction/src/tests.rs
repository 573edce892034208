use rolarr_policy::contract::{
    AccountChange, Extension, Filter, GuildRoles, Restricted, Review, Role, Rule, Snowflake,
};

use super::*;

fn role(key: &str) -> Role {
    Role { id: Snowflake::from("1"), key: key.into(), name: key.to_uppercase() }
}

fn policy(settings: &str) -> RoleRestriction {
    RoleRestriction::configure(Settings::new(settings), Vec::new()).unwrap()
}

fn refused(settings: &str) -> String {
    RoleRestriction::configure(Settings::new(settings), Vec::new()).err().unwrap()
}

fn default_restriction() -> Restriction {
    Restriction { end_streams: true, ..Restriction::movies_and_television(Rule::label("noAccess")) }
}

fn granted() -> Access {
    Access::Granted(Grant::default())
}

fn restricted() -> Access {
    Access::Restricted(Restricted { before: Grant::default(), restriction: default_restriction() })
}

/// What follows for a member with this access and these roles.
fn actions(cause: Cause, access: Access, roles: &[&str]) -> Vec<Action> {
    let mut event = Event::new(cause);
    event.account.access = access;
    event.member.roles = roles.iter().map(|key| role(key)).collect();
    policy("{}").evaluate(&event).unwrap().actions
}

fn restrict() -> Vec<Action> {
    vec![Action::RestrictTo(default_restriction())]
}

fn invite() -> Vec<Action> {
    vec![Action::Invite(Grant::default())]
}

#[test]
fn a_role_gives_access_or_gives_it_back() {
    let added = || Cause::RoleAdded(role("plus"));
    assert_eq!(actions(added(), Access::Absent, &["plus"]), invite());
    assert_eq!(actions(added(), restricted(), &["plus"]), [Action::Unrestrict]);
    assert_eq!(actions(added(), granted(), &["plus"]), []);
}

#[test]
fn only_the_last_role_restricts() {
    let removed = || Cause::RoleRemoved(role("plus"));
    assert_eq!(actions(removed(), granted(), &[]), restrict());
    assert_eq!(actions(removed(), granted(), &["gold"]), []);
    assert_eq!(actions(removed(), restricted(), &[]), []);
    assert_eq!(actions(removed(), Access::Absent, &[]), []);
}

#[test]
fn who_leaves_is_removed() {
    assert_eq!(actions(Cause::MemberLeft, granted(), &[]), [Action::Remove]);
    assert_eq!(actions(Cause::MemberLeft, restricted(), &[]), [Action::Remove]);
    assert_eq!(actions(Cause::MemberLeft, Access::Absent, &[]), []);
}

#[test]
fn who_leaves_is_restricted_if_the_operator_says_so() {
    let policy = policy(r#"{"on-leave": "keep"}"#);
    let mut event = Event::new(Cause::MemberLeft);
    event.account.access = granted();
    assert_eq!(policy.evaluate(&event).unwrap().actions, restrict());
    event.account.access = restricted();
    assert_eq!(policy.evaluate(&event).unwrap().actions, []);
}

#[test]
fn an_open_question_is_closed() {
    let mut event = Event::new(Cause::RoleRemoved(role("plus")));
    event.account.progress = Progress::Asking;
    assert_eq!(policy("{}").evaluate(&event).unwrap().actions, restrict());
    event.cause = Cause::MemberLeft;
    assert_eq!(policy("{}").evaluate(&event).unwrap().actions, [Action::Remove]);
}

#[test]
fn a_review_decides_from_the_roles_alone() {
    for review in [Review::PolicyChanged, Review::RolesChanged, Review::Retry, Review::Asked] {
        let review = || Cause::Review(review);
        assert_eq!(actions(review(), Access::Absent, &["plus"]), invite());
        assert_eq!(actions(review(), restricted(), &["plus"]), [Action::Unrestrict]);
        assert_eq!(actions(review(), granted(), &["plus"]), []);
        assert_eq!(actions(review(), granted(), &[]), restrict());
        assert_eq!(actions(review(), restricted(), &[]), []);
        assert_eq!(actions(review(), Access::Absent, &[]), []);
    }
}

#[test]
fn what_is_not_about_roles_changes_nothing() {
    let mut causes = vec![Cause::Wake("later".into()), Cause::Other(Extension::default())];
    causes.extend(
        [
            AccountChange::Identified,
            AccountChange::AskExpired,
            AccountChange::Accepted,
            AccountChange::Declined,
            AccountChange::LeftService,
            AccountChange::RemovedByAdmin,
        ]
        .map(Cause::Account),
    );
    for cause in causes {
        for access in [Access::Absent, granted(), restricted()] {
            assert_eq!(actions(cause.clone(), access.clone(), &["plus"]), [], "{cause:?} {access:?}");
        }
    }
}

#[test]
fn a_role_in_another_guild_does_not_count_here() {
    let mut event = Event::new(Cause::RoleRemoved(role("plus")));
    event.account.access = granted();
    event.member.elsewhere =
        vec![GuildRoles { guild: "2".into(), key: "other".into(), roles: vec![role("plus")] }];
    assert_eq!(policy("{}").evaluate(&event).unwrap().actions, restrict());
}

#[test]
fn the_operator_chooses_label_and_media() {
    let policy = policy(r#"{"label": "hidden", "block": ["music", "photos"]}"#);
    let only = Filter::Only(Rule::label("hidden"));
    let restriction = &policy.restriction;
    assert_eq!((&restriction.movies, &restriction.television), (&Filter::Keep, &Filter::Keep));
    assert_eq!((&restriction.music, &restriction.photos), (&only, &only));
    assert_eq!((restriction.downloads, restriction.live_tv), (None, None));
}

#[test]
fn everything_closes_downloads_and_live_television_too() {
    let restriction = policy(r#"{"block": "everything"}"#).restriction;
    assert_eq!(
        restriction,
        Restriction { end_streams: true, ..Restriction::everything(Rule::label("noAccess")) }
    );
}

#[test]
fn a_wrong_setting_is_refused_and_named() {
    let cases = [
        (r#"{"lable": "x"}"#, "there is no setting `lable`; there is `label`, `block`, `on-leave`"),
        (r#"{"label": ""}"#, "setting `label`: must not be empty"),
        (r#"{"label": " x"}"#, "setting `label`: must not begin or end with a space"),
        (r#"{"label": "a,b"}"#, "setting `label`: a Plex filter can't carry the character `,`"),
        (r#"{"label": "a\u0000b"}"#, "setting `label`: a Plex filter can't carry the character `\\u{0}`"),
        (r#"{"label": 5}"#, "setting `label`: expected a string, found integer `5`"),
        (r#"{"block": []}"#, "setting `block`: name at least one type of media"),
        (
            r#"{"block": "all"}"#,
            "setting `block`: expected `everything` or a list of `movies`, `television`, `music`, `photos`, \
             found string \"all\"",
        ),
        (
            r#"{"block": ["films"]}"#,
            "setting `block`: `films` is not possible, only `movies`, `television`, `music`, `photos`",
        ),
        (r#"{"on-leave": "kick"}"#, "setting `on-leave`: `kick` is not possible, only `remove` or `keep`"),
    ];
    for (settings, message) in cases {
        assert_eq!(refused(settings), message, "{settings}");
    }
    for bad in ["|", "&", "=", "%", "\\n"] {
        assert!(refused(&format!(r#"{{"label": "a{bad}b"}}"#)).starts_with("setting `label`:"), "{bad}");
    }
    assert!(refused(&format!(r#"{{"label": "{}"}}"#, "x".repeat(65))).contains("64 characters"));
}
