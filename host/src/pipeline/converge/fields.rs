//! Three values for each field: the owner's, what Rolarr wrote, and what is seen. Pure functions.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::contract::{Combine, Filter, Grant, Restriction},
    plex::{Changes, Field, FieldValue, Settings, filter},
    store::FieldRow,
};

/// What the fields should be while something holds.
pub(super) type Targets = BTreeMap<Field, FieldValue>;

/// Why a restriction can't be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CannotRestrict {
    /// A rule that no filter of Plex can say.
    #[error("a Plex filter can't carry the policy's rule for {}: {why}. Nothing was changed.", name(*.field))]
    Rule {
        /// The field.
        field: Field,
        /// Why.
        why: String,
    },
    /// The owner's filter can't be joined with ours without showing more.
    #[error(
        "the owner's own filter for {} can't be joined with the policy's without showing more: {why}. Nothing \
         was changed.",
        name(*.field)
    )]
    Narrow {
        /// The field.
        field: Field,
        /// Why.
        why: String,
    },
}

/// The field's name for people.
pub(super) fn name(field: Field) -> String {
    match field {
        Field::Movies => "the filter for movies",
        Field::Television => "the filter for television",
        Field::Music => "the filter for music",
        Field::Photos => "the filter for photos",
        Field::Downloads => "the permission to download",
        Field::LiveTv => "the permission for live television",
    }
    .to_owned()
}

/// What the fields should be. A field that is not in it is the owner's. `tuners` is what plex.tv is told
/// where live television is allowed: 1, or 2 for recording as well.
pub(super) fn targets(
    grant: &Grant,
    restriction: Option<&Restriction>,
    rows: &BTreeMap<Field, FieldRow>,
    seen: &Settings,
    tuners: u8,
) -> Result<Targets, CannotRestrict> {
    let mut targets = Targets::new();
    let mut switch = |field: Field, on: Option<bool>| {
        if let Some(on) = on {
            targets.insert(field, switched(field, on, seen, tuners));
        }
    };
    switch(Field::Downloads, grant.downloads);
    switch(Field::LiveTv, grant.live_tv);
    let Some(restriction) = restriction else { return Ok(targets) };
    switch(Field::Downloads, restriction.downloads);
    switch(Field::LiveTv, restriction.live_tv);
    let filters = [
        (Field::Movies, &restriction.movies),
        (Field::Television, &restriction.television),
        (Field::Music, &restriction.music),
        (Field::Photos, &restriction.photos),
    ];
    for (field, wanted) in filters {
        let value = match wanted {
            Filter::Keep => continue,
            Filter::Clear => FieldValue::default(),
            Filter::Only(rule) => match restriction.combine {
                Combine::Replace => {
                    filter::only(rule).map_err(|why| CannotRestrict::Rule { field, why: why.to_string() })?
                }
                Combine::Narrow => {
                    let owners = match rows.get(&field) {
                        Some(row) => row.owner.clone().unwrap_or_default(),
                        None => seen.value(field),
                    };
                    filter::narrow(&owners, rule)
                        .map_err(|why| CannotRestrict::Narrow { field, why: why.to_string() })?
                }
            },
        };
        targets.insert(field, value);
    }
    Ok(targets)
}

/// A switch as plex.tv writes it. Live television has two values for yes: the one that is there stays.
fn switched(field: Field, on: bool, seen: &Settings, tuners: u8) -> FieldValue {
    let now = seen.value(field);
    let is_on = !matches!(now.0.as_str(), "" | "0");
    match (on, is_on) {
        (true, true) => now,
        (true, false) if field == Field::LiveTv => FieldValue(tuners.max(1).to_string()),
        (true, false) => FieldValue("1".to_owned()),
        (false, _) => FieldValue("0".to_owned()),
    }
}

/// What to do with the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Rows to store before anything is written.
    pub(super) before: BTreeMap<Field, FieldRow>,
    /// Fields to forget at once: they are the owner's and nothing is to be written.
    pub(super) released: BTreeSet<Field>,
    /// What to write.
    pub(super) writes: Changes,
    /// What is true once that was written and read back: a row, or none for a field that is the owner's
    /// again.
    pub(super) after: BTreeMap<Field, Option<FieldRow>>,
    /// Fields that somebody else changed, and of which that is news.
    pub(super) news: BTreeSet<Field>,
}

