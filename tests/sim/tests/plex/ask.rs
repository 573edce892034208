//! Asking the simulator, and reading what it answers.

use quick_xml::{Reader, XmlVersion, events::BytesStart, events::Event};
use rolarr_sim::{
    http::{Outcome, Request, Response},
    plex::{Face, MACHINE, OWNER_TOKEN, PlexSim},
};
use serde_json::Value;

pub(crate) const NOW: u64 = 1_780_000_000_000;

/// The sample world and a client that asks it.
pub(crate) struct Ask {
    pub(crate) sim: PlexSim,
    pub(crate) token: String,
    pub(crate) face: Face,
    pub(crate) now: u64,
}

impl Ask {
    pub(crate) fn new() -> Self {
        Self { sim: PlexSim::sample(), token: OWNER_TOKEN.to_owned(), face: Face::PlexTv, now: NOW }
    }

    pub(crate) fn server() -> Self {
        Self { face: Face::Server, ..Self::new() }
    }

    /// Account number of one of the sample's people.
    pub(crate) fn id(&self, username: &str) -> u64 {
        self.sim.account(username).unwrap().id
    }

    /// plex.tv's number of a library of the sample.
    pub(crate) fn library(&self, title: &str) -> u64 {
        let mut all = self.sim.world.servers.iter().flat_map(|server| &server.libraries);
        all.find(|library| library.title == title).unwrap().id
    }

    /// A friend with an accepted share of the first server's Movies.
    pub(crate) fn friend(&mut self, username: &str) -> (u64, u64) {
        let id = self.id(username);
        let share = self.sim.owner_shares_with(NOW, id, MACHINE, &["Movies"]).unwrap();
        (id, share)
    }

    pub(crate) fn outcome(&mut self, method: &str, target: &str, body: Option<Value>, json: bool) -> Outcome {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        });
        let mut headers = vec![
            ("x-plex-token".to_owned(), self.token.clone()),
            ("x-plex-client-identifier".to_owned(), "tests".to_owned()),
        ];
        if json {
            headers.push(("accept".to_owned(), "application/json".to_owned()));
        }
        if body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.collect(),
            headers: headers.into_iter().collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        self.sim.handle(self.now, self.face, &request)
    }

    fn response(&mut self, method: &str, target: &str, body: Option<Value>, json: bool) -> Response {
        match self.outcome(method, target, body, json) {
            Outcome::Respond(response) => response,
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    /// Status and XML.
    pub(crate) fn xml(&mut self, method: &str, target: &str, body: Option<Value>) -> (u16, Element) {
        let response = self.response(method, target, body, false);
        (response.status, parse(&response.body))
    }

    /// Status and JSON.
    pub(crate) fn json(&mut self, method: &str, target: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.response(method, target, body, true);
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// Status alone.
    pub(crate) fn status(&mut self, method: &str, target: &str, body: Option<Value>) -> u16 {
        self.response(method, target, body, true).status
    }

    /// `GET /api/users`, by username.
    pub(crate) fn user(&mut self, username: &str) -> Option<Element> {
        let (status, users) = self.xml("GET", "/api/users", None);
        assert_eq!(status, 200);
        users.children.into_iter().find(|user| user.get("username") == username)
    }
}

/// An element of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// An attribute; a missing one fails the test.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn of(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let name = attribute.key.as_ref().to_owned();
            (name, attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned())
        });
        let name = start.name().as_ref().to_owned();
        Self { name, attributes: attributes.collect(), children: Vec::new() }
    }
}

/// Reads an XML document; an empty or HTML body is an empty element.
pub(crate) fn parse(body: &[u8]) -> Element {
    let text = std::str::from_utf8(body).unwrap();
    if !text.starts_with("<?xml") {
        return Element::default();
    }
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(Element::of(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(Element::of(&start)),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().unwrap().children.pop().unwrap()
}
