//! Base addresses of the services.

use std::{fmt, net::IpAddr};

use reqwest::Url;

/// Where a service is: a base address without credentials, query or fragment, and without a slash at the
/// end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// What is wrong with an address. It does not repeat the address: people put tokens into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnAddress {
    #[error("is not an address")]
    Malformed,
    #[error("begins with the wrong word")]
    Scheme,
    #[error("holds a user name or a password")]
    Credentials,
    #[error("has a part after `?` or `#`")]
    Query,
}

impl Address {
    /// An address of ours, known to be well-formed.
    pub(super) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Reads an address whose scheme is one of these.
    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, NotAnAddress> {
        let url = Url::parse(text.trim()).map_err(|_| NotAnAddress::Malformed)?;
        if !schemes.contains(&url.scheme()) {
            return Err(NotAnAddress::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAnAddress::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(NotAnAddress::Query);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(NotAnAddress::Malformed);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The address as text, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent there can be read on the way: neither encrypted nor to this machine.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_plain_beyond(|host| match host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => host == "localhost",
        })
    }

    /// Whether what is sent there can be read on the way by strangers: neither encrypted nor to a host that
    /// is in a network of one's own, as its address or its name says.
    #[must_use]
    pub fn is_open_to_strangers(&self) -> bool {
        self.is_plain_beyond(|host| match host.parse::<IpAddr>() {
            Ok(ip) => is_private(ip),
            Err(_) => is_private_name(host),
        })
    }

    fn is_plain_beyond(&self, trusted: impl Fn(&str) -> bool) -> bool {
        let Ok(url) = Url::parse(&self.0) else { return true };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        matches!(url.scheme(), "http" | "ws") && !trusted(host)
    }
}

/// The addresses of RFC 1918, RFC 4193, RFC 6598 (also those of private networks over others), link-local ones,
/// and this machine.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = matches!(ip.octets(), [100, 64..=127, ..]);
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Names that public name servers don't know: those of one word (`nas`, or a container's), and the endings that
/// are set aside for networks of one's own.
fn is_private_name(host: &str) -> bool {
    const ENDINGS: [&str; 5] = [".local", ".lan", ".home.arpa", ".internal", ".localhost"];
    !host.contains('.') || ENDINGS.iter().any(|ending| host.ends_with(ending))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: &[&str] = &["http", "https"];

    #[test]
    fn an_address_loses_the_slash_at_its_end() {
        for text in ["https://plex.example.org", "https://plex.example.org/", " https://plex.example.org// "]
        {
            assert_eq!(Address::parse(text, HTTP).unwrap().as_str(), "https://plex.example.org", "{text:?}");
        }
        assert_eq!(
            Address::parse("http://127.0.0.1:32400/plex/", HTTP).unwrap().as_str(),
            "http://127.0.0.1:32400/plex"
        );
    }

    #[test]
    fn what_is_no_base_address_is_refused() {
        for (text, wrong) in [
            ("", NotAnAddress::Malformed),
            ("plex.example.org", NotAnAddress::Malformed),
            ("http://", NotAnAddress::Malformed),
            ("localhost:32400", NotAnAddress::Scheme),
            ("ftp://example.org", NotAnAddress::Scheme),
            ("wss://example.org", NotAnAddress::Scheme),
            ("https://ann:secret@example.org", NotAnAddress::Credentials),
            ("https://example.org/?X-Plex-Token=secret", NotAnAddress::Query),
            ("https://example.org/#a", NotAnAddress::Query),
        ] {
            assert_eq!(Address::parse(text, HTTP), Err(wrong), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_open_if_others_can_read_along() {
        for (text, open) in [
            ("http://example.org", true),
            ("http://192.0.2.7:32400", true),
            ("https://example.org", false),
            ("http://127.0.0.1:1", false),
            ("http://[::1]:1", false),
            ("http://localhost:1", false),
        ] {
            assert_eq!(Address::parse(text, HTTP).unwrap().is_open(), open, "{text:?}");
        }
    }

    #[test]
    fn strangers_read_along_only_outside_of_private_networks() {
        for (text, open) in [
            ("http://plex.example.org:32400", true),
            ("http://203.0.113.7:32400", true),
            ("http://172.32.0.1:32400", true),
            ("http://100.128.0.1:32400", true),
            ("http://[2001:db8::7]:32400", true),
            ("http://[::ffff:203.0.113.7]:32400", true),
            ("https://plex.example.org:32400", false),
            ("https://203.0.113.7:32400", false),
            ("http://127.0.0.1:32400", false),
            ("http://10.0.0.7:32400", false),
            ("http://172.31.0.7:32400", false),
            ("http://192.168.0.7:32400", false),
            ("http://169.254.0.7:32400", false),
            ("http://100.64.0.7:32400", false),
            ("http://[::1]:32400", false),
            ("http://[fd00::7]:32400", false),
            ("http://[fe80::7]:32400", false),
            ("http://[::ffff:10.0.0.7]:32400", false),
            ("http://localhost:32400", false),
            ("http://nas:32400", false),
            ("http://NAS.local:32400", false),
            ("http://plex.home.arpa:32400", false),
        ] {
            let address = Address::parse(text, HTTP).unwrap();
            assert_eq!(address.is_open_to_strangers(), open, "{text:?}");
        }
    }
}
