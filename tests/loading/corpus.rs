//! Modules that are made to hurt whoever loads them, each by what it does. All are generated here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::wat_policies::{Parts, core_module, embed};

/// A hostile module: its name and its bytes.
pub(crate) struct Hostile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// All of them.
pub(crate) fn corpus() -> Vec<Hostile> {
    // Text that is nested deeply needs stack here, too.
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(|| {
        let mut all = Vec::new();
        nested_types(&mut all);
        embedded_contracts(&mut all);
        instantiations(&mut all);
        functions(&mut all);
        nested_code(&mut all);
        tables_of_contents(&mut all);
        memory(&mut all);
        custom_sections(&mut all);
        damaged(&mut all);
        no_modules(&mut all);
        running(&mut all);
        all
    });
    thread.expect("a thread").join().expect("a corpus")
}

/// Whether all of them are to be tried, and not one of each kind.
pub(crate) fn is_whole() -> bool {
    std::env::var("ROLARR_CORPUS").is_ok_and(|which| which == "all")
}

/// Those that are wanted: all of them with `ROLARR_CORPUS=all`, otherwise the last of each kind, which goes furthest.
/// What begins with the same words is of one kind.
pub(crate) fn chosen(wanted: impl Fn(&Hostile) -> bool) -> Vec<Hostile> {
    let wanted: Vec<Hostile> = corpus().into_iter().filter(wanted).collect();
    if is_whole() {
        return wanted;
    }
    let kind = |name: &str| name.split('-').take(2).collect::<Vec<_>>().join("-");
    let last: BTreeMap<String, Hostile> =
        wanted.into_iter().map(|hostile| (kind(&hostile.name), hostile)).collect();
    last.into_values().collect()
}

/// A policy as a component.
fn component(parts: &Parts) -> Vec<u8> {
    let encoder = wit_component::ComponentEncoder::default().module(&core_module(parts));
    encoder.and_then(|mut encoder| encoder.encode()).expect("a component")
}

fn add(all: &mut Vec<Hostile>, name: impl Into<String>, bytes: Vec<u8>) {
    all.push(Hostile { name: name.into(), bytes });
}

/// A number in LEB128.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn sized(content: &[u8]) -> Vec<u8> {
    [&leb(content.len()), content].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], sized(content).as_slice()].concat()
}

fn list(count: usize, one: &[u8]) -> Vec<u8> {
    [leb(count), one.repeat(count)].concat()
}

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[sized(name.as_bytes()), content.to_vec()].concat())
}

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn of_component(sections: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT.to_vec(), sections.concat()].concat()
}

fn of_module(sections: &[Vec<u8>]) -> Vec<u8> {
    [MODULE.to_vec(), sections.concat()].concat()
}

/// A sound policy as a component, and after it a core module and an instance of it.
fn with_module(module: &[u8]) -> Vec<u8> {
    let sound = component(&Parts::default());
    let modules = wasmparser::Parser::new(0)
        .parse_all(&sound)
        .filter(|payload| matches!(payload, Ok(wasmparser::Payload::ModuleSection { .. })))
        .count();
    let instance = [vec![1, 0], leb(modules), vec![0]].concat();
    [sound, section(1, module), section(2, &instance)].concat()
}

/// Types inside of types: component types (0x41), instance types (0x42), and both in turn.
fn nested_types(all: &mut Vec<Hostile>) {
    for (kind, names) in [("component", [0x41, 0x41]), ("instance", [0x42, 0x42]), ("mixed", [0x41, 0x42])] {
        for depth in [10, 100, 300, 1_000, 3_000, 10_000, 100_000] {
            let mut content = vec![1];
            for level in 0..depth {
                content.extend([names[level % 2], 1, 1]);
            }
            content.extend([names[depth % 2], 0]);
            let section = section(7, &content);
            add(all, format!("{kind}-types-nested-{depth}"), of_component(std::slice::from_ref(&section)));
            if depth <= 10_000 {
                let sound = core_module(&Parts::default());
                let embedded = custom("component-type:evil", &of_component(&[section]));
                add(all, format!("{kind}-types-nested-in-the-contract-{depth}"), [sound, embedded].concat());
            }
        }
    }
    // Components inside of components.
    for depth in [10, 100, 1_000] {
        let mut inner = of_component(&[]);
        for _ in 0..depth {
            inner = of_component(&[section(4, &inner)]);
        }
        add(all, format!("components-nested-{depth}"), inner);
    }
}

