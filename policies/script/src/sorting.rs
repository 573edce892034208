//! `sort` and `order` with a function of the script.
//!
//! Those of the library go on when the function fails, a limit included, and end the whole module when it contradicts
//! itself.

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, NativeCallContext};

use crate::complaint::Complaint;
use crate::given::show;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Teaches the engine these functions, in place of those of the library.
pub(crate) fn register(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(
            name,
            |context: NativeCallContext<'_>, list: &mut Array, function: FnPtr| -> Fallible<()> {
                *list = sorted(list.clone(), &mut |a, b| is_before(&context, &function, a, b))?;
                Ok(())
            },
        );
    }
    for name in ["order", "order_by"] {
        engine.register_fn(
            name,
            |context: NativeCallContext<'_>, list: &mut Array, function: FnPtr| -> Fallible<Array> {
                sorted(list.clone(), &mut |a, b| is_before(&context, &function, a, b))
            },
        );
    }
}

fn is_before(context: &NativeCallContext<'_>, function: &FnPtr, a: &Dynamic, b: &Dynamic) -> Fallible<bool> {
    let said = function.call_raw(context, None, [a.clone(), b.clone()])?;
    match (said.as_int(), said.as_bool()) {
        (Ok(number), _) => Ok(number < 0),
        (_, Ok(before)) => Ok(before),
        _ => Err(Complaint::new(format!(
            "the function that sorts says which of two comes first: -1, 0 or 1, or whether it is the first; it says {}",
            show(&said)
        ))
        .into()),
    }
}

/// Merges halves, which are sorted likewise. What is equal stays in its order.
fn sorted(mut list: Array, before: &mut impl FnMut(&Dynamic, &Dynamic) -> Fallible<bool>) -> Fallible<Array> {
    if list.len() < 2 {
        return Ok(list);
    }
    let right = list.split_off(list.len() / 2);
    let mut merged = Array::with_capacity(list.len() + right.len());
    let mut left = sorted(list, before)?.into_iter().peekable();
    let mut right = sorted(right, before)?.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if before(b, a)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
