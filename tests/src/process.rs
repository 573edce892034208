//! The bot as a process of its own.

use std::{
    ffi::OsStr,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// How long a process may take to end once it should.
const PATIENCE: Duration = Duration::from_secs(30);

type Lines = Arc<Mutex<Vec<String>>>;

/// A process, with everything that it printed. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: Lines,
    err: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program. Of this process's environment only what every program needs is left.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: &[A], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("RUST_LOG").envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// Starts a program as a user to whom permissions apply: as nobody where this process is root's, to whom they
    /// don't. The program is put into `folder`, which everybody can reach.
    #[cfg(unix)]
    #[must_use]
    pub fn start_as_nobody<A: AsRef<OsStr>>(
        program: &str,
        arguments: &[A],
        folder: &std::path::Path,
    ) -> Self {
        use std::os::unix::fs::MetadataExt;
        const NOBODY: u32 = 65_534;
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let reachable = folder.join("program");
        if is_root && !reachable.exists() && std::fs::hard_link(program, &reachable).is_err() {
            std::fs::copy(program, &reachable).unwrap();
        }
        let mut command = Command::new(if is_root { reachable.as_os_str() } else { OsStr::new(program) });
        command.args(arguments).env_remove("RUST_LOG");
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (out, err) = (Lines::default(), Lines::default());
        let readers = vec![
            tokio::spawn(read(child.stdout.take().unwrap(), Arc::clone(&out))),
            tokio::spawn(read(child.stderr.take().unwrap(), Arc::clone(&err))),
        ];
        Self { child, out, err, readers }
    }

    /// The lines that it printed to the standard output so far.
    #[must_use]
    pub fn out(&self) -> Vec<String> {
        lines(&self.out).clone()
    }

    /// The lines that it printed to the standard error output so far: its log.
    #[must_use]
    pub fn err(&self) -> Vec<String> {
        lines(&self.err).clone()
    }

    /// Whether it printed this line to the standard output.
    #[must_use]
    pub fn said(&self, line: &str) -> bool {
        lines(&self.out).iter().any(|said| said == line)
    }

    /// Its number, as long as it runs.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process has ended")
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it with SIGKILL, which it can't hear.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop with SIGTERM.
    pub async fn terminate(&self) {
        self.signal("-TERM").await;
    }

    /// Asks it with SIGHUP to read its policy anew.
    pub async fn reload(&self) {
        self.signal("-HUP").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let asked = Command::new("kill").args([signal, &id]).status().await.unwrap();
        assert!(asked.success());
    }

    /// Waits until it has ended and everything that it printed is read.
    ///
    /// # Panics
    /// If it does not end in good time.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.err().join("\n"))).unwrap();
        for reader in self.readers.drain(..) {
            reader.await.unwrap();
        }
        status
    }
}

async fn read(from: impl AsyncRead + Unpin, into: Lines) {
    let mut from = BufReader::new(from).lines();
    while let Ok(Some(line)) = from.next_line().await {
        lines(&into).push(line);
    }
}

fn lines(of: &Lines) -> std::sync::MutexGuard<'_, Vec<String>> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
