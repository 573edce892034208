//! What all workers of the pipeline share: the settings, the database, the ways to Discord and Plex, and what they
//! remember together. What only one worker remembers is here too where others have to tell it something.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::Notify;

use crate::{
    domain::{GuildId, RoleId, Timestamp, UserId, contract::Role},
    pipeline::{
        memory::{
            active_policy::ActivePolicy, direct_messages::DirectMessages, doubt::Clock, hints::Hints,
            quarantine::Unreadable, resync_schedule::ResyncSchedule, server_looks::ServerLooks,
            snapshot::Looks, token::Token,
        },
        ports::{Discord, Guild, GuildRole},
        seam::{Seam, millis},
        settings::Settings,
    },
    plex::Plex,
    policy::Policy,
    store::{Store, StoreError, Table},
};

/// What starts a worker's next round before it is due. Those that are shared with the database ring after each commit
/// that changed one of their tables: nobody has to remember to.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// A member may have changed.
    pub(super) observe: Notify,
    /// A guild is to be compared.
    pub(super) resync: Notify,
    /// An event waits for its decision.
    pub(super) decide: Arc<Notify>,
    /// An account is due.
    pub(super) reconcile: Arc<Notify>,
    /// A message to a member waits.
    pub(super) messages: Arc<Notify>,
    /// A message to administrators waits.
    pub(super) reports: Arc<Notify>,
    /// A wake or the end of a prompt was set.
    pub(super) timers: Arc<Notify>,
    /// A loss of access waits for the settling time.
    pub(super) settling: Arc<Notify>,
    /// The policy failed on an event.
    pub(super) undecided: Arc<Notify>,
    /// The command line asks for something.
    pub(super) cli_requests: Notify,
    /// The database's log could not be emptied.
    pub(super) housekeeping: Notify,
    /// The token was refused.
    pub(super) token: Notify,
    /// Plex is to be compared.
    pub(super) drift: Notify,
    /// The files of the policy are to be looked at.
    pub(super) policies: Notify,
    /// An order to let another policy take over waits.
    pub(super) swaps: Notify,
    /// A decision waits for the shadow policy.
    pub(super) shadow: Arc<Notify>,
    /// The names in a policy are to be checked.
    pub(super) names: Notify,
    /// An account has been worked on. For those who wait for an outcome.
    pub(super) worked: Notify,
}

impl Signals {
    fn of(store: &Store) -> Self {
        let signals = Self::default();
        let listen = |tables: &[Table], signal: &Arc<Notify>| store.listen(tables, Arc::clone(signal));
        listen(&[Table::Events], &signals.decide);
        listen(&[Table::Accounts], &signals.reconcile);
        listen(&[Table::Tasks], &signals.messages);
        listen(&[Table::Tasks], &signals.reports);
        listen(&[Table::Shadow], &signals.shadow);
        listen(&[Table::Settling], &signals.settling);
        listen(&[Table::Failures], &signals.undecided);
        // The time for an answer begins when the question was sent.
        listen(&[Table::Decisions, Table::Prompts, Table::Tasks], &signals.timers);
        signals
    }
}

/// What all workers share.
pub(super) struct Context {
    /// What the pipeline goes by. What the Plex server has changes in it.
    settings: RwLock<Arc<Settings>>,
    /// Time, randomness and threads.
    pub(super) seam: Seam,
    /// The database.
    pub(super) store: Store,
    /// plex.tv and the server.
    pub(super) plex: Plex,
    /// Discord.
    pub(super) discord: Arc<dyn Discord>,
    /// The policy that decides, and what was asked for. A swap takes effect between two decisions.
    pub(super) policies: ActivePolicy,
    /// Wakes a worker when there is something for it.
    pub(super) signals: Signals,
    /// Members who may have changed. The gateway puts them in, and the observer takes them out.
    pub(super) hints: Hints,
    /// Which guilds are to be compared, and when. Commands and the gateway ask for it.
    pub(super) resyncs: ResyncSchedule,
    /// The last snapshot of Plex. Those who need one at the same moment share it.
    pub(super) looks: Looks,
    /// When the Plex server was looked at last.
    pub(super) server_looks: ServerLooks,
    /// Whether Discord takes direct messages at the moment.
    pub(super) direct_messages: DirectMessages,
    /// Whether the wall clock is believed.
    pub(super) clock: Clock,
    /// Whether Plex accepts the token. Whoever is refused says so, and the probe asks until it works.
    token: Mutex<Token>,
    /// Whose rows can't be read.
    pub(super) unreadable: Unreadable,
    /// When this run of the bot began.
    pub(super) began: Timestamp,
    /// Something that was forgotten may still stand in the log of the database.
    unscrubbed: AtomicBool,
    /// What this installation's nonces begin with.
    pub(super) nonce: String,
    /// When each guild was last looked at.
    pub(super) guild_looks: tokio::sync::Mutex<HashMap<GuildId, tokio::time::Instant>>,
    /// The guilds as Discord showed them last, for the names of roles.
    guilds: RwLock<HashMap<GuildId, Guild>>,
    /// Who owns each guild that was ever shown.
    owners: RwLock<BTreeMap<GuildId, UserId>>,
}