fn embedded_contracts(all: &mut Vec<Hostile>) {
    let sound = core_module(&Parts::default());
    for (name, content) in [
        ("empty", Vec::new()),
        ("zeros", vec![0; 10_000]),
        ("of-a-module", of_module(&[])),
        ("of-an-empty-component", of_component(&[])),
        ("cut", COMPONENT[..6].to_vec()),
    ] {
        let embedded = custom("component-type:evil", &content);
        add(all, format!("contract-{name}"), [sound.clone(), embedded].concat());
    }
    for count in [100, 1_000] {
        let embedded = custom("component-type:x", &[]).repeat(count);
        add(all, format!("contracts-{count}"), [sound.clone(), embedded].concat());
    }
    // Names of names.
    for count in [100, 1_000, 10_000] {
        let mut types = "type n0 = u32;\n".to_owned();
        for number in 1..=count {
            let _ = writeln!(types, "type n{number} = n{};", number - 1);
        }
        let text =
            format!("package evil:names;\ninterface names {{\n{types}}}\nworld policy {{ import names; }}");
        add(all, format!("contract-names-of-names-{count}"), embed("(module)", &text, "policy"));
    }
}

/// Each component instantiates the one before so many times.
fn instantiations(all: &mut Vec<Hostile>) {
    for (times, depths) in [(2, vec![5, 10, 15, 20, 25, 30, 40, 60]), (10, vec![3, 5, 8, 20])] {
        for depth in depths {
            let mut text = "(component (component $c0)".to_owned();
            for number in 1..=depth {
                let one = format!("(instance (instantiate $c{}))", number - 1);
                let _ = write!(text, "(component $c{number} {})", one.repeat(times));
            }
            let _ = write!(text, "(instance (instantiate $c{depth})))");
            add(
                all,
                format!("instantiates-{times}-times-{depth}-deep"),
                wat::parse_str(&text).expect("text"),
            );
        }
    }
}

/// A module of functions `() -> ()` with this body, each with its locals.
fn module_of(count: usize, locals: usize, body: &[u8]) -> Vec<u8> {
    let locals = if locals == 0 { vec![0] } else { [vec![1], leb(locals), vec![0x7f]].concat() };
    let function = sized(&[locals, body.to_vec(), vec![0x0b]].concat());
    of_module(&[
        section(1, &[1, 0x60, 0, 0]),
        section(3, &list(count, &[0])),
        section(10, &list(count, &function)),
    ])
}

fn functions(all: &mut Vec<Hostile>) {
    for (count, locals) in [
        (1, 50_000),
        (10, 50_000),
        (100, 50_000),
        (1_000, 50_000),
        (20_000, 50_000),
        (1_000, 0),
        (10_000, 0),
        (100_000, 0),
        (1_000_000, 0),
        (10_000, 1_000),
    ] {
        add(all, format!("functions-{count}-locals-{locals}"), with_module(&module_of(count, locals, &[])));
    }
    // One function that is long.
    for (name, body) in [
        ("additions", [0x41, 1, 0x41, 2, 0x6a, 0x1a].repeat(300_000)),
        ("calls", [0x10, 0].repeat(500_000)),
        ("divisions", [0x41, 9, 0x41, 3, 0x6d, 0x1a].repeat(100_000)),
    ] {
        add(all, format!("one-long-function-of-{name}"), with_module(&module_of(1, 0, &body)));
    }
    // Locals that are all alive: each is set, and used at the end.
    for count in [1_000, 10_000] {
        let mut body = Vec::new();
        for local in 0..count {
            body.extend(
                [&[0x20][..], &leb((local * 7) % count), &[0x41, 1, 0x6a, 0x21], &leb(local)].concat(),
            );
        }
        let nested = [vec![0x03, 0x40], body, vec![0x41, 1, 0x0d, 0, 0x0b]].concat();
        add(all, format!("locals-alive-{count}"), with_module(&module_of(1, count, &nested)));
    }
}

