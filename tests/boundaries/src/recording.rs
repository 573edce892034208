use std::path::Path;

/// Recorded events are read, and are the same when they are written and read again; or the error says where.
pub fn recording(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let file = Path::new("event.json");
    match rolarr_policy::recording::parse(&text, file) {
        Err(error) => {
            super::is_fit_for_people(&error.to_string());
            false
        }
        Ok(recordings) => {
            assert!(!recordings.is_empty());
            let written = serde_json::to_string(&recordings).expect("what was read can be written");
            let again =
                rolarr_policy::recording::parse(&written, file).expect("what was written can be read");
            assert_eq!(again, recordings);
            true
        }
    }
}
