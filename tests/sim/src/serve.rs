//! A state machine behind a real socket on loopback.

use std::{future::pending, io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request as HttpRequest,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response as HttpResponse,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::http::{Outcome, Request, Response};

/// The longest body that is read: no client of ours sends more.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// What answers requests. It must not block.
pub type Handler = Arc<dyn Fn(&Request) -> Outcome + Send + Sync>;

/// A listening server. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(handler: Handler) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let app = Router::new().fallback(move |request: HttpRequest| {
            let handler = Arc::clone(&handler);
            async move { answer(&handler, request).await }
        });
        Self::serve(listener, app)
    }

    /// Serves a router on a listener.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn serve(listener: TcpListener, app: Router) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, app) => {}
                _ = stopped => {}
            }
        });
        Ok(Self { address, _stop: stop, _task: task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers one HTTP request through a handler.
pub async fn answer(handler: &Handler, request: HttpRequest) -> HttpResponse {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let query = head.uri.query().unwrap_or_default();
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: decode(query),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body: body.to_vec(),
    };
    match handler(&request) {
        Outcome::Respond(response) => plain(response),
        Outcome::Hang => pending().await,
        Outcome::Drop => broken(),
    }
}

fn decode(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (plain(key), plain(value))
        })
        .collect()
}

fn plain(response: Response) -> HttpResponse {
    let mut http = HttpResponse::new(Body::from(response.body));
    *http.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            http.headers_mut().append(name, value);
        }
    }
    http
}

/// A body that fails at once: the server cuts the connection in the middle of the answer.
fn broken() -> HttpResponse {
    let failing = futures_util::stream::once(async { Err::<Vec<u8>, _>(io::Error::other("dropped")) });
    HttpResponse::new(Body::from_stream(failing))
}

fn status(code: StatusCode) -> HttpResponse {
    let mut http = HttpResponse::new(Body::empty());
    *http.status_mut() = code;
    http
}
