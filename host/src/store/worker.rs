//! Who touches the file: one thread that writes, one that reads, or the caller itself.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Notify, oneshot};

use super::{StoreError, Table, Tx, changes::Changes, connection, guard};

/// At most this many jobs share one commit, so that no caller waits long for the others.
const GROUP: usize = 64;

/// Which threads a store uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One that writes and one that reads.
    Own,
    /// None: every call runs at once in the thread that makes it.
    None,
}

/// The database. Cheap to clone; closed when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    changes: Arc<Changes>,
}

enum Inner {
    Threaded(Threaded),
    Inline(Mutex<Connection>),
}

struct Threaded {
    writes: Option<Sender<Job>>,
    reads: Option<Sender<ReadJob>>,
    reading: Option<JoinHandle<()>>,
    writing: Option<JoinHandle<()>>,
}

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

enum Job {
    Write(Box<dyn WriteJob>),
    Scrub(oneshot::Sender<Result<(), StoreError>>),
}

/// A write: first it runs inside the group's transaction, then it learns how the commit went.
trait WriteJob: Send {
    /// # Errors
    /// What its own caller will learn.
    fn run(&mut self, db: &Connection) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Write<F, T> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> WriteJob for Write<F, T>
where
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = connection::in_savepoint(db, work);
        let told = result.as_ref().map(drop).map_err(similar);
        self.result = Some(result);
        told
    }

    fn finish(self: Box<Self>, commit: Result<(), StoreError>) {
        let result = match (self.result, commit) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) | (Some(Ok(_)), Err(error)) => Err(error),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // Nobody waits any more: the caller was cancelled, the work stands all the same.
        let _ = self.reply.send(result);
    }
}

impl Store {
    /// Opens the file, makes it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] if the file can't be opened, written or understood.
    pub fn open(path: &Path, threads: Threads) -> Result<Self, StoreError> {
        let writer = connection::open_writer(path)?;
        let changes = Changes::of(&writer)?;
        let inner = match threads {
            Threads::None => Inner::Inline(Mutex::new(writer)),
            Threads::Own => Inner::Threaded(Threaded::start(path.to_owned(), writer, Arc::clone(&changes))?),
        };
        Ok(Self { inner: Arc::new(inner), changes })
    }

    /// Opens a file that has the newest schema already, for commands that work beside a bot. It is never made, and
    /// never brought up to date. Every call runs at once in the thread that makes it.
    ///
    /// # Errors
    /// [`StoreError::Earlier`] or [`StoreError::Newer`] if it has another schema, and [`StoreError`] if it can't be
    /// opened or written.
    pub fn open_present(path: &Path) -> Result<Self, StoreError> {
        let writer = connection::open_present(path)?;
        let changes = Changes::of(&writer)?;
        Ok(Self { inner: Arc::new(Inner::Inline(Mutex::new(writer))), changes })
    }

    /// Has `listener` notified after each commit of this process that changed one of the tables.
    pub fn listen(&self, tables: &[Table], listener: Arc<Notify>) {
        self.changes.listen(tables, listener);
    }

    /// Runs a transaction and returns once it is safe on the disk.
    ///
    /// # Errors
    /// What the closure returns, or [`StoreError`] if the commit fails; then nothing of it stands.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        match &*self.inner {
            Inner::Inline(db) => {
                let mut db = db.lock().unwrap_or_else(PoisonError::into_inner);
                let written = begin(&mut db).and_then(|transaction| {
                    let value = work(&Tx { db: &transaction })?;
                    transaction.commit()?;
                    Ok(value)
                });
                self.changes.end(written.is_ok());
                written
            }
            Inner::Threaded(threaded) => {
                let (reply, result) = oneshot::channel();
                let job = Box::new(Write { work: Some(work), result: None, reply });
                let writes = threaded.writes.as_ref().ok_or(StoreError::Closed)?;
                writes.send(Job::Write(job)).map_err(|_| StoreError::Closed)?;
                result.await.map_err(|_| StoreError::Closed)?
            }
        }
    }

    /// Reads a consistent state that holds everything that was acknowledged before.
    ///
    /// # Errors
    /// What the closure returns, or [`StoreError`].
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        match &*self.inner {
            Inner::Inline(db) => {
                let db = db.lock().unwrap_or_else(PoisonError::into_inner);
                work(&Tx { db: &db })
            }
            Inner::Threaded(threaded) => {
                let (reply, result) = oneshot::channel();
                let job: ReadJob = Box::new(move |db| {
                    let _ = reply.send(in_read_transaction(db, work));
                });
                let reads = threaded.reads.as_ref().ok_or(StoreError::Closed)?;
                reads.send(job).map_err(|_| StoreError::Closed)?;
                result.await.map_err(|_| StoreError::Closed)?
            }
        }
    }

    /// Makes sure that what was deleted is gone from the write-ahead log too.
    ///
    /// # Errors
    /// [`StoreError`] if the log can't be emptied.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        match &*self.inner {
            Inner::Inline(db) => empty_log(&db.lock().unwrap_or_else(PoisonError::into_inner)),
            Inner::Threaded(threaded) => {
                let (reply, result) = oneshot::channel();
                let writes = threaded.writes.as_ref().ok_or(StoreError::Closed)?;
                writes.send(Job::Scrub(reply)).map_err(|_| StoreError::Closed)?;
                result.await.map_err(|_| StoreError::Closed)?
            }
        }
    }
}

