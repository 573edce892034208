use super::*;

/// What is known and read in a test.
struct Scene {
    ledgers: BTreeMap<Field, FieldLedger>,
    seen: Settings,
    settled: bool,
    overwrite: bool,
    reserved: BTreeSet<String>,
    tuners: u8,
}

impl Scene {
    /// A friend whose filter for movies is this.
    fn movies(filter: &str) -> Self {
        Self {
            ledgers: BTreeMap::new(),
            seen: Settings([(Field::Movies, value(filter))].into()),
            settled: true,
            overwrite: false,
            reserved: ["noaccess".to_owned()].into(),
            tuners: 0,
        }
    }

    /// What was sent for movies before: the owner's value, and then the others.
    fn sent(mut self, base: &str, sent: &[&str], confirmed: bool) -> Self {
        let sent = sent.iter().map(|text| value(text)).collect();
        let ledger = FieldLedger { base: value(base), sent, confirmed, reported: None };
        self.ledgers.insert(Field::Movies, ledger);
        self
    }

    /// The read began while earlier writes could still take effect.
    fn early(self) -> Self {
        Self { settled: false, ..self }
    }

    fn try_plan(&self, targets: &Targets) -> Result<Plan, CannotRestrict> {
        let Self { ledgers, seen, settled, overwrite, reserved, tuners } = self;
        let (settled, overwrite, tuners) = (*settled, *overwrite, *tuners);
        plan(targets, &Basis { ledgers, seen, settled, overwrite, reserved, tuners })
    }

    fn plan(&self, targets: &Targets) -> Plan {
        self.try_plan(targets).unwrap()
    }
}

fn value(text: &str) -> FieldValue {
    FieldValue(text.to_owned())
}

fn labels(label: &str) -> Rule {
    Rule { labels: vec![label.to_owned()], ..Rule::default() }
}

fn hide() -> Targets {
    [(Field::Movies, Target::Rule(labels("noAccess"), Combine::Replace))].into()
}

fn narrow(label: &str) -> Targets {
    [(Field::Movies, Target::Rule(labels(label), Combine::Narrow))].into()
}

fn nothing() -> Targets {
    Targets::new()
}

/// The filter for movies that a plan writes, as text.
fn written(plan: &Plan) -> Option<&str> {
    plan.writes.get(&Field::Movies).map(|value| value.0.as_str())
}

/// What is known of the filter for movies once a plan is stored.
#[track_caller]
fn kept(plan: &Plan) -> &FieldLedger {
    plan.before.get(&Field::Movies).and_then(Option::as_ref).unwrap()
}

#[test]
fn targets_of_a_restriction_go_before_those_of_the_grant() {
    let grant = Grant { downloads: Some(true), live_tv: Some(true), ..Grant::default() };
    let restriction = Restriction {
        movies: Filter::Only(labels("noAccess")),
        television: Filter::Clear,
        downloads: Some(false),
        ..Restriction::default()
    };
    let (on, off) = (Target::On, Target::Off);
    let granted = targets(&grant, None);
    assert_eq!(granted, [(Field::Downloads, on.clone()), (Field::LiveTv, on.clone())].into());
    let combine = restriction.combine;
    assert_eq!(
        targets(&grant, Some(&restriction)),
        [
            (Field::Movies, Target::Rule(labels("noAccess"), combine)),
            (Field::Television, Target::Clear),
            (Field::Downloads, off),
            (Field::LiveTv, on),
        ]
        .into()
    );
}

#[test]
fn plan_of_a_restriction_keeps_the_owners_value_and_what_is_sent() {
    let plan = Scene::movies("label!=Horror").plan(&hide());
    assert_eq!(written(&plan), Some("label=noAccess"));
    let known = kept(&plan);
    assert_eq!(known.base, value("label!=Horror"));
    assert_eq!(known.sent, [value("label!=Horror"), value("label=noAccess")]);
    assert!(!known.confirmed);
    assert!(plan.after()[&Field::Movies].confirmed);
}

