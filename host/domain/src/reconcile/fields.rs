//! The filters and permissions of a Plex account: the owner's conditions, ours, and those of others.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Changes, Field, FieldValue, Settings,
    contract::{Combine, Filter, Grant, Restriction, Rule},
    filter::{self, Conditions},
};

/// What is known of a field that Rolarr wrote, or is about to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLedger {
    /// What the field is when Rolarr does not restrict it: the owner's own value.
    pub base: FieldValue,
    /// Every value that was sent and is not proven superseded, oldest first, without the conditions of others that
    /// were kept beside it. What was there before the first of them is among them. The last one is what should be
    /// there. The others go once a read that began when nothing earlier could take effect any more shows the last.
    pub sent: Vec<FieldValue>,
    /// A read that began after the last value was sent showed it.
    pub confirmed: bool,
    /// The edit of somebody else that was reported last.
    pub reported: Option<FieldValue>,
}

/// What a field should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The filter of a rule, in place of the owner's conditions or beside them.
    Rule(Rule, Combine),
    /// No filter, not even the owner's.
    Clear,
    /// The permission is given.
    On,
    /// The permission is not given.
    Off,
}

/// What the fields should be. A field that is not in it is the owner's.
pub type Targets = BTreeMap<Field, Target>;

/// Why a restriction can't be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRestrict {
    /// A rule that no filter of Plex can express.
    #[error("a Plex filter can't carry the policy's rule for {}: {why}. Nothing was changed.", name(*.field))]
    Rule {
        /// The field.
        field: Field,
        /// Why.
        why: String,
    },
    /// The owner's filter can't be joined with the rule without showing more.
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
#[must_use]
pub const fn name(field: Field) -> &'static str {
    match field {
        Field::Movies => "the filter for movies",
        Field::Television => "the filter for television",
        Field::Music => "the filter for music",
        Field::Photos => "the filter for photos",
        Field::Downloads => "the permission to download",
        Field::LiveTv => "the permission for live television",
    }
}

/// What the fields should be while a grant and, if there is one, a restriction hold.
#[must_use]
pub fn targets(grant: &Grant, restriction: Option<&Restriction>) -> Targets {
    let mut targets = Targets::new();
    let switch = |on: bool| if on { Target::On } else { Target::Off };
    let switches = [
        (Field::Downloads, restriction.and_then(|rule| rule.downloads).or(grant.downloads)),
        (Field::LiveTv, restriction.and_then(|rule| rule.live_tv).or(grant.live_tv)),
    ];
    for (field, on) in switches {
        if let Some(on) = on {
            targets.insert(field, switch(on));
        }
    }
    let Some(restriction) = restriction else { return targets };
    let filters = [
        (Field::Movies, &restriction.movies),
        (Field::Television, &restriction.television),
        (Field::Music, &restriction.music),
        (Field::Photos, &restriction.photos),
    ];
    for (field, wanted) in filters {
        let target = match wanted {
            Filter::Keep => continue,
            Filter::Clear => Target::Clear,
            Filter::Only(rule) => Target::Rule(rule.clone(), restriction.combine),
        };
        targets.insert(field, target);
    }
    targets
}

/// What the fields are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The fields that Rolarr wrote.
    pub ledgers: &'a BTreeMap<Field, FieldLedger>,
    /// What the read showed.
    pub seen: &'a Settings,
    /// The read began when no earlier write could take effect and no old value could show any more.
    pub settled: bool,
    /// Edits of others are written over.
    pub overwrite: bool,
    /// Labels that no item carries, in lower case: a condition on one of them is ours, regardless of who
    /// wrote it.
    pub reserved: &'a BTreeSet<String>,
    /// What plex.tv is told where live television is allowed: 1, or 2 for recording as well.
    pub tuners: u8,
}

/// What to do with the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ledgers to store before anything is written; none for a field that is the owner's again.
    pub before: BTreeMap<Field, Option<FieldLedger>>,
    /// What to write.
    pub writes: Changes,
    /// Fields that somebody else changed. They are left as they are.
    pub edited: BTreeMap<Field, Edit>,
    /// Fields that show nothing although nothing restricts them: somebody else's edit, left as it is.
    pub hidden: BTreeSet<Field>,
}

/// A field that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What Rolarr last made of it.
    pub wanted: FieldValue,
    /// What it is.
    pub seen: FieldValue,
    /// It was not reported yet.
    pub is_new: bool,
}

impl Plan {
    /// The ledgers once what the plan writes was read back.
    #[must_use]
    pub fn after(&self) -> BTreeMap<Field, FieldLedger> {
        let written = self.before.iter().filter(|(field, _)| self.writes.contains_key(field));
        written
            .filter_map(|(field, ledger)| {
                let ledger = ledger.clone()?;
                Some((*field, FieldLedger { confirmed: true, ..ledger }))
            })
            .collect()
    }
}

