//! What is typed and shown at a terminal: passwords unseen, how far a run has come.

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::score::Folder;
use common::tools;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use tamis::auth::name::Name;
use tamis::auth::users::Users;

/// A terminal, and whoever sits in front of it.
struct Terminal {
    keyboard: File,
    /// What the program sees.
    line: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn new() -> Self {
        let front = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&front).and_then(|()| unlockpt(&front)).expect("unlocked");
        let path = ptsname(&front, Vec::new()).expect("a name").into_bytes();
        let path = std::ffi::OsString::from_vec(path);
        let line = File::options().read(true).write(true).open(path).expect("its other end");
        let keyboard = File::from(front);
        let (mut shown, screen) = (keyboard.try_clone().expect("another"), Arc::<Mutex<Vec<u8>>>::default());
        let told = Arc::clone(&screen);
        // Ends with the terminal.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                told.lock().expect("no panic").extend_from_slice(&bytes[..count]);
            }
        });
        Self { keyboard, line, screen }
    }

    /// A program with this as what it reads and complains to.
    fn start(&self, arguments: &[&str]) -> Child {
        let end = || self.line.try_clone().expect("another");
        let mut command = Command::new(tools::tamis_binary());
        command.args(arguments).stdin(end()).stderr(end()).stdout(Stdio::piped());
        command.spawn().expect("it starts")
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("no panic")).into_owned()
    }

    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.screen().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} within a minute: {:?}", self.screen());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn types(&self, text: &str) {
        (&self.keyboard).write_all(text.as_bytes()).expect("typed");
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.line).expect("a terminal").local_modes.contains(LocalModes::ECHO)
    }
}

/// The code and what was printed.
fn ended(process: Child) -> (Option<i32>, String) {
    let output = process.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn a_password_is_typed_twice_and_not_shown() {
    let terminal = Terminal::new();
    let process = terminal.start(&["hash-password"]);
    for question in ["Password: ", "Once more: "] {
        terminal.wait_for(question);
        assert!(!terminal.echoes());
        terminal.types("unmistakable\n");
    }
    let (code, hash) = ended(process);
    assert_eq!(code, Some(0));
    let users = Users::parse(format!("a:{hash}").as_bytes()).expect("a hash");
    assert!(users.verify(Name::new(b"a").as_ref(), b"unmistakable"));
    assert!(terminal.echoes(), "as it was");
    terminal.wait_for("Once more: \r\n");
    assert_eq!(terminal.screen(), "Password: \r\nOnce more: \r\n");
}

#[test]
fn a_password_that_is_typed_in_two_ways_is_refused() {
    let terminal = Terminal::new();
    let process = terminal.start(&["hash-password"]);
    for (question, answer) in [("Password: ", "one\n"), ("Once more: ", "other\n")] {
        terminal.wait_for(question);
        terminal.types(answer);
    }
    assert_eq!(ended(process), (Some(1), String::new()));
    terminal.wait_for("the two differ");
    assert!(terminal.echoes());
}

#[test]
fn a_run_shows_how_far_it_has_come_and_what_it_did() {
    let (terminal, folder) = (Terminal::new(), Folder::new("terminal"));
    let texts = folder.write("texts.txt", "You are stupid and I hate you!\n".repeat(30_000));
    let run = |output: &str, arguments: &[&str]| {
        ended(terminal.start(&[&["score", &texts, "-o", &folder.path(output)], arguments].concat()))
    };
    assert_eq!(run("shown.jsonl", &[]), (Some(0), String::new()));
    terminal.wait_for("30,000 rows in ");
    assert!(terminal.screen().contains(" % of "), "{}", terminal.screen());
    let before = terminal.screen();
    assert_eq!(run("unshown.jsonl", &["--no-progress"]), (Some(0), String::new()));
    assert_eq!(terminal.screen(), before, "nothing is shown where nothing is wanted");
}
