//! Refusals, with Discord's JSON error codes.

use serde_json::{Value, json};

use crate::http::Response;

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::discord) struct ApiError {
    status: u16,
    body: Value,
}

impl ApiError {
    pub(in crate::discord) fn new(status: u16, code: u32, message: &str) -> Self {
        Self { status, body: json!({"message": message, "code": code}) }
    }

    /// 400 with code 50035: something in the body or the query is not as it must be.
    pub(in crate::discord) fn form(field: &str, code: &str, message: &str) -> Self {
        let errors = json!({field: {"_errors": [{"code": code, "message": message}]}});
        let body = json!({"message": "Invalid Form Body", "code": 50_035, "errors": errors});
        Self { status: 400, body }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }

    pub(super) fn missing_access() -> Self {
        Self::new(403, 50_001, "Missing Access")
    }

    pub(in crate::discord) fn unknown_message() -> Self {
        Self::new(404, 10_008, "Unknown Message")
    }

    /// Discord itself is at fault.
    pub(super) fn outage() -> Self {
        Self::new(503, 0, "503: Service Unavailable")
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        Self::json(error.status, &error.body)
    }
}
