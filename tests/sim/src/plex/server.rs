//! The Plex server itself: who watches what, stopping them, libraries and labels.

use super::{
    state::{MediaServer, Session},
    v2::wants_json,
    world::World,
    xml::Element,
};
use crate::http::{Request, Response};

/// Answers a request to the first server of the world.
pub(crate) fn answer(world: &mut World, request: &Request, route: &[&str]) -> Response {
    let Some(server) = world.servers.first() else { return Response::empty(503) };
    if let ["identity"] = route {
        let identity = container(0)
            .with("apiVersion", "1.1.1")
            .with("claimed", 1)
            .with("machineIdentifier", &server.machine)
            .with("version", VERSION);
        return document(request, &identity);
    }
    let token = super::token(request);
    let owner = token == world.owner.token || token == server.token;
    let person = world.people.values().find(|account| account.token == token).map(|account| account.id);
    let shared = world.shares.values().any(|share| {
        let accepted = share.accepted_at.is_some() && share.machine == server.machine;
        let theirs = token == format!("share-token-{}", share.id);
        accepted && (theirs || person.is_some_and(|person| share.is_with(person)))
    });
    if token.is_empty() || !(owner || shared) {
        return page(401, "Unauthorized");
    }
    match (request.method.as_str(), route) {
        ("GET", []) => document(request, &root(world, server)),
        ("GET", ["library", "sections"]) => document(request, &sections(server)),
        _ if !owner => page(403, "Forbidden"),
        ("GET", ["library", "sections", key, "label"]) => match labels(server, key) {
            Some(labels) => document(request, &labels),
            None => page(404, "Not Found"),
        },
        ("GET", ["status", "sessions"]) => document(request, &sessions(world, server)),
        ("GET" | "POST", ["status", "sessions", "terminate"]) => terminate(world, request),
        _ => page(404, "Not Found"),
    }
}

const VERSION: &str = "1.43.2.10687-0000000";

fn terminate(world: &mut World, request: &Request) -> Response {
    if !world.plex_pass {
        return page(401, "Unauthorized");
    }
    let wanted = request.parameter("sessionId").unwrap_or_default();
    if wanted.is_empty() {
        return page(403, "Forbidden");
    }
    let machine = world.servers.first().map(|server| server.machine.clone());
    let is = |session: &Session| session.id == wanted && Some(&session.machine) == machine.as_ref();
    if !world.sessions.iter().any(is) {
        return page(404, "Not Found");
    }
    world.sessions.retain(|session| !is(session));
    Response::empty(200)
}

fn root(world: &World, server: &MediaServer) -> Element {
    container(0)
        .with("allowSync", 1)
        .with("friendlyName", &server.name)
        .with("machineIdentifier", &server.machine)
        .with("multiuser", 1)
        .with("myPlex", 1)
        .with("myPlexSigninState", "ok")
        .with("myPlexSubscription", u8::from(world.plex_pass))
        .with("myPlexUsername", &world.owner.email)
        .with("ownerFeatures", if world.plex_pass { "content_filter,session_kick,sync" } else { "" })
        .with("platform", "Linux")
        .with("platformVersion", "6.1")
        .with("updatedAt", 1_700_000_000)
        .with("version", VERSION)
}

fn sections(server: &MediaServer) -> Element {
    container(server.libraries.len()).with("allowSync", 0).with("title1", "Plex Library").children(
        server.libraries.iter().map(|library| {
            Element::new("Directory")
                .with("allowSync", 1)
                .with("key", library.key)
                .with("type", &library.kind)
                .with("title", &library.title)
                .with("agent", "tv.plex.agents.none")
                .with("scanner", "Plex")
                .with("language", "en-US")
                .with("uuid", format!("00000000-0000-0000-0000-{:012}", library.id))
                .with("updatedAt", 1_700_000_000)
                .with("createdAt", 1_700_000_000)
        }),
    )
}

/// The labels that items of a library carry. The server capitalises a new label's first letter.
fn labels(server: &MediaServer, key: &str) -> Option<Element> {
    let key: u64 = key.parse().ok()?;
    let library = server.libraries.iter().find(|library| library.key == key)?;
    let mut labels: Vec<String> =
        library.items.iter().flat_map(|item| &item.labels).map(|label| capitalised(label)).collect();
    labels.sort();
    labels.dedup();
    let directories = labels.iter().zip(1..).map(|(label, number)| {
        Element::new("Directory")
            .with("fastKey", format!("/library/sections/{key}/all?label={number}"))
            .with("key", number)
            .with("title", label)
            .with("type", "label")
    });
    Some(container(labels.len()).with("title1", &library.title).children(directories))
}

fn capitalised(label: &str) -> String {
    let mut characters = label.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn sessions(world: &World, server: &MediaServer) -> Element {
    let running: Vec<&Session> =
        world.sessions.iter().filter(|session| session.machine == server.machine).collect();
    container(running.len()).children(running.iter().map(|session| {
        let owner = session.account == world.owner.id;
        // The server knows its owner by the number 1.
        let (id, title) = if owner {
            (1, world.owner.title.as_str())
        } else {
            let person = world.people.get(&session.account);
            (session.account, person.map(|person| person.title.as_str()).unwrap_or_default())
        };
        let (tag, kind) = match session.kind.as_str() {
            "artist" => ("Track", "track"),
            "show" => ("Video", "episode"),
            _ => ("Video", "movie"),
        };
        Element::new(tag)
            .with("sessionKey", session.key)
            .with("ratingKey", session.key)
            .with("key", format!("/library/metadata/{}", session.key))
            .with("title", &session.title)
            .with("type", kind)
            .child(Element::new("User").with("id", id).with("title", title).with("thumb", ""))
            .child(
                Element::new("Player")
                    .with("machineIdentifier", format!("player-{}", session.key))
                    .with("product", "Plex Web")
                    .with("state", "playing")
                    .with("title", "Browser")
                    .with("userID", id),
            )
            .child(
                Element::new("Session")
                    .with("id", &session.id)
                    .with("bandwidth", 4000)
                    .with("location", "wan"),
            )
    }))
}

fn container(size: usize) -> Element {
    Element::new("MediaContainer").with("size", size)
}

fn document(request: &Request, container: &Element) -> Response {
    if wants_json(request) {
        Response::json(200, &serde_json::json!({ "MediaContainer": container.json() }))
    } else {
        Response::xml(200, container.document())
    }
}

fn page(status: u16, title: &str) -> Response {
    let page =
        format!("<html><head><title>{title}</title></head><body><h1>{status} {title}</h1></body></html>");
    Response::typed(status, "text/html;charset=utf-8", page)
}
