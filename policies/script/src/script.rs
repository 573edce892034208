//! A script that was read: its settings are taken, and it decides events.

use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, Identifier, ImmutableString, Map, Module, Position,
    Scope, Shared,
};
use rolarr_policy::contract::{Decision, Event, Metadata, Source};

use crate::complaint::Page;
use crate::event::EventView;
use crate::limits::{Meter, Stopped};
use crate::moment::{Now, Time};
use crate::vocabulary::{Vocabulary, did_you_mean};
use crate::{answer, language, lint, settings, trace};

/// The function that decides.
const DECIDE: &str = "decide";

/// The function that looks at the settings, if there is one.
const CONFIGURE: &str = "configure";

/// The variable with the settings.
const SETTINGS: &str = "settings";

/// The variable that says what settings stand for, so that the host can look whether it exists.
const MARKS: &str = "settings_marks";

/// A script that is ready.
pub(crate) struct Script {
    engine: Engine,
    meter: Meter,
    now: Now,
    ast: AST,
    text: Text,
    metadata: Metadata,
    /// The variables at the top. The module that comes last is looked at first.
    variables: Vec<Shared<Module>>,
}

/// What messages need.
struct Text {
    name: String,
    text: String,
    vocabulary: Vocabulary,
    own: Vec<String>,
    keys: Vec<String>,
}

impl Text {
    fn page(&self) -> Page<'_> {
        Page {
            name: &self.name,
            text: &self.text,
            vocabulary: &self.vocabulary,
            own: &self.own,
            keys: &self.keys,
        }
    }

    /// Where a function begins.
    fn definition(&self, function: &str) -> Position {
        let begins = |line: &&str| {
            let rest = line.trim_start().trim_start_matches("private ").trim_start();
            rest.strip_prefix("fn ").is_some_and(|rest| rest.trim_start().starts_with(function))
        };
        let line = self.text.lines().position(|line| begins(&line));
        line.and_then(|line| u16::try_from(line + 1).ok())
            .map_or(Position::NONE, |line| Position::new(line, 1))
    }
}

impl Script {
    /// Reads a script, runs what stands outside of its functions, and gives it its settings.
    ///
    /// # Errors
    ///
    /// What is wrong, with the line.
    pub(crate) fn load(sources: Vec<Source>, settings: &str) -> Result<Self, String> {
        let source = match <[Source; 1]>::try_from(sources) {
            Ok([source]) => source,
            Err(none) if none.is_empty() => return Err("there is no script to run".to_owned()),
            Err(several) => {
                return Err(format!("a policy is one script, and {} files were given", several.len()));
            }
        };
        let now = Now::default();
        let (mut engine, vocabulary, meter) = language::engine(&now);
        let mut text = Text {
            name: source.name,
            text: source.text.trim_start_matches('\u{feff}').to_owned(),
            vocabulary,
            own: Vec::new(),
            keys: Vec::new(),
        };
        if text.text.trim().is_empty() {
            return Err(format!("{}: the script is empty", text.name));
        }

        // The first reading is for the variables at the top. Functions see them too, which the language itself does
        // not have, and which every author expects.
        let ast = engine.compile(&text.text).map_err(|error| text.page().unreadable(&error))?;
        (text.own, text.keys) = lint::names(&ast);
        let mut scope = Scope::new();
        meter.reset();
        let ran = engine.run_ast_with_scope(&mut scope, &ast);
        stopped(&meter, ran).map_err(|error| {
            let again = |engine: &Engine| drop(engine.run_ast_with_scope(&mut Scope::new(), &ast));
            explain(&text, &[], &meter, &now, &error, again)
        })?;
        let top: Vec<(String, Dynamic)> =
            scope.iter().map(|(name, _, value)| (name.to_owned(), value.clone())).collect();

        let declared = match top.iter().rev().find(|(name, _)| name == SETTINGS) {
            None => None,
            Some((_, value)) => Some(value.clone().try_cast::<Map>().ok_or_else(|| {
                format!("{}: `settings` must be a table: `let settings = #{{ name: value }};`", text.name)
            })?),
        };
        let metadata = describe(&text, &top, declared.as_ref())?;
        let merged = settings::merge(declared.as_ref(), settings)?;
        text.keys.extend(merged.keys().map(ToString::to_string));

        // The second reading knows every variable, so that a misspelt one is found.
        let mut known = Scope::new();
        for (name, value) in &top {
            known.push_constant_dynamic(name.as_str(), value.clone());
        }
        known.push_constant(SETTINGS, merged.clone());
        engine.set_strict_variables(true);
        let ast =
            engine.compile_with_scope(&known, &text.text).map_err(|error| text.page().unreadable(&error))?;
        lint::check(&engine, &ast, &text.page())?;
        entry_point(&text, &ast)?;

        let mut variables = Module::new();
        for (name, value) in top.into_iter().filter(|(name, _)| name != SETTINGS) {
            variables.set_var(name, value);
        }
        let mut script = Self { engine, meter, now, ast, text, metadata, variables: Vec::new() };
        script.publish(variables);
        script.settle(merged)?;
        Ok(script)
    }

    /// What the script says of itself.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Decides one event.
    ///
    /// # Errors
    ///
    /// What went wrong, with the line.
    pub(crate) fn decide(&self, event: &Event) -> Result<Decision, String> {
        self.now.set(Time::from_millis(event.at.0));
        let argument = Dynamic::from(EventView::new(event));
        let answer =
            self.call(DECIDE, argument.clone()).map_err(|error| self.explain(&error, DECIDE, argument))?;
        answer::decision(answer, event)
            .map_err(|what| self.text.page().at(self.text.definition(DECIDE), &what))
    }

