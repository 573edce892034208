//! A small bot on serenity that tells the test what it hears, and answers interactions.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rolarr_sim::discord::{DiscordServer, DiscordSim, Scene, now_ms};
use serenity::{
    all::{
        CommandInteraction, ComponentInteraction, Context, CreateActionRow, CreateInputText,
        CreateInteractionResponse, CreateInteractionResponseMessage, CreateModal, EditInteractionResponse,
        Event, GatewayIntents, Guild, Http, HttpBuilder, InputTextStyle, Interaction, ModalInteraction,
        RawEventHandler, ShardManager,
    },
    async_trait,
    client::ClientBuilder,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

/// Serenity takes 5 s to connect anew after a session that can't be resumed, and tries to connect every 5 s.
const PATIENCE: Duration = Duration::from_secs(25);

struct Ear(UnboundedSender<(Context, Event)>);

#[async_trait]
impl RawEventHandler for Ear {
    async fn raw_event(&self, ctx: Context, event: Event) {
        if let Event::InteractionCreate(interaction) = &event {
            answer(&ctx, &interaction.interaction).await;
        }
        // The test may have ended.
        let _ = self.0.send((ctx, event));
    }
}

async fn answer(ctx: &Context, interaction: &Interaction) {
    match interaction {
        Interaction::Command(command) => answer_command(ctx, command).await,
        Interaction::Component(component) => answer_button(ctx, component).await,
        Interaction::Modal(modal) => answer_modal(ctx, modal).await,
        _ => {}
    }
}

async fn answer_command(ctx: &Context, command: &CommandInteraction) {
    let message = CreateInteractionResponseMessage::new().ephemeral(true);
    command.create_response(&ctx.http, CreateInteractionResponse::Defer(message)).await.unwrap();
    let may = command.member.as_ref().and_then(|member| member.permissions).unwrap();
    let text = format!("{:?} manages: {}", command.data.options(), may.manage_guild());
    command.edit_response(&ctx.http, EditInteractionResponse::new().content(text)).await.unwrap();
}

async fn answer_button(ctx: &Context, component: &ComponentInteraction) {
    let input = CreateInputText::new(InputTextStyle::Short, "E-mail", "email").min_length(3);
    let modal = CreateModal::new("form:1", "Link Plex").components(vec![CreateActionRow::InputText(input)]);
    component.create_response(&ctx.http, CreateInteractionResponse::Modal(modal)).await.unwrap();
}

async fn answer_modal(ctx: &Context, modal: &ModalInteraction) {
    let rows = modal.data.components.len();
    let text = format!("{} with {rows} row from {}", modal.data.custom_id, modal.user.name);
    let message = CreateInteractionResponseMessage::new().content(text).ephemeral(true);
    modal.create_response(&ctx.http, CreateInteractionResponse::Message(message)).await.unwrap();
}

/// The bot.
pub(crate) struct Bot {
    pub(crate) http: Arc<Http>,
    heard: UnboundedReceiver<(Context, Event)>,
    shards: Arc<ShardManager>,
    pub(crate) task: JoinHandle<serenity::Result<()>>,
}

impl Bot {
    /// Starts it with what it needs.
    pub(crate) async fn start(server: &DiscordServer) -> Self {
        let intents =
            GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS | GatewayIntents::DIRECT_MESSAGES;
        Self::start_with(server, server.with(|sim, _| sim.token().to_owned()), intents).await
    }

    pub(crate) async fn start_with(server: &DiscordServer, token: String, intents: GatewayIntents) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let http =
            HttpBuilder::new(token).proxy(server.url()).ratelimiter_disabled(true).client(client).build();
        let (sender, heard) = unbounded_channel();
        let mut client =
            ClientBuilder::new_with_http(http, intents).raw_event_handler(Ear(sender)).await.unwrap();
        assert_eq!(*client.ws_url.lock().await, server.gateway_url());
        let (http, shards) = (Arc::clone(&client.http), Arc::clone(&client.shard_manager));
        let task = tokio::spawn(async move { client.start().await });
        Self { http, heard, shards, task }
    }

    /// Waits for the first event that fits, whatever comes before it.
    pub(crate) async fn hears_even<T>(&mut self, mut fits: impl FnMut(&Context, &Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let (context, event) = self.heard.recv().await.expect("the bot has ended");
                if let Some(found) = fits(&context, &event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("the event never came")
    }

    /// Waits for the first event that fits. No event before it may be one that serenity can't read.
    pub(crate) async fn hears<T>(&mut self, mut fits: impl FnMut(&Event) -> Option<T>) -> T {
        self.hears_even(|_, event| {
            assert!(!matches!(event, Event::Unknown(_)), "not understood: {event:?}");
            fits(event)
        })
        .await
    }

    pub(crate) async fn hears_guild(&mut self) -> Guild {
        self.hears(|event| match event {
            Event::GuildCreate(create) => Some(create.guild.clone()),
            _ => None,
        })
        .await
    }

    /// The roles of the next member update.
    pub(crate) async fn hears_roles(&mut self) -> Vec<u64> {
        self.hears(|event| match event {
            Event::GuildMemberUpdate(update) => Some(update.roles.iter().map(|role| role.get()).collect()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.shards.shutdown_all().await;
        self.task.abort();
    }
}

/// A simulator with a small world, on sockets.
pub(crate) async fn server() -> (DiscordServer, Scene) {
    let (sim, scene) = Scene::new(now_ms()).unwrap();
    (DiscordServer::start(Arc::new(Mutex::new(sim))).await.unwrap(), scene)
}

/// Waits until the simulator shows something.
pub(crate) async fn until<T>(server: &DiscordServer, shows: impl Fn(&DiscordSim) -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(shown) = server.with(|sim, _| shows(sim)) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the simulator never showed it");
}

/// The status and Discord's code of a refusal.
pub(crate) fn code(error: &serenity::Error) -> Option<(u16, isize)> {
    match error {
        serenity::Error::Http(serenity::http::HttpError::UnsuccessfulRequest(answer)) => {
            Some((answer.status_code.as_u16(), answer.error.code))
        }
        _ => None,
    }
}
