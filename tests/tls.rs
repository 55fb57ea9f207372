//! TLS on `--listen`: versions of HTTP, refusals, resumption, hostile handshakes, certificates loaded anew, the end.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::auth::Files;
use common::daemon::Daemon;
use common::hostile::{IRIS, is_ended};
use common::http::{Connection, Request, Response};
use common::tls::{NOT_AFTER, PATIENCE, Pair, Secure, client, connect, socket, start, trusting};
use common::tools::{tamis_binary, tool_or_skip};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, StreamOwned};

fn predict() -> Request {
    Request::json("/predict", IRIS)
}

fn handshakes(daemon: &Daemon, result: &str) -> f64 {
    daemon.scrape().value("tamis_tls_handshakes_total", &[("result", result)])
}

/// Waits until so many handshakes have ended in this way.
fn wait_for_handshakes(daemon: &Daemon, result: &str, count: f64) {
    let deadline = Instant::now() + PATIENCE;
    while handshakes(daemon, result) < count {
        assert!(Instant::now() < deadline, "{result}: {} of {count}", handshakes(daemon, result));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(handshakes(daemon, result), count, "{result}");
}

/// Asks on a connection of its own, and has to be answered.
fn is_served(daemon: &Daemon, config: &Arc<ClientConfig>) {
    let (mut connection, ..) = connect(daemon.address(), config).expect("a handshake");
    assert_eq!(connection.exchange(&predict()).expect("an answer").status, 200);
}

#[test]
fn curl_chooses_http_2_or_1_1_by_alpn_over_tls_1_3_and_1_2() {
    let Some(curl) = tool_or_skip("curl") else { return };
    let (pair, files) = (Pair::new(), Files::new("alpn"));
    let daemon = start(&pair, &files, &["--workers", "1"]);
    let (authority, port) = (files.write("authority.pem", &pair.certificate), daemon.address().port());
    let (url, to) = (format!("https://localhost:{port}/predict"), format!("localhost:{port}:127.0.0.1"));
    for (offered, spoken) in [("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")] {
        for version in [["--tlsv1.3", "--tls-max", "1.3"], ["--tlsv1.2", "--tls-max", "1.2"]] {
            let ran = Command::new(&curl)
                .args([
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "60",
                    "--write-out",
                    "\n%{http_version} %{response_code}",
                ])
                .args(["--cacert", &authority, "--resolve", &to, offered, &url])
                .args(version)
                .args(["--header", "content-type: application/json", "--data", IRIS])
                .output()
                .expect("curl runs");
            let told = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "{offered} {version:?}: {}", String::from_utf8_lossy(&ran.stderr));
            let (body, told) = told.rsplit_once('\n').expect("what it was asked to write");
            assert_eq!(told, format!("{spoken} 200"), "{offered} {version:?}");
            assert!(body.contains("setosa"), "{body}");
        }
    }
    assert_eq!(handshakes(&daemon, "full"), 6.0);
}

