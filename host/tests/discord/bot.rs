//! The adapter, a simulated Discord, and a pipeline that only writes down what it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rolarr::{
    discord::{Fatal, SerenityDiscord, Settings, run},
    domain::{GuildId, PromptId, Secret, TaskId, UserId},
    pipeline::ports::{
        Button, ButtonAction, Command, GatewayNews, Hint, Intake, Invoker, Pressed, Reply, Via,
    },
};
use rolarr_sim::discord::{self as sim, DiscordServer, DiscordSim, Scene, now_ms};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// What the pipeline was told, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Hint(Hint),
    News(GatewayNews),
    Address(UserId, String, Via),
    Pressed(UserId, ButtonAction),
    Command(Command, Invoker),
    Shown(Vec<TaskId>),
}

/// A pipeline that writes down what it is told.
#[derive(Default)]
pub(super) struct Recorder {
    told: Mutex<Vec<Told>>,
    /// How long it thinks about people's words.
    pub(super) thinks: Mutex<Duration>,
    /// Whether a pressed button gives the form.
    form: bool,
}

impl Recorder {
    /// A pipeline that answers a pressed button with the form.
    pub(super) fn with_form() -> Self {
        Self { form: true, ..Self::default() }
    }

    fn note(&self, told: Told) {
        self.told.lock().unwrap().push(told);
    }

    async fn think(&self) {
        let thinks = *self.thinks.lock().unwrap();
        sleep(thinks).await;
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn hints(&self) -> Vec<Hint> {
        let hint = |told| if let Told::Hint(hint) = told { Some(hint) } else { None };
        self.told().into_iter().filter_map(hint).collect()
    }

    pub(super) fn news(&self) -> Vec<GatewayNews> {
        let news = |told| if let Told::News(news) = told { Some(news) } else { None };
        self.told().into_iter().filter_map(news).collect()
    }

    /// How many new sessions there were.
    pub(super) fn sessions(&self) -> usize {
        self.news().iter().filter(|news| **news == GatewayNews::Session).count()
    }
}

#[async_trait]
impl Intake for Recorder {
    async fn hint(&self, hint: Hint) {
        self.note(Told::Hint(hint));
    }

    async fn news(&self, news: GatewayNews) {
        self.note(Told::News(news));
    }

    async fn address(&self, from: UserId, typed: &str, via: Via) -> Option<Reply> {
        self.note(Told::Address(from, typed.to_owned(), via));
        self.think().await;
        (typed != "good morning").then(|| Reply::text("Thank you."))
    }

    async fn pressed(&self, by: UserId, action: ButtonAction) -> Pressed {
        self.note(Told::Pressed(by, action));
        self.think().await;
        match action {
            ButtonAction::Answer(prompt) if self.form => Pressed::Form(prompt),
            ButtonAction::Answer(_) | ButtonAction::Inbox => {
                let action = ButtonAction::Answer(PromptId(9));
                let button = Some(Button { label: "Answer".to_owned(), action, disabled: false });
                Pressed::Deliver(
                    Reply { text: "There is a question for you.".to_owned(), button },
                    vec![TaskId(3)],
                )
            }
        }
    }

    async fn shown(&self, messages: Vec<TaskId>) {
        self.note(Told::Shown(messages));
    }

    async fn command(&self, command: Command, by: Invoker) -> Reply {
        self.note(Told::Command(command, by));
        self.think().await;
        Reply::text("Done.")
    }
}

/// Waits until something holds.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn settings(sim: &DiscordSim, api: String, gateway: String) -> Settings {
    let mut settings = Settings::new(Secret::new(sim.token()));
    settings.api = api;
    settings.gateway = gateway;
    settings.connect_limit = Duration::from_secs(5);
    settings.request_limit = Duration::from_secs(5);
    settings.reconnect_wait = Duration::from_millis(50);
    settings
}

/// A running bot.
pub(super) struct Bot {
    pub(super) server: DiscordServer,
    pub(super) scene: Scene,
    pub(super) discord: Arc<SerenityDiscord>,
    pub(super) intake: Arc<Recorder>,
    pub(super) stop: CancellationToken,
    pub(super) running: JoinHandle<Result<(), Fatal>>,
}

impl Bot {
    /// Starts the bot and waits until it knows the guild.
    pub(super) async fn start() -> Self {
        Self::start_with(|_, _| {}, Recorder::default()).await
    }

    /// The same with another Discord, settings or pipeline.
    pub(super) async fn start_with(
        change: impl FnOnce(&mut DiscordSim, &mut Settings),
        intake: Recorder,
    ) -> Self {
        let bot = Self::launch(change, intake).await;
        let available = GatewayNews::GuildAvailable(bot.guild());
        until("the guild", || bot.intake.news().contains(&available)).await;
        bot
    }

    /// The same without waiting.
    pub(super) async fn launch(
        change: impl FnOnce(&mut DiscordSim, &mut Settings),
        intake: Recorder,
    ) -> Self {
        let (sim, scene) = Scene::new(now_ms()).unwrap();
        let server = DiscordServer::start(Arc::new(Mutex::new(sim))).await.unwrap();
        let settings = server.with(|sim, _| {
            let mut settings = settings(sim, server.url(), server.gateway_url());
            change(sim, &mut settings);
            settings
        });
        let discord = Arc::new(SerenityDiscord::new(settings).unwrap());
        let (intake, stop) = (Arc::new(intake), CancellationToken::new());
        let running = tokio::spawn(run(Arc::clone(&discord), intake.clone(), stop.clone()));
        Self { server, scene, discord, intake, stop, running }
    }

    pub(super) fn guild(&self) -> GuildId {
        GuildId(self.scene.guild.0)
    }

    pub(super) fn alice(&self) -> UserId {
        UserId(self.scene.alice.0)
    }

    pub(super) fn bob(&self) -> UserId {
        UserId(self.scene.bob.0)
    }

    /// Waits until the slash commands are registered.
    pub(super) async fn registered(&self) {
        until("the commands", || self.server.with(|sim, _| !sim.commands(None).is_empty())).await;
    }

    /// Somebody gives a command in the guild's channel.
    pub(super) fn command(
        &self,
        by: sim::UserId,
        command: &str,
        options: &[(&str, sim::OptionValue)],
    ) -> sim::InteractionId {
        let channel = self.scene.channel;
        self.server.with(|sim, now| sim.slash_command(now, channel, by, command, options)).unwrap()
    }

    /// Stops the bot. How it ended, and how long it took.
    pub(super) async fn stop(self) -> (Result<(), Fatal>, Duration) {
        let began = Instant::now();
        self.stop.cancel();
        let end = timeout(LONG, self.running).await.expect("the bot did not stop").unwrap();
        (end, began.elapsed())
    }
}
