//! What our client sends is what python-plexapi sends, where that is right. Its requests are recorded in
//! `tests/clients/plexapi/requests.json`, with names in place of numbers.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rolarr::{
    domain::{Email, MachineId, PlexAccountId, Secret, SectionId},
    plex::{
        Addresses, Changes, Field, FieldValue, HttpTransport, Identity, Invitee, Limits, NewShare, Plex,
        Sections,
    },
};
use rolarr_sim::{
    http::Request,
    plex::{Face, MACHINE, OWNER_TOKEN, PlexSim},
    serve::{Handler, Server},
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000_000;
const ANN: &str = "ann@example.org";

/// Operations that python-plexapi has and that we leave out or do by another route, and why.
const NOT_COMPARED: [(&str, &str); 3] = [
    ("restrict", "its route is reported not to take; ours is read back"),
    ("unrestrict", "its route is reported not to take; ours is read back"),
    ("show-share", "the list has it all"),
];

/// A simulated Plex that notes down what it is asked.
struct Rig {
    sim: Arc<Mutex<PlexSim>>,
    seen: Arc<Mutex<Vec<(Face, Request)>>>,
    plex: Plex,
    _servers: [Server; 2],
}

impl Rig {
    async fn new() -> Self {
        let sim = Arc::new(Mutex::new(PlexSim::sample()));
        let seen: Arc<Mutex<Vec<(Face, Request)>>> = Arc::default();
        let handler = |face| -> Handler {
            let (sim, seen) = (Arc::clone(&sim), Arc::clone(&seen));
            Arc::new(move |request: &Request| {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push((face, request.clone()));
                sim.lock().unwrap_or_else(PoisonError::into_inner).handle(NOW, face, request)
            })
        };
        let plex_tv = Server::start(handler(Face::PlexTv)).await.unwrap();
        let clients = Server::start(handler(Face::Clients)).await.unwrap();
        let identity = Identity {
            token: Secret::new(OWNER_TOKEN),
            server_token: None,
            client_identifier: "11111111-2222-3333-4444-555555555555".into(),
        };
        let addresses = Addresses::new(&plex_tv.url(), &clients.url(), None).unwrap();
        let transport = HttpTransport::new(addresses, &identity, Limits::default()).unwrap();
        Self { sim, seen, plex: Plex::new(Arc::new(transport)), _servers: [plex_tv, clients] }
    }

    /// The libraries of these names, asked for as python-plexapi asks for them each time.
    async fn sections(&self, titles: &[&str]) -> Sections {
        let libraries = self.plex.libraries(&machine()).await.unwrap();
        let wanted = libraries.iter().filter(|library| titles.contains(&library.title.as_str()));
        Sections::new(wanted.map(|library| library.id).collect::<Vec<SectionId>>()).unwrap()
    }

    async fn share(&self, titles: &[&str], to: Invitee, settings: Changes) -> NewShare {
        NewShare { machine: machine(), sections: self.sections(titles).await, to, settings }
    }

    fn befriend(&self, libraries: &[&str]) -> PlexAccountId {
        let mut sim = self.sim.lock().unwrap();
        let ann = sim.account(ANN).unwrap().id;
        sim.owner_shares_with(NOW, ann, MACHINE, libraries).unwrap();
        PlexAccountId(ann)
    }

    /// What was asked since the last call, in the form of the recordings.
    fn asked(&self, names: &[(&str, String)]) -> Vec<Value> {
        let mut placeholders: BTreeMap<String, String> =
            names.iter().map(|(name, value)| (value.clone(), format!("{{{name}}}"))).collect();
        placeholders.insert(MACHINE.to_owned(), "{machine}".to_owned());
        let sim = self.sim.lock().unwrap();
        for library in sim.world.servers.iter().flat_map(|server| &server.libraries) {
            placeholders.insert(library.id.to_string(), format!("{{section:{}}}", library.title));
        }
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.iter().map(|(face, request)| recorded(*face, request, &placeholders)).collect()
    }
}

fn recorded(face: Face, request: &Request, placeholders: &BTreeMap<String, String>) -> Value {
    let path: Vec<_> =
        request.path.split('/').map(|part| placeholders.get(part).map_or(part, String::as_str)).collect();
    let body =
        if request.body.is_empty() { Value::Null } else { serde_json::from_slice(&request.body).unwrap() };
    json!({
        "host": if face == Face::PlexTv { "plex.tv" } else { "clients.plex.tv" },
        "method": request.method,
        "path": path.join("/"),
        "query": request.query,
        "content_type": request.header("content-type"),
        "body": named(body, placeholders),
    })
}

fn named(value: Value, placeholders: &BTreeMap<String, String>) -> Value {
    let name = |text: &str| placeholders.get(text).map(|name| Value::from(name.as_str()));
    match value {
        Value::String(text) => name(&text).unwrap_or(Value::String(text)),
        Value::Number(number) => name(&number.to_string()).unwrap_or(Value::Number(number)),
        Value::Array(items) => items.into_iter().map(|item| named(item, placeholders)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, named(value, placeholders))).collect()
        }
        other => other,
    }
}

