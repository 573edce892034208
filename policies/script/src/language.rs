//! The language: Rhai with what is needed of its standard library, and the words of the contract.

use rhai::Engine;
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
    Package,
};

use crate::complaint::Complaint;
use crate::limits::Meter;
use crate::moment::Now;
use crate::vocabulary::Vocabulary;
use crate::{action, event, limits, moment, sorting, weighed};

/// An engine, the words that it knows, and what counts its work. It looks at `now` when a wake is made.
pub(crate) fn engine(now: &Now) -> (Engine, Vocabulary, Meter) {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    let meter = limits::set(&mut engine);
    weighed::register(&mut engine, &meter);
    sorting::register(&mut engine);
    // What a script runs is what its author wrote.
    engine.disable_symbol("eval");
    // A misspelt name in a table is a mistake, not nothing.
    engine.set_fail_on_invalid_map_property(true);
    let counting = meter.clone();
    engine.on_print(move |text| {
        counting.line(text);
        rolarr_policy::log::info(text);
    });
    let counting = meter.clone();
    engine.on_debug(move |text, _, position| {
        counting.line(text);
        match position.line() {
            Some(line) => rolarr_policy::log::debug(format!("line {line}: {text}")),
            None => rolarr_policy::log::debug(text),
        }
    });
    // In a `catch`, a mistake is shown as its text.
    engine
        .register_type_with_name::<Complaint>("mistake")
        .register_fn("to_string", |complaint: &mut Complaint| complaint.text().to_owned())
        .register_fn("to_debug", |complaint: &mut Complaint| complaint.text().to_owned());

    let mut vocabulary = Vocabulary::default();
    moment::register(&mut engine, &mut vocabulary);
    action::register(&mut engine, &mut vocabulary, now, &meter);
    event::register(&mut engine, &mut vocabulary);
    (engine, vocabulary, meter)
}
