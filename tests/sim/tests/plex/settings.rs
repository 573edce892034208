use rolarr_sim::plex::MACHINE;
use serde_json::{Value, json};

use crate::ask::{Ask, NOW};

const SETTINGS: &str = "/api/v2/sharing_settings";

#[test]
fn v1_changes_only_the_filters_that_are_named() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMusic", "label=Calm").unwrap();
    ask.sim.owner_sets_filter(ann, "allowTuners", "2").unwrap();
    let target = format!("/api/users/{ann}?filterMovies=label=noAccess&filterPhotos=label=x&allowTuners=0");
    assert_eq!(ask.status("PUT", &target, None), 200);
    let user = ask.user("ann").unwrap();
    assert_eq!(user.get("filterMovies"), "label=noAccess");
    assert_eq!(user.get("filterPhotos"), "label=x");
    assert_eq!(user.get("filterMusic"), "label=Calm");
    assert_eq!(user.get("allowTuners"), "2", "v1 has no way to the flags");
    assert_eq!(ask.status("PUT", &format!("/api/users/{ann}?filterMovies="), None), 200);
    assert_eq!(ask.user("ann").unwrap().get("filterMovies"), "");
}

#[test]
fn v2_replaces_all_settings() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMusic", "label=Calm").unwrap();
    ask.sim.owner_sets_filter(ann, "allowSync", "1").unwrap();
    let (_, read) = ask.json("GET", &format!("{SETTINGS}?invitedId={ann}"), None);
    assert_eq!((&read["filterMusic"], &read["allowSync"]), (&json!("label=Calm"), &json!(true)));
    assert_eq!((&read["filterPhotos"], &read["allowTuners"]), (&Value::Null, &json!(0)));
    let mut whole = read.clone();
    whole["filterMovies"] = json!("label=noAccess");
    whole["allowTuners"] = json!(1);
    let (status, said) = ask.json("POST", SETTINGS, Some(json!({"invitedId": ann, "settings": whole})));
    assert_eq!((status, &said), (200, &whole));
    assert_eq!(ask.json("GET", &format!("{SETTINGS}?invitedEmail=ann"), None).1, whole);
    let part = json!({"invitedEmail": "ann", "settings": {"filterMovies": ""}});
    assert_eq!(ask.status("POST", SETTINGS, Some(part)), 200);
    let user = ask.user("ann").unwrap();
    assert_eq!((user.get("filterMusic"), user.get("allowSync"), user.get("allowTuners")), ("", "0", "0"));
}

#[test]
fn sharings_takes_what_plexapi_sends() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    let target = format!("/api/v2/sharings/{ann}?allowSync=1&filterMovies=label=a%2Cb&filterPhotos=label=x");
    assert_eq!(ask.status("PUT", &target, None), 200);
    let user = ask.user("ann").unwrap();
    assert_eq!((user.get("allowSync"), user.get("filterMovies")), ("1", "label=a%2Cb"));
    assert_eq!(user.get("filterPhotos"), "");
}

#[test]
fn a_managed_account_with_a_profile_is_refused_by_every_route() {
    let mut ask = Ask::new();
    let kid = ask.sim.world.add_managed("Kid", Some("little_kid"));
    let text = "An error occurred updating the settings for Kid.";
    let (status, body) = ask.xml("PUT", &format!("/api/users/{kid}?filterMovies=label=x"), None);
    assert_eq!((status, body.get("status")), (422, text));
    let body = json!({"invitedId": kid, "settings": {"filterMovies": "label=x"}});
    let (status, body) = ask.json("POST", SETTINGS, Some(body));
    assert_eq!((status, &body["errors"][0]["message"]), (422, &json!(text)));
    assert_eq!(ask.status("PUT", &format!("/api/v2/sharings/{kid}?filterMovies=label=x"), None), 422);
    assert!(ask.sim.filters(kid).is_empty());
}

#[test]
fn a_managed_account_without_a_profile_can_be_filtered_by_number() {
    let mut ask = Ask::new();
    let kid = ask.sim.world.add_managed("Kid", None);
    assert_eq!(ask.status("PUT", &format!("/api/users/{kid}?filterMovies=label=x"), None), 200);
    let (_, users) = ask.xml("GET", "/api/users", None);
    let user = &users.children[0];
    assert_eq!((user.get("home"), user.get("restricted")), ("1", "1"));
    assert_eq!((user.get("username"), user.get("email")), ("", ""));
    assert_eq!(user.get("filterMovies"), "label=x");
}

#[test]
fn home_users_show_their_profile() {
    let mut ask = Ask::new();
    let kid = ask.sim.world.add_managed("Kid", Some("teen"));
    ask.friend("ann");
    let (_, home) = ask.xml("GET", "/api/home/users", None);
    assert_eq!(home.children.len(), 1);
    assert_eq!(home.children[0].get("restrictionProfile"), "teen");
    assert_eq!(ask.status("DELETE", &format!("/api/home/users/{}", ask.id("ann")), None), 404);
    assert_eq!(ask.status("DELETE", &format!("/api/home/users/{kid}"), None), 204);
}

#[test]
fn the_owner_and_strangers_have_no_settings() {
    let mut ask = Ask::new();
    let owner = ask.sim.world.owner.id;
    for account in [owner, ask.id("ann"), 1] {
        assert_eq!(ask.status("PUT", &format!("/api/users/{account}?filterMovies=x"), None), 404);
        assert_eq!(ask.status("GET", &format!("{SETTINGS}?invitedId={account}"), None), 404);
        let body = json!({"invitedId": account, "settings": {}});
        assert_eq!(ask.status("POST", SETTINGS, Some(body)), 404);
        assert_eq!(ask.status("PUT", &format!("/api/v2/sharings/{account}?allowSync=1"), None), 404);
    }
}

#[test]
fn sharing_again_with_settings_overwrites_a_friends_filters() {
    let mut ask = Ask::new();
    let (ann, share) = ask.friend("ann");
    ask.sim.owner_sets_filter(ann, "filterMovies", "label=Kids").unwrap();
    ask.sim.person_leaves_share(ann).unwrap();
    assert!(!ask.sim.world.shares.contains_key(&share));
    let target = format!("/api/servers/{MACHINE}/shared_servers");
    let body = json!({
        "shared_server": {"library_section_ids": [], "invited_email": "ann@example.org"},
        "sharing_settings": {"filterMovies": ""},
    });
    assert_eq!(ask.xml("POST", &target, Some(body)).0, 200);
    assert!(ask.sim.filters(ann).is_empty());
    ask.sim.person_accepts(NOW, "ann").unwrap();
}
