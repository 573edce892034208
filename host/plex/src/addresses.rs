//! Where Plex is. What is set here is all that is ever contacted.

use reqwest::Url;

use super::Base;

/// plex.tv itself.
pub const PLEX_TV: &str = "https://plex.tv";

/// The second host of plex.tv's v2 routes, which Plex Web uses.
pub const CLIENTS: &str = "https://clients.plex.tv";

/// The base addresses of the three parties, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    plex_tv: String,
    clients: String,
    server: Option<String>,
}

/// A text that is no base address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address of {of} can't be used: {why}; it looks like `https://example.org` or `http://127.0.0.1:32400`"
)]
pub struct BadAddress {
    /// Which of the three it is.
    pub of: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Addresses {
    /// Takes the addresses of plex.tv, of clients.plex.tv and of the Plex server. A path is kept as a prefix,
    /// so that a proxy may have them all on one host.
    ///
    /// # Errors
    /// [`BadAddress`] for a text that is no http or https address, or has a user, a query or a fragment.
    pub fn new(plex_tv: &str, clients: &str, server: Option<&str>) -> Result<Self, BadAddress> {
        Ok(Self {
            plex_tv: base("plex.tv", plex_tv)?,
            clients: base("clients.plex.tv", clients)?,
            server: server.map(|server| base("the Plex server", server)).transpose()?,
        })
    }

    /// The address of one of them; none if there is none.
    #[must_use]
    pub fn of(&self, base: Base) -> Option<&str> {
        match base {
            Base::PlexTv => Some(&self.plex_tv),
            Base::Clients => Some(&self.clients),
            Base::Server => self.server.as_deref(),
        }
    }
}

fn base(of: &'static str, text: &str) -> Result<String, BadAddress> {
    let bad = |why| BadAddress { of, why };
    let url = Url::parse(text.trim()).map_err(|_| bad("it is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it begins with neither `https://` nor `http://`"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it has a user or a password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a `?` or a `#` in it"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_a_slash() {
        let addresses =
            Addresses::new(PLEX_TV, " http://127.0.0.1:8080/clients/ ", Some("http://[::1]:32400/")).unwrap();
        assert_eq!(addresses.of(Base::PlexTv), Some("https://plex.tv"));
        assert_eq!(addresses.of(Base::Clients), Some("http://127.0.0.1:8080/clients"));
        assert_eq!(addresses.of(Base::Server), Some("http://[::1]:32400"));
        assert_eq!(Addresses::new(PLEX_TV, CLIENTS, None).unwrap().of(Base::Server), None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "plex.tv",
            "127.0.0.1:32400",
            "ftp://example.org",
            "http://",
            "https://ann:hunter2@example.org",
            "https://example.org/?token=hunter2",
            "https://example.org/#hunter2",
            "file:///etc/passwd",
            "http://exa mple.org",
        ] {
            let error = Addresses::new(text, CLIENTS, None).unwrap_err().to_string();
            assert!(error.contains("plex.tv") && !error.contains("hunter2"), "{text:?} {error}");
            assert!(Addresses::new(PLEX_TV, CLIENTS, Some(text)).is_err(), "{text:?}");
        }
    }
}
