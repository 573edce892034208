//! Functions of the library that cost much for a long text or list.
//!
//! What stands in a variable is weighed when the variable is used: see [`limits`](crate::limits). A text without a name
//! is weighed here, together with what is made of it.

use std::any::TypeId;
use std::rc::Rc;

use rhai::packages::{BasicArrayPackage, BasicMapPackage, CorePackage, MoreStringPackage, Package};
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, NativeCallContext};

use crate::limits::{self, Meter};

/// What it costs to get to such a function.
const CALL: u64 = 9_000;

/// An element of a list that `contains` looks at, and each byte of what is looked for in addition.
const COMPARED: [u64; 2] = [250, 30];

/// Functions that cost the same for what they are given and for what they make.
struct Weighed {
    /// A call, whatever it is about.
    call: u64,
    /// A byte of a text.
    byte: u64,
    /// An element of a list that is given.
    element: u64,
    /// An element of a list that is made.
    piece: u64,
    /// The names, with what they take: `t` a text, `c` a character, `n` a number, `l` a list, `m` a table.
    functions: &'static [(&'static str, &'static [&'static str])],
}

const WEIGHED: [Weighed; 6] = [
    // These look at a text,
    Weighed {
        call: CALL,
        byte: 50,
        element: 0,
        piece: 0,
        functions: &[
            ("len", &["t"]),
            ("get$len", &["t"]),
            ("contains", &["tt", "tc"]),
            ("index_of", &["tt", "tc", "ttn", "tcn"]),
        ],
    },
    // and these make another one, or cut it.
    Weighed {
        call: CALL,
        byte: 130,
        element: 0,
        piece: 2_500,
        functions: &[
            ("crop", &["tn", "tnn"]),
            ("make_lower", &["t"]),
            ("make_upper", &["t"]),
            ("pad", &["tnt", "tnc"]),
            ("pop", &["t", "tn"]),
            ("remove", &["tt", "tc"]),
            ("replace", &["ttt", "ttc", "tct", "tcc"]),
            ("set", &["tnc"]),
            ("split", &["t", "tn", "tt", "tc", "ttn", "tcn"]),
            ("split_rev", &["tt", "tc", "ttn", "tcn"]),
            ("sub_string", &["tn", "tnn"]),
            ("to_chars", &["t"]),
            ("to_json", &["m"]),
            ("to_lower", &["t"]),
            ("to_upper", &["t"]),
            ("truncate", &["tn"]),
        ],
    },
    // It begins a reader of its own.
    Weighed { call: 120_000, byte: 500, element: 0, piece: 0, functions: &[("parse_json", &["t"])] },
    Weighed {
        call: CALL,
        byte: 0,
        element: 0,
        piece: 1_000,
        functions: &[("keys", &["m"]), ("values", &["m"])],
    },
    Weighed { call: CALL, byte: 0, element: 0, piece: 200, functions: &[("extract", &["ln", "lnn"])] },
    Weighed {
        call: CALL,
        byte: 30,
        element: 5_000,
        piece: 0,
        functions: &[("order", &["l"]), ("order_desc", &["l"]), ("sort", &["l"]), ("sort_desc", &["l"])],
    },
];

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Teaches the engine these functions, in place of those of the library.
pub(crate) fn register(engine: &mut Engine, meter: &Meter) {
    let mut library = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut library);
    BasicArrayPackage::new().register_into_engine(&mut library);
    BasicMapPackage::new().register_into_engine(&mut library);
    MoreStringPackage::new().register_into_engine(&mut library);
    limits::of_values(&mut library);
    let library = Rc::new(library);
    for Weighed { call, byte, element, piece, functions } in WEIGHED {
        for (name, takes) in functions.iter().flat_map(|(name, all)| all.iter().map(|takes| (*name, *takes)))
        {
            let types: Vec<TypeId> = takes.chars().map(type_of).collect();
            let library = Rc::clone(&library);
            let meter = meter.clone();
            engine.register_raw_fn(name, types, move |context: NativeCallContext<'_>, values| {
                let given = || values.iter().map(|value| &**value);
                meter.add(call + byte * bytes(given()) + element * elements(given()))?;
                let place = context.call_position();
                let global = context.global_runtime_state();
                let inside = NativeCallContext::from((&*library, name, None, global, place));
                let result = inside.call_native_fn_raw(name, true, values)?;
                // What was made of a short text may be long.
                let made = || values.first().map(|value| &**value).into_iter().chain([&result]);
                let made = byte * bytes(made()) + piece * elements([&result].into_iter());
                meter.add(made)?;
                Ok(result)
            });
        }
    }
    let meter = meter.clone();
    engine.register_fn(
        "contains",
        move |context: NativeCallContext<'_>, list: &mut Array, value: Dynamic| -> Fallible<bool> {
            let [element, byte] = COMPARED;
            meter.add((element + byte * bytes([&value].into_iter())) * list.len() as u64)?;
            let text = value.as_immutable_string_ref().ok();
            for element in list {
                // The engine's own way to compare two texts is many times as long.
                let texts =
                    text.as_ref().and_then(|text| Some(**text == *element.as_immutable_string_ref().ok()?));
                let same = match texts {
                    Some(same) => same,
                    None => equal(&context, element, &value)?,
                };
                if same {
                    return Ok(true);
                }
            }
            Ok(false)
        },
    );
}

fn type_of(kind: char) -> TypeId {
    match kind {
        't' => TypeId::of::<ImmutableString>(),
        'c' => TypeId::of::<char>(),
        'l' => TypeId::of::<Array>(),
        'm' => TypeId::of::<Map>(),
        _ => TypeId::of::<INT>(),
    }
}

fn bytes<'a>(values: impl Iterator<Item = &'a Dynamic>) -> u64 {
    values.filter_map(|value| value.as_immutable_string_ref().ok().map(|text| text.len() as u64)).sum()
}

fn elements<'a>(values: impl Iterator<Item = &'a Dynamic>) -> u64 {
    values.filter_map(|value| value.as_array_ref().ok().map(|list| list.len() as u64)).sum()
}

/// Whether two values are the same, as `==` says.
fn equal(context: &NativeCallContext<'_>, element: &mut Dynamic, value: &Dynamic) -> Fallible<bool> {
    if let (Ok(a), Ok(b)) = (element.as_int(), value.as_int()) {
        return Ok(a == b);
    }
    let same_kind = element.type_id() == value.type_id();
    match context.call_native_fn_raw("==", true, &mut [element, &mut value.clone()]) {
        Ok(same) => Ok(same.as_bool().unwrap_or(false)),
        Err(error) => match *error {
            // Values of two kinds that nothing compares are not the same.
            EvalAltResult::ErrorFunctionNotFound(ref signature, _)
                if signature.starts_with("==") && !same_kind =>
            {
                Ok(false)
            }
            _ => Err(error),
        },
    }
}
