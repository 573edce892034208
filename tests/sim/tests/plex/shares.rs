use rolarr_sim::plex::{Libraries, MACHINE, OTHER_MACHINE};
use serde_json::{Value, json};

use crate::ask::{Ask, NOW};

fn target(share: u64) -> String {
    format!("/api/servers/{MACHINE}/shared_servers/{share}")
}

fn libraries(ids: &[u64]) -> Option<Value> {
    Some(json!({"server_id": MACHINE, "shared_server": {"library_section_ids": ids}}))
}

#[test]
fn an_update_replaces_the_libraries() {
    let mut ask = Ask::new();
    let (_, share) = ask.friend("ann");
    let music = ask.library("Music");
    let (status, body) = ask.xml("PUT", &target(share), libraries(&[music]));
    assert_eq!(status, 200);
    let shared: Vec<&str> = body.children[0].children.iter().map(|section| section.get("shared")).collect();
    assert_eq!(shared, ["0", "0", "1", "0"]);
    assert_eq!(ask.user("ann").unwrap().children[0].get("numLibraries"), "1");
}

#[test]
fn an_update_with_no_libraries_ends_the_share() {
    let mut ask = Ask::new();
    let (ann, share) = ask.friend("ann");
    assert_eq!(ask.status("PUT", &target(share), libraries(&[])), 200);
    assert!(ask.sim.share_of("ann").is_none());
    assert!(ask.sim.friend(ann).is_some());
}

#[test]
fn the_servers_own_keys_take_all_libraries_out_of_a_share() {
    let mut ask = Ask::new();
    let (_, share) = ask.friend("ann");
    assert_eq!(ask.status("PUT", &target(share), libraries(&[1, 2])), 200);
    assert_eq!(ask.user("ann").unwrap().children[0].get("numLibraries"), "0");
}

#[test]
fn an_explicit_list_ends_all_libraries() {
    let mut ask = Ask::new();
    let ann = ask.id("ann");
    let share = ask.sim.owner_shares_with(NOW, ann, MACHINE, &[]).unwrap();
    assert_eq!(ask.user("ann").unwrap().children[0].get("allLibraries"), "1");
    let all = ["Movies", "TV Shows", "Music", "Photos"].map(|title| ask.library(title));
    assert_eq!(ask.status("PUT", &target(share), libraries(&all)), 200);
    let server = ask.user("ann").unwrap().children[0].clone();
    assert_eq!((server.get("allLibraries"), server.get("numLibraries")), ("0", "4"));
}

#[test]
fn ending_the_last_share_keeps_the_friendship_and_the_filters() {
    for route in ["v1", "v2"] {
        let mut ask = Ask::new();
        let (ann, share) = ask.friend("ann");
        ask.sim.owner_sets_filter(ann, "filterMovies", "label=Kids").unwrap();
        let target = match route {
            "v1" => target(share),
            _ => format!("/api/v2/shared_servers/{share}"),
        };
        assert!(ask.status("DELETE", &target, None) < 300);
        assert_eq!(ask.status("DELETE", &target, None), 404);
        let user = ask.user("ann").unwrap();
        assert!(user.children.is_empty());
        assert_eq!(user.get("filterMovies"), "label=Kids");
    }
}

#[test]
fn ending_the_friendship_ends_every_share() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_shares_with(NOW, ann, OTHER_MACHINE, &[]).unwrap();
    assert_eq!(ask.status("DELETE", &format!("/api/v2/sharings/{ann}"), None), 204);
    assert!(ask.user("ann").is_none() && ask.sim.world.shares.is_empty());
    assert_eq!(ask.status("DELETE", &format!("/api/v2/sharings/{ann}"), None), 404);
}

#[test]
fn deleting_a_pending_share_takes_its_invite_back() {
    let mut ask = Ask::new();
    let body = json!({"shared_server": {"library_section_ids": [], "invited_email": "ann@example.org"}});
    ask.xml("POST", &format!("/api/servers/{MACHINE}/shared_servers"), Some(body));
    let share = ask.sim.share_of("ann").unwrap().id;
    assert_eq!(ask.status("DELETE", &target(share), None), 200);
    assert!(ask.sim.invites().is_empty());
}

#[test]
fn a_pending_invitee_is_no_sharing() {
    let mut ask = Ask::new();
    let body = json!({"shared_server": {"library_section_ids": [], "invited_email": "ann@example.org"}});
    ask.xml("POST", &format!("/api/servers/{MACHINE}/shared_servers"), Some(body));
    let ann = ask.id("ann");
    assert_eq!(ask.status("DELETE", &format!("/api/v2/sharings/{ann}"), None), 404);
    assert_eq!(ask.status("PUT", &format!("/api/users/{ann}?filterMovies=label=x"), None), 404);
    assert_eq!(ask.status("GET", &format!("/api/v2/sharing_settings?invitedId={ann}"), None), 404);
}

