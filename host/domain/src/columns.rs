//! How ids stand in columns of a database.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::{
    AccountId, ChannelId, EventId, GuildId, MessageId, PlexAccountId, PromptId, RoleId, ShareId, TaskId,
    UserId,
};

fn whole(number: u64) -> rusqlite::Result<ToSqlOutput<'static>> {
    i64::try_from(number)
        .map(ToSqlOutput::from)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

macro_rules! unsigned {
    ($($name:ident)*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let id = value.as_i64()?;
                u64::try_from(id).map(Self).map_err(|_| FromSqlError::OutOfRange(id))
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                whole(self.0)
            }
        }
    )*};
}

unsigned! { GuildId UserId RoleId ChannelId MessageId PlexAccountId ShareId }

macro_rules! signed {
    ($($name:ident)*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }
    )*};
}

signed! { EventId AccountId TaskId PromptId }
