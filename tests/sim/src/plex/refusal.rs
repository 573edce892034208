//! The ways in which plex.tv says no, in its two dialects.

use serde_json::{Value, json};

use super::xml::Element;
use crate::http::Response;

/// A refusal. Some name a person: plex.tv's own texts do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// v2 without `X-Plex-Client-Identifier`.
    ClientIdentifierMissing,
    /// No token, or one that is not valid (any more).
    Unauthorized,
    /// There is no such thing, or it is somebody else's.
    NotFound,
    /// There is no such route.
    NoRoute,
    /// The route exists with other methods.
    Method(&'static str),
    /// The route was removed.
    Gone,
    /// The body or a parameter can't be understood.
    Malformed(&'static str),
    /// The invitee is nobody, or the owner.
    InvalidInvitee,
    /// There is a share of this server for this person, accepted or not.
    AlreadySharing {
        /// Their title, or the address.
        name: String,
    },
    /// The settings of a managed account with a restriction profile can't be changed.
    Profile {
        /// Their title.
        name: String,
    },
    /// The owner has as many friends as plex.tv allows.
    FriendLimit,
}

impl Refusal {
    /// As v1 says it: XML, whatever was asked for.
    pub(crate) fn v1(&self) -> Response {
        let say = |status: u16, text: &str| {
            let body = Element::new("Response").with("code", status).with("status", text);
            Response::xml(status, body.document())
        };
        match self {
            Self::ClientIdentifierMissing => say(400, "X-Plex-Client-Identifier is missing"),
            Self::Unauthorized => say(401, "Invalid authentication token."),
            Self::NotFound => say(404, "Not Found"),
            Self::NoRoute | Self::Method(_) => page_not_found(),
            Self::Gone => say(410, "This endpoint was deprecated and removed"),
            Self::Malformed(what) => say(400, what),
            Self::InvalidInvitee => say(400, "The username or email entered appears to be invalid."),
            Self::AlreadySharing { name } => say(400, &already_sharing(name)),
            Self::Profile { name } => say(422, &settings_refused(name)),
            Self::FriendLimit => say(400, FRIEND_LIMIT),
        }
    }

    /// As v2 says it: JSON if that was asked for, else XML.
    pub(crate) fn v2(&self, wants_json: bool) -> Response {
        let say = |status: u16, code: u16, message: &str| errors(wants_json, status, code, message, None);
        match self {
            Self::ClientIdentifierMissing => say(400, 1000, "X-Plex-Client-Identifier is missing"),
            Self::Unauthorized => say(401, 1001, "User could not be authenticated"),
            Self::NotFound => say(404, 1002, "Not Found"),
            Self::NoRoute => page_not_found(),
            Self::Method(allow) => Response::empty(405).with_header("allow", *allow),
            Self::Gone => self.v1(),
            Self::Malformed(what) => say(400, 1000, what),
            Self::InvalidInvitee => say(404, 1002, "The username or email entered appears to be invalid."),
            Self::AlreadySharing { name } => {
                errors(wants_json, 422, 1999, &already_sharing(name), Some(("base", 400)))
            }
            Self::Profile { name } => say(422, 1999, &settings_refused(name)),
            Self::FriendLimit => say(422, 1999, FRIEND_LIMIT),
        }
    }
}

/// No source quotes plex.tv's words for this.
const FRIEND_LIMIT: &str = "You have reached the limit of friends.";

fn already_sharing(name: &str) -> String {
    format!("You're already sharing this server with {name}. Please edit your existing share.")
}

fn settings_refused(name: &str) -> String {
    format!("An error occurred updating the settings for {name}.")
}

fn errors(json: bool, status: u16, code: u16, message: &str, field: Option<(&str, u16)>) -> Response {
    let (field, inner) = field.map_or((None, status), |(field, inner)| (Some(field), inner));
    if json {
        let mut error = json!({ "code": code, "message": message, "status": inner });
        if let (Some(field), Value::Object(error)) = (field, &mut error) {
            error.insert("field".to_owned(), Value::from(field));
        }
        return Response::json(status, &json!({ "errors": [error] }));
    }
    let mut error = Element::new("error").with("code", code).with("message", message).with("status", inner);
    if let Some(field) = field {
        error = error.with("field", field);
    }
    Response::xml(status, Element::new("errors").child(error).document())
}

/// The page for people that plex.tv answers where no route is.
pub(crate) fn page_not_found() -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Not Found</title></head><body>404</body></html>\n";
    Response::typed(404, "text/html;charset=utf-8", page.to_owned())
}
