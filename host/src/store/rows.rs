//! How our types stand in columns.

use rusqlite::{
    CachedStatement, Params, Row, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::domain::Timestamp;

use super::StoreError;

/// A list of rows. One that can't be read keeps no other from being read: its key stands in its place.
pub type Each<T, K> = Vec<Result<T, K>>;

/// The rows that a statement finds.
pub(super) fn list<T, K>(
    mut statement: CachedStatement<'_>,
    params: impl Params,
    key: impl Fn(&Row<'_>) -> rusqlite::Result<K>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Each<T, K>, StoreError> {
    let rows = statement.query_map(params, |row| {
        let key = key(row)?;
        Ok(read(row).map_err(|_| key))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A name in a column, which is for people only: what is no text in it is shown as such.
pub(super) struct Name(pub(super) String);

impl FromSql for Name {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(String::from_utf8_lossy(value.as_bytes()?).into_owned()))
    }
}

/// A column of JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// The JSON text of a value for a column.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable("a value that can't be written as JSON"))
}

/// A time in a column.
pub(super) struct At(pub(super) Timestamp);

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        u64::try_from(millis)
            .map(|millis| Self(Timestamp(millis)))
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        whole(self.0.0)
    }
}

fn whole(number: u64) -> rusqlite::Result<ToSqlOutput<'static>> {
    i64::try_from(number)
        .map(ToSqlOutput::from)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// An enum whose cases stand as words in a column.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$case_meta:meta])* $case:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$case_meta])* $case,)* }

        impl $name {
            /// The word for it in the database and in logs.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok(Self::$case),)*
                    _ => Err(rusqlite::types::FromSqlError::InvalidType),
                }
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.word().into())
            }
        }
    };
}

pub(super) use words;
