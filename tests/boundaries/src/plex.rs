use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use rolarr::{
    domain::{Email, PlexAccountId, ShareId},
    domain::{MachineId, SectionId},
    plex::{
        Changes, Field, FieldValue, Invitee, NewShare, Pause, Plex, PlexError, Request, Response, Sections,
        Transport, TransportError,
    },
};

/// So many different calls there are.
pub const CALLS: u8 = 12;

/// Our own request's address: an answer may repeat it, and an error must not.
const ADDRESS: &str = "zoe.walker@example.org";

/// plex.tv, which answers everything with the same.
struct Answers(Response);

#[async_trait]
impl Transport for Answers {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(self.0.clone())
    }
}

/// Nobody waits.
struct AtOnce;

#[async_trait]
impl Pause for AtOnce {
    async fn pause(&self, _: Duration) {}
}

/// An answer of plex.tv or the server is read, or is an error without anybody's address. The first byte says
/// which call it answers, the second with which status, the third how long it asks to wait.
pub fn plex(bytes: &[u8]) -> bool {
    let [call, status, wait, body @ ..] = bytes else { return false };
    let statuses = [200, 200, 200, 201, 204, 400, 401, 404, 422, 429, 500, 503];
    let Some(&status) = statuses.iter().cycle().nth(usize::from(*status)) else { return false };
    let waits = [None, Some(0), Some(1), Some(3_601), Some(u64::MAX)];
    let retry_after = waits.into_iter().cycle().nth(usize::from(*wait)).flatten();
    let body = String::from_utf8_lossy(body).into_owned();
    ask(*call, Response { status, retry_after, body }).is_none()
}

/// Asks, and is answered so. The error's text, if that is an error.
pub(super) fn ask(call: u8, response: Response) -> Option<String> {
    let plex = Plex::with_pause(Arc::new(Answers(response)), Arc::new(AtOnce));
    let machine = MachineId("0123456789abcdef".to_owned());
    let account = PlexAccountId(7);
    match call % CALLS {
        0 => check(plex.owner().now_or_never()),
        1 => check(plex.servers().now_or_never()),
        2 => check(plex.users().now_or_never()),
        3 => check(plex.invites().now_or_never()),
        4 => check(plex.shares(&machine).now_or_never()),
        5 => check(plex.pending_shares().now_or_never()),
        6 => check(plex.libraries(&machine).now_or_never()),
        7 => check(plex.labels(1).now_or_never()),
        8 => check(plex.sessions().now_or_never()),
        9 => check(plex.write_settings(account, Some("zoe"), &changes()).now_or_never()),
        10 => check(plex.end_share(&machine, ShareId(3)).now_or_never()),
        _ => check(plex.invite(&share(machine)).now_or_never()),
    }
}

fn changes() -> Changes {
    [(Field::Movies, FieldValue("label=noAccess".to_owned()))].into()
}

fn share(machine: MachineId) -> NewShare {
    NewShare {
        machine,
        sections: Sections::new(vec![SectionId(1)]).expect("one section"),
        to: Invitee::Address(Email::parse(ADDRESS).expect("an address")),
        settings: Changes::new(),
    }
}

fn check<T: Debug>(answered: Option<Result<T, PlexError>>) -> Option<String> {
    let answered = answered.expect("nothing is waited for");
    // How it shows in a log, whatever it is.
    let shown = format!("{answered:?}");
    let text = answered.err()?.to_string();
    super::is_fit_for_people(&text);
    assert!(!text.contains('@') && !shown.contains('@'), "an address in {text:?} or {shown:?}");
    Some(text)
}
