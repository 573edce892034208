//! The child: it takes a request from the standard input, and answers it on the standard output.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use super::confine::{Confines, STACK, confine};
use super::wire::{Answer, Outcome, PROTOCOL, Request};
use super::work::{self, Worked};
use crate::error::LoadProblem;
use rolarr_edge::panics::caught;

/// Loads one policy for the process that started this one: what the program does if its first argument is
/// [`COMMAND`](super::COMMAND). `arguments` are those after it.
///
/// It ends with 0 if it answered, whatever the answer is.
#[must_use]
pub fn serve(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match try_to_serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            // The parent takes this line for the reason. If it is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{what}");
            ExitCode::FAILURE
        }
    }
}

fn try_to_serve(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let numbers: Option<Vec<u64>> =
        arguments.map(|argument| argument.to_str().and_then(|text| text.parse().ok())).collect();
    let Some([cpu_s, memory, parent]) = numbers.as_deref() else {
        return Err("this command is for rolarr itself, which loads policies with it".to_owned());
    };
    confine(Confines { cpu_s: *cpu_s, memory: *memory }, u32::try_from(*parent).unwrap_or(0))?;
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input).map_err(|error| error.to_string())?;
    let end = input.iter().position(|byte| *byte == b'\n').ok_or("the request has no end")?;
    let (request, module) = input.split_at_checked(end).ok_or("the request has no end")?;
    let request: Request = serde_json::from_slice(request).map_err(|error| error.to_string())?;
    if request.protocol != PROTOCOL {
        return Err("the request is of another version".to_owned());
    }
    let answer = answer(&request, module.get(1..).unwrap_or_default(), Path::new("."))?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &answer).map_err(|error| error.to_string())?;
    out.flush().map_err(|error| error.to_string())
}

/// Answers a request. `root` is the folder that the request's folders are in.
///
/// # Errors
///
/// There is no answer, for example because no thread can be started.
pub(super) fn answer(request: &Request, module: &[u8], root: &Path) -> Result<Answer, String> {
    let answered = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("policy-loader".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || caught(|| work::work(request, module, root)))
            .map_err(|error| format!("no thread can be started: {error}"))
            .map(|thread| thread.join().ok().flatten())
    })?;
    let Worked { engine, description, outcome } = match answered {
        Some(worked) => worked?,
        None => {
            let problem = LoadProblem::Crashed("what it says of itself can't be".into());
            let outcome = Outcome::Refused { problem, logs: Vec::new() };
            Worked { engine: String::new(), description: None, outcome }
        }
    };
    let rolarr = env!("CARGO_PKG_VERSION").into();
    Ok(Answer { protocol: PROTOCOL, rolarr, engine, description, outcome })
}
