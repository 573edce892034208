//! `rolarr demo`: the whole bot on one machine, against simulated services, with a story.
//!
//! Everything of Rolarr is the real thing: only the addresses of Discord and Plex point to simulators on
//! loopback.

mod facts;
mod show;
mod story;
mod world;

use std::{
    env,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::{
    facts::Facts,
    show::Screen,
    story::{Check, STORY, Step},
    world::{GLANCE, World},
};
use super::{
    CliError, Color, Exit, logging,
    output::{self, Output},
    policy::{compiling, settings::parse_settings},
    stop,
};
use crate::{
    config::Log,
    files::shown,
    policy::{Engine, Limits, LoadProblem, Module, Policy, printable},
};

/// How long a step may take until what must be true is true.
const STEP: Duration = Duration::from_secs(20);

/// How long nothing may change while the bot is at rest, until what must be true is taken for not coming.
const STILL: Duration = Duration::from_secs(5);

/// How long everything may take.
const ALL: Duration = Duration::from_secs(240);

/// The policy that the story is made for.
const DEFAULT: &str = "builtin:role-restriction";

const OPEN_BY_DEFAULT: &str = "In this demo a loss is carried out at once (`settle_for = \"0s\"`): a bot that you run waits \
     ten seconds with it, so that a role that flickers costs nothing. The default closes movies and television: music, photos, live television and downloads stay \
     open to a member without a role. `block = \"everything\"` closes them too; to see it:";

/// Show the whole bot at work, on this machine only: no account is needed.
///
/// The bot is the real one. Discord, plex.tv and the Plex server are simulated on loopback, and a story is
/// played: a member gets the role, gives an address, is invited, loses the role, gets it back, and leaves.
/// After each step the demo shows what the policy decided and what Plex says.
///
/// Ends with 0 if everything is as it should be, with 1 if not, and with 2 if the policy does not load.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Let another policy decide: a file, or a built-in one. What it decides is shown and not judged.
    #[arg(long, value_name = "FILE", default_value = DEFAULT)]
    policy: String,
    /// Settings for the policy, as a JSON object. What follows from them is shown and not judged.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// Hold another policy, or other settings, to what the default policy does.
    #[arg(long)]
    as_default: bool,
}

impl Demo {
    pub(super) fn execute(self, color: Color) -> Result<Exit, CliError> {
        let judged = self.as_default || (self.policy == DEFAULT && self.settings.is_none());
        let folder = tempfile::Builder::new().prefix("rolarr-demo-").tempdir();
        let folder = folder.context("a temporary folder can't be made")?;
        let settings = self.settings.unwrap_or_default();
        let name = try_policy(&self.policy, &settings, folder.path())?;
        let play = Play { name, policy: located(&self.policy)?, settings, judged };
        let log = folder.path().join("rolarr.log");
        let file = File::create(&log).with_context(|| format!("can't write `{}`", shown(&log)))?;
        let rust_log = env::var("RUST_LOG").ok();
        let subscriber = logging::subscriber(Log::default(), rust_log.as_deref(), false, Arc::new(file))
            .map_err(CliError::misconfigured)?;
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| logging::AlreadySetUp)
            .map_err(CliError::failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the threads of the program can't be started")?;
        let mut out = Output::colored(io::stdout(), color);
        let color = out.has_colors();
        let within = folder.path();
        let played = runtime.block_on(stop::until_stopped(|asked| async move {
            let mut screen = Screen::new(&mut out, color);
            let played = play.play(within, &mut screen, asked.stop);
            tokio::time::timeout(ALL, played).await.unwrap_or_else(|_| bail!("the demo takes too long"))
        }));
        runtime.shutdown_timeout(Duration::from_secs(5));
        match played {
            Ok(true) => Ok(Exit::Done),
            Ok(false) => {
                let kept = shown(&keep(folder));
                let _ = writeln!(output::stderr(), "The bot's log and database are kept in `{kept}`.");
                Ok(Exit::Failed)
            }
            Err(error) => {
                let error = CliError::from(error);
                match error.exit() {
                    Exit::Misconfigured => Err(error),
                    _ => Err(error.hinted(format!("the bot's log is in `{}`", shown(&keep(folder))))),
                }
            }
        }
    }
}

/// The folder stays when the program ends.
fn keep(folder: TempDir) -> PathBuf {
    folder.keep()
}

/// The policy as the configuration names it. A file is named relative to where the command runs.
fn located(policy: &str) -> anyhow::Result<String> {
    if policy.starts_with("builtin:") {
        return Ok(policy.to_owned());
    }
    let path = std::path::absolute(policy).with_context(|| format!("the path `{policy}`"))?;
    let text = path.to_str().with_context(|| format!("the path `{}` is no Unicode", shown(&path)))?;
    Ok(text.to_owned())
}

