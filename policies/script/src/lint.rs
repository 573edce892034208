//! Mistakes that can be seen without running the script: they would otherwise wait in a branch that is taken once
//! a year.
//!
//! A function or a property that nothing has, and a comparison with a word that can't be.

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, FnCallExpr, Position, Stmt};

use crate::complaint::Page;
use crate::vocabulary::{WORDS, did_you_mean, listed};

/// Properties of the language's own values.
const LANGUAGE: &[&str] = &[
    "len",
    "is_empty",
    "chars",
    "bytes",
    "bits",
    "start",
    "end",
    "is_inclusive",
    "is_exclusive",
    "is_even",
    "is_odd",
    "is_zero",
    "is_anonymous",
    "name",
    "tag",
    "abs",
];

/// Functions of lists, tables and texts that change them.
const CHANGING: &[&str] = &[
    "append",
    "clear",
    "crop",
    "dedup",
    "drain",
    "fill_with",
    "insert",
    "make_lower",
    "make_upper",
    "mixin",
    "pad",
    "pop",
    "push",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sort",
    "splice",
    "trim",
    "truncate",
];

/// Looks at a whole script.
///
/// # Errors
///
/// The first mistake, with its line.
pub(crate) fn check(engine: &Engine, ast: &AST, page: &Page<'_>) -> Result<(), String> {
    // Tables that come from elsewhere have names that are not known here.
    let mut open = false;
    ast.walk(&mut |path| {
        open |= match path.last() {
            Some(ASTNode::Stmt(Stmt::TryCatch(..))) => true,
            Some(node) => call(node).is_some_and(|(call, _)| call.name == "parse_json"),
            None => false,
        };
        true
    });

    let mut found = Ok(());
    ast.walk(&mut |path| {
        if let Some(node) = path.last() {
            found = Lint { engine, page, open }.node(node);
        }
        found.is_ok()
    });
    found
}

/// Names that the script gives to something: its functions, variables and parameters, and the names in its tables.
pub(crate) fn names(ast: &AST) -> (Vec<String>, Vec<String>) {
    let mut own = Vec::new();
    let mut keys = Vec::new();
    for function in ast.iter_functions().filter(|function| !function.name.starts_with("anon$")) {
        own.push(function.name.to_owned());
        own.extend(function.params.iter().map(|name| (*name).to_owned()));
    }
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => own.push(variable.0.name.to_string()),
            Some(ASTNode::Stmt(Stmt::For(each, _))) => own.push(each.0.name.to_string()),
            Some(ASTNode::Expr(Expr::Map(table, _))) => {
                keys.extend(table.0.iter().map(|(name, _)| name.name.to_string()));
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Some((name, _)) = property(&assignment.1.lhs) {
                    keys.push(name.to_owned());
                }
            }
            _ => {}
        }
        true
    });
    (own, keys)
}

struct Lint<'a> {
    engine: &'a Engine,
    page: &'a Page<'a>,
    open: bool,
}

