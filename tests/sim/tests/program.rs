//! The program that clients in other languages start.

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
    };

    use serde_json::{Value, json};

    #[test]
    fn it_says_where_it_listens_obeys_and_ends_with_its_input() {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rolarr-sim"))
            .arg("plex")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        let hello = next();
        for url in ["plex_tv", "clients", "server"] {
            assert!(hello[url].as_str().unwrap().starts_with("http://127.0.0.1:"), "{hello}");
        }
        let ann = &hello["people"][0]["id"];
        let share = json!({"do": "share", "account": ann, "machine": hello["machine"], "libraries": []});
        writeln!(input, "{share}").unwrap();
        assert!(next()["ok"].is_u64());
        writeln!(input, "this is no command").unwrap();
        assert!(next()["error"].is_string());
        writeln!(input, "{}", json!({"do": "state"})).unwrap();
        assert_eq!(next()["ok"]["shares"].as_object().unwrap().len(), 1);
        drop(input);
        assert!(program.wait().unwrap().success());
    }

    #[test]
    fn it_plays_discord_too() {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rolarr-sim"))
            .arg("discord")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        let hello = next();
        assert!(hello["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{hello}");
        assert!(hello["gateway"].as_str().unwrap().starts_with("ws://127.0.0.1:"), "{hello}");
        let alice = &hello["members"]["alice"];
        writeln!(input, "{}", json!({"do": "type-direct-message", "user": alice, "text": "hello"})).unwrap();
        assert!(next()["ok"].is_string());
        writeln!(input, "{}", json!({"do": "messages", "user": alice})).unwrap();
        assert_eq!(next()["ok"][0]["content"], "hello");
        writeln!(input, "this is no command").unwrap();
        assert!(next()["error"].is_string());
        drop(input);
        assert!(program.wait().unwrap().success());
    }

    #[test]
    fn it_explains_itself_to_those_who_name_no_simulator() {
        let output = Command::new(env!("CARGO_BIN_EXE_rolarr-sim")).arg("nothing").output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage: "));
    }
}
