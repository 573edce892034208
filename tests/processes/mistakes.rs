//! Something that the configuration names does not exist: one error that names what does, and nothing is
//! changed.

use rolarr_sim::discord::{GuildId, RoleId};
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
