use serde_json::{Value, json};

use super::script::{Script, busy, refuses, says};
use crate::{Changes, Field, FieldValue, PlexError, Response, TransportError};
use rolarr_domain::PlexAccountId;

type Answer = Result<Response, TransportError>;

const ANN: PlexAccountId = PlexAccountId(123);
const USERS: &str = "GET plex.tv /api/users/";
const ROUTE_B: &str =
    "PUT plex.tv /api/users/123?filterMovies=label=noAccess&filterTelevision=label=noAccess";
const READ: &str = "GET clients /api/v2/sharing_settings?invitedId=123";
const READ_BY_NAME: &str = "GET clients /api/v2/sharing_settings?invitedEmail=ann";
const ROUTE_C: &str = "POST clients /api/v2/sharing_settings";

fn restrict() -> Changes {
    [Field::Movies, Field::Television].map(|field| (field, FieldValue("label=noAccess".into()))).into()
}

/// The list of friends with these filters for Ann.
fn shows(movies: &str, television: &str) -> Answer {
    let attributes = format!("filterMovies='{movies}' filterTelevision='{television}' filterMusic='label=M'");
    let body = format!(
        "<MediaContainer size='2'><User id='5' title='Ben'/><User id='123' title='Ann' username='ann' allowSync='1'
         allowTuners='0' {attributes} filterPhotos=''/></MediaContainer>"
    );
    says(200, body)
}

fn before() -> Answer {
    shows("label=Kids", "")
}

fn after() -> Answer {
    shows("label=noAccess", "label=noAccess")
}

fn whole() -> Value {
    json!({"allowChannels": true, "allowSync": true, "allowCameraUpload": true, "allowSubtitleAdmin": true,
           "allowTuners": 0, "filterAll": null, "filterMovies": "label=Kids", "filterTelevision": null,
           "filterMusic": "label=M", "filterPhotos": null, "somethingNew": [1]})
}

async fn write(script: &std::sync::Arc<Script>, changes: &Changes) -> Result<(), PlexError> {
    let result = script.plex().write_settings(ANN, Some("ann"), changes).await;
    script.done();
    result
}

#[tokio::test]
async fn both_filters_are_written_at_once_and_read_back() {
    let script = Script::new([(ROUTE_B, says(200, "")), (USERS, after())]);
    write(&script, &restrict()).await.unwrap();
    assert_eq!(script.pauses(), 0);
}

#[tokio::test]
async fn it_counts_what_the_filter_means_and_not_how_it_is_written() {
    let script =
        Script::new([(ROUTE_B, says(201, "")), (USERS, shows(" label=NOACCESS", "label=noAccess,noAccess"))]);
    write(&script, &restrict()).await.unwrap();
}

#[tokio::test]
async fn clearing_writes_empty_filters_and_absent_counts_as_empty() {
    let line = "PUT plex.tv /api/users/123?filterPhotos=";
    let list = "<MediaContainer size='1'><User id='123'/></MediaContainer>";
    let script = Script::new([(line, says(200, "")), (USERS, says(200, list))]);
    write(&script, &[(Field::Photos, FieldValue::default())].into()).await.unwrap();
}

#[tokio::test]
async fn an_old_first_look_is_followed_by_another() {
    let script = Script::new([
        (ROUTE_B, says(200, "")),
        (USERS, before()),
        (USERS, shows("label=noAccess", "")),
        (USERS, after()),
    ]);
    write(&script, &restrict()).await.unwrap();
    assert_eq!(script.pauses(), 2);
}

#[tokio::test]
async fn a_refusal_leads_to_the_other_route_with_everything_else_as_it_was() {
    for refusal in [says(404, ""), says(405, ""), refuses(410, "Gone"), refuses(422, "No")] {
        let script = Script::new([
            (ROUTE_B, refusal),
            (READ, says(200, whole().to_string())),
            (USERS, before()),
            (ROUTE_C, says(201, "")),
            (USERS, after()),
        ]);
        write(&script, &restrict()).await.unwrap();
        let mut expected = whole();
        expected["filterMovies"] = "label=noAccess".into();
        expected["filterTelevision"] = "label=noAccess".into();
        assert_eq!(script.bodies(), [json!({"invitedId": 123, "settings": expected})]);
    }
}