fn machine() -> MachineId {
    MachineId(MACHINE.into())
}

fn ann() -> Invitee {
    Invitee::Address(Email::parse(ANN).unwrap())
}

fn theirs() -> BTreeMap<String, Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/plexapi/requests.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let recording: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(recording["operations"].clone()).unwrap()
}

#[tokio::test]
async fn what_we_send_is_what_python_plexapi_sends() {
    let mut theirs = theirs();
    for (name, _) in NOT_COMPARED {
        assert!(theirs.remove(name).is_some(), "{name}");
    }
    let mut ours = BTreeMap::new();
    let email = || [("email", ANN.to_owned())];

    let rig = Rig::new().await;
    let plex = &rig.plex;
    plex.owner().await.unwrap();
    ours.insert("sign-in", rig.asked(&[]));
    plex.servers().await.unwrap();
    ours.insert("discover", rig.asked(&[]));
    plex.libraries(&machine()).await.unwrap();
    ours.insert("list-sections", rig.asked(&[]));
    plex.users().await.unwrap();
    ours.insert("list-users", rig.asked(&[]));
    plex.invites().await.unwrap();
    ours.insert("list-invites", rig.asked(&[]));

    plex.invite(&rig.share(&["Movies", "TV Shows"], ann(), Changes::new()).await).await.unwrap();
    ours.insert("invite", rig.asked(&email()));
    let invite = plex.invites().await.unwrap().remove(0);
    rig.asked(&[]);
    plex.cancel_invite(&invite).await.unwrap();
    ours.insert("cancel", rig.asked(&[("invite", invite.id)]));

    let filters =
        [Field::Movies, Field::Television].map(|field| (field, FieldValue("label=noAccess".into())));
    plex.invite(&rig.share(&["Movies"], ann(), filters.into()).await).await.unwrap();
    ours.insert("invite-restricted", rig.asked(&email()));

    let rig = Rig::new().await;
    let plex = &rig.plex;
    let account = rig.befriend(&["Movies"]);
    let share = plex.users().await.unwrap().remove(0).shares.remove(0).id;
    plex.set_sections(&machine(), share, &rig.sections(&["TV Shows", "Music"]).await).await.unwrap();
    ours.insert("set-libraries", rig.asked(&[("share", share.to_string())]));
    plex.users().await.unwrap();
    plex.libraries(&machine()).await.unwrap();
    plex.end_share(&machine(), share).await.unwrap();
    ours.insert("remove-share", rig.asked(&[("share", share.to_string())]));
    let again = rig.share(&["Movies"], Invitee::Account(account), Changes::new()).await;
    plex.invite(&again).await.unwrap();
    ours.insert("share-with-friend", rig.asked(&[("account", account.to_string())]));
    plex.end_friendship(account).await.unwrap();
    ours.insert("remove-friendship", rig.asked(&[("account", account.to_string())]));

    // It sends libraries along when it ends a share. plex.tv does not need them, and an intermediary may drop
    // or refuse the body of a DELETE, so we send none.
    let end = theirs.get_mut("remove-share").unwrap().last_mut().unwrap();
    assert_eq!(end["method"], "DELETE");
    end["body"] = Value::Null;
    end["content_type"] = Value::Null;

    assert_eq!(
        ours.keys().copied().collect::<Vec<_>>(),
        theirs.keys().map(String::as_str).collect::<Vec<_>>()
    );
    for (name, requests) in ours {
        assert_eq!(requests, theirs[name], "{name}");
    }
}
