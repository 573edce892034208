//! REST v10: routes, errors, limits, the log.

mod applications;
mod channels;
mod error;
mod guilds;
mod interactions;
mod limits;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use error::ApiError;
use limits::{Limiter, Standing};

use super::{ChannelId, DiscordSim, GuildId, MessageId, RestFault, RestFaultKind, UserId};
use crate::http::{Outcome, Request, Response};

/// How an answer is made.
type Answer = Result<Response, ApiError>;

/// A request that came in, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The method, in upper case.
    pub method: String,
    /// The path after `/api/v10/`.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The body, null if there was none or it was no JSON.
    pub body: Value,
    /// The status of the answer; none if there was no answer.
    pub status: Option<u16>,
    /// Whether it had its effect, or would have had if it had been right.
    pub applied: bool,
    /// Whether it went wrong because it was told to.
    pub struck: bool,
}

/// What a read of a member shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Current,
    /// Members are shown as they were before their last change.
    Stale,
    /// Lists of members lack every second one.
    Short,
    /// Lists of members have nobody in them.
    Empty,
    /// This member has null instead of roles.
    Unreadable(UserId),
}

/// REST's own state.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    pub(super) faults: Vec<RestFault>,
    pub(super) limiter: Limiter,
    pub(super) log: Vec<Logged>,
    nonces: BTreeMap<(ChannelId, String), (u64, MessageId)>,
}

impl DiscordSim {
    /// Answers a request of REST v10. The path begins with `/api/v10`.
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Outcome {
        if self.rest.limiter.is_shut_out(now_ms) {
            return Outcome::Respond(limits::shut_out());
        }
        let segments = request.segments();
        let path: Vec<String> = segments.iter().skip(2).cloned().collect();
        let versioned = segments.first().is_some_and(|part| part == "api")
            && segments.get(1).is_some_and(|part| part == "v10");
        self.tried(now_ms, request, &path, |sim, view| {
            if versioned {
                sim.answer(now_ms, request, &path, view)
            } else {
                ApiError::new(400, 50_041, "Invalid API version").into()
            }
        })
    }

    /// What op 8 with `user_ids` comes to, for those who drive this without a connection: `members` and
    /// `not_found` of all its chunks. It goes wrong like a request of the method `OP 8` to
    /// `gateway/guilds/*/members`, and stands among the requests as one.
    pub fn ask_members(&mut self, now_ms: u64, guild: GuildId, users: &[UserId]) -> Outcome {
        let path = ["gateway", "guilds", &guild.to_string(), "members"].map(str::to_owned);
        let request = Request {
            method: "OP 8".to_owned(),
            path: format!("/{}", path.join("/")),
            query: Vec::new(),
            headers: BTreeMap::new(),
            body: json!({"user_ids": users}).to_string().into_bytes(),
        };
        self.tried(now_ms, &request, &path, |sim, _| sim.members_named_by_id(guild, users))
    }

    fn members_named_by_id(&self, guild: GuildId, users: &[UserId]) -> Response {
        let known = self.guilds.get(&guild).filter(|guild| {
            // One that the bot can't see is never answered on the gateway.
            guild.available && guild.members.contains_key(&self.application.bot)
        });
        let Some(known) = known else { return limits::shut_out() };
        let (found, missing): (Vec<UserId>, Vec<UserId>) =
            users.iter().partition(|user| known.members.contains_key(user));
        let members: Vec<Value> = found
            .into_iter()
            .filter_map(|user| Some(self.member_json(user, known.members.get(&user)?)))
            .collect();
        Response::json(200, &json!({"members": members, "not_found": missing}))
    }

    fn tried(
        &mut self,
        now_ms: u64,
        request: &Request,
        path: &[String],
        answer: impl FnOnce(&mut Self, View) -> Response,
    ) -> Outcome {
        let fault = RestFault::take(&mut self.rest.faults, &request.method, path);
        let struck = fault.is_some();
        let view = match fault.as_ref().map(|fault| &fault.kind) {
            Some(RestFaultKind::StaleMember) => View::Stale,
            Some(RestFaultKind::ShortList) => View::Short,
            Some(RestFaultKind::EmptyList) => View::Empty,
            Some(RestFaultKind::UnreadableMember { user }) => View::Unreadable(*user),
            _ => View::Current,
        };
        let applied = view != View::Current || fault.as_ref().is_none_or(|fault| fault.applied);
        let right = applied.then(|| answer(self, view));
        let outcome = match (fault.map(|fault| fault.kind), right) {
            (
                None
                | Some(
                    RestFaultKind::StaleMember
                    | RestFaultKind::ShortList
                    | RestFaultKind::EmptyList
                    | RestFaultKind::UnreadableMember { .. },
                ),
                Some(right),
            ) => Outcome::Respond(right),
            (Some(RestFaultKind::Hang), _) => Outcome::Hang,
            (Some(RestFaultKind::Drop), _) => Outcome::Drop,
            (Some(kind), _) => Outcome::Respond(faulty(&kind)),
            (None, None) => Outcome::Respond(ApiError::not_found().into()),
        };
        let status = match &outcome {
            Outcome::Respond(response) => Some(response.status),
            Outcome::Hang | Outcome::Drop => None,
        };
        if matches!(status, Some(401 | 403 | 429)) {
            self.rest.limiter.invalid(now_ms);
        }
        self.rest.log.push(Logged {
            at_ms: now_ms,
            method: request.method.clone(),
            path: path.join("/"),
            query: request.query.clone(),
            body: request.json(),
            status,
            applied,
            struck,
        });
        outcome
    }