/// Compares what should be with what was read.
///
/// # Errors
/// [`CannotRestrict`] if a rule can't be written without showing more than the owner allows.
pub fn plan(targets: &Targets, basis: &Basis<'_>) -> Result<Plan, CannotRestrict> {
    let mut plan = Plan::default();
    for field in Field::ALL {
        let now = basis.seen.value(field);
        let ledger = basis.ledgers.get(&field);
        let target = targets.get(&field);
        if field.is_filter() {
            plan_filter(&mut plan, field, target, ledger, &now, basis)?;
        } else {
            plan_switch(&mut plan, field, target, ledger, &now, basis);
        }
    }
    Ok(plan)
}

impl Plan {
    /// The field should be `value`, and the read shows it or something of which Rolarr knows where it comes from.
    fn bring(&mut self, field: Field, ledger: Option<&FieldLedger>, next: Next, basis: &Basis<'_>) {
        let Next { base, value, beside, replaced, satisfied, released } = next;
        let last = ledger.and_then(|ledger| ledger.sent.last());
        // A read that agrees proves nothing while something else was sent after that value, or while it can be old and
        // the value itself was not seen to take effect.
        let proven = basis.settled || ledger.is_none_or(|ledger| ledger.confirmed);
        if satisfied && proven && last.is_none_or(|last| *last == value) {
            if released && basis.settled {
                if ledger.is_some() {
                    self.before.insert(field, None);
                }
                return;
            }
            let mut sent = ledger.map(|ledger| ledger.sent.clone()).unwrap_or_default();
            if basis.settled || sent.is_empty() {
                sent = vec![value];
            }
            let known = FieldLedger { base, sent, confirmed: true, reported: None };
            if ledger != Some(&known) {
                self.before.insert(field, Some(known));
            }
            return;
        }
        let mut sent = ledger.map_or_else(|| vec![base.clone()], |ledger| ledger.sent.clone());
        sent.extend(replaced);
        sent.retain(|earlier| *earlier != value);
        sent.push(value.clone());
        self.before.insert(field, Some(FieldLedger { base, sent, confirmed: false, reported: None }));
        self.writes.insert(field, joined(&value, &beside).unwrap_or(value));
    }

    /// Somebody else changed the field: it is left, and reported once.
    fn leave(&mut self, field: Field, ledger: &FieldLedger, now: FieldValue, released: bool) {
        let known = ledger.reported.as_ref() == Some(&now);
        let wanted = if released { Some(&ledger.base) } else { ledger.sent.last() };
        let edit = Edit { wanted: wanted.cloned().unwrap_or_default(), seen: now.clone(), is_new: !known };
        self.edited.insert(field, edit);
        if released {
            self.before.insert(field, None);
        } else if !known {
            self.before.insert(field, Some(FieldLedger { reported: Some(now), ..ledger.clone() }));
        }
    }
}

/// What a field should become.
struct Next {
    base: FieldValue,
    value: FieldValue,
    /// Conditions of others that stay beside it.
    beside: Conditions,
    /// Somebody else's value that it is written over.
    replaced: Option<FieldValue>,
    satisfied: bool,
    released: bool,
}

fn plan_filter(
    plan: &mut Plan,
    field: Field,
    target: Option<&Target>,
    ledger: Option<&FieldLedger>,
    now: &FieldValue,
    basis: &Basis<'_>,
) -> Result<(), CannotRestrict> {
    let found = Conditions::of(now);
    let Some(ledger) = ledger else {
        let reserved = found.as_ref().map(|found| found.reserved(basis.reserved)).unwrap_or_default();
        if target.is_none() && reserved.is_empty() {
            if filter::hides_everything(now, basis.reserved) {
                plan.hidden.insert(field);
            }
            return Ok(());
        }
        let base = found.as_ref().map_or_else(|| now.clone(), |found| found.without(&reserved).value());
        let value = compose(field, target, &base)?;
        // A reserved condition that somebody else wrote is ours: it counts as sent.
        let known = (!reserved.is_empty() && *now != value).then(|| FieldLedger {
            base: base.clone(),
            sent: vec![now.clone()],
            confirmed: true,
            reported: None,
        });
        let (satisfied, released) = (*now == value, target.is_none());
        let next = Next { base, value, beside: Conditions::default(), replaced: None, satisfied, released };
        plan.bring(field, known.as_ref(), next, basis);
        return Ok(());
    };
    let reading = Reading::of(ledger, now, found.as_ref(), basis);
    let (extras, replaced) = match reading {
        Reading::Ours { extras } => (extras, None),
        Reading::Foreign if basis.overwrite => (Conditions::default(), Some(now.clone())),
        Reading::Foreign => {
            plan.leave(field, ledger, now.clone(), target.is_none());
            if target.is_none() && filter::hides_everything(now, basis.reserved) {
                plan.hidden.insert(field);
            }
            return Ok(());
        }
    };
    let value = compose(field, target, &ledger.base)?;
    if joined(&value, &extras).is_none() {
        // The owner's filter has alternatives, and somebody added to ours: the two can't be joined safely.
        plan.leave(field, ledger, now.clone(), target.is_none());
        return Ok(());
    }
    let satisfied = match (&found, Conditions::of(&value)) {
        (Some(found), Some(value)) => {
            let mut allowed = value.clone();
            allowed.add(&extras);
            // The owner's own conditions beside a rule restrict further. Without a filter they are not to be there.
            if target != Some(&Target::Clear) {
                allowed.add(&Conditions::of(&ledger.base).unwrap_or_default());
            }
            found.contain(&value) && allowed.contain(found)
        }
        _ => *now == value,
    };
    let (base, released) = (ledger.base.clone(), target.is_none());
    let next = Next { base, value, beside: extras, replaced, satisfied, released };
    plan.bring(field, Some(ledger), next, basis);
    Ok(())
}

