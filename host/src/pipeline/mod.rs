//! From what happened to what follows.
//!
//! ```text
//! hint ─▶ observe ─▶ journal ─▶ decide ─▶ desired state ─▶ converge ─▶ Plex
//! ```
//!
//! Each arrow is a worker that takes what is due from the database and stores what it did before the next
//! takes over. So a crash between any two steps only means that the next start goes on there.

mod accounts;
mod approvals;
mod commands;
mod context;
pub mod decisions;
pub mod desired;
pub mod members;
mod memory;
mod outbox;
mod policies;
pub mod ports;
mod protection;
mod reconcile;
mod runtime;
mod seam;
pub mod settings;
mod texts;

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{AuditKind, GuildId, UserId},
    pipeline::{
        approvals::settling::Settling,
        commands::cli_requests::CliRequests,
        context::Context,
        decisions::{decider::Decider, timers::Timers, undecided::AskAgain},
        members::{observer::Observer, resync::Resync},
        memory::{active_policy::ActivePolicy, quarantine::Unread},
        outbox::sender::{Messenger, Reporter},
        policies::{names::NameCheck, ordered::Swapper, shadow::Shadower, watch::Watch},
        ports::{
            Discord, Guild,
            policy_source::{Configured, Policies},
        },
        reconcile::{drift::Comparer, reconciler::Reconciler, token::TokenProbe},
        runtime::{housekeeping::Housekeeping, worker::Worker},
        settings::Settings,
    },
    plex::Plex,
    store::{ParkReason, Store, StoreError},
};

pub use commands::inbound::Handle;
pub use protection::rules::knows_guild;
pub use seam::{Reached, Seam, Step, Watcher};

/// What the pipeline works with.
pub struct Parts {
    /// What it goes by.
    pub settings: Settings,
    /// Time, chance and threads.
    pub seam: Seam,
    /// The database.
    pub store: Store,
    /// What decides: what the configuration names now.
    pub policy: Configured,
    /// Where it came from, and others will.
    pub policies: Arc<dyn Policies>,
    /// plex.tv and the server.
    pub plex: Plex,
    /// Discord.
    pub discord: Arc<dyn Discord>,
    /// The guilds as Discord showed them at the start. One that is missing is served by what the database knows
    /// of it ([`knows_guild`]) until Discord shows it.
    pub guilds: Vec<Guild>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

/// The pipeline at work.
#[derive(Debug)]
pub struct Pipeline {
    core: Arc<Context>,
    workers: JoinSet<()>,
    stop: CancellationToken,
}

impl Pipeline {
    /// Starts all workers. They go on where the last run ended.
    ///
    /// # Errors
    /// [`StoreError`] if the database can't be read or written.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let Parts { settings, seam, store, policy, policies, plex, discord, guilds } = parts;
        let Begun { nonce, owners, unread } = prepare(&store, &seam, &settings, &guilds).await?;
        let Configured { active, candidate } = policy;
        let policies = ActivePolicy::new(policies, active.policy.clone());
        let core =
            Arc::new(Context::new(settings, seam, store, policies, plex, discord, guilds, owners, nonce));
        core.put_all_aside(&unread).await?;
        core.begin_with_server().await?;
        core.begin_with_policy(active).await?;
        core.begin_with_candidate(candidate).await?;
        // What was forgotten just before a crash may stand in the log of the database.
        core.scrub().await?;
        let stop = CancellationToken::new();
        let mut workers = Workers { core: Arc::clone(&core), stop: stop.clone(), all: JoinSet::new() };
        workers.start(Observer);
        workers.start(Resync);
        workers.start(Decider);
        workers.start(AskAgain);
        workers.start(Settling);
        workers.start(Timers);
        workers.start(Reconciler);
        workers.start(Comparer::default());
        workers.start(TokenProbe);
        workers.start(Messenger);
        workers.start(Reporter);
        workers.start(CliRequests);
        workers.start(Swapper);
        workers.start(Watch);
        workers.start(Shadower);
        workers.start(NameCheck);
        workers.start(Housekeeping::default());
        let workers = workers.all;
        Ok(Self { core, workers, stop })
    }

    /// Where Discord's side hands in what happened.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { core: Arc::clone(&self.core) }
    }

    /// Returns when a worker ended by itself, as they do when the database's threads end: the bot must not go on
    /// without it.
    pub async fn broken(&mut self) {
        if let Some(Err(error)) = self.workers.join_next().await {
            tracing::error!(%error, "a worker ended by itself");
        }
    }

    /// Stops all workers and waits for them. What is under way gets a few seconds; what is left over goes on
    /// at the next start.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // What is being loaded is not waited for.
        self.core.policies.close();
        while let Some(ended) = self.workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker ended by itself");
            }
        }
    }
}

/// Starts workers.
struct Workers {
    core: Arc<Context>,
    stop: CancellationToken,
    all: JoinSet<()>,
}

impl Workers {
    fn start<W: Worker + Send + 'static>(&mut self, worker: W) {
        self.all.spawn(runtime::worker::run(worker, Arc::clone(&self.core), self.stop.clone()));
    }
}

/// The fact that the beginning of this installation's nonces is kept under.
const NONCE: &str = "nonce";

/// What a start finds and changes in the database.
struct Begun {
    /// What this installation's nonces begin with.
    nonce: String,
    /// Who owns the guilds.
    owners: BTreeMap<GuildId, UserId>,
    /// What can't be read.
    unread: Unread,
}

/// Changes in the database before anything happens.
async fn prepare(
    store: &Store,
    seam: &Seam,
    settings: &Settings,
    guilds: &[Guild],
) -> Result<Begun, StoreError> {
    // Whoever was parked for the token's sake: the token works, or there would be no start.
    let now = seam.now();
    // Discord remembers nonces for minutes: a new database must not begin with those of an earlier one.
    let fresh = format!("{:08x}", seam.random() >> 32);
    let (settings, guilds) = (settings.clone(), guilds.to_vec());
    let (unparked, begun) = store
        .write(move |tx| {
            for guild in &guilds {
                members::deleted_roles::know_protected(tx, &settings, guild)?;
            }
            let unread = approvals::startup::begin(tx, &settings, now)?;
            let owners = members::protection_ended::begin(tx, &settings, &guilds, now)?;
            for guild in &settings.guilds {
                if !guilds.iter().any(|shown| shown.id == guild.id) {
                    tx.audit(now, None, None, AuditKind::Alarm, &texts::without_guild(&guild.key))?;
                }
            }
            let nonce = match tx.fact(NONCE)? {
                Some(known) => known,
                None => {
                    tx.put_fact(NONCE, &fresh)?;
                    fresh
                }
            };
            Ok((tx.unpark(ParkReason::Token, now)?, Begun { nonce, owners, unread }))
        })
        .await?;
    if unparked > 0 {
        tracing::info!(unparked, "accounts that waited for a valid token go on");
    }
    Ok(begun)
}