fn nested_code(all: &mut Vec<Hostile>) {
    let opens: [(&str, &[u8]); 3] =
        [("ifs", &[0x41, 1, 0x04, 0x40]), ("loops", &[0x03, 0x40]), ("blocks", &[0x02, 0x40])];
    for (name, open) in opens {
        for depth in [1_000, 10_000, 50_000, 300_000] {
            let body = [open.repeat(depth), vec![0x0b; depth]].concat();
            add(all, format!("{name}-nested-{depth}"), with_module(&module_of(1, 0, &body)));
        }
        // With a jump out of all of them at each level.
        for depth in [1_000, 10_000] {
            let mut body = Vec::new();
            for level in 0..depth {
                body.extend_from_slice(open);
                body.extend([&[0x41, 1, 0x0d][..], &leb(level)].concat());
            }
            body.extend(vec![0x0b; depth]);
            add(all, format!("{name}-nested-{depth}-with-jumps"), with_module(&module_of(1, 0, &body)));
        }
    }
    for targets in [10_000, 1_000_000] {
        let body = [vec![0x02, 0x40, 0x41, 0, 0x0e], leb(targets), vec![0; targets], vec![0, 0x0b]].concat();
        add(all, format!("table-of-{targets}-jumps"), with_module(&module_of(1, 0, &body)));
    }
    // Many tables of jumps over many blocks.
    let tables = [vec![0x41, 0, 0x0e], leb(900), (0..900).flat_map(leb).collect(), vec![0]].concat();
    let body = [[0x02, 0x40].repeat(1_000), tables.clone(), vec![0x0b; 1_000]].concat();
    add(all, "a-table-of-jumps-in-each-function", with_module(&module_of(1_000, 0, &body)));
}

