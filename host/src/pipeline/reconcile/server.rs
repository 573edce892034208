//! What the Plex server has: its name, its libraries, and its owner's Plex Pass. All of that changes while the bot
//! runs, so it is looked at again with each comparison, before something is sent that goes by it, and when what is
//! known contradicts what Plex says. What is found stands in the settings of the pipeline, where everybody reads it.

use std::time::Duration;

use crate::{
    domain::{AuditKind, SectionId, Timestamp},
    pipeline::{context::Context, seam::millis, texts},
    plex::{Library, PlexError},
    store::StoreError,
};

/// A look that began so recently serves: many who are invited at once share one.
const FRESH: Duration = Duration::from_secs(10);

/// The fact that administrators were told of a missing Plex Pass is kept under.
const NO_PASS: &str = "told-of-no-plex-pass";

impl Context {
    /// The bot starts: a Plex Pass that is missing is said.
    pub(in crate::pipeline) async fn begin_with_server(&self) -> Result<(), StoreError> {
        if !self.tell_of_pass().await? && !self.settings().owner.plex_pass {
            tracing::warn!("{}", texts::NO_PLEX_PASS);
        }
        Ok(())
    }

    /// Looks at everything again. What can't be had stays as it is known.
    pub(in crate::pipeline) async fn look_at_server(&self) -> Result<(), StoreError> {
        if let Err(error) = self.look_at_owner().await? {
            self.not_seen("account", &error);
        }
        self.server_looks.0.lock().await.libraries = None;
        self.look_at_name().await?;
        self.look_at_libraries().await
    }

    /// What is known of the libraries contradicts what Plex says: the next look at them is a new one.
    pub(in crate::pipeline) async fn doubt_libraries(&self) {
        self.server_looks.0.lock().await.libraries = None;
    }

    /// Makes sure that the libraries are those of now, as far as Plex says which they are.
    pub(in crate::pipeline) async fn look_at_libraries(&self) -> Result<(), StoreError> {
        let mut looked = self.server_looks.0.lock().await;
        if self.token_is_refused() || self.is_fresh(looked.libraries) {
            return Ok(());
        }
        let began = self.seam.now();
        match self.read_libraries().await {
            Ok(libraries) => {
                self.has_libraries(libraries).await?;
                looked.libraries = Some(began);
            }
            Err(error) => self.not_seen("libraries", &error),
        }
        Ok(())
    }

    /// Makes sure that the server's name is that of now, as far as Plex says which it is.
    pub(in crate::pipeline) async fn look_at_name(&self) -> Result<(), StoreError> {
        let mut looked = self.server_looks.0.lock().await;
        if self.token_is_refused() || self.is_fresh(looked.name) {
            return Ok(());
        }
        let (began, machine) = (self.seam.now(), self.settings().server.machine.clone());
        match self.plex.servers().await {
            Ok(servers) => {
                // A list without it is no news of it.
                let Some(server) = servers.into_iter().find(|server| server.machine == machine) else {
                    return Ok(());
                };
                looked.name = Some(began);
                let before = self.settings().server.name.clone();
                if before != server.name && !server.name.is_empty() {
                    tracing::info!(before, now = server.name, "the Plex server has another name");
                    self.go_by(|settings| settings.server = server);
                }
            }
            Err(error) => self.not_seen("name", &error),
        }
        Ok(())
    }

    fn is_fresh(&self, looked: Option<Timestamp>) -> bool {
        let now = self.seam.now();
        // The clock may have been set back.
        looked.is_some_and(|began| began <= now && began.plus_millis(millis(FRESH)) > now)
    }

    fn not_seen(&self, what: &'static str, error: &PlexError) {
        if matches!(error, PlexError::Unauthorized) {
            self.token_refused();
        }
        tracing::warn!(what, %error, "the Plex server can't be looked at again now; what was seen last is gone by");
    }

    /// The libraries as Plex lists them. A list that lacks one is believed once a second one does too: plex.tv
    /// leaves some out at times. One that has another of the same name in its place was made anew.
    async fn read_libraries(&self) -> Result<Vec<Library>, PlexError> {
        let known = self.settings();
        let machine = &known.server.machine;
        let libraries = self.plex.libraries(machine).await?;
        let replaced = |library: &Library| replacement(library, &known.libraries, &libraries).is_some();
        if known.libraries.iter().all(|library| has(&libraries, library.id) || replaced(library)) {
            return Ok(libraries);
        }
        self.seam.sleep(known.timings.confirm_absence).await;
        let mut again = self.plex.libraries(machine).await?;
        for library in libraries {
            if !has(&again, library.id) && replacement(&library, &known.libraries, &again).is_none() {
                again.push(library);
            }
        }
        Ok(again)
    }

