//! The objects of plex.tv's second API.

use serde_json::{Value, json};

use super::{
    state::{Account, Invitee, Libraries, MediaServer, Share},
    time::iso,
    world::{Caller, World},
    xml::Element,
};

/// The XML form of a ping's answer.
pub(crate) fn pong() -> String {
    Element::new("pong").text("1").document()
}

/// The account of the caller.
pub(crate) fn user(world: &World, now_ms: u64, caller: Caller) -> Value {
    let (account, pass) = match caller {
        Caller::Owner => (&world.owner, world.plex_pass),
        Caller::Person(id) => (world.people.get(&id).unwrap_or(&world.owner), false),
    };
    let features: &[&str] = if pass { &["content_filter", "session_kick", "sync"] } else { &[] };
    let roles: &[&str] = if pass { &["plexpass"] } else { &[] };
    json!({
        "id": account.id,
        "uuid": account.uuid,
        "username": account.username,
        "title": account.title,
        "email": account.email,
        "friendlyName": account.title,
        "locale": null,
        "confirmed": true,
        "joinedAt": 1_500_000_000,
        "emailOnlyAuth": false,
        "hasPassword": true,
        "protected": false,
        "thumb": thumb(account),
        "authToken": account.token,
        "mailingListStatus": "unsubscribed",
        "mailingListActive": false,
        "scrobbleTypes": "",
        "country": "",
        "pin": "",
        "subscription": {
            "active": pass,
            "subscribedAt": null,
            "status": if pass { "Active" } else { "Inactive" },
            "paymentService": null,
            "plan": if pass { json!("lifetime") } else { Value::Null },
            "features": features,
        },
        "subscriptionDescription": if pass { json!("Lifetime Plex Pass") } else { Value::Null },
        "restricted": account.restricted,
        "anonymous": false,
        "home": false,
        "guest": false,
        "homeSize": 1,
        "homeAdmin": false,
        "maxHomeSize": 15,
        "rememberExpiresAt": now_ms / 1000 + 1_209_600,
        "profile": {
            "autoSelectAudio": true,
            "defaultAudioLanguage": null,
            "defaultSubtitleLanguage": null,
            "autoSelectSubtitle": 0,
            "defaultSubtitleAccessibility": 0,
            "defaultSubtitleForced": 0,
        },
        "entitlements": [],
        "roles": roles,
        "services": [],
        "adsConsent": null,
        "adsConsentSetAt": null,
        "adsConsentReminderAt": null,
        "experimentalFeatures": false,
        "twoFactorEnabled": false,
        "backupCodesCreated": false,
    })
}

/// The devices that the caller can reach.
pub(crate) fn resources(world: &World, now_ms: u64, caller: Caller) -> Value {
    let shared = |account: u64| {
        let mine = world.shares.values().filter(move |share| share.is_with(account));
        mine.filter(|share| share.accepted_at.is_some())
    };
    match caller {
        Caller::Owner => world.servers.iter().map(|server| resource(world, now_ms, server, None)).collect(),
        Caller::Person(account) => shared(account)
            .filter_map(|share| {
                let server = world.server(&share.machine)?;
                Some(resource(world, now_ms, server, Some(share.id)))
            })
            .collect(),
    }
}

fn resource(world: &World, now_ms: u64, server: &MediaServer, share: Option<u64>) -> Value {
    let connections: Vec<Value> = server
        .address
        .iter()
        .map(|address| {
            json!({
                "protocol": "http",
                "address": address.ip().to_string(),
                "port": address.port(),
                "uri": format!("http://{address}"),
                "local": true,
                "relay": false,
                "IPv6": false,
            })
        })
        .collect();
    json!({
        "name": server.name,
        "product": "Plex Media Server",
        "productVersion": "1.43.2.10687",
        "platform": "Linux",
        "platformVersion": "6.1",
        "device": "PC",
        "clientIdentifier": server.machine,
        "createdAt": "2024-01-01T00:00:00Z",
        "lastSeenAt": iso(now_ms),
        "provides": "server",
        "ownerId": share.map(|_| world.owner.id),
        "sourceTitle": share.map(|_| world.owner.title.as_str()),
        "publicAddress": "127.0.0.1",
        "accessToken": share.map_or_else(|| server.token.clone(), |share| format!("share-token-{share}")),
        "owned": share.is_none(),
        "home": false,
        "synced": false,
        "relay": true,
        "presence": true,
        "httpsRequired": false,
        "publicAddressMatches": true,
        "dnsRebindingProtection": false,
        "natLoopbackSupported": false,
        "connections": connections,
    })
}

/// A server with its libraries.
pub(crate) fn server(world: &World, server: &MediaServer) -> Value {
    let shown = world.quirks.sections_shown.unwrap_or(usize::MAX);
    json!({
        "id": server.id,
        "name": server.name,
        "machineIdentifier": server.machine,
        "owned": true,
        "librarySections": libraries(server, |_| true).into_iter().take(shown).collect::<Vec<_>>(),
    })
}

/// A share, as its owner sees it.
pub(crate) fn shared_server(world: &World, share: &Share) -> Option<Value> {
    let server = world.server(&share.machine)?;
    let account = match &share.with {
        Invitee::Account(account) => world.people.get(account),
        Invitee::Address(_) => None,
    };
    let settings = world.settings_of(share).json();
    let shown = libraries(server, |id| share.holds(id));
    let pending = share.accepted_at.is_none();
    let email = (pending && share.typed.contains('@')).then_some(share.typed.as_str());
    Some(json!({
        "id": share.id,
        "name": server.name,
        "ownerId": world.owner.id,
        "invitedId": account.map(|account| account.id),
        "invitedEmail": email,
        "serverId": server.id,
        "accepted": !pending,
        "acceptedAt": share.accepted_at.map(iso),
        "invitedAt": iso(share.invited_at),
        "deletedAt": null,
        "leftAt": null,
        "owned": true,
        "inviteToken": pending.then(|| format!("invite-token-{}", share.id)),
        "machineIdentifier": server.machine,
        "lastSeenAt": iso(share.accepted_at.unwrap_or(share.invited_at)),
        "numLibraries": shown.len(),
        "allLibraries": share.libraries == Libraries::All,
        "searchEnabled": true,
        "owner": person(&world.owner, false, None),
        "invited": account.map(|account| {
            let home = world.ties.get(&account.id).is_some_and(|tie| tie.home);
            person(account, home, Some((pending, &settings)))
        }),
        "sharingSettings": settings,
        "libraries": shown,
    }))
}

fn person(account: &Account, home: bool, invited: Option<(bool, &Value)>) -> Value {
    let mut person = json!({
        "id": account.id,
        "uuid": account.uuid,
        "title": account.title,
        "username": account.username,
        "email": account.email,
        "restricted": account.restricted,
        "friendlyName": account.title,
        "thumb": thumb(account),
        "home": home,
    });
    if let (Some((pending, settings)), Value::Object(person)) = (invited, &mut person) {
        person.insert("status".to_owned(), json!(if pending { "pending" } else { "accepted" }));
        person.insert("sharingSettings".to_owned(), settings.clone());
    }
    person
}

fn libraries(server: &MediaServer, wanted: impl Fn(u64) -> bool) -> Vec<Value> {
    let shown = server.libraries.iter().filter(|library| wanted(library.id));
    shown
        .map(|library| {
            json!({ "id": library.id, "key": library.key, "title": library.title, "type": library.kind })
        })
        .collect()
}

fn thumb(account: &Account) -> String {
    format!("https://plex.tv/users/{}/avatar?c=1", account.uuid)
}
