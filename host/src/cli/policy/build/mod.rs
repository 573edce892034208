//! `rolarr policy build`.

mod building;
mod c;
mod javascript;
mod paths;
mod python;
mod rust;
mod tool;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use self::building::{Building, Built};
use self::tool::ToolError;
use super::compiling;
use super::language::Language;
use super::manifest::{self, Manifest};
use super::named::Named;
use crate::cli::error::CliError;
use crate::cli::stop;
use crate::files;
use crate::policy::{Limits, Module, Policy};

/// Build a policy's folder into the one file that Rolarr loads, whatever language it is written in.
///
/// `rolarr policy new` makes such a folder; its rolarr-policy.toml says which language it is and what the file
/// is called. What is built is loaded in the sandbox, with the folder's settings, before it takes the place of an
/// earlier one: a policy that builds also loads. No path of this machine gets into it.
///
/// The first build fetches what the language needs, with the language's own package manager. Ends with 1 if
/// the policy was not built; the earlier file is untouched then.
#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    /// The policy's folder.
    #[arg(default_value = ".", hide_default_value = true)]
    folder: PathBuf,
}

impl BuildArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, CliError> {
        let Some(manifest) = Manifest::of(&self.folder).map_err(CliError::misconfigured)? else {
            let (folder, file) = (files::shown(&self.folder), manifest::FILE);
            return Err(CliError::misconfigured(anyhow!(
                "there is no policy in `{folder}`: it has no `{file}`"
            ))
            .hinted("go to a policy's folder, or make one with `rolarr policy new`"));
        };
        let Some(language) = manifest.language else {
            let (file, module) = (files::shown(&manifest.file), files::shown(&manifest.module));
            return Err(CliError::misconfigured(anyhow!(
                "{file} does not say what `{module}` is built from"
            ))
            .hinted("add a line like `language = \"rust\"` (or js, c, python)"));
        };
        // The real place: that is what compilers write into their output.
        let folder = fs::canonicalize(&self.folder)
            .with_context(|| format!("the folder `{}` can't be used", files::shown(&self.folder)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no build can be started on this machine")?;
        let built = runtime.block_on(stop::until_stopped(|asked| async move {
            let mut building = Building { folder: &folder, shown: &self.folder, out, stop: &asked.stop };
            Ok(building.build(language, manifest).await)
        }));
        // Whoever stops a build does not wait until the sandbox has compiled what was built.
        runtime.shutdown_background();
        built.map_err(CliError::from)?.map(|()| 0)
    }
}

impl Building<'_> {
    async fn build(&mut self, language: Language, manifest: Manifest) -> Built<()> {
        if language == Language::Rhai {
            return self.take(manifest.into()).await;
        }
        let settings = manifest.settings.unwrap_or_default();
        let place = manifest.module;
        let name = place.to_string_lossy().into_owned();
        let started = Instant::now();
        // Beside its place, so that it gets there in one step.
        let scratch = tempfile::Builder::new()
            .prefix(".build-")
            .tempdir_in(self.folder)
            .with_context(|| format!("nothing can be written in `{}`", files::shown(self.shown)))?;
        let output = scratch.path().join("output.wasm");
        match language {
            Language::Rhai => {}
            Language::Rust => rust::build(self, &output).await?,
            Language::Js => javascript::build(self, &output).await?,
            Language::C => c::build(self, &output).await?,
            Language::Python => python::build(self, &output).await?,
        }
        let output = files::read(&output, Module::MOST)
            .with_context(|| format!("`{name}` was not built: the compiler wrote nothing"))?;
        let component = componentise(Module::from_bytes(&name, output), self.stop).await?;
        paths::refuse_private(&component, &paths::private(self.folder, language))?;
        let built = started.elapsed();

        let started = Instant::now();
        let memory = load(Module::from_bytes(&name, component.clone()), settings, self.stop).await?;
        let loaded = started.elapsed();
        let finished = scratch.path().join("finished.wasm");
        fs::write(&finished, &component)
            .and_then(|()| fs::rename(&finished, &place))
            .with_context(|| format!("`{name}` can't be written"))?;
        self.say(&format!("built    {name}: {}, in {}", size(component.len()), seconds(built)))?;
        self.say(&format!("loaded   in {}, {} of memory at the start", seconds(loaded), size(memory)))
    }

    /// A script is used as it is.
    async fn take(&mut self, script: Named) -> Built<()> {
        let module = script.open().map_err(|problem| CliError::failed(anyhow!(problem)))?;
        self.say(&format!("script   {}: nothing to build", module.name))?;
        let started = Instant::now();
        load(module, script.settings().cloned().unwrap_or_default(), self.stop).await?;
        self.say(&format!("loaded   in {}", seconds(started.elapsed())))
    }
}

/// Makes a component of what was built.
async fn componentise(module: Module, stop: &CancellationToken) -> Built<Vec<u8>> {
    let engine = compiling::engine().map_err(CliError::failed)?;
    let making = engine.clone();
    let making = tokio::task::spawn_blocking(move || making.componentise(&module, &Limits::default()));
    tokio::select! {
        made = making => made
            .context("it could not be looked at")?
            .map_err(|error| CliError::failed(anyhow!("what was built is no policy: {}", error.problem))),
        () = stop.cancelled() => {
            engine.close();
            Err(CliError::failed(ToolError::Stopped))
        }
    }
}

/// Loads what was built in the sandbox, with the folder's settings. Gives the memory that it has at the start, in
/// bytes.
async fn load(module: Module, settings: Map<String, Value>, stop: &CancellationToken) -> Built<usize> {
    let engine = compiling::engine().map_err(CliError::failed)?;
    let used = engine.clone();
    let loading = tokio::task::spawn_blocking(move || {
        let settings = Value::Object(settings);
        let policy = Policy::load(&used, &module, &settings, Vec::new(), &Limits::default())?;
        anyhow::Ok(usize::try_from(policy.description().initial_memory).unwrap_or(usize::MAX))
    });
    tokio::select! {
        loaded = loading => Ok(loaded.context("it could not be loaded")??),
        () = stop.cancelled() => {
            engine.close();
            Err(CliError::failed(ToolError::Stopped))
        }
    }
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        let tenths = bytes.saturating_mul(10).div_ceil(1 << 20);
        format!("{}.{} MiB", tenths / 10, tenths % 10)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
