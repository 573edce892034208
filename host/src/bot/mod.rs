//! The whole bot, put together from a configuration.
//!
//! The order is the point: first everything that needs nobody else (the policy, the database), then one look
//! at Discord and at Plex, and only when all that the configuration names exists does anything begin to
//! change.

mod first_look;
mod policy;

use std::{convert::Infallible, fmt::Write as _, sync::Arc};

use anyhow::Context;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    config::{Addresses, Config},
    discord::{self, SerenityDiscord},
    files,
    pipeline::{Handle, Parts, Pipeline, Seam},
    plex::{self, HttpTransport, Identity, Limits, Paced, Plex},
    policy::Loader,
    store::{Instance, Store, StoreError, Threads},
};

/// The fact that the client identifier is kept under.
const CLIENT_IDENTIFIER: &str = "client-identifier";

/// What can be asked of a bot that runs.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// To end.
    pub stop: CancellationToken,
    /// To load the policy anew.
    pub reload: Arc<Notify>,
}

/// Runs the bot until it is asked to stop, then ends what it began.
///
/// # Errors
/// What keeps the bot from working at all. A [`crate::config::ConfigError`] if what the configuration names
/// does not exist or does not load; then nothing was changed.
pub async fn run(config: Config, seam: Seam, asked: Asked) -> anyhow::Result<()> {
    run_with(config, seam, asked, Loader::default()).await
}

/// Runs the bot like [`run`], with a choice of the program that loads its policies.
///
/// # Errors
/// The same.
pub async fn run_with(config: Config, seam: Seam, asked: Asked, loader: Loader) -> anyhow::Result<()> {
    let Asked { stop, reload } = asked;
    let config = Arc::new(config);
    let loading = Arc::clone(&config);
    let engine = policy::engine(&config, loader)?;
    let begun = engine.clone();
    // Loading a policy takes a while, and nothing has begun that would have to be ended.
    let begun = tokio::task::spawn_blocking(move || policy::FromConfig::begin(begun, &loading));
    let (policies, policy) = tokio::select! {
        begun = begun => begun.context("the policy could not be loaded")??,
        () = stop.cancelled() => {
            engine.close();
            return Ok(());
        }
    };
    let path = config.store.path.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let instance = Instance::claim(&path)?;
        Ok::<_, StoreError>((instance, Store::open(&path, Threads::Own)?))
    });
    // Until the end nobody else works with this database.
    let (_instance, store) = opened
        .await
        .context("the database could not be opened")?
        .with_context(|| format!("the database `{}`", files::shown(&config.store.path)))?;
    let plex = plex_of(&config, &store, &seam).await?;
    let discord = Arc::new(SerenityDiscord::new(discord_settings(&config)).context("Discord")?);
    let looked = tokio::select! {
        looked = first_look::take(&config, &plex, discord.as_ref(), &store) => looked?,
        () = stop.cancelled() => return Ok(()),
    };
    info!(
        server = looked.settings.server.name,
        libraries = looked.settings.shared().count(),
        guilds = looked.guilds.len(),
        policy = policy.active.policy.metadata().name,
        "everything that the configuration names exists"
    );
    let starting = Pipeline::start(Parts {
        settings: looked.settings,
        seam,
        store,
        policy,
        policies: Arc::new(policies),
        plex,
        discord: Arc::clone(&discord) as Arc<dyn crate::pipeline::ports::Discord>,
        guilds: looked.guilds,
    });
    // It may have to load an earlier policy.
    let mut pipeline = tokio::select! {
        started = starting => started?,
        () = stop.cancelled() => {
            engine.close();
            return Ok(());
        }
    };
    let intake = Arc::new(pipeline.handle());
    let handle = pipeline.handle();
    let ended = tokio::select! {
        ended = discord::run(discord, intake, stop) => ended,
        () = pipeline.broken() => Err(discord::Fatal::Broken("pipeline")),
        never = take_reloads(&reload, &handle) => match never {},
    };
    pipeline.shutdown().await;
    info!("stopped");
    ended.context("the connection to Discord ended")
}

async fn take_reloads(reload: &Notify, handle: &Handle) -> Infallible {
    loop {
        reload.notified().await;
        info!("asked to load the policy anew");
        handle.reload_policy();
    }
}

fn discord_settings(config: &Config) -> discord::Settings {
    let Addresses { discord_api, discord_gateway, .. } = &config.addresses;
    discord::Settings {
        api: discord_api.as_str().to_owned(),
        gateway: discord_gateway.as_str().to_owned(),
        ..discord::Settings::new(config.discord.token.clone())
    }
}

async fn plex_of(config: &Config, store: &Store, seam: &Seam) -> anyhow::Result<Plex> {
    let addresses = plex::Addresses::new(
        config.addresses.plex_tv.as_str(),
        config.addresses.plex_clients.as_str(),
        config.plex.server_url.as_ref().map(crate::config::Address::as_str),
    )?;
    let identity = Identity {
        token: config.plex.token.clone(),
        server_token: None,
        client_identifier: client_identifier(store, seam).await?,
    };
    let transport = HttpTransport::new(addresses, &identity, Limits::default())?;
    let paced = Paced::new(Arc::new(transport), config.timing.plex_request_every);
    Ok(Plex::new(Arc::new(paced)))
}

/// plex.tv ties tokens and limits to this identifier: it is made once and kept.
async fn client_identifier(store: &Store, seam: &Seam) -> Result<String, StoreError> {
    let mut fresh = String::from("rolarr-");
    // Writing into a string can't fail.
    let _ = write!(fresh, "{:016x}{:016x}", seam.random(), seam.random());
    store
        .write(move |tx| match tx.fact(CLIENT_IDENTIFIER)? {
            Some(known) => Ok(known),
            None => {
                tx.put_fact(CLIENT_IDENTIFIER, &fresh)?;
                Ok(fresh)
            }
        })
        .await
}
