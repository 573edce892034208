//! The language: Rhai with what is needed of its standard library, and the words of the contract.

use rhai::Engine;
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
    Package,
};

use crate::complaint::Complaint;
use crate::limits::Meter;
use crate::vocabulary::Vocabulary;
use crate::{action, event, limits, moment};

/// An engine, the words that it knows, and what counts its work.
pub(crate) fn engine() -> (Engine, Vocabulary, Meter) {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    let meter = limits::set(&mut engine);
    // What a script runs is what its author wrote.
    engine.disable_symbol("eval");
    // A misspelt name in a table is a mistake, not nothing.
    engine.set_fail_on_invalid_map_property(true);
    engine.on_print(|text| rolarr_policy::log::info(text));
    engine.on_debug(|text, _, position| match position.line() {
        Some(line) => rolarr_policy::log::debug(format!("line {line}: {text}")),
        None => rolarr_policy::log::debug(text),
    });
    // In a `catch`, a mistake is shown as its text.
    engine
        .register_type_with_name::<Complaint>("mistake")
        .register_fn("to_string", |complaint: &mut Complaint| complaint.text().to_owned())
        .register_fn("to_debug", |complaint: &mut Complaint| complaint.text().to_owned());

    let mut vocabulary = Vocabulary::default();
    moment::register(&mut engine, &mut vocabulary);
    action::register(&mut engine, &mut vocabulary);
    event::register(&mut engine, &mut vocabulary);
    (engine, vocabulary, meter)
}
