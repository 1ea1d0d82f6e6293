//! Values that are stored as JSON.

use serde::Serialize;

use crate::error::Error;

/// Encodes a value.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let unwritable = |error| Error::Internal(format!("a value cannot be stored: {error}"));
    serde_json::to_string(value).map_err(unwritable)
}
