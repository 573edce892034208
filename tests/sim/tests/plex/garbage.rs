//! Whatever comes in, something comes out.

use proptest::prelude::*;
use rolarr_sim::{
    http::{Outcome, Request},
    plex::{Face, MACHINE, OWNER_TOKEN, PlexSim},
};
use serde_json::{Value, json};

use crate::ask::{Ask, NOW};

#[test]
fn a_body_that_makes_no_sense_is_400_and_changes_nothing() {
    let mut ask = Ask::new();
    let (ann, share) = ask.friend("ann");
    let before = format!("{:?}", ask.sim.world);
    let bodies = [
        json!(null),
        json!([]),
        json!("text"),
        json!({}),
        json!({"shared_server": 1}),
        json!({"shared_server": {}}),
        json!({"shared_server": {"library_section_ids": "all"}}),
        json!({"shared_server": {"library_section_ids": ["x"], "invited_email": "ben"}}),
        json!({"shared_server": {"library_section_ids": [-1], "invited_email": "ben"}}),
        json!({"shared_server": {"library_section_ids": [1.5], "invited_email": "ben"}}),
        json!({"shared_server": {"invited_email": "ben"}}),
        json!({"shared_server": {"library_section_ids": [], "invited_email": 3}}),
        json!({"shared_server": {"library_section_ids": [], "invited_id": "x"}}),
        json!({"shared_server": {"library_section_ids": [], "invited_email": "ben"}, "sharing_settings": 3}),
        json!({"machineIdentifier": MACHINE}),
        json!({"machineIdentifier": 3, "invitedEmail": "ben", "librarySectionIds": []}),
        json!({"machineIdentifier": MACHINE, "invitedEmail": "ben"}),
        json!({"machineIdentifier": MACHINE, "invitedEmail": "ben", "librarySectionIds": {}}),
        json!({"machineIdentifier": MACHINE, "invitedEmail": null, "librarySectionIds": []}),
        json!({"machineIdentifier": MACHINE, "invitedEmail": "ben", "librarySectionIds": [],
               "settings": {"filterMovies": 3}}),
    ];
    for body in bodies {
        for target in [format!("/api/servers/{MACHINE}/shared_servers"), "/api/v2/shared_servers".to_owned()]
        {
            assert_eq!(ask.status("POST", &target, Some(body.clone())), 400, "{target} {body}");
        }
    }
    let settings = [
        json!({"invitedId": ann}),
        json!({"invitedId": ann, "settings": null}),
        json!({"invitedId": ann, "settings": []}),
        json!({"invitedId": ann, "settings": {"allowTuners": 7}}),
        json!({"invitedId": [], "settings": {}}),
        json!({"settings": {}}),
    ];
    for body in settings {
        let status = ask.status("POST", "/api/v2/sharing_settings", Some(body.clone()));
        assert_eq!(status, 400, "{body}");
    }
    let target = format!("/api/servers/{MACHINE}/shared_servers/{share}");
    assert_eq!(ask.status("PUT", &target, Some(json!({"shared_server": {}}))), 400);
    assert_eq!(ask.status("PUT", &target, None), 400);
    assert_eq!(ask.status("GET", "/api/v2/sharing_settings", None), 400);
    assert_eq!(format!("{:?}", ask.sim.world), before);
}