/// Many entries of each kind.
fn tables_of_contents(all: &mut Vec<Hostile>) {
    let many = 200_000;
    let import = [sized(b"m"), sized(b"f"), vec![0, 0]].concat();
    let global = [0x7f, 0, 0x41, 0, 0x0b];
    let module = |sections: &[Vec<u8>]| with_module(&of_module(sections));
    let one_type = section(1, &[1, 0x60, 0, 0]);
    let one_function = [one_type.clone(), section(3, &[1, 0])].concat();
    let code = section(10, &[1, 2, 0, 0x0b]);
    let mut exports = leb(many);
    for number in 0..many {
        exports.extend([sized(format!("e{number}").as_bytes()), vec![0, 0]].concat());
    }
    add(all, "many-types", module(&[section(1, &list(many, &[0x60, 0, 0]))]));
    add(all, "many-imports", module(&[one_type.clone(), section(2, &list(many, &import))]));
    add(all, "many-exports", module(&[one_function.clone(), section(7, &exports), code.clone()]));
    add(all, "many-globals", module(&[section(6, &list(many, &global))]));
    add(all, "many-tables", module(&[section(4, &list(many, &[0x70, 0, 0]))]));
    add(all, "a-huge-table", module(&[section(4, &[&[1, 0x70, 0][..], &leb(u32::MAX as usize)].concat())]));
    let element = [vec![0, 0x41, 0, 0x0b], list(1, &[0])].concat();
    let table = section(4, &[1, 0x70, 0, 10]);
    let elements = section(9, &list(90_000, &element));
    add(all, "many-elements", module(&[one_function.clone(), table.clone(), elements, code.clone()]));
    let wide = [vec![1, 0, 0x41, 0, 0x0b], list(1_000_000, &[0])].concat();
    let wide = section(9, &wide);
    add(all, "a-long-element", module(&[one_function.clone(), table, wide, code.clone()]));
    let parameters = [vec![1, 0x60], list(1_000, &[0x7f]), list(1_000, &[0x7f])].concat();
    add(all, "many-parameters", module(&[section(1, &parameters)]));
    let long = "x".repeat(90_000);
    let export = [vec![1], sized(long.as_bytes()), vec![0, 0]].concat();
    add(all, "a-long-name", module(&[one_function.clone(), section(7, &export), code.clone()]));
    // Of the component itself.
    let component_exports = |names: &mut dyn Iterator<Item = String>| {
        let mut text = "(component (core module $m) ".to_owned();
        for name in names {
            let _ = write!(text, "(export \"{name}\" (core module $m))");
        }
        wat::parse_str(text + ")").expect("text")
    };
    add(all, "component-with-many-exports", component_exports(&mut (0..2_000).map(|n| format!("e{n}"))));
    add(
        all,
        "component-with-a-long-export",
        component_exports(&mut [format!("a{}", "b".repeat(20_000))].into_iter()),
    );
    let mut imports = "(component ".to_owned();
    for number in 0..2_000 {
        let _ = write!(imports, "(import \"evil:x{number}/y\" (instance))");
    }
    add(all, "component-with-many-imports", wat::parse_str(imports + ")").expect("text"));
    let long = format!("(component (import \"a{}\" (func)))", "b".repeat(20_000));
    add(all, "component-with-a-long-import", wat::parse_str(long).expect("text"));
    add(all, "component-with-many-types", of_component(&[section(7, &list(900_000, &[0x7f]))]));
    let lists = [
        vec![0xff, 0x07],
        (0..1_023usize)
            .flat_map(|n| if n == 0 { vec![0x7f] } else { [vec![0x70], leb(n - 1)].concat() })
            .collect(),
    ]
    .concat();
    add(all, "lists-of-lists", of_component(&[section(7, &lists)]));
    let records = |depth: usize| {
        // Each has the one before ten times.
        let mut content = leb(depth + 1);
        content.push(0x7f);
        for level in 0..depth {
            content.extend([vec![0x6f], list(10, &leb(level))].concat());
        }
        of_component(&[section(7, &content)])
    };
    for depth in [5, 10, 50] {
        add(all, format!("tuples-of-tuples-{depth}"), records(depth));
    }
}

fn memory(all: &mut Vec<Hostile>) {
    let module = |sections: &[Vec<u8>]| with_module(&of_module(sections));
    let pages = |count: usize| section(5, &[vec![1, 0], leb(count)].concat());
    add(all, "memory-of-4-gib", module(&[pages(65_536)]));
    add(all, "memory-beyond-4-gib", module(&[pages(70_000)]));
    add(all, "many-memories", module(&[section(5, &list(1_000, &[0, 1]))]));
    let data = |bytes: &[u8]| [vec![0, 0x41, 0, 0x0b], sized(bytes)].concat();
    add(
        all,
        "data-of-20-mib",
        module(&[pages(400), section(11, &[vec![1], data(&vec![7; 20 << 20])].concat())]),
    );
    add(
        all,
        "data-of-40-mib",
        module(&[pages(1_000), section(11, &[vec![1], data(&vec![7; 40 << 20])].concat())]),
    );
    add(all, "many-data", module(&[pages(1), section(11, &list(90_000, &data(b"x")))]));
    // At both ends of the memory.
    let far = [vec![0, 0x41, 0x80, 0x80, 0x80, 0xf0, 0x00, 0x0b], sized(b"x")].concat();
    add(all, "data-far-apart", module(&[pages(4_000), section(11, &[vec![2], data(b"x"), far].concat())]));
    add(all, "data-count-that-is-wrong", module(&[pages(1), section(12, &leb(1_000_000))]));
}

