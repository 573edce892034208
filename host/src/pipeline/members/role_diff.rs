//! What a difference between two sets of roles means.

use crate::domain::contract::{Cause, Role};

/// The tracked roles that came and went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<'a, T> {
    /// Those that are held now and were not before.
    pub added: Vec<&'a T>,
    /// Those that were held before and are not now.
    pub removed: Vec<&'a T>,
}

impl<'a, T> Changes<'a, T> {
    /// Compares what was held before with what is held after, in the order of the tracked roles.
    pub fn of(tracked: &'a [T], before: impl Fn(&T) -> bool, after: impl Fn(&T) -> bool) -> Self {
        Self {
            added: tracked.iter().filter(|role| after(role) && !before(role)).collect(),
            removed: tracked.iter().filter(|role| before(role) && !after(role)).collect(),
        }
    }

    /// An event for each. Added ones come first, so that a swap of one role for another never looks like a
    /// loss.
    pub fn causes(self, role: impl Fn(&T) -> &Role) -> Vec<Cause> {
        let added = self.added.into_iter().map(|one| Cause::RoleAdded(role(one).clone()));
        let removed = self.removed.into_iter().map(|one| Cause::RoleRemoved(role(one).clone()));
        added.chain(removed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_roles_come_before_removed_ones() {
        let role = |key: &str| Role { key: key.to_owned(), ..Role::default() };
        let tracked = [role("gold"), role("plus"), role("silver")];
        let held = |keys: &'static [&'static str]| move |role: &Role| keys.contains(&role.key.as_str());
        let causes =
            Changes::of(&tracked, held(&["gold", "silver"]), held(&["plus", "silver"])).causes(|role| role);
        assert_eq!(causes, [Cause::RoleAdded(role("plus")), Cause::RoleRemoved(role("gold"))]);
        assert_eq!(Changes::of(&tracked, held(&["plus"]), held(&["plus"])).causes(|role| role), []);
    }
}
