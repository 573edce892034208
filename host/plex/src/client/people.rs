//! The owner's friends.

use super::exchange::{Plex, request};
use crate::{
    Base, Field, FieldValue, Friend, FriendShare, Method, Names, PlexError, Settings,
    xml::{Element, Unreadable},
};
use rolarr_domain::{MachineId, PlexAccountId, ShareId};

impl Plex {
    /// Everybody with whom something is shared, members of the Plex Home included, pending invitations not:
    /// `GET /api/users/`.
    ///
    /// # Errors
    /// [`PlexError`]. A list that is not complete is an error, and so is an entry that can't be told apart:
    /// nobody may seem to be absent who is not.
    pub async fn users(&self) -> Result<Vec<Friend>, PlexError> {
        let request = request(Base::PlexTv, Method::Get, "/api/users", "/api/users/");
        let list = self.list(request).await.map_err(|error| match error {
            // Without this list nothing can be told of anybody: it is as good as no answer.
            PlexError::NoSuchList { .. } => {
                PlexError::Unavailable { what: error.to_string(), maybe_applied: false }
            }
            other => other,
        })?;
        let list = Element::list(&list)?;
        let friends = list.all("User").map(friend).collect::<Result<Vec<_>, _>>()?;
        self.remember("friends", friends.iter().map(|friend| &friend.names));
        Ok(friends)
    }

    /// Ends friendship and with it every share, of all servers: `DELETE /api/v2/sharings/{account}`.
    ///
    /// # Errors
    /// [`PlexError`]; [`PlexError::NotFound`] if there is no friendship (any more).
    pub async fn end_friendship(&self, account: PlexAccountId) -> Result<(), PlexError> {
        let path = format!("/api/v2/sharings/{account}");
        let request = request(Base::PlexTv, Method::Delete, "/api/v2/sharings/{account}", path);
        self.send(request, &[]).await.map(drop)
    }
}

fn friend(user: &Element) -> Result<Friend, Unreadable> {
    let shares = user.all("Server").map(|server| {
        Ok(FriendShare {
            id: ShareId(server.number("id")?),
            machine: MachineId(server.needed("machineIdentifier")?),
            pending: server.flag("pending"),
            all_libraries: server.flag("allLibraries"),
        })
    });
    Ok(Friend {
        id: PlexAccountId(user.number("id")?),
        names: Names {
            email: user.text("email"),
            username: user.text("username"),
            title: user.text("title"),
        },
        home: user.flag("home") || user.flag("restricted"),
        settings: settings(user),
        shares: shares.collect::<Result<_, _>>()?,
    })
}

/// What is set for a person, from the attributes of their entry.
fn settings(user: &Element) -> Settings {
    let value = |field: Field| user.get(field.name()).map(|text| (field, FieldValue(text.to_owned())));
    Settings(Field::ALL.into_iter().filter_map(value).collect())
}
