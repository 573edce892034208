//! A state machine behind a real socket on loopback.

use std::{error::Error, fmt, future::pending, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody, to_bytes},
    extract::Request as HttpRequest,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response as HttpResponse,
};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};

use crate::http::{Outcome, Request, Response};

/// The longest body that is read: no client of ours sends more.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// What answers requests. It must not block.
pub type Handler = Arc<dyn Fn(&Request) -> Outcome + Send + Sync>;

/// A listening server. It ends when it is dropped, and all its connections with it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection is to be dropped without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl Error for Dropped {}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(handler: Handler) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let handler = Arc::clone(&handler);
            async move {
                // An error makes hyper close the connection without an answer.
                let request = request.map(Body::new);
                match outcome(&handler, request).await {
                    Ok(outcome) => reply(outcome).await.ok_or(Dropped),
                    Err(refused) => Ok(refused),
                }
            }
        });
        Self::accept(listener, service)
    }

    /// Serves a router on a listener.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn serve(listener: TcpListener, app: Router) -> io::Result<Self> {
        Self::accept(listener, TowerToHyperService::new(app))
    }

    fn accept<S>(listener: TcpListener, service: S) -> io::Result<Self>
    where
        S: HttpService<Incoming> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::ResBody: HttpBody<Data = Bytes> + Send + 'static,
        <S::ResBody as HttpBody>::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        // No reason to stop listening: the client is gone already, or there are too many
                        // open files for the moment.
                        let Ok((stream, _)) = accepted else {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            continue;
                        };
                        let _ = stream.set_nodelay(true);
                        let connection = http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service.clone())
                            .with_upgrades();
                        connections.spawn(async move {
                            let _ = connection.await;
                        });
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, task })
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

/// Answers one HTTP request through a handler, from within a router.
pub async fn answer(handler: &Handler, request: HttpRequest) -> HttpResponse {
    match outcome(handler, request).await {
        Ok(outcome) => reply(outcome).await.unwrap_or_else(broken),
        Err(refused) => refused,
    }
}

/// Reads a request and asks the handler. The error is an answer too: the body is too long.
async fn outcome(handler: &Handler, request: HttpRequest) -> Result<Outcome, HttpResponse> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| status(StatusCode::PAYLOAD_TOO_LARGE))?;
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
    Ok(handler(&request))
}

/// The answer; none if the connection is to be dropped. It may never come.
async fn reply(outcome: Outcome) -> Option<HttpResponse> {
    match outcome {
        Outcome::Respond(response) => Some(plain(response)),
        Outcome::Hang => pending().await,
        Outcome::Drop => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(server: &Server, client: &reqwest::Client) -> Result<u16, reqwest::Error> {
        let response = client.get(server.url()).timeout(Duration::from_secs(5)).send().await?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok(status)
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    fn always(outcome: Outcome) -> Handler {
        Arc::new(move |_| outcome.clone())
    }

    #[tokio::test]
    async fn a_dropped_connection_gives_no_status() {
        let server = Server::start(always(Outcome::Drop)).await.unwrap();
        let error = client().get(server.url()).send().await.unwrap_err();
        assert!(!error.is_timeout() && error.status().is_none(), "{error:?}");
    }

    #[tokio::test]
    async fn a_router_breaks_the_connection_too() {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let handler = always(Outcome::Drop);
        let app = Router::new().fallback(move |request: HttpRequest| {
            let handler = Arc::clone(&handler);
            async move { answer(&handler, request).await }
        });
        let server = Server::serve(listener, app).unwrap();
        assert!(get(&server, &client()).await.is_err());
    }

    #[tokio::test]
    async fn a_hanging_request_is_never_answered() {
        let server = Server::start(always(Outcome::Hang)).await.unwrap();
        let asked = client().get(server.url()).timeout(Duration::from_millis(200)).send().await;
        assert!(asked.unwrap_err().is_timeout());
    }

    #[tokio::test]
    async fn a_server_that_is_dropped_ends_its_open_connections() {
        let server = Server::start(always(Response::empty(204).into())).await.unwrap();
        let client = client();
        let url = server.url();
        assert_eq!(get(&server, &client).await.unwrap(), 204);
        drop(server);
        assert!(client.get(url).send().await.is_err());
    }

    #[tokio::test]
    async fn a_body_without_end_is_refused() {
        let server = Server::start(always(Response::empty(204).into())).await.unwrap();
        let body = vec![b'x'; LONGEST_BODY + 1];
        let answer = client().post(server.url()).body(body).send().await;
        assert!(answer.map_or(true, |answer| answer.status() == 413));
    }
}