/// Empties the write-ahead log, unless another program reads the file at this moment: nothing waits for that, since
/// whatever is to be written would wait too.
fn empty_log(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(std::time::Duration::ZERO)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    db.busy_timeout(guard::PATIENCE)?;
    let busy = match busy.map_err(StoreError::from) {
        Err(StoreError::Locked) => true,
        other => other?,
    };
    if busy { Err(StoreError::Locked) } else { Ok(()) }
}

fn in_read_transaction<T>(
    db: &Connection,
    work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = db.unchecked_transaction()?;
    work(&Tx { db: &transaction })
}

impl Threaded {
    fn start(path: PathBuf, mut writer: Connection, changes: Arc<Changes>) -> Result<Self, StoreError> {
        let reader = connection::open_reader(&path)?;
        let (writes, jobs) = channel::<Job>();
        let (reads, questions) = channel::<ReadJob>();
        let failed = |error: std::io::Error| StoreError::Failed(error.to_string());
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_groups(&mut writer, &jobs, &changes))
            .map_err(failed)?;
        let reading = std::thread::Builder::new()
            .name("store-reader".to_owned())
            .spawn(move || questions.iter().for_each(|job| job(&reader)))
            .map_err(failed)?;
        Ok(Self { writes: Some(writes), reads: Some(reads), reading: Some(reading), writing: Some(writing) })
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        // The writer is the last to close the file: it empties the log into it and takes the log away, which who
        // only reads can't.
        self.reads = None;
        let _ = self.reading.take().map(JoinHandle::join);
        self.writes = None;
        let _ = self.writing.take().map(JoinHandle::join);
    }
}

fn write_groups(db: &mut Connection, jobs: &Receiver<Job>, changes: &Changes) {
    while let Ok(first) = jobs.recv() {
        let mut group = Vec::new();
        let mut scrubs = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(write) => group.push(write),
                // After everything that came before it.
                Job::Scrub(reply) => scrubs.push(reply),
            }
            next = if group.len() < GROUP && scrubs.is_empty() { jobs.try_recv().ok() } else { None };
        }
        if !group.is_empty() {
            let outcome = commit_group(db, &mut group);
            changes.end(outcome.is_ok());
            for job in group {
                job.finish(copy(&outcome));
            }
        }
        for reply in scrubs {
            // Nobody waits any more: it was done all the same.
            let _ = reply.send(empty_log(db));
        }
    }
}

/// A transaction that writes from its beginning: one that began with reading would not wait for another
/// program's write, but fail.
fn begin(db: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(db.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn commit_group(db: &mut Connection, group: &mut [Box<dyn WriteJob>]) -> Result<(), StoreError> {
    let transaction = begin(db)?;
    for job in group {
        let told = job.run(&transaction);
        if transaction.is_autocommit() {
            // What ran before in this group is gone too, and what would run now would stand by itself.
            return Err(told.err().unwrap_or_else(connection::taken_back));
        }
    }
    transaction.commit()?;
    Ok(())
}

/// One commit serves several callers, and each needs to be told.
fn copy(outcome: &Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(similar(error)),
    }
}

fn similar(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full => StoreError::Full,
        StoreError::ReadOnly => StoreError::ReadOnly,
        StoreError::Locked => StoreError::Locked,
        StoreError::Corrupt => StoreError::Corrupt,
        other => StoreError::Failed(other.to_string()),
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}
