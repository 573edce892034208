//! What the real binary says when the configuration names something that does not exist, or when Discord
//! does not let it in: with which exit code, and without having changed anything.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rolarr_sim::{
    discord::{DiscordServer, DiscordSim, GuildId, RoleId, UserId, now_ms},
    plex::{Effect, Fault, OWNER_TOKEN, PlexServers, PlexSim, system_clock},
};
use tempfile::TempDir;

/// How long the bot may take until it has ended by itself.
const END: Duration = Duration::from_secs(60);

const GUILD: u64 = 900_000_001;
const ROLE: u64 = 900_000_002;
const OTHER_ROLE: u64 = 900_000_003;
const OWNER: u64 = 900_000_100;

const CONFIG: &str = r#"[discord]
token = "DISCORD-TOKEN"
protected_roles = ["900000003"]
[[discord.guilds]]
id = "900000001"
key = "home"
[[discord.guilds.roles]]
key = "subscriber"
id = "900000002"
[plex]
token = "PLEX-TOKEN"
server = "Attic"
libraries = ["Movies", "Music"]
[policy]
module = "builtin:role-restriction"
[policy.settings]
label = "noAccess"
[addresses]
discord_api = "DISCORD-API"
discord_gateway = "DISCORD-GATEWAY"
plex_tv = "PLEX-TV"
plex_clients = "PLEX-CLIENTS"
[timing]
plex_request_every = "0ms"
"#;

/// Discord and Plex on loopback, and a folder for the bot.
struct World {
    discord: DiscordServer,
    plex: Arc<Mutex<PlexSim>>,
    plex_servers: PlexServers,
    folder: TempDir,
}

/// How the bot ended.
struct Ended {
    code: Option<i32>,
    /// What it printed after its log, which names nothing that differs from run to run.
    said: String,
}

