//! One person, several guilds, one account: which of the guilds' decisions holds.

use crate::domain::contract::{Access, Filter, Grant, Restricted, Restriction};

/// The most generous of what several guilds decided. Granted is more than restricted, restricted more than
/// absent. Of several grants everything that any of them gives is given; `default` is what a grant without
/// libraries means. Of several restrictions the one that closes least holds, the first among equals.
#[must_use]
pub(in crate::pipeline) fn most_generous<'a>(
    accesses: impl IntoIterator<Item = &'a Access>,
    default: &[String],
) -> Access {
    let mut granted: Option<Grant> = None;
    let mut restricted: Option<&Restricted> = None;
    for access in accesses {
        match access {
            Access::Absent => {}
            Access::Granted(grant) => {
                granted = Some(match granted {
                    None => grant.clone(),
                    Some(held) => union(&held, grant, default),
                });
            }
            Access::Restricted(candidate) => {
                let less =
                    restricted.is_none_or(|held| closed(&candidate.restriction) < closed(&held.restriction));
                if less {
                    restricted = Some(candidate);
                }
            }
        }
    }
    match (granted, restricted) {
        (Some(grant), _) => Access::Granted(grant),
        (None, Some(restricted)) => Access::Restricted(restricted.clone()),
        (None, None) => Access::Absent,
    }
}

fn union(left: &Grant, right: &Grant, default: &[String]) -> Grant {
    let either = |left: Option<bool>, right: Option<bool>| match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (None, _) | (_, None) => None,
        (Some(false), Some(false)) => Some(false),
    };
    let libraries = match (&left.libraries, &right.libraries) {
        (None, None) => None,
        (left, right) => {
            let mut all = left.clone().unwrap_or_else(|| default.to_vec());
            for name in right.as_deref().unwrap_or(default) {
                if !all.contains(name) {
                    all.push(name.clone());
                }
            }
            Some(all)
        }
    };
    Grant {
        libraries,
        downloads: either(left.downloads, right.downloads),
        live_tv: either(left.live_tv, right.live_tv),
    }
}

/// How much a restriction closes.
fn closed(restriction: &Restriction) -> usize {
    let filters = [&restriction.movies, &restriction.television, &restriction.music, &restriction.photos];
    let filters = filters.into_iter().filter(|filter| matches!(filter, Filter::Only(_))).count();
    let switches = [restriction.downloads, restriction.live_tv];
    filters + switches.into_iter().filter(|switch| *switch == Some(false)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contract::Rule;

    fn granted(libraries: Option<&[&str]>, downloads: Option<bool>) -> Access {
        let libraries = libraries.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Access::Granted(Grant { libraries, downloads, live_tv: None })
    }

    fn restricted(music: bool) -> Access {
        let only = Filter::Only(Rule { labels: vec!["noAccess".to_owned()], ..Rule::default() });
        let restriction = Restriction {
            movies: only.clone(),
            television: only.clone(),
            music: if music { only } else { Filter::Keep },
            ..Restriction::default()
        };
        Access::Restricted(Restricted { before: Grant::default(), restriction })
    }

    fn default() -> Vec<String> {
        vec!["Movies".to_owned()]
    }

    #[test]
    fn nothing_decided_is_no_access() {
        assert_eq!(most_generous([], &default()), Access::Absent);
        assert_eq!(most_generous([&Access::Absent], &default()), Access::Absent);
    }

    #[test]
    fn one_guild_that_grants_outweighs_others_that_restrict() {
        let grant = granted(None, None);
        assert_eq!(most_generous([&restricted(false), &grant, &Access::Absent], &default()), grant);
    }

    #[test]
    fn grants_add_up() {
        let all = most_generous(
            [&granted(Some(&["Anime"]), Some(false)), &granted(Some(&["Kids", "Anime"]), Some(true))],
            &default(),
        );
        assert_eq!(all, granted(Some(&["Anime", "Kids"]), Some(true)));
    }

    #[test]
    fn a_grant_without_libraries_adds_the_operators_default() {
        let all = most_generous([&granted(Some(&["Anime"]), None), &granted(None, Some(false))], &default());
        assert_eq!(all, granted(Some(&["Anime", "Movies"]), None));
    }

    #[test]
    fn the_restriction_that_closes_least_holds() {
        assert_eq!(most_generous([&restricted(true), &restricted(false)], &default()), restricted(false));
    }
}
