//! What the fields of a share should be.

use std::collections::BTreeMap;

use crate::{
    domain::{
        PlexAccountId,
        contract::{Grant, Restriction},
        reconcile::fields::{self, Basis, CannotRestrict, FieldLedger, Plan, Targets},
    },
    pipeline::settings::Settings,
    plex::{Field, Friend},
    store::LedgerRow,
};

/// What the fields should be, with what the operator gives everybody unless the policy says otherwise.
pub(in crate::pipeline) fn targets(
    settings: &Settings,
    grant: &Grant,
    restriction: Option<&Restriction>,
) -> Targets {
    let live_tv = grant.live_tv.or((settings.live_tv > 0).then_some(true));
    fields::targets(&Grant { live_tv, ..grant.clone() }, restriction)
}

/// The plan for the fields of a friend.
pub(in crate::pipeline) fn plan(
    settings: &Settings,
    targets: &Targets,
    ledgers: &BTreeMap<Field, FieldLedger>,
    friend: &Friend,
    settled: bool,
    overwrite: bool,
) -> Result<Plan, CannotRestrict> {
    let basis = Basis {
        ledgers,
        seen: &friend.settings,
        settled,
        overwrite,
        reserved: &settings.reserved_labels,
        tuners: settings.live_tv,
    };
    fields::plan(targets, &basis)
}

/// The fields that were written for a Plex account, or for one that was not known then.
pub(in crate::pipeline) fn ledgers_of(rows: &[LedgerRow], of: PlexAccountId) -> BTreeMap<Field, FieldLedger> {
    let mine = rows.iter().filter(|row| row.of.is_none_or(|other| other == of));
    mine.map(|row| (row.field, row.ledger.clone())).collect()
}
