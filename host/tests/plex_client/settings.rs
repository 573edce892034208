//! Restricting and giving back, by one route or the other.

use crate::rig::{Rig, no_access, restrict, route_b, route_c};
use rolarr::domain::PlexAccountId;
use rolarr::plex::{Changes, Field, FieldValue, PlexError};
use rolarr_sim::plex::{Effect, Fault};

#[tokio::test]
async fn a_refused_write_goes_by_the_other_route_and_keeps_what_is_set() {
    for status in [404, 405, 410, 422] {
        let rig = Rig::new().await;
        let ann = rig.befriend();
        let set = [("allowChannels", "1"), ("allowSubtitleAdmin", "1"), ("allowTuners", "2")];
        for (field, value) in set.into_iter().chain([("filterMusic", "label=M"), ("filterAll", "label=X")]) {
            rig.sim().owner_sets_filter(ann.0, field, value).unwrap();
        }
        let before = rig.sim().friend(ann.0).unwrap().settings.clone();
        rig.fault("PUT", "/api/users/{id}", Effect::Status { status, retry_after: None });
        rig.plex.write_settings(ann, Some("ann"), &restrict()).await.unwrap();
        assert_eq!(rig.writes(), [route_b(status), route_c()]);
        let mut expected = before;
        expected.filter_movies = Some("label=noAccess".into());
        expected.filter_television = Some("label=noAccess".into());
        assert_eq!(rig.sim().friend(ann.0).unwrap().settings, expected);
    }
}

#[tokio::test]
async fn a_write_that_does_not_take_goes_by_the_other_route() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::NotTaken);
    rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
    assert_eq!(rig.writes(), [route_b(200), route_c()]);
    assert!(rig.sim().visible_items(ann.0).is_empty());
}

#[tokio::test]
async fn a_write_that_no_route_makes_take_is_an_error() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::NotTaken);
    rig.fault("POST", "/api/v2/sharing_settings", Effect::NotTaken);
    assert_eq!(rig.plex.write_settings(ann, None, &restrict()).await, Err(PlexError::NotTaken));
    assert!(rig.sim().filters(ann.0).is_empty());
}

#[tokio::test]
async fn a_write_that_took_though_it_was_refused_does_no_harm() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::AppliedBut { status: 404 });
    rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0).into_values().collect::<Vec<_>>(), ["label=noAccess"; 2]);
}

#[tokio::test]
async fn an_old_list_is_looked_at_again() {
    for looks in [1, 3] {
        let rig = Rig::new().await;
        let ann = rig.befriend();
        rig.sim().fault(Fault::on("GET", "/api/users", Effect::Stale).times(looks));
        rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
        assert_eq!(rig.writes(), [route_b(200)]);
    }
}

#[tokio::test]
async fn flags_are_written_with_the_filters_and_alone() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.sim().owner_sets_filter(ann.0, "allowTuners", "2").unwrap();
    rig.sim().owner_sets_filter(ann.0, "allowSync", "1").unwrap();
    let off = FieldValue("0".into());
    let mut changes = restrict();
    changes.extend([(Field::Downloads, off.clone()), (Field::LiveTv, off), (Field::Photos, no_access())]);
    rig.plex.write_settings(ann, Some("ann"), &changes).await.unwrap();
    let settings = rig.sim().friend(ann.0).unwrap().settings.clone();
    assert_eq!((settings.allow_sync, settings.allow_tuners), (false, 0));
    assert_eq!(settings.filter_photos.as_deref(), Some("label=noAccess"));
    assert_eq!(rig.writes(), [route_b(200), route_c()]);

    let back: Changes = [(Field::LiveTv, FieldValue("2".into()))].into();
    rig.plex.write_settings(ann, Some("ann"), &back).await.unwrap();
    let settings = rig.sim().friend(ann.0).unwrap().settings.clone();
    assert_eq!((settings.allow_sync, settings.allow_tuners), (false, 2));
    assert_eq!(settings.filter_movies.as_deref(), Some("label=noAccess"));
}

#[tokio::test]
async fn a_managed_account_is_refused_in_plex_words_without_its_name() {
    let rig = Rig::new().await;
    let child = PlexAccountId(rig.sim().world.add_managed("Quentin", Some("teen")));
    let error = rig.plex.write_settings(child, None, &restrict()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 422): An error occurred updating the settings for (someone)."
    );
    assert!(!format!("{error:?}").contains("Quentin"));
    assert!(rig.plex.users().await.unwrap()[0].home);
}
