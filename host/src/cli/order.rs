//! Asking the bot that runs for something, through its database.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

use super::CliError;
use crate::{
    files,
    store::{Answer, Order, Store, StoreError},
};

/// How long the bot may take to answer. It looks for orders every few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long its answer is waited for if the order stays anyway, for when it starts.
const SHORT_PATIENCE: Duration = Duration::from_secs(15);

/// How often is looked for an answer.
const PAUSE: Duration = Duration::from_millis(100);

/// The bot's database, and a way to wait for what it answers.
pub(super) struct Desk {
    pub(super) store: Store,
    runtime: tokio::runtime::Runtime,
    patience: Duration,
}

impl Desk {
    /// Opens the bot's database, and never makes one.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        if !path.exists() {
            let error = anyhow!("there is no database `{}`", files::shown(path));
            return Err(CliError::failed(error)
                .hinted("the bot makes it when it first starts: is this its configuration?"));
        }
        let store =
            Store::open_present(path).with_context(|| format!("the database `{}`", files::shown(path)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the program can't be started")?;
        Ok(Self { store, runtime, patience: PATIENCE })
    }

    /// Reads from the database, or writes into it.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, CliError> {
        Ok(self.runtime.block_on(work).map_err(anyhow::Error::from)?)
    }

    /// Has the bot carry out an order, and returns its answer. Takes the order back if the bot does not take it
    /// up.
    pub(super) fn ask(&self, order: Order) -> Result<Answer, CliError> {
        let id = self.put(order)?;
        if let Some(answer) = self.answer(id, self.patience)? {
            return Ok(answer);
        }
        if self.wait(self.store.write(move |tx| tx.withdraw_order(id)))? {
            return Err(CliError::failed(anyhow!("the bot does not answer, and nothing was done"))
                .hinted("this needs the bot to run with the same configuration: `rolarr run`"));
        }
        // It was answered just now.
        self.answer(id, self.patience)?.ok_or_else(|| {
            CliError::failed(anyhow!("the bot took the order, and gave no answer"))
                .hinted("its log says more")
        })
    }

    /// The same for what is answered in words.
    pub(super) fn told(&self, order: Order) -> Result<String, CliError> {
        in_words(self.ask(order)?)
    }

    /// Leaves an order for the bot, and returns what it says. None: it does not run, and carries the order out
    /// when it starts.
    pub(super) fn leave(&self, order: Order) -> Result<Option<String>, CliError> {
        let id = self.put(order)?;
        self.answer(id, self.patience.min(SHORT_PATIENCE))?.map(in_words).transpose()
    }

    fn put(&self, order: Order) -> Result<i64, CliError> {
        self.wait(self.store.write(move |tx| tx.put_order(&order)))
    }

    /// The answer to an order; none if there is none in this time.
    fn answer(&self, id: i64, patience: Duration) -> Result<Option<Answer>, CliError> {
        let since = Instant::now();
        loop {
            // Looked at first, and only then written: a bot at work is not kept waiting.
            if !self.wait(self.store.read(move |tx| tx.order_waits(id)))?
                && let Some(answer) = self.wait(self.store.write(move |tx| tx.take_answer(id)))?
            {
                return Ok(Some(answer));
            }
            if since.elapsed() >= patience {
                return Ok(None);
            }
            sleep(PAUSE);
        }
    }
}

