//! `rolarr policy new`.

mod name;
mod scaffold;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use self::name::PolicyName;
use super::language::Language;
use crate::cli::error::CliError;

/// Make a folder for a policy of your own, with rules, recorded events and a README to begin from.
///
/// The rules are those of the policy that comes with Rolarr, to be changed.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// What the policy is called: small letters, digits and hyphens. The folder gets this name, too.
    name: PolicyName,
    /// The language to write it in. A Rhai script needs nothing to be built with.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value = "rhai")]
    lang: Language,
}

impl NewArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, CliError> {
        self.make_in(Path::new("."))?;
        self.tell(out).map_err(CliError::failed)?;
        Ok(0)
    }

    /// Writes all files, or none: they are made beside their place first.
    fn make_in(&self, parent: &Path) -> Result<(), CliError> {
        let folder = parent.join(self.name.as_str());
        refuse_taken(&folder, &self.name)?;
        let unwritable = || format!("the folder `{}` can't be made", self.name);
        let beside = tempfile::Builder::new()
            .prefix(".rolarr-policy-")
            .tempdir_in(parent)
            .with_context(unwritable)
            .map_err(|error| CliError::from(error).hinted("go to a folder that you may write to"))?;
        let made = beside.path().join(self.name.as_str());
        for (path, content) in scaffold::files(self.lang, &self.name) {
            write_file(&made.join(path), &content).with_context(unwritable)?;
        }
        fs::rename(&made, &folder).with_context(unwritable)?;
        Ok(())
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { name, lang } = self;
        writeln!(out, "The folder `{name}` is a policy in {lang} now:\n")?;
        for (file, what) in [
            (scaffold::rules(*lang, name), "the rules: begin here"),
            ("events/rules.toml".to_owned(), "what must follow from which event"),
            ("README.md".to_owned(), "all commands, and what the other files are"),
        ] {
            writeln!(out, "  {:<27} {what}", format!("{name}/{file}"))?;
        }
        writeln!(out, "\nThen:\n\n  cd {name}")?;
        if let Some(needs) = lang.needs() {
            writeln!(out, "  rolarr policy build         needs {needs}")?;
        }
        writeln!(out, "  rolarr policy test")
    }
}

/// An empty folder may be there already: somebody made it for this.
fn refuse_taken(folder: &Path, name: &PolicyName) -> Result<(), CliError> {
    let refused = |what: String| {
        CliError::failed(anyhow!(what)).hinted(format!("choose another name, or move `{name}` away"))
    };
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(folder) {
            Ok(_) => Err(refused(format!("`{name}` is there already: a link that leads nowhere"))),
            Err(_) => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(refused(format!("`{name}` is there already: a file")))
        }
        Err(error) => {
            Err(refused(format!("the folder `{name}` is there already and can't be read: {error}")))
        }
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(refused(format!("the folder `{name}` is there already, and not empty"))),
        },
    }
}

fn write_file(path: &PathBuf, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

#[cfg(test)]
mod tests;
