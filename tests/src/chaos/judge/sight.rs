//! What somebody should see at Plex by what was decided, worked out anew, against what they see.

use std::collections::BTreeSet;

use rolarr::{
    domain::contract::{Access, Combine, Filter, Restriction, Rule},
    pipeline::settings::Drift,
};
use rolarr_sim::plex::{FILTERS, Item, Libraries, Library, MACHINE, PlexSim, Share, admits};

use crate::chaos::town::{Given, OTHERS, Soul};

/// What somebody has at Plex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// An accepted share.
    pub shared: bool,
    /// An invitation, or a share that is not accepted.
    pub pending: bool,
    /// They are a friend of the owner.
    pub friend: bool,
}

impl Standing {
    /// How somebody stands now.
    #[must_use]
    pub fn of(plex: &PlexSim, soul: &Soul) -> Self {
        Self {
            shared: ours(plex, soul).any(|share| share.accepted_at.is_some()),
            pending: ours(plex, soul).any(|share| share.accepted_at.is_none())
                || plex.invites().iter().any(|invite| invite.typed == soul.address),
            friend: plex.friend(soul.plex).is_some(),
        }
    }
}

fn ours<'a>(plex: &'a PlexSim, soul: &'a Soul) -> impl Iterator<Item = &'a Share> {
    plex.world.shares.values().filter(move |share| {
        share.machine == MACHINE && (share.is_with(soul.plex) || share.typed == soul.address)
    })
}

/// When they were last invited.
#[must_use]
pub fn last_offer(plex: &PlexSim, soul: &Soul) -> Option<u64> {
    plex.world.offered.iter().rfind(|offer| offer.to == soul.address).map(|offer| offer.at_ms)
}

/// What is not as decided for somebody who has an accepted share of ours.
#[must_use]
pub fn differs(plex: &PlexSim, soul: &Soul, access: &Access, given: &Given) -> Vec<String> {
    let (grant, restriction) = match access {
        Access::Absent => return Vec::new(),
        Access::Granted(grant) => (grant, None),
        Access::Restricted(restricted) => (&restricted.before, Some(&restricted.restriction)),
    };
    let Some(server) = plex.world.server(MACHINE) else { return Vec::new() };
    let Some(tie) = plex.friend(soul.plex) else { return vec!["has a share and is no friend".to_owned()] };
    let mut found = Vec::new();
    let owners = owners_filter(plex, soul);
    let names = grant.libraries.as_ref().or(given.libraries.as_ref());
    let shared: Vec<&Library> = server.libraries.iter().filter(|library| is_among(names, library)).collect();
    for share in ours(plex, soul).filter(|share| share.accepted_at.is_some()) {
        let held: Vec<&Library> = server.libraries.iter().filter(|library| share.holds(library.id)).collect();
        let all = share.libraries == Libraries::All && shared.len() == server.libraries.len();
        if held != shared && !all {
            found.push(format!("has other libraries than were decided: {:?}", share.libraries));
        }
    }
    let should = should_see(plex, soul, access, given);
    let ours: Vec<&String> =
        server.libraries.iter().flat_map(|library| &library.items).map(|item| &item.title).collect();
    let mut sees = plex.visible_items(soul.plex);
    sees.retain(|title| ours.contains(&title));
    if sees != should {
        found.push(format!("sees {sees:?} and should see {should:?}"));
    }
    let restricts = |field: &str| match restriction {
        None => false,
        Some(restriction) => *filter_of(restriction, field) != Filter::Keep,
    };
    let filters = plex.filters(soul.plex);
    for field in FILTERS.into_iter().filter(|field| !restricts(field)) {
        let filter = filters.get(field).map(String::as_str).unwrap_or_default();
        let own = if field == "filterMovies" { owners.as_str() } else { "" };
        let is = conditions(filter);
        let beside = soul.beside.iter().any(|(_, where_to)| *where_to == field);
        let strange =
            |condition: &&String| !(conditions(own).contains(*condition) || beside && *condition == OTHERS);
        if let Some(strange) = is.iter().find(strange) {
            found.push(format!("{field} is `{filter}` and nobody set `{strange}`"));
        }
        let stays = soul.beside.iter().any(|(at, where_to)| {
            *where_to == field
                && given.drift == Drift::Report
                && last_offer(plex, soul).is_none_or(|offer| offer < *at)
        });
        let missing = |condition: &&String| !is.contains(*condition);
        let due =
            conditions(own).into_iter().chain(stays.then(|| OTHERS.to_owned())).collect::<BTreeSet<_>>();
        if let Some(missing) = due.iter().find(missing) {
            found.push(format!("{field} is `{filter}` and somebody else set `{missing}`"));
        }
    }
    let downloads = restriction.and_then(|of| of.downloads).or(grant.downloads).unwrap_or(given.downloads);
    if tie.settings.allow_sync != downloads {
        found.push(format!("downloads are {} and should be {downloads}", tie.settings.allow_sync));
    }
    let live_tv = restriction.and_then(|of| of.live_tv).or(grant.live_tv).unwrap_or(given.live_tv > 0);
    if (tie.settings.allow_tuners > 0) != live_tv {
        found.push(format!("live television is {} and should be {live_tv}", tie.settings.allow_tuners));
    }
    found
}

