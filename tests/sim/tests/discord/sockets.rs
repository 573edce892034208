//! The same over sockets: frames, upgrades, breaking off.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rolarr_sim::discord::{DiscordServer, RestFault, RestFaultKind, Scene, now_ms};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::drive::INTENTS;

type Client = WebSocketStream<TcpStream>;

async fn server() -> (DiscordServer, Scene) {
    let (sim, scene) = Scene::new(now_ms()).unwrap();
    (DiscordServer::start(Arc::new(Mutex::new(sim))).await.unwrap(), scene)
}

async fn connect(server: &DiscordServer, query: &str) -> Client {
    let url = server.gateway_url();
    let stream = TcpStream::connect(url.strip_prefix("ws://").unwrap()).await.unwrap();
    client_async(format!("{url}/{query}"), stream).await.unwrap().0
}

/// The next frame; none if the connection is at its end.
async fn next(client: &mut Client) -> Option<Message> {
    timeout(Duration::from_secs(10), client.next()).await.expect("nothing came")?.ok()
}

async fn next_payload(client: &mut Client) -> Value {
    match next(client).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("not a payload: {other:?}"),
    }
}

async fn next_code(client: &mut Client) -> u16 {
    match next(client).await {
        Some(Message::Close(Some(frame))) => frame.code.into(),
        other => panic!("not closed: {other:?}"),
    }
}

async fn session(server: &DiscordServer) -> Client {
    let mut client = connect(server, "?v=10&encoding=json").await;
    assert_eq!(next_payload(&mut client).await["op"], 10);
    let token = server.with(|sim, _| sim.token().to_owned());
    let identify = json!({"op": 2, "d": {"token": token, "intents": INTENTS, "properties": {}}});
    client.send(Message::Text(identify.to_string())).await.unwrap();
    assert_eq!(next_payload(&mut client).await["t"], "READY");
    assert_eq!(next_payload(&mut client).await["t"], "GUILD_CREATE");
    client
}

#[tokio::test]
async fn an_event_comes_without_being_asked_for() {
    let (server, scene) = server().await;
    let mut client = session(&server).await;
    server.with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber)).unwrap();
    assert_eq!(next_payload(&mut client).await["t"], "GUILD_MEMBER_UPDATE");
    server.with(|sim, now| sim.close_connections(now, 4000));
    assert_eq!(next_code(&mut client).await, 4000);
}

#[tokio::test]
async fn an_aborted_connection_ends_without_a_close_frame() {
    let (server, _) = server().await;
    let mut client = session(&server).await;
    server.with(|sim, now| sim.drop_connections(now));
    assert!(next(&mut client).await.is_none());
}

/// What a resume of the first session is answered with, once the simulator has seen the connection end.
async fn resume(server: &DiscordServer) -> Value {
    for _ in 0..500 {
        if server.with(|sim, _| sim.open_connections().is_empty()) {
            let mut client = connect(server, "?v=10").await;
            next_payload(&mut client).await;
            let token = server.with(|sim, _| sim.token().to_owned());
            let resume = json!({"op": 6, "d": {"token": token, "session_id": "session00000001", "seq": 2}});
            client.send(Message::Text(resume.to_string())).await.unwrap();
            return next_payload(&mut client).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the simulator still holds the connection");
}

#[tokio::test]
async fn a_session_ends_with_close_code_1000_and_outlives_any_other_end() {
    for (code, resumed) in [(Some(1000), false), (Some(4000), true), (None, true)] {
        let (server, _) = server().await;
        let mut client = session(&server).await;
        if let Some(code) = code {
            let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
            client.close(Some(frame)).await.unwrap();
            while next(&mut client).await.is_some() {}
        }
        drop(client);
        assert_eq!(resume(&server).await["t"] == "RESUMED", resumed, "{code:?}");
    }
}

#[tokio::test]
async fn garbage_frames_close_the_connection() {
    let (server, _) = server().await;
    for garbage in
        [Message::Binary(vec![0xff; 40]), Message::Text("{".to_owned()), Message::Text("x".repeat(9000))]
    {
        let mut client = session(&server).await;
        client.send(garbage).await.unwrap();
        assert_eq!(next_code(&mut client).await, 4002);
    }
    session(&server).await;
}

#[tokio::test]
async fn another_version_of_the_gateway_is_closed() {
    let (server, _) = server().await;
    let mut client = connect(&server, "?v=6").await;
    next_payload(&mut client).await;
    assert_eq!(next_code(&mut client).await, 4012);
}

#[tokio::test]
async fn an_upgrade_to_something_else_is_refused() {
    let (server, _) = server().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(server.url()).header("upgrade", "h2c").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let response = client.get(server.url()).header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn requests_hang_and_break_over_sockets_too() {
    let (server, _) = server().await;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(500)).build().unwrap();
    let url = format!("{}/api/v10/gateway", server.url());
    server.with(|sim, _| {
        sim.fail_requests(RestFault::once("GET", "gateway", RestFaultKind::Hang));
        sim.fail_requests(RestFault::once("GET", "gateway", RestFaultKind::Drop));
    });
    assert!(client.get(&url).send().await.unwrap_err().is_timeout());
    let broken = async { client.get(&url).send().await?.text().await };
    assert!(!broken.await.unwrap_err().is_timeout());
    let gateway: Value =
        serde_json::from_str(&client.get(&url).send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(gateway["url"], server.gateway_url());
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_its_connections_and_another_takes_over() {
    let (sim, _) = Scene::new(now_ms()).unwrap();
    let sim = Arc::new(Mutex::new(sim));
    let server = DiscordServer::start(Arc::clone(&sim)).await.unwrap();
    let mut client = session(&server).await;
    drop(server);
    assert!(next(&mut client).await.is_none());
    let server = DiscordServer::start(sim).await.unwrap();
    session(&server).await;
    server.with(|sim, _| assert_eq!(sim.identify_count(), 2));
}
