//! The pages for policy authors: the files that they show are written into a folder, and their commands are run
//! there, in their order.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::{path::Path, process::Command};

const TESTING: &str = include_str!("../../docs/policy-tests.md");
const WRITING: &str = include_str!("../../docs/writing-policies.md");

/// A block of code: what stands behind the backticks, and the text.
struct Block {
    kind: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The words of a command line. Quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn run(folder: &Path, line: &str) -> (i32, String) {
    let words = words(line);
    let (program, args) = words.split_first().unwrap();
    assert_eq!(program, "rolarr", "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_rolarr"))
        .args(args)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

/// What became of a page: how many files it wrote, how many commands it ran, and the folder.
struct Followed {
    files: usize,
    commands: usize,
    /// What the commands said that have to fail.
    failed: Vec<String>,
    folder: tempfile::TempDir,
}

fn follow(page: &str) -> Followed {
    let folder = tempfile::tempdir().unwrap();
    let mut last = String::new();
    let (mut files, mut commands, mut failed) = (0, 0, Vec::new());
    for Block { kind, text } in blocks(page) {
        match kind.split_once(' ') {
            None if kind == "sh" => {
                for line in text.lines() {
                    let (code, output) = run(folder.path(), line);
                    assert_eq!(code, 0, "{line}\n{output}");
                    last = output;
                    commands += 1;
                }
            }
            None if kind == "text" => assert_eq!(text, last, "what the page shows is not what is printed"),
            Some(("sh", "fails")) => {
                let (code, output) = run(folder.path(), text.trim());
                assert_eq!(code, 1, "{text}\n{output}");
                failed.push(output);
                commands += 1;
            }
            Some((_, file)) => {
                let file = folder.path().join(file);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
                files += 1;
            }
            None => panic!("a block of kind `{kind}` that no test knows"),
        }
    }
    Followed { files, commands, failed, folder }
}

#[test]
fn every_example_about_testing_works() {
    let Followed { files, commands, failed, folder } = follow(TESTING);
    assert!(failed[0].contains("(- expected, + decided)"), "{failed:?}");
    assert!(files >= 8 && commands >= 11, "{files} files, {commands} commands");
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(report.contains("<testsuites"), "{report}");
}

#[test]
fn every_example_about_writing_works() {
    let Followed { files, commands, failed, .. } = follow(WRITING);
    assert!(failed[0].contains("wrong.rhai:2") && failed[0].contains("`access`"), "{failed:?}");
    assert!(files >= 8 && commands >= 10, "{files} files, {commands} commands");
}
