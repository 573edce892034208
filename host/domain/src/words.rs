//! Enums whose cases have one word each: in columns of the database, in logs, and in reports.

/// Defines an enum with a word for each case.
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

        #[cfg(feature = "sql")]
        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok(Self::$case),)*
                    _ => Err(rusqlite::types::FromSqlError::InvalidType),
                }
            }
        }

        #[cfg(feature = "sql")]
        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.word().into())
            }
        }
    };
}

pub(crate) use words;
