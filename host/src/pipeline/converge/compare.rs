//! What at Plex is not as it was made. Pure functions.

use std::collections::BTreeMap;

use super::{
    fields, keep,
    look::{Look, Standing, standing},
};
use crate::{
    domain::{
        AccountId, ShareId, Timestamp,
        contract::{Access, Grant, Restriction},
    },
    pipeline::settings::Settings,
    plex::{Field, FieldValue, Friend, Sections},
    store::{Account, Aspect, DriftRow, FieldRow, Stage},
};

/// How an account that is at rest compares with Plex.
#[derive(Debug, PartialEq)]
pub(in crate::pipeline) enum Comparison {
    /// It differs in these, or in nothing.
    Differs(Vec<Difference>),
    /// The share does not show as accepted: the converger finds out what that means.
    Unclear,
}

/// One thing that is not as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct Difference {
    /// What.
    pub(in crate::pipeline) what: Aspect,
    /// What it should be, in words.
    pub(in crate::pipeline) wanted: String,
    /// What it is, in words.
    pub(in crate::pipeline) seen: String,
    /// A field's value, to know it again.
    pub(in crate::pipeline) value: Option<FieldValue>,
    /// Whether the person has less once it is set again.
    pub(in crate::pipeline) takes: bool,
}

/// Compares an account at rest with a look. `rows` are its fields as they are stored.
pub(in crate::pipeline) fn compare(
    settings: &Settings,
    look: &Look,
    account: &Account,
    access: &Access,
    rows: &BTreeMap<Field, FieldRow>,
) -> Comparison {
    let (grant, restriction) = match access {
        Access::Absent => return Comparison::Differs(Vec::new()),
        Access::Granted(grant) => (grant, None),
        Access::Restricted(restricted) => (&restricted.before, Some(&restricted.restriction)),
    };
    match (account.stage, standing(look, account, &settings.server)) {
        (Stage::Joined, Standing::Joined { friend, share }) => Comparison::Differs(
            of_fields(settings, grant, restriction, rows, friend)
                .into_iter()
                .chain(of_libraries(settings, look, grant, share.id))
                .collect(),
        ),
        (Stage::Joined, Standing::Pending { .. } | Standing::Absent) => Comparison::Unclear,
        (Stage::Lost | Stage::Declined, Standing::Joined { friend, share }) if !friend.home => {
            let would_change = of_fields(settings, grant, restriction, rows, friend)
                .into_iter()
                .chain(of_libraries(settings, look, grant, share.id));
            Comparison::Differs(vec![Difference {
                what: Aspect::Share,
                wanted: "none, because it was ended or declined".to_owned(),
                seen: "one that Rolarr did not make".to_owned(),
                value: None,
                takes: restriction.is_some() || would_change.into_iter().any(|difference| difference.takes),
            }])
        }
        _ => Comparison::Differs(Vec::new()),
    }
}

/// Whether what is held for an account is there still: that alone is looked at, because what was decided for it
/// is not carried out.
pub(in crate::pipeline) fn compare_held(settings: &Settings, look: &Look, account: &Account) -> Comparison {
    match (account.stage, standing(look, account, &settings.server)) {
        (Stage::Joined | Stage::Invited, Standing::Absent) => Comparison::Unclear,
        _ => Comparison::Differs(Vec::new()),
    }
}

fn of_fields(
    settings: &Settings,
    grant: &Grant,
    restriction: Option<&Restriction>,
    rows: &BTreeMap<Field, FieldRow>,
    friend: &Friend,
) -> Vec<Difference> {
    // What can't be written at all was reported when it was to be.
    let Ok(targets) = keep::wanted(settings, grant, restriction, rows, &friend.settings) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (field, target) in targets {
        let seen = friend.settings.value(field);
        if seen != target {
            found.push(Difference {
                what: Aspect::Field(field),
                wanted: words(field, &target),
                seen: words(field, &seen),
                // Whether a filter shows less than another can't be told: it is taken for it.
                takes: if field.is_filter() { !target.0.is_empty() } else { target.0 == "0" },
                value: Some(seen),
            });
        }
    }
    found
}

pub(super) fn of_libraries(
    settings: &Settings,
    look: &Look,
    grant: &Grant,
    share: ShareId,
) -> Option<Difference> {
    let names = grant.libraries.as_ref()?;
    let wanted = settings.sections(names)?;
    let seen = shared(look, share);
    if seen.as_ref() == Some(&wanted) {
        return None;
    }
    let title = |id| settings.libraries.iter().find(|library| library.id == id).map(|library| &library.title);
    let shown = |sections: &Sections| -> String {
        let titles: Vec<String> = sections
            .as_slice()
            .iter()
            .map(|id| title(*id).map_or_else(|| "an unknown one".to_owned(), |title| format!("`{title}`")))
            .collect();
        titles.join(", ")
    };
    let takes = match &seen {
        None => true,
        Some(seen) => seen.as_slice().iter().any(|id| !wanted.as_slice().contains(id)),
    };
    Some(Difference {
        what: Aspect::Libraries,
        wanted: shown(&wanted),
        seen: seen.as_ref().map_or_else(|| "all of them".to_owned(), shown),
        value: None,
        takes,
    })
}

/// The libraries of a share; none if it holds all of them.
pub(super) fn shared(look: &Look, share: ShareId) -> Option<Sections> {
    let row = look.shares.iter().find(|row| row.id == share)?;
    (!row.all_libraries).then(|| Sections::new(row.libraries.clone()))?
}

/// A field's edit that was reported already.
pub(super) fn known(account: AccountId, field: Field, row: &FieldRow, now: Timestamp) -> DriftRow {
    let word = |value: &Option<FieldValue>| words(field, &value.clone().unwrap_or_default());
    DriftRow {
        account,
        what: Aspect::Field(field),
        wanted: word(&row.written),
        seen: word(&row.observed),
        since: now,
        accepted: false,
    }
}

/// A field's value for people.
fn words(field: Field, value: &FieldValue) -> String {
    match (field.is_filter(), value.0.as_str()) {
        (true, "") => "no filter".to_owned(),
        (true, filter) => format!("`{}`", filter.replace('`', "'")),
        (false, "" | "0") => "not allowed".to_owned(),
        (false, _) => "allowed".to_owned(),
    }
}

/// What it is that differs, for people.
pub(in crate::pipeline) fn name(what: Aspect) -> String {
    match what {
        Aspect::Share => "the share".to_owned(),
        Aspect::Libraries => "the libraries".to_owned(),
        Aspect::Field(field) => fields::name(field),
    }
}