#[test]
fn plan_without_a_target_and_a_ledger_leaves_the_owners_field_alone() {
    assert_eq!(Scene::movies("label!=Horror").plan(&nothing()), Plan::default());
}

#[test]
fn plan_of_a_lifted_restriction_puts_the_owners_value_back_and_forgets_it_once_that_is_certain() {
    let sent = ["label!=Horror", "label=noAccess"];
    let restricted = Scene::movies("label=noAccess").sent("label!=Horror", &sent, true);
    let plan = restricted.plan(&nothing());
    assert_eq!(written(&plan), Some("label!=Horror"));
    assert_eq!(kept(&plan).sent, [value("label=noAccess"), value("label!=Horror")]);
    let back = ["label=noAccess", "label!=Horror"];
    let lifted = Scene::movies("label!=Horror").sent("label!=Horror", &back, true);
    assert_eq!(lifted.plan(&nothing()).before, [(Field::Movies, None)].into());
    // A restricting write may still take effect: the ledger stays.
    let early = Scene::movies("label!=Horror").sent("label!=Horror", &back, true).early();
    assert_eq!(early.plan(&nothing()), Plan::default());
}

#[test]
fn plan_of_a_value_that_shows_already_writes_it_anew_while_a_later_one_can_take_effect() {
    // The restriction was lifted, and the write that lifts it was not answered. Now it is restricted again.
    let sent = ["label=noAccess", ""];
    let scene = Scene::movies("label=noAccess").sent("", &sent, false).early();
    let plan = scene.plan(&hide());
    assert_eq!(written(&plan), Some("label=noAccess"));
    assert_eq!(kept(&plan).sent, [value(""), value("label=noAccess")]);
    // The last value shows, and it was never seen to take effect: an old read may show it as well.
    let unproven = Scene::movies("label=noAccess").sent("", &["", "label=noAccess"], false).early();
    assert_eq!(written(&unproven.plan(&hide())), Some("label=noAccess"));
}

#[test]
fn plan_of_an_earlier_value_of_ours_takes_it_for_no_edit() {
    // A first write failed, and what was sent before it shows.
    let scene = Scene::movies("label=noAccess").sent("", &["", "label=noAccess", "label=Kids"], false);
    let plan = scene.plan(&nothing());
    assert_eq!(written(&plan), Some(""));
    assert!(plan.edited.is_empty());
}

#[test]
fn plan_of_a_settled_read_that_agrees_forgets_what_was_sent_before() {
    let scene = Scene::movies("label=noAccess").sent("", &["", "label=noAccess"], false);
    let plan = scene.plan(&hide());
    assert_eq!(written(&plan), None);
    assert_eq!(kept(&plan).sent, [value("label=noAccess")]);
    assert!(kept(&plan).confirmed);
}

#[test]
fn plan_of_a_foreign_edit_leaves_it_and_reports_it_once() {
    let scene = || Scene::movies("label=Else").sent("", &["label=noAccess"], true);
    let plan = scene().plan(&hide());
    let edit = Edit { wanted: value("label=noAccess"), seen: value("label=Else"), is_new: true };
    assert_eq!((written(&plan), plan.edited.get(&Field::Movies)), (None, Some(&edit)));
    let reported = Scene { ledgers: [(Field::Movies, kept(&plan).clone())].into(), ..scene() };
    let again = reported.plan(&hide());
    assert_eq!(again.edited[&Field::Movies], Edit { is_new: false, ..edit });
    assert!(again.before.is_empty());
    // Once nothing restricts any more, nothing of ours is there, and nothing is kept.
    let released = scene().plan(&nothing());
    assert_eq!((written(&released), &released.before), (None, &[(Field::Movies, None)].into()));
    // An administrator may say that it is written over. A read can still show it, so it is kept among the others.
    let mended = Scene { overwrite: true, ..scene() }.plan(&hide());
    assert_eq!(written(&mended), Some("label=noAccess"));
    assert!(kept(&mended).sent.contains(&value("label=Else")));
}

