//! What the binary prints for shells and readers of manuals, and what it asks for an image without a shell.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::PATIENCE;
use common::tools::{tamis_binary, tool_or_skip};

fn run(arguments: &[&str]) -> Output {
    Command::new(tamis_binary()).args(arguments).env_remove("TAMIS_LISTEN").output().expect("it runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    // What is said of a command goes on in lines that are set in further.
    let lines = listed.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// What bash offers for the last of `words`.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let program = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_tamis tamis \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1
    );
    let output = Command::new("bash").args(["-euc", &program]).output().expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let script = printed(&["completions", "bash"]);
    assert_eq!(completed(&script, &["tamis", "sc"]), ["score"]);
    assert_eq!(completed(&script, &["tamis", "score", "--res"]), ["--resume"]);
    assert_eq!(completed(&script, &["tamis", "score", "--format", ""]), ["jsonl", "csv"]);
    assert_eq!(completed(&script, &["tamis", "--max-r"]), ["--max-rows"]);
    let all = completed(&script, &["tamis", ""]);
    for command in commands() {
        assert!(all.contains(&command), "{command}");
    }
}

#[test]
fn every_shell_has_a_script_with_every_command() {
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        let Some(tool) = Some(shell).filter(|shell| ["zsh", "fish"].contains(shell)).and_then(optional) else {
            continue;
        };
        let mut parse = Command::new(tool).arg("-n").stdin(Stdio::piped()).spawn().expect("it runs");
        parse.stdin.take().expect("piped").write_all(script.as_bytes()).expect("it reads");
        assert!(parse.wait().expect("it ends").success(), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd"]).status.code(), Some(2));
}

/// A tool that no gate asks for: where it is, it judges too.
fn optional(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

#[test]
fn every_command_has_a_page_that_groff_reads_without_a_warning() {
    let groff = tool_or_skip("groff");
    let commands = commands();
    assert!(commands.iter().any(|command| command == "score"), "{commands:?}");
    for command in std::iter::once(None).chain(commands.iter().map(|name| Some(name.as_str()))) {
        let page = printed(&[&["man"], command.as_slice()].concat());
        let name = command.map_or("tamis".to_owned(), |command| format!("tamis-{command}"));
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
            assert!(page.contains(section), "{name}: {section}");
        }
        assert_eq!(page.contains("TAMIS_LISTEN"), command.is_none(), "{name}: settings stand in one page");
        let Some(groff) = &groff else { continue };
        let mut process = Command::new(groff);
        let process = process.args(["-man", "-Tutf8", "-ww", "-z"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = process.spawn().expect("groff runs");
        process.stdin.take().expect("piped").write_all(page.as_bytes()).expect("it reads");
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
    }
    let page = printed(&["man", "score"]);
    for said in ["\\-\\-resume", "\\-\\-column", "EXIT STATUS"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(run(&["man", "nothing"]).status.code(), Some(1));
}

/// Exit code and complaints of `tamis healthcheck`.
fn checked(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["healthcheck"], arguments].concat());
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

#[test]
fn healthcheck_asks_where_the_probes_are() {
    let quick = ["--workers", "1", "--bert", "off"];
    let daemon = Daemon::start(&[&quick[..], &["--admin-listen", "127.0.0.1:0"]].concat());
    let (listen, admin) = (daemon.address().to_string(), daemon.admin().to_string());
    assert_ne!(listen, admin);
    assert_eq!(checked(&["--listen", "127.0.0.1:1", "--admin-listen", &admin]).0, Some(0));
    let (code, told) = checked(&["--listen", &listen]);
    assert_eq!(code, Some(1), "there is no probe");
    assert!(told.contains("404") && told.contains(&listen), "{told}");
    // As the image has it: the daemon is bound to every address, and the variable says so to both.
    let everywhere = format!("0.0.0.0:{}", daemon.admin().port());
    let mut command = Command::new(tamis_binary());
    assert!(command.arg("healthcheck").env("TAMIS_LISTEN", everywhere).status().expect("it runs").success());
}

#[test]
fn healthcheck_reads_addresses_of_version_6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let address = format!("[::]:{port}");
    let settings = ["--workers", "1", "--bert", "off", "--listen", &address];
    let mut daemon = Command::new(tamis_binary()).args(settings).stderr(Stdio::null()).spawn().expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    let mut found = checked(&["--listen", &address]);
    while found.0 != Some(0) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        found = checked(&["--listen", &address]);
    }
    let loopback = checked(&["--listen", &format!("[::1]:{port}")]).0;
    daemon.kill().and_then(|()| daemon.wait()).expect("it ran");
    assert_eq!((found, loopback), ((Some(0), String::new()), Some(0)));
}

#[test]
fn healthcheck_tells_a_daemon_that_drains() {
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--drain-delay", "60s"]);
    let address = daemon.address().to_string();
    daemon.signal("TERM");
    daemon.wait_for("draining", Duration::from_secs(20));
    let (code, told) = checked(&["--listen", &address]);
    assert_eq!(code, Some(1));
    assert!(told.contains("not ready") && told.contains("503"), "{told}");
}

#[test]
fn healthcheck_does_not_wait_for_ever() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        // It says nothing, or a byte at a time.
        std::thread::spawn(move || {
            let (mut stream, _): (TcpStream, _) = listener.accept().expect("a client");
            for byte in answer {
                std::thread::sleep(Duration::from_millis(500));
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let begun = Instant::now();
        let (code, told) = checked(&["--listen", &address]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("no answer"), "{told}");
        assert!((2..40).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }
}
