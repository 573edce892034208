//! plex.tv's first API: XML whatever is asked for.

use serde_json::{Value, json};

use super::{
    refusal::{Refusal, page_not_found},
    settings::FILTERS,
    sharing::{Named, Offer, Parts},
    state::{Account, Invite, Invitee, Libraries, Library, MediaServer, Share, Tie},
    world::{Caller, World},
    xml::Element,
};
use crate::http::{Request, Response};

/// Answers `/api/...`; `route` is the path after that.
pub(crate) fn answer(
    world: &mut World,
    now_ms: u64,
    request: &Request,
    route: &[&str],
) -> Result<Response, Refusal> {
    if matches!(route, ["friends", ..] | ["invites", "requests", ..]) {
        return Err(Refusal::Gone);
    }
    let caller = world.caller(super::token(request)).ok_or(Refusal::Unauthorized)?;
    if caller != Caller::Owner {
        // All that is here is seen from the owner of servers; others own none.
        return Err(Refusal::NotFound);
    }
    match (request.method.as_str(), route) {
        ("GET", ["users"]) => Ok(document(users(world))),
        ("PUT", ["users", account]) => set_filters(world, request, account),
        ("GET", ["home", "users"]) => Ok(document(home_users(world))),
        ("DELETE", ["home", "users", account]) => leave_home(world, account),
        ("GET", ["servers", machine]) => Ok(document(sections(world, world_server(world, machine)?))),
        ("GET", ["servers", machine, "shared_servers"]) => {
            let server = world_server(world, machine)?;
            let shares = world.shares.values().filter(|share| share.machine == server.machine);
            let shown = shares.filter(|share| share.accepted_at.is_some() || world.quirks.v1_lists_pending);
            Ok(document(shown.map(|share| shared_server(world, server, share)).collect()))
        }
        ("POST", ["servers", machine, "shared_servers"]) => share(world, now_ms, request, machine),
        ("DELETE", ["servers", _, "shared_servers"]) => Ok(page_not_found()),
        ("GET", ["servers", machine, "shared_servers", id]) => {
            let share = find(world, machine, id)?;
            show(world, share)
        }
        ("PUT", ["servers", machine, "shared_servers", id]) => {
            let share = find(world, machine, id)?;
            let body = body(request)?;
            let libraries = numbers(body.pointer("/shared_server/library_section_ids"))?;
            world.relibrary(share, &libraries, false)?;
            if libraries.is_empty() { Ok(Response::empty(200)) } else { show(world, share) }
        }
        ("DELETE", ["servers", machine, "shared_servers", id]) => {
            let share = find(world, machine, id)?;
            world.remove_share(share);
            Ok(Response::empty(200))
        }
        ("GET", ["invites", "requested"]) => {
            Ok(document(world.invites.iter().map(|sent| invite(world, sent)).collect()))
        }
        ("DELETE", ["invites", "requested", id]) => {
            let named = |part: &str| request.parameter(part) == Some("1");
            world.cancel(id, Parts { friend: named("friend"), server: named("server") })?;
            Ok(Response::empty(200))
        }
        _ => Err(Refusal::NoRoute),
    }
}

fn share(world: &mut World, now_ms: u64, request: &Request, machine: &str) -> Result<Response, Refusal> {
    world_server(world, machine)?;
    let body = body(request)?;
    let shared = body.get("shared_server").filter(|shared| shared.is_object());
    let shared = shared.ok_or(Refusal::Malformed("shared_server is missing"))?;
    let to = match (shared.get("invited_email"), shared.get("invited_id")) {
        (Some(Value::String(typed)), _) => Named::Typed(typed.clone()),
        (None, Some(number)) => Named::Number(one_number(number)?),
        _ => return Err(Refusal::Malformed("invited_email is missing")),
    };
    let offer = Offer {
        machine: machine.to_owned(),
        to,
        libraries: numbers(shared.get("library_section_ids"))?,
        settings: body.get("sharing_settings").cloned().unwrap_or_default(),
        strict: world.quirks.refuses_unknown_libraries,
    };
    let share = world.offer(now_ms, &offer)?;
    show(world, share)
}

