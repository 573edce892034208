//! From a core module with its contract embedded to a component.
//!
//! The embedded contract comes from outside like the rest of the file. The library that reads it follows
//! packages that depend on each other in a circle until the stack ends, which no process survives; and it
//! stops at some other contradictions with a panic. So circles are looked for first, and panics are caught.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{Parser, Payload};

use super::error::LoadProblem;
use super::logs::one_line;
use rolarr_edge::panics::caught;

/// The names of the custom sections that hold a contract begin with this.
pub(super) const SECTION: &str = "component-type";

/// Makes a component of a core module.
pub(super) fn componentise(module: &[u8]) -> Result<Vec<u8>, LoadProblem> {
    let refused = |what: String| LoadProblem::NotAPolicy(one_line(&what));
    let contradictory = || refused("the contract in it contradicts itself".to_owned());
    let circular = caught(|| packages_depend_in_a_circle(module)).ok_or_else(contradictory)?;
    match circular {
        Ok(false) => {}
        Ok(true) => return Err(contradictory()),
        Err(error) => return Err(refused(error)),
    }
    caught(|| {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(module)
            .and_then(|mut encoder| encoder.encode())
    })
    .ok_or_else(contradictory)?
    .map_err(|error| refused(format!("{error:#}")))
}

fn packages_depend_in_a_circle(module: &[u8]) -> Result<bool, String> {
    // By name and over all sections, because the library joins them by name.
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.map_err(|error| error.to_string())? else { continue };
        if !section.name().starts_with(SECTION) {
            continue;
        }
        let decoded = wit_component::decode(section.data()).map_err(|error| format!("{error:#}"))?;
        let resolve = decoded.resolve();
        for (id, package) in resolve.packages.iter() {
            let dependencies = needs.entry(package.name.to_string()).or_default();
            for dependency in resolve.package_direct_deps(id) {
                if let Some(dependency) = resolve.packages.get(dependency) {
                    dependencies.insert(dependency.name.to_string());
                }
            }
        }
    }
    // Take away what needs nothing that is still there; what is left then is a circle.
    loop {
        let before = needs.len();
        let free: Vec<String> = needs
            .iter()
            .filter(|(_, needed)| !needed.iter().any(|name| needs.contains_key(name)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in free {
            needs.remove(&name);
        }
        if needs.len() == before {
            return Ok(!needs.is_empty());
        }
    }
}
