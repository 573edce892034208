//! wasmtime's settings, and what all policies of a process share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, RegallocAlgorithm,
    Strategy,
};

use super::code::check_private;
use super::folders::{self, Folders};
use super::functions::Functions;
use super::loader::Loader;
use super::state::State;
use super::v1;
use rolarr_edge::files::shown;

/// How an [`Engine`] is made.
#[derive(Clone, Debug, Default)]
pub struct EngineSettings {
    /// Where compiled policies are kept, so that the next start takes a millisecond. It is created, for its owner
    /// only. None: nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// Where a fresh folder may be made for each policy that is loaded, if nothing can be kept. None: only among the
    /// temporary files.
    pub fallback_dir: Option<PathBuf>,
    /// Which program loads policies.
    pub loader: Loader,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder for the cache can't be used.
    #[error("the cache folder `{}` can't be used: {what}", shown(folder))]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        what: String,
    },
    /// wasmtime can't run on this machine.
    #[error("WebAssembly can't run on this machine: {0}")]
    Machine(String),
}

/// What machine code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// To be run for every event.
    Lasting,
    /// To be run once, while a policy is loaded: compiled quickly, and slower than it could be.
    Passing,
}

/// What all policies of a process share: the compiler, the pool of instances, the caches, and the clock
/// that is the backstop for policies that don't end. Cloning is cheap.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(super) struct Inner {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Linker<State>,
    pub(super) folders: Folders,
    pub(super) loader: Loader,
    /// Grows when somebody gives up on what is being loaded.
    given_up: AtomicU64,
    closed: AtomicBool,
    /// For which engine its code is compiled.
    compatibility: String,
    pooled: bool,
    gate: Gate,
    ticker: Ticker,
}

/// How many instances may live at one time. Evaluations beyond that wait for their turn. An evaluation
/// takes microseconds of processor time, so more than a few per processor gain nothing.
const INSTANCES: u32 = 16;

/// The most memory that [`Limits::memory_bytes`](super::Limits::memory_bytes) can allow. The pool reserves
/// addresses, not memory, for it.
pub(super) const MOST_MEMORY: usize = 256 << 20;

/// How long one tick of the backstop clock takes.
const TICK: Duration = Duration::from_millis(50);

/// After this many ticks in which nothing was evaluated the clock sleeps until the next evaluation. Waking it
/// costs a few microseconds.
const IDLE_TICKS: u32 = 10;

