//! What becomes of the daemon when the system around it fails: stated, and tested on the real process.

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser as _;
use common::auth::{Files, bearer, log_in};
use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{analyze, json};
use common::tools;
use common::user_model::{UserModel, empty_directory};
use tamis::config::{CommandLine, LogFormat, LogLevel};
use tamis::server::Server;

const PATIENCE: Duration = Duration::from_mins(1);
/// How often an idle daemon is asked whether it is so already.
const PAUSE: Duration = Duration::from_millis(20);

/// A script that does `before` and becomes the daemon, gone with the test.
struct Wrapper(PathBuf);

impl Wrapper {
    fn new(name: &str, before: &str) -> Self {
        Self::of(&tools::tamis_binary(), name, before)
    }

    fn of(binary: &Path, name: &str, before: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tamis-faults-{}-{name}", std::process::id()));
        let script = format!("#!/bin/sh\n{before}\nexec '{}' \"$@\"\n", binary.display());
        std::fs::write(&path, script).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        Self(path)
    }

    fn start(&self, arguments: &[&str]) -> Daemon {
        Daemon::start_binary(&self.0, &[&["--workers", "1", "--bert", "off"], arguments].concat())
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn predict() -> Request {
    Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#)
}

/// Says why a test is left out, as [`tools::tool_or_skip`] does, but where this machine does not allow what it needs.
fn left_out(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "left out: {why}");
}

/// A worker that panics ends the process, which says where and why: run in a process of its own.
#[test]
fn a_worker_that_panics_ends_the_process() {
    const NAME: &str = "a_worker_that_panics_ends_the_process";
    if std::env::var_os("TAMIS_TEST_PANIC").is_some() {
        tamis::log::start(LogLevel::Info, LogFormat::Json);
        let mut line = CommandLine::parse_from(["tamis", "--listen", "127.0.0.1:0", "--workers", "2"]);
        // No command line can ask for so many: a worker finds no room for them.
        line.flags.max_rows = usize::MAX;
        let _server = Server::start(&line.flags);
        std::thread::sleep(PATIENCE);
        return;
    }
    let test = std::env::current_exe().expect("this test");
    let output = Command::new(test).args([NAME, "--exact", "--nocapture"]).env("TAMIS_TEST_PANIC", "1").output();
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{told}");
    let line = told.lines().find(|line| line.contains("\"message\":\"panic\"")).expect("last words");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert!(line["thread"].as_str().is_some_and(|thread| thread.starts_with("worker-")), "{line}");
    assert!(line["place"].as_str().is_some_and(|place| !place.is_empty()) && !line["reason"].is_null(), "{line}");
}

#[test]
fn connections_that_descriptors_do_not_reach_for_wait_and_probes_are_answered() {
    let wrapper = Wrapper::new("descriptors", "ulimit -n 80");
    let mut daemon = wrapper.start(&["--admin-listen", "127.0.0.1:0"]);
    let line = daemon.wait_for("the limit of open files allows fewer than --max-connections", PATIENCE);
    let places = line["connections"].as_u64().expect("a number") as usize;
    assert!((1..80).contains(&places), "{line}");
    let mut clients: Vec<_> = (0..places + 40).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.send(&predict().to_bytes()).expect("sent");
    }
    for client in &mut clients[..places] {
        assert_eq!(client.read_response().expect("an answer").status, 200);
    }
    // All places are held, and others wait: who looks after the daemon is answered.
    for _ in 0..20 {
        assert_eq!(Request::get("/livez").send_to(daemon.admin()).expect("an answer").status, 200);
        let samples = daemon.scrape();
        assert_eq!(samples.value("tamis_connections_open", &[]), places as f64 + 1.0);
        assert!(samples.value("process_open_fds", &[]) < 80.0);
    }
    let waiting = clients.split_off(places);
    drop(clients);
    for mut client in waiting {
        assert_eq!(client.read_response().expect("an answer").status, 200);
    }
    assert!(!daemon.lines().iter().any(|line| line["message"] == "accepting a connection failed"));
    daemon.signal("TERM");
    assert!(daemon.wait(PATIENCE).0.success());
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_and_one_without_room_is_refused() {
    let wrapper = Wrapper::new("soft-limit", "ulimit -Sn 70");
    let daemon = wrapper.start(&["--max-connections", "100"]);
    assert!(daemon.scrape().value("process_max_fds", &[]) >= 130.0);
    assert!(!daemon.lines().iter().any(|line| line["severity"] == "WARNING"), "{:?}", daemon.lines());
    let none = Wrapper::new("no-room", "ulimit -n 40");
    let output = Command::new(&none.0).args(["--listen", "127.0.0.1:0", "--workers", "1"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the limit of 40 open files leaves no room for connections"), "{told}");
}

/// A port that nobody has at the moment.
fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// The daemon without a reader of its log; killed with the test.
struct Unheard(Child, SocketAddr);

impl Unheard {
    fn start(errors: Stdio) -> Self {
        let address = free_port();
        let mut command = Command::new(tools::tamis_binary());
        let settings = ["--workers", "1", "--bert", "off", "--access-log", "--access-log-limit", "100000"];
        let child = command.args(["--listen", &address.to_string()]).args(settings).stderr(errors).spawn();
        let unheard = Self(child.expect("it starts"), address);
        let deadline = Instant::now() + PATIENCE;
        while Request::get("/readyz").send_to(address).map_or(0, |answer| answer.status) != 200 {
            assert!(Instant::now() < deadline, "it does not become ready");
            std::thread::sleep(PAUSE);
        }
        unheard
    }

    /// Has 500 requests answered, each of which has a line, and then ends it.
    fn serves_on_and_drains(mut self) {
        let mut connection = Connection::open(self.1).expect("it accepts");
        for _ in 0..500 {
            assert_eq!(connection.exchange(&predict()).expect("an answer").status, 200);
        }
        drop(connection);
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        assert!(self.0.wait().expect("a child").success(), "drained, although nobody hears of it");
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_on_a_full_disk_is_lost_and_nothing_else() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a Linux");
    Unheard::start(full.into()).serves_on_and_drains();
}

#[test]
fn a_log_whose_reader_is_gone_is_lost_and_nothing_else() {
    let mut unheard = Unheard::start(Stdio::piped());
    let mut errors = BufReader::new(unheard.0.stderr.take().expect("piped"));
    assert!(errors.read_line(&mut String::new()).expect("a line") > 0);
    drop(errors);
    unheard.serves_on_and_drains();
}

#[test]
fn without_proc_it_serves_and_says_what_it_does_not_know() {
    let hide = "exec_hidden() { mount -t tmpfs none /proc; }";
    let allowed = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/proc"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return left_out("a mount namespace needs root and `unshare`");
    }
    let path = std::env::temp_dir().join(format!("tamis-faults-{}-proc", std::process::id()));
    let script = format!(
        "#!/bin/sh\n{hide}\n[ \"$1\" = hidden ] || exec unshare -m \"$0\" hidden \"$@\"\nshift\nexec_hidden\nexec '{}' \"$@\"\n",
        tools::tamis_binary().display()
    );
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let wrapper = Wrapper(path);
    let root = empty_directory("no-proc");
    UserModel::good("mood").write(&root, "mood");
    let mut daemon = wrapper.start(&["--model-dir", root.to_str().expect("UTF-8")]);
    daemon.wait_for("models are loaded untried: there is no process to try them in", PATIENCE);
    assert_eq!(daemon.ask(&analyze("bad day", "mood")).status, 200);
    std::fs::remove_dir_all(&root).expect("ours");
    for _ in 0..100 {
        assert_eq!(daemon.ask(&predict()).status, 200);
    }
    let samples = daemon.scrape();
    for unknown in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(samples.value(unknown, &[]).is_nan(), "{unknown}");
    }
    let predicts = [("method", "POST"), ("handler", "/predict"), ("status", "200")];
    assert_eq!(samples.value("http_requests_total", &predicts), 100.0);
    // What needs no file is known all the same.
    assert!(samples.value("process_cpu_seconds_total", &[]) > 0.0);
    daemon.signal("TERM");
    assert!(daemon.wait(PATIENCE).0.success());
}

/// Sets the wall clock of the daemon, and of no other process, so many seconds off: what it asks the C library, that asks the
/// file of `TAMIS_TEST_CLOCK` first. The monotonic clock goes on, as it does when the system's wall clock is set.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, at);
    FILE *file = id == CLOCK_REALTIME ? fopen(getenv("TAMIS_TEST_CLOCK"), "r") : 0;
    long off = 0;
    if (file) { if (fscanf(file, "%ld", &off) == 1) at->tv_sec += off; fclose(file); }
    return failed;
}
"#;

#[test]
fn a_wall_clock_that_is_set_moves_what_expires_and_nothing_else() {
    let files = Files::new("clock");
    let (source, library) = (files.write("clock.c", CLOCK), files.0.join("clock.so"));
    let offset = files.write("offset", "0");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([&source, "-ldl"]).output();
    if !compiled.is_ok_and(|output| output.status.success()) {
        return left_out("no C compiler");
    }
    // The one built with the tests: a static binary would not hear of the other clock.
    let before = format!("export LD_PRELOAD='{}' TAMIS_TEST_CLOCK='{offset}'", library.display());
    let wrapper = Wrapper::of(Path::new(env!("CARGO_BIN_EXE_tamis")), "clock", &before);
    let tokens = files.tokens();
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    let daemon = wrapper.start(&tokens);
    let step = |seconds: i64| files.write("offset", &seconds.to_string());
    let token = daemon.ask(&log_in("student"));
    assert_eq!(token.status, 200, "{}", token.text());
    let status = || daemon.ask(&bearer(predict(), &token)).status;
    let mut kept = daemon.connect();
    assert_eq!((status(), kept.exchange(&Request::get("/livez")).expect("an answer").status), (200, 200));
    let first = daemon.scrape();
    // An hour on: the token, which lives half an hour, is over. Nothing that is timed by the monotonic clock is.
    step(3600);
    if daemon.ask(&bearer(predict(), &token)).status == 200 {
        return left_out("this build does not ask the C library for the time");
    }
    assert_eq!((status(), kept.exchange(&Request::get("/livez")).expect("an answer").status), (401, 200));
    assert_eq!(daemon.ask(&bearer(predict(), &daemon.ask(&log_in("student")))).status, 200, "a new one is good");
    // A day back, before the start: the first one counts again, until its time by the clock that there is now.
    step(-86_400);
    assert_eq!((status(), kept.exchange(&Request::get("/livez")).expect("an answer").status), (200, 200));
    step(0);
    let last = daemon.scrape();
    let health = json(&daemon.ask(&Request::get("/health")));
    assert!(health["uptime_seconds"].as_f64().is_some_and(|uptime| (0.0..3600.0).contains(&uptime)), "{health}");
    let name = "process_start_time_seconds";
    assert_eq!(first.value(name, &[]), last.value(name, &[]));
    let sum = |samples: &common::metrics::Samples| {
        samples.value("http_request_duration_seconds_sum", &[("method", "POST"), ("handler", "/predict")])
    };
    assert!(sum(&last) < 60.0 && sum(&last) > sum(&first), "no request took an hour");
    daemon.signal("TERM");
    assert!(daemon.wait(PATIENCE).0.success());
}

/// A memory cgroup of its own, gone with the test; `None` where this process may not make one.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str, limit: usize) -> Option<Self> {
        let name = format!("tamis-faults-{}-{name}", std::process::id());
        let roots = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        roots.into_iter().find_map(|(root, file)| {
            let path = Path::new(root).join(&name);
            std::fs::create_dir(&path).ok()?;
            let group = Self(path);
            std::fs::write(group.0.join(file), limit.to_string()).ok().map(|()| group)
        })
    }

    fn enter(&self) -> String {
        format!("echo $$ >'{}/cgroup.procs'", self.0.display())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while std::fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Fills every place with the longest body, all but its last byte, and has them answered; answers how many were.
fn fill(daemon: &Daemon, places: usize) -> usize {
    let body = format!("{{\"text\":\"{}\"}}", "a".repeat(65_536 - 11));
    let bytes = Request::json("/analyze", body).to_bytes();
    let mut clients: Vec<_> = (0..places).map(|_| daemon.connect()).collect();
    let sent = clients.iter_mut().filter_map(|client| client.send(&bytes[..bytes.len() - 1]).ok()).count();
    assert!(sent == places || !is_running(daemon), "a client cannot send");
    let answers = clients.iter_mut().map(|client| {
        client.send(&bytes[bytes.len() - 1..])?;
        client.read_response()
    });
    answers.filter(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 422)).count()
}

