//! The libraries of a server, and the labels in them.

use super::exchange::{Plex, request};
use crate::{Base, Library, LibraryKind, Method, PlexError, percent, xml::Element};
use rolarr_domain::{MachineId, SectionId};

impl Plex {
    /// The libraries of a server, with the numbers that plex.tv shares them by: `GET /api/servers/{machine}`.
    ///
    /// # Errors
    /// [`PlexError`]. A list without a library is an error too: plex.tv gives such a list at times, and there
    /// is nothing to be done with a server that has none.
    pub async fn libraries(&self, machine: &MachineId) -> Result<Vec<Library>, PlexError> {
        let path = format!("/api/servers/{}", percent::strict(&machine.0));
        let request = request(Base::PlexTv, Method::Get, "/api/servers/{machine}", path);
        let list = Element::list(&self.send(request, &[]).await?)?;
        let ours = |server: &&Element| server.get("machineIdentifier").is_none_or(|other| other == machine.0);
        let server = list.all("Server").find(ours).ok_or(PlexError::NotFound)?;
        let libraries = server
            .all("Section")
            .map(|section| {
                Ok(Library {
                    id: SectionId(section.number("id")?),
                    key: section.number("key")?,
                    title: section.text("title"),
                    kind: kind(section.get("type")),
                })
            })
            .collect::<Result<Vec<_>, PlexError>>()?;
        if libraries.is_empty() {
            let what = "it lists no libraries of the server at the moment".to_owned();
            return Err(PlexError::Unavailable { what, maybe_applied: false });
        }
        Ok(libraries)
    }

    /// The labels that items of a library carry, by the server's own key of the library:
    /// `GET /library/sections/{key}/label` at the server.
    ///
    /// # Errors
    /// [`PlexError`], also if no address of the server is configured.
    pub async fn labels(&self, key: u64) -> Result<Vec<String>, PlexError> {
        let path = format!("/library/sections/{key}/label");
        let request = request(Base::Server, Method::Get, "/library/sections/{key}/label", path);
        let list = Element::list(&self.ask_server(request).await?)?;
        Ok(list.children.iter().filter_map(|label| label.get("title").map(str::to_owned)).collect())
    }
}

fn kind(kind: Option<&str>) -> LibraryKind {
    match kind {
        Some("movie") => LibraryKind::Movies,
        Some("show") => LibraryKind::Television,
        Some("artist") => LibraryKind::Music,
        Some("photo") => LibraryKind::Photos,
        _ => LibraryKind::Other,
    }
}