/// What somebody with a share of ours should see by what was decided, sorted.
#[must_use]
pub fn should_see(plex: &PlexSim, soul: &Soul, access: &Access, given: &Given) -> Vec<String> {
    let (grant, restriction) = match access {
        Access::Absent => return Vec::new(),
        Access::Granted(grant) => (grant, None),
        Access::Restricted(restricted) => (&restricted.before, Some(&restricted.restriction)),
    };
    let owners = owners_filter(plex, soul);
    let names = grant.libraries.as_ref().or(given.libraries.as_ref());
    let libraries = plex.world.server(MACHINE).map(|server| server.libraries.as_slice()).unwrap_or_default();
    let mut should: Vec<String> = libraries
        .iter()
        .filter(|library| is_among(names, library))
        .flat_map(|library| library.items.iter().map(move |item| (library, item)))
        .filter(|(library, item)| shows(restriction, library, item, &owners))
        .map(|(_, item)| item.title.clone())
        .collect();
    should.sort();
    should
}

/// What the owner had set, unless an invitation began a new friendship since.
fn owners_filter(plex: &PlexSim, soul: &Soul) -> String {
    match &soul.filter {
        Some((at, filter)) if last_offer(plex, soul).is_none_or(|offer| offer < *at) => filter.clone(),
        _ => String::new(),
    }
}

/// The conditions of a filter: it lets through what meets all of them.
fn conditions(filter: &str) -> BTreeSet<String> {
    filter.split('&').filter(|condition| !condition.is_empty()).map(str::to_owned).collect()
}

fn is_among(names: Option<&Vec<String>>, library: &Library) -> bool {
    let same = |name: &String| name.to_lowercase() == library.title.to_lowercase();
    names.is_none_or(|names| names.iter().any(same))
}

fn filter_of<'a>(restriction: &'a Restriction, field: &str) -> &'a Filter {
    match field {
        "filterMovies" => &restriction.movies,
        "filterTelevision" => &restriction.television,
        "filterMusic" => &restriction.music,
        "filterPhotos" => &restriction.photos,
        _ => &Filter::Keep,
    }
}

fn shows(restriction: Option<&Restriction>, library: &Library, item: &Item, owners: &str) -> bool {
    let (field, own) = match library.kind.as_str() {
        "movie" => ("filterMovies", admits(owners, item)),
        "show" => ("filterTelevision", true),
        "artist" => ("filterMusic", true),
        _ => ("filterPhotos", true),
    };
    let Some(restriction) = restriction else { return own };
    match filter_of(restriction, field) {
        Filter::Keep => own,
        Filter::Clear => true,
        Filter::Only(rule) => lets_through(rule, item) && (own || restriction.combine == Combine::Replace),
    }
}

fn lets_through(rule: &Rule, item: &Item) -> bool {
    let has = |wanted: &[String]| {
        wanted.iter().any(|label| item.labels.iter().any(|own| own.to_lowercase() == label.to_lowercase()))
    };
    let rated = |wanted: &[String]| wanted.iter().any(|rating| item.rating.eq_ignore_ascii_case(rating));
    (rule.labels.is_empty() || has(&rule.labels))
        && !has(&rule.not_labels)
        && (rule.ratings.is_empty() || rated(&rule.ratings))
        && !rated(&rule.not_ratings)
}