#[test]
fn a_share_of_another_server_is_not_found_here() {
    let mut ask = Ask::new();
    let ann = ask.id("ann");
    let share = ask.sim.owner_shares_with(NOW, ann, OTHER_MACHINE, &[]).unwrap();
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(ask.status(method, &target(share), libraries(&[1])), 404, "{method}");
    }
    assert!(ask.sim.share_of("ann").is_some());
}

#[test]
fn deleting_the_collection_is_a_page_for_people() {
    let mut ask = Ask::new();
    let outcome = ask.outcome("DELETE", &format!("/api/servers/{MACHINE}/shared_servers"), None, false);
    let rolarr_sim::http::Outcome::Respond(answer) = outcome else { panic!("no answer") };
    assert_eq!(answer.status, 404);
    assert!(answer.headers[0].1.starts_with("text/html"));
}

#[test]
fn v1_may_or_may_not_list_pending_shares() {
    for listed in [true, false] {
        let mut ask = Ask::new();
        ask.sim.world.quirks.v1_lists_pending = listed;
        ask.friend("ben");
        let target = format!("/api/servers/{MACHINE}/shared_servers");
        let body = json!({"shared_server": {"library_section_ids": [], "invited_email": "new@example.org"}});
        ask.xml("POST", &target, Some(body));
        let (_, list) = ask.xml("GET", &target, None);
        let accepted: Vec<bool> =
            list.children.iter().map(|share| !share.get("acceptedAt").is_empty()).collect();
        assert_eq!(accepted, if listed { vec![true, false] } else { vec![true] });
        assert_eq!(list.children[0].get("username"), "ben");
        if listed {
            let pending = &list.children[1];
            assert_eq!((pending.get("email"), pending.get("userID")), ("new@example.org", ""));
        }
    }
}

#[test]
fn v2_changes_libraries_and_settings_by_post_alone() {
    let mut ask = Ask::new();
    let (ann, share) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMusic", "label=Calm").unwrap();
    let target = format!("/api/v2/shared_servers/{share}");
    let music = ask.library("Music");
    let body = json!({"settings": {"filterMovies": "label=x"}, "librarySectionIds": [music]});
    assert_eq!(ask.status("PUT", &target, Some(body.clone())), 405);
    assert_eq!(ask.status("PATCH", &target, Some(body.clone())), 405);
    let (status, shown) = ask.json("POST", &target, Some(body));
    assert_eq!((status, &shown["libraries"][0]["id"]), (200, &json!(music)));
    // What the settings leave out is reset.
    assert_eq!(shown["sharingSettings"]["filterMusic"], json!(""));
    assert_eq!(ask.sim.filters(ann), [("filterMovies", "label=x".to_owned())].into());
    let unknown = json!({"librarySectionIds": [3]});
    assert_eq!(ask.status("POST", &target, Some(unknown)), 404);
    assert_eq!(ask.status("POST", &target, Some(json!({"librarySectionIds": []}))), 204);
    assert!(ask.sim.share_of("ann").is_none());
}

#[test]
fn a_person_who_leaves_stays_a_friend() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.person_leaves_share(ann).unwrap();
    assert!(ask.user("ann").unwrap().children.is_empty());
    assert!(ask.sim.person_leaves_share(ann).is_err());
}

#[test]
fn two_people_may_have_the_same_title() {
    let mut ask = Ask::new();
    let twin = ask.sim.world.add_person("other.ann@example.org", "ann2", "Ann");
    ask.friend("ann");
    ask.sim.owner_shares_with(NOW, twin, MACHINE, &[]).unwrap();
    let (_, users) = ask.xml("GET", "/api/users", None);
    assert_eq!(users.children.iter().filter(|user| user.get("title") == "Ann").count(), 2);
}

#[test]
fn libraries_that_are_added_later_belong_to_all() {
    let mut ask = Ask::new();
    let ann = ask.id("ann");
    ask.sim.owner_shares_with(NOW, ann, MACHINE, &[]).unwrap();
    ask.friend("ben");
    assert_eq!(ask.sim.share_of("ann").unwrap().libraries, Libraries::All);
    assert_eq!(ask.sim.visible_items(ann).len(), 5);
    assert_eq!(ask.sim.visible_items(ask.id("ben")), ["Ponies", "Shootout"]);
}