#[tokio::test]
async fn what_is_accepted_and_does_not_show_is_written_by_the_other_route() {
    let script = Script::new([
        (ROUTE_B, says(200, "")),
        (USERS, before()),
        (USERS, before()),
        (USERS, before()),
        (USERS, before()),
        (READ, says(200, whole().to_string())),
        (USERS, before()),
        (ROUTE_C, says(200, "")),
        (USERS, before()),
        (USERS, after()),
    ]);
    write(&script, &restrict()).await.unwrap();
}

#[tokio::test]
async fn what_no_route_makes_show_is_not_taken() {
    let script = Script::new(
        [(ROUTE_B, says(200, ""))]
            .into_iter()
            .chain((0..4).map(|_| (USERS, before())))
            .chain([(READ, says(200, whole().to_string())), (USERS, before()), (ROUTE_C, says(200, ""))])
            .chain((0..4).map(|_| (USERS, before()))),
    );
    assert_eq!(write(&script, &restrict()).await, Err(PlexError::NotTaken));
    // And so if the other route does not exist.
    let script = Script::new(
        [(ROUTE_B, says(200, ""))]
            .into_iter()
            .chain((0..4).map(|_| (USERS, before())))
            .chain([(READ, says(404, "")), (READ_BY_NAME, says(404, ""))]),
    );
    assert_eq!(write(&script, &restrict()).await, Err(PlexError::NotTaken));
}

#[tokio::test]
async fn when_every_route_refuses_the_words_come_through_without_the_name() {
    let words = "An error occurred updating the settings for ann.";
    let script =
        Script::new([(ROUTE_B, refuses(422, words)), (READ, says(404, "")), (READ_BY_NAME, says(404, ""))]);
    let error = write(&script, &restrict()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 422): An error occurred updating the settings for (someone)."
    );
    let script =
        Script::new([(ROUTE_B, says(404, "")), (READ, says(404, "")), (READ_BY_NAME, says(404, ""))]);
    assert_eq!(write(&script, &restrict()).await, Err(PlexError::NotFound));
}

#[tokio::test]
async fn flags_go_by_the_route_that_has_them_and_after_the_filters() {
    let mut changes = restrict();
    changes.insert(Field::Downloads, FieldValue("0".into()));
    changes.insert(Field::LiveTv, FieldValue("1".into()));
    let list =
        "<MediaContainer size='1'><User id='123' allowSync='0' allowTuners='1' filterMovies='label=noAccess'
                filterTelevision='label=noAccess' filterMusic='label=M'/></MediaContainer>";
    let script = Script::new([
        (ROUTE_B, says(200, "")),
        (USERS, after()),
        (READ, says(200, whole().to_string())),
        (USERS, after()),
        (ROUTE_C, says(201, "")),
        (USERS, says(200, list)),
    ]);
    write(&script, &changes).await.unwrap();
    let settings = &script.bodies()[0]["settings"];
    assert_eq!((&settings["allowSync"], &settings["allowTuners"]), (&json!(false), &json!(1)));
    assert_eq!((&settings["allowChannels"], &settings["filterMusic"]), (&json!(true), &json!("label=M")));

    let flag: Changes = [(Field::Downloads, FieldValue("0".into()))].into();
    let script = Script::new([
        (READ, says(200, whole().to_string())),
        (USERS, before()),
        (ROUTE_C, says(201, "")),
        (USERS, says(200, list)),
    ]);
    write(&script, &flag).await.unwrap();
}

#[tokio::test]
async fn the_username_is_the_second_way_to_name_a_person() {
    let script = Script::new([
        (ROUTE_B, says(405, "")),
        (READ, says(404, "")),
        (READ_BY_NAME, says(200, whole().to_string())),
        (USERS, before()),
        (ROUTE_C, says(201, "")),
        (USERS, after()),
    ]);
    write(&script, &restrict()).await.unwrap();
    assert_eq!(script.bodies()[0]["invitedEmail"], "ann");

    let script = Script::new([(ROUTE_B, says(405, "")), (READ, says(404, ""))]);
    let error = script.plex().write_settings(ANN, None, &restrict()).await.unwrap_err();
    assert_eq!(error, PlexError::NotPlex { status: 405 });
    script.done();
}