fn is_running(daemon: &Daemon) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", daemon.id())).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn with_every_place_taken_it_stays_within_its_memory_and_beyond_it_the_kernel_ends_it() {
    const PLACES: usize = 256;
    let places = PLACES.to_string();
    let settings = ["--max-connections", &places, "--max-buffered-bytes", "16777216"];
    let Some(room) = Cgroup::new("room", 96 << 20) else { return left_out("a memory cgroup needs root") };
    let inside = Wrapper::new("room", &room.enter());
    let daemon = inside.start(&settings);
    for _ in 0..3 {
        // 16 MiB of bodies at once.
        assert_eq!(fill(&daemon, PLACES), PLACES);
    }
    daemon.signal("TERM");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success(), "{status}: {lines:?}");
    // Started with room and squeezed, as by a limit that is set too low: it is killed, and never answers wrongly.
    let squeezed = Wrapper::new("squeezed", &room.enter());
    let daemon = squeezed.start(&settings);
    let file = ["memory.limit_in_bytes", "memory.max"].map(|file| room.0.join(file));
    let file = file.iter().find(|file| file.exists()).expect("one of them");
    let resident = daemon.scrape().value("process_resident_memory_bytes", &[]) as usize;
    // What it has now, and a little.
    if std::fs::write(file, (resident.min(64 << 20) + (2 << 20)).to_string()).is_err() {
        return left_out("this kernel does not lower the limit of a cgroup in use");
    }
    let answered = fill(&daemon, PLACES);
    if answered < PLACES {
        assert_eq!(daemon.wait(PATIENCE).0.signal(), Some(9), "the kernel's way to say it");
    }
}