impl World {
    async fn new() -> Self {
        let mut sim = DiscordSim::new(now_ms());
        let guild = GuildId(GUILD);
        sim.insert_user(UserId(OWNER), "owner", false);
        sim.insert_guild(now_ms(), guild, "Example", UserId(OWNER));
        sim.insert_role(now_ms(), guild, RoleId(ROLE), "Subscriber", 0).unwrap();
        sim.insert_role(now_ms(), guild, RoleId(OTHER_ROLE), "Staff", 0).unwrap();
        let plex = Arc::new(Mutex::new(PlexSim::sample()));
        Self {
            discord: DiscordServer::start(Arc::new(Mutex::new(sim))).await.unwrap(),
            plex_servers: PlexServers::start(Arc::clone(&plex), system_clock()).await.unwrap(),
            plex,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs the bot with the configuration, a part of it replaced, until it ends by itself.
    async fn run_with(&self, part: &str, instead: &str) -> Ended {
        assert_eq!(CONFIG.matches(part).count(), 1, "{part}");
        let token = self.discord.with(|sim, _| sim.token().to_owned());
        let config = CONFIG
            .replace(part, instead)
            .replace("DISCORD-TOKEN", &token)
            .replace("PLEX-TOKEN", OWNER_TOKEN)
            .replace("DISCORD-API", &self.discord.url())
            .replace("DISCORD-GATEWAY", &self.discord.gateway_url())
            .replace("PLEX-TV", &self.plex_servers.plex_tv)
            .replace("PLEX-CLIENTS", &self.plex_servers.clients);
        fs::write(self.folder.path().join("config.toml"), config).unwrap();
        let bot = Command::new(env!("CARGO_BIN_EXE_rolarr"))
            .arg("run")
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = tokio::task::spawn_blocking(move || until_ended(bot)).await.unwrap();
        assert!(output.stdout.is_empty());
        let printed = String::from_utf8(output.stderr).unwrap();
        let at = printed.find("error: ").unwrap_or_else(|| panic!("no error:\n{printed}"));
        Ended { code: output.status.code(), said: printed[at..].to_owned() }
    }

    /// The same, for a mistake in the configuration: the exit code says so, and nothing was changed.
    async fn refusal_of(&self, part: &str, instead: &str) -> String {
        let ended = self.run_with(part, instead).await;
        assert_eq!(ended.code, Some(2), "{}", ended.said);
        self.nothing_is_changed();
        ended.said
    }

    fn nothing_is_changed(&self) {
        let plex = self.plex.lock().unwrap();
        assert!(plex.writes().is_empty(), "{:?}", plex.writes());
        let changing: Vec<String> = self.discord.with(|sim, _| {
            let requests = sim.requests().iter().filter(|request| request.method != "GET");
            requests.map(|request| format!("{} {}", request.method, request.path)).collect()
        });
        assert!(changing.is_empty(), "{changing:?}");
    }
}

fn until_ended(mut bot: Child) -> Output {
    let limit = Instant::now() + END;
    while bot.try_wait().unwrap().is_none() {
        if Instant::now() > limit {
            bot.kill().unwrap();
            let output = bot.wait_with_output().unwrap();
            panic!("it does not end:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        thread::sleep(Duration::from_millis(20));
    }
    bot.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_does_not_exist_is_named() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refusal_of("\"900000001\"", "\"900000009\"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_role_that_does_not_exist_the_roles_are_listed() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refusal_of("\"900000002\"", "\"900000009\"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_protected_role_that_does_not_exist_the_roles_are_listed() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refusal_of("[\"900000003\"]", "[\"900000009\"]").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_plex_server_that_does_not_exist_the_servers_are_listed() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refusal_of("\"Attic\"", "\"Loft\"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_library_that_does_not_exist_the_libraries_are_listed() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refusal_of("\"Music\"", "\"Songs\"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_not_there_or_does_not_load_is_named() {
    let world = World::new().await;
    let mut all = world.refusal_of("builtin:role-restriction", "my-policy.wasm").await;
    fs::write(world.folder.path().join("my-policy.wasm"), b"\0asm\x01\0\0\0").unwrap();
    all.push_str(&world.refusal_of("builtin:role-restriction", "my-policy.wasm").await);
    fs::write(world.folder.path().join("my-policy.wasm"), "no module at all").unwrap();
    all.push_str(&world.refusal_of("builtin:role-restriction", "my-policy.wasm").await);
    insta::assert_snapshot!(all.replace(&world.folder.path().display().to_string(), "FOLDER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_no_filter_can_carry_is_refused() {
    let world = World::new().await;
    let mut all = String::new();
    for label in ["", "no,access", "no|access", " noAccess"] {
        all.push_str(&format!("label = {label:?}\n"));
        all.push_str(&world.refusal_of("\"noAccess\"", &format!("{label:?}")).await);
    }
    insta::assert_snapshot!(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_compiled_policies_that_can_not_be_used_is_named() {
    let world = World::new().await;
    fs::write(world.folder.path().join("rolarr.cache"), "a file").unwrap();
    // Nothing is replaced.
    insta::assert_snapshot!(world.refusal_of("\"Attic\"", "\"Attic\"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_accepted_are_a_mistake_in_the_configuration() {
    let world = World::new().await;
    let mut all = world.refusal_of("PLEX-TOKEN", "some-other-token").await;
    all.push_str(&world.refusal_of("DISCORD-TOKEN", "some-other-token").await);
    insta::assert_snapshot!(all);
}

fn proxy(world: &World, times: Option<u32>) {
    let page = Fault::on("GET", "/api/*", Effect::Page { status: 401, applied: false });
    world.plex.lock().unwrap().fault(match times {
        Some(times) => page.times(times),
        None => page,
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_401_page_of_a_proxy_that_lasts_is_a_reason_to_start_again() {
    let world = World::new().await;
    proxy(&world, None);
    // Nothing is replaced.
    let ended = world.run_with("\"Attic\"", "\"Attic\"").await;
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("did not come from Plex itself (status 401)"), "{}", ended.said);
    assert!(!ended.said.contains("token"), "{}", ended.said);
    world.nothing_is_changed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_401_page_of_a_proxy_that_passes_is_waited_for() {
    let world = World::new().await;
    proxy(&world, Some(2));
    let said = world.refusal_of("\"Music\"", "\"Songs\"").await;
    assert!(said.contains("no library `Songs`") && !said.contains("token"), "{said}");
}

// Started again each minute, the bot would have more sessions in a day than Discord allows.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_intent_for_members_there_is_no_reason_to_start_again() {
    let world = World::new().await;
    world.discord.with(|sim, _| sim.application_mut().members_intent = false);
    // Nothing is replaced.
    let ended = world.run_with("\"Attic\"", "\"Attic\"").await;
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    insta::assert_snapshot!(ended.said);
    let plex = world.plex.lock().unwrap();
    assert!(plex.writes().is_empty(), "{:?}", plex.writes());
}
