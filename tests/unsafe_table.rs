//! `.github/SECURITY.md` lists every `unsafe` of the crate by file, and each test that it names, there or beside a threat, is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const WRITE: &str = "write the table in .github/SECURITY.md anew";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every Rust file below `directory`, with its path from the root and its text.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(directory)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("one").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").to_str().expect("plain").to_owned();
            found.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
    found
}

/// `text` without comments, strings and characters in quotes.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(end) = raw_string(rest) {
            end
        } else if first == '"' {
            end_of_string(rest)
        } else if first == '\'' {
            // A character, or a lifetime, which is no longer than its mark.
            let mut letters = rest.chars().skip(1);
            match (letters.next(), letters.next()) {
                (Some('\\'), _) => {
                    rest[2..].char_indices().skip(1).find(|(_, end)| *end == '\'').map_or(1, |(at, _)| at + 3)
                }
                (Some(letter), Some('\'')) => 2 + letter.len_utf8(),
                _ => 1,
            }
        } else {
            code.push(first);
            first.len_utf8()
        };
        if skipped > 1 {
            code.push(' ');
        }
        rest = &rest[skipped..];
    }
    code
}

/// Where the string that begins `text` ends.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the raw string that begins `text` ends, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix('r')?;
    let count = marks.bytes().take_while(|&byte| byte == b'#').count();
    marks[count..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(count));
    let begin = count + 2;
    text[begin..].find(&end).map(|at| begin + at + end.len())
}

/// How often `unsafe` stands as a word of its own.
fn count_unsafe(text: &str) -> usize {
    let code = code_of(text);
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| *word == "unsafe").count()
}

/// The rows of the table under a heading that begin with `start`, by cell.
fn rows(heading: &str, start: &str) -> Vec<Vec<String>> {
    let document = std::fs::read_to_string(root().join(".github/SECURITY.md")).expect("a document");
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    let rows = section.lines().filter(|line| line.starts_with(start));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between the marks of code.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn words_are_counted_in_code_alone() {
    let text = r##"
        // unsafe
        /* unsafe */ let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = '"'; let d = '\''; let e = '\u{22}';
        #![allow(unsafe_code)] fn f<'a>(g: &'a str) { unsafe { h() } } unsafe fn i() {} "##;
    assert_eq!(count_unsafe(text), 2);
}

#[test]
fn every_unsafe_is_in_the_table() {
    let rooms = ["src", "models/build", "models/build.rs"];
    let found: BTreeMap<_, _> = rooms
        .iter()
        .flat_map(|room| sources(room))
        .map(|(name, text)| (name, count_unsafe(&text)))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert!(found.len() > 3, "the files are read");
    let table: BTreeMap<_, _> = rows("Unsafe code", "| `")
        .iter()
        .map(|row| (names(&row[0]).next().expect("a file").to_owned(), row[1].parse().expect("a count")))
        .collect();
    assert_eq!(found, table, "{WRITE}");
}

#[test]
fn what_the_tables_name_is_there() {
    let sources = [sources("src"), sources("tests")].concat();
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    let unsafe_code = rows("Unsafe code", "| `");
    let threats = rows("What the daemon defends against", "| ").split_off(1);
    assert!(unsafe_code.iter().all(|row| row.len() == 5) && threats.iter().all(|row| row.len() == 3));
    for row in unsafe_code.iter().chain(&threats) {
        let mut held = 0;
        for name in names(row.last().expect("cells")) {
            let there = if let Some(target) = name.strip_prefix("make ") {
                makefile.contains(&format!("\n{target}:"))
            } else {
                let (file, function) = (format!("tests/{name}.rs"), format!("fn {name}("));
                sources.iter().any(|(path, text)| *path == file || text.contains(&function))
            };
            assert!(there, "{name} is not there: {WRITE}");
            held += 1;
        }
        assert!(held > 0, "nothing shows {}", row[0]);
    }
}
