//! Answers to people: within the three seconds that Discord gives, and for fifteen minutes after.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{
    body,
    http::{Call, Http, segment},
    interaction::{Deed, Interaction, Unknown},
    rest::post,
    translate::Asked,
    wire::Created,
};
use crate::{
    domain::{ChannelId, UserId},
    pipeline::ports::{DiscordError, Intake, Outgoing, Pressed, Reply, Via},
};

/// How long the pipeline may think about a pressed button: a form can only be the first answer, and that has
/// to be there within three seconds.
const PRESS_LIMIT: Duration = Duration::from_secs(2);
/// How long Discord waits for the first answer.
const FIRST_LIMIT: Duration = Duration::from_secs(3);
/// Discord's JSON error code for an interaction that has its first answer.
const ALREADY_ANSWERED: u32 = 40_060;
/// How long to wait before a later answer is tried again.
const EDIT_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// What people are told whose words can't be taken in.
const BUSY: &str = "Too many people want something of me at this moment, so I did nothing. Please do it again in a \
                    minute.";
/// How long the token of an interaction is valid.
const TOKEN_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Brings people's words to the pipeline, and its answers back to them.
#[derive(Clone)]
pub(super) struct Answerer {
    pub(super) http: Arc<Http>,
    pub(super) intake: Arc<dyn Intake>,
}

impl Answerer {
    /// Answers one person. What they gave reaches the pipeline even if no answer reaches them.
    pub(super) async fn answer(&self, asked: Asked) {
        match asked {
            Asked::DirectMessage { id, from, channel, typed } => {
                self.direct_message(id, from, channel, typed.expose()).await;
            }
            Asked::Interaction(interaction) => self.interaction(interaction).await,
        }
    }

    async fn direct_message(&self, id: u64, from: UserId, channel: ChannelId, typed: &str) {
        let Some(reply) = self.intake.address(from, typed, Via::DirectMessage).await else { return };
        let message = Outgoing { text: reply.text, button: reply.button };
        if let Err(error) = post(&self.http, channel, &message, &format!("dm{id}")).await {
            warn!(user = %from, %error, "a direct message could not be answered");
        }
    }

    async fn interaction(&self, interaction: Interaction) {
        let Interaction { id, application, token, deed } = interaction;
        let reach = Reach { http: &self.http, id, application, token: token.expose() };
        match deed {
            Deed::Command(command, by) => {
                let user = by.user;
                reach.later(user, self.intake.command(command, by)).await;
            }
            Deed::Address { by, prompt, typed } => {
                let intake = async {
                    let reply = self.intake.address(by, typed.expose(), Via::Form(prompt)).await;
                    reply.unwrap_or_else(|| Reply::text("This question is closed. Nothing was changed."))
                };
                reach.later(by, intake).await;
            }
            Deed::Pressed { by, action } => {
                let (first, messages) = match timeout(PRESS_LIMIT, self.intake.pressed(by, action)).await {
                    Ok(Pressed::Form(prompt)) => (body::form(prompt), Vec::new()),
                    Ok(Pressed::Say(reply)) => (body::say(&reply), Vec::new()),
                    Ok(Pressed::Deliver(reply, messages)) => (body::say(&reply), messages),
                    Err(_) => {
                        warn!(user = %by, "a pressed button took too long");
                        let again = Reply::text("That took too long. Please press the button again.");
                        (body::say(&again), Vec::new())
                    }
                };
                let taken = reach.at_once(Some(by), first).await;
                if taken && !messages.is_empty() {
                    self.intake.shown(messages).await;
                }
            }
            Deed::Unknown(unknown) => {
                let text = match unknown {
                    Unknown::Command => "I don't know this command. Please update Discord and try again.",
                    Unknown::Button => "This button is out of date and does nothing any more.",
                    Unknown::Field => {
                        "I could not read what you typed into the form. Please write the address to me as a direct \
                         message, or use `/plex link`."
                    }
                    Unknown::Form => "This form is out of date. Nothing was changed.",
                };
                reach.at_once(None, body::say(&Reply::text(text))).await;
            }
        }
    }

    /// Tells one person that nothing was done, because too many others wait.
    pub(super) async fn turn_away(&self, asked: Asked) {
        match asked {
            Asked::DirectMessage { id, from, channel, .. } => {
                let message = Outgoing { text: BUSY.to_owned(), button: None };
                if let Err(error) = post(&self.http, channel, &message, &format!("dm{id}")).await {
                    warn!(user = %from, %error, "a direct message could not be answered");
                }
            }
            Asked::Interaction(Interaction { id, application, token, .. }) => {
                let reach = Reach { http: &self.http, id, application, token: token.expose() };
                reach.at_once(None, body::say(&Reply::text(BUSY))).await;
            }
        }
    }
}

/// The way back to one person.
struct Reach<'a> {
    http: &'a Http,
    id: u64,
    application: u64,
    token: &'a str,
}

impl Reach<'_> {
    /// Says at once that an answer will follow, and lets the work go on meanwhile.
    async fn later(&self, user: UserId, work: impl Future<Output = Reply>) {
        let work = timeout(TOKEN_LIMIT, work);
        let (deferred, reply) = tokio::join!(self.callback(body::defer()), work);
        let Ok(reply) = reply else {
            warn!(%user, "an answer was not ready within 15 minutes; Discord takes none any more");
            return;
        };
        match deferred {
            // It may have arrived all the same.
            Ok(()) | Err(DiscordError::Unavailable { .. }) => {}
            Err(error) => {
                warn!(%user, %error, "an interaction could not be answered; what it asked for was done");
                return;
            }
        }
        if let Err(error) = self.edit(&reply).await {
            warn!(%user, %error, "the answer to an interaction could not be shown; what it asked for was done");
        }
    }

    /// True if Discord is known to have taken the answer.
    async fn at_once(&self, user: Option<UserId>, first: Value) -> bool {
        let answered = self.callback(first).await;
        if let Err(error) = &answered {
            match user {
                Some(user) => warn!(%user, %error, "a pressed button could not be answered"),
                None => debug!(%error, "an unknown interaction could not be answered"),
            }
        }
        answered.is_ok()
    }

    /// The first answer. A second try is worth it while there is time: if the first one arrived after all,
    /// Discord says so.
    async fn callback(&self, body: Value) -> Result<(), DiscordError> {
        let path = format!("/interactions/{}/{}/callback", self.id, segment(self.token));
        let call = Call::interaction(Method::POST, "POST /interactions/{id}/{token}/callback", path);
        let call = call.with(body);
        let tries = async {
            match self.http.finish(call.clone()).await {
                Err(DiscordError::Unavailable { .. }) => {}
                end => return end,
            }
            match self.http.finish(call).await {
                Err(DiscordError::Refused { code: ALREADY_ANSWERED, .. }) => Ok(()),
                end => end,
            }
        };
        let late = DiscordError::Unavailable { what: "no answer within 3 s".to_owned() };
        timeout(FIRST_LIMIT, tries).await.unwrap_or(Err(late))
    }

    async fn edit(&self, reply: &Reply) -> Result<(), DiscordError> {
        let path = format!("/webhooks/{}/{}/messages/@original", self.application, segment(self.token));
        let template = "PATCH /webhooks/{application}/{token}/messages/@original";
        let call = Call::interaction(Method::PATCH, template, path).with(body::reply(reply));
        for wait in EDIT_WAITS {
            match self.http.read::<Created>(call.clone()).await {
                Err(DiscordError::Unavailable { .. }) => sleep(wait).await,
                end => return end.map(drop),
            }
        }
        self.http.read::<Created>(call).await.map(drop)
    }
}
