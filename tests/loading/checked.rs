//! `policy check` of the corpus: a hostile file costs whoever looks at it little time and memory. Processor time is
//! held to the limit: on an idle machine a check takes no longer than that, and a busy one is not the file's fault.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::PROGRAM;
use crate::corpus::{chosen, is_whole};
use crate::processes::{children, processor_time, status};

/// How much processor time a check may take. Without optimisation it takes about twice as long.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 15 });

/// How much memory the program and the process that loads for it may have, in KiB.
const MEMORY: u64 = 1 << 20;

/// Checks a file: how much processor time that took, and the most memory that the program and what it started had.
fn check(path: &std::path::Path, cache: &std::path::Path) -> (Duration, u64) {
    let mut process = Command::new(PROGRAM)
        .args(["policy".as_ref(), "check".as_ref(), path.as_os_str()])
        .env("XDG_CACHE_HOME", cache)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, mut used) = (0, Duration::ZERO);
    let status_code = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status.code();
        }
        let loaders = children(process.id());
        let memory: u64 = loaders.iter().map(|loader| status(*loader, "VmHWM:")).sum();
        most = most.max(status(process.id(), "VmHWM:") + memory);
        let time: Duration = loaders.into_iter().map(processor_time).sum();
        used = used.max(processor_time(process.id()) + time);
        if used > LONGEST {
            process.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    // It says whether the policy is right. Anything else is a crash, or the limit above.
    let said = matches!(status_code, Some(0 | 1));
    assert!(said || used > LONGEST, "{}: ended with {status_code:?}", path.display());
    (used, most)
}

#[test]
fn a_check_of_each_hostile_file_ends_within_its_time_and_a_gibibyte() {
    let files = chosen(|_| true);
    assert!(files.len() >= if is_whole() { 150 } else { 60 }, "{}", files.len());
    let cache = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut slowest, mut largest, mut wrong) =
        ((Duration::ZERO, String::new()), (0, String::new()), Vec::new());
    let count = files.len();
    for hostile in files {
        let path = folder.path().join(format!("{}.wasm", hostile.name));
        std::fs::write(&path, &hostile.bytes).unwrap();
        let (took, memory) = check(&path, cache.path());
        std::fs::remove_file(&path).unwrap();
        if took > LONGEST || memory > MEMORY {
            wrong.push(format!("{}: {:.1} s, {} MiB", hostile.name, took.as_secs_f64(), memory >> 10));
        }
        slowest = slowest.max((took, hostile.name.clone()));
        largest = largest.max((memory, hostile.name));
    }
    println!(
        "{count} files checked; the slowest took {:.1} s of processor time ({}), the most memory was {} MiB ({})",
        slowest.0.as_secs_f64(),
        slowest.1,
        largest.0 >> 10,
        largest.1,
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
