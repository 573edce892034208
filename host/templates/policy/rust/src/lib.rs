//! {{name}}: what follows when a member's roles change.

use rolarr_policy::contract::{
    Access, Account, Action, Cause, Decision, Event, Grant, Metadata, Progress, Restriction, Rule, Source,
};
use rolarr_policy::{Policy, Settings};
use serde::Deserialize;

/// What the operator can set. What is left out has its default.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Options {
    /// The label that a restricted member's filters ask for. No item carries it, so nothing is shown.
    label: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { label: "noAccess".to_owned() }
    }
}

struct Rules {
    label: String,
}

rolarr_policy::export!(Rules);

impl Policy for Rules {
    fn describe() -> Metadata {
        Metadata {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "A member with a tracked role has access. Without one the share stays and shows \
                          nothing. Who leaves the Discord server is removed."
                .to_owned(),
            settings_schema: Some(include_str!("settings.schema.json").to_owned()),
            wants: Vec::new(),
        }
    }

    // Called once, when the policy is loaded. The error is shown to the operator.
    fn configure(settings: Settings<'_>, _sources: Vec<Source>) -> Result<Self, String> {
        let Options { label } = settings.read()?;
        if label.is_empty() {
            return Err("setting `label`: it must be a text that is not empty".to_owned());
        }
        Ok(Self { label })
    }

    // Called for each event, each time in a fresh instance: nothing is kept from one event to the next.
    fn evaluate(&self, event: &Event) -> Result<Decision, String> {
        let account = &event.account;
        let remaining = event.member.roles.first().map(|role| &role.key);
        Ok(match (&event.cause, remaining) {
            (Cause::RoleAdded(role), _) => with_role(account, &format!("has the role `{}` now", role.key)),
            (Cause::RoleRemoved(_), Some(other)) => Decision::nothing(format!("still has the role `{other}`")),
            (Cause::RoleRemoved(role), None) => {
                self.without_role(account, &format!("lost the last role `{}`", role.key))
            }
            (Cause::MemberLeft, _) => left(account, "left the Discord server"),
            (Cause::Review(_), Some(role)) => with_role(account, &format!("has the role `{role}`")),
            (Cause::Review(_), None) => self.without_role(account, "has no tracked role"),
            (Cause::Wake(_), _) => Decision::nothing("this policy asks for no wakes"),
            (Cause::Account(_), _) => Decision::nothing("only roles count for this policy"),
            (Cause::Other(other), _) => {
                rolarr_policy::log::debug(format!("nothing is done about `{}`", other.name));
                Decision::nothing("this policy asks for no other causes")
            }
        })
    }
}

impl Rules {
    /// The member holds no tracked role.
    fn without_role(&self, account: &Account, why: &str) -> Decision {
        match account.access {
            Access::Restricted(_) => Decision::nothing(format!("{why}, and is restricted already")),
            // Nothing is shared, but a question for the address may still stand: the restriction closes it.
            Access::Absent if account.progress != Progress::Asking => {
                Decision::nothing(format!("{why}, and had no access"))
            }
            Access::Granted(_) | Access::Absent => Decision::of([self.restrict()], why),
        }
    }

    /// Of movies and television only what carries the label. The rest stays as it is.
    fn restrict(&self) -> Action {
        Action::RestrictTo(Restriction {
            // A filter alone leaves what is playing on.
            end_streams: true,
            ..Restriction::movies_and_television(Rule::label(self.label.clone()))
        })
    }
}

/// The member holds a tracked role.
fn with_role(account: &Account, why: &str) -> Decision {
    match account.access {
        // The grant says nothing: it is what the operator configured.
        Access::Absent => Decision::of([Action::Invite(Grant::default())], why),
        Access::Restricted(_) => Decision::of([Action::Unrestrict], why),
        Access::Granted(_) => Decision::nothing(format!("{why}, and access already")),
    }
}

/// The member left the Discord server.
fn left(account: &Account, why: &str) -> Decision {
    match account.access {
        Access::Absent if account.progress != Progress::Asking => {
            Decision::nothing(format!("{why}, and had no access"))
        }
        _ => Decision::of([Action::Remove], why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_label_is_refused() {
        let refused = Rules::configure(Settings::new(r#"{"label": ""}"#), Vec::new());
        assert_eq!(refused.err().as_deref(), Some("setting `label`: it must be a text that is not empty"));
    }

    #[test]
    fn who_leaves_is_removed() {
        let rules = Rules::configure(Settings::new("{}"), Vec::new()).unwrap();
        let mut event = Event::new(Cause::MemberLeft);
        event.account.access = Access::Granted(Grant::default());
        assert_eq!(rules.evaluate(&event).unwrap().actions, [Action::Remove]);
    }
}
