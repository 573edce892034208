//! Why no connection came about, in words for the operator. Nothing of the error's own text is shown: it holds
//! addresses.

use std::{error::Error, io::ErrorKind};

/// Why no connection came about, from an error and what caused it.
#[must_use]
pub fn why(error: &(dyn Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    let mut found = "no connection";
    while let Some(error) = cause {
        let text = error.to_string().to_ascii_lowercase();
        if text.contains("certificate") {
            // The innermost cause says most.
            found = certificate(&text);
        } else if text.contains("dns error") || text.contains("failed to lookup address") {
            return "its name can't be resolved: check the address and this machine's DNS";
        } else if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                ErrorKind::ConnectionRefused => {
                    return "the connection is refused: nothing listens at this address";
                }
                ErrorKind::TimedOut => return "the connection timed out",
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    return "the network can't be reached";
                }
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => {
                    found = "the connection broke off while it was made";
                }
                _ => {}
            }
        } else if text.contains("timed out") || text.contains("deadline has elapsed") {
            found = "the connection timed out";
        }
        cause = error.source();
    }
    found
}

fn certificate(text: &str) -> &'static str {
    if text.contains("not valid for name") || text.contains("notvalidforname") {
        "its certificate is for another name: use the server's `plex.direct` address, or `http://` within your own network"
    } else if text.contains("expired") {
        "its certificate has expired"
    } else if text.contains("unknownissuer") || text.contains("unknown issuer") {
        "its certificate is not from a known authority"
    } else {
        "its certificate is not valid"
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("error sending request")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_cause_is_found_behind_what_it_caused() {
        let of = |error: io::Error| why(&Outer(error));
        assert!(of(ErrorKind::ConnectionRefused.into()).contains("refused"));
        assert!(of(ErrorKind::TimedOut.into()).contains("timed out"));
        assert!(of(io::Error::other("failed to lookup address information: x")).contains("DNS"));
        let name = "invalid peer certificate: certificate not valid for name \"192.0.2.1\"; certificate is only valid for x";
        assert!(of(io::Error::other(name)).contains("plex.direct"));
        assert!(of(io::Error::other("invalid peer certificate: Expired")).contains("expired"));
        assert!(of(io::Error::other("invalid peer certificate: UnknownIssuer")).contains("authority"));
        assert_eq!(of(io::Error::other("http://example.org/secret")), "no connection");
    }
}