#[test]
fn what_cannot_be_used_ends_the_start_and_says_which_file_and_what_to_do() {
    let (pair, other, files) = (Pair::new(), Pair::new(), Files::new("refused"));
    let certificate = files.write("certificate", &pair.certificate);
    let key = files.write("key", &pair.key);
    let other_key = files.write("other-key", &other.key);
    let encrypted = files.write("encrypted", &pair.key.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    let text = files.write("text", "not a certificate\n");
    let cut = files.write("cut", &pair.certificate[..pair.certificate.len() / 2]);
    let no_x509 = files.write("no-x509", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
    let missing = files.0.join("missing").to_str().expect("a plain path").to_owned();
    for (certificate, key, named, told) in [
        (&text, &key, &text, "holds no certificate in PEM"),
        (&cut, &key, &cut, "not PEM"),
        (&no_x509, &key, &no_x509, "not X.509"),
        (&missing, &key, &missing, "No such file"),
        (&certificate, &missing, &missing, "No such file"),
        (&certificate, &text, &text, "holds no private key in PEM"),
        (&certificate, &encrypted, &encrypted, "decrypt it"),
        (&certificate, &other_key, &other_key, "is not the key of the first certificate"),
    ] {
        let ran = Command::new(tamis_binary())
            .args(["--listen", "127.0.0.1:0", "--bert", "off", "--tls-certificate", certificate, "--tls-key", key])
            .output()
            .expect("it runs");
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{errors}");
        assert!(errors.contains(named.as_str()) && errors.contains(told), "{told}: {errors}");
        let secrets = pair.key.lines().chain(other.key.lines()).filter(|line| !line.contains("PRIVATE KEY"));
        assert!(secrets.into_iter().all(|secret| !errors.contains(secret)), "{errors}");
    }
}

#[test]
fn a_client_resumes_on_whichever_worker_accepts_it() {
    const TIMES: usize = 32;
    let (pair, files) = (Pair::new(), Files::new("resumed"));
    let daemon = start(&pair, &files, &["--workers", "3"]);
    for (count, version) in [(1.0, &TLS13), (2.0, &TLS12)] {
        let config = trusting(&[&pair], version);
        let (mut first, kind, _) = connect(daemon.address(), &config).expect("a handshake");
        assert_eq!(kind, HandshakeKind::Full);
        // What it keeps comes with the first answer, at the latest.
        assert_eq!(first.exchange(&predict()).expect("an answer").status, 200);
        // The kernel gives each to one of three workers by its port: that one has them all is one chance in 3^31.
        let mut connections = Vec::new();
        for _ in 0..TIMES {
            let (mut connection, kind, _) = connect(daemon.address(), &config).expect("a handshake");
            assert_eq!(kind, HandshakeKind::Resumed, "{version:?}");
            assert_eq!(connection.exchange(&predict()).expect("an answer").status, 200);
            connections.push(connection);
        }
        assert_eq!((handshakes(&daemon, "full"), handshakes(&daemon, "resumed")), (count, count * TIMES as f64));
    }
}

#[test]
fn plain_http_is_told_by_an_alert_and_counted_and_who_says_nothing_is_not() {
    let (pair, files) = (Pair::new(), Files::new("plain"));
    let daemon = start(&pair, &files, &["--workers", "1"]);
    let config = trusting(&[&pair], &TLS13);
    let noise: Vec<u8> = (0..4000_u32).map(|at| (at * 7 + 1) as u8).collect();
    for (count, bytes) in [(1.0, &predict().to_bytes()), (2.0, &noise)] {
        let mut plain = socket(daemon.address());
        plain.write_all(bytes).expect("sent");
        let mut told = Vec::new();
        plain.read_to_end(&mut told).expect("an end, and no reset");
        // A record of type alert (RFC 8446, section 5.1), fatal.
        assert!(told.len() == 7 && told[0] == 21 && told[5] == 2, "{told:?}");
        wait_for_handshakes(&daemon, "failed", count);
    }
    let silent = socket(daemon.address());
    silent.shutdown(Shutdown::Write).expect("open");
    is_ended(&silent);
    // And one that goes in the middle.
    let begun = socket(daemon.address());
    (&begun).write_all(&hello(&config)[..20]).expect("sent");
    begun.shutdown(Shutdown::Write).expect("open");
    is_ended(&begun);
    wait_for_handshakes(&daemon, "failed", 3.0);
    is_served(&daemon, &config);
}

/// What a client says first.
fn hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut bytes = Vec::new();
    client(config).write_tls(&mut bytes).expect("memory");
    bytes
}

#[test]
fn who_shakes_hands_slowly_is_let_go_and_the_seat_is_free_again() {
    let (pair, files) = (Pair::new(), Files::new("slow"));
    let daemon = start(&pair, &files, &["--workers", "1", "--max-connections", "4", "--header-timeout", "5s"]);
    let config = trusting(&[&pair], &TLS13);
    let hello = hello(&config);
    // Half a handshake, all but the client's last word, and nothing at all: every seat.
    let begun: Vec<TcpStream> = [&hello[..1], &hello[..hello.len() - 1], &hello, &[]]
        .into_iter()
        .map(|bytes| {
            let mut stream = socket(daemon.address());
            stream.write_all(bytes).expect("sent");
            stream
        })
        .collect();
    // It waits for a seat.
    is_served(&daemon, &config);
    begun.iter().for_each(is_ended);
    wait_for_handshakes(&daemon, "timed-out", 3.0);
    // Who has got through it and is slow afterwards is answered.
    let (mut slow, ..) = connect(daemon.address(), &config).expect("a handshake");
    slow.send(b"GET /health HTTP/1.1\r\n").expect("sent");
    assert_eq!(slow.read_response().expect("an answer").status, 408);
    assert!(slow.is_closed().expect("close_notify"));
}

/// Asks for `path` so many times at once, and reads the answers when it has rested.
fn pipelined(daemon: &Daemon, config: &Arc<ClientConfig>, path: &str, times: usize) -> Vec<Response> {
    let (mut connection, ..) = connect(daemon.address(), config).expect("a handshake");
    connection.send(&Request::get(path).to_bytes().repeat(times)).expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    connection.read_responses(times).expect("all of them")
}

#[test]
fn megabytes_go_through_to_who_reads_late_and_who_never_reads_is_let_go() {
    let (pair, files) = (Pair::new(), Files::new("late"));
    let daemon = start(&pair, &files, &["--workers", "1", "--write-timeout", "2s"]);
    let config = trusting(&[&pair], &TLS13);
    let one = pipelined(&daemon, &config, "/openapi.json", 1).remove(0);
    assert_eq!(one.status, 200);
    // Far more than the buffers of two sockets hold.
    let times = 16 * 1024 * 1024 / one.body.len();
    let answers = pipelined(&daemon, &config, "/openapi.json", times);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == one.body));
    let (mut never, ..) = connect(daemon.address(), &config).expect("a handshake");
    never.send(&Request::get("/openapi.json").to_bytes().repeat(times)).expect("sent");
    let deadline = Instant::now() + PATIENCE;
    while daemon.scrape().value("tamis_connections_open", &[]) > 1.0 {
        assert!(Instant::now() < deadline, "it holds its place");
        std::thread::sleep(Duration::from_millis(50));
    }
    is_served(&daemon, &config);
}

