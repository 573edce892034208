//! Rolarr's default policy: who holds a tracked role has access; who holds none keeps the share and the
//! watch history and sees nothing; who leaves the Discord server is removed.

mod settings;

use rolarr_policy::contract::{
    Access, Action, Cause, Decision, Event, Grant, Member, Metadata, Progress, Restriction, Source,
};
use rolarr_policy::{Policy, Settings};

use crate::settings::OnLeave;

/// The policy with its settings.
pub struct RoleRestriction {
    restriction: Restriction,
    on_leave: OnLeave,
}

rolarr_policy::export!(RoleRestriction);

impl Policy for RoleRestriction {
    fn describe() -> Metadata {
        Metadata {
            name: "role-restriction".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "A member with a tracked role has access. Without one the share stays and shows \
                          nothing. Who leaves the Discord server is removed."
                .to_owned(),
            settings_schema: Some(include_str!("settings.schema.json").to_owned()),
            wants: Vec::new(),
        }
    }

    fn configure(settings: Settings<'_>, _sources: Vec<Source>) -> Result<Self, String> {
        let settings: settings::Settings = settings.read()?;
        Ok(Self { restriction: settings.restriction(), on_leave: settings.on_leave })
    }

    fn evaluate(&self, event: &Event) -> Result<Decision, String> {
        let access = &event.account.access;
        Ok(match &event.cause {
            Cause::RoleAdded(role) => self.with_role(access, &format!("has the role `{}` now", role.key)),
            Cause::RoleRemoved(role) => match remaining(&event.member) {
                Some(other) => Decision::nothing(format!("still has the role `{other}`")),
                None => self.without_role(event, &format!("lost the last role `{}`", role.key)),
            },
            Cause::MemberLeft => self.left(event),
            Cause::Review(_) => match remaining(&event.member) {
                Some(role) => self.with_role(access, &format!("has the role `{role}`")),
                None => self.without_role(event, "has no tracked role"),
            },
            Cause::Wake(_) => Decision::nothing("this policy asks for no wakes"),
            Cause::Account(_) => Decision::nothing("only roles count for this policy"),
            Cause::Other(_) => Decision::nothing("this policy asks for no other causes"),
        })
    }
}

impl RoleRestriction {
    /// The member holds a tracked role.
    fn with_role(&self, access: &Access, why: &str) -> Decision {
        match access {
            Access::Absent => Decision::of([Action::Invite(Grant::default())], why),
            Access::Restricted(_) => Decision::of([Action::Unrestrict], why),
            Access::Granted(_) => Decision::nothing(format!("{why}, and access already")),
        }
    }

    /// The member holds no tracked role.
    fn without_role(&self, event: &Event, why: &str) -> Decision {
        match &event.account.access {
            Access::Granted(_) => Decision::of([self.restrict()], why),
            Access::Restricted(restricted) if restricted.restriction == self.restriction => {
                Decision::nothing(format!("{why}, and is restricted already"))
            }
            // The settings changed since.
            Access::Restricted(_) => {
                Decision::of([self.restrict()], format!("{why}, and was restricted in another way"))
            }
            // Nothing is shared, but a question for the address may still stand: the restriction closes it.
            Access::Absent if event.account.progress == Progress::Asking => {
                Decision::of([self.restrict()], why)
            }
            Access::Absent => Decision::nothing(format!("{why}, and had no access")),
        }
    }

    /// The member left the Discord server.
    fn left(&self, event: &Event) -> Decision {
        let why = "left the Discord server";
        match self.on_leave {
            OnLeave::Keep => self.without_role(event, why),
            OnLeave::Remove
                if event.account.access.is_absent() && event.account.progress != Progress::Asking =>
            {
                Decision::nothing(format!("{why}, and had no access"))
            }
            OnLeave::Remove => Decision::of([Action::Remove], why),
        }
    }

    fn restrict(&self) -> Action {
        Action::RestrictTo(self.restriction.clone())
    }
}

/// The key of a tracked role that the member holds in this guild. Roles held in other guilds give access
/// there, not here.
fn remaining(member: &Member) -> Option<&str> {
    member.roles.first().map(|role| role.key.as_str())
}

#[cfg(test)]
mod tests;
