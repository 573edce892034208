//! Where Discord is, and how long to wait for it.

use std::time::Duration;

use reqwest::Url;

use crate::domain::Secret;

/// How Discord is reached. Nothing but the two addresses in it is ever contacted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bot's token.
    pub token: Secret,
    /// The base address of the REST API, without `/api/v10`.
    pub api: String,
    /// The address of the gateway. Discord's offer of another address for resuming is not followed.
    pub gateway: String,
    /// How long a connection may take to come about.
    pub connect_limit: Duration,
    /// How long a whole REST exchange may take.
    pub request_limit: Duration,
    /// How long to wait before a lost session is replaced; it doubles with each failure in a row. Discord
    /// allows one identify per five seconds.
    pub reconnect_wait: Duration,
    /// Whether the slash commands are registered once the bot is connected.
    pub register_commands: bool,
}

impl Settings {
    /// Discord itself, with limits that suit it.
    #[must_use]
    pub fn new(token: Secret) -> Self {
        Self {
            token,
            api: "https://discord.com".to_owned(),
            gateway: "wss://gateway.discord.gg".to_owned(),
            connect_limit: Duration::from_secs(10),
            request_limit: Duration::from_secs(20),
            reconnect_wait: Duration::from_secs(5),
            register_commands: true,
        }
    }
}

/// Discord can't be reached as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// An address is none, or of the wrong kind.
    #[error("the address of Discord's {what} must begin with {schemes} and name a host, without a query")]
    Address {
        /// Which address.
        what: &'static str,
        /// How it may begin.
        schemes: &'static str,
    },
    /// The token can't be sent in a header.
    #[error("the bot's token holds a character that no token has; copy it anew from the developer portal")]
    Token,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Client,
}

/// An address without a slash at its end, if it has one of the schemes.
pub(super) fn address(
    text: &str,
    what: &'static str,
    schemes: [&str; 2],
    named: &'static str,
) -> Result<String, BadSettings> {
    let bad = BadSettings::Address { what, schemes: named };
    let url = Url::parse(text).map_err(|_| bad.clone())?;
    let sound = schemes.contains(&url.scheme())
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if sound { Ok(text.trim_end_matches('/').to_owned()) } else { Err(bad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_without_its_last_slash() {
        let taken = address("http://127.0.0.1:80/", "REST API", ["http", "https"], "http");
        assert_eq!(taken.unwrap(), "http://127.0.0.1:80");
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for text in
            ["", "discord.com", "ws://h", "https://h/?a=b", "https://u:p@h", "https://h#f", "file:///x"]
        {
            let taken = address(text, "REST API", ["http", "https"], "`https://`");
            assert!(taken.is_err(), "{text:?}");
        }
    }
}
