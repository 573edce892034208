//! A bot that works is given the whole corpus, and goes on deciding.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rolarr_tests::{World, process::Process};

use crate::corpus::{Hostile, chosen, corpus, is_whole};
use crate::processes::{children, status};
use crate::{PROGRAM, is_one_line};

const ANN: &str = "ann@example.org";
const SOUND: &[u8] = include_bytes!("../../policies/prebuilt/role-restriction.wasm");
const REFUSED: &str = "the policy was not changed";
const NO_CANDIDATE: &str = "the candidate can't be loaded";

/// Limits under which those that use everything up do so soon.
const NARROW: &str = "\n[policy.limits]\nload_cpu = \"1s\"\nload_clock = \"3s\"\n";

/// How much more memory the bot may have while it is given hostile modules, in KiB.
const MORE_MEMORY: u64 = 60 << 10;

fn policy(world: &World) -> PathBuf {
    world.folder().join("policy.wasm")
}

/// Puts a file into its place in one step, as careful people do.
fn put(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, path).unwrap();
}

fn configure(world: &World, more: &str) -> PathBuf {
    let path = world.configuration();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + more).unwrap();
    path
}

async fn world() -> World {
    let mut world = World::new().await;
    put(&policy(&world), SOUND);
    world.setup.policy = Some(policy(&world).display().to_string());
    world.setup.audit_channel = Some(world.scene.channel);
    world.setup.brake = 1_000_000;
    world
}

fn start(config: &Path) -> Process {
    Process::start(PROGRAM, &["run".as_ref(), "--config".as_ref(), config.as_os_str()], &[])
}

/// Runs a command beside the bot: whether it succeeded, and what it printed.
async fn rolarr(world: &World, arguments: &[&str]) -> (bool, String) {
    let config = world.folder().join("config.toml");
    let mut all: Vec<std::ffi::OsString> = arguments.iter().map(Into::into).collect();
    all.extend(["--config".into(), config.into_os_string()]);
    let mut process = Process::start(PROGRAM, &all, &[]);
    let status = process.ended().await;
    (status.success(), [process.out(), process.err()].concat().join("\n"))
}

/// The most memory that the bot and those that load for it had.
#[derive(Default)]
struct Watched {
    bot: AtomicU64,
    loader: AtomicU64,
    stop: AtomicBool,
}

