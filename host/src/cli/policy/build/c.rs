//! C: clang with wasi-libc, or zig, which has a libc with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::building::{Building, Built};
use super::tool::{self, Tool, ToolError};
use crate::cli::error::CliError;

/// How each clang may be called; Debian's packages for WebAssembly belong to the first.
const CLANGS: [&str; 2] = ["clang-19", "clang"];

/// What is asked of a clang, and what is missing if it has no answer.
const PARTS: [(&str, &str); 3] = [
    ("-print-file-name=crt1-reactor.o", "wasi-libc"),
    ("-print-libgcc-file-name", "libclang-rt-19-dev-wasm32"),
    ("-print-prog-name=wasm-ld", "lld-19"),
];

const TARGET: &str = "--target=wasm32-wasi";

pub(super) async fn build(building: &mut Building<'_>, output: &Path) -> Built<()> {
    let sources = sources(building.folder)?;
    let compiler = find(building).await?;
    building.say(&format!("compile  {} files, with {}", sources.len(), compiler.name))?;
    let command = Tool::new(compiler.program, building.folder).args(compiler.arguments).args([
        TARGET,
        "-mexec-model=reactor",
        "-std=gnu17",
        "-Oz",
        "-Wall",
        "-Wextra",
        "-Wl,--strip-all",
        // zig's is 16 MiB, half of what a policy may have.
        "-Wl,-z,stack-size=65536",
    ]);
    // What `__FILE__` stands for.
    let command = command.arg(format!("-ffile-prefix-map={}=.", building.folder.to_string_lossy()));
    command.args(sources).arg("-o").arg(output).run(building.stop).await.map_err(CliError::failed)?;
    Ok(())
}

/// What is compiled: every C file of the folder, and the bindings.
fn sources(folder: &Path) -> Built<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for place in ["", "bindings"] {
        let entries = match std::fs::read_dir(folder.join(place)) {
            Ok(entries) => entries,
            Err(error) => {
                return Err(CliError::failed(anyhow!("the folder `{place}` can't be read: {error}"))
                    .hinted("the bindings belong to a policy in C; `rolarr policy new` makes them"));
            }
        };
        for entry in entries {
            let path = entry.context("the policy's folder can't be read")?.path();
            let is_input = match path.extension().and_then(|extension| extension.to_str()) {
                Some("c") => true,
                // The contract for the linker.
                Some("o") => !place.is_empty(),
                _ => false,
            };
            if is_input && let Ok(name) = path.strip_prefix(folder) {
                // With a folder before it no name is an option (`-x.c`) or a list of them (`@x.c`) to the compiler.
                sources.push(Path::new(".").join(name));
            }
        }
    }
    sources.sort();
    Ok(sources)
}

/// A C compiler for WebAssembly.
struct Compiler {
    /// What it is called, for people.
    name: &'static str,
    program: &'static str,
    /// What makes the program a C compiler.
    arguments: &'static [&'static str],
}

/// The first compiler that has all it needs.
async fn find(building: &Building<'_>) -> Built<Compiler> {
    let mut lacking = Vec::new();
    for clang in CLANGS.into_iter().filter(|clang| tool::is_there(clang)) {
        match lacks(clang, building).await? {
            None => return Ok(Compiler { name: clang, program: clang, arguments: &[] }),
            Some(part) => lacking.push((clang, part)),
        }
    }
    if tool::is_there("zig") {
        return Ok(Compiler { name: "zig", program: "zig", arguments: &["cc"] });
    }
    // As its Python package installs it.
    let python = Tool::new("python3", building.folder).args(["-m", "ziglang", "version"]).run(building.stop);
    match python.await {
        Ok(_) => Ok(Compiler { name: "zig", program: "python3", arguments: &["-m", "ziglang", "cc"] }),
        Err(error @ ToolError::Stopped) => Err(CliError::failed(error)),
        Err(_) => Err(missing(&lacking)),
    }
}

/// Which part of what WebAssembly takes a clang does not have.
async fn lacks(clang: &str, building: &Building<'_>) -> Built<Option<&'static str>> {
    for (question, part) in PARTS {
        let answer = Tool::new(clang, building.folder).args([TARGET, question]).run(building.stop).await;
        match answer {
            // Whatever it does not find it gives back as a bare name.
            Ok(path) if Path::new(path.trim()).is_file() => {}
            Err(error @ ToolError::Stopped) => return Err(CliError::failed(error)),
            Ok(_) | Err(_) => return Ok(Some(part)),
        }
    }
    Ok(None)
}

fn missing(lacking: &[(&str, &str)]) -> CliError {
    let what = match lacking {
        [] => "there is no C compiler for WebAssembly".to_owned(),
        [(clang, part), ..] => format!("`{clang}` can't compile for WebAssembly: {part} is not there"),
    };
    CliError::failed(anyhow!(what))
        .hinted("on Debian: `apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`")
        .hinted("anywhere: zig, for example with `pip install ziglang`")
}
