//! What goes wrong between Plex and us.

use crate::rig::{NOBODY, Rig, machine, restrict, unavailable};
use rolarr::domain::{Email, MachineId};
use rolarr::plex::{Changes, Invitee, NewShare, PlexError};
use rolarr_sim::plex::Effect;
use std::time::Duration;

#[tokio::test]
async fn silence_ends_and_says_whether_it_may_have_taken_effect() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault_once("GET", "/api/users", Effect::Hang { applied: false });
    assert!(unavailable(&rig.plex.users().await.unwrap_err(), false));
    rig.fault_once("PUT", "/api/users/{id}", Effect::Hang { applied: true });
    let error = rig.plex.write_settings(ann, None, &restrict()).await.unwrap_err();
    assert!(unavailable(&error, true), "{error:?}");
    assert!(rig.plex.users().await.unwrap()[0].settings.show(&restrict()));
    rig.fault_once("POST", "/api/servers/{machine}/shared_servers", Effect::Drop { applied: true });
    assert!(unavailable(&rig.invite(NOBODY).await.unwrap_err(), true));
    assert!(rig.invite_of(NOBODY).await.is_some());
}

#[tokio::test]
async fn half_a_list_is_no_list() {
    for effect in [Effect::Truncated, Effect::Garbage, Effect::EmptyBody, Effect::Drop { applied: false }] {
        let rig = Rig::new().await;
        rig.befriend();
        rig.invite(NOBODY).await.unwrap();
        rig.fault("GET", "/*", effect.clone());
        let plex = &rig.plex;
        let errors = [
            plex.users().await.err(),
            plex.invites().await.err(),
            plex.shares(&machine()).await.err(),
            plex.pending_shares().await.err(),
            plex.libraries(&machine()).await.err(),
            plex.servers().await.err(),
            plex.owner().await.err(),
            plex.sessions().await.err(),
        ];
        for error in errors {
            assert!(error.as_ref().is_some_and(|error| unavailable(error, false)), "{effect:?} {error:?}");
        }
    }
}

#[tokio::test]
async fn what_a_write_answers_does_not_matter() {
    for effect in [Effect::EmptyBody, Effect::Truncated] {
        let rig = Rig::new().await;
        rig.fault("POST", "/*", effect);
        rig.invite(NOBODY).await.unwrap();
        assert!(rig.invite_of(NOBODY).await.is_some());
    }
}

#[tokio::test]
async fn a_list_of_libraries_that_is_empty_for_a_moment_is_not_believed() {
    let rig = Rig::new().await;
    rig.sim().world.quirks.sections_shown = Some(0);
    assert!(unavailable(&rig.plex.libraries(&machine()).await.unwrap_err(), false));
    let unknown = MachineId("unknown".into());
    assert_eq!(rig.plex.libraries(&unknown).await, Err(PlexError::NotFound));
    // That the list of those with whom it is shared is not there says nothing of anybody in it.
    assert!(matches!(rig.plex.shares(&unknown).await, Err(PlexError::NoSuchList { .. })));
}

#[tokio::test]
async fn a_rate_limit_is_passed_on() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    for (header, wait) in [(None, None), (Some(3), Some(3)), (Some(9_999), Some(3_600))] {
        let limited = Effect::Status { status: 429, retry_after: header };
        rig.fault_once("*", "/*", limited.clone());
        let expected = PlexError::RateLimited { retry_after: wait.map(Duration::from_secs) };
        assert_eq!(rig.plex.users().await, Err(expected.clone()));
        rig.fault_once("*", "/*", limited);
        assert_eq!(rig.plex.write_settings(ann, None, &restrict()).await, Err(expected));
    }
    assert!(rig.sim().filters(ann.0).is_empty());
}

#[tokio::test]
async fn an_invalid_token_is_told_apart_on_every_route() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    let share = NewShare {
        machine: machine(),
        sections: rig.movies_and_shows().await,
        to: Invitee::Address(Email::parse(NOBODY).unwrap()),
        settings: Changes::new(),
    };
    rig.sim().set_token_valid(false);
    let plex = &rig.plex;
    assert_eq!(plex.owner().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.users().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.pending_shares().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.invite(&share).await, Err(PlexError::Unauthorized));
    assert_eq!(plex.write_settings(ann, None, &restrict()).await, Err(PlexError::Unauthorized));
    rig.sim().set_token_valid(true);
    let body = r#"<errors><error code="1001" message="Invalid token" status="422"/></errors>"#.into();
    rig.fault("GET", "/*", Effect::Says { status: 422, body });
    assert_eq!(plex.users().await, Err(PlexError::Unauthorized));
}