impl Lint<'_> {
    fn node(&self, node: &ASTNode<'_>) -> Result<(), String> {
        if let Some((call, position)) = call(node) {
            self.function(call, position)?;
            self.comparison(call)?;
        }
        match node {
            ASTNode::Expr(Expr::Property(property, position)) => self.property(&property.2, *position),
            ASTNode::Expr(Expr::StringConstant(text, position)) => self.text(text, *position),
            ASTNode::Expr(Expr::Dot(parts, ..)) => {
                self.event(&parts.lhs, &parts.rhs)?;
                self.change(&parts.lhs, &parts.rhs)
            }
            ASTNode::Stmt(Stmt::Assignment(assignment)) => self.assignment(&assignment.1.lhs),
            ASTNode::Stmt(Stmt::Switch(switch, position)) => self.switch(&switch.0, &switch.1, *position),
            _ => Ok(()),
        }
    }

    /// `event.member.nam`: along such a chain it is known what each part has.
    fn event(&self, on: &Expr, mut chain: &Expr) -> Result<(), String> {
        if !matches!(on, Expr::Variable(variable, ..) if variable.1 == "event") {
            return Ok(());
        }
        let mut of = "event";
        loop {
            let (first, rest) = match chain {
                Expr::Dot(parts, ..) => (&parts.lhs, Some(&parts.rhs)),
                last => (last, None),
            };
            let Expr::Property(property, position) = first else { return Ok(()) };
            let name = property.2.as_str();
            if !self.page.vocabulary.properties_of(of).contains(&name)
                && self.page.vocabulary.usage(name).is_none()
            {
                return Err(self.page.at(*position, &self.page.lacks(of, name)));
            }
            of = match name {
                "member" => "member",
                "service" => "service",
                "at" => "time",
                _ => return Ok(()),
            };
            match rest {
                Some(rest) => chain = rest,
                None => return Ok(()),
            }
        }
    }

    /// `"… ${name} …"`, which would be shown as it stands.
    fn text(&self, text: &str, position: Position) -> Result<(), String> {
        // Between backticks, the fixed parts of a text are texts of this kind too, but without `${`.
        if text.contains("${") {
            let what = "a text with `${…}` in it stands between backticks: `…${…}…`, not between quotes";
            return Err(self.page.at(position, what));
        }
        Ok(())
    }

    /// `settings.days = 3`, which would change a copy.
    fn assignment(&self, target: &Expr) -> Result<(), String> {
        match target {
            Expr::Dot(parts, ..) | Expr::Index(parts, ..) => self.assignment(&parts.lhs),
            Expr::Variable(variable, None, position) if variable.0.is_none() => {
                let name = &variable.1;
                let what = format!(
                    "`{name}` can't be changed in a function: it is the same for every event; `set_memo(\"…\")` \
                     stores something for a member"
                );
                Err(self.page.at(*position, &what))
            }
            _ => Ok(()),
        }
    }

    /// `list.push(…)` on a variable at the top, which would change a copy.
    fn change(&self, on: &Expr, call: &Expr) -> Result<(), String> {
        match call {
            Expr::MethodCall(call, _) if CHANGING.contains(&call.name.as_str()) => self.assignment(on),
            _ => Ok(()),
        }
    }

    fn function(&self, call: &FnCallExpr, position: Position) -> Result<(), String> {
        let name = call.name.as_str();
        let known = call.op_token.is_some()
            || !rhai::is_valid_identifier(name)
            || name.starts_with("anon$")
            || self.page.vocabulary.has_function(name)
            || self.page.own.iter().any(|own| own == name);
        if known { Ok(()) } else { Err(self.page.at(position, &self.page.unknown_function(name))) }
    }

    fn property(&self, name: &str, position: Position) -> Result<(), String> {
        let known = self.open
            || LANGUAGE.contains(&name)
            || self.page.vocabulary.has_property(name)
            || self.page.keys.iter().any(|key| key == name);
        if known { Ok(()) } else { Err(self.page.at(position, &self.page.unknown_property(name))) }
    }

    /// `event.cause == "…"`, `"…" != event.access`, `event.cause in ["…"]`.
    fn comparison(&self, call: &FnCallExpr) -> Result<(), String> {
        if !["==", "!=", "contains"].contains(&call.name.as_str()) {
            return Ok(());
        }
        let [a, b] = call.args.as_slice() else { return Ok(()) };
        for (property, other) in [(a, b), (b, a)] {
            let Some((name, words)) = self.words(property) else { continue };
            for (word, position) in texts(other) {
                if !words.contains(&word.as_str()) {
                    return Err(self.page.at(position, &no_word(name, &word, words)));
                }
            }
        }
        Ok(())
    }

    fn switch(
        &self,
        on: &Expr,
        cases: &rhai::SwitchCasesCollection,
        position: Position,
    ) -> Result<(), String> {
        let Some((name, words)) = self.words(on) else { return Ok(()) };
        let known: Vec<u64> = words.iter().filter_map(|word| self.case(word)).collect();
        let mut unknown: Vec<(u64, Position)> = cases
            .cases
            .iter()
            .filter(|(case, _)| !known.contains(case))
            .map(|(case, blocks)| {
                let block = blocks.blocks.iter().next().and_then(|index| cases.expressions.get(*index));
                (*case, block.map_or(position, |block| block.rhs.position()))
            })
            .collect();
        unknown.sort_by_key(|(_, position)| (position.line(), position.position()));
        let Some((case, end)) = unknown.first() else { return Ok(()) };
        // Only a number is left of the word itself: it is looked for in the text.
        let (from, to) = (position.line().unwrap_or(1), end.line().unwrap_or(1));
        for (index, line) in self.page.text.lines().enumerate().take(to).skip(from.saturating_sub(1)) {
            for (column, word) in quoted(line) {
                if self.case(word) == Some(*case) {
                    let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                    let at = Position::new(number(index + 1).max(1), number(column));
                    return Err(self.page.at(at, &no_word(name, word, words)));
                }
            }
        }
        let what = format!("`{name}` is never this; it is {}", listed(words.iter().copied()));
        Err(self.page.at(*end, &what))
    }

    /// What the engine makes of a text as the case of a `switch`.
    fn case(&self, word: &str) -> Option<u64> {
        let ast = self.engine.compile(format!("switch 0 {{ {word:?} => 0 }}")).ok()?;
        let mut case = None;
        ast.walk(&mut |path| {
            if let Some(ASTNode::Stmt(Stmt::Switch(switch, _))) = path.last() {
                case = switch.1.cases.keys().next().copied();
            }
            true
        });
        case
    }

    /// The property at the end of `….cause`, if only some texts are possible for it.
    fn words(&self, expression: &Expr) -> Option<(&'static str, &'static [&'static str])> {
        let (name, _) = property(expression)?;
        if self.page.keys.iter().any(|key| key == name) {
            return None;
        }
        WORDS.iter().find(|(known, _)| *known == name).copied()
    }
}

fn no_word(name: &str, word: &str, words: &[&str]) -> String {
    let meant = match did_you_mean(word, words.iter().copied()) {
        none if none.is_empty() => {
            format!("; it is {}", listed(words.iter().copied()).replace(" and ", " or "))
        }
        meant => meant,
    };
    format!("`{name}` is never \"{word}\"{meant}")
}

fn call<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position)> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
        | ASTNode::Stmt(Stmt::FnCall(call, position)) => Some((call, *position)),
        _ => None,
    }
}

/// The last property of a chain.
fn property(expression: &Expr) -> Option<(&str, Position)> {
    match expression {
        Expr::Dot(parts, ..) => property(&parts.rhs),
        Expr::Property(property, position) => Some((&property.2, *position)),
        _ => None,
    }
}

/// The texts of an expression: itself, or the elements of a list.
fn texts(expression: &Expr) -> Vec<(String, Position)> {
    match expression {
        Expr::StringConstant(text, position) => vec![(text.to_string(), *position)],
        Expr::Array(elements, _) => elements.iter().flat_map(texts).collect(),
        Expr::DynamicConstant(value, position) => match value.as_array_ref() {
            Ok(list) => {
                let text = |value: &Dynamic| value.clone().into_string().ok();
                list.iter().filter_map(text).map(|text| (text, *position)).collect()
            }
            Err(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What stands in double quotes in a line, with the column of the first quote.
fn quoted(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut column = 1;
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            found.push((column - 1, part));
        }
        column += part.chars().count() + 1;
    }
    found
}
