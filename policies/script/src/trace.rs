//! Where a script was when a limit stopped it.
//!
//! Where a limit is reached, the script is stopped at the next variable, whose place is known. There is none in
//! `loop {}`, and where a value is too long or calls too deep the engine does not keep the place: it says that of the
//! outermost call. A script that decides the same every time also fails the same every time, so it is then run once more,
//! with an engine that looks at every step. This is slower, and needed only for the message.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::Position;
use rhai::debugger::{DebuggerCommand, DebuggerEvent};
use rhai::{Engine, Module, Shared};

use crate::language;
use crate::moment::Now;

/// The last step, and the calls around it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) at: Position,
    /// Functions with the places where they were called, from the outside to the inside.
    pub(crate) calls: Vec<(String, Position)>,
}

#[expect(deprecated, reason = "the engine calls this interface unstable, and pins nothing else to it")]
/// Runs something with an engine that looks at every step.
pub(crate) fn follow(variables: &[Shared<Module>], now: &Now, run: impl FnOnce(&Engine)) -> Trace {
    let (mut engine, _, meter) = language::engine(now);
    for module in variables {
        meter.publish(module);
        engine.register_global_module(module.clone());
    }
    // What it logs was logged the first time. It counts nevertheless, or the end were another one.
    let [printing, debugging] = [meter.clone(), meter.clone()];
    engine.on_print(move |text| printing.line(text)).on_debug(move |text, _, _| debugging.line(text));
    let trace = Rc::new(RefCell::new(Trace::default()));
    let seen = Rc::clone(&trace);
    engine.register_debugger(
        |_, debugger| debugger,
        move |context, event, _, _, position| {
            // What is done after the limit is no part of it.
            let goes_on = meter.stopped().is_none();
            if goes_on && matches!(event, DebuggerEvent::Start | DebuggerEvent::Step) {
                let mut trace = seen.borrow_mut();
                if !position.is_none() {
                    trace.at = position;
                }
                let stack = context.debugger().map_or(&[][..], |debugger| debugger.call_stack());
                // Between two calls at the same depth there is a step outside of both.
                if stack.len() != trace.calls.len() {
                    trace.calls = stack.iter().map(|call| (call.fn_name.to_string(), call.pos)).collect();
                }
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
    run(&engine);
    trace.take()
}