#[test]
fn plan_of_conditions_that_others_added_keeps_them_at_each_change() {
    let scene = Scene::movies("label=noAccess&label!=Other").sent("", &["label=noAccess"], true);
    assert_eq!(scene.plan(&hide()), Plan::default());
    let lifted = scene.plan(&nothing());
    assert_eq!(written(&lifted), Some("label!=Other"));
    assert_eq!(kept(&lifted).sent.last(), Some(&value("")), "what others added is not ours");
}

#[test]
fn plan_of_a_reserved_label_counts_it_as_ours_regardless_of_who_wrote_it() {
    let plan = Scene::movies("label!=Horror&label=NoAccess").plan(&nothing());
    assert_eq!(written(&plan), Some("label!=Horror"));
    assert_eq!(kept(&plan).base, value("label!=Horror"));
    assert!(plan.edited.is_empty());
}

#[test]
fn plan_without_a_target_tells_of_a_filter_of_others_that_hides_everything() {
    // It has alternatives: it can't be taken apart, and is left.
    let scene = Scene::movies("label=noAccess|label=Else");
    let plan = scene.plan(&nothing());
    assert_eq!((written(&plan), &plan.hidden), (None, &[Field::Movies].into()));
    let edited = Scene::movies("label=noAccess|label=Else").sent("", &["label=Kids"], true);
    assert_eq!(edited.plan(&nothing()).hidden, [Field::Movies].into());
}

#[test]
fn plan_of_a_narrowing_rule_joins_it_with_the_owners_or_changes_nothing() {
    let plan = Scene::movies("contentRating=G").plan(&narrow("Kids"));
    assert_eq!(written(&plan), Some("contentRating=G&label=Kids"));
    let alternatives = Scene::movies("label=A|label=B").try_plan(&narrow("Kids"));
    assert!(matches!(alternatives, Err(CannotRestrict::Narrow { field: Field::Movies, .. })));
    let unwritable = Scene::movies("").try_plan(&narrow("a,b"));
    assert!(unwritable.is_err_and(|why| why.to_string().contains("the filter for movies")));
}

#[test]
fn plan_of_a_narrowing_rule_that_equals_the_owners_condition_leaves_that_one_when_lifted() {
    let owners = Scene::movies("contentRating=G&label=Kids");
    let plan = owners.plan(&narrow("kids"));
    assert_eq!(written(&plan), None);
    let ledgers = [(Field::Movies, kept(&plan).clone())].into();
    let lifted = Scene { ledgers, ..Scene::movies("contentRating=G&label=Kids") }.plan(&nothing());
    assert_eq!(written(&lifted), None);
    assert_eq!(lifted.before, [(Field::Movies, None)].into());
}

#[test]
fn plan_of_permissions_writes_what_differs_and_keeps_the_owners_own_yes() {
    let targets: Targets = [(Field::Downloads, Target::Off), (Field::LiveTv, Target::On)].into();
    let mut scene = Scene::movies("");
    scene.seen.0.extend([(Field::Downloads, value("1")), (Field::LiveTv, value("2"))]);
    let plan = scene.plan(&targets);
    assert_eq!(plan.writes, [(Field::Downloads, value("0"))].into());
    // Where the owner said no, live television is given as the operator says.
    scene.seen.0.insert(Field::LiveTv, value("0"));
    scene.tuners = 2;
    assert_eq!(scene.plan(&targets).writes[&Field::LiveTv], value("2"));
    // Lifted, the owner's own comes back, and a change by somebody else in between does not go.
    let ledger = FieldLedger { base: value("1"), sent: vec![value("0")], confirmed: true, reported: None };
    scene.ledgers.insert(Field::Downloads, ledger);
    scene.seen.0.insert(Field::Downloads, value("0"));
    assert_eq!(scene.plan(&nothing()).writes, [(Field::Downloads, value("1"))].into());
    scene.seen.0.insert(Field::Downloads, value("2"));
    assert!(scene.plan(&nothing()).writes.is_empty());
}
