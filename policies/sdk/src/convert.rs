//! Between the words of [`contract`](crate::contract) and types generated from the WIT file.
//!
//! Guest and host each have generated types of the same shape. The conversions are written once, here, as
//! the macro [`conversions!`](crate::conversions).

use crate::contract::{Snowflake, Timestamp};

/// Turns one form of a value of the contract into another. It is not [`From`], because it must also reach
/// into lists and options of foreign types.
pub trait Convert<T> {
    /// The same value in the other form.
    fn convert(self) -> T;
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl Convert<$type> for $type {
            fn convert(self) -> $type {
                self
            }
        }
    )*};
}
same!(String, bool, u64);

macro_rules! through_from {
    ($($from:ty => $to:ty),*) => {$(
        impl Convert<$to> for $from {
            fn convert(self) -> $to {
                self.into()
            }
        }
    )*};
}
through_from!(String => Snowflake, Snowflake => String, u64 => Timestamp, Timestamp => u64);

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(Convert::convert).collect()
    }
}

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(Convert::convert)
    }
}

impl<A: Convert<B>, B, C: Convert<D>, D> Convert<(B, D)> for (A, C) {
    fn convert(self) -> (B, D) {
        (self.0.convert(), self.1.convert())
    }
}

/// Implements [`Convert`](crate::Convert) in both directions for all types of the contract.
///
/// `conversions!(path::to::types)`: the path is the module with the types that `wit-bindgen` or wasmtime's
/// `bindgen!` generated from the interface `rolarr:policy/types`.
#[macro_export]
macro_rules! conversions {
    (@record $($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::Convert<own::$name> for wit::$name {
            fn convert(self) -> own::$name {
                own::$name { $($field: $crate::Convert::convert(self.$field)),* }
            }
        }
        impl $crate::Convert<wit::$name> for own::$name {
            fn convert(self) -> wit::$name {
                wit::$name { $($field: $crate::Convert::convert(self.$field)),* }
            }
        }
    )*};
    (@variant $($name:ident { $($case:ident $(($content:ident))?),* $(,)? })*) => {$(
        impl $crate::Convert<own::$name> for wit::$name {
            fn convert(self) -> own::$name {
                match self {
                    $(wit::$name::$case $(($content))? =>
                        own::$name::$case $(($crate::Convert::convert($content)))?,)*
                }
            }
        }
        impl $crate::Convert<wit::$name> for own::$name {
            fn convert(self) -> wit::$name {
                match self {
                    $(own::$name::$case $(($content))? =>
                        wit::$name::$case $(($crate::Convert::convert($content)))?,)*
                }
            }
        }
    )*};
    ($($types:ident)::+) => {
        const _: () = {
            use $($types)::+ as wit;
            use $crate::contract as own;

            $crate::conversions! { @record
                Role { id, key, name }
                GuildRoles { guild, key, roles }
                Member { id, username, roles, elsewhere, joined_at, screening }
                Service { key, kind, libraries }
                Grant { libraries, downloads, live_tv }
                Rule { labels, not_labels, ratings, not_ratings }
                Restriction { movies, television, music, photos, combine, downloads, live_tv, end_streams }
                Restricted { before, restriction }
                Wake { tag, due }
                Account { access, progress, identified, since, wakes, memo }
                Extension { name, json }
                Event { id, at, origin, guild, member, service, account, cause, facts }
                Message { text, moment }
                Decision { actions, reason }
                Metadata { name, version, description, settings_schema, wants }
                Source { name, text }
            }

            $crate::conversions! { @variant
                Filter { Keep, Clear, Only(rule) }
                Combine { Replace, Narrow }
                Access { Absent, Granted(grant), Restricted(restricted) }
                Progress {
                    Settled, Working, Asking, AskExpired, Invited, Declined, Lost, Held, Parked,
                }
                AccountChange {
                    Identified, AskExpired, Accepted, Declined, LeftService, RemovedByAdmin,
                }
                Review { PolicyChanged, RolesChanged, Retry, Asked }
                Cause {
                    RoleAdded(role), RoleRemoved(role), MemberLeft, Wake(tag), Account(change),
                    Review(review), Other(extension),
                }
                Origin { Live, Sweep, Timer, Administrator }
                Moment { Now, OnceDone }
                Action {
                    Invite(grant), RestrictTo(restriction), Unrestrict, Remove, SetLibraries(libraries),
                    Tell(message), Quiet, WakeAt(wake), CancelWake(tag), SetMemo(memo), Other(extension),
                }
            }
        };
    };
}