/// Loads the policy as the bot will, so that a mistake names what was typed and not the demo's own files.
/// Gives its name and version.
fn try_policy(policy: &str, settings: &Map<String, Value>, folder: &Path) -> Result<String, CliError> {
    let module = Module::open(policy)
        .map_err(|error| CliError::misconfigured(error).hinted("check the path behind `--policy`"))?;
    // Where the bot will look for what was compiled.
    let cache_dir = Some(folder.join("rolarr.cache"));
    let engine = Engine::new(compiling::settings(cache_dir)).map_err(CliError::failed)?;
    let settings = Value::Object(settings.clone());
    let policy =
        Policy::load(&engine, &module, &settings, Vec::new(), &Limits::default()).map_err(|error| {
            let hint = match &error.problem {
                LoadProblem::Configure(_) => "change it behind `--settings`",
                LoadProblem::Script(_) => "change the script, and look at it with `rolarr policy check FILE`",
                _ => "`rolarr policy check FILE` tells more about a policy file",
            };
            CliError::misconfigured(anyhow::Error::msg(error.in_full())).hinted(hint)
        })?;
    Ok(format!("{} {}", printable(&policy.metadata().name), printable(&policy.metadata().version)))
}

/// What is to be played.
struct Play {
    /// The policy's name and version.
    name: String,
    /// The policy as the configuration names it.
    policy: String,
    settings: Map<String, Value>,
    /// It must come out as with the default policy.
    judged: bool,
}

impl Play {
    /// Plays the story. True if everything is as it should be.
    async fn play(
        &self,
        folder: &Path,
        screen: &mut Screen<'_>,
        stop: CancellationToken,
    ) -> anyhow::Result<bool> {
        let started = Instant::now();
        let mut policy = format!("{} ({})", self.name, self.policy);
        if !self.settings.is_empty() {
            policy.push_str(&format!(" with {}", Value::Object(self.settings.clone())));
        }
        screen.opening(&policy)?;
        let mut world = tokio::select! {
            world = World::start(folder, &self.policy, &self.settings) => world?,
            () = stop.cancelled() => bail!("stopped"),
        };
        let told = tokio::select! {
            told = self.tell(&mut world, screen) => told,
            () = stop.cancelled() => Err(anyhow::anyhow!("stopped")),
        };
        // However it went, the bot is asked to end.
        let ended = world.end().await;
        let tally = told?;
        ended?;
        self.close(screen, &tally, started.elapsed())?;
        Ok(tally.wrong == 0)
    }

    async fn tell(&self, world: &mut World, screen: &mut Screen<'_>) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        let mut before = Facts::default();
        for (number, step) in (1..).zip(STORY) {
            screen.begin(number, step)?;
            if let Err(why) = step.act(world).await {
                if self.judged {
                    return Err(why.context(format!("step {number} can't happen")));
                }
                screen.skipped(&why)?;
            }
            let (now, checks) = self.await_outcome(step, &before, world).await?;
            screen.outcome(&before, &now)?;
            screen.checks(&checks)?;
            tally.steps += 1;
            tally.checks += checks.len();
            tally.wrong += checks.iter().filter(|check| check.wrong.is_some()).count();
            before = now;
            if self.judged && tally.wrong > 0 {
                // What follows builds on this step.
                break;
            }
        }
        Ok(tally)
    }

    /// Waits until what must be true is true, or the time for it is over.
    async fn await_outcome(
        &self,
        step: Step,
        before: &Facts,
        world: &mut World,
    ) -> anyhow::Result<(Facts, Vec<Check>)> {
        let started = Instant::now();
        let mut last = (Instant::now(), Facts::default());
        loop {
            world.bot_runs().await?;
            let now = Facts::gather(world).await?;
            let mut checks = if self.judged { step.expect(before, &now) } else { bare(before, &now) };
            let rest = Check::at_rest(&now);
            let rests = rest.wrong.is_none();
            let good = rests && checks.iter().all(|check| check.wrong.is_none());
            if last.1 != now {
                last = (Instant::now(), now.clone());
            }
            let in_vain = rests && last.0.elapsed() > STILL;
            if good || in_vain || started.elapsed() > STEP {
                checks.extend(Some(rest).filter(|rest| rest.wrong.is_some()));
                return Ok((now, checks));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn close(&self, screen: &mut Screen<'_>, tally: &Tally, took: Duration) -> io::Result<()> {
        let Tally { steps, checks, wrong } = *tally;
        let seconds = took.as_secs_f32();
        if wrong > 0 {
            let verdict = format!("Something is not as it should be: {wrong} of {checks} checks failed.");
            return screen.closing(false, &verdict, "");
        }
        if !self.judged {
            let verdict =
                format!("The bot carried out what this policy decided: {steps} steps in {seconds:.0} s.");
            let note = "Whether that is what it should decide was not judged: `rolarr policy test` does that with \
                        recorded events.";
            return screen.closing(true, &verdict, note);
        }
        let verdict = format!("All is well: {steps} steps, {checks} checks, {seconds:.0} s.");
        screen.closing(true, &verdict, OPEN_BY_DEFAULT)?;
        screen.example("rolarr demo --settings '{\"block\": \"everything\"}'")
    }
}

/// What can be asked of any policy: that it decides.
fn bare(before: &Facts, now: &Facts) -> Vec<Check> {
    let failed = now.decided.iter().skip(before.decided.len()).filter(|one| one.decision.is_err());
    failed.map(Check::undecided).collect()
}

/// What came of it.
#[derive(Default)]
struct Tally {
    steps: usize,
    checks: usize,
    wrong: usize,
}