    fn call(&self, function: &str, argument: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        self.meter.reset();
        stopped(&self.meter, self.call_with(&self.engine, function, argument))
    }

    fn call_with(
        &self,
        engine: &Engine,
        function: &str,
        argument: Dynamic,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let options = CallFnOptions::new().eval_ast(false);
        engine.call_fn_with_options(options, &mut Scope::new(), &self.ast, function, (argument,))
    }

    fn explain(&self, error: &EvalAltResult, function: &str, argument: Dynamic) -> String {
        let again = |engine: &Engine| drop(self.call_with(engine, function, argument));
        explain(&self.text, &self.variables, &self.meter, &self.now, error, again)
    }

    /// Lets the script look at its settings, and makes them visible in all of it.
    fn settle(&mut self, settings: Map) -> Result<(), String> {
        self.publish(module_of(settings.clone()));
        if !self.ast.iter_functions().any(|function| function.name == CONFIGURE) {
            return Ok(());
        }
        let argument = Dynamic::from(settings);
        let answer = self.call(CONFIGURE, argument.clone()).map_err(|error| {
            self.text.page().refused(&error).unwrap_or_else(|| self.explain(&error, CONFIGURE, argument))
        })?;
        if answer.is_unit() {
            return Ok(());
        }
        match answer.try_cast_result::<Map>() {
            Ok(settings) => {
                self.publish(module_of(settings));
                Ok(())
            }
            Err(other) => {
                let what = format!(
                    "`configure` returned {}; it returns the settings as they should be, or nothing",
                    crate::given::show(&other)
                );
                Err(self.text.page().at(self.text.definition(CONFIGURE), &what))
            }
        }
    }

    fn publish(&mut self, module: Module) {
        self.meter.publish(&module);
        let module = Shared::new(module);
        self.engine.register_global_module(Shared::clone(&module));
        self.variables.push(module);
    }
}

fn module_of(settings: Map) -> Module {
    let mut module = Module::new();
    module.set_var(SETTINGS, settings);
    module
}

/// What became of a call. A script that caught what should have stopped it did not end well.
fn stopped<T>(meter: &Meter, ended: Result<T, Box<EvalAltResult>>) -> Result<T, Box<EvalAltResult>> {
    match (meter.stopped(), ended) {
        (None, ended) => ended,
        (Some(_), Err(error)) if error.is_system_exception() || is_stop(&error) => Err(error),
        (Some(why), _) => Err(why.at_once()),
    }
}

/// Whether a limit stopped the script where the error says.
fn is_stop(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => is_stop(inner),
        EvalAltResult::ErrorRuntime(thrown, _) => thrown.is::<Stopped>(),
        _ => false,
    }
}

/// What failed, with its place. `again` does it once more, for what the engine does not keep the place of.
fn explain(
    text: &Text,
    variables: &[Shared<Module>],
    meter: &Meter,
    now: &Now,
    error: &EvalAltResult,
    again: impl FnOnce(&Engine),
) -> String {
    if error.is_system_exception() && meter.allows_rerun() {
        text.page().stopped(error, &trace::follow(variables, now, again))
    } else {
        text.page().failed(error)
    }
}

/// The functions that are called from outside must take one value.
fn entry_point(text: &Text, ast: &AST) -> Result<(), String> {
    let own: Vec<_> = ast.iter_functions().filter(|function| !function.name.starts_with("anon$")).collect();
    for (name, needed, call) in
        [(DECIDE, true, "fn decide(event)"), (CONFIGURE, false, "fn configure(settings)")]
    {
        let mut named = own.iter().filter(|function| function.name == name).peekable();
        if named.peek().is_none() {
            if !needed {
                continue;
            }
            let meant = did_you_mean(name, own.iter().map(|function| function.name));
            return Err(format!("{}: there is no function `{call}`, which decides{meant}", text.name));
        }
        if named.all(|function| function.params.len() != 1) {
            return Err(text.page().at(text.definition(name), &format!("this function must be `{call}`")));
        }
    }
    Ok(())
}

fn describe(text: &Text, top: &[(String, Dynamic)], settings: Option<&Map>) -> Result<Metadata, String> {
    let said = |name: &str| {
        let Some((_, value)) = top.iter().rev().find(|(known, _)| known == name) else { return Ok(None) };
        match value.as_immutable_string_ref() {
            Ok(said) => Ok(Some(ImmutableString::clone(&said).to_string())),
            Err(_) => Err(format!("{}: `{name}` at the top must be a text", text.name)),
        }
    };
    let marks = top.iter().rev().find(|(name, _)| name == MARKS).map(|(_, value)| value);
    let schema = settings::schema(settings, marks)
        .map_err(|what| format!("{}: `{MARKS}` at the top: {what}", text.name))?;
    let stem = text.name.strip_suffix(".rhai").unwrap_or(&text.name);
    Ok(Metadata {
        name: said("name")?.unwrap_or_else(|| stem.to_owned()),
        version: said("version")?.unwrap_or_else(|| "1".to_owned()),
        description: said("description")?.unwrap_or_else(|| first_comment(&text.text)),
        settings_schema: Some(schema),
        wants: Vec::new(),
    })
}

/// The first paragraph of the comment that the script begins with, on one line.
fn first_comment(text: &str) -> String {
    let comment = text
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .map_while(|line| line.trim().strip_prefix("//"))
        .map(|line| line.trim_start_matches(['/', '!']).trim())
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty());
    let words: Vec<&str> = comment.flat_map(str::split_whitespace).collect();
    let line: Identifier = words.join(" ").into();
    // The host takes 4 KiB.
    line.chars().take(1_000).collect()
}