    /// The server has these libraries.
    async fn has_libraries(&self, libraries: Vec<Library>) -> Result<(), StoreError> {
        let before = self.settings();
        if before.libraries == libraries {
            return Ok(());
        }
        let now = self.seam.now();
        let changes = changes(&before.libraries, &libraries);
        self.go_by(|settings| settings.libraries = libraries);
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.join(", ");
        tracing::info!(changes, "the libraries of the Plex server changed");
        let stored = self
            .store
            .write(move |tx| {
                tx.audit(now, None, None, AuditKind::Libraries, &texts::libraries_changed(&changes))?;
                // What a rule names may mean other libraries now.
                tx.make_named_libraries_due(now)
            })
            .await;
        if stored.is_err() {
            // The next look finds the same change.
            self.go_by(|settings| settings.libraries.clone_from(&before.libraries));
        }
        self.signals.names.notify_one();
        stored
    }

    /// Looks at the owner's account. A Plex Pass that lapsed does so in two looks.
    async fn look_at_owner(&self) -> Result<Result<(), PlexError>, StoreError> {
        if self.token_is_refused() {
            return Ok(Ok(()));
        }
        let mut owner = match self.plex.owner().await {
            Ok(owner) => owner,
            Err(error) => return Ok(Err(error)),
        };
        if self.settings().owner.plex_pass && !owner.plex_pass {
            self.seam.sleep(self.settings().timings.confirm_absence).await;
            owner = match self.plex.owner().await {
                Ok(owner) => owner,
                Err(error) => return Ok(Err(error)),
            };
        }
        // Another account is another token's, and what a start is for.
        if owner.id == self.settings().owner.id {
            self.go_by(|settings| settings.owner = owner);
        }
        self.tell_of_pass().await?;
        Ok(Ok(()))
    }

    /// Tells administrators once that there is no Plex Pass, and once that there is one again. True if that was news.
    async fn tell_of_pass(&self) -> Result<bool, StoreError> {
        let (now, has) = (self.seam.now(), self.settings().owner.plex_pass);
        let news = self
            .store
            .write(move |tx| {
                let told = tx.fact(NO_PASS)?.is_some();
                if told != has {
                    return Ok(None);
                }
                let text = if has { texts::PLEX_PASS_BACK } else { texts::NO_PLEX_PASS };
                if has {
                    tx.drop_fact(NO_PASS)?;
                } else {
                    tx.put_fact(NO_PASS, &now.0.to_string())?;
                }
                tx.audit(now, None, None, AuditKind::Alarm, text)?;
                Ok(Some(text))
            })
            .await?;
        let Some(text) = news else { return Ok(false) };
        tracing::warn!("{text}");
        Ok(true)
    }
}

fn has(libraries: &[Library], id: SectionId) -> bool {
    libraries.iter().any(|library| library.id == id)
}

/// The library that has the name of another one, and was not there before.
fn replacement<'a>(library: &Library, before: &[Library], now: &'a [Library]) -> Option<&'a Library> {
    let name = library.title.to_lowercase();
    now.iter().find(|other| other.title.to_lowercase() == name && !has(before, other.id))
}

/// What is not as it was, in words.
fn changes(before: &[Library], now: &[Library]) -> Vec<String> {
    let named =
        |library: &Library| format!("`{}`", crate::policy::printable(&library.title).replace('`', "'"));
    let mut changes = Vec::new();
    for was in before {
        let is = now.iter().find(|library| library.id == was.id);
        match (is, replacement(was, before, now)) {
            (Some(is), _) if is.title != was.title => {
                changes.push(format!("{} is called {} now", named(was), named(is)));
            }
            (Some(_), _) => {}
            (None, Some(_)) => changes.push(format!("{} was made anew", named(was))),
            (None, None) => changes.push(format!("{} is gone", named(was))),
        }
    }
    let gone: Vec<&Library> = before.iter().filter(|was| !has(now, was.id)).collect();
    for library in now.iter().filter(|library| !has(before, library.id)) {
        let name = library.title.to_lowercase();
        if gone.iter().all(|was| was.title.to_lowercase() != name) {
            changes.push(format!("{} is new", named(library)));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::LibraryKind;

    fn libraries(all: &[(u64, &str)]) -> Vec<Library> {
        let library = |(id, title): &(u64, &str)| Library {
            id: SectionId(*id),
            key: *id,
            title: (*title).to_owned(),
            kind: LibraryKind::Movies,
        };
        all.iter().map(library).collect()
    }

    #[test]
    fn what_changed_is_said_in_words() {
        let before = libraries(&[(1, "Movies"), (2, "Shows"), (3, "Music"), (4, "Music")]);
        for (now, said) in [
            (vec![(1, "Movies"), (2, "Shows"), (3, "Music"), (4, "Music")], vec![]),
            (vec![(2, "Shows"), (1, "Movies"), (4, "Music"), (3, "Music")], vec![]),
            (vec![(1, "Movies"), (2, "TV"), (3, "Music"), (4, "Music")], vec!["`Shows` is called `TV` now"]),
            (vec![(9, "movies"), (2, "Shows"), (3, "Music"), (4, "Music")], vec!["`Movies` was made anew"]),
            (vec![(1, "Movies"), (2, "Shows"), (4, "Music")], vec!["`Music` is gone"]),
            (
                vec![(1, "Movies"), (3, "Music"), (4, "Music"), (5, "Anime")],
                vec!["`Shows` is gone", "`Anime` is new"],
            ),
        ] {
            assert_eq!(changes(&before, &libraries(&now)), said, "{now:?}");
        }
    }
}
