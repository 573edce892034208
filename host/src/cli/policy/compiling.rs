//! The engine of the commands that run policies without a bot.

use std::{env, path::PathBuf};

use crate::policy::{Engine, EngineError, EngineSettings, Loader};

/// An engine that keeps what it compiled in the user's cache folder: what runs scripts takes a second to compile,
/// and is the same for every script. Where there is no such folder, it is compiled each time.
///
/// # Errors
///
/// wasmtime can't run here.
pub(super) fn engine() -> Result<Engine, EngineError> {
    if let Some(folder) = cache_folder()
        && let Ok(engine) = Engine::new(settings(Some(folder)))
    {
        return Ok(engine);
    }
    Engine::new(settings(None))
}

/// The settings of an engine that keeps what it compiled in a folder, or nowhere.
///
/// A unit test is no program that can load policies for itself, so its policies are loaded in its own process.
pub(in crate::cli) fn settings(cache_dir: Option<PathBuf>) -> EngineSettings {
    let loader = if cfg!(test) { Loader::InThisProcess } else { Loader::ThisProgram };
    EngineSettings { cache_dir, loader, ..EngineSettings::default() }
}

fn cache_folder() -> Option<PathBuf> {
    let from = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")))?;
    Some(folder.join("rolarr"))
}
