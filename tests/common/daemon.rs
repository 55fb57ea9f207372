//! The daemon as a process: started on ports of its own, asked over real sockets, ended by a real signal.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::http::{Connection, Request, Response};
use super::metrics::Samples;
use super::tools;

/// Unless a test says another time: threads of `bert` get what others leave of the processors, which is little where every test of
/// this crate runs at once, and a text that waited too long is refused or, by `auto`, left to `simple`.
pub const PATIENT: [&str; 2] = ["--bert-timeout", "60s"];

/// A running daemon; dropping it kills it.
pub struct Daemon {
    process: Child,
    addresses: Vec<SocketAddr>,
    lines: Arc<Mutex<Vec<serde_json::Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts it with `arguments` on a port that the system chooses, and waits for its line that says `ready`.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_binary(&tools::tamis_binary(), arguments)
    }

    /// The same of the daemon that lies at `binary`.
    pub fn start_binary(binary: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .args(["--listen", "127.0.0.1:0"])
            .args(PATIENT)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let errors = BufReader::new(process.stderr.take().expect("piped"));
        let lines: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
        let told = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a JSON log line: {line}"));
                told.lock().expect("no panic").push(line);
            }
        });
        let mut daemon = Self { process, addresses: Vec::new(), lines, reader: Some(reader) };
        let ready = daemon.wait_for("ready", Duration::from_mins(1));
        let listen = ready["listen"].as_str().expect("addresses");
        daemon.addresses =
            listen.trim_matches(['[', ']']).split(", ").map(|text| text.parse().expect("an address")).collect();
        daemon
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it serves metrics and probes: `--admin-listen`, or the only address.
    pub fn admin(&self) -> SocketAddr {
        self.addresses[self.addresses.len() - 1]
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address()).expect("it accepts")
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &Request) -> Response {
        request.send_to(self.address()).expect("an answer")
    }

    /// Its metrics now.
    pub fn scrape(&self) -> Samples {
        let response = Request::get("/metrics").send_to(self.admin()).expect("a scrape");
        assert_eq!(response.status, 200);
        Samples::parse(response.text()).expect("the text format")
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end; answers how it ended and every line it logged.
    pub fn wait(mut self, patience: Duration) -> (ExitStatus, Vec<serde_json::Value>) {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                self.reader.take().expect("not taken yet").join().expect("the log is JSON");
                return (status, self.lines.lock().expect("no panic").clone());
            }
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.lines.lock().expect("no panic"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every line that it has logged so far.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.lines.lock().expect("no panic").clone()
    }

    /// Waits until so many log lines have this message.
    pub fn wait_for_lines(&mut self, message: &str, count: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.lines().iter().filter(|line| line["message"] == message).count() < count {
            let ended = self.process.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "not {count} times {message:?}: {:?}", self.lines());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for a log line with this message.
    pub fn wait_for(&mut self, message: &str, patience: Duration) -> serde_json::Value {
        let deadline = Instant::now() + patience;
        loop {
            let lines = self.lines.lock().expect("no panic").clone();
            if let Some(line) = lines.iter().find(|line| line["message"] == message) {
                return line.clone();
            }
            let ended = self.process.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "no line says {message:?} ({ended:?}): {lines:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
