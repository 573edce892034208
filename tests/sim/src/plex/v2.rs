//! plex.tv's second API: JSON where it is asked for, else XML.

use serde_json::{Value, json};

use super::{
    refusal::Refusal,
    settings::Settings,
    sharing::{Named, Offer},
    state::{Invitee, Share},
    v1::{numbers, one_number},
    v2_shapes as shapes,
    world::{Caller, World},
    xml::from_json,
};
use crate::http::{Request, Response};

/// What a query may set through `/sharings/{id}`.
const SHARINGS: [&str; 6] =
    ["allowCameraUpload", "allowChannels", "allowSync", "filterMovies", "filterMusic", "filterTelevision"];

/// Whether the client asked for JSON.
pub(crate) fn wants_json(request: &Request) -> bool {
    request.header("accept").is_some_and(|accept| accept.contains("application/json"))
}

/// Answers `/api/v2/...`; `route` is the path after that.
pub(crate) fn answer(
    world: &mut World,
    now_ms: u64,
    request: &Request,
    route: &[&str],
) -> Result<Response, Refusal> {
    if route.first() == Some(&"friends") {
        return Err(Refusal::Gone);
    }
    let client = request.header("x-plex-client-identifier");
    let client = client.or_else(|| request.parameter("X-Plex-Client-Identifier"));
    if client.is_none_or(str::is_empty) {
        return Err(Refusal::ClientIdentifierMissing);
    }
    let caller = world.caller(super::token(request)).ok_or(Refusal::Unauthorized)?;
    let reply = |status: u16, name: &str, value: &Value| {
        if wants_json(request) {
            Response::json(status, value)
        } else {
            Response::xml(status, from_json(name, value).document())
        }
    };
    let method = request.method.as_str();
    match (method, route, caller) {
        ("GET", ["ping"], _) if wants_json(request) => Ok(Response::json(200, &json!({ "pong": true }))),
        ("GET", ["ping"], _) => Ok(Response::xml(200, shapes::pong())),
        ("GET", ["user"], caller) => Ok(reply(200, "user", &shapes::user(world, now_ms, caller))),
        ("GET", ["resources"], caller) => {
            Ok(reply(200, "resources", &shapes::resources(world, now_ms, caller)))
        }
        ("GET", ["shared_servers", "invites", "received", "pending"], Caller::Person(account)) => {
            let to = Invitee::Account(account);
            let list = list(world, |share| share.with == to && share.accepted_at.is_none());
            Ok(reply(200, "sharedServers", &list))
        }
        ("POST", ["shared_servers", id, "accept"], Caller::Person(account)) => {
            let id: u64 = id.parse().map_err(|_| Refusal::NotFound)?;
            let to = Invitee::Account(account);
            let invite =
                world.invites.iter().position(|invite| invite.shares.contains(&id) && invite.to == to);
            world.accept(now_ms, invite.ok_or(Refusal::NotFound)?, account)?;
            Ok(reply(200, "sharedServer", &one(world, id)?))
        }
        // The rest is seen from the owner of servers; others own none.
        (_, _, Caller::Person(_)) => Err(Refusal::NotFound),
        ("GET", ["servers", machine], _) => {
            let server = world.server(machine).ok_or(Refusal::NotFound)?;
            Ok(reply(200, "server", &shapes::server(world, server)))
        }
        ("GET", ["shared_servers", "owned", "pending"], _)
        | ("GET", ["shared_servers", "invites", "owned", "pending"], _) => {
            Ok(reply(200, "sharedServers", &list(world, |share| share.accepted_at.is_none())))
        }
        ("GET", ["shared_servers", "owned", "accepted"], _) => {
            Ok(reply(200, "sharedServers", &list(world, |share| share.accepted_at.is_some())))
        }
        ("GET", ["shared_servers", "invites", "received", "pending"], _) => {
            Ok(reply(200, "sharedServers", &json!([])))
        }
        ("POST", ["shared_servers"], _) => {
            let share = create(world, now_ms, request)?;
            Ok(reply(201, "sharedServer", &one(world, share)?))
        }
        (_, ["shared_servers"], _) => Err(Refusal::Method("OPTIONS, POST")),
        ("GET", ["shared_servers", id], _) => {
            Ok(reply(200, "sharedServer", &one(world, id.parse().map_err(|_| Refusal::NotFound)?)?))
        }
        ("POST", ["shared_servers", id], _) => {
            let id = id.parse().map_err(|_| Refusal::NotFound)?;
            update(world, request, id)?;
            Ok(one(world, id).map_or_else(|_| Response::empty(204), |one| reply(200, "sharedServer", &one)))
        }
        ("DELETE", ["shared_servers", id], _) => {
            let id = id.parse().map_err(|_| Refusal::NotFound)?;
            if world.remove_share(id) { Ok(Response::empty(204)) } else { Err(Refusal::NotFound) }
        }
        (_, ["shared_servers", _], _) => Err(Refusal::Method("OPTIONS, GET, POST, DELETE")),
        ("GET", ["sharing_settings"], _) => {
            let account = who(world, request.parameter("invitedId"), request.parameter("invitedEmail"))?;
            let tie = world.ties.get(&account).ok_or(Refusal::NotFound)?;
            Ok(reply(200, "sharingSettings", &tie.settings.json()))
        }
        ("POST", ["sharing_settings"], _) => {
            let settings = replace_settings(world, request)?;
            Ok(reply(200, "sharingSettings", &settings.json()))
        }
        (_, ["sharing_settings"], _) => Err(Refusal::Method("OPTIONS, GET, POST")),
        ("PUT", ["sharings", account], _) => {
            let account = account.parse().map_err(|_| Refusal::NotFound)?;
            world.set(account, |settings| {
                let known = request.query.iter().filter(|(name, _)| SHARINGS.contains(&name.as_str()));
                for (name, value) in known {
                    settings.set(name, &json!(value)).map_err(|_| Refusal::Malformed("Invalid setting"))?;
                }
                Ok(())
            })?;
            Ok(Response::empty(200))
        }
        ("DELETE", ["sharings", account], _) => {
            let account = account.parse().map_err(|_| Refusal::NotFound)?;
            if world.unfriend(account) { Ok(Response::empty(204)) } else { Err(Refusal::NotFound) }
        }
        _ => Err(Refusal::NoRoute),
    }
}

