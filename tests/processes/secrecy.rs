//! No address, no name and no token in what is printed, and no address that was forgotten in the database.

use std::path::Path;

use rolarr_sim::discord::OptionValue;
use rolarr_sim::plex::{Effect, Fault, MACHINE, OWNER_TOKEN};
use rolarr_tests::World;

use crate::run;

const LOUD: [(&str, &str); 1] = [("RUST_LOG", "trace")];

fn assert_silent(what: &str, text: &str, secrets: &[&str]) {
    let text = text.to_lowercase();
    for secret in secrets {
        let secret = secret.to_lowercase();
        if let Some(line) = text.lines().find(|line| line.contains(&secret)) {
            panic!("{what} has `{secret}` in it: {line}");
        }
    }
}

/// All bytes of the database: the file, its log and whatever else stands beside it.
fn database_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("rolarr.db") {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    assert!(bytes.len() > 10_000, "this is no database");
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

#[tokio::test]
async fn a_plex_that_names_people_is_not_repeated_anywhere() {
    const ADDRESS: &str = "dorothea.quill@example.org";
    let mut world = World::new().await;
    world.setup.log = "trace".to_owned();
    world.setup.audit_channel = Some(world.scene.channel);
    let friend = world.plex(|sim, _| sim.world.add_person(ADDRESS, "dquill77", "Dorothea Quillfeather"));
    // plex.tv shows no share with her, and says all the same that there is one.
    let route = format!("/api/servers/{MACHINE}/shared_servers");
    let says = "<Response code=\"400\" status=\"You're already sharing this server with Dorothea \
                Quillfeather (dquill77, dorothea.quill@example.org).\"/>";
    let effect = Effect::Says { status: 400, body: says.to_owned() };
    world.plex(|sim, _| sim.fault(Fault::on("POST", &route, effect).times(1)));
    let mut process = run(&world, &LOUD);
    world.until_connected(0).await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ADDRESS).await;
    world
        .eventually("the claim is held", || {
            world.database().unwrap().account(alice, "held").is_some_and(|why| why != "-")
        })
        .await;
    let refusals = world.plex(|sim, _| sim.requests.iter().filter(|asked| asked.status == Some(400)).count());
    assert_eq!(refusals, 1, "plex.tv has named her");
    let options = [("email", ADDRESS.into()), ("member", OptionValue::from(alice))];
    world.commands(world.scene.mod_user, "plex invite", &options).await;
    world
        .eventually("an administrator's word sends the invitation", || {
            world.plex(|sim, _| sim.share_of(ADDRESS).is_some())
        })
        .await;
    // Refusals of other kinds, with her name in them.
    let refused = Effect::Says { status: 422, body: says.replace("400", "422") };
    world.accepts(ADDRESS);
    world.eventually("accepted", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;
    world.plex(|sim, _| {
        for route in ["/api/users/{id}", "/api/v2/*"] {
            sim.fault(Fault::on("PUT", route, refused.clone()));
            sim.fault(Fault::on("POST", route, refused.clone()));
        }
    });
    world.loses_role(alice);
    world
        .eventually("it is parked", || {
            world.database().unwrap().account(alice, "parked").is_some_and(|words| words != "-")
        })
        .await;
    world.quiet().await;
    let secrets =
        ["dorothea", "quill", "dquill77", OWNER_TOKEN, &world.discord(|sim, _| sim.token().to_owned())];
    let posted = world.discord(|sim, _| {
        let told = sim.messages_in(world.scene.channel);
        told.iter().map(|told| told.now.content.clone()).collect::<Vec<_>>().join("\n")
    });
    assert!(posted.contains("Plex refuses"), "{posted}");
    assert_silent("the audit channel", &posted, &secrets);
    let database = world.database().unwrap();
    for query in [
        "SELECT input, actions, reason, logs FROM decisions",
        "SELECT * FROM audit",
        "SELECT * FROM events",
        "SELECT * FROM tasks",
        "SELECT * FROM prompts",
        "SELECT parked, held FROM accounts",
    ] {
        assert_silent(query, &database.rows(query).join("\n"), &secrets);
    }
    world.plex(|sim, _| sim.clear_faults());
    world.leaves(alice);
    world.eventually("the share is gone", || world.plex(|sim, _| sim.friend(friend).is_none())).await;
    world.quiet().await;
    let bytes = database_bytes(world.folder());
    for secret in secrets {
        assert!(!holds(&bytes, secret), "the database holds `{secret}`");
    }
    process.terminate().await;
    process.ended().await;
    assert!(process.err().len() > 50, "the log is loud");
    assert_silent("the log", &process.err().join("\n"), &secrets);
    assert_silent("the output", &process.out().join("\n"), &secrets);
    let bytes = database_bytes(world.folder());
    for secret in secrets {
        assert!(!holds(&bytes, secret), "the database holds `{secret}`");
    }
}

#[tokio::test]
async fn what_people_type_is_in_no_log() {
    let mut world = World::new().await;
    world.setup.log = "trace".to_owned();
    let mut process = run(&world, &LOUD);
    world.until_connected(0).await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.gets_role(alice);
    world.asked(alice).await;
    world.types(alice, "my hovercraft is full").await;
    world.discord(|sim, now| sim.type_direct_message(now, bob, "of eels")).unwrap();
    world.types(alice, "unregistered.person@example.org").await;
    world.eventually("an invitation is out", || world.is_invited("unregistered.person@example.org")).await;
    world.quiet().await;
    world.loses_role(alice);
    world.eventually("it is withdrawn", || world.plex(|sim, _| sim.invites().is_empty())).await;
    world.quiet().await;
    process.terminate().await;
    process.ended().await;
    let secrets = ["hovercraft", "eels", "unregistered.person", "interaction-token"];
    assert_silent("the log", &process.err().join("\n"), &secrets);
    assert_silent("the output", &process.out().join("\n"), &secrets);
}