#[test]
fn no_more_address_space_after_the_start_is_no_matter_and_at_the_start_it_is_said() {
    let Some(prlimit) = tools::tool_or_skip("prlimit") else { return };
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--max-connections", "64"]);
    let mut kept = daemon.connect();
    assert_eq!(kept.exchange(&predict()).expect("an answer").status, 200);
    daemon.scrape();
    // What it has, and a little for the C library.
    let bytes = daemon.scrape().value("process_virtual_memory_bytes", &[]) as u64 + (8 << 20);
    let limit = format!("--as={bytes}:{bytes}");
    let set = Command::new(prlimit).args(["--pid", &daemon.id().to_string(), &limit]).status();
    assert!(set.expect("prlimit runs").success());
    let text = Request::json("/analyze", r#"{"text":"You are kind.","explain":true}"#);
    for _ in 0..2_000 {
        assert_eq!(kept.exchange(&predict()).expect("an answer").status, 200);
        assert_eq!(kept.exchange(&text).expect("an answer").status, 200);
    }
    for _ in 0..50 {
        assert_eq!(daemon.ask(&predict()).status, 200, "on a new connection");
        daemon.scrape();
    }
    daemon.signal("TERM");
    assert!(daemon.wait(PATIENCE).0.success());

    let small = Wrapper::new("small", "ulimit -c 0; ulimit -v 200000");
    let output = Command::new(&small.0).args(["--listen", "127.0.0.1:0", "--workers", "4"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{told}");
    assert!(told.contains("memory allocation of ") && !told.contains("\"ready\""), "{told}");
}
