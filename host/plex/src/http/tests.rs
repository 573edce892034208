use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use rolarr_sim::{
    http::{Outcome, Request as Seen, Response as Answer},
    serve::Server,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_millis(400), body: 1_000 };

fn identity() -> Identity {
    Identity {
        token: Secret::new("token-of-the-owner"),
        server_token: Some(Secret::new("token-of-the-server")),
        client_identifier: "11111111-2222-3333-4444-555555555555".into(),
    }
}

fn transport(url: &str) -> HttpTransport {
    HttpTransport::new(Addresses::new(url, url, Some(url)).unwrap(), &identity(), LIMITS).unwrap()
}

fn get(path: &str) -> Request {
    Request {
        base: Base::PlexTv,
        method: Method::Get,
        route: "/api/route/{id}",
        path: path.into(),
        query: Vec::new(),
        json: false,
        body: None,
    }
}

/// A server that answers everything the same, and what it saw.
async fn server(outcome: impl Into<Outcome>) -> (Server, Arc<Mutex<Vec<Seen>>>) {
    let outcome = outcome.into();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let handler = move |request: &Seen| {
        log.lock().unwrap().push(request.clone());
        outcome.clone()
    };
    (Server::start(Arc::new(handler)).await.unwrap(), seen)
}

/// A server that answers one connection with these bytes and closes it.
async fn raw(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4_096]).await;
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
    });
    url
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant() {
    let (server, seen) = server(Answer::xml(200, "<a/>")).await;
    let request = Request {
        method: Method::Put,
        query: vec![("b", "label=x%2Cy&z".into()), ("a", "ü +".into())],
        json: true,
        body: Some("{\"a\":1}".into()),
        ..get("/api/invites/zoe%40example.org")
    };
    let response = transport(&server.url()).send(request).await.unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "<a/>"));
    let seen = seen.lock().unwrap();
    let request = &seen[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/api/invites/zoe%40example.org"));
    assert_eq!(request.query, [("b".into(), "label=x%2Cy&z".into()), ("a".into(), "ü +".into())]);
    assert_eq!(request.body, b"{\"a\":1}");
    for (name, value) in [
        ("x-plex-token", "token-of-the-owner"),
        ("x-plex-client-identifier", "11111111-2222-3333-4444-555555555555"),
        ("x-plex-product", "Rolarr"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn the_server_gets_its_own_token_and_a_prefix_is_kept() {
    let (server, seen) = server(Answer::empty(204)).await;
    let transport = transport(&format!("{}/prefix/", server.url()));
    transport.send(Request { base: Base::Server, ..get("/status/sessions") }).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].path, "/prefix/status/sessions");
    assert_eq!(seen[0].header("x-plex-token"), Some("token-of-the-server"));
    assert_eq!(seen[0].header("accept"), Some("application/xml"));
}

#[tokio::test]
async fn nobody_else_is_contacted() {
    let (other, seen) = server(Answer::xml(200, "<a/>")).await;
    let redirect = Answer::empty(302).with_header("location", format!("{}/elsewhere", other.url()));
    let (server, _) = server(redirect).await;
    assert_eq!(transport(&server.url()).send(get("/a")).await.unwrap().status, 302);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_path_cannot_lead_to_another_route() {
    let (server, seen) = server(Answer::empty(200)).await;
    for path in ["/api/invites/..", "/api/./x", "/api/%2e%2E/x", "/api/x?y=1", "/api/x#y", "/api\\x", "/a/\t"]
    {
        let sent = transport(&server.url()).send(get(path)).await;
        assert_eq!(sent.err(), Some(TransportError::NotSent), "{path:?}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn silence_and_breaks_end_the_call() {
    let (server, _) = server(Outcome::Hang).await;
    let silent = transport(&server.url()).send(get("/a")).await;
    assert_eq!(silent.err(), Some(TransportError::NoAnswer("it took too long")));

    let broken = Some(TransportError::NoAnswer("the connection broke"));
    for bytes in [
        b"".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n<MediaContainer size=\"0\">".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<a/>\n\r\n".to_vec(),
        b"garbage\r\n\r\n".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(transport(&raw(bytes).await).send(get("/a")).await.err(), broken, "{shown}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = transport(&url).send(get("/a")).await.err();
    assert!(
        matches!(refused, Some(TransportError::Unreached(why)) if why.contains("refused")),
        "{refused:?}"
    );
    let without = Addresses::new(&url, &url, None).unwrap();
    let transport = HttpTransport::new(without, &identity(), LIMITS).unwrap();
    let sent = transport.send(Request { base: Base::Server, ..get("/a") }).await;
    assert_eq!(sent.err(), Some(TransportError::NoAddress));
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit() {
    for (length, fits) in [(1_000, true), (1_001, false), (200_000, false)] {
        let (server, _) = server(Answer::xml(200, "x".repeat(length))).await;
        let answer = transport(&server.url()).send(get("/a")).await;
        let expected = if fits { Ok(length) } else { Err(TransportError::TooLong) };
        assert_eq!(answer.map(|answer| answer.body.len()), expected);
    }
}

#[tokio::test]
async fn an_answer_in_another_encoding_is_read() {
    let body = |status: u16| {
        let mut bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n").into_bytes();
        bytes.extend([0xff, b'x']);
        bytes
    };
    for status in [200, 401] {
        let answer = transport(&raw(body(status)).await).send(get("/a")).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (status, "\u{ff}x"));
    }
}

#[tokio::test]
async fn retry_after_is_read_where_it_is_a_number() {
    for (value, seconds) in
        [("7", Some(7)), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("", None)]
    {
        let (server, _) = server(Answer::empty(429).with_header("retry-after", value)).await;
        let answer = transport(&server.url()).send(get("/a")).await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (429, seconds), "{value}");
    }
}

#[test]
fn a_token_that_cannot_be_sent_is_refused_and_not_shown() {
    let addresses = Addresses::new("http://127.0.0.1:1", "http://127.0.0.1:1", None).unwrap();
    for token in ["", "hunter2\n", "hunter 2", "hünter2"] {
        let identity = Identity { token: Secret::new(token), ..identity() };
        let error = HttpTransport::new(addresses.clone(), &identity, LIMITS).unwrap_err();
        assert_eq!(error, BadIdentity::Token);
        assert!(!format!("{error} {identity:?}").contains("nter"));
    }
    let identity = Identity { client_identifier: String::new(), ..identity() };
    let error = HttpTransport::new(addresses, &identity, LIMITS).unwrap_err();
    assert_eq!(error, BadIdentity::ClientIdentifier);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_routes_and_no_paths_queries_bodies_or_tokens() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || sink.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let (server, _) = server(Answer::xml(400, "zoe-in-the-answer")).await;
    let transport = transport(&server.url());
    let request = |path: &str| Request {
        query: vec![("email", "zoe-in-the-query".into())],
        body: Some("zoe-in-the-body".into()),
        ..get(path)
    };
    transport.send(request("/api/zoe-in-the-path")).await.unwrap();
    drop(server);
    let error = transport.send(request("/api/zoe-in-the-path")).await.unwrap_err();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/api/route/{id}") && log.contains("status=400"), "{log}");
    let shown = format!("{log} {error} {error:?} {transport:?} {:?}", request("/api/zoe-in-the-path"));
    assert!(!shown.contains("zoe") && !shown.contains("token-of"), "{shown}");
}