impl Context {
    #[expect(clippy::too_many_arguments, reason = "each is a part that is made elsewhere")]
    pub(super) fn new(
        settings: Settings,
        seam: Seam,
        store: Store,
        policies: ActivePolicy,
        plex: Plex,
        discord: Arc<dyn Discord>,
        guilds: Vec<Guild>,
        owners: BTreeMap<GuildId, UserId>,
        nonce: String,
    ) -> Self {
        Self {
            resyncs: ResyncSchedule::new(&settings, seam.now()),
            began: seam.now(),
            signals: Signals::of(&store),
            settings: RwLock::new(Arc::new(settings)),
            seam,
            store,
            policies,
            plex,
            discord,
            hints: Hints::default(),
            looks: Looks::default(),
            server_looks: ServerLooks::default(),
            direct_messages: DirectMessages::default(),
            clock: Clock::default(),
            token: Mutex::default(),
            unreadable: Unreadable::default(),
            unscrubbed: AtomicBool::new(false),
            nonce,
            guild_looks: tokio::sync::Mutex::default(),
            guilds: RwLock::new(guilds.into_iter().map(|guild| (guild.id, guild)).collect()),
            owners: RwLock::new(owners),
        }
    }

    /// What the pipeline goes by now. Whoever needs several things of it takes it once.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what the pipeline goes by from now on. Who works with what it went by before ends that work with it.
    pub(super) fn go_by(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut settings));
    }

    /// The policy that decides now.
    pub(super) fn policy(&self) -> Policy {
        self.policies.active()
    }

    /// How Plex's token stands.
    pub(super) fn token(&self) -> MutexGuard<'_, Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that what was forgotten is gone from the database's log too. Where another program reads
    /// the file at this moment, that happens a little later.
    pub(super) async fn scrub(&self) -> Result<(), StoreError> {
        match self.store.scrub().await {
            Err(StoreError::Locked) => {
                self.unscrubbed.store(true, Ordering::Relaxed);
                self.signals.housekeeping.notify_one();
                Ok(())
            }
            other => other,
        }
    }

    /// Empties the database's log, if that was not possible before. False if another program is in the way still.
    pub(super) async fn scrub_again(&self) -> Result<bool, StoreError> {
        if !self.unscrubbed.swap(false, Ordering::Relaxed) {
            return Ok(true);
        }
        match self.store.scrub().await {
            Ok(()) => Ok(true),
            Err(StoreError::Locked) => {
                self.unscrubbed.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    /// The person who owns a guild, as Discord showed it last; none if it never did.
    pub(super) fn owner_of(&self, guild: GuildId) -> Option<UserId> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).get(&guild).copied()
    }

    /// The tracked roles among `held`, in the contract's words, sorted by key.
    pub(super) fn roles(&self, guild: GuildId, held: &[RoleId]) -> Vec<Role> {
        let settings = self.settings();
        let Some(settings) = settings.guild(guild) else { return Vec::new() };
        let guilds = self.guilds.read().unwrap_or_else(PoisonError::into_inner);
        let known = guilds.get(&guild).map(|guild| guild.roles.as_slice()).unwrap_or_default();
        settings
            .roles
            .iter()
            .filter(|role| held.contains(&role.id))
            .map(|role| Role {
                id: role.id.into(),
                key: role.key.clone(),
                name: known.iter().find(|known| known.id == role.id).map_or_else(
                    // Deleted or not seen yet: the operator's own name serves.
                    || role.key.clone(),
                    |known| known.name.clone(),
                ),
            })
            .collect()
    }

    /// A role was renamed.
    pub(super) fn rename(&self, guild: GuildId, role: GuildRole) {
        let mut guilds = self.guilds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(guild) = guilds.get_mut(&guild) {
            guild.roles.retain(|known| known.id != role.id);
            guild.roles.push(role);
        }
    }

    /// A role is gone.
    pub(super) fn forget_role(&self, guild: GuildId, role: RoleId) {
        let mut guilds = self.guilds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(guild) = guilds.get_mut(&guild) {
            guild.roles.retain(|known| known.id != role);
        }
    }

    /// What is known of a guild is replaced by what Discord shows now.
    pub(super) fn learn(&self, guild: Guild) {
        self.owners.write().unwrap_or_else(PoisonError::into_inner).insert(guild.id, guild.owner);
        self.guilds.write().unwrap_or_else(PoisonError::into_inner).insert(guild.id, guild);
    }

    /// The time after which something is tried again that failed `attempts` times in a row: it doubles
    /// each time, and chance spreads it, so that not everything comes back at the same moment.
    pub(super) fn retry_at(&self, attempts: u32, at_least: Option<Duration>) -> Timestamp {
        let settings = self.settings();
        let timings = &settings.timings;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(timings.retry_first)
            .with_max_delay(timings.retry_longest)
            .with_jitter()
            .with_jitter_seed(self.seam.random())
            .without_max_times();
        // After so many doublings every pause is the longest.
        let pause = pauses.build().nth(attempts.min(32) as usize).unwrap_or(timings.retry_longest);
        let pause = pause.max(at_least.unwrap_or_default());
        self.seam.now().plus_millis(millis(pause))
    }

    /// A time from now.
    pub(super) fn after(&self, time: Duration) -> Timestamp {
        self.seam.now().plus_millis(millis(time))
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}
