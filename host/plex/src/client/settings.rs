//! Writing what is set for a person, and making sure that it took.
//!
//! Route B, `PUT /api/users/{account}`, changes the named filters only. Route C, `sharing_settings` at
//! clients.plex.tv, takes the whole object, so it is read, merged and written; it is the fallback, and the
//! way to the flags. (Route A, `PUT /api/v2/sharings/{account}`, is reported broken for filters.) What counts
//! is what `GET /api/users/` says afterwards.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::exchange::{Plex, request};
use crate::{
    Base, Changes, Field, FieldValue, Friend, Method, PlexError, Request, Settings, json as answer,
    xml::Unreadable,
};
use rolarr_domain::PlexAccountId;

/// What passes between one look and the next: the first look after a write may show what was before.
const PAUSES: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// What the settings object must have in it to be written back. `filterPhotos` and `filterAll` may be absent.
const NEEDED: [&str; 8] = [
    "allowSync",
    "allowChannels",
    "allowCameraUpload",
    "allowSubtitleAdmin",
    "allowTuners",
    "filterMovies",
    "filterTelevision",
    "filterMusic",
];

/// How the person is named on route C.
enum Who<'a> {
    Account(PlexAccountId),
    Username(&'a str),
}

impl Plex {
    /// Sets these fields for a person, and no others, and reads them back until they show. The username, if
    /// there is one, is a second way to name the person.
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::NotTaken`] if plex.tv takes the write by every route and goes on showing
    /// something else; [`PlexError::NotFound`] if it does not list the person.
    pub async fn write_settings(
        &self,
        account: PlexAccountId,
        username: Option<&str>,
        changes: &Changes,
    ) -> Result<(), PlexError> {
        if changes.is_empty() {
            return Ok(());
        }
        let also = username.unwrap_or_default();
        let filters: Changes =
            changes.iter().filter(|(field, _)| field.is_filter()).map(|(k, v)| (*k, v.clone())).collect();
        let mut refused = None;
        let mut accepted = false;
        if !filters.is_empty() {
            match self.write_filters(account, also, &filters).await {
                Ok(()) => {
                    accepted = true;
                    match self.took(account, &filters).await? {
                        true if filters.len() == changes.len() => return Ok(()),
                        true => {}
                        false => refused = Some(PlexError::NotTaken),
                    }
                }
                Err(error) if is_refusal(&error) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        match self.write_whole(account, username, changes).await {
            Ok(()) => {}
            Err(error) if is_refusal(&error) => return Err(telling(refused, error)),
            Err(error) if accepted => return Err(after_a_write(error)),
            Err(error) => return Err(error),
        }
        if self.took(account, changes).await? { Ok(()) } else { Err(PlexError::NotTaken) }
    }

    /// Route B.
    async fn write_filters(
        &self,
        account: PlexAccountId,
        also: &str,
        filters: &Changes,
    ) -> Result<(), PlexError> {
        let request = Request {
            query: filters.iter().map(|(field, value)| (field.name(), value.0.clone())).collect(),
            ..request(Base::PlexTv, Method::Put, "/api/users/{account}", format!("/api/users/{account}"))
        };
        self.send(request, &[also]).await.map(drop)
    }

    /// Route C.
    async fn write_whole(
        &self,
        account: PlexAccountId,
        username: Option<&str>,
        changes: &Changes,
    ) -> Result<(), PlexError> {
        let also = username.unwrap_or_default();
        let (who, mut whole) = self.read_whole(account, username, changes).await?;
        for (&field, value) in changes {
            let value = written(field, value, whole.get(field.name()));
            whole.insert(field.name().to_owned(), value);
        }
        let body = match who {
            Who::Account(account) => json!({"invitedId": account.0, "settings": whole}),
            Who::Username(username) => json!({"invitedEmail": username, "settings": whole}),
        };
        let route = "/api/v2/sharing_settings";
        let request = Request {
            json: true,
            body: Some(body.to_string()),
            ..request(Base::Clients, Method::Post, route, route)
        };
        self.send(request, &[also]).await.map(drop)
    }

    /// Reads the whole settings object. It is written back whole, so it must not be older than what the list
    /// of friends shows in the fields that are to stay as they are.
    async fn read_whole<'a>(
        &self,
        account: PlexAccountId,
        username: Option<&'a str>,
        changes: &Changes,
    ) -> Result<(Who<'a>, Map<String, Value>), PlexError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (who, whole) = match self.read_settings(&Who::Account(account)).await {
                Err(error) if is_refusal(&error) => {
                    let username = username.filter(|username| !username.is_empty()).ok_or(error)?;
                    let who = Who::Username(username);
                    let whole = self.read_settings(&who).await?;
                    (who, whole)
                }
                whole => (Who::Account(account), whole?),
            };
            let friend = self.friend(account).await?.ok_or(PlexError::NotFound)?;
            let agrees = Field::ALL.into_iter().filter(|field| !changes.contains_key(field)).all(|field| {
                !friend.settings.0.contains_key(&field)
                    || read(field, &whole).is_none_or(|value| value == friend.settings.value(field))
            });
            if agrees {
                return Ok((who, whole));
            }
            let Some(pause) = pauses.next() else {
                let what = "it shows two different settings for the same person".to_owned();
                return Err(PlexError::Unavailable { what, maybe_applied: false });
            };
            self.pause(pause).await;
        }
    }

    async fn read_settings(&self, who: &Who<'_>) -> Result<Map<String, Value>, PlexError> {
        let route = "/api/v2/sharing_settings";
        let (query, also) = match who {
            Who::Account(account) => (("invitedId", account.to_string()), ""),
            Who::Username(username) => (("invitedEmail", (*username).to_owned()), *username),
        };
        let request =
            Request { json: true, query: vec![query], ..request(Base::Clients, Method::Get, route, route) };
        match answer::parse(&self.send(request, &[also]).await?)? {
            Value::Object(whole) => match NEEDED.iter().find(|name| !whole.contains_key(**name)) {
                Some(missing) => Err(Unreadable::Missing(missing).into()),
                None => Ok(whole),
            },
            _ => Err(Unreadable::Unexpected.into()),
        }
    }

    /// Whether the list of friends comes to show these values. Called after a write: whatever goes wrong here,
    /// the write may have had its effect.
    async fn took(&self, account: PlexAccountId, changes: &Changes) -> Result<bool, PlexError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let friend = match self.friend(account).await.map_err(after_a_write)? {
                // What is left out counts as empty here: that is what was written, then.
                Some(friend) if friend.settings.show(changes) => return Ok(true),
                Some(friend) => {
                    let shown = self.with_fields(&friend, changes.keys().copied()).await;
                    Some(shown.map_err(after_a_write)?)
                }
                None => None,
            };
            if friend.as_ref().is_some_and(|friend| friend.settings.show(changes)) {
                return Ok(true);
            }
            match (pauses.next(), friend) {
                (Some(pause), _) => self.pause(pause).await,
                (None, Some(_)) => return Ok(false),
                (None, None) => return Err(PlexError::NotFound),
            }
        }
    }

    async fn friend(&self, account: PlexAccountId) -> Result<Option<Friend>, PlexError> {
        Ok(self.users().await?.into_iter().find(|friend| friend.id == account))
    }

    /// A friend with these fields. A field that the list of friends leaves out is read from the person's own settings:
    /// what is not stated is not the same as empty.
    ///
    /// # Errors
    /// [`PlexError`] if one of the fields is missing and the settings can't be read.
    pub async fn with_fields(
        &self,
        friend: &Friend,
        fields: impl IntoIterator<Item = Field>,
    ) -> Result<Friend, PlexError> {
        let mut full = friend.clone();
        let missing = fields.into_iter().filter(|field| !friend.settings.0.contains_key(field));
        let missing: Vec<Field> = missing.collect();
        if missing.is_empty() {
            return Ok(full);
        }
        let username = friend.names.username.as_str();
        let whole = match self.read_settings(&Who::Account(friend.id)).await {
            Err(error) if is_refusal(&error) && !username.is_empty() => {
                self.read_settings(&Who::Username(username)).await?
            }
            whole => whole?,
        };
        let read = missing.into_iter().filter_map(|field| Some((field, read(field, &whole)?)));
        full.settings.0.extend(read);
        Ok(full)
    }
}

/// Whether another route may succeed where this one did not.
fn is_refusal(error: &PlexError) -> bool {
    matches!(error, PlexError::Refused { .. } | PlexError::NotPlex { .. } | PlexError::NotFound)
}

/// Of two refusals the one that says more; the first one's words come first.
fn telling(first: Option<PlexError>, second: PlexError) -> PlexError {
    match (first, second) {
        (None | Some(PlexError::NotFound), second)
        | (Some(PlexError::NotPlex { .. }), second @ PlexError::Refused { .. }) => second,
        (Some(first), _) => first,
    }
}

/// What went wrong with a read after a write that was accepted: the write may have had its effect.
fn after_a_write(error: PlexError) -> PlexError {
    match error {
        PlexError::Unavailable { what, .. } => PlexError::Unavailable { what, maybe_applied: true },
        error if is_refusal(&error) => {
            PlexError::Unavailable { what: error.to_string(), maybe_applied: true }
        }
        error => error,
    }
}

/// A field of the settings object as the list of friends writes it; none if it is not in it.
fn read(field: Field, whole: &Map<String, Value>) -> Option<FieldValue> {
    let text = match whole.get(field.name())? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => u8::from(*yes).to_string(),
        _ => String::new(),
    };
    Some(Settings([(field, FieldValue(text))].into()).value(field))
}

/// A field as the settings object writes it: in the type that it has there.
fn written(field: Field, value: &FieldValue, before: Option<&Value>) -> Value {
    let text = value.0.trim();
    let number = text.parse::<u64>();
    match (field, before, number) {
        (Field::Downloads | Field::LiveTv, Some(Value::String(_)), _) => text.into(),
        (Field::LiveTv, Some(Value::Bool(_)), Ok(number)) => (number > 0).into(),
        (Field::Downloads, Some(Value::Number(_)), Ok(number)) | (Field::LiveTv, _, Ok(number)) => {
            number.into()
        }
        (Field::Downloads, _, Ok(number)) => (number > 0).into(),
        _ => value.0.clone().into(),
    }
}
