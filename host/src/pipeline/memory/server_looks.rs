//! When the Plex server was looked at last.

use tokio::sync::Mutex;

use crate::domain::Timestamp;

/// When the server was looked at last. Whoever looks holds the lock: the others wait for what is found.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct ServerLooks(pub(in crate::pipeline) Mutex<Looked>);

#[derive(Debug, Default)]
pub(in crate::pipeline) struct Looked {
    pub(in crate::pipeline) libraries: Option<Timestamp>,
    pub(in crate::pipeline) name: Option<Timestamp>,
}