fn set_filters(world: &mut World, request: &Request, account: &str) -> Result<Response, Refusal> {
    let account = account.parse().map_err(|_| Refusal::NotFound)?;
    world.set(account, |settings| {
        for (name, value) in request.query.iter().filter(|(name, _)| FILTERS.contains(&name.as_str())) {
            settings.set(name, &json!(value)).map_err(|_| Refusal::Malformed("Invalid filter"))?;
        }
        Ok(())
    })?;
    Ok(Response::empty(200))
}

fn leave_home(world: &mut World, account: &str) -> Result<Response, Refusal> {
    let account = account.parse().map_err(|_| Refusal::NotFound)?;
    let home = world.ties.get(&account).is_some_and(|tie| tie.home);
    if !home || !world.unfriend(account) {
        return Err(Refusal::NotFound);
    }
    Ok(Response::empty(204))
}

fn users(world: &World) -> Vec<Element> {
    let known = world.ties.iter().filter_map(|(id, tie)| Some((world.people.get(id)?, tie)));
    known.map(|(account, tie)| user(world, account, tie)).collect()
}

fn user(world: &World, account: &Account, tie: &Tie) -> Element {
    let mut element = Element::new("User")
        .with("id", account.id)
        .with("title", &account.title)
        .with("username", &account.username)
        .with("email", &account.email)
        .with("recommendationsPlaylistId", "")
        .with("thumb", thumb(account))
        .with("home", u8::from(tie.home))
        .with("restricted", u8::from(account.restricted))
        .with("protected", 0);
    let left_out = |name: &str| world.quirks.friends_lack_filters && name.starts_with("filter");
    for (name, value) in tie.settings.attributes().into_iter().filter(|(name, _)| !left_out(name)) {
        element = element.with(name, value);
    }
    let shares = world.shares.values().filter(|share| share.is_with(account.id));
    element.children(shares.filter_map(|share| {
        let server = world.server(&share.machine)?;
        Some(
            Element::new("Server")
                .with("id", share.id)
                .with("serverId", server.id)
                .with("machineIdentifier", &server.machine)
                .with("name", &server.name)
                .with("lastSeenAt", share.accepted_at.unwrap_or(share.invited_at) / 1000)
                .with("numLibraries", count(server, share))
                .with("allLibraries", u8::from(share.libraries == Libraries::All))
                .with("owned", 1)
                .with("pending", u8::from(share.accepted_at.is_none())),
        )
    }))
}

fn home_users(world: &World) -> Vec<Element> {
    let home = world.ties.iter().filter(|(_, tie)| tie.home);
    let accounts = home.filter_map(|(id, _)| world.people.get(id));
    accounts
        .map(|account| {
            Element::new("User")
                .with("id", account.id)
                .with("uuid", &account.uuid)
                .with("title", &account.title)
                .with("username", &account.username)
                .with("email", &account.email)
                .with("thumb", thumb(account))
                .with("admin", 0)
                .with("guest", 0)
                .with("restricted", u8::from(account.restricted))
                .with("restrictionProfile", account.profile.as_deref().unwrap_or_default())
                .with("protected", 0)
        })
        .collect()
}

fn sections(world: &World, server: &MediaServer) -> Vec<Element> {
    let shown = world.quirks.sections_shown.unwrap_or(usize::MAX);
    let sections = server.libraries.iter().take(shown).map(section);
    let element = Element::new("Server")
        .with("name", &server.name)
        .with("machineIdentifier", &server.machine)
        .with("owned", 1)
        .with("synced", 0)
        .children(sections);
    vec![element]
}

fn section(library: &Library) -> Element {
    Element::new("Section")
        .with("id", library.id)
        .with("key", library.key)
        .with("type", &library.kind)
        .with("title", &library.title)
}