fn custom_sections(all: &mut Vec<Hostile>) {
    let sound = core_module(&Parts::default());
    add(all, "a-million-custom-sections", [sound.clone(), custom("x", b"").repeat(1_000_000)].concat());
    add(all, "a-custom-section-of-20-mib", [sound.clone(), custom("x", &vec![0; 20 << 20])].concat());
    add(
        all,
        "a-custom-section-with-a-long-name",
        [sound.clone(), custom(&"n".repeat(1 << 20), b"")].concat(),
    );
    add(all, "names-that-are-garbage", [sound.clone(), custom("name", &[0xff; 1_000])].concat());
    add(all, "producers-that-are-garbage", [sound.clone(), custom("producers", &[0xff; 1_000])].concat());
    let mut names = leb(100_000);
    for number in 0..100_000usize {
        names.extend([leb(number), sized(b"f")].concat());
    }
    add(all, "names-of-functions-that-are-not-there", [sound, custom("name", &section(1, &names))].concat());
}

fn damaged(all: &mut Vec<Hostile>) {
    let sound = [("module", core_module(&Parts::default())), ("component", component(&Parts::default()))];
    for (kind, sound) in sound {
        for part in 1..8 {
            add(all, format!("{kind}-cut-{part}-of-8"), sound[..sound.len() * part / 8].to_vec());
        }
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for number in 0..8 {
            let mut bytes = sound.clone();
            for _ in 0..4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = (seed % bytes.len() as u64) as usize;
                bytes[at] = (seed >> 32) as u8;
            }
            add(all, format!("{kind}-changed-{number}"), bytes);
        }
        add(all, format!("{kind}-twice"), [sound.clone(), sound.clone()].concat());
        add(all, format!("{kind}-and-zeros"), [sound, vec![0; 1_000]].concat());
    }
    for (name, head) in [("module", MODULE), ("component", COMPONENT)] {
        let mut seed = 7_u32;
        let garbage: Vec<u8> = (0..50_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        add(all, format!("garbage-after-the-head-of-a-{name}"), [head.to_vec(), garbage].concat());
        add(all, format!("a-{name}-of-nothing"), head.to_vec());
        let promised = [head.to_vec(), vec![1], leb(u32::MAX as usize)].concat();
        add(all, format!("a-{name}-that-promises-4-gib"), promised);
    }
}

fn no_modules(all: &mut Vec<Hostile>) {
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("one-byte", vec![0]),
        ("half-a-head", b"\0as".to_vec()),
        ("an-unknown-version", b"\0asm\xff\0\0\0".to_vec()),
        ("text", b"fn decide(event) {}\n".to_vec()),
        ("escapes", b"\x1b[2J\x1b]0;x\x07".repeat(1_000)),
        ("an-elf-file", b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("ones", vec![0xff; 1 << 20]),
        ("over-the-limit", vec![0; 33 << 20]),
    ] {
        add(all, format!("file-{name}"), bytes);
    }
}

/// What runs while it is loaded.
fn running(all: &mut Vec<Hostile>) {
    const LOOP: &str = "(loop $again (br $again)) (unreachable)";
    for (name, parts) in [
        ("configure-without-end", Parts { configure: LOOP, ..Parts::default() }),
        ("configure-that-traps", Parts { configure: "(unreachable)", ..Parts::default() }),
        (
            "configure-that-grows",
            Parts {
                configure: "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) (unreachable)",
                ..Parts::default()
            },
        ),
        (
            "configure-that-calls-itself",
            Parts {
                more: "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))",
                configure: "(call $deeper (i32.const 0))",
                ..Parts::default()
            },
        ),
    ] {
        add(all, name, core_module(&parts));
    }
    // A function that runs as soon as there is an instance.
    let start = |body: &[u8]| {
        let module = module_of(1, 0, body);
        let sections = module[MODULE.len()..].to_vec();
        let code = sections.len()
            - section(10, &list(1, &sized(&[vec![0], body.to_vec(), vec![0x0b]].concat()))).len();
        let (before, after) = sections.split_at(code);
        with_module(&of_module(&[before.to_vec(), section(8, &[0]), after.to_vec()]))
    };
    add(all, "start-without-end", start(&[0x03, 0x40, 0x0c, 0, 0x0b]));
    add(all, "start-that-traps", start(&[0]));
    add(all, "start-that-calls-itself", start(&[0x10, 0]));
}
