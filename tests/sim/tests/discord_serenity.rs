//! The simulated Discord with a real client: serenity, over real sockets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rolarr_sim::discord::{
    DirectMessages, DiscordServer, EventFault, EventFaultKind, RestFault, RestFaultKind, Scene, UserId,
    intents, now_ms,
};
use serenity::{
    all::{
        ButtonStyle, ChunkGuildFilter, CommandInteraction, CommandOptionType, ComponentInteraction, Context,
        CreateActionRow, CreateButton, CreateCommand, CreateCommandOption, CreateInputText,
        CreateInteractionResponse, CreateInteractionResponseMessage, CreateMessage, CreateModal,
        EditInteractionResponse, Event, GatewayIntents, Http, HttpBuilder, InputTextStyle, Interaction,
        ModalInteraction, RawEventHandler, ShardManager,
    },
    async_trait,
    client::ClientBuilder,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

/// What the client made of an event.
#[derive(Debug)]
enum Heard {
    Event(Box<Event>),
    Context(Context),
}

struct Ear(UnboundedSender<Heard>);

#[async_trait]
impl RawEventHandler for Ear {
    async fn raw_event(&self, ctx: Context, event: Event) {
        if let Event::InteractionCreate(interaction) = &event {
            answer(&ctx, &interaction.interaction).await;
        }
        if matches!(event, Event::Ready(_)) {
            let _ = self.0.send(Heard::Context(ctx));
        }
        let _ = self.0.send(Heard::Event(Box::new(event)));
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
    let edit = EditInteractionResponse::new().content(format!("done for {:?}", command.data.options()));
    command.edit_response(&ctx.http, edit).await.unwrap();
}

async fn answer_button(ctx: &Context, component: &ComponentInteraction) {
    let input = CreateInputText::new(InputTextStyle::Short, "E-mail", "email").min_length(3);
    let modal = CreateModal::new("form:1", "Link Plex").components(vec![CreateActionRow::InputText(input)]);
    component.create_response(&ctx.http, CreateInteractionResponse::Modal(modal)).await.unwrap();
}

async fn answer_modal(ctx: &Context, modal: &ModalInteraction) {
    let message = CreateInteractionResponseMessage::new().content("thank you").ephemeral(true);
    modal.create_response(&ctx.http, CreateInteractionResponse::Message(message)).await.unwrap();
}

struct Bot {
    http: Arc<Http>,
    heard: UnboundedReceiver<Heard>,
    shards: Arc<ShardManager>,
    task: JoinHandle<serenity::Result<()>>,
}

impl Bot {
    async fn start(server: &DiscordServer) -> Self {
        Self::start_with(server, server.with(|sim, _| sim.token().to_owned()), Self::intents()).await
    }

    fn intents() -> GatewayIntents {
        GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS | GatewayIntents::DIRECT_MESSAGES
    }

    async fn start_with(server: &DiscordServer, token: String, intents: GatewayIntents) -> Self {
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

    /// Waits for the first event that fits. No event may be one that serenity doesn't understand.
    async fn hears<T>(&mut self, mut fits: impl FnMut(&Heard) -> Option<T>) -> T {
        let wait = async {
            loop {
                let heard = self.heard.recv().await.expect("the bot has ended");
                if let Heard::Event(event) = &heard {
                    assert!(!matches!(**event, Event::Unknown(_)), "not understood: {event:?}");
                }
                if let Some(found) = fits(&heard) {
                    return found;
                }
            }
        };
        timeout(Duration::from_secs(20), wait).await.expect("the event never came")
    }

    async fn hears_guild(&mut self) -> serenity::all::Guild {
        self.hears(|heard| match heard {
            Heard::Event(event) => match &**event {
                Event::GuildCreate(create) => Some(create.guild.clone()),
                _ => None,
            },
            Heard::Context(_) => None,
        })
        .await
    }

    async fn hears_roles(&mut self) -> Vec<u64> {
        self.hears(|heard| match heard {
            Heard::Event(event) => match &**event {
                Event::GuildMemberUpdate(update) => {
                    Some(update.roles.iter().map(|role| role.get()).collect())
                }
                _ => None,
            },
            Heard::Context(_) => None,
        })
        .await
    }

    async fn stop(self) {
        self.shards.shutdown_all().await;
        self.task.abort();
    }
}

async fn server() -> (DiscordServer, Scene) {
    let (sim, scene) = Scene::new(now_ms()).unwrap();
    (DiscordServer::start(Arc::new(Mutex::new(sim))).await.unwrap(), scene)
}

/// Waits until the simulator shows something.
async fn until<T>(
    server: &DiscordServer,
    mut shows: impl FnMut(&rolarr_sim::discord::DiscordSim) -> Option<T>,
) -> T {
    for _ in 0..500 {
        if let Some(shown) = server.with(|sim, _| shows(sim)) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never happened");
}

#[tokio::test]
async fn serenity_connects_and_understands_the_guild() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    let guild = bot.hears_guild().await;
    assert_eq!(guild.id.get(), scene.guild.0);
    assert_eq!(guild.roles.len(), 3);
    assert_eq!(guild.member_count, 5);
    assert_eq!(guild.members.len(), 1, "only the bot itself");
    server.with(|sim, _| {
        assert_eq!(sim.identify_count(), 1);
        assert_eq!(
            sim.newest_intents(),
            Some(intents::GUILDS | intents::GUILD_MEMBERS | intents::DIRECT_MESSAGES)
        );
    });
    bot.stop().await;
}

#[tokio::test]
async fn serenity_hears_a_role_change_and_a_removal() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    server.with(|sim, now| sim.add_role(now, scene.guild, scene.alice, scene.subscriber)).unwrap();
    assert_eq!(bot.hears_roles().await, [scene.subscriber.0]);
    server.with(|sim, now| sim.leave(now, scene.guild, scene.alice)).unwrap();
    let gone = bot
        .hears(|heard| match heard {
            Heard::Event(event) => match &**event {
                Event::GuildMemberRemove(removal) => Some(removal.user.id.get()),
                _ => None,
            },
            Heard::Context(_) => None,
        })
        .await;
    assert_eq!(gone, scene.alice.0);
    bot.stop().await;
}

#[tokio::test]
async fn serenity_reads_members_over_rest() {
    let (server, scene) = server().await;
    let bot = Bot::start(&server).await;
    let guild = serenity::all::GuildId::new(scene.guild.0);
    let all = guild.members(&bot.http, Some(1000), None).await.unwrap();
    assert_eq!(all.len(), 5);
    let member = guild.member(&bot.http, scene.mod_user.0).await.unwrap();
    assert_eq!(member.roles, [scene.moderator.0]);
    let shown = bot.http.get_guild_with_counts(guild).await.unwrap();
    assert_eq!(shown.approximate_member_count, Some(5));
    assert_eq!(bot.http.get_guild_roles(guild).await.unwrap().len(), 3);
    server.with(|sim, now| sim.leave(now, scene.guild, scene.bob)).unwrap();
    let error = guild.member(&bot.http, scene.bob.0).await.unwrap_err();
    assert_eq!(code(&error), Some((404, 10_007)));
    bot.stop().await;
}

fn code(error: &serenity::Error) -> Option<(u16, isize)> {
    match error {
        serenity::Error::Http(serenity::http::HttpError::UnsuccessfulRequest(answer)) => {
            Some((answer.status_code.as_u16(), answer.error.code))
        }
        _ => None,
    }
}
