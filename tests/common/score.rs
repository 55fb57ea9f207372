//! `tamis score` as a person runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::tools;

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub printed: Vec<u8>,
    pub complaints: String,
}

impl Ran {
    /// What it printed, as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.printed).expect("UTF-8")
    }

    /// What it printed, a JSON document a line.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// Runs it with `input` as standard input.
pub fn score(arguments: &[&str], input: &[u8]) -> Ran {
    run(&[&["score"], arguments].concat(), input)
}

/// The same of another command.
pub fn run(arguments: &[&str], input: &[u8]) -> Ran {
    let mut process = begin(arguments);
    let mut stdin = process.stdin.take().expect("piped");
    let input = input.to_vec();
    // Whoever does not read to the end is not to blame the test.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = process.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    let complaints = String::from_utf8(output.stderr).expect("UTF-8");
    Ran { code: output.status.code(), printed: output.stdout, complaints }
}

/// Starts it.
pub fn spawn(arguments: &[&str]) -> Child {
    begin(&[&["score"], arguments].concat())
}

fn begin(arguments: &[&str]) -> Child {
    let mut command = Command::new(tools::tamis_binary());
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    pipes.args(arguments).spawn().expect("it starts")
}

/// A directory of files, gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty directory that no other test of this process has.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tamis-score-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_owned()
    }

    /// Writes a file and answers its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), bytes).expect("written");
        self.path(name)
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).expect("a file")
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
