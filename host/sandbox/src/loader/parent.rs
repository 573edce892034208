//! The parent: it starts the child, gives it the module, waits for its answer, and ends it when its time is up.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rolarr_policy::contract::Source;

use super::wire::{Answer, LONGEST_ANSWER, PROTOCOL, Request, Task};
use super::{COMMAND, Loader, child};
use crate::error::LoadProblem;
use crate::limits::{Limits, LoadBudget};
use rolarr_domain::UntrustedText;

/// What is asked of the child.
pub(crate) struct Ask<'a> {
    pub(crate) task: Task,
    pub(crate) module: &'a [u8],
    pub(crate) settings: &'a str,
    pub(crate) sources: &'a [Source],
    pub(crate) limits: &'a Limits,
}

/// Where and by whom it is done.
pub(crate) struct Loading<'a> {
    pub(crate) loader: &'a Loader,
    /// The folder that holds the other two.
    pub(crate) root: &'a Path,
    /// The name of the folder for what is handed over.
    pub(crate) folder: &'a str,
    /// The name of the folder for single functions.
    pub(crate) functions: Option<&'a str>,
    /// What this engine's code must be compiled for.
    pub(crate) engine: &'a str,
    /// Whether somebody gave up on it.
    pub(crate) given_up: &'a dyn Fn() -> bool,
}

/// How often it is looked whether somebody gave up.
const LOOK: Duration = Duration::from_millis(50);

/// How long a child may take to end after it closed its output.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How much of what the child says on its standard error output is read, in bytes. Only the reason why it ended is
/// looked for in it.
const LONGEST_COMPLAINT: u64 = 16 << 10;

