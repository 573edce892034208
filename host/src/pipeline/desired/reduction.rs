//! Whether one access is less than another. A pure function: when in doubt it says yes, because the worst
//! that comes of it is a question to an administrator.

use crate::domain::contract::{Access, Combine, Filter, Grant, Restriction};

/// Whether going from `was` to `is` takes anything away from a person. A grant without libraries leaves what is
/// shared as it is, and that may be all that the server has: `all`.
#[must_use]
pub(in crate::pipeline) fn shrinks(was: &Access, is: &Access, all: &[String]) -> bool {
    match (View::of(was), View::of(is)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(was), Some(is)) => was.is_more_than(&is, all),
    }
}

/// What somebody with a share has.
struct View<'a> {
    grant: &'a Grant,
    restriction: Option<&'a Restriction>,
}

impl<'a> View<'a> {
    fn of(access: &'a Access) -> Option<Self> {
        match access {
            Access::Absent => None,
            Access::Granted(grant) => Some(Self { grant, restriction: None }),
            Access::Restricted(restricted) => {
                Some(Self { grant: &restricted.before, restriction: Some(&restricted.restriction) })
            }
        }
    }

    fn is_more_than(&self, now: &Self, all: &[String]) -> bool {
        fewer(self.grant.libraries.as_deref(), now.grant.libraries.as_deref(), all)
            || closed(self.switches().0, now.switches().0)
            || closed(self.switches().1, now.switches().1)
            || self.filters().into_iter().zip(now.filters()).any(|(was, is)| narrower(was, is))
            || self.joins(now)
    }

    /// Downloads and live television.
    fn switches(&self) -> (Option<bool>, Option<bool>) {
        let own = |restriction: Option<bool>, grant: Option<bool>| restriction.or(grant);
        (
            own(self.restriction.and_then(|restriction| restriction.downloads), self.grant.downloads),
            own(self.restriction.and_then(|restriction| restriction.live_tv), self.grant.live_tv),
        )
    }

    fn filters(&self) -> [&'a Filter; 4] {
        match self.restriction {
            None => [&Filter::Keep; 4],
            Some(restriction) => {
                [&restriction.movies, &restriction.television, &restriction.music, &restriction.photos]
            }
        }
    }

    /// The same rules, and now joined with the owner's instead of in their place.
    fn joins(&self, now: &Self) -> bool {
        let combine = |view: &Self| view.restriction.map(|restriction| restriction.combine);
        let rules = now.filters().into_iter().any(|filter| matches!(filter, Filter::Only(_)));
        rules && combine(self) == Some(Combine::Replace) && combine(now) == Some(Combine::Narrow)
    }
}

/// Libraries that are taken away. No names means that they are left as they are.
fn fewer(was: Option<&[String]>, is: Option<&[String]>, all: &[String]) -> bool {
    let Some(is) = is else { return false };
    let left = |name: &String| is.iter().any(|other| other.to_lowercase() == name.to_lowercase());
    !was.unwrap_or(all).iter().all(left)
}

/// A switch that nobody sets is the owner's.
fn closed(was: Option<bool>, is: Option<bool>) -> bool {
    match (was, is) {
        (Some(true), None | Some(false)) | (None, Some(false)) => true,
        (Some(false), _) | (None, _) | (Some(true), Some(true)) => false,
    }
}

fn narrower(was: &Filter, is: &Filter) -> bool {
    match (was, is) {
        (Filter::Only(was), Filter::Only(is)) => was != is,
        // Without our rule the owner's holds, and a cleared filter shows everything.
        (Filter::Keep | Filter::Clear, Filter::Only(_)) | (Filter::Clear, Filter::Keep) => true,
        (Filter::Keep, _) | (_, Filter::Clear) | (Filter::Only(_), Filter::Keep) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contract::{Restricted, Rule};

    const ALL: [&str; 3] = ["Movies", "Shows", "Music"];

    fn check(was: &Access, is: &Access) -> bool {
        shrinks(was, is, &ALL.map(str::to_owned))
    }

    fn granted(libraries: Option<&[&str]>) -> Access {
        let libraries = libraries.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Access::Granted(Grant { libraries, ..Grant::default() })
    }

    fn restricted(restriction: Restriction) -> Access {
        Access::Restricted(Restricted { before: Grant::default(), restriction })
    }

    fn only(label: &str) -> Filter {
        Filter::Only(Rule { labels: vec![label.to_owned()], ..Rule::default() })
    }

    fn movies(filter: Filter) -> Access {
        restricted(Restriction { movies: filter, ..Restriction::default() })
    }

    /// A restriction of what two libraries hold.
    fn of_two(restriction: Restriction) -> Access {
        let libraries = Some(vec!["Movies".to_owned(), "Shows".to_owned()]);
        Access::Restricted(Restricted { before: Grant { libraries, ..Grant::default() }, restriction })
    }

    /// From nothing to everything: each of them is at least as much as all before it.
    fn ladder() -> Vec<Access> {
        let closed = Restriction {
            movies: only("noAccess"),
            television: only("noAccess"),
            downloads: Some(false),
            ..Restriction::default()
        };
        let open = Restriction { downloads: None, ..closed.clone() };
        let half = Restriction { television: Filter::Keep, ..open.clone() };
        vec![
            Access::Absent,
            of_two(closed),
            of_two(open),
            of_two(half),
            granted(Some(&["Movies", "Shows"])),
            granted(Some(&["Movies", "Shows", "Music"])),
        ]
    }

    #[test]
    fn going_down_shrinks_and_going_up_does_not() {
        let ladder = ladder();
        for (low, less) in ladder.iter().enumerate() {
            for (high, more) in ladder.iter().enumerate() {
                assert_eq!(check(more, less), high > low, "from {more:?} to {less:?}");
            }
        }
    }

    #[test]
    fn another_label_is_taken_for_less() {
        assert!(check(&movies(only("kids")), &movies(only("noAccess"))));
        assert!(!check(&movies(only("kids")), &movies(only("kids"))));
    }

    #[test]
    fn a_library_less_shrinks_whatever_comes_for_it() {
        assert!(check(&granted(None), &granted(Some(&["Movies", "Music"]))));
        assert!(!check(&granted(None), &granted(Some(&["music", "Movies", "Shows"]))), "all that there is");
        assert!(check(&granted(Some(&["Music"])), &granted(Some(&["Movies"]))));
        assert!(!check(&granted(Some(&["movies"])), &granted(Some(&["Movies", "Shows"]))));
        assert!(!check(&granted(Some(&["Music"])), &granted(None)), "no names leave libraries as they are");
    }

    #[test]
    fn a_switch_that_falls_back_to_the_owners_may_close() {
        let with = |downloads| Access::Granted(Grant { downloads, ..Grant::default() });
        assert!(check(&with(Some(true)), &with(None)));
        assert!(check(&with(None), &with(Some(false))));
        assert!(!check(&with(Some(false)), &with(None)));
    }

    #[test]
    fn a_filter_that_was_cleared_and_is_the_owners_again_may_hide() {
        assert!(check(&movies(Filter::Clear), &movies(Filter::Keep)));
        assert!(!check(&movies(Filter::Keep), &movies(Filter::Clear)));
    }

    #[test]
    fn the_same_rule_joined_with_the_owners_shows_less() {
        let with =
            |combine| restricted(Restriction { movies: only("kids"), combine, ..Restriction::default() });
        assert!(check(&with(Combine::Replace), &with(Combine::Narrow)));
    }
}