/// What is encrypted and has not gone when the last byte of an answer is written has to go when the client reads on. How much the
/// system holds is not known beforehand, so all lengths are tried up to more than that.
#[test]
fn answers_of_every_length_arrive_when_the_client_reads_late() {
    const MOST: usize = 4 * 1024 * 1024;
    const STEP: usize = 32 * 1024;
    let (pair, files) = (Pair::new(), Files::new("lengths"));
    let daemon = start(&pair, &files, &["--workers", "1"]);
    let config = trusting(&[&pair], &TLS13);
    let request = Request::get("/model-info").to_bytes();
    let (mut first, ..) = connect(daemon.address(), &config).expect("a handshake");
    let one = first.exchange(&Request::get("/model-info")).expect("an answer");
    assert_eq!(one.status, 200);
    let lengths: Vec<usize> = (STEP..=MOST).step_by(STEP).map(|length| length / one.body.len()).collect();
    for some in lengths.chunks(16) {
        let mut connections: Vec<_> = some
            .iter()
            .map(|&count| {
                let (mut connection, ..) = connect(daemon.address(), &config).expect("a handshake");
                connection.send(&request.repeat(count)).expect("sent");
                (connection, count)
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        for (connection, count) in &mut connections {
            let answers = connection.read_responses(*count).expect("all of them");
            assert!(answers.iter().all(|answer| answer.status == 200 && answer.body.len() == one.body.len()));
        }
    }
}

#[test]
fn certificates_are_replaced_under_load_without_a_lost_request() {
    const TIMES: usize = 12;
    let (pairs, files) = ([Pair::new(), Pair::new()], Files::new("replaced"));
    let mut daemon = start(&pairs[0], &files, &["--workers", "2"]);
    let (address, config) = (daemon.address(), trusting(&[&pairs[0], &pairs[1]], &TLS13));
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for keeps in [true, false, false] {
            let (is_over, answers, config, pairs) = (&is_over, &answers, &config, &pairs);
            scope.spawn(move || {
                let mut kept: Option<Secure> = None;
                while !is_over.load(Ordering::Relaxed) {
                    let mut connection = kept.take().unwrap_or_else(|| {
                        let (connection, _, shown) = connect(address, config).expect("a handshake");
                        assert!(pairs.iter().any(|pair| pair.is(&shown)), "one of the two");
                        connection
                    });
                    assert_eq!(connection.exchange(&predict()).expect("an answer").status, 200);
                    answers.fetch_add(1, Ordering::Relaxed);
                    kept = keeps.then_some(connection);
                }
            });
        }
        let _end = End(&is_over);
        for time in 1..=TIMES {
            let before = answers.load(Ordering::Relaxed);
            pairs[time % 2].write(&files);
            daemon.signal("HUP");
            daemon.wait_for_lines("TLS certificate loaded anew", time, PATIENCE);
            // Whoever comes now is shown the new one, and no ticket of before is good any more.
            let (_, kind, shown) = connect(address, &config).expect("a handshake");
            assert!(pairs[time % 2].is(&shown) || kind == HandshakeKind::Resumed);
            let (_, kind, shown) = connect(address, &trusting(&[&pairs[time % 2]], &TLS13)).expect("a handshake");
            assert!(pairs[time % 2].is(&shown) && kind == HandshakeKind::Full);
            while answers.load(Ordering::Relaxed) < before + 8 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let samples = daemon.scrape();
    let reloads = |result| samples.value("tamis_tls_certificate_reloads_total", &[("result", result)]);
    // The files are looked at by themselves as well, and one may be seen with the other's key.
    assert!(reloads("loaded") >= TIMES as f64, "{}", reloads("loaded"));
    assert_eq!(samples.value("tamis_tls_certificate_not_after_seconds", &[]), NOT_AFTER);
    assert_eq!(handshakes(&daemon, "failed"), 0.0);
}

/// Ends the load when the test does, so that one that fails does not hang.
struct End<'t>(&'t AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_ticket_of_a_certificate_that_was_replaced_is_not_good_any_more() {
    let (pairs, files) = ([Pair::new(), Pair::new()], Files::new("ticket"));
    let mut daemon = start(&pairs[0], &files, &["--workers", "1"]);
    let config = trusting(&[&pairs[0], &pairs[1]], &TLS13);
    is_served(&daemon, &config);
    is_served(&daemon, &config);
    assert_eq!((handshakes(&daemon, "full"), handshakes(&daemon, "resumed")), (1.0, 1.0));
    pairs[1].write(&files);
    daemon.signal("HUP");
    daemon.wait_for_lines("TLS certificate loaded anew", 1, PATIENCE);
    let (_, kind, shown) = connect(daemon.address(), &config).expect("a handshake");
    assert!(kind == HandshakeKind::Full && pairs[1].is(&shown));
}

#[test]
fn a_bad_new_certificate_is_refused_and_files_that_change_are_found_without_a_signal() {
    let (pairs, files) = ([Pair::new(), Pair::new()], Files::new("watched"));
    let mut daemon = start(&pairs[0], &files, &["--workers", "1"]);
    let config = trusting(&[&pairs[0], &pairs[1]], &TLS13);
    let (mut kept, ..) = connect(daemon.address(), &config).expect("a handshake");
    // The second one's certificate beside the first one's key.
    files.write("certificate.pem", &pairs[1].certificate);
    daemon.signal("HUP");
    let refusal = daemon.wait_for("the TLS certificate cannot be used: the one from before stays", PATIENCE);
    assert!(refusal["error"].as_str().is_some_and(|error| error.contains("key.pem")), "{refusal}");
    let (_, _, shown) = connect(daemon.address(), &config).expect("a handshake");
    assert!(pairs[0].is(&shown));
    // Its key comes later.
    files.write("key.pem", &pairs[1].key);
    daemon.wait_for("TLS certificate loaded anew", PATIENCE);
    let (_, _, shown) = connect(daemon.address(), &trusting(&[&pairs[1]], &TLS13)).expect("a handshake");
    assert!(pairs[1].is(&shown));
    assert_eq!(kept.exchange(&predict()).expect("an answer").status, 200, "who was there goes on");
    let samples = daemon.scrape();
    let reloads = |result| samples.value("tamis_tls_certificate_reloads_total", &[("result", result)]);
    assert_eq!((reloads("loaded"), reloads("refused")), (1.0, 1.0));
    let secrets = pairs.iter().flat_map(|pair| pair.key.lines()).filter(|line| !line.contains("PRIVATE KEY"));
    let log = format!("{:?}", daemon.lines());
    assert!(secrets.into_iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn a_drain_answers_what_is_under_way_handshakes_too_and_takes_leave_of_the_rest() {
    let (pair, files) = (Pair::new(), Files::new("drained"));
    let mut daemon = start(&pair, &files, &["--workers", "1", "--drain-delay", "1s"]);
    let config = trusting(&[&pair], &TLS13);
    let [(mut idle, ..), (mut busy, ..), (mut fresh, ..)] =
        std::array::from_fn(|_| connect(daemon.address(), &config).expect("a handshake"));
    assert_eq!(idle.exchange(&predict()).expect("an answer").status, 200);
    let bytes = predict().to_bytes();
    let (first, rest) = bytes.split_at(bytes.len() - 5);
    busy.send(first).expect("sent");
    // It has begun before, and goes on when the others have been told.
    let (mut late, mut stream) = (client(&config), socket(daemon.address()));
    let mut hello = Vec::new();
    late.write_tls(&mut hello).expect("memory");
    stream.write_all(&hello[..9]).expect("sent");
    daemon.signal("TERM");
    daemon.wait_for("draining", PATIENCE);
    // `close_notify`, and no mere end of the stream.
    assert!(idle.is_closed().expect("close_notify") && fresh.is_closed().expect("close_notify"));
    stream.write_all(&hello[9..]).expect("sent");
    // It follows the last word of the handshake without a pause.
    late.writer().write_all(&bytes).expect("memory");
    while late.is_handshaking() {
        late.complete_io(&mut stream).expect("a handshake");
    }
    let mut late = Connection::over(StreamOwned::new(late, stream));
    for (connection, unsent) in [(&mut late, &[][..]), (&mut busy, rest)] {
        connection.send(unsent).expect("sent");
        let answer = connection.read_response().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert!(connection.is_closed().expect("close_notify"));
    }
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success() && lines.iter().any(|line| line["gentle"] == true), "{lines:?}");
}

#[test]
fn the_health_check_asks_over_tls_where_nothing_else_is_served() {
    let (pair, files) = (Pair::new(), Files::new("health"));
    let flags = pair.write(&files);
    let flags = flags.each_ref().map(String::as_str);
    let daemon = Daemon::start(&[&["--workers", "1", "--bert", "off"], &flags[..]].concat());
    let address = daemon.address().to_string();
    let asked = |flags: &[&str]| {
        let ran = Command::new(tamis_binary()).args(["healthcheck", "--listen", &address]).args(flags).output();
        ran.expect("it runs").status.code()
    };
    assert_eq!(asked(&flags), Some(0));
    assert_eq!(asked(&[]), Some(1), "who is not told asks in plain");
}
