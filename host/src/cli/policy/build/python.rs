//! Python: componentize-py puts the program into an interpreter.

use std::path::{Path, PathBuf};

use super::building::{Building, Built};
use super::tool::{Tool, ToolError};
use crate::cli::error::CliError;
use crate::files;

/// The virtual environment that the builder is in.
const ENVIRONMENT: &str = ".venv";

/// Where a copy of what was installed is kept.
const INSTALLED: &str = ".venv/installed-for-rolarr.txt";

/// How large a list of what to install may be, in bytes.
const LONGEST: u64 = 1 << 20;

pub(super) async fn build(building: &mut Building<'_>, output: &Path) -> Built<()> {
    let folder = building.folder;
    let wanted = files::read(&folder.join("requirements.txt"), LONGEST).ok();
    let installed = files::read(&folder.join(INSTALLED), LONGEST).ok();
    if wanted.is_none() || installed != wanted || !program(folder, "componentize-py").is_file() {
        building.say("install  what requirements.txt names, with pip")?;
        let python = if cfg!(windows) { "python" } else { "python3" };
        Tool::new(python, folder)
            .args(["-m", "venv", "--clear", ENVIRONMENT])
            .run(building.stop)
            .await
            .map_err(explain)?;
        Tool::new(program(folder, "python"), folder)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                "requirements.txt",
            ])
            .run(building.stop)
            .await
            .map_err(explain)?;
        if let Some(wanted) = wanted {
            // Without it the next build installs once more.
            let _ = std::fs::write(folder.join(INSTALLED), wanted);
        }
    }
    building.say("compile  policy.py, with componentize-py")?;
    // Without WASI, which no policy gets.
    Tool::new(program(folder, "componentize-py"), folder)
        .args(["--wit-path", "wit", "--world", "policy", "componentize", "--stub-wasi", "policy", "--output"])
        .arg(output)
        .run(building.stop)
        .await
        .map_err(explain)?;
    Ok(())
}

/// A program of the virtual environment.
fn program(folder: &Path, name: &str) -> PathBuf {
    let programs = if cfg!(windows) { "Scripts" } else { "bin" };
    folder.join(ENVIRONMENT).join(programs).join(super::tool::executable(name))
}

fn explain(error: ToolError) -> CliError {
    let hint = match &error {
        ToolError::Missing(_) => {
            "install Python 3.10 or newer with venv, on Debian with `apt-get install python3 python3-venv`"
        }
        ToolError::Failed { said, .. } if said.contains("ensurepip") => {
            "on Debian venv is a package of its own: `apt-get install python3-venv`"
        }
        ToolError::Failed { said, .. } if said.contains("requirements.txt") || said.contains("pip") => {
            "pip fetches the builder once: it needs the network, and requirements.txt in the folder"
        }
        _ => return CliError::failed(error),
    };
    CliError::failed(error).hinted(hint)
}