#[test]
fn a_body_that_does_not_say_that_it_is_json_is_not_read() {
    let mut sim = PlexSim::sample();
    let body = json!({"shared_server": {"library_section_ids": [], "invited_email": "ann"}});
    let request = Request {
        method: "POST".to_owned(),
        path: format!("/api/servers/{MACHINE}/shared_servers"),
        query: Vec::new(),
        headers: [("x-plex-token".to_owned(), OWNER_TOKEN.to_owned())].into(),
        body: body.to_string().into_bytes(),
    };
    let Outcome::Respond(answer) = sim.handle(NOW, Face::PlexTv, &request) else { panic!("no answer") };
    assert_eq!(answer.status, 400);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut ask = Ask::new();
    for id in ["0", "1", "-1", "x", "18446744073709551616", "%F0%9F%98%80", "..", "900000001"] {
        for (method, target) in [
            ("PUT", format!("/api/users/{id}?filterMovies=x")),
            ("GET", format!("/api/servers/{id}")),
            ("GET", format!("/api/servers/{id}/shared_servers")),
            ("GET", format!("/api/servers/{MACHINE}/shared_servers/{id}")),
            ("DELETE", format!("/api/servers/{MACHINE}/shared_servers/{id}")),
            ("DELETE", format!("/api/invites/requested/{id}?server=1")),
            ("DELETE", format!("/api/home/users/{id}")),
            ("GET", format!("/api/v2/servers/{id}")),
            ("GET", format!("/api/v2/shared_servers/{id}")),
            ("DELETE", format!("/api/v2/shared_servers/{id}")),
            ("GET", format!("/api/v2/sharing_settings?invitedId={id}")),
            ("PUT", format!("/api/v2/sharings/{id}?allowSync=1")),
            ("DELETE", format!("/api/v2/sharings/{id}")),
            ("GET", format!("/{id}")),
            ("GET", format!("/api/{id}")),
            ("GET", format!("/api/v2/{id}")),
        ] {
            assert_eq!(ask.status(method, &target, None), 404, "{method} {target}");
        }
    }
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "api",
            "v2",
            "users",
            "user",
            "servers",
            "shared_servers",
            "sharing_settings",
            "sharings",
            "invites",
            "requested",
            "owned",
            "pending",
            "accepted",
            "home",
            "friends",
            "accept",
            "library",
            "sections",
            "label",
            "status",
            "sessions",
            "terminate",
            "identity",
            "resources",
            MACHINE,
            "900000002",
            "900000009",
            "900000010",
            "900000011",
            "900000012",
            "1",
            "ann%40example.org",
            "%",
        ])
        .prop_map(str::to_owned),
        "[^/?#]{0,6}",
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (900_000_000_u64..900_000_015).prop_map(Value::from),
        prop::sample::select(vec![MACHINE, "ann", "ann@example.org", "new@example.org", "label=x", "1"])
            .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop::sample::select(vec![
            "server_id",
            "shared_server",
            "library_section_ids",
            "invited_email",
            "invited_id",
            "sharing_settings",
            "filterMovies",
            "allowTuners",
            "machineIdentifier",
            "invitedEmail",
            "invitedId",
            "librarySectionIds",
            "settings",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Paths that exist, with numbers that may exist: people are 8 to 10, shares begin at 11.
fn known_path() -> impl Strategy<Value = String> {
    let route = prop::sample::select(vec![
        "/api/users/{}",
        "/api/servers/{m}/shared_servers",
        "/api/servers/{m}/shared_servers/{}",
        "/api/invites/requested/{}",
        "/api/v2/shared_servers",
        "/api/v2/shared_servers/{}",
        "/api/v2/shared_servers/{}/accept",
        "/api/v2/sharing_settings",
        "/api/v2/sharings/{}",
    ]);
    (route, 8..15_u64).prop_map(|(route, number)| {
        route.replace("{m}", MACHINE).replace("{}", &(900_000_000 + number).to_string())
    })
}

/// Bodies that make sense for those paths.
fn known_body() -> impl Strategy<Value = Value> {
    let whom = prop::sample::select(vec!["ann", "ben@example.org", "new@example.org", "newer@example.org"]);
    let libraries = prop::collection::vec(900_000_002_u64..900_000_006, 0..3);
    (whom, 8..11_u64, libraries, any::<bool>()).prop_map(|(whom, number, libraries, by_number)| {
        let id = 900_000_000 + number;
        let mut shared = json!({ "library_section_ids": libraries });
        let mut body = json!({ "machineIdentifier": MACHINE, "librarySectionIds": libraries });
        if by_number {
            shared["invited_id"] = json!(id);
            body["invitedId"] = json!(id);
        } else {
            shared["invited_email"] = json!(whom);
            body["invitedEmail"] = json!(whom);
        }
        body["shared_server"] = shared;
        body["settings"] = json!({ "filterMovies": "label=x" });
        body
    })
}

prop_compose! {
    fn request()(
        method in prop::sample::select(vec!["GET", "POST", "POST", "POST", "PUT", "DELETE", "DELETE", "PATCH", "???"]),
        path in prop_oneof![
            4 => known_path(),
            1 => prop::collection::vec(segment(), 0..6).prop_map(|parts| format!("/{}", parts.join("/"))),
        ],
        query in prop::collection::vec(
            (
                prop::sample::select(vec!["filterMovies", "invitedId", "invitedEmail", "server", "friend", "sessionId"]),
                prop_oneof![Just("1".to_owned()), Just("900000009".to_owned()), ".{0,6}"],
            ),
            0..4,
        ),
        owner in prop::bool::weighted(0.8),
        accept in any::<bool>(),
        value in prop_oneof![4 => known_body(), 1 => json_value()],
        raw in prop::option::weighted(0.1, prop::collection::vec(any::<u8>(), 0..40)),
    ) -> Request {
        let mut headers = vec![
            ("x-plex-client-identifier", "tests"),
            ("content-type", "application/json"),
            ("x-plex-token", if owner { OWNER_TOKEN } else { "person-token-900000009" }),
        ];
        if accept {
            headers.push(("accept", "application/json"));
        }
        Request {
            method: method.to_owned(),
            path,
            query: query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: raw.unwrap_or_else(|| value.to_string().into_bytes()),
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_requests_breaks_the_simulator(
        requests in prop::collection::vec((prop::sample::select(vec![0_u8, 0, 1, 1, 2]), request()), 1..60),
    ) {
        let mut sim = PlexSim::sample();
        for (face, request) in requests {
            let face = [Face::PlexTv, Face::Clients, Face::Server][usize::from(face)];
            let Outcome::Respond(answer) = sim.handle(NOW, face, &request) else {
                panic!("no answer without a fault")
            };
            prop_assert!((200..500).contains(&answer.status));
            // Every invitation holds shares that exist and are pending, unless a row was left behind.
            for invite in sim.invites() {
                for share in &invite.shares {
                    prop_assert!(sim.world.shares[share].accepted_at.is_none());
                }
            }
            for share in sim.world.shares.values().filter(|share| share.accepted_at.is_none()) {
                prop_assert!(sim.invites().iter().any(|invite| invite.shares.contains(&share.id)));
            }
        }
    }
}