fn create(world: &mut World, now_ms: u64, request: &Request) -> Result<u64, Refusal> {
    let body = body(request)?;
    let machine = body.get("machineIdentifier").and_then(Value::as_str);
    let machine = machine.ok_or(Refusal::Malformed("machineIdentifier is missing"))?;
    let to = match (body.get("invitedEmail"), body.get("invitedId")) {
        (Some(Value::String(typed)), _) => Named::Typed(typed.clone()),
        (None | Some(Value::Null), Some(number)) => Named::Number(one_number(number)?),
        _ => return Err(Refusal::Malformed("invitedEmail is missing")),
    };
    let offer = Offer {
        machine: machine.to_owned(),
        to,
        libraries: numbers(body.get("librarySectionIds"))?,
        settings: body.get("settings").cloned().unwrap_or_default(),
        strict: true,
    };
    world.offer(now_ms, &offer)
}

/// `settings` replaces all settings, `librarySectionIds` all libraries; either may be absent.
fn update(world: &mut World, request: &Request, share: u64) -> Result<(), Refusal> {
    let body = body(request)?;
    let with = world.shares.get(&share).ok_or(Refusal::NotFound)?.with.clone();
    let libraries = body.get("librarySectionIds").map(|list| numbers(Some(list))).transpose()?;
    let settings = body.get("settings").filter(|settings| !settings.is_null()).map(whole).transpose()?;
    if let Some(settings) = settings {
        let tied = match with {
            Invitee::Account(account) => world.ties.contains_key(&account).then_some(account),
            Invitee::Address(_) => None,
        };
        if let Some(account) = tied {
            world.set(account, |current| {
                *current = settings;
                Ok(())
            })?;
        } else if let Some(invite) = world.invites.iter_mut().find(|invite| invite.shares.contains(&share)) {
            invite.settings = settings;
        }
    }
    if let Some(libraries) = libraries {
        world.relibrary(share, &libraries, true)?;
    }
    Ok(())
}

fn replace_settings(world: &mut World, request: &Request) -> Result<Settings, Refusal> {
    let body = body(request)?;
    let number = body.get("invitedId").filter(|id| !id.is_null()).map(one_number).transpose()?;
    let number = number.map(|number| number.to_string());
    let number = number.as_deref().or_else(|| request.parameter("invitedId"));
    let account = who(world, number, body.get("invitedEmail").and_then(Value::as_str))?;
    let settings = whole(body.get("settings").unwrap_or(&Value::Null))?;
    world.set(account, |current| {
        *current = settings.clone();
        Ok(())
    })?;
    Ok(settings)
}

/// A complete settings object: what is absent from it is reset.
fn whole(object: &Value) -> Result<Settings, Refusal> {
    let mut settings = Settings::initial();
    settings.merge(object).map_err(|_| Refusal::Malformed("Invalid sharing settings"))?;
    Ok(settings)
}

/// A friend by number, or by username or address.
fn who(world: &World, number: Option<&str>, name: Option<&str>) -> Result<u64, Refusal> {
    let account = match (number, name) {
        (Some(number), _) => number.parse().ok().filter(|id| world.people.contains_key(id)),
        (None, Some(name)) => world.find_person(name).map(|person| person.id),
        (None, None) => return Err(Refusal::Malformed("invitedId is missing")),
    };
    account.filter(|id| world.ties.contains_key(id)).ok_or(Refusal::NotFound)
}

fn one(world: &World, share: u64) -> Result<Value, Refusal> {
    let share = world.shares.get(&share).ok_or(Refusal::NotFound)?;
    shapes::shared_server(world, share).ok_or(Refusal::NotFound)
}

fn list(world: &World, wanted: impl Fn(&Share) -> bool) -> Value {
    let shares = world.shares.values().filter(|share| wanted(share));
    shares.filter_map(|share| shapes::shared_server(world, share)).collect()
}

fn body(request: &Request) -> Result<Value, Refusal> {
    let json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let value = json.then(|| request.json()).filter(Value::is_object);
    value.ok_or(Refusal::Malformed("The request body is not valid"))
}
