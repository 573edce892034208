//! Something that the configuration names does not exist: one error that names what does, and nothing is
//! changed.

use rolarr_sim::{
    discord::{GuildId, RoleId},
    plex::{Effect, Fault, Library, MACHINE},
};
use rolarr_tests::{Setup, World};

use crate::run;

/// Runs the bot with a mistake in its configuration; what it says.
async fn mistaken(mistake: impl FnOnce(&mut Setup)) -> String {
    let mut world = World::new().await;
    // Somebody with the role and a share that could be changed.
    world.befriended("ann@example.org");
    world.gets_role(world.scene.alice);
    world.setup.first_start = "process".to_owned();
    mistake(&mut world.setup);
    let mut process = run(&world, &[]);
    let status = process.ended().await;
    let said = process.err().join("\n");
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(said.contains("config.toml:"), "the file and the line: {said}");
    assert!(world.writes().is_empty());
    let (wrote, sessions) = world.discord(|sim, _| {
        let wrote = sim.requests().iter().filter(|request| request.method != "GET").count();
        (wrote, sim.open_connections().len())
    });
    assert_eq!((wrote, sessions), (0, 0), "nothing is asked of Discord but to be read");
    said
}

#[tokio::test]
async fn a_role_that_does_not_exist() {
    let said = mistaken(|setup| setup.roles[0].1 = RoleId(900_000_001)).await;
    assert!(said.contains("the role `subscriber` (900000001) does not exist"), "{said}");
    assert!(said.contains("`Subscriber` (") && said.contains("`Moderator` ("), "what there is: {said}");
    assert!(!said.contains("@everyone"), "{said}");
}

#[tokio::test]
async fn a_discord_server_that_does_not_exist() {
    let said = mistaken(|setup| setup.guild = GuildId(900_000_001)).await;
    assert!(said.contains("no member of a Discord server with the id 900000001"), "{said}");
    assert!(said.contains("invite the bot"), "{said}");
}

#[tokio::test]
async fn a_plex_server_that_does_not_exist() {
    let said = mistaken(|setup| setup.server = "Attik".to_owned()).await;
    assert!(said.contains("no server `Attik`"), "{said}");
    assert!(said.contains("`Attic`") && said.contains("`Cellar`"), "what there is: {said}");
}

#[tokio::test]
async fn a_library_that_does_not_exist() {
    let wrong = vec!["Movies".to_owned(), "Shows".to_owned()];
    let said = mistaken(|setup| setup.libraries = Some(wrong)).await;
    assert!(said.contains("no library `Shows`"), "{said}");
    assert!(said.contains("`TV Shows`") && said.contains("`Music`"), "what there is: {said}");
}

#[tokio::test]
async fn tokens_that_are_not_accepted() {
    let world = World::new().await;
    world.plex(|sim, _| sim.set_token_valid(false));
    let mut process = run(&world, &[]);
    assert_eq!(process.ended().await.code(), Some(2));
    let said = process.err().join("\n");
    assert!(said.contains("Plex does not accept the token") && !said.contains("owner-token"), "{said}");

    let world = World::new().await;
    let token = world.discord(|sim, _| {
        sim.application_mut().token_valid = false;
        sim.token().to_owned()
    });
    let mut process = run(&world, &[]);
    assert_eq!(process.ended().await.code(), Some(2));
    let said = process.err().join("\n");
    assert!(said.contains("Discord does not accept the bot's token"), "{said}");
    assert!(!said.contains(&token), "{said}");
}

/// Nobody needs to edit the file before the next reboot because the bot was removed from one of the Discord servers.
#[tokio::test]
async fn a_discord_server_that_is_gone_since_keeps_no_other_from_being_served() {
    let mut world = World::new().await;
    let (owner, alice) = (world.scene.owner, world.scene.alice);
    let second = world.discord(|sim, now| {
        let guild = sim.create_guild(now, "Second", owner);
        (guild, sim.create_role(now, guild, "Friend").unwrap())
    });
    world.setup.more_guilds.push(second);
    world.setup.audit_channel = Some(world.scene.channel);
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    let taken_in = || world.database().unwrap().rows("SELECT guild FROM guilds").len() == 2;
    world.eventually("both are taken in", taken_in).await;
    process.terminate().await;
    assert!(process.ended().await.success());

    world.discord(|sim, now| sim.kick_bot(now, second.0).unwrap());
    let sessions = world.sessions();
    let mut process = run(&world, &[]);
    world.until_connected(sessions).await;
    world.gets_role(alice);
    world.asked(alice).await;
    let told = |what: &str| {
        let rows = world.database().unwrap().rows("SELECT text FROM audit");
        rows.iter().filter(|text| text.contains(what)).count()
    };
    let removed = || told("I am no member of a Discord server") == 1;
    world.eventually("administrators are told that it is gone", removed).await;
    assert_eq!(told("without the Discord server `more-0`"), 1);
    let said = process.err().join("\n");
    assert!(said.contains("the bot starts without it"), "{said}");
    process.terminate().await;
    assert!(process.ended().await.success());

    // With no other that is served the mistake is the configuration's.
    let first = world.scene.guild;
    world.discord(|sim, now| sim.kick_bot(now, first).unwrap());
    let mut process = run(&world, &[]);
    assert_eq!(process.ended().await.code(), Some(2));
    let said = process.err().join("\n");
    assert!(said.contains("no member of a Discord server with the id"), "{said}");
}

#[tokio::test]
async fn what_the_plex_server_itself_refuses_is_told_at_the_start() {
    for (status, words) in [
        (401, "the server at `plex.server_url` does not"),
        (403, "the server at `plex.server_url` does not"),
        (503, "can't be asked now"),
    ] {
        let world = World::new().await;
        let refuses = Effect::Status { status, retry_after: None };
        world.plex(|sim, _| sim.fault(Fault::on("GET", "/status/sessions", refuses)));
        let mut process = run(&world, &[]);
        world.until_connected(0).await;
        let said = process.err().join("\n");
        assert!(said.contains(words) && !said.contains("owner-token"), "{status}: {said}");
        process.terminate().await;
        assert!(process.ended().await.success(), "{status}: the bot works on");
    }
}

#[tokio::test]
async fn libraries_with_one_name_are_told_at_the_start() {
    let world = World::new().await;
    world.plex(|sim, _| {
        let server = sim.world.servers.iter_mut().find(|server| server.machine == MACHINE).unwrap();
        let first = server.libraries[0].clone();
        server.libraries.push(Library { id: 777_000_001, key: 77, title: "MOVIES".to_owned(), ..first });
    });
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    let said = process.err().join("\n");
    assert!(said.contains("several libraries of the server have this name"), "{said}");
    assert!(said.contains("movies"), "{said}");
    process.terminate().await;
    assert!(process.ended().await.success());
}
