//! Discord behind real sockets: REST and the gateway on one port of 127.0.0.1.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    extract::Request as HttpRequest,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response as HttpResponse,
};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch, time::interval};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as WsMessage,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{ConnectionId, DiscordSim, Frame};
use crate::serve::{self, Handler, Server};

/// How often time passes for the gateway's own limits.
const TICK: Duration = Duration::from_secs(1);
/// How long a client may take to answer a close frame before the connection is dropped.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

type Shared = Arc<Mutex<DiscordSim>>;
type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// The time now, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A simulated Discord that listens. It ends when it is dropped.
#[derive(Debug)]
pub struct DiscordServer {
    sim: Shared,
    server: Server,
    _stop: watch::Sender<()>,
}

impl DiscordServer {
    /// Listens on a free port of 127.0.0.1, and tells the simulator where its gateway is.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(sim: Shared) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        Self::serve(sim, listener)
    }

    /// Serves on a listener, so that a simulator can come back at the same address.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn serve(sim: Shared, listener: TcpListener) -> io::Result<Self> {
        let (wake, woken) = watch::channel(());
        let (stop, stopped) = watch::channel(());
        lock(&sim).wake_with(Arc::new(move || {
            let _ = wake.send(());
        }));
        let handler: Handler = {
            let sim = Arc::clone(&sim);
            Arc::new(move |request| lock(&sim).handle(now_ms(), request))
        };
        let gateway = Gateway { sim: Arc::clone(&sim), woken, stopped };
        let app = Router::new().fallback(move |request: HttpRequest| {
            let (handler, gateway) = (Arc::clone(&handler), gateway.clone());
            async move {
                if request.headers().contains_key(header::UPGRADE) {
                    gateway.upgrade(request)
                } else {
                    serve::answer(&handler, request).await
                }
            }
        });
        let server = Server::serve(listener, app)?;
        lock(&sim).set_gateway_url(format!("ws://{}", server.address()));
        Ok(Self { sim, server, _stop: stop })
    }

    /// The base address of REST, without a slash at the end: `/api/v10` follows.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The address of the gateway, such as `ws://127.0.0.1:1234`.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        format!("ws://{}", self.server.address())
    }

    /// Does something with the simulator, at the present time. Don't wait for anything inside.
    pub fn with<T>(&self, act: impl FnOnce(&mut DiscordSim, u64) -> T) -> T {
        act(&mut lock(&self.sim), now_ms())
    }
}

/// A panic elsewhere, in a test's own code, doesn't make the simulator unusable.
fn lock(sim: &Shared) -> MutexGuard<'_, DiscordSim> {
    sim.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a gateway connection needs.
#[derive(Clone, Debug)]
struct Gateway {
    sim: Shared,
    woken: watch::Receiver<()>,
    stopped: watch::Receiver<()>,
}

impl Gateway {
    /// Answers the request to become a web socket, and carries its frames from then on.
    fn upgrade(&self, mut request: HttpRequest) -> HttpResponse {
        let Some(accept) = accept_key(request.headers()) else {
            return status(StatusCode::BAD_REQUEST);
        };
        let version = request
            .uri()
            .query()
            .and_then(|query| query.split('&').find_map(|part| part.strip_prefix("v=").map(str::to_owned)));
        let upgrade = hyper::upgrade::on(&mut request);
        let gateway = self.clone();
        // The task ends with its connection, or when the server is dropped.
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                let socket =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
                gateway.carry(socket, version.as_deref()).await;
            }
        });
        let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        response
    }

    async fn carry(mut self, mut socket: Socket, version: Option<&str>) {
        let connection = {
            let mut sim = lock(&self.sim);
            let connection = sim.connect(now_ms());
            if version.is_some_and(|version| version != "10") {
                sim.close(connection, now_ms(), 4012);
            }
            connection
        };
        let code = self.exchange(&mut socket, connection).await;
        lock(&self.sim).disconnected(connection, now_ms(), code);
    }

    /// Carries frames both ways until one side ends. Returns the code that the client closed with.
    async fn exchange(&mut self, socket: &mut Socket, connection: ConnectionId) -> Option<u16> {
        let mut ticks = interval(TICK);
        loop {
            let frames = lock(&self.sim).take_frames(connection);
            for frame in frames {
                match frame {
                    Frame::Text(text) => socket.send(WsMessage::Text(text)).await.ok()?,
                    Frame::Close(code) => {
                        close(socket, code).await;
                        return None;
                    }
                    Frame::Abort => return None,
                }
            }
            tokio::select! {
                _ = self.stopped.changed() => return None,
                woken = self.woken.changed() => if woken.is_err() {
                    return None;
                },
                _ = ticks.tick() => lock(&self.sim).tick(now_ms()),
                message = socket.next() => match message {
                    Some(Ok(WsMessage::Text(text))) => {
                        lock(&self.sim).receive_text(connection, now_ms(), &text);
                    }
                    // Frames of bytes are ETF, which nobody asked for.
                    Some(Ok(WsMessage::Binary(_))) => {
                        lock(&self.sim).receive_text(connection, now_ms(), "");
                    }
                    Some(Ok(WsMessage::Close(frame))) => {
                        // Sends the answer to the close frame.
                        let _ = socket.flush().await;
                        return frame.map(|frame| frame.code.into());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                },
            }
        }
    }
}

async fn close(socket: &mut Socket, code: u16) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
    let _ = socket.close(Some(frame)).await;
    let _ = tokio::time::timeout(CLOSE_WAIT, async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let websocket = headers.get(header::UPGRADE)?.to_str().ok()?.eq_ignore_ascii_case("websocket");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| websocket)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

fn status(code: StatusCode) -> HttpResponse {
    let mut response = HttpResponse::new(Body::empty());
    *response.status_mut() = code;
    response
}
