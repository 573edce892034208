//! What restricting means for a person.

use rolarr_sim::plex::MACHINE;

use crate::ask::{Ask, NOW};

#[test]
fn a_restricted_friend_sees_nothing_and_keeps_what_they_watched() {
    let mut ask = Ask::new();
    let ann = ask.id("ann");
    ask.sim.owner_shares_with(NOW, ann, MACHINE, &["Movies", "TV Shows"]).unwrap();
    assert_eq!(ask.sim.visible_items(ann), ["Harbour", "Ponies", "Shootout"]);
    let running = ask.sim.start_stream(ann, "Harbour").unwrap();
    let target = format!("/api/users/{ann}?filterMovies=label=noAccess&filterTelevision=label=noAccess");
    assert_eq!(ask.status("PUT", &target, None), 200);
    assert!(ask.sim.visible_items(ann).is_empty());
    assert_eq!(ask.sim.sessions()[0].id, running, "a running stream goes on");
    assert!(ask.sim.start_stream(ann, "Ponies").is_err());
    assert_eq!(ask.sim.history(ann), ["Harbour"]);
    assert!(ask.sim.friend(ann).is_some() && ask.sim.share_of("ann").is_some());
}

#[test]
fn without_a_plex_pass_filters_are_stored_and_not_applied() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMovies", "label=noAccess").unwrap();
    assert!(ask.sim.visible_items(ann).is_empty());
    ask.sim.world.plex_pass = false;
    assert_eq!(ask.sim.visible_items(ann).len(), 2);
}

#[test]
fn an_item_with_the_label_is_seen_all_the_same() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMovies", "label=noaccess").unwrap();
    ask.sim.world.add_item("Movies", "Leak", &["NoAccess"], "");
    assert_eq!(ask.sim.visible_items(ann), ["Leak"]);
}

#[test]
fn a_filter_for_everything_counts_too() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterAll", "label=Kids").unwrap();
    assert_eq!(ask.sim.visible_items(ann), ["Ponies"]);
}

#[test]
fn what_is_not_there_can_not_happen() {
    let mut ask = Ask::new();
    let ann = ask.id("ann");
    assert!(ask.sim.person_accepts(NOW, "ann").is_err());
    assert!(ask.sim.person_declines("nobody@example.org").is_err());
    assert!(ask.sim.person_accepts_as(NOW, "ann", 1).is_err());
    assert!(ask.sim.owner_sets_filter(ann, "filterMovies", "x").is_err());
    assert!(ask.sim.owner_shares_with(NOW, 1, MACHINE, &[]).is_err());
    assert!(ask.sim.owner_shares_with(NOW, ann, "none", &[]).is_err());
    assert!(ask.sim.owner_shares_with(NOW, ann, MACHINE, &["No such library"]).is_err());
    assert!(ask.sim.friend(ann).is_none());
    assert!(ask.sim.start_stream(ann, "Ponies").is_err());
    assert!(ask.sim.start_stream(ask.sim.world.owner.id, "No such title").is_err());
}