impl Loading<'_> {
    /// Has it done, and returns the answer.
    ///
    /// # Errors
    ///
    /// There is no answer, or it is of another version.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, LoadProblem> {
        let request = Request {
            protocol: PROTOCOL,
            task: ask.task,
            limits: ask.limits.clone(),
            settings: ask.settings.to_owned(),
            sources: ask.sources.to_vec(),
            folder: self.folder.to_owned(),
            functions: self.functions.map(str::to_owned),
        };
        let answer = match self.loader {
            Loader::InThisProcess => child::answer(&request, ask.module, self.root)
                .map_err(|error| LoadProblem::Loader(error.into()))?,
            Loader::ThisProgram => self.ask_program(&this_program()?, &request, ask)?,
            Loader::At(program) => self.ask_program(program, &request, ask)?,
        };
        let ours = env!("CARGO_PKG_VERSION");
        if answer.protocol != PROTOCOL || answer.rolarr.raw() != ours {
            return Err(another_version(answer.rolarr.raw()));
        }
        if !answer.engine.is_empty() && answer.engine != self.engine {
            return Err(another_version(ours));
        }
        Ok(answer)
    }

    fn ask_program(&self, program: &Path, request: &Request, ask: &Ask<'_>) -> Result<Answer, LoadProblem> {
        let size = ask.module.len() + ask.sources.iter().map(|source| source.text.len()).sum::<usize>();
        let budget = ask.limits.of_the_loader(size);
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            LoadProblem::Loader(format!("the process that loads it {what}: {error}").into())
        };
        let mut request = serde_json::to_vec(request).map_err(|error| failed("can't be asked", &error))?;
        request.push(b'\n');
        let mut child =
            self.command(program, &budget).spawn().map_err(|error| failed("can't be started", &error))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            let (answered, answer) = mpsc::channel();
            let threads =
                std::thread::Builder::new().name("policy-pipe".to_owned()).spawn_scoped(scope, move || {
                    // If it ends before it has read everything, its answer or its end says why.
                    if let Some(mut input) = input {
                        let _ = input.write_all(&request).and_then(|()| input.write_all(ask.module));
                    }
                });
            let threads = threads.and_then(|_| {
                std::thread::Builder::new().name("policy-pipe".to_owned()).spawn_scoped(scope, move || {
                    let mut bytes = Vec::new();
                    if let Some(output) = output {
                        let _ = output.take(LONGEST_ANSWER + 1).read_to_end(&mut bytes);
                    }
                    let _ = answered.send(bytes);
                })
            });
            let threads = threads.and_then(|_| {
                std::thread::Builder::new().name("policy-pipe".to_owned()).spawn_scoped(scope, move || {
                    let mut bytes = Vec::new();
                    if let Some(mut errors) = errors {
                        let _ = errors.by_ref().take(LONGEST_COMPLAINT).read_to_end(&mut bytes);
                        // So that it can't wait for somebody to read more.
                        let _ = std::io::copy(&mut errors, &mut std::io::sink());
                    }
                    String::from_utf8_lossy(&bytes).into_owned()
                })
            });
            let complaint = match threads {
                Ok(complaint) => complaint,
                Err(error) => {
                    end(&mut child);
                    return Err(failed("can't be spoken to", &error));
                }
            };
            let bytes = self.wait(&answer, budget.clock);
            let status = match &bytes {
                Ok(_) => last_breath(&mut child),
                Err(_) => end(&mut child),
            };
            let complaint = complaint.join().unwrap_or_default();
            let bytes = bytes.map_err(|waited| match waited {
                Waited::GivenUp => LoadProblem::GivenUp,
                Waited::TooLong => LoadProblem::LoadingTakesLong { limit: budget.clock, name: "load_clock" },
            })?;
            if bytes.len() as u64 > LONGEST_ANSWER {
                return Err(failed("answers", &"more than any policy has to say"));
            }
            match serde_json::from_slice(&bytes) {
                Ok(answer) => Ok(answer),
                Err(_) => Err(why(status, &complaint, &budget)),
            }
        })
    }

    fn command(&self, program: &Path, budget: &LoadBudget) -> Command {
        let mut command = Command::new(program);
        command
            .arg(COMMAND)
            .args([budget.cpu.as_secs().max(1), budget.memory].map(|number| number.to_string()))
            .arg(std::process::id().to_string())
            // No token of ours, and nothing that changes how it works.
            .env_clear()
            .current_dir(self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            command.arg0("rolarr").process_group(0);
        }
        command
    }

    /// Waits for the bytes of the answer.
    fn wait(&self, answer: &mpsc::Receiver<Vec<u8>>, clock: Duration) -> Result<Vec<u8>, Waited> {
        let until = Instant::now() + clock;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(bytes) => return Ok(bytes),
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if (self.given_up)() => return Err(Waited::GivenUp),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= until => return Err(Waited::TooLong),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Why there are no bytes.
enum Waited {
    GivenUp,
    TooLong,
}

/// The program that runs here. On Linux also if its file was replaced: an upgrade takes effect at the next start.
fn this_program() -> Result<std::path::PathBuf, LoadProblem> {
    let own = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && own.exists() {
        return Ok(own.to_owned());
    }
    std::env::current_exe().map_err(|error| {
        LoadProblem::Loader(format!("the file of this program can't be found: {error}").into())
    })
}

fn another_version(found: &str) -> LoadProblem {
    let found = UntrustedText::short(found, 40);
    let said = format!(
        "the program that would load it is not the one that runs ({found}, not {}): its file was replaced; start it \
         again",
        env!("CARGO_PKG_VERSION")
    );
    LoadProblem::Loader(said.into())
}

/// Ends a child and all that it started.
fn end(child: &mut Child) -> Option<ExitStatus> {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        // It may have ended by itself already.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    let _ = child.kill();
    child.wait().ok()
}

/// How a child ended that closed its output, which it does by ending.
fn last_breath(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + LAST_BREATH;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(_) => break,
        }
    }
    end(child)
}

/// Why a child ended without an answer.
fn why(status: Option<ExitStatus>, complaint: &str, budget: &LoadBudget) -> LoadProblem {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt;
        let signal = status.and_then(|status| status.signal());
        if signal == Some(Signal::XCPU.as_raw()) {
            return LoadProblem::LoadingTakesLong { limit: budget.cpu, name: "load_cpu" };
        }
        if signal == Some(Signal::XFSZ.as_raw()) {
            return LoadProblem::LoadingTakesMemory { limit: budget.memory };
        }
        if signal == Some(Signal::KILL.as_raw()) {
            return LoadProblem::Crashed(
                "the process that loads it was killed from outside, perhaps for want of memory".into(),
            );
        }
    }
    if complaint.contains("memory allocation of") || complaint.contains("Cannot allocate memory") {
        return LoadProblem::LoadingTakesMemory { limit: budget.memory };
    }
    if complaint.contains("has overflowed its stack") {
        return LoadProblem::Crashed("it is nested too deeply".into());
    }
    match status {
        Some(status) if status.code() == Some(1) => {
            let line = UntrustedText::short(complaint.lines().next().unwrap_or_default(), 200);
            LoadProblem::Loader(format!("the process that loads it ended: {line}").into())
        }
        Some(status) => LoadProblem::Crashed(format!("the process that loads it ended with {status}").into()),
        None => LoadProblem::Crashed("the process that loads it ended".into()),
    }
}
