//! Things that go wrong because they were told to.

use serde::Deserialize;
use serde_json::Value;

use super::UserId;

/// What goes wrong with a REST request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestFaultKind {
    /// It is answered with this status and one of Discord's JSON error codes (0 for none in particular).
    Status {
        /// The HTTP status.
        status: u16,
        /// The code in the body.
        code: u32,
    },
    /// Too many requests. Without a time to wait it comes without `Retry-After` and without JSON, as from the proxy
    /// before Discord.
    TooManyRequests {
        /// How long to wait, in milliseconds.
        retry_after_ms: Option<u64>,
        /// Whether it is about all requests, not about this route.
        global: bool,
    },
    /// It is never answered.
    Hang,
    /// The connection breaks instead of an answer.
    Drop,
    /// Members are answered as they were before their last change.
    StaleMember,
    /// A list of members lacks every second one, without a sign that it does.
    ShortList,
    /// A list of members has nobody in it, without a sign that it should.
    EmptyList,
    /// This member is answered with null instead of the roles, alone or in a list.
    UnreadableMember {
        /// The member.
        user: UserId,
    },
    /// It is answered with 200 and text that is no JSON.
    Garbage,
    /// It is answered with a page of the proxy before Discord.
    Page {
        /// The HTTP status.
        status: u16,
    },
}

/// How a connection of the gateway ends as soon as it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It breaks without a close frame.
    Abort,
    /// It is closed with this code.
    Close(u16),
    /// The client is asked to connect again (op 7), and the connection breaks.
    Reconnect,
    /// The session is invalid (op 9), and the connection breaks.
    Invalid {
        /// The client may try to resume it.
        resumable: bool,
    },
}

/// Requests that are to go wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RestFault {
    /// The method, in upper case; none for any.
    pub method: Option<String>,
    /// The path after `/api/v10/`: `*` stands for one part, `**` at the end for all that follow.
    pub path: String,
    /// How many requests go wrong.
    pub times: u32,
    /// Whether the request has its effect nevertheless.
    #[serde(default)]
    pub applied: bool,
    /// What goes wrong.
    pub kind: RestFaultKind,
}

impl RestFault {
    /// The next request of this method to this path goes wrong, without effect.
    #[must_use]
    pub fn once(method: &str, path: &str, kind: RestFaultKind) -> Self {
        let (method, path) = (Some(method.to_owned()), path.to_owned());
        Self { method, path, times: 1, applied: false, kind }
    }

    /// The same, but the request has its effect before it goes wrong.
    #[must_use]
    pub fn after_applying(self) -> Self {
        Self { applied: true, ..self }
    }

    /// The same, this many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The next message to a channel is refused with 50007: the person takes no direct messages.
    #[must_use]
    pub fn closed_direct_message() -> Self {
        Self::once("POST", "channels/*/messages", RestFaultKind::Status { status: 403, code: 50_007 })
    }

    /// Uses up one of the faults that fit a request, the oldest first.
    pub(super) fn take(faults: &mut Vec<Self>, method: &str, path: &[String]) -> Option<Self> {
        let fits = |fault: &Self| {
            fault.method.as_deref().is_none_or(|wanted| wanted == method) && fits(&fault.path, path)
        };
        let taken = faults.iter_mut().find(|fault| fault.times > 0 && fits(fault)).map(|fault| {
            fault.times -= 1;
            fault.clone()
        });
        faults.retain(|fault| fault.times > 0);
        taken
    }
}

fn fits(pattern: &str, path: &[String]) -> bool {
    let mut parts = path.iter();
    for wanted in pattern.split('/').filter(|part| !part.is_empty()) {
        match (wanted, parts.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// What goes wrong with an event of the gateway.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventFaultKind {
    /// It is never sent, and has no sequence number.
    Lose,
    /// It is sent twice.
    Duplicate,
    /// It is sent after the event that follows it.
    SwapWithNext,
    /// A field is something else: `joined_at` null.
    Set {
        /// Where, as a JSON pointer into the event's data.
        pointer: String,
        /// What it is instead.
        value: Value,
    },
    /// A field is missing: a role without `colors`.
    Remove {
        /// Where, as a JSON pointer into the event's data.
        pointer: String,
    },
}

/// Events that are to go wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EventFault {
    /// The event's name, such as `GUILD_MEMBER_UPDATE`.
    pub event: String,
    /// How many events go wrong.
    pub times: u32,
    /// What goes wrong.
    pub kind: EventFaultKind,
}

impl EventFault {
    /// The next event of this name goes wrong.
    #[must_use]
    pub fn once(event: &str, kind: EventFaultKind) -> Self {
        Self { event: event.to_owned(), times: 1, kind }
    }

    /// Uses up one of the faults for an event, the oldest first.
    pub(super) fn take(faults: &mut Vec<Self>, event: &str) -> Option<EventFaultKind> {
        let taken = faults.iter_mut().find(|fault| fault.times > 0 && fault.event == event).map(|fault| {
            fault.times -= 1;
            fault.kind.clone()
        });
        faults.retain(|fault| fault.times > 0);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_part_by_part() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(fits("guilds/*/members/*", &path("guilds/1/members/2")));
        assert!(!fits("guilds/*/members/*", &path("guilds/1/members")));
        assert!(!fits("guilds/*/members", &path("guilds/1/members/2")));
        assert!(fits("guilds/**", &path("guilds/1/members/2")));
        assert!(fits("**", &path("anything")));
    }

    #[test]
    fn a_fault_is_used_up() {
        let path = ["gateway".to_owned()];
        let mut faults = vec![RestFault::once("GET", "gateway", RestFaultKind::Hang).times(2)];
        assert!(RestFault::take(&mut faults, "POST", &path).is_none());
        assert!(RestFault::take(&mut faults, "GET", &path).is_some());
        assert!(RestFault::take(&mut faults, "GET", &path).is_some());
        assert!(RestFault::take(&mut faults, "GET", &path).is_none());
        assert!(faults.is_empty());
    }
}