impl Engine {
    /// Makes an engine. It compiles nothing: what loads policies is a process of its own.
    ///
    /// # Errors
    ///
    /// What is in the place of the cache folder is no folder, or one that others may write to; or wasmtime can't run
    /// here. A cache folder that can't be used for another reason is not used, and a warning says why.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let mut folders = Folders { fallback: settings.fallback_dir, ..Folders::default() };
        if let Some(folder) = &settings.cache_dir {
            match private_folder(folder)? {
                Ok(cache) => {
                    folders::clear(&cache);
                    folders.cache = Some(cache);
                }
                Err(what) => {
                    tracing::warn!(what, "compiled policies can't be kept: each start compiles them again");
                    folders.no_cache = Some(what);
                }
            }
        }
        // The pool reserves addresses for all its slots. Where they are rationed (a container, `ulimit -v`)
        // instances are allocated one by one: slower by some 40 µs, and otherwise the same.
        let mut config = config();
        config.allocation_strategy(pool());
        match wasmtime::Engine::new(&config) {
            Ok(engine) => Self::of(engine, true, folders, settings.loader),
            Err(error) => {
                config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
                let engine = wasmtime::Engine::new(&config).map_err(machine)?;
                tracing::warn!(
                    error = format!("{error:#}"),
                    "no pool of instances for policies: each event costs some 40 µs more; allow the process \
                     more address space (`ulimit -v`) to have it"
                );
                Self::of(engine, false, folders, settings.loader)
            }
        }
    }

    /// Makes an engine that compiles, for the process that loads policies. Its instances are allocated one by one: it
    /// makes few, and has few addresses.
    pub(super) fn for_loading(functions: &Arc<Functions>, code: Code) -> Result<Self, EngineError> {
        let mut config = config();
        if code == Code::Passing {
            config.cranelift_opt_level(OptLevel::None);
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        let store: Arc<dyn wasmtime::CacheStore> = Arc::<Functions>::clone(functions);
        config.enable_incremental_compilation(store).map_err(machine)?;
        let engine = wasmtime::Engine::new(&config).map_err(machine)?;
        Self::of(engine, false, Folders::default(), Loader::InThisProcess)
    }

    fn of(
        wasmtime: wasmtime::Engine,
        pooled: bool,
        folders: Folders,
        loader: Loader,
    ) -> Result<Self, EngineError> {
        let mut linker = Linker::new(&wasmtime);
        v1::link(&mut linker).map_err(machine)?;
        let ticker = Ticker::start(wasmtime.clone())
            .map_err(|error| EngineError::Machine(format!("no thread for the clock: {error}")))?;
        let mut hash = DefaultHasher::new();
        wasmtime.precompile_compatibility_hash().hash(&mut hash);
        Ok(Self(Arc::new(Inner {
            wasmtime,
            linker,
            folders,
            loader,
            given_up: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            compatibility: format!("{:016x}", hash.finish()),
            pooled,
            gate: Gate::default(),
            ticker,
        })))
    }

    /// Gives up on the policies that are being loaded now: each ends soon, with an error.
    pub fn give_up(&self) {
        self.0.given_up.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives up on the policies that are being loaded now, and loads no other: for the end of the program.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.give_up();
    }

    /// Whether somebody gave up on what is loaded from here on.
    pub(super) fn watch(&self) -> impl Fn() -> bool + use<> {
        let inner = Arc::clone(&self.0);
        let begun = inner.given_up.load(Ordering::SeqCst);
        move || inner.closed.load(Ordering::SeqCst) || inner.given_up.load(Ordering::SeqCst) != begun
    }

    /// For which engine its code is compiled.
    pub(super) fn compatibility(&self) -> &str {
        &self.0.compatibility
    }

    /// Whether instances come from a pool. If not, the machine does not give enough address space, and each
    /// event costs some 40 µs more.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.0.pooled
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Waits for a free slot and keeps the clock running until the guard is dropped.
    pub(super) fn enter(&self) -> Entered<'_> {
        self.0.gate.enter();
        self.0.ticker.began();
        Entered(&self.0)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("folders", &self.0.folders).finish_non_exhaustive()
    }
}

/// How many ticks a time is, rounded up, and one more because the present tick has begun already.
pub(super) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_millis().div_ceil(TICK.as_millis());
    u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1)
}

fn machine(error: wasmtime::Error) -> EngineError {
    EngineError::Machine(format!("{error:#}"))
}

/// What the engine that compiles and the engine that runs have in common, which is all that machine code depends on.
fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        // Off: nothing here is asynchronous, and it costs 2.7 µs per instance.
        .concurrency_support(false)
        // The limit: counted exactly, so a policy that runs away does so on every machine.
        .consume_fuel(true)
        // The backstop, for what fuel counts too cheaply.
        .epoch_interruption(true)
        // Each event starts from the same image of memory, copied page by page as it is written to.
        .memory_init_cow(true)
        // The same bits for the same sums on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // The trap itself says what happened. Names are stripped from policies, so a backtrace says no more
        // and costs 6 µs.
        .wasm_backtrace_max_frames(None)
        .parallel_compilation(true);
    config
}

fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        // A component of Python has 38 core instances, one of QuickJS 11.
        .total_core_instances(INSTANCES * 64)
        .max_core_instances_per_component(64)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        // A component of QuickJS has 3 memories and 3 tables.
        .total_memories(INSTANCES * 4)
        .max_memories_per_component(4)
        .max_memory_size(MOST_MEMORY)
        .total_tables(INSTANCES * 4)
        .max_tables_per_component(4)
        // The largest that was met has 7,700 entries.
        .table_elements(20_000)
        // What an event wrote to is reset in place instead of being given back to the kernel, and the
        // kernel is asked which pages those are. One without the other is slower than neither.
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(INSTANCES);
    InstanceAllocationStrategy::Pooling(pool)
}

