//! Shares: which libraries of a server a person may use.

use serde_json::{Value, json};

use super::exchange::{Plex, request};
use crate::{
    Base, Method, Names, PendingShare, PlexError, Request, Sections, Share, json as answer, percent,
    xml::{Element, Unreadable},
};
use rolarr_domain::{MachineId, PlexAccountId, SectionId, ShareId};

impl Plex {
    /// The shares of a server: `GET /api/servers/{machine}/shared_servers`. Whether pending ones are in it is
    /// not certain; [`Plex::pending_shares`] has them.
    ///
    /// # Errors
    /// [`PlexError`].
    pub async fn shares(&self, machine: &MachineId) -> Result<Vec<Share>, PlexError> {
        let path = format!("/api/servers/{}/shared_servers", percent::strict(&machine.0));
        let request = request(Base::PlexTv, Method::Get, "/api/servers/{machine}/shared_servers", path);
        let list = Element::list(&self.list(request).await?)?;
        let shares = list.all("SharedServer").map(share).collect::<Result<Vec<_>, _>>()?;
        self.remember("shares", shares.iter().map(|share| &share.names));
        Ok(shares)
    }

    /// The shares that were not accepted yet, of all servers of the owner:
    /// `GET /api/v2/shared_servers/owned/pending` at clients.plex.tv.
    ///
    /// # Errors
    /// [`PlexError`].
    pub async fn pending_shares(&self) -> Result<Vec<PendingShare>, PlexError> {
        let route = "/api/v2/shared_servers/owned/pending";
        let request = Request { json: true, ..request(Base::Clients, Method::Get, route, route) };
        let list = answer::list(&self.list(request).await?)?;
        let pending = list.iter().map(pending_share).collect::<Result<Vec<_>, _>>()?;
        self.remember("pending shares", pending.iter().map(|pending| &pending.share.names));
        Ok(pending)
    }

    /// Shares these libraries and no others: `PUT /api/servers/{machine}/shared_servers/{share}`.
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::NotFound`] if there is no such share (any more).
    pub async fn set_sections(
        &self,
        machine: &MachineId,
        share: ShareId,
        sections: &Sections,
    ) -> Result<(), PlexError> {
        let sections: Vec<u64> = sections.as_slice().iter().map(|section| section.0).collect();
        let body = json!({"server_id": machine.0, "shared_server": {"library_section_ids": sections}});
        let request = Request { body: Some(body.to_string()), ..of_share(Method::Put, machine, share) };
        self.send(request, &[]).await.map(drop)
    }

    /// Ends the share of one server; friendship stays:
    /// `DELETE /api/servers/{machine}/shared_servers/{share}`.
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::NotFound`] if there is no such share (any more).
    pub async fn end_share(&self, machine: &MachineId, share: ShareId) -> Result<(), PlexError> {
        self.send(of_share(Method::Delete, machine, share), &[]).await.map(drop)
    }
}

fn of_share(method: Method, machine: &MachineId, share: ShareId) -> Request {
    let path = format!("/api/servers/{}/shared_servers/{share}", percent::strict(&machine.0));
    request(Base::PlexTv, method, "/api/servers/{machine}/shared_servers/{share}", path)
}

fn share(share: &Element) -> Result<Share, Unreadable> {
    let account = match share.get("userID").map(str::trim) {
        None | Some("" | "0") => None,
        Some(id) => Some(PlexAccountId(id.parse().map_err(|_| Unreadable::Missing("userID"))?)),
    };
    // Some answers leave the times out altogether; then nothing says that it is pending.
    let accepted = match share.get("acceptedAt") {
        Some(at) => !matches!(at.trim(), "" | "0"),
        None => share.get("invitedAt").is_none(),
    };
    let libraries = share.all("Section").filter(|section| section.flag("shared"));
    // `name` is the server's name here, not the person's.
    Ok(Share {
        id: ShareId(share.number("id")?),
        account,
        names: Names { email: share.text("email"), username: share.text("username"), title: String::new() },
        accepted,
        libraries: libraries.map(|section| section.number("id").map(SectionId)).collect::<Result<_, _>>()?,
        all_libraries: share.flag("allLibraries"),
    })
}

fn pending_share(item: &Value) -> Result<PendingShare, Unreadable> {
    let invited = item.get("invited").unwrap_or(&Value::Null);
    let email = Some(answer::text(item, "invitedEmail"))
        .filter(|email| !email.is_empty())
        .unwrap_or_else(|| answer::text(invited, "email"));
    let libraries =
        answer::items(item, "libraries").iter().map(|library| answer::id(library, "id").map(SectionId));
    let account = answer::number(item, "invitedId").or_else(|| answer::number(invited, "id"));
    Ok(PendingShare {
        machine: MachineId(answer::needed(item, "machineIdentifier")?),
        share: Share {
            id: ShareId(answer::id(item, "id")?),
            account: account.filter(|&id| id != 0).map(PlexAccountId),
            names: Names {
                email,
                username: answer::text(invited, "username"),
                title: answer::text(invited, "title"),
            },
            accepted: answer::flag(item, "accepted"),
            libraries: libraries.collect::<Result<_, _>>()?,
            all_libraries: answer::flag(item, "allLibraries"),
        },
    })
}
