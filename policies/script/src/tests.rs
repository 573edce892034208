use rolarr_policy::contract::{
    Access, Action, Cause, Filter, Grant, Restriction, Role, Rule, Snowflake, Timestamp,
};

use super::*;

fn read(text: &str, settings: &str) -> Result<ScriptPolicy, String> {
    let source = Source { name: "my.rhai".into(), text: text.into() };
    ScriptPolicy::configure(Settings::new(settings), vec![source])
}

fn role(key: &str) -> Role {
    Role { id: Snowflake::from("1"), key: key.into(), name: key.to_uppercase() }
}

fn event() -> Event {
    let mut event = Event::new(Cause::RoleAdded(role("plus")));
    event.at = Timestamp(1_767_225_600_000);
    event.member.roles = vec![role("plus")];
    event
}

fn decide(body: &str) -> Decision {
    let script = format!("fn decide(event) {{\n{body}\n}}");
    read(&script, "{}").unwrap().evaluate(&event()).unwrap()
}

fn fails(body: &str) -> String {
    let script = format!("fn decide(event) {{\n{body}\n}}");
    match read(&script, "{}") {
        Err(error) => format!("at loading: {error}"),
        Ok(policy) => policy.evaluate(&event()).unwrap_err(),
    }
}

#[test]
fn scratch() {
    println!("{:?}", decide("invite()"));
    println!(
        "{:?}",
        decide("[invite([\"Movies\"]), tell(`until ${event.at + days(7)}`), ].because(`has ${event.role}`)")
    );
    println!("{:?}", decide("restrict_to(no_access())"));
    for body in [
        "invit()",
        "loop {}",
        "fail(1)",
        "let a = []; loop { a.push(1) }",
        "let a = \"x\"; loop { a += a }",
        "event.rols",
        "event.member.nam",
        "event.at + 7",
        "tell(1)",
        "invite(#{libs: 1})",
        "import \"x\" as x; 1",
        "eval(\"1\")",
        "if event.cause == \"role-aded\" { 1 }",
        "switch event.cause {\n \"wake\" => invite(),\n \"member-lef\" => 1 }",
        "invite",
        "\"invite\"",
        "no_access()",
        "[invite(), 5]",
        "event.tag",
        "event.since.date",
        "evnt.role",
        "let x = ;",
        "{",
        "\"abc",
        "let f = |x| x.foo; f.call(1)",
        "event.id = \"3\"",
        "if event.memo { 1 }",
        "[1][4]",
        "throw \"because\"",
        "event.has(plus)",
        "event.cause()",
        "event.has_ay()",
        "let m = #{a: 1}; m.b",
        "let x = invite(); x.libraries",
        "1/0",
        "let f = |n| f.call(n); f.call(1)",
        "while true { let x = 1; }",
        "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
        "let x = []; for i in 0..1000000 { let y = [x]; x = y; }",
        "9223372036854775807 + 1",
        "event?.foo",
    ] {
        println!("--- {body}\n{}", fails(body));
    }
    let s = "fn f(n) { f(n + 1) }\nfn decide(event) {\n  f(1)\n}";
    println!("{}", read(s, "{}").unwrap().evaluate(&event()).unwrap_err());
    let s = "fn f(n) { event.role }\nfn decide(event) {\n  f(1)\n}";
    println!("{}", read(s, "{}").err().unwrap());
    let s = "// A script.\n// Two lines.\n\n let settings = #{ days: 3 };\nconst X = 5;\nfn configure(settings) { if settings.days < 1 { throw \"setting `days`: too small\"; } }\nfn decide(event) {\n  wake_at(\"x\", event.at + days(settings.days + X))\n}";
    println!("{:?} {:?}", read(s, "{}").unwrap().evaluate(&event()), ScriptPolicy::describe());
    println!("{:?}", read(s, "{\"days\": 0}").err());
    let s =
        "let settings = #{ days: 3 };\nfn decide(event) {\n  settings.days = 5; tell(`${settings.days}`)\n}";
    println!("{:?}", read(s, "{}").unwrap().evaluate(&event()));
    let s = "let settings = #{ days: 3 };\nfn decide(event) {\n  settings.dais\n}";
    println!("{}", read(s, "{}").err().unwrap());
}