#[tokio::test]
async fn settings_that_are_not_whole_are_not_written_back() {
    let mut partial = whole();
    partial.as_object_mut().unwrap().remove("allowSubtitleAdmin");
    for body in
        [partial.to_string(), "{}".into(), "[]".into(), "null".into(), String::new(), "<settings/>".into()]
    {
        let script = Script::new([(ROUTE_B, says(405, "")), (READ, says(200, body.clone()))]);
        let error = write(&script, &restrict()).await.unwrap_err();
        assert!(matches!(error, PlexError::Unavailable { maybe_applied: false, .. }), "{body} {error:?}");
    }
}

#[tokio::test]
async fn settings_that_are_out_of_date_are_not_written_back() {
    let mut old = whole();
    old["filterMusic"] = "".into();
    let read = || (READ, says(200, old.to_string()));
    // They catch up.
    let script = Script::new([
        (ROUTE_B, says(405, "")),
        read(),
        (USERS, before()),
        (READ, says(200, whole().to_string())),
        (USERS, before()),
        (ROUTE_C, says(201, "")),
        (USERS, after()),
    ]);
    write(&script, &restrict()).await.unwrap();
    // They don't.
    let reads = (0..4).flat_map(|_| [read(), (USERS, before())]);
    let script = Script::new([(ROUTE_B, says(405, ""))].into_iter().chain(reads));
    let error = write(&script, &restrict()).await.unwrap_err();
    assert!(matches!(error, PlexError::Unavailable { maybe_applied: false, .. }), "{error:?}");
}

#[tokio::test]
async fn an_unclear_write_is_left_to_the_next_look() {
    for answer in [says(500, ""), says(502, "<html>"), Err(TransportError::NoAnswer("it took too long"))] {
        let error = write(&Script::new([(ROUTE_B, answer)]), &restrict()).await.unwrap_err();
        assert!(matches!(error, PlexError::Unavailable { maybe_applied: true, .. }), "{error:?}");
    }
    let unanswered = Err(TransportError::NotSent);
    let error = write(&Script::new([(ROUTE_B, unanswered.clone())]), &restrict()).await.unwrap_err();
    assert!(matches!(error, PlexError::Unavailable { maybe_applied: false, .. }), "{error:?}");
    // The write came through, the look after it did not.
    let error =
        write(&Script::new([(ROUTE_B, says(200, "")), (USERS, unanswered)]), &restrict()).await.unwrap_err();
    assert!(matches!(error, PlexError::Unavailable { maybe_applied: true, .. }), "{error:?}");
}

#[tokio::test]
async fn what_fails_after_an_accepted_write_is_unclear_too() {
    for failure in [says(500, ""), says(200, "{}"), Err(TransportError::NotSent)] {
        let looks = (0..4).map(|_| (USERS, before()));
        let steps = [(ROUTE_B, says(200, ""))].into_iter().chain(looks).chain([(READ, failure)]);
        let error = write(&Script::new(steps), &restrict()).await.unwrap_err();
        assert!(matches!(error, PlexError::Unavailable { maybe_applied: true, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_invalid_token_and_a_rate_limit_stop_at_once() {
    let refused = refuses(401, "Invalid authentication token.");
    let error = write(&Script::new([(ROUTE_B, refused)]), &restrict()).await;
    assert_eq!(error, Err(PlexError::Unauthorized));
    let error = write(&Script::new([(ROUTE_B, busy(None))]), &restrict()).await;
    assert_eq!(error, Err(PlexError::RateLimited { retry_after: None }));
}

#[tokio::test]
async fn the_401_page_of_a_proxy_on_every_route_is_an_outage() {
    let page = || says(401, "<html><body>Log in to the proxy</body></html>");
    let owner = || ("GET plex.tv /api/v2/user", page());
    let script =
        Script::new([(ROUTE_B, page()), owner(), (READ, page()), owner(), (READ_BY_NAME, page()), owner()]);
    assert_eq!(write(&script, &restrict()).await, Err(PlexError::NotPlex { status: 401 }));
}

#[tokio::test]
async fn somebody_who_is_not_listed_any_more_is_not_found() {
    let nobody = || (USERS, says(200, "<MediaContainer size='0'/>"));
    let script = Script::new([(ROUTE_B, says(200, ""))].into_iter().chain((0..4).map(|_| nobody())));
    assert_eq!(write(&script, &restrict()).await, Err(PlexError::NotFound));
}

#[tokio::test]
async fn no_change_is_no_request() {
    write(&Script::new([]), &Changes::new()).await.unwrap();
}