fn shared_server(world: &World, server: &MediaServer, share: &Share) -> Element {
    let account = match &share.with {
        Invitee::Account(account) => world.people.get(account),
        Invitee::Address(_) => None,
    };
    let email = account.map_or(share.typed.as_str(), |account| account.email.as_str());
    let mut element = Element::new("SharedServer")
        .with("id", share.id)
        .with("username", account.map(|account| account.username.as_str()).unwrap_or_default())
        .with("email", email)
        .with("userID", account.map(|account| account.id.to_string()).unwrap_or_default())
        .with("accessToken", format!("share-token-{}", share.id))
        .with("name", &server.name)
        .with("acceptedAt", share.accepted_at.map(|at| (at / 1000).to_string()).unwrap_or_default())
        .with("invitedAt", share.invited_at / 1000)
        .with("owned", 0)
        .with("allLibraries", u8::from(share.libraries == Libraries::All));
    for (name, value) in world.settings_of(share).attributes() {
        element = element.with(name, value);
    }
    let mark = |library| section(library).with("shared", u8::from(share.holds(library.id)));
    element.children(server.libraries.iter().map(mark))
}

fn show(world: &World, share: u64) -> Result<Response, Refusal> {
    let share = world.shares.get(&share).ok_or(Refusal::NotFound)?;
    let server = world_server(world, &share.machine)?;
    Ok(document(vec![shared_server(world, server, share)]))
}

fn invite(world: &World, invite: &Invite) -> Element {
    let account = match &invite.to {
        Invitee::Account(account) => world.people.get(account),
        Invitee::Address(_) => None,
    };
    let element = Element::new("Invite")
        .with("id", invite.id())
        .with("createdAt", invite.created_at / 1000)
        .with("friend", u8::from(invite.friend))
        .with("home", 0)
        .with("server", u8::from(!invite.shares.is_empty()))
        .with("username", account.map(|account| account.username.as_str()).unwrap_or_default())
        .with("email", account.map_or(invite.typed.as_str(), |account| account.email.as_str()))
        .with("thumb", account.map(thumb).unwrap_or_default())
        .with("friendlyName", account.map_or(invite.typed.as_str(), |account| account.title.as_str()));
    let shares = invite.shares.iter().filter_map(|share| world.shares.get(share));
    element.children(shares.filter_map(|share| {
        let server = world.server(&share.machine)?;
        let numbers = count(server, share);
        Some(Element::new("Server").with("name", &server.name).with("numLibraries", numbers))
    }))
}

fn thumb(account: &Account) -> String {
    format!("https://plex.tv/users/{}/avatar?c=1", account.uuid)
}

fn count(server: &MediaServer, share: &Share) -> usize {
    server.libraries.iter().filter(|library| share.holds(library.id)).count()
}

fn document(children: Vec<Element>) -> Response {
    let container = Element::new("MediaContainer")
        .with("friendlyName", "myPlex")
        .with("identifier", "com.plexapp.plugins.myplex")
        .with("machineIdentifier", "0000000000000000000000000000000000000000")
        .with("size", children.len())
        .children(children);
    Response::xml(200, container.document())
}

fn world_server<'a>(world: &'a World, machine: &str) -> Result<&'a MediaServer, Refusal> {
    world.server(machine).ok_or(Refusal::NotFound)
}

fn find(world: &World, machine: &str, id: &str) -> Result<u64, Refusal> {
    let server = world_server(world, machine)?;
    let id: u64 = id.parse().map_err(|_| Refusal::NotFound)?;
    let share = world.shares.get(&id).filter(|share| share.machine == server.machine);
    share.map(|share| share.id).ok_or(Refusal::NotFound)
}

/// The body as JSON. A body that does not say that it is JSON is not read.
fn body(request: &Request) -> Result<Value, Refusal> {
    let json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let value = json.then(|| request.json()).filter(Value::is_object);
    value.ok_or(Refusal::Malformed("The request body is not valid"))
}

/// A list of numbers; some clients send them as texts.
pub(crate) fn numbers(value: Option<&Value>) -> Result<Vec<u64>, Refusal> {
    let list = value.and_then(Value::as_array);
    let list = list.ok_or(Refusal::Malformed("The list of libraries is missing"))?;
    list.iter().map(one_number).collect()
}

/// A number, or a text that is one.
pub(crate) fn one_number(value: &Value) -> Result<u64, Refusal> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or(Refusal::Malformed("A number is expected"))
}
