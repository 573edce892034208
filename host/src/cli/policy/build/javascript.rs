//! JavaScript: componentize-qjs puts the script into an engine.

use std::path::Path;

use super::building::{Building, Built};
use super::tool::{Tool, ToolError};
use crate::cli::error::CliError;
use crate::files;

/// Where npm puts the builder, from the policy's folder.
const BUILDER: &str = "node_modules/componentize-qjs/cli.mjs";

/// Where a copy of what was installed is kept.
const INSTALLED: &str = "node_modules/.installed-for-rolarr.json";

/// How large a list of what to install may be, in bytes.
const LONGEST: u64 = 1 << 20;

pub(super) async fn build(building: &mut Building<'_>, output: &Path) -> Built<()> {
    let folder = building.folder;
    let wanted = files::read(&folder.join("package.json"), LONGEST).ok();
    let installed = files::read(&folder.join(INSTALLED), LONGEST).ok();
    if wanted.is_none() || installed != wanted || !folder.join(BUILDER).is_file() {
        building.say("install  what package.json names, with npm")?;
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        Tool::new(npm, folder)
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .run(building.stop)
            .await
            .map_err(explain)?;
        if let Some(wanted) = wanted {
            // Without it the next build installs once more.
            let _ = std::fs::write(folder.join(INSTALLED), wanted);
        }
    }
    building.say("compile  policy.js, with componentize-qjs")?;
    // Without its own asynchronous calls, which Rolarr does not offer, and without WASI, which no policy gets.
    Tool::new("node", folder)
        .arg(BUILDER)
        .args(["--wit", "wit", "--world", "policy", "--js", "policy.js", "--sync", "--stub-wasi", "--output"])
        .arg(output)
        .run(building.stop)
        .await
        .map_err(explain)?;
    Ok(())
}

fn explain(error: ToolError) -> CliError {
    let hint = match &error {
        ToolError::Missing(_) => {
            Some("install Node.js 18 or newer with npm, on Debian with `apt-get install nodejs npm`")
        }
        ToolError::Failed { program, .. } if program.starts_with("npm") => {
            Some("npm fetches the builder once: it needs the network, and package.json in the folder")
        }
        _ => None,
    };
    match hint {
        Some(hint) => CliError::failed(error).hinted(hint),
        None => CliError::failed(error),
    }
}
