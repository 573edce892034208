//! Asking the bot that runs for something, through its database.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

use super::CliError;
use crate::store::{Answer, Order, Store, StoreError, Threads};

/// How long the bot may take to answer. It looks for orders every few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bot's database, and a way to wait for what it answers.
pub(super) struct Desk {
    pub(super) store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    /// Opens the bot's database, and never makes one.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        if !path.exists() {
            let error = anyhow!("there is no database `{}`", path.display());
            return Err(CliError::failed(error)
                .hinted("the bot makes it when it first starts: is this its configuration?"));
        }
        let store =
            Store::open(path, Threads::None).with_context(|| format!("the database `{}`", path.display()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the program can't be started")?;
        Ok(Self { store, runtime })
    }

    /// Reads from the database.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, CliError> {
        Ok(self.runtime.block_on(work).map_err(anyhow::Error::from)?)
    }

    /// Has the bot carry out an order, and returns its answer. Takes the order back if the bot does not take it
    /// up.
    pub(super) fn ask(&self, order: Order) -> Result<Answer, CliError> {
        let id = self.wait(self.store.write(move |tx| tx.put_order(&order)))?;
        let since = Instant::now();
        loop {
            sleep(Duration::from_millis(100));
            if let Some(answer) = self.wait(self.store.write(move |tx| tx.take_answer(id)))? {
                return Ok(answer);
            }
            if since.elapsed() > PATIENCE && self.wait(self.store.write(move |tx| tx.withdraw_order(id)))? {
                return Err(CliError::failed(anyhow!("the bot does not answer, and nothing was done"))
                    .hinted("this needs the bot to run with the same configuration: `rolarr run`"));
            }
        }
    }

    /// The same for what is answered in words.
    pub(super) fn told(&self, order: Order) -> Result<String, CliError> {
        match self.ask(order)? {
            Answer::Done(said) => Ok(said),
            Answer::Failed(said) => Err(CliError::failed(anyhow!(said))),
            Answer::Plan(_) => Err(CliError::failed(anyhow!("the bot gave an answer to another question"))),
        }
    }
}