/// What a read of a field shows.
enum Reading {
    /// Something that Rolarr sent, or the owner's value from before, with what others added beside it.
    Ours {
        /// Conditions that others added.
        extras: Conditions,
    },
    /// Something else: somebody's edit.
    Foreign,
}

impl Reading {
    fn of(ledger: &FieldLedger, now: &FieldValue, found: Option<&Conditions>, basis: &Basis<'_>) -> Self {
        if ledger.sent.contains(now) {
            return Self::Ours { extras: Conditions::default() };
        }
        let Some(found) = found else { return Self::Foreign };
        let base = Conditions::of(&ledger.base).unwrap_or_default();
        let mut ours = found.reserved(basis.reserved);
        for value in ledger.sent.iter().filter_map(Conditions::of) {
            ours.add(&value.without(&base));
        }
        let extras = found.without(&ours).without(&base);
        let shows = |value: &FieldValue| {
            Conditions::of(value).is_some_and(|value| {
                let mut explained = extras.clone();
                explained.add(&value);
                if !value.is_empty() {
                    explained.add(&base);
                }
                found.contain(&value) && explained.contain(found)
            })
        };
        // What Rolarr last made true hides everything, and so does this, regardless of who wrote it.
        let hides = !found.reserved(basis.reserved).is_empty();
        let hid = ledger.sent.iter().any(|value| filter::hides_everything(value, basis.reserved));
        if ledger.sent.iter().any(shows) || (hides && hid) { Self::Ours { extras } } else { Self::Foreign }
    }
}

fn plan_switch(
    plan: &mut Plan,
    field: Field,
    target: Option<&Target>,
    ledger: Option<&FieldLedger>,
    now: &FieldValue,
    basis: &Basis<'_>,
) {
    let is_on = |value: &FieldValue| !matches!(value.0.trim(), "" | "0");
    let base = ledger.map_or_else(|| now.clone(), |ledger| ledger.base.clone());
    let value = match target {
        None if ledger.is_none() => return,
        None => base.clone(),
        Some(Target::Off) => FieldValue("0".to_owned()),
        // Live television has two values for yes: the owner's own stays.
        Some(_) if is_on(&base) => base.clone(),
        Some(_) if is_on(now) && ledger.is_none_or(|ledger| ledger.sent.last() == Some(now)) => now.clone(),
        Some(_) if field == Field::LiveTv => FieldValue(basis.tuners.max(1).to_string()),
        Some(_) => FieldValue("1".to_owned()),
    };
    let mut replaced = None;
    if let Some(ledger) = ledger
        && *now != value
        && !ledger.sent.contains(now)
    {
        if !basis.overwrite {
            plan.leave(field, ledger, now.clone(), target.is_none());
            return;
        }
        replaced = Some(now.clone());
    }
    let (satisfied, released) = (*now == value, target.is_none());
    let next = Next { base, value, beside: Conditions::default(), replaced, satisfied, released };
    plan.bring(field, ledger, next, basis);
}

/// The value of a filter that has a target, where the owner's is `base`.
fn compose(field: Field, target: Option<&Target>, base: &FieldValue) -> Result<FieldValue, CannotRestrict> {
    match target {
        Some(Target::Rule(rule, Combine::Replace)) => only(field, rule),
        Some(Target::Rule(rule, Combine::Narrow)) => {
            filter::narrow(base, rule).map_err(|why| CannotRestrict::Narrow { field, why: why.to_string() })
        }
        Some(Target::Clear) => Ok(FieldValue::default()),
        Some(Target::On | Target::Off) | None => Ok(base.clone()),
    }
}

fn only(field: Field, rule: &Rule) -> Result<FieldValue, CannotRestrict> {
    filter::only(rule).map_err(|why| CannotRestrict::Rule { field, why: why.to_string() })
}

/// A value with conditions added to it. None if it has alternatives: what is added could show more.
fn joined(value: &FieldValue, extras: &Conditions) -> Option<FieldValue> {
    if extras.is_empty() {
        return Some(value.clone());
    }
    let mut all = Conditions::of(value)?;
    all.add(extras);
    Some(all.value())
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
