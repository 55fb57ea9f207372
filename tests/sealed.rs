//! What the process holds stays in it: no core of it, no memory of it for others of the same user, no password left in it.

mod common;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::auth::{Files, IRIS, PASSWORD, PATIENCE, SECRET, bearer, log_in, predict, start};
use common::http::Request;
use common::inference::json;
use common::tools;

/// Somebody who owns nothing.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The daemon's binary where anybody may run it.
fn binary_for_all(files: &Files) -> PathBuf {
    let copy = files.0.join("tamis");
    std::fs::copy(tools::tamis_binary(), &copy).expect("a copy");
    for path in [&files.0, &copy] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
    copy
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the child's log up to the line that says where it serves.
fn wait_until_ready(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let ready = lines.find(|line| line.contains("\"ready\"")).expect("it gets ready");
    std::thread::spawn(move || lines.for_each(drop));
    let line: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    line["listen"].as_str().expect("an address").trim_matches(['[', ']']).to_owned()
}

#[test]
fn a_crash_leaves_no_core() {
    let files = Files::new("core");
    let child = Command::new("sh")
        // As far as may be; a hard limit of none at all would prove nothing, which the second assertion would tell.
        .args([
            "-c",
            "ulimit -c unlimited 2>/dev/null || ulimit -c $(ulimit -H -c); ulimit -c >limit; exec \"$0\" \"$@\"",
        ])
        .arg(tools::tamis_binary())
        .args(["--listen", "127.0.0.1:0", "--workers", "1", "--bert", "off"])
        .current_dir(&files.0)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut killed = Killed(child);
    let child = &mut killed.0;
    wait_until_ready(child);
    let before = std::fs::read_to_string(files.0.join("limit")).expect("what the shell allowed");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("a process");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line of it");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}; before: {before}");
    let killed = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let ended = child.wait().expect("a child");
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    let left: Vec<_> =
        std::fs::read_dir(&files.0).expect("there").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, ["limit"], "and nothing else lies where it ran");
}

#[test]
fn another_process_of_the_same_user_cannot_read_its_memory_and_its_metrics_are_whole() {
    let files = Files::new("memory");
    let mut daemon = Command::new(binary_for_all(&files));
    daemon.args(["--listen", "127.0.0.1:0", "--workers", "1", "--bert", "off"]).stderr(Stdio::piped());
    let mut spy = Command::new("sh");
    // What is open to all of the user's processes comes first: the spy itself works.
    spy.args(["-c", "cat /proc/$0/stat >/dev/null && echo open; for f in mem maps environ; do head -c1 /proc/$0/$f && echo $f; done"]);
    if is_root() {
        daemon.uid(NOBODY).gid(NOBODY);
        spy.uid(NOBODY).gid(NOBODY);
    }
    let mut killed = Killed(daemon.spawn().expect("it starts"));
    let daemon = &mut killed.0;
    let address = wait_until_ready(daemon);
    let told = spy.arg(daemon.id().to_string()).output().expect("a shell");
    assert_eq!(String::from_utf8_lossy(&told.stdout), "open\n");
    let scrape = Request::get("/metrics").send_to(address.as_str()).expect("a scrape");
    for name in ["process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"] {
        let line = scrape.text().lines().find(|line| line.starts_with(name)).expect("a line");
        assert!(
            line.split(' ').nth(1).and_then(|value| value.parse().ok()).is_some_and(|value: f64| value > 0.0),
            "{line}"
        );
    }
    let ended = Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status().expect("kill runs");
    assert!(ended.success());
    let end = Instant::now() + PATIENCE;
    while daemon.try_wait().expect("a child").is_none() {
        assert!(Instant::now() < end, "it ends");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How often each of `needles` stands in the writable memory of a process.
fn count_in_memory(process: u32, needles: &[&str]) -> Vec<usize> {
    let memory = File::open(format!("/proc/{process}/mem")).expect("root may");
    let maps = File::open(format!("/proc/{process}/maps")).expect("root may");
    let mut counts = vec![0; needles.len()];
    for line in BufReader::new(maps).lines() {
        let line = line.expect("text");
        let mut parts = line.split_whitespace();
        let (range, access) = (parts.next().expect("a range"), parts.next().expect("letters"));
        let (start, end) = range.split_once('-').expect("two ends");
        let [start, end] = [start, end].map(|end| u64::from_str_radix(end, 16).expect("hexadecimal"));
        if !access.starts_with("rw") {
            continue;
        }
        let mut bytes = vec![0; (end - start) as usize];
        // What is not there any more holds nothing.
        let read = memory.read_at(&mut bytes, start).unwrap_or_default();
        for (count, needle) in counts.iter_mut().zip(needles) {
            let finder = memchr::memmem::Finder::new(needle.as_bytes());
            *count += finder.find_iter(&bytes[..read]).count();
        }
    }
    counts
}

#[test]
fn nothing_is_left_in_memory_of_a_password_that_was_verified_or_of_what_signs_tokens() {
    if !is_root() {
        // Who is not root cannot look, which the test before this one holds.
        return;
    }
    let files = Files::new("left");
    let mut arguments = files.tokens();
    arguments.extend(["--token-attempts", "1000"].map(str::to_owned));
    let daemon = start(&arguments);
    let mut connection = daemon.connect();
    let answer = connection.exchange(&log_in("student")).expect("an answer");
    assert_eq!(answer.status, 200);
    let form = String::from_utf8(log_in("student").to_bytes()).expect("text");
    let encoded = form.split("password=").nth(1).expect("a password").to_owned();
    // What hyper read stays in the buffer of the connection until the next request is read into it.
    let long = Request::json("/analyze", format!(r#"{{"text":"{}"}}"#, "kind words ".repeat(400)));
    for _ in 0..8 {
        assert_eq!(connection.exchange(&bearer(long.clone(), &answer)).expect("an answer").status, 200);
    }
    let probe = daemon.ask(&bearer(predict(), &answer));
    assert_eq!((probe.status, json(&probe)["prediction"].as_str()), (200, Some("setosa")));
    let found = count_in_memory(daemon.id(), &[PASSWORD, &encoded, SECRET, "setosa", IRIS]);
    assert_eq!(
        found[..3],
        [0, 0, 0],
        "password, password as it was sent, secret; what is there to be found: {found:?}"
    );
    assert!(found[3] > 0, "memory was read: {found:?}");
}
