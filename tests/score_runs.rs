//! `tamis score` in a pipe, on many threads, cut off and gone on with.

mod common;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::http::PATIENCE;
use common::score::{Folder, score, spawn};

/// So many rows of columns, of which some have two lines and some are at fault.
fn table(rows: usize) -> String {
    let mut text = "id,text\n".to_owned();
    for row in 0..rows {
        let _ = match row % 50 {
            7 => writeln!(text, "{row},"),
            9 => writeln!(text, "{row},\"a \"\"quoted\"\"\ntext, number {row}\""),
            _ => writeln!(text, "{row},some text of number {row} that is {}", ["kind", "stupid", "long"][row % 3]),
        };
    }
    text
}

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// Waits until `is_so`.
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let input = table(20_000);
    let run = |threads| score(&["-i", "csv", "-k", "-f", "csv", "-j", threads], input.as_bytes());
    let one = run("1");
    assert_eq!(one.code, Some(3));
    assert!(one.complaints.contains("400 of 20000 rows"), "{}", one.complaints);
    let many = run("7");
    assert!(one.printed == many.printed && many.code == Some(3));
}

#[test]
fn a_line_that_is_typed_is_answered_at_once() {
    let mut process = spawn(&["--format", "csv"]);
    let (mut typed, answers) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
    let mut answers = BufReader::new(answers).lines();
    for row in 1..4 {
        // The next line is typed when this one is answered.
        writeln!(typed, "You are kind.").expect("it reads");
        if row == 1 {
            assert!(answers.next().expect("a head").expect("text").starts_with("row,score"));
        }
        assert!(answers.next().expect("a row").expect("text").starts_with(&format!("{row},")));
    }
    drop(typed);
    assert!(process.wait().expect("it ends").success());
}

#[test]
fn who_has_seen_enough_ends_it_quietly() {
    let mut process = spawn(&[]);
    let (mut stdin, mut answers) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
    let mut some = [0; 10];
    writeln!(stdin, "You are kind.").expect("it reads");
    answers.read_exact(&mut some).expect("an answer");
    drop(answers);
    // It notices when it writes; its input stays open.
    writeln!(stdin, "You are kind.").expect("it reads");
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    drop(stdin);
}

/// Starts a run of `input` to `out.csv` and stops it by `name` when some of it is scored; answers its exit code.
fn cut_off(folder: &Folder, input: &str, name: &str) -> Option<i32> {
    let out = folder.path("out.csv");
    let mut process = spawn(&["-i", "csv", "-k", "-o", &out]);
    let mut stdin = process.stdin.take().expect("piped");
    let part = &input.as_bytes()[..input.len() / 2];
    let written = || std::fs::metadata(&out).map_or(0, |file| file.len());
    for piece in part.chunks(part.len().div_ceil(4)) {
        let before = written();
        stdin.write_all(piece).expect("it reads");
        wait("nothing is written", || written() > before);
        // Long enough for a checkpoint between some of the pieces.
        std::thread::sleep(Duration::from_millis(600));
    }
    signal(&process, name);
    let code = process.wait().expect("it ends").code();
    drop(stdin);
    code
}

#[test]
fn a_run_that_is_killed_is_gone_on_with_to_the_same_bytes() {
    let (folder, input) = (Folder::new("killed"), table(8_000));
    let whole = folder.path("whole.csv");
    assert_eq!(score(&["-i", "csv", "-k", "-o", &whole], input.as_bytes()).code, Some(3));
    assert_eq!(cut_off(&folder, &input, "KILL"), None);
    let out = folder.path("out.csv");
    let checkpoint: serde_json::Value = serde_json::from_slice(&folder.read("out.csv.unfinished")).expect("JSON");
    assert!(checkpoint["rows"].as_u64().is_some_and(|rows| (1..8_000).contains(&rows)), "{checkpoint}");
    // Half a row more, as a machine that goes down may leave it.
    let torn = [folder.read("out.csv"), b"4001,\"torn".to_vec()].concat();
    folder.write("out.csv", torn);

    let again = ["-i", "csv", "-k", "-o", &out];
    let resume = [&again[..], &["--resume"]].concat();
    for (arguments, input, code, told) in [
        (again.to_vec(), input.clone(), 2, "out.csv is unfinished"),
        ([&resume[..], &["--model", "auto"]].concat(), input.clone(), 2, "model was"),
        ([&resume[..], &["--prefix", "a"]].concat(), input.clone(), 2, "prefix was"),
        (resume.clone(), input.replacen("kind", "mean", 1), 1, "not what was scored before"),
        (resume.clone(), input[..input.len() / 20].to_owned(), 1, "not what was scored before"),
    ] {
        let ran = score(&arguments, input.as_bytes());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.complaints.contains(told), "{arguments:?}: {ran:?}");
    }
    let ran = score(&resume, input.as_bytes());
    assert_eq!(ran.code, Some(3), "faults before the cut count too: {ran:?}");
    assert!(ran.complaints.contains("160 of 8000 rows"), "{ran:?}");
    assert!(folder.read("out.csv") == folder.read("whole.csv"), "the bytes of a run that nothing disturbed");
    assert!(!folder.has("out.csv.unfinished"));
    let ran = score(&resume, input.as_bytes());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.complaints.contains("finished"), "{ran:?}");
    let ran = score(&again, input.as_bytes());
    assert!(ran.code == Some(3) && folder.read("out.csv") == folder.read("whole.csv"), "it begins anew");
}

