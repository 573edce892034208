//! Programs that a build needs: how they are found, started, watched and ended.
//!
//! No shell is involved. A program gets no input, what it says is kept and shown only if it fails, and it
//! has a time limit. When it is over, or somebody asks to stop, everything that it started ends with it.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{files, policy::printable};

/// How long one program may take: enough for the standard library of Rust on a slow machine.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// How much of what a failed program said is shown, from the end, in bytes.
const SHOWN: u64 = 16 << 10;

/// Why a program did not do its part.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    /// It is not there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// It is there and can't be started.
    #[error("`{program}` can't be started: {error}")]
    Start { program: String, error: io::Error },
    /// It says that it failed.
    #[error("{}", failure(.program, *.status, .said))]
    Failed { program: String, status: ExitStatus, said: String },
    /// It does not end.
    #[error("`{program}` was stopped: it was not done after {} minutes", limit.as_secs() / 60)]
    Late { program: String, limit: Duration },
    /// Somebody asked to stop.
    #[error("stopped; nothing was changed")]
    Stopped,
    /// What it says can't be kept.
    #[error("what `{program}` says can't be kept: {error}")]
    Output { program: String, error: io::Error },
}

fn failure(program: &str, status: ExitStatus, said: &str) -> String {
    let how = match status.code() {
        Some(code) => format!("ended with {code}"),
        None => "was ended by a signal".to_owned(),
    };
    match said {
        "" => format!("`{program}` {how} and said nothing"),
        said => format!("`{program}` {how}:\n{said}"),
    }
}

/// A program to be started in a policy's folder.
pub(super) struct Tool {
    program: PathBuf,
    command: tokio::process::Command,
}

impl Tool {
    /// A program by its path, or by a name to be looked for where the shell looks.
    pub(super) fn new(program: impl AsRef<Path>, folder: &Path) -> Self {
        let program = program.as_ref().to_owned();
        let mut command = tokio::process::Command::new(&program);
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        // A group of its own, so that all of it can be ended.
        #[cfg(unix)]
        command.process_group(0);
        Self { program, command }
    }

    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end and gives what it wrote to its standard output.
    ///
    /// # Errors
    ///
    /// It is missing, failed, was too slow, or somebody asked to stop.
    pub(super) async fn run(self, stop: &CancellationToken) -> Result<String, ToolError> {
        self.run_within(LIMIT, stop).await
    }

    async fn run_within(mut self, limit: Duration, stop: &CancellationToken) -> Result<String, ToolError> {
        let program = files::shown(&self.program);
        let keeping = |error| ToolError::Output { program: program.clone(), error };
        // Files and not pipes: whoever holds a pipe open makes its reader wait.
        let (mut output, mut said) =
            (tempfile::tempfile().map_err(keeping)?, tempfile::tempfile().map_err(keeping)?);
        self.command.stdout(output.try_clone().map_err(keeping)?).stderr(said.try_clone().map_err(keeping)?);
        let mut child = self.command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ToolError::Missing(program.clone()),
            _ => ToolError::Start { program: program.clone(), error },
        })?;
        let group = child.id();
        let ended = tokio::select! {
            ended = child.wait() => ended.map_err(keeping),
            () = tokio::time::sleep(limit) => Err(ToolError::Late { program: program.clone(), limit }),
            () = stop.cancelled() => Err(ToolError::Stopped),
        };
        end_all(group);
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                // It is gone already, or goes with its group; this waits until it is.
                let _ = child.kill().await;
                return Err(error);
            }
        };
        if status.success() {
            return last_of(&mut output, u64::MAX).map_err(keeping);
        }
        let mut text = last_of(&mut said, SHOWN).map_err(keeping)?;
        text.push_str(&last_of(&mut output, SHOWN).map_err(keeping)?);
        let said = text.lines().map(|line| format!("  {}\n", printable(line))).collect::<String>();
        Err(ToolError::Failed { program, status, said: said.trim_end().to_owned() })
    }
}

/// Ends what a program left behind.
fn end_all(group: Option<u32>) {
    #[cfg(unix)]
    if let Some(group) = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
    {
        // Usually there is nobody left.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = group;
}

fn last_of(file: &mut std::fs::File, most: u64) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The folders that programs are looked for in.
pub(super) fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Whether a program with this name is where programs are looked for.
pub(super) fn is_there(name: &str) -> bool {
    search_path().iter().any(|folder| folder.join(executable(name)).is_file())
}

/// A program's file name.
pub(super) fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tool {
        Tool::new("sh", Path::new("/")).args(["-c", script])
    }

    async fn run(tool: Tool) -> Result<String, ToolError> {
        tool.run(&CancellationToken::new()).await
    }

    #[tokio::test]
    async fn what_a_program_says_is_shown_only_if_it_fails() {
        assert_eq!(run(shell("echo fine; echo noise >&2")).await.unwrap(), "fine\n");
        let error = run(shell(r#"echo so far; printf 'no \033[31mcolor\n' >&2; exit 3"#)).await.unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 3:\n  no \\u{1b}[31mcolor\n  so far");
        let error = run(shell("exit 1")).await.unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 1 and said nothing");
        let error = run(shell("kill -9 $$")).await.unwrap_err();
        assert!(error.to_string().starts_with("`sh` was ended by a signal"), "{error}");
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_story_is_shown() {
        let error = run(shell("yes long | head -c 1000000; echo the end; exit 1")).await.unwrap_err();
        let said = error.to_string();
        assert!(said.ends_with("  the end") && said.len() < 64 << 10, "{} bytes", said.len());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = run(Tool::new("no-such-program", Path::new("/"))).await.unwrap_err();
        assert!(matches!(&error, ToolError::Missing(name) if name == "no-such-program"), "{error}");
        let error = run(Tool::new("/etc/passwd", Path::new("/"))).await.unwrap_err();
        assert!(matches!(error, ToolError::Start { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_program_gets_no_input() {
        assert_eq!(run(shell("cat; echo read")).await.unwrap(), "read\n");
    }

    /// A program that never ends, with a child that never ends, whose id is in the file.
    fn endless(folder: &Path) -> Tool {
        Tool::new("sh", folder).args(["-c", "sleep 1000 & echo $! >child; wait"])
    }

    fn is_running(folder: &Path) -> bool {
        let id = std::fs::read_to_string(folder.join("child")).unwrap();
        // Who has ended and was not waited for is still listed, as a zombie.
        std::fs::read_to_string(format!("/proc/{}/stat", id.trim()))
            .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
    }

    async fn wait_for(what: impl Fn() -> bool) {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn who_is_too_slow_is_ended() {
        let never = CancellationToken::new();
        let late = shell("sleep 1000").run_within(Duration::from_millis(20), &never).await;
        assert!(matches!(late, Err(ToolError::Late { .. })));
    }

    #[tokio::test]
    async fn who_is_asked_to_stop_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let written =
            || std::fs::read_to_string(folder.path().join("child")).is_ok_and(|id| id.ends_with('\n'));
        let (stopped, ()) = tokio::join!(endless(folder.path()).run(&stop), async {
            wait_for(written).await;
            assert!(is_running(folder.path()));
            stop.cancel();
        });
        assert!(matches!(stopped, Err(ToolError::Stopped)));
        wait_for(|| !is_running(folder.path())).await;
    }

    #[tokio::test]
    async fn what_outlives_its_program_is_ended_too() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 1000 & echo $! >child";
        run(Tool::new("sh", folder.path()).args(["-c", script])).await.unwrap();
        wait_for(|| !is_running(folder.path())).await;
    }
}