/// Compares what should be with what is seen.
///
/// The owner's value is kept before the first write, and never if it equals what Rolarr would write: who
/// moves in from a bot that wrote the same filter would otherwise be locked out for good. A value that
/// neither the owner had then nor Rolarr wrote is somebody else's edit: it is left and reported, unless it is
/// to be mended.
pub(super) fn plan(targets: &Targets, rows: &BTreeMap<Field, FieldRow>, seen: &Settings, mend: bool) -> Plan {
    let mut plan = Plan::default();
    for field in Field::ALL {
        let now = seen.value(field);
        match (targets.get(&field), rows.get(&field)) {
            (None, None) => {}
            (Some(target), None) => plan.take(field, target, now),
            (Some(target), Some(row)) => plan.hold(field, target, row, now, mend),
            (None, Some(row)) => plan.release(field, row, now),
        }
    }
    plan
}

impl Plan {
    fn take(&mut self, field: Field, target: &FieldValue, now: FieldValue) {
        if now == *target {
            let row =
                FieldRow { owner: None, intended: None, written: Some(target.clone()), observed: Some(now) };
            self.before.insert(field, row);
        } else {
            let row = FieldRow { owner: Some(now.clone()), observed: Some(now), ..FieldRow::default() };
            self.write(field, target, row, true);
        }
    }

    fn hold(&mut self, field: Field, target: &FieldValue, row: &FieldRow, now: FieldValue, mend: bool) {
        if now == *target {
            let settled = FieldRow {
                intended: None,
                written: Some(target.clone()),
                observed: Some(now),
                owner: row.owner.clone(),
            };
            if settled != *row {
                self.before.insert(field, settled);
            }
        } else if mend || expected(row, &now) {
            self.write(field, target, FieldRow { observed: Some(now), ..row.clone() }, true);
        } else {
            self.report(field, row, now);
        }
    }

    fn release(&mut self, field: Field, row: &FieldRow, now: FieldValue) {
        // A switch that was off before Rolarr came stays off; a filter is cleared.
        let owners = match &row.owner {
            Some(owner) => Some(owner.clone()),
            None if field.is_filter() => Some(FieldValue::default()),
            None => None,
        };
        match owners {
            Some(owners) if now != owners && expected(row, &now) => {
                self.write(field, &owners, FieldRow { observed: Some(now), ..row.clone() }, false);
            }
            Some(owners) if now != owners => {
                self.news.insert(field);
                self.released.insert(field);
            }
            _ => {
                self.released.insert(field);
            }
        }
    }

    fn write(&mut self, field: Field, value: &FieldValue, row: FieldRow, keep: bool) {
        let after = FieldRow {
            intended: None,
            written: Some(value.clone()),
            observed: Some(value.clone()),
            owner: row.owner.clone(),
        };
        self.before.insert(field, FieldRow { intended: Some(value.clone()), ..row });
        self.writes.insert(field, value.clone());
        self.after.insert(field, keep.then_some(after));
    }

    fn report(&mut self, field: Field, row: &FieldRow, now: FieldValue) {
        if row.observed.as_ref() != Some(&now) {
            self.news.insert(field);
            self.before.insert(field, FieldRow { observed: Some(now), ..row.clone() });
        }
    }
}

