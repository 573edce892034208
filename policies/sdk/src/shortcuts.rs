//! What makes a policy short to write.

use crate::contract::{
    Access, Account, Action, Cause, Decision, Event, Filter, Member, Origin, Restriction, Rule, Service,
    Snowflake, Timestamp,
};

impl Decision {
    /// Nothing should follow.
    #[must_use]
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self { actions: Vec::new(), reason: reason.into() }
    }

    /// These actions should follow, from left to right.
    #[must_use]
    pub fn of(actions: impl IntoIterator<Item = Action>, reason: impl Into<String>) -> Self {
        Self { actions: actions.into_iter().collect(), reason: reason.into() }
    }
}

impl Rule {
    /// Only items that carry this label.
    #[must_use]
    pub fn label(label: impl Into<String>) -> Self {
        Self { labels: vec![label.into()], ..Self::default() }
    }

    /// Only items that don't carry this label.
    #[must_use]
    pub fn not_label(label: impl Into<String>) -> Self {
        Self { not_labels: vec![label.into()], ..Self::default() }
    }

    /// Only items with one of these content ratings.
    #[must_use]
    pub fn ratings<R: Into<String>>(ratings: impl IntoIterator<Item = R>) -> Self {
        Self { ratings: ratings.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

impl Restriction {
    /// The rule for movies and television. Music, photos, downloads and live television stay as they are.
    #[must_use]
    pub fn movies_and_television(rule: Rule) -> Self {
        Self { movies: Filter::Only(rule.clone()), television: Filter::Only(rule), ..Self::default() }
    }

    /// The rule for every type of media, and neither downloads nor live television.
    #[must_use]
    pub fn everything(rule: Rule) -> Self {
        Self {
            movies: Filter::Only(rule.clone()),
            television: Filter::Only(rule.clone()),
            music: Filter::Only(rule.clone()),
            photos: Filter::Only(rule),
            downloads: Some(false),
            live_tv: Some(false),
            ..Self::default()
        }
    }
}

impl Member {
    /// Whether the member holds the tracked role with this key in the event's guild.
    #[must_use]
    pub fn has_role(&self, key: &str) -> bool {
        self.roles.iter().any(|role| role.key == key)
    }

    /// Whether the member holds any tracked role in the event's guild.
    #[must_use]
    pub fn has_any_role(&self) -> bool {
        !self.roles.is_empty()
    }
}

impl Access {
    /// No access.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Full access.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }

    /// Restricted access.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        matches!(self, Self::Restricted(_))
    }
}

impl Event {
    /// An event with this cause, and everything else empty: for tests.
    #[must_use]
    pub fn new(cause: Cause) -> Self {
        Self {
            id: String::new(),
            at: Timestamp::default(),
            origin: Origin::Live,
            guild: Snowflake::default(),
            member: Member::default(),
            service: Service::default(),
            account: Account::default(),
            cause,
            facts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Role;

    #[test]
    fn roles_go_by_the_operators_key_and_not_by_discords_name() {
        let member = Member {
            roles: vec![Role { key: "plus".into(), name: "Plex Plus".into(), ..Role::default() }],
            ..Member::default()
        };
        assert!(member.has_role("plus"));
        assert!(!member.has_role("Plex Plus"));
        assert!(member.has_any_role());
        assert!(!Member::default().has_any_role());
    }

    #[test]
    fn everything_closes_downloads_and_live_television_too() {
        let rule = Rule::label("x");
        let all = Restriction::everything(rule.clone());
        for filter in [&all.movies, &all.television, &all.music, &all.photos] {
            assert_eq!(filter, &Filter::Only(rule.clone()));
        }
        assert_eq!((all.downloads, all.live_tv), (Some(false), Some(false)));
        let two = Restriction::movies_and_television(rule);
        assert_eq!((two.music, two.photos), (Filter::Keep, Filter::Keep));
        assert_eq!((two.downloads, two.live_tv), (None, None));
    }
}
