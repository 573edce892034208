//! The owner's account and servers.

use super::exchange::{OWNER, Plex, request};
use crate::{Base, Method, Names, Owner, PlexError, Request, Server, json};
use rolarr_domain::{MachineId, PlexAccountId};

impl Plex {
    /// The account whose token is used: `GET /api/v2/user`. It tells whether the token is valid.
    ///
    /// # Errors
    /// [`PlexError`].
    pub async fn owner(&self) -> Result<Owner, PlexError> {
        let request = Request { json: true, ..request(Base::PlexTv, Method::Get, OWNER, OWNER) };
        let user = json::parse(&self.send(request, &[]).await?)?;
        let subscribed =
            user.get("subscription").is_some_and(|subscription| json::flag(subscription, "active"));
        let role = json::items(&user, "roles").iter().any(|role| role.as_str() == Some("plexpass"));
        let owner = Owner {
            id: PlexAccountId(json::id(&user, "id")?),
            plex_pass: subscribed || role,
            names: Names {
                email: json::text(&user, "email"),
                username: json::text(&user, "username"),
                title: json::text(&user, "title"),
            },
        };
        self.remember("owner", [&owner.names].into_iter());
        Ok(owner)
    }

    /// The servers that the account owns: `GET /api/v2/resources`.
    ///
    /// # Errors
    /// [`PlexError`].
    pub async fn servers(&self) -> Result<Vec<Server>, PlexError> {
        let route = "/api/v2/resources";
        let query = ["includeHttps", "includeRelay", "includeIPv6"].map(|name| (name, "1".to_owned()));
        let request =
            Request { json: true, query: query.to_vec(), ..request(Base::PlexTv, Method::Get, route, route) };
        let resources = json::list(&self.send(request, &[]).await?)?;
        let owned = resources.iter().filter(|resource| {
            let provides = json::text(resource, "provides");
            json::flag(resource, "owned") && provides.split(',').any(|what| what.trim() == "server")
        });
        owned
            .map(|resource| {
                let machine = MachineId(json::needed(resource, "clientIdentifier")?);
                Ok(Server { machine, name: json::text(resource, "name") })
            })
            .collect()
    }
}
