//! Whatever comes in, nothing breaks, and the next right request is answered.

use proptest::{collection::vec, prelude::*, sample::select};
use rolarr_sim::{discord::Frame, http::Outcome};
use serde_json::{Value, json};

use crate::drive::{INTENTS, World, names, request};

/// JSON of any shape, with Discord's own names and odd numbers among it.
fn any_json() -> impl Strategy<Value = Value> {
    let name = select(vec![
        "content",
        "nonce",
        "enforce_nonce",
        "components",
        "type",
        "custom_id",
        "data",
        "flags",
        "title",
        "style",
        "recipient_id",
        "name",
        "description",
        "options",
        "token",
        "intents",
        "properties",
        "shard",
        "session_id",
        "seq",
        "guild_id",
        "user_ids",
        "query",
        "limit",
        "allowed_mentions",
        "parse",
        "users",
        "embeds",
        "label",
        "component",
        "op",
        "d",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        select(vec![1_u64, 2, 4, 5, 7, 9, 18, 64]).prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        select(vec![
            "api",
            "v10",
            "gateway",
            "bot",
            "users",
            "@me",
            "channels",
            "guilds",
            "members",
            "messages",
            "roles",
            "applications",
            "commands",
            "interactions",
            "callback",
            "webhooks",
            "@original",
            "GUILD",
            "CHANNEL",
            "APP",
            "ALICE",
            "TOKEN",
            "INTERACTION",
        ])
        .prop_map(str::to_owned),
        any::<u64>().prop_map(|id| id.to_string()),
        "[^/?#]{0,12}",
    ];
    vec(part, 0..7).prop_map(|parts| parts.join("/"))
}

/// A world in which much has happened, so that ids lead somewhere.
fn lived_in() -> (World, [(&'static str, String); 6]) {
    let mut world = World::new();
    world.sim.enforce_rate_limits(false);
    let channel = world.alice_channel();
    let button = json!({"type": 2, "style": 1, "label": "Link", "custom_id": "a"});
    let body = json!({"content": "x", "components": [{"type": 1, "components": [button]}]});
    world.ask("POST", &format!("channels/{channel}/messages"), &body);
    let message = world.sim.told(world.scene.alice)[0].id;
    let pressed = world.sim.press_button(world.now, world.scene.alice, message, "a").unwrap();
    let token = world.sim.interaction(pressed).unwrap().token.clone();
    let names = [
        ("GUILD", world.scene.guild.to_string()),
        ("CHANNEL", channel),
        ("APP", world.sim.application().id.to_string()),
        ("ALICE", world.scene.alice.to_string()),
        ("TOKEN", token),
        ("INTERACTION", pressed.to_string()),
    ];
    (world, names)
}

fn still_works(world: &mut World) {
    world.now += 3_600_000;
    let guild = world.scene.guild;
    assert_eq!(world.get(&format!("guilds/{guild}")).0, 200);
    assert_eq!(names(&world.session(INTENTS).1), ["READY", "GUILD_CREATE"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_breaks_it(
        requests in vec((
            select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "brew"]),
            any_path(),
            prop_oneof![any_json().prop_map(|json| json.to_string().into_bytes()), vec(any::<u8>(), 0..60)],
            any::<bool>(),
        ), 1..12),
    ) {
        let (mut world, names) = lived_in();
        for (method, path, body, signed) in requests {
            let path = names.iter().fold(path, |path, (name, id)| path.replace(name, id));
            let mut request = request(method, &path, body);
            if signed {
                request.headers.insert("authorization".to_owned(), format!("Bot {}", world.sim.token()));
            }
            match world.sim.handle(world.now, &request) {
                Outcome::Respond(response) => prop_assert!((200..600).contains(&response.status)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        still_works(&mut world);
    }

    #[test]
    fn no_body_breaks_a_route(body in any_json(), route in select(vec![
        ("POST", "users/@me/channels"),
        ("POST", "channels/CHANNEL/messages"),
        ("PUT", "applications/APP/guilds/GUILD/commands"),
        ("POST", "interactions/INTERACTION/TOKEN/callback"),
        ("PATCH", "webhooks/APP/TOKEN/messages/@original"),
        ("POST", "webhooks/APP/TOKEN"),
    ])) {
        let (mut world, names) = lived_in();
        let path = names.iter().fold(route.1.to_owned(), |path, (name, id)| path.replace(name, id));
        world.ask(route.0, &path, &body);
        still_works(&mut world);
    }

    #[test]
    fn no_frame_breaks_it(
        frames in vec(prop_oneof![any_json().prop_map(|json| json.to_string()), ".{0,80}"], 1..12),
        ops in vec((select(vec![0_u64, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 31]), any_json()), 1..8),
        signed_in: bool,
    ) {
        let mut world = World::new();
        for frame in &frames {
            let connection = if signed_in { world.session(INTENTS).0 } else { world.sim.connect(world.now) };
            world.sim.receive(connection, world.now, frame);
        }
        for (op, data) in ops {
            let connection = if signed_in { world.session(INTENTS).0 } else { world.sim.connect(world.now) };
            world.say(connection, op, data);
        }
        still_works(&mut world);
    }
}

#[test]
fn frames_that_can_not_be_read_close_the_connection() {
    for bad in ["", "{", "null", "[]", "7", r#"{"op":"2"}"#, r#"{"d":{}}"#, "\u{0}", &"x".repeat(5000)] {
        let mut world = World::new();
        let (connection, _) = world.session(INTENTS);
        assert_eq!(world.sim.receive(connection, world.now, bad), [Frame::Close(4002)], "{bad}");
        still_works(&mut world);
    }
}