/// Whether a value can be there by what Rolarr did: it was written, or it was about to be and either took or
/// did not.
fn expected(row: &FieldRow, now: &FieldValue) -> bool {
    let is = |value: &Option<FieldValue>| value.as_ref() == Some(now);
    let before = if row.written.is_none() { is(&row.owner) } else { is(&row.written) };
    before || is(&row.intended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contract::Rule;

    fn value(text: &str) -> FieldValue {
        FieldValue(text.to_owned())
    }

    fn seen(movies: &str) -> Settings {
        Settings([(Field::Movies, value(movies))].into())
    }

    fn hidden() -> Targets {
        [(Field::Movies, value("label=noAccess"))].into()
    }

    fn one(row: FieldRow) -> BTreeMap<Field, FieldRow> {
        [(Field::Movies, row)].into()
    }

    fn row(owner: Option<&str>, intended: Option<&str>, written: Option<&str>) -> FieldRow {
        FieldRow {
            owner: owner.map(value),
            intended: intended.map(value),
            written: written.map(value),
            observed: None,
        }
    }

    #[test]
    fn the_owners_value_is_kept_before_the_first_write() {
        let plan = plan(&hidden(), &BTreeMap::new(), &seen("label=Kids"), false);
        assert_eq!(plan.before[&Field::Movies].owner, Some(value("label=Kids")));
        assert_eq!(plan.writes, hidden());
    }

    #[test]
    fn a_value_that_equals_ours_is_never_taken_for_the_owners() {
        let plan = plan(&hidden(), &BTreeMap::new(), &seen("label=NoAccess"), false);
        assert_eq!(plan.before[&Field::Movies].owner, None);
        assert!(plan.writes.is_empty());
    }

    #[test]
    fn a_write_that_a_crash_cut_off_is_finished_whether_it_took_or_not() {
        let begun = one(row(Some("label=Kids"), Some("label=noAccess"), None));
        let missed = plan(&hidden(), &begun, &seen("label=Kids"), false);
        assert_eq!(missed.writes, hidden());
        let took = plan(&hidden(), &begun, &seen("label=noAccess"), false);
        assert!(took.writes.is_empty());
        assert_eq!(took.before[&Field::Movies].written, Some(value("label=noAccess")));
        assert_eq!(took.before[&Field::Movies].owner, Some(value("label=Kids")));
    }

    #[test]
    fn a_restoration_that_a_crash_cut_off_is_finished_whether_it_took_or_not() {
        let begun = one(row(Some("label=Kids"), Some("label=Kids"), Some("label=noAccess")));
        let missed = plan(&Targets::new(), &begun, &seen("label=noAccess"), false);
        assert_eq!(missed.writes[&Field::Movies], value("label=Kids"));
        let took = plan(&Targets::new(), &begun, &seen("label=Kids"), false);
        assert!(took.writes.is_empty());
        assert!(took.released.contains(&Field::Movies));
        assert!(took.news.is_empty());
    }

    #[test]
    fn somebody_elses_edit_is_left_and_is_news_once() {
        let held = one(row(Some("label=Kids"), None, Some("label=noAccess")));
        let first = plan(&hidden(), &held, &seen("label=Party"), false);
        assert!(first.writes.is_empty());
        assert!(first.news.contains(&Field::Movies));
        let second = plan(&hidden(), &first.before, &seen("label=Party"), false);
        assert!(second.news.is_empty());
        assert!(second.writes.is_empty());
    }

    #[test]
    fn somebody_elses_edit_is_written_over_where_that_is_wanted() {
        let held = one(row(Some("label=Kids"), None, Some("label=noAccess")));
        let plan = plan(&hidden(), &held, &seen("label=Party"), true);
        assert_eq!(plan.writes, hidden());
        assert!(plan.news.is_empty());
        let after = plan.after[&Field::Movies].clone().unwrap();
        assert_eq!(after.owner, Some(value("label=Kids")), "the owner's own value is still known");
    }

    #[test]
    fn only_what_was_written_is_put_back() {
        let plan = plan(&Targets::new(), &BTreeMap::new(), &seen("label=Kids"), false);
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn a_switch_that_was_off_before_stays_off() {
        let off = [(Field::Downloads, value("0"))].into();
        let rows = plan(&off, &BTreeMap::new(), &Settings::default(), false).before;
        let released =
            plan(&Targets::new(), &rows, &Settings([(Field::Downloads, value("0"))].into()), false);
        assert!(released.writes.is_empty());
        assert!(released.released.contains(&Field::Downloads));
    }

    #[test]
    fn recording_stays_allowed_where_live_television_is() {
        let seen = Settings([(Field::LiveTv, value("2"))].into());
        let grant = Grant { live_tv: Some(true), ..Grant::default() };
        let targets = targets(&grant, None, &BTreeMap::new(), &seen, 1).unwrap();
        assert_eq!(targets[&Field::LiveTv], value("2"));
    }

    #[test]
    fn a_narrower_restriction_that_would_show_more_is_held() {
        let rule = Rule { labels: vec!["Kids".to_owned()], ..Rule::default() };
        let narrow =
            Restriction { movies: Filter::Only(rule), combine: Combine::Narrow, ..Restriction::default() };
        let ask =
            |owners: &str| targets(&Grant::default(), Some(&narrow), &BTreeMap::new(), &seen(owners), 0);
        assert!(matches!(ask("label=A|contentRating=G"), Err(CannotRestrict::Narrow { .. })));
        assert_eq!(ask("contentRating=G").unwrap()[&Field::Movies], value("contentRating=G&label=Kids"));
    }
}
