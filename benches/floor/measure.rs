//! Starting the servers, driving them with `wrk`, reading their CPU time.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is asked, and of how many workers.
pub struct Load {
    /// The table's words for it.
    pub name: &'static str,
    /// Where.
    pub path: &'static str,
    /// `POST` with this, or `GET`.
    pub body: Option<String>,
    /// Requests that a client sends before it reads the answers.
    pub depth: usize,
    /// One worker has a core of its own, `wrk` another; more share theirs with it.
    pub workers: usize,
}

/// What one round cost.
#[derive(Clone, Copy)]
pub struct Sample {
    /// CPU microseconds per request, user and kernel.
    pub cpu: f64,
    /// Requests per second.
    pub requests: f64,
}

/// A server process on a core of its own; dropping it ends it.
pub struct Server {
    process: Child,
    /// Where it listens.
    pub port: u16,
    /// Where it is asked whether it is ready, in plain.
    probe: u16,
    scheme: &'static str,
}

impl Server {
    /// The daemon as it ships.
    pub fn tamis(workers: usize) -> Self {
        Self::daemon(env!("CARGO_BIN_EXE_tamis"), workers, &["--bert", "off"])
    }

    /// Another build of the daemon, or with other settings.
    pub fn daemon(program: &str, workers: usize, settings: &[&str]) -> Self {
        let port = free_port();
        let (listen, count) = (format!("127.0.0.1:{port}"), workers.to_string());
        let arguments = [&["--listen", &listen, "--workers", &count], settings].concat();
        Self::start(port, workers, program, &arguments)
    }

    /// The daemon over TLS with these files, one worker.
    pub fn encrypted(certificate: &str, key: &str) -> Self {
        let (port, probe) = (free_port(), free_port());
        let (listen, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{probe}"));
        let addresses = ["--listen", &listen, "--admin-listen", &admin, "--workers", "1", "--bert", "off"];
        let files = ["--tls-certificate", certificate, "--tls-key", key];
        Self::start_probed(port, probe, "https", 1, env!("CARGO_BIN_EXE_tamis"), &[&addresses[..], &files].concat())
    }

    /// This binary as the floor of that name, sending `body`.
    pub fn floor(name: &str, workers: usize, body: &str) -> Self {
        let port = free_port();
        let this = std::env::current_exe().expect("this binary");
        let arguments = ["--serve", name, &port.to_string(), &workers.to_string(), body];
        Self::start(port, workers, this.to_str().expect("a path"), &arguments)
    }

    fn start(port: u16, workers: usize, program: &str, arguments: &[&str]) -> Self {
        Self::start_probed(port, port, "http", workers, program, arguments)
    }

    fn start_probed(
        port: u16,
        probe: u16,
        scheme: &'static str,
        workers: usize,
        program: &str,
        arguments: &[&str],
    ) -> Self {
        let cores = if workers == 1 { "0" } else { "0-1" };
        let process =
            Command::new("taskset").args(["-c", cores, program]).args(arguments).stderr(Stdio::null()).spawn();
        let server = Self { process: process.expect("taskset and the server"), port, probe, scheme };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !server.is_ready() {
            assert!(Instant::now() < deadline, "{program} does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn is_ready(&self) -> bool {
        self.ask("GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .is_some_and(|text| text.starts_with("HTTP/1.1 200"))
    }

    /// The body with which the server answers `load`.
    pub fn answer(&self, load: &Load) -> String {
        let body = load.body.as_deref().unwrap_or_default();
        let method = if load.body.is_some() { "POST" } else { "GET" };
        let request = format!(
            "{method} {} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            load.path,
            body.len()
        );
        let answer = self.ask(&request).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{}: {answer}", load.name);
        body.to_owned()
    }

    fn ask(&self, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.probe)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        // Whoever does not read `connection: close` ends the connection at this.
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Nanoseconds that all threads of the process have run.
    pub fn cpu_nanoseconds(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("a running server");
        let ran = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        tasks.filter_map(ran).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `wrk`, if it is installed.
pub fn wrk() -> Option<PathBuf> {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([tools]).map(|folder| folder.join("wrk")).find(|file| file.is_file())
}

/// One round: 32 connections from another core for `seconds`.
pub fn measure(wrk: &Path, server: &Server, load: &Load, seconds: f64) -> Sample {
    let script = script(load);
    let url = format!("{}://127.0.0.1:{}{}", server.scheme, server.port, load.path);
    let duration = format!("{}s", seconds.ceil());
    let before = server.cpu_nanoseconds();
    let output = Command::new("taskset")
        .args(["-c", "1"])
        .arg(wrk)
        .args(["-t1", "-c32", "-d", &duration, "-s"])
        .arg(&script)
        .arg(&url)
        .output()
        .expect("wrk runs");
    let cpu = server.cpu_nanoseconds() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx"), "{}: {text}", load.name);
    let number =
        |line: &str, word: usize| line.split_whitespace().nth(word).and_then(|number| number.parse::<f64>().ok());
    let done = text.lines().find_map(|line| line.contains(" requests in ").then(|| number(line, 0))).flatten();
    let rate = text.lines().find_map(|line| line.starts_with("Requests/sec").then(|| number(line, 1))).flatten();
    let done = done.unwrap_or_else(|| panic!("wrk said: {text} {}", String::from_utf8_lossy(&output.stderr)));
    Sample { cpu: cpu as f64 / 1e3 / done, requests: rate.unwrap_or_default() }
}

fn script(load: &Load) -> PathBuf {
    let mut text = String::new();
    if let Some(body) = &load.body {
        let _ = write!(
            text,
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [==[{body}]==]\n"
        );
    }
    if load.depth > 1 {
        let _ = write!(
            text,
            "init = function(arguments)\n  local one = wrk.format()\n  many = string.rep(one, {})\nend\n\
             request = function() return many end\n",
            load.depth
        );
    }
    let path = std::env::temp_dir().join(format!("tamis-floor-{}.lua", std::process::id()));
    std::fs::write(&path, text).expect("a writable directory");
    path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}
