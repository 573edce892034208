//! What at Plex is not as it was made. Pure functions.

use crate::{
    domain::{
        AccountId, ShareId, Timestamp,
        contract::{Access, Grant, Restriction},
        reconcile::{fields::Edit, settled},
    },
    pipeline::{
        memory::snapshot::{Look, Standing, standing},
        reconcile::field_plan,
        settings::Settings,
    },
    plex::{Field, FieldValue, Friend, Sections},
    store::{Account, Aspect, DriftRow, LedgerRow, Stage},
};

/// How an account that is at rest compares with Plex.
#[derive(Debug, PartialEq)]
pub(in crate::pipeline) enum Comparison {
    /// It was compared.
    Compared(Differences),
    /// The share does not show as accepted, or there is work of our own: reconciliation finds out what that means.
    Unclear,
}

/// What differs, or nothing.
#[derive(Debug, Default, PartialEq)]
pub(in crate::pipeline) struct Differences {
    /// What differs.
    pub(in crate::pipeline) found: Vec<Difference>,
    /// What could not be compared now, because Plex did not show it: nothing new is known of that.
    pub(in crate::pipeline) unjudged: Vec<Aspect>,
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
    rows: &[LedgerRow],
) -> Comparison {
    let (grant, restriction) = match access {
        Access::Absent => return Comparison::Compared(Differences::default()),
        Access::Granted(grant) => (grant, None),
        Access::Restricted(restricted) => (&restricted.before, Some(&restricted.restriction)),
    };
    let Ok(stands) = standing(look, account, &settings.server) else { return Comparison::Unclear };
    match (account.stage, stands) {
        // It was made anew: that is noted first.
        (Stage::Joined, Standing::Joined { friend, share })
            if account.share != Some(share.id) || account.plex_account != Some(friend.id) =>
        {
            Comparison::Unclear
        }
        (Stage::Joined, Standing::Joined { friend, share }) => {
            let fields = of_fields(settings, account, grant, restriction, rows, (look, friend));
            if fields.found.is_empty() && fields.work {
                return Comparison::Unclear;
            }
            let mut differences = Differences { found: fields.found, unjudged: fields.unjudged };
            match of_libraries(settings, look, grant, share.id) {
                Ok(difference) => differences.found.extend(difference),
                Err(Unjudged) => differences.unjudged.push(Aspect::Libraries),
            }
            Comparison::Compared(differences)
        }
        (Stage::Joined, Standing::Pending { .. } | Standing::Absent | Standing::Unclear(_)) => {
            Comparison::Unclear
        }
        (Stage::Lost | Stage::Declined, Standing::Joined { friend, share }) if !friend.home => {
            let fields = of_fields(settings, account, grant, restriction, rows, (look, friend));
            let libraries = of_libraries(settings, look, grant, share.id).ok().flatten();
            let mut would_change = fields.found.into_iter().chain(libraries);
            let difference = Difference {
                what: Aspect::Share,
                wanted: "none, because it was ended or declined".to_owned(),
                seen: "one that Rolarr did not make".to_owned(),
                value: None,
                takes: restriction.is_some() || would_change.any(|difference| difference.takes),
            };
            Comparison::Compared(Differences { found: vec![difference], unjudged: Vec::new() })
        }
        _ => Comparison::Compared(Differences::default()),
    }
}

/// Whether what is held for an account is there still: that alone is looked at, because what was decided for it
/// is not carried out.
pub(in crate::pipeline) fn compare_held(settings: &Settings, look: &Look, account: &Account) -> Comparison {
    match (account.stage, standing(look, account, &settings.server)) {
        (Stage::Joined | Stage::Invited, Ok(Standing::Absent)) => Comparison::Unclear,
        _ => Comparison::Compared(Differences::default()),
    }
}

fn of_fields(
    settings: &Settings,
    account: &Account,
    grant: &Grant,
    restriction: Option<&Restriction>,
    rows: &[LedgerRow],
    (look, friend): (&Look, &Friend),
) -> Fields {
    let (targets, ledgers) =
        (field_plan::targets(settings, grant, restriction), field_plan::ledgers_of(rows, friend.id));
    let settled = settled(account.written_until, look.began);
    // What can't be written at all was reported when it was to be.
    let Ok(plan) = field_plan::plan(settings, &targets, &ledgers, friend, settled, false) else {
        return Fields { unjudged: Field::ALL.map(Aspect::Field).to_vec(), ..Fields::default() };
    };
    // What the list of friends leaves out says nothing.
    let is_known = |field: &Field| friend.settings.0.contains_key(field);
    let mut found = Vec::new();
    for (field, edit) in plan.edited.iter().filter(|(field, _)| is_known(field)) {
        found.push(difference(*field, &edit.wanted, &edit.seen));
    }
    let mut work = false;
    for (field, value) in plan.writes.iter().filter(|(field, _)| is_known(field)) {
        let seen = friend.settings.value(*field);
        // What Rolarr never wrote, or what somebody added to it, is somebody else's doing.
        if ledgers.contains_key(field) {
            work = true;
        } else if seen != *value {
            found.push(difference(*field, value, &seen));
        }
    }
    let over = plan.before.iter().any(|(field, ledger)| ledger.is_none() && is_known(field));
    let unjudged = Field::ALL.into_iter().filter(|field| !is_known(field)).map(Aspect::Field).collect();
    Fields { found, unjudged, work: work || over }
}

/// How the fields compare.
#[derive(Default)]
struct Fields {
    found: Vec<Difference>,
    unjudged: Vec<Aspect>,
    /// There is something of our own to be done: a late request took effect, or a ledger is over.
    work: bool,
}

fn difference(field: Field, wanted: &FieldValue, seen: &FieldValue) -> Difference {
    Difference {
        what: Aspect::Field(field),
        wanted: words(field, wanted),
        seen: words(field, seen),
        // Whether a filter shows less than another can't be told: it is taken for it.
        takes: if field.is_filter() { !wanted.0.is_empty() } else { wanted.0 == "0" },
        value: Some(seen.clone()),
    }
}

/// The list of shares is missing, or a library that a rule names: nothing can be said of the libraries.
pub(super) struct Unjudged;

/// How the libraries of a share differ from those that a grant names.
pub(super) fn of_libraries(
    settings: &Settings,
    look: &Look,
    grant: &Grant,
    share: ShareId,
) -> Result<Option<Difference>, Unjudged> {
    let Some(names) = grant.libraries.as_ref() else { return Ok(None) };
    let wanted = settings.sections(names).filter(|_| look.has_shares()).ok_or(Unjudged)?;
    let seen = shared(look, share);
    if seen.as_ref() == Some(&wanted) {
        return Ok(None);
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
    Ok(Some(Difference {
        what: Aspect::Libraries,
        wanted: shown(&wanted),
        seen: seen.as_ref().map_or_else(|| "all of them".to_owned(), shown),
        value: None,
        takes,
    }))
}

/// The libraries of a share; none if it holds all of them. The list of shares must be there.
pub(super) fn shared(look: &Look, share: ShareId) -> Option<Sections> {
    let row = look.shares.iter().find(|row| row.id == share)?;
    (!row.all_libraries).then(|| Sections::new(row.libraries.clone()))?
}

/// A field's edit that was reported already.
pub(super) fn known(account: AccountId, field: Field, edit: &Edit, now: Timestamp) -> DriftRow {
    DriftRow {
        account,
        what: Aspect::Field(field),
        wanted: words(field, &edit.wanted),
        seen: words(field, &edit.seen),
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
