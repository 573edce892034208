//! The lists of plex.tv's that a look reads beside that of the friends. Where one of them is not given, what does not
//! bear on it goes on.

use crate::{domain::AuditKind, pipeline::context::Context, store::StoreError};

impl Context {
    /// Tells administrators of lists that are missing.
    pub(in crate::pipeline) async fn tell_of_missing_lists(&self) -> Result<(), StoreError> {
        let now = self.seam.now();
        let texts = self.looks.absences.untold(now);
        if texts.is_empty() {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                texts.iter().try_for_each(|text| tx.audit(now, None, None, AuditKind::Delayed, text))
            })
            .await?;
        Ok(())
    }
}
