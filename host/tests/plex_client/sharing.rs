//! Inviting, sharing, ending, and what is watched.

use crate::rig::{ANN, NOBODY, NOW, Rig, machine, no_access, restrict, route_b};
use rolarr::domain::{Email, PlexAccountId, SectionId, ShareId};
use rolarr::plex::{Changes, Field, Invitee, NewShare, PlexError, Sections, Session};
use rolarr_sim::plex::{Libraries, MACHINE};

#[tokio::test]
async fn a_person_is_invited_restricted_given_back_and_removed() {
    let rig = Rig::new().await;
    let plex = &rig.plex;
    let owner = plex.owner().await.unwrap();
    assert!(owner.plex_pass && owner.names.email == "owner@example.org");
    let servers = plex.servers().await.unwrap();
    assert_eq!(servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["Attic", "Cellar"]);
    assert_eq!(servers[0].machine, machine());

    rig.invite(ANN).await.unwrap();
    let invite = rig.invite_of(ANN).await.unwrap();
    assert_eq!((invite.friend, invite.server, invite.servers), (true, true, vec!["Attic".to_owned()]));
    let pending = plex.pending_shares().await.unwrap();
    assert_eq!((pending.len(), &pending[0].machine), (1, &machine()));
    assert!(!rig.share_of(ANN).await.unwrap().accepted);
    assert!(plex.users().await.unwrap().is_empty());

    let ann = PlexAccountId(rig.sim().person_accepts(NOW, ANN).unwrap());
    assert!(plex.invites().await.unwrap().is_empty() && plex.pending_shares().await.unwrap().is_empty());
    let share = rig.share_of(ANN).await.unwrap();
    assert_eq!((share.account, share.accepted, share.all_libraries), (Some(ann), true, false));
    assert_eq!(share.libraries, rig.movies_and_shows().await.as_slice());
    let friend = plex.users().await.unwrap().remove(0);
    assert_eq!((friend.id, friend.home, friend.shares[0].id), (ann, false, share.id));
    assert_eq!(rig.sim().visible_items(ann.0), ["Harbour", "Ponies", "Shootout"]);

    rig.sim().owner_sets_filter(ann.0, "filterMovies", "label=Kids|contentRating=G").unwrap();
    let before = plex.users().await.unwrap().remove(0).settings;
    rig.sim().start_stream(ann.0, "Ponies").unwrap();
    plex.write_settings(ann, Some("ann"), &restrict()).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0).into_values().collect::<Vec<_>>(), ["label=noAccess"; 2]);
    assert!(rig.sim().visible_items(ann.0).is_empty());
    assert_eq!(rig.sim().history(ann.0), ["Ponies"]);

    let back: Changes = restrict().into_keys().map(|field| (field, before.value(field))).collect();
    plex.write_settings(ann, Some("ann"), &back).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0), [("filterMovies", "label=Kids|contentRating=G".into())].into());
    assert_eq!(rig.writes()[1..], [route_b(200), route_b(200)]);

    plex.end_share(&machine(), share.id).await.unwrap();
    assert_eq!(plex.end_share(&machine(), share.id).await, Err(PlexError::NotFound));
    assert!(rig.share_of(ANN).await.is_none());
    // Ending a share is not ending friendship.
    assert_eq!(plex.users().await.unwrap().len(), 1);
    plex.end_friendship(ann).await.unwrap();
    assert_eq!(plex.end_friendship(ann).await, Err(PlexError::NotFound));
    assert!(plex.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn somebody_can_be_invited_restricted() {
    let rig = Rig::new().await;
    let share = NewShare {
        machine: machine(),
        sections: rig.movies_and_shows().await,
        to: Invitee::Address(Email::parse(NOBODY).unwrap()),
        settings: restrict(),
    };
    rig.plex.invite(&share).await.unwrap();
    let account = rig.sim().person_accepts(NOW, NOBODY).unwrap();
    assert!(rig.sim().visible_items(account).is_empty());
    assert_eq!(rig.plex.users().await.unwrap()[0].settings.value(Field::Movies), no_access());
}

#[tokio::test]
async fn a_friend_gets_a_second_server_and_keeps_their_filters() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.sim().owner_sets_filter(ann.0, "filterMovies", "label=Kids").unwrap();
    let cellar = rig.plex.servers().await.unwrap().remove(1).machine;
    let library = rig.plex.libraries(&cellar).await.unwrap().remove(0).id;
    let share = NewShare {
        machine: cellar.clone(),
        sections: Sections::new(vec![library]).unwrap(),
        to: Invitee::Account(ann),
        settings: restrict(),
    };
    rig.plex.invite(&share).await.unwrap();
    assert_eq!(rig.plex.shares(&cellar).await.unwrap()[0].account, Some(ann));
    assert_eq!(rig.sim().filters(ann.0), [("filterMovies", "label=Kids".into())].into());
}

