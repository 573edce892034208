//! Invitations: sending, listing, cancelling.

use serde_json::json;

use super::exchange::{Plex, request};
use crate::{
    Base, Changes, Field, Invite, Invitee, Method, Names, NewShare, PlexError, Request, percent,
    xml::{Element, Unreadable},
};

impl Plex {
    /// The invitations that are out: `GET /api/invites/requested`.
    ///
    /// # Errors
    /// [`PlexError`].
    pub async fn invites(&self) -> Result<Vec<Invite>, PlexError> {
        let route = "/api/invites/requested";
        let list = Element::list(&self.list(request(Base::PlexTv, Method::Get, route, route)).await?)?;
        let invites = list.all("Invite").map(invite).collect::<Result<Vec<_>, _>>()?;
        self.remember("invites", invites.iter().map(|invite| &invite.names));
        Ok(invites)
    }

    /// Shares libraries of a server with somebody: `POST /api/servers/{machine}/shared_servers`. plex.tv
    /// writes to the address. Only the lists say whether it took effect: the answer is not read.
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::AlreadyShared`] if there is a share or an invitation already,
    /// [`PlexError::InvalidAddress`] if plex.tv does not take the address.
    pub async fn invite(&self, share: &NewShare) -> Result<(), PlexError> {
        let path = format!("/api/servers/{}/shared_servers", percent::strict(&share.machine.0));
        let request = Request {
            body: Some(body(share)),
            ..request(Base::PlexTv, Method::Post, "/api/servers/{machine}/shared_servers", path)
        };
        let also = match &share.to {
            Invitee::Address(email) => email.expose(),
            Invitee::Account(_) => "",
        };
        let Err(refusal) = self.answer(request, &[also]).await? else { return Ok(()) };
        let words = refusal.words.to_ascii_lowercase();
        if words.contains("already shar") || words.contains("already invited") {
            return Err(PlexError::AlreadyShared);
        }
        // "The username or email entered appears to be invalid", with 400 or 404.
        if words.contains("username or email") && matches!(share.to, Invitee::Address(_)) {
            return Err(PlexError::InvalidAddress);
        }
        Err(refusal.error)
    }

    /// Takes an invitation back: `DELETE /api/invites/requested/{id}`. It can leave a pending share behind,
    /// which is ended with [`Plex::end_share`].
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::NotFound`] if it is not out (any more).
    pub async fn cancel_invite(&self, invite: &Invite) -> Result<(), PlexError> {
        let path = format!("/api/invites/requested/{}", percent::strict(&invite.id));
        let flag = |yes: bool| if yes { "1" } else { "0" }.to_owned();
        let request = Request {
            query: vec![
                ("friend", flag(invite.friend)),
                ("home", flag(invite.home)),
                ("server", flag(invite.server)),
            ],
            ..request(Base::PlexTv, Method::Delete, "/api/invites/requested/{invite}", path)
        };
        let Names { email, username, title } = &invite.names;
        self.send(request, &[&invite.id, email, username, title]).await.map(drop)
    }
}

/// The body as python-plexapi sends it: flags and filters are texts.
fn body(share: &NewShare) -> String {
    let sections: Vec<u64> = share.sections.as_slice().iter().map(|section| section.0).collect();
    let body = match &share.to {
        Invitee::Address(email) => json!({
            "server_id": share.machine.0,
            "shared_server": {"library_section_ids": sections, "invited_email": email.expose()},
            "sharing_settings": settings(&share.settings),
        }),
        Invitee::Account(account) => json!({
            "server_id": share.machine.0,
            "shared_server": {"library_section_ids": sections, "invited_id": account.0},
        }),
    };
    body.to_string()
}

fn settings(settings: &Changes) -> serde_json::Value {
    let text = |field: Field, default: &str| {
        settings.get(&field).map_or_else(|| default.to_owned(), |value| value.0.clone())
    };
    let mut body = json!({
        "allowSync": text(Field::Downloads, "0"),
        "allowCameraUpload": "0",
        "allowChannels": "0",
        "filterMovies": text(Field::Movies, ""),
        "filterTelevision": text(Field::Television, ""),
        "filterMusic": text(Field::Music, ""),
    });
    if let (Some(photos), Some(body)) = (settings.get(&Field::Photos), body.as_object_mut()) {
        body.insert(Field::Photos.name().to_owned(), photos.0.clone().into());
    }
    body
}

fn invite(invite: &Element) -> Result<Invite, Unreadable> {
    Ok(Invite {
        id: invite.needed("id")?,
        names: Names {
            email: invite.text("email"),
            username: invite.text("username"),
            title: invite.text("friendlyName"),
        },
        friend: invite.flag("friend"),
        home: invite.flag("home"),
        server: invite.flag("server"),
        servers: invite.all("Server").map(|server| server.text("name")).collect(),
    })
}