/// Creates a folder for its owner only, and checks that nobody else can put anything there: what is kept there is
/// machine code. The inner error says why it can't be used, which is no reason not to go on without it.
fn private_folder(folder: &Path) -> Result<Result<PathBuf, String>, EngineError> {
    let wrong = |what: &str| EngineError::Cache { folder: folder.to_owned(), what: what.to_owned() };
    if folder.exists() && !folder.is_dir() {
        return Err(wrong("it is no folder"));
    }
    if let Err(error) = folders::create_private(folder) {
        return Ok(Err(format!("`{}`: {error}", shown(folder))));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder).map_or(0, |about| about.permissions().mode());
        if mode & 0o022 != 0 {
            return Err(wrong("others may write to it; use a folder of its own, or `chmod go-w` it"));
        }
    }
    Ok(check_private(folder))
}

/// Lets [`INSTANCES`] evaluations in at one time.
#[derive(Default)]
struct Gate {
    inside: Mutex<u32>,
    left: Condvar,
}

impl Gate {
    fn enter(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while *inside >= INSTANCES {
            inside = self.left.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        *inside += 1;
    }

    fn leave(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let full = *inside >= INSTANCES;
        *inside -= 1;
        drop(inside);
        if full {
            self.left.notify_one();
        }
    }
}

/// An evaluation that goes on.
pub(super) struct Entered<'a>(&'a Inner);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.ticker.ended();
        self.0.gate.leave();
    }
}

/// The thread that moves the epoch on, so that a policy is stopped whatever it does. It sleeps while
/// nothing is evaluated.
struct Ticker {
    shared: Arc<Ticking>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Ticking {
    /// How many evaluations go on. While there is one the clock must not sleep, however long it takes.
    inside: AtomicU32,
    /// How many evaluations have begun, ever. It changes even if one begins and ends between two ticks.
    begun: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Ticking::default());
        let ticking = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("policy-clock".to_owned())
            .spawn(move || ticking.run(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// An evaluation begins.
    fn began(&self) {
        self.shared.inside.fetch_add(1, Ordering::SeqCst);
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }

    /// An evaluation ends.
    fn ended(&self) {
        self.shared.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticking {
    fn run(&self, engine: &wasmtime::Engine) {
        let mut seen = self.begun.load(Ordering::SeqCst);
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            std::thread::park_timeout(TICK);
            engine.increment_epoch();
            let now = self.begun.load(Ordering::SeqCst);
            let idles = now == seen && self.inside.load(Ordering::SeqCst) == 0;
            idle = if idles { idle + 1 } else { 0 };
            seen = now;
            if idle < IDLE_TICKS {
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // Whoever begins from here on sees `asleep` and wakes this thread.
            while self.begun.load(Ordering::SeqCst) == seen && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It can't have panicked, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_can_be_made_and_dropped_at_once() {
        let engine = Engine::new(EngineSettings::default()).unwrap();
        drop(engine.enter());
        drop(engine);
    }

    #[test]
    fn a_cache_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let settings =
            EngineSettings { cache_dir: Some(folder.path().to_owned()), ..EngineSettings::default() };
        let error = Engine::new(settings).unwrap_err().to_string();
        assert!(error.contains("others may write to it"), "{error}");
    }

    #[test]
    fn evaluations_beyond_the_slots_wait_for_their_turn() {
        let engine = Engine::new(EngineSettings::default()).unwrap();
        let inside: Vec<_> = (0..INSTANCES).map(|_| engine.enter()).collect();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(engine.enter()));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(inside);
            waiting.join().unwrap();
        });
    }

    #[test]
    fn a_time_is_at_least_as_many_ticks() {
        assert_eq!(ticks(Duration::from_millis(1)), 2);
        assert_eq!(ticks(Duration::from_millis(50)), 2);
        assert_eq!(ticks(Duration::from_secs(2)), 41);
    }
}