#[tokio::test]
async fn libraries_of_a_share_are_replaced() {
    let rig = Rig::new().await;
    rig.befriend();
    let share = rig.share_of(ANN).await.unwrap();
    let music = rig.plex.libraries(&machine()).await.unwrap()[2].id;
    rig.plex.set_sections(&machine(), share.id, &Sections::new(vec![music]).unwrap()).await.unwrap();
    assert_eq!(rig.share_of(ANN).await.unwrap().libraries, [music]);
    let sections = Sections::new(vec![SectionId(1)]).unwrap();
    let gone = rig.plex.set_sections(&machine(), ShareId(1), &sections).await;
    assert_eq!(gone, Err(PlexError::NotFound));
}

#[tokio::test]
async fn a_share_of_everything_says_so() {
    let rig = Rig::new().await;
    let ann = rig.sim().account(ANN).unwrap().id;
    rig.sim().owner_shares_with(NOW, ann, MACHINE, &[]).unwrap();
    let share = rig.share_of(ANN).await.unwrap();
    assert!(share.all_libraries && share.libraries.len() == 4);
    assert_eq!(rig.sim().share_of(ANN).unwrap().libraries, Libraries::All);
}

#[tokio::test]
async fn invitations_are_cancelled_by_number_and_by_address() {
    let rig = Rig::new().await;
    for address in [ANN, NOBODY] {
        rig.invite(address).await.unwrap();
        let invite = rig.invite_of(address).await.unwrap();
        assert_eq!(invite.id.contains('@'), address == NOBODY);
        rig.plex.cancel_invite(&invite).await.unwrap();
        assert!(rig.invite_of(address).await.is_none());
        assert_eq!(rig.plex.cancel_invite(&invite).await, Err(PlexError::NotFound));
    }
    assert!(rig.sim().world.shares.is_empty());
}

#[tokio::test]
async fn a_share_that_a_cancelled_invitation_left_is_found_and_ended() {
    let rig = Rig::new().await;
    rig.sim().world.quirks.cancel_leaves_share = true;
    rig.sim().world.quirks.v1_lists_pending = false;
    rig.invite(NOBODY).await.unwrap();
    rig.plex.cancel_invite(&rig.invite_of(NOBODY).await.unwrap()).await.unwrap();
    assert_eq!(rig.invite(NOBODY).await, Err(PlexError::AlreadyShared));
    assert!(rig.share_of(NOBODY).await.is_none());
    let left = rig.plex.pending_shares().await.unwrap().remove(0);
    assert_eq!(left.machine, machine());
    rig.plex.end_share(&left.machine, left.share.id).await.unwrap();
    rig.invite(NOBODY).await.unwrap();
}

#[tokio::test]
async fn a_refusal_tells_why_and_names_nobody() {
    let rig = Rig::new().await;
    rig.invite("ben@example.org").await.unwrap();
    let error = rig.invite("ben@example.org").await.unwrap_err();
    assert_eq!(error, PlexError::AlreadyShared);
    assert!(!format!("{error} {error:?}").contains("Ben"));
    let error = rig.invite("owner@example.org").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 400): The username or email entered appears to be invalid."
    );
    rig.sim().world.quirks.friend_limit = Some(1);
    let error = rig.invite(ANN).await.unwrap_err();
    assert_eq!(error.to_string(), "Plex refuses (status 400): You have reached the limit of friends.");
}

#[tokio::test]
async fn a_stream_is_ended_and_labels_are_listed() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    assert!(rig.plex.sessions().await.unwrap().is_empty());
    rig.sim().start_stream(ann.0, "Ponies").unwrap();
    let session = rig.plex.sessions().await.unwrap().remove(0);
    assert_eq!(session.account, ann);
    rig.plex.terminate(&session, "Your access has ended: ask the owner").await.unwrap();
    assert!(rig.sim().sessions().is_empty());
    // It is over already.
    rig.plex.terminate(&session, "x").await.unwrap();
    let nothing = Session { id: String::new(), account: ann };
    let error = rig.plex.terminate(&nothing, "x").await.unwrap_err();
    assert!(matches!(error, PlexError::Refused { status: 403, .. }), "{error:?}");
    rig.sim().world.plex_pass = false;
    let error = rig.plex.terminate(&session, "x").await.unwrap_err();
    assert!(error.to_string().contains("Plex Pass"), "{error}");

    let movies = rig.plex.libraries(&machine()).await.unwrap().remove(0);
    assert_eq!(rig.plex.labels(movies.key).await.unwrap(), ["Kids"]);
    assert_eq!(rig.plex.labels(99).await, Err(PlexError::NotFound));
}