impl Watched {
    fn begin(bot: u32) -> (Arc<Self>, std::thread::JoinHandle<()>) {
        let watched = Arc::new(Self::default());
        let seen = Arc::clone(&watched);
        let thread = std::thread::spawn(move || {
            while !seen.stop.load(Ordering::SeqCst) {
                seen.bot.fetch_max(status(bot, "VmRSS:"), Ordering::SeqCst);
                for child in children(bot) {
                    seen.loader.fetch_max(status(child, "VmHWM:"), Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        (watched, thread)
    }
}

/// How many lines of the log have this in them, and the last one of those.
fn told(process: &Process, what: &str) -> (usize, String) {
    let lines: Vec<String> = process.err().into_iter().filter(|line| line.contains(what)).collect();
    (lines.len(), lines.last().cloned().unwrap_or_default())
}

/// Gives the bot one file, and waits for what it says about it. How long that took.
async fn answered(
    world: &World,
    process: &Process,
    path: &Path,
    give: impl FnOnce(&Path),
) -> (Duration, String) {
    let count = || {
        [
            REFUSED,
            NO_CANDIDATE,
            "another policy decides",
            "runs beside it",
            "nothing changed",
            "goes on deciding: the configuration",
        ]
        .map(|what| told(process, what).0)
    };
    let before = count();
    let begun = Instant::now();
    give(path);
    world.eventually("the bot says something about the file", || count() != before).await;
    let line =
        process.err().into_iter().rev().find(|line| line.contains(REFUSED) || line.contains(NO_CANDIDATE));
    (begun.elapsed(), line.unwrap_or_default())
}

/// A member loses the role and gets it back, and access follows.
async fn it_decides(world: &World) -> Duration {
    let (alice, begun) = (world.scene.alice, Instant::now());
    world.loses_role(alice);
    world.eventually("the member is restricted", || !world.filters(ANN).is_empty()).await;
    world.gets_role(alice);
    world.eventually("the member is not restricted any more", || world.filters(ANN).is_empty()).await;
    begun.elapsed()
}

/// Those that load in three times the processor time that this bot gives them: they would take over, as they should.
const HARMLESS: [&str; 29] = [
    "functions-1-locals-50000",
    "functions-10-locals-50000",
    "functions-100-locals-50000",
    "functions-1000-locals-0",
    "one-long-function-of-additions",
    "one-long-function-of-divisions",
    "locals-alive-1000",
    "locals-alive-10000",
    "ifs-nested-1000",
    "ifs-nested-1000-with-jumps",
    "loops-nested-1000",
    "loops-nested-1000-with-jumps",
    "blocks-nested-1000",
    "blocks-nested-10000",
    "blocks-nested-1000-with-jumps",
    "table-of-10000-jumps",
    "a-table-of-jumps-in-each-function",
    "many-types",
    "many-exports",
    "many-globals",
    "many-elements",
    "many-parameters",
    "a-long-name",
    "data-of-20-mib",
    "many-data",
    "a-million-custom-sections",
    "a-custom-section-of-20-mib",
    "producers-that-are-garbage",
    "names-of-functions-that-are-not-there",
];

fn refused() -> Vec<Hostile> {
    chosen(|hostile| !HARMLESS.contains(&hostile.name.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_given_the_corpus_goes_on_deciding() {
    let world = world().await;
    let shadow = world.folder().join("candidate.wasm");
    put(&shadow, SOUND);
    let section = format!("{NARROW}[policy.shadow]\nmodule = \"{}\"\n", shadow.display());
    let config = configure(&world, &section);
    let process = start(&config);
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    it_decides(&world).await;
    let id = process.id();
    let idle = status(id, "VmRSS:");
    let corpus = tokio::task::spawn_blocking(refused).await.unwrap();
    assert!(corpus.len() >= if is_whole() { 150 } else { 60 }, "{}", corpus.len());
    let (watched, thread) = Watched::begin(id);
    let place = policy(&world);
    let (mut slowest, mut decided, mut longest_decision) = (Duration::ZERO, 0, Duration::ZERO);
    // By its file, and now and then by an order besides, which the file is not changed for; and then beside the policy.
    for (beside, path) in [(false, &place), (true, &shadow)] {
        for (number, hostile) in corpus.iter().enumerate() {
            if beside && number % 3 != 0 {
                continue;
            }
            let decide = async {
                if number % 8 == 0 {
                    longest_decision = longest_decision.max(it_decides(&world).await);
                    decided += 2;
                }
            };
            let give = answered(&world, &process, path, |path| put(path, &hostile.bytes));
            let ((took, line), ()) = tokio::join!(give, decide);
            slowest = slowest.max(took);
            let said = line.split_once("error=").map(|(_, said)| said).unwrap_or_default();
            is_one_line(said);
            assert!(!said.is_empty(), "{}", hostile.name);
            if !beside && number % 16 == 0 {
                let (done, said) = rolarr(&world, &["policy", "reload"]).await;
                assert!(!done, "{}: {said}", hostile.name);
            }
        }
        answered(&world, &process, path, |path| put(path, SOUND)).await;
    }
    watched.stop.store(true, Ordering::SeqCst);
    thread.join().unwrap();
    let (most, loader) = (watched.bot.load(Ordering::SeqCst), watched.loader.load(Ordering::SeqCst));
    println!(
        "{} modules by file, {} by reload, {} as the candidate; the slowest answer took {:.1} s; {decided} role changes \
         were decided meanwhile, two in at most {:.1} s; the bot had {} MiB at rest and {} MiB at most, those that \
         loaded at most {} MiB",
        corpus.len(),
        corpus.len().div_ceil(16),
        corpus.len().div_ceil(3),
        slowest.as_secs_f64(),
        longest_decision.as_secs_f64(),
        idle >> 10,
        most >> 10,
        loader >> 10,
    );
    assert!(most < idle + MORE_MEMORY, "{most} KiB of {idle} KiB at rest");
    let undecided =
        world.database().unwrap().rows("SELECT id FROM events WHERE state IN ('waiting', 'undecided')");
    assert_eq!(undecided, Vec::<String>::new());
    it_decides(&world).await;
    let mut process = process;
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_in_the_policy_s_place_is_refused_at_once_and_a_file_counts_afterwards() {
    let world = world().await;
    let mut process = start(&configure(&world, ""));
    world.until_connected(0).await;
    let place = policy(&world);
    let clear = |path: &Path| {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    };
    type Give = Box<dyn Fn(&Path)>;
    let gives: [(&str, Give); 5] = [
        (
            "a pipe",
            Box::new(|path| {
                assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success())
            }),
        ),
        ("a folder", Box::new(|path| fs::create_dir(path).unwrap())),
        ("an endless device", Box::new(|path| symlink("/dev/zero", path).unwrap())),
        ("a socket", Box::new(|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()))),
        (
            "a file of a terabyte",
            Box::new(|path| fs::File::create(path).and_then(|file| file.set_len(1 << 40)).unwrap()),
        ),
    ];
    for (name, give) in gives {
        let (took, line) = answered(&world, &process, &place, |path| {
            clear(path);
            give(path);
        })
        .await;
        println!("{name}: {line}");
        assert!(line.contains(REFUSED) && took < Duration::from_secs(5), "{name}: {took:?} {line}");
        answered(&world, &process, &place, |path| {
            clear(path);
            put(path, SOUND);
        })
        .await;
    }
    process.terminate().await;
    assert!(process.ended().await.success());
}

/// A module that takes all the time that there is, and a configuration that gives it much.
fn slow() -> (Vec<u8>, &'static str) {
    let slow = corpus().into_iter().find(|hostile| hostile.name == "functions-1000-locals-50000").unwrap();
    (
        slow.bytes,
        "\n[policy.limits]\nload_cpu = \"300s\"\nload_clock = \"300s\"\nload_memory_bytes = \"8GiB\"\n",
    )
}

async fn until_it_loads(world: &World, process: &Process) {
    let id = process.id();
    world.eventually("a policy is being loaded", || !children(id).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_go_back_is_carried_out_while_something_compiles() {
    let mut world = world().await;
    let (slow, limits) = slow();
    let mut process = start(&configure(&world, limits));
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    world.setup.label = Some("second".to_owned());
    let _ = configure(&world, limits);
    let (done, said) = rolarr(&world, &["policy", "reload"]).await;
    assert!(done, "{said}");
    put(&policy(&world), &slow);
    until_it_loads(&world, &process).await;
    // Nothing else waits for it either.
    it_decides(&world).await;
    assert!(!children(process.id()).is_empty(), "it is being loaded still");
    let begun = Instant::now();
    let (done, said) = rolarr(&world, &["policy", "rollback"]).await;
    println!("answered in {:.1} s: {said}", begun.elapsed().as_secs_f64());
    assert!(done && said.contains("decides now"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(15));
    let id = process.id();
    world.eventually("what was loaded is given up", || children(id).is_empty()).await;
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_asked_to_stop_while_something_compiles_ends_within_two_seconds() {
    let world = world().await;
    let (slow, limits) = slow();
    let config = configure(&world, limits);
    for first in [false, true] {
        if first {
            put(&policy(&world), &slow);
        }
        let mut process = start(&config);
        if !first {
            world.until_connected(0).await;
            put(&policy(&world), &slow);
        }
        until_it_loads(&world, &process).await;
        let loaders = children(process.id());
        let begun = Instant::now();
        process.terminate().await;
        assert!(process.ended().await.success());
        assert!(begun.elapsed() < Duration::from_secs(2), "first: {first}, {:?}", begun.elapsed());
        assert!(loaders.iter().all(|loader| !Path::new(&format!("/proc/{loader}")).exists()));
        put(&policy(&world), SOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_loads_dies_with_a_bot_that_is_killed() {
    let world = world().await;
    let (slow, limits) = slow();
    let mut process = start(&configure(&world, limits));
    world.until_connected(0).await;
    put(&policy(&world), &slow);
    until_it_loads(&world, &process).await;
    let loaders = children(process.id());
    process.kill().await;
    let gone = |loader: &u32| {
        let stat = fs::read_to_string(format!("/proc/{loader}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    world.eventually("the loader is gone", || loaders.iter().all(gone)).await;
}
