use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rolarr_sim::plex::{Effect, Fault, MACHINE, OWNER_TOKEN, PlexServers, PlexSim};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(800)).build().unwrap()
}

async fn start() -> (Arc<Mutex<PlexSim>>, PlexServers) {
    let sim = Arc::new(Mutex::new(PlexSim::sample()));
    let servers = PlexServers::start(Arc::clone(&sim), Arc::new(|| 1_780_000_000_000)).await.unwrap();
    (sim, servers)
}

#[tokio::test]
async fn a_filter_crosses_the_wire_as_it_is_stored() {
    let (sim, servers) = start().await;
    let ann = {
        let mut sim = sim.lock().unwrap();
        let ann = sim.account("ann").unwrap().id;
        sim.owner_shares_with(0, ann, MACHINE, &[]).unwrap();
        ann
    };
    for (sent, stored) in [
        ("label%3DnoAccess", "label=noAccess"),
        ("label%3Da%252Cb", "label=a%2Cb"),
        ("label%3Da%2Cb%26label%21%3Dc%20d", "label=a,b&label!=c d"),
        ("", ""),
    ] {
        let url = format!("{}/api/users/{ann}?filterMovies={sent}", servers.plex_tv);
        let answer = client().put(url).header("X-Plex-Token", OWNER_TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let filters = sim.lock().unwrap().filters(ann);
        assert_eq!(filters.get("filterMovies").map_or("", String::as_str), stored);
    }
}

#[tokio::test]
async fn the_three_addresses_are_three_servers() {
    let (_sim, servers) = start().await;
    let get = async |url: String| client().get(url).send().await.unwrap().status().as_u16();
    assert_eq!(get(format!("{}/identity", servers.server)).await, 200);
    assert_eq!(get(format!("{}/identity", servers.plex_tv)).await, 404);
    assert_eq!(get(format!("{}/api/users", servers.plex_tv)).await, 401);
    assert_eq!(get(format!("{}/api/v2/user", servers.clients)).await, 400);
    assert_eq!(get(format!("{}/api/v2/user", servers.server)).await, 401);
}

#[tokio::test]
async fn the_resource_says_where_the_server_listens() {
    let (_sim, servers) = start().await;
    let request = client()
        .get(format!("{}/api/v2/resources", servers.plex_tv))
        .header("X-Plex-Token", OWNER_TOKEN)
        .header("X-Plex-Client-Identifier", "tests")
        .header("Accept", "application/json");
    let body = request.send().await.unwrap().text().await.unwrap();
    let resources: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(resources[0]["connections"][0]["uri"], servers.server.as_str());
}

#[tokio::test]
async fn a_request_that_hangs_or_is_dropped_has_its_effect_or_not() {
    for (effect, timeout, applied) in [
        (Effect::Hang { applied: true }, true, true),
        (Effect::Hang { applied: false }, true, false),
        (Effect::Drop { applied: true }, false, true),
        (Effect::Drop { applied: false }, false, false),
    ] {
        let (sim, servers) = start().await;
        let ann = {
            let mut sim = sim.lock().unwrap();
            let ann = sim.account("ann").unwrap().id;
            sim.owner_shares_with(0, ann, MACHINE, &[]).unwrap();
            sim.fault(Fault::on("DELETE", "/api/v2/sharings/{id}", effect.clone()));
            ann
        };
        let request = client()
            .delete(format!("{}/api/v2/sharings/{ann}", servers.plex_tv))
            .header("X-Plex-Token", OWNER_TOKEN)
            .header("X-Plex-Client-Identifier", "tests");
        let error = request.send().await.unwrap_err();
        assert_eq!(error.is_timeout(), timeout, "{effect:?}: {error:?}");
        assert_eq!(sim.lock().unwrap().friend(ann).is_none(), applied, "{effect:?}");
    }
}
