//! What the page about comparing policies promises is there.

use std::{path::Path, process::Command};

const PAGE: &str = include_str!("../../docs/comparing-policies.md");

/// The words of a command line; what stands between quotes is one.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[test]
fn each_command_line_is_understood() {
    let lines: Vec<&str> = PAGE
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
        .collect();
    for line in &lines {
        let words = words(line);
        let (program, arguments) = words.split_first().unwrap();
        assert_eq!(program, "rolarr", "{line}");
        // Reads all arguments before it, and does nothing.
        let output =
            Command::new(env!("CARGO_BIN_EXE_rolarr")).args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(lines.len() >= 12, "{lines:?}");
}

#[test]
fn each_file_that_is_linked_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for target in PAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(folder.join(target).exists(), "{target}");
    }
}