    fn answer(&mut self, now_ms: u64, request: &Request, path: &[String], view: View) -> Response {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        // Interactions are answered with the token that they bring, and don't count against the bot.
        let with_own_token = matches!(path.first(), Some(&"interactions" | &"webhooks"));
        let standing = self.rest.limiter.count(now_ms, &request.method, &path, !with_own_token);
        if let Standing::Over { .. } = standing {
            return standing.mark(standing.refusal(), now_ms);
        }
        let open = with_own_token || path == ["gateway"];
        let answer = if open || self.is_authorized(request) {
            self.route(now_ms, request, &path, view)
        } else {
            Err(ApiError::unauthorized())
        };
        standing.mark(answer.unwrap_or_else(Response::from), now_ms)
    }

    fn is_authorized(&self, request: &Request) -> bool {
        let given = request.header("authorization").and_then(|given| given.strip_prefix("Bot "));
        self.application.token_valid && given == Some(&self.application.token)
    }

    fn route(&mut self, now_ms: u64, request: &Request, path: &[&str], view: View) -> Answer {
        let body = request.json();
        match (request.method.as_str(), path) {
            ("GET", ["gateway"]) => Ok(Response::json(200, &json!({"url": self.gateway.url}))),
            ("GET", ["gateway", "bot"]) => Ok(self.gateway_bot(now_ms)),
            ("GET", ["users", "@me"]) => Ok(self.current_user()),
            ("GET", ["users", user]) => self.get_user(user),
            ("POST", ["users", "@me", "channels"]) => self.open_direct_channel(now_ms, &body),
            ("GET", ["users", "@me", "guilds"]) => Ok(self.current_guilds()),
            ("GET", ["applications" | "oauth2", "@me"] | ["oauth2", "applications", "@me"]) => {
                Ok(self.current_application())
            }
            ("GET", ["applications", app, "commands"]) => self.get_commands(app, None),
            ("GET", ["applications", app, "guilds", guild, "commands"]) => {
                self.get_commands(app, Some(guild))
            }
            ("PUT", ["applications", app, "commands"]) => self.put_commands(now_ms, app, None, &body),
            ("PUT", ["applications", app, "guilds", guild, "commands"]) => {
                self.put_commands(now_ms, app, Some(guild), &body)
            }
            ("GET", ["guilds", guild]) => self.get_guild(guild, request),
            ("GET", ["guilds", guild, "roles"]) => self.get_roles(guild),
            ("GET", ["guilds", guild, "roles", "member-counts"]) => self.get_role_counts(guild),
            ("GET", ["guilds", guild, "channels"]) => self.get_channels(guild),
            ("GET", ["guilds", guild, "members"]) => self.get_members(guild, request, view),
            ("GET", ["guilds", guild, "members", user]) => self.get_member(guild, user, view),
            ("GET", ["channels", channel]) => self.get_channel(channel),
            ("GET", ["channels", channel, "messages"]) => self.get_messages(channel, request),
            ("POST", ["channels", channel, "messages"]) => self.post_message(now_ms, channel, &body),
            ("GET", ["channels", channel, "messages", message]) => self.get_message(channel, message),
            ("PATCH", ["channels", channel, "messages", message]) => {
                self.patch_message(now_ms, channel, message, &body)
            }
            ("DELETE", ["channels", channel, "messages", message]) => {
                self.delete_message(now_ms, channel, message)
            }
            ("POST", ["interactions", id, token, "callback"]) => {
                self.answer_interaction(now_ms, id, token, request, &body)
            }
            ("POST", ["webhooks", app, token]) => self.post_followup(now_ms, app, token, &body),
            ("GET", ["webhooks", app, token, "messages", message]) => {
                self.get_reply(now_ms, app, token, message)
            }
            ("PATCH", ["webhooks", app, token, "messages", message]) => {
                self.patch_reply(now_ms, app, token, message, &body)
            }
            ("DELETE", ["webhooks", app, token, "messages", message]) => {
                self.delete_reply(now_ms, app, token, message)
            }
            _ => Err(ApiError::not_found()),
        }
    }

    fn gateway_bot(&self, now_ms: u64) -> Response {
        let limit = json!({
            "total": self.gateway.identifies_per_day,
            "remaining": self.gateway.identifies_left(now_ms),
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        });
        let body = json!({"url": self.gateway.url, "shards": 1, "session_start_limit": limit});
        Response::json(200, &body)
    }
}

/// What a fault answers with.
fn faulty(kind: &RestFaultKind) -> Response {
    match kind {
        RestFaultKind::Status { status, code } => limits::from_discord(
            ApiError::new(*status, *code, "The simulator was told to answer this").into(),
        ),
        RestFaultKind::TooManyRequests { retry_after_ms: Some(wait), global } => {
            limits::from_discord(limits::too_many(*wait, *global))
        }
        RestFaultKind::TooManyRequests { retry_after_ms: None, .. } => limits::shut_out(),
        RestFaultKind::Page { status } => {
            let page = format!(
                "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><center><h1>{status}</h1>\
                 </center><hr><center>cloudflare</center></body></html>\n"
            );
            Response::typed(*status, "text/html", page)
        }
        RestFaultKind::Garbage
        | RestFaultKind::StaleMember
        | RestFaultKind::ShortList
        | RestFaultKind::EmptyList
        | RestFaultKind::UnreadableMember { .. }
        | RestFaultKind::Hang
        | RestFaultKind::Drop => Response::typed(200, "application/json", "<html>{not json".to_owned()),
    }
}

/// Reads an id out of a path.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| {
        ApiError::form("id", "NUMBER_TYPE_COERCE", &format!("Value \"{text}\" is not snowflake."))
    })
}
