//! Rust: cargo, for the target `wasm32-unknown-unknown`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::building::{Building, Built};
use super::paths;
use super::tool::{self, Tool, ToolError};
use crate::cli::error::CliError;
use crate::files;
use crate::policy::Module;

const TARGET: &str = "wasm32-unknown-unknown";

/// Linkers that a compiler without one of its own can use; Debian's is the first.
const LINKERS: [&str; 2] = ["wasm-ld-19", "wasm-ld"];

/// A Rust that can build for the target.
struct Toolchain {
    rustc: PathBuf,
    cargo: PathBuf,
    /// Where it keeps itself.
    sysroot: PathBuf,
    /// It has the standard library as source only: it is built along.
    with_std: bool,
}

pub(super) async fn build(building: &mut Building<'_>, output: &Path) -> Built<()> {
    let folder = building.folder;
    let artifact = artifact(folder)?;
    let toolchain = find(building).await?;
    let what = if toolchain.with_std { "the crate and the standard library" } else { "the crate" };
    building.say(&format!("compile  {what}, with cargo"))?;
    let target_folder = folder.join("target");
    let mut cargo = Tool::new(&toolchain.cargo, folder)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(folder, &toolchain.sysroot))
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(&target_folder);
    if toolchain.with_std {
        // It takes a nightly option, which this allows.
        cargo = cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        if let Some(linker) = LINKERS.into_iter().find(|linker| tool::is_there(linker)) {
            cargo = cargo.arg("--config").arg(format!("target.{TARGET}.linker=\"{linker}\""));
        }
    }
    cargo.run(building.stop).await.map_err(CliError::failed)?;
    let built = target_folder.join(TARGET).join("release").join(&artifact);
    let module = files::read(&built, Module::MOST).with_context(|| format!("cargo built no `{artifact}`"));
    let module = module.map_err(|error| {
        CliError::from(error).hinted("Cargo.toml needs `crate-type = [\"cdylib\"]` in [lib]")
    })?;
    std::fs::write(output, module).context("the module can't be copied")?;
    Ok(())
}

/// How large a Cargo.toml may be, in bytes.
const LONGEST: u64 = 1 << 20;

/// What cargo calls the module: after the library, or the crate.
fn artifact(folder: &Path) -> Built<String> {
    let text = files::read_text(&folder.join("Cargo.toml"), LONGEST).context("Cargo.toml can't be read")?;
    let table: toml::Table = text.parse().context("Cargo.toml can't be understood")?;
    let name_in = |section: &str| table.get(section)?.get("name")?.as_str();
    match name_in("lib").or_else(|| name_in("package")) {
        Some(name) => Ok(format!("{}.wasm", name.replace('-', "_"))),
        None => Err(CliError::failed(anyhow!("Cargo.toml does not name a crate"))),
    }
}

/// No path of this machine may end up in the module: the messages of panics carry them. The last one that
/// fits counts.
fn flags(folder: &Path, sysroot: &Path) -> OsString {
    let library = sysroot.join("lib/rustlib/src/rust");
    let mut flags = OsString::new();
    let mut remap = |from: &Path, to: &str| {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push(format!("={to}"));
    };
    if let Some(home) = paths::home() {
        remap(&home, "/home");
    }
    if let Some(cargo) = paths::cargo_home() {
        remap(&cargo, "/cargo");
    }
    // Debian's is a link.
    if let Ok(real) = library.canonicalize() {
        remap(&real, "/rust");
    }
    remap(&library, "/rust");
    remap(folder, "/policy");
    flags
}

/// The first Rust in the search path that has the target, or else one that can build the standard library.
async fn find(building: &Building<'_>) -> Built<Toolchain> {
    let mut from_source = None;
    let mut any = false;
    for folder in tool::search_path() {
        let [rustc, cargo] = ["rustc", "cargo"].map(|name| folder.join(tool::executable(name)));
        if !rustc.is_file() || !cargo.is_file() {
            continue;
        }
        let sysroot =
            Tool::new(&rustc, building.folder).args(["--print", "sysroot"]).run(building.stop).await;
        let sysroot = match sysroot {
            Ok(sysroot) => PathBuf::from(sysroot.trim()),
            Err(error @ ToolError::Stopped) => return Err(CliError::failed(error)),
            // One that does not even start is as good as none.
            Err(_) => continue,
        };
        any = true;
        let libraries = sysroot.join("lib/rustlib");
        let toolchain = Toolchain { rustc, cargo, sysroot, with_std: false };
        if libraries.join(TARGET).join("lib").is_dir() {
            return Ok(toolchain);
        }
        if from_source.is_none() && libraries.join("src/rust/library/std").is_dir() {
            from_source = Some(Toolchain { with_std: true, ..toolchain });
        }
    }
    from_source.ok_or_else(|| missing(any))
}

fn missing(any: bool) -> CliError {
    let (what, hint) = if any {
        (format!("Rust is there, but not its target {TARGET}"), format!("run `rustup target add {TARGET}`"))
    } else {
        (
            "there is no Rust".to_owned(),
            format!("install it as rust-lang.org says, then run `rustup target add {TARGET}`"),
        )
    };
    CliError::failed(anyhow!(what))
        .hinted(hint)
        .hinted("or on Debian: `apt-get install rustc-web cargo-web rust-web-src lld-19`")
}