#[test]
fn a_run_that_is_interrupted_leaves_whole_rows() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (folder, input) = (Folder::new(name), table(8_000));
        assert_eq!(cut_off(&folder, &input, name), Some(code));
        let (out, left) = (folder.path("out.csv"), folder.read("out.csv"));
        assert!(left.ends_with(b"\n"));
        let whole = score(&["-i", "csv", "-k", "-f", "csv"], input.as_bytes()).printed;
        assert!(whole.starts_with(&left) && left.len() > whole.len() / 4);
        assert_eq!(score(&["-i", "csv", "-k", "-o", &out, "--resume"], input.as_bytes()).code, Some(3));
        assert!(folder.read("out.csv") == whole);
    }
}

#[test]
fn several_files_are_gone_on_with_in_the_right_one() {
    let folder = Folder::new("several");
    let files = [folder.write("a.csv", table(300)), folder.write("b.csv", table(200)), folder.write("c.csv", "text\n")];
    let whole = score(&[&files[0], &files[1], &files[2]], b"").printed;
    let out = folder.path("out.jsonl");
    // What is missing in the third file ends the run; it is mended.
    folder.write("c.csv", "other\n");
    let run = |more: &[&str]| score(&[&[files[0].as_str(), &files[1], &files[2], "-o", &out], more].concat(), b"");
    let ran = run(&[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.complaints.contains("c.csv: there is no column 'text'"), "{ran:?}");
    assert!(folder.has("out.jsonl.unfinished"));
    folder.write("c.csv", "text\nmore\n");
    assert_eq!(run(&["--resume"]).code, Some(3));
    let found = folder.read("out.jsonl");
    assert!(found.starts_with(&whole) && found.len() > whole.len());
    assert_eq!(found.split(|byte| *byte == b'\n').count() - 1, 501);
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let mut process = spawn(&["-j", "2", "-o", "/dev/null"]);
    let mut stdin = process.stdin.take().expect("piped");
    let status = format!("/proc/{}/status", process.id());
    let most = || {
        let status = std::fs::read_to_string(&status).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let block = "some text that is as long as a line may be\n".repeat(25_000);
    let mut kilobytes = Vec::new();
    for _ in 0..20 {
        stdin.write_all(block.as_bytes()).expect("it reads");
        kilobytes.push(most());
    }
    drop(stdin);
    assert!(process.wait().expect("it ends").success());
    assert!(kilobytes[19] < kilobytes[4] + 4096, "{kilobytes:?}");
}

#[test]
fn a_row_that_never_ends_takes_bounded_memory() {
    let mut process = spawn(&["-i", "csv", "-j", "1", "-f", "csv"]);
    let (mut stdin, id) = (process.stdin.take().expect("piped"), process.id());
    let block = vec![b'a'; 1 << 20];
    stdin.write_all(b"text\n\"").expect("it reads");
    for _ in 0..200 {
        stdin.write_all(&block).expect("it reads");
    }
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    let most = most.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    stdin.write_all(b"\"\nkind\n").expect("it reads");
    drop(stdin);
    let output = process.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3));
    let rows = String::from_utf8(output.stdout).expect("text");
    let mut rows = rows.lines().skip(1);
    assert!(rows.next().is_some_and(|row| row.starts_with("1,,") && row.ends_with("text_too_long")));
    assert!(rows.next().is_some_and(|row| row.starts_with("2,")), "the next row is scored");
    assert!(most < 120_000, "{most} kB of a row of 200 MiB");
}