fn in_words(answer: Answer) -> Result<String, CliError> {
    match answer {
        Answer::Done(said) => Ok(said),
        Answer::Failed(said) => Err(CliError::failed(anyhow!(said))),
        Answer::Plan(_) => Err(CliError::failed(anyhow!("the bot gave an answer to another question"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::cli::fixture::{START, database, fill};
    use crate::domain::Timestamp;

    fn desk() -> (TempDir, PathBuf, Desk) {
        let (folder, file) = database(|_| Ok(()));
        let desk = Desk::open(&file).unwrap();
        (folder, file, desk)
    }

    /// A bot that answers the next order.
    fn bot(file: &Path, answer: Answer) -> std::thread::JoinHandle<()> {
        let desk = Desk::open(file).unwrap();
        std::thread::spawn(move || {
            loop {
                let answer = answer.clone();
                let answered = desk.wait(desk.store.write(move |tx| {
                    let Some((id, _)) = tx.next_order()? else { return Ok(false) };
                    tx.answer_order(id, Timestamp(START), &answer).map(|()| true)
                }));
                if answered.unwrap() {
                    return;
                }
                sleep(Duration::from_millis(5));
            }
        })
    }

    fn waiting(desk: &Desk) -> Option<Order> {
        desk.wait(desk.store.read(|tx| tx.next_order())).unwrap().and_then(|(_, order)| order)
    }

    fn said(error: &CliError) -> String {
        let mut out = Vec::new();
        error.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_the_bot_answers_is_said_whether_the_order_would_stay_or_not() {
        let (_folder, file, desk) = desk();
        let answering = bot(&file, Answer::Done("it decides now".to_owned()));
        assert_eq!(desk.told(Order::Reload).unwrap(), "it decides now");
        answering.join().unwrap();
        let answering = bot(&file, Answer::Done("3 members".to_owned()));
        assert_eq!(desk.leave(Order::Approve(None)).unwrap().as_deref(), Some("3 members"));
        answering.join().unwrap();
        assert_eq!(waiting(&desk), None);
    }

    #[test]
    fn what_the_bot_could_not_do_is_a_failure() {
        let (_folder, file, desk) = desk();
        let answering = bot(&file, Answer::Failed("there is no such policy".to_owned()));
        let error = desk.told(Order::RollBack(Some("x".to_owned()))).unwrap_err();
        answering.join().unwrap();
        assert_eq!(said(&error), "error: there is no such policy\n");
        let answering = bot(&file, Answer::Plan(Default::default()));
        assert!(said(&desk.told(Order::Reload).unwrap_err()).contains("another question"));
        answering.join().unwrap();
    }

    #[test]
    fn an_order_that_nobody_takes_up_is_taken_back() {
        let (_folder, _file, desk) = desk();
        let desk = Desk { patience: Duration::ZERO, ..desk };
        let error = desk.ask(Order::Reload).unwrap_err();
        assert!(
            said(&error).contains("nothing was done\nhint: this needs the bot to run"),
            "{}",
            said(&error)
        );
        assert_eq!(waiting(&desk), None);
    }

    #[test]
    fn an_order_that_is_being_carried_out_is_not_said_to_be_undone() {
        let (_folder, _file, desk) = desk();
        let desk = Desk { patience: Duration::ZERO, ..desk };
        let id = desk.put(Order::Reload).unwrap();
        assert!(desk.wait(desk.store.write(move |tx| tx.take_up_order(id))).unwrap());
        assert!(!desk.wait(desk.store.write(move |tx| tx.withdraw_order(id))).unwrap());
        assert_eq!(waiting(&desk), Some(Order::Reload));
    }

    #[test]
    fn an_order_that_is_left_stays_until_the_bot_starts() {
        let (_folder, file, desk) = desk();
        let desk = Desk { patience: Duration::ZERO, ..desk };
        assert_eq!(desk.leave(Order::Reject(None)).unwrap(), None);
        assert_eq!(waiting(&desk), Some(Order::Reject(None)));
        // Nobody reads the answer any more.
        bot(&file, Answer::Done("done".to_owned())).join().unwrap();
        assert_eq!(waiting(&desk), None);
    }

    #[test]
    fn a_database_that_is_not_there_is_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rolarr.db");
        let Err(error) = Desk::open(&file) else { panic!("it was opened") };
        assert!(said(&error).contains("there is no database"), "{}", said(&error));
        assert!(!file.exists());
        fill(&file, |_| Ok(()));
        assert!(Desk::open(&file).is_ok());
    }
}
