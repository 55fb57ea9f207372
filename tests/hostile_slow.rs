//! Clients that take their time, and many of them: slow heads, bodies and readers, connections that are opened for nothing or
//! for a moment. A place that is held is given up in bounded time, memory follows `--max-connections` and `--max-buffered-bytes`, and
//! others are served.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::hostile::{IRIS, LONG, is_ended, is_served, nothing_is_left, resident};
use common::http::{Connection, Request};
use common::metrics::delta;
use rustix::process::{Resource, getrlimit, setrlimit};

const ONE_WORKER: [&str; 4] = ["--workers", "1", "--bert", "off"];

/// Longer than any test waits: a limit that is not to be what ends something.
const NEVER: &str = "60m";

fn start(more: &[&str]) -> Daemon {
    // The daemon inherits it.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).expect("its own limit");
    Daemon::start(&[&ONE_WORKER[..], more].concat())
}

/// Descriptors that this process, and the daemon, may have.
fn most_connections(wanted: usize) -> usize {
    let most = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize);
    wanted.min(most / 2 - 200)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the kernel accepts");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(LONG)).expect("a socket");
    stream.set_write_timeout(Some(LONG)).expect("a socket");
    stream
}

/// Sends the pieces, each to all of `streams`, with a pause after it, until every one of them has been ended.
fn trickle(streams: &mut Vec<TcpStream>, piece: &[u8], daemon: &Daemon) {
    let begun = Instant::now();
    while !streams.is_empty() {
        streams.retain_mut(|stream| {
            stream.set_nonblocking(true).expect("a socket");
            let told = stream.peek(&mut [0]);
            stream.set_nonblocking(false).expect("a socket");
            // Something to read, be it the end, is the answer.
            told.is_err() && stream.write_all(piece).is_ok()
        });
        is_served(daemon);
        std::thread::sleep(Duration::from_millis(50));
        assert!(begun.elapsed() < LONG, "{} of them are left", streams.len());
    }
}

/// What a connection is told before it ends.
fn last_words(mut stream: TcpStream) -> String {
    let mut words = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut words);
    String::from_utf8_lossy(&words).into_owned()
}

#[test]
fn heads_and_bodies_that_trickle_have_their_time_and_no_more() {
    let daemon = start(&["--header-timeout", "1s", "--body-timeout", "1s", "--idle-timeout", NEVER]);
    let before = daemon.scrape();
    let begins = |bytes: &str| {
        let streams: Vec<_> = (0..100).map(|_| connect(daemon.address())).collect();
        for mut stream in &streams {
            stream.write_all(bytes.as_bytes()).expect("sent");
        }
        streams
    };
    let head = "POST /analyze HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    for (beginning, piece) in [
        ("GET /livez HTTP/1.1\r\nHost: a\r\n".to_owned(), "X: y\r\n"),
        (format!("{head}Content-Length: 60000\r\n\r\n"), "{"),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), "1\r\n{\r\n"),
        (format!("{head}Content-Encoding: gzip\r\nContent-Length: 60000\r\n\r\n\x1f"), "\x08"),
    ] {
        let mut streams = begins(&beginning);
        let kept: Vec<_> = streams.iter().map(|stream| stream.try_clone().expect("a handle")).collect();
        trickle(&mut streams, piece.as_bytes(), &daemon);
        for stream in kept {
            let words = last_words(stream);
            assert!(words.starts_with("HTTP/1.1 408 ") && words.contains("request_timeout"), "{beginning:?}: {words}");
        }
    }
    let moved = delta(&before, &daemon.scrape());
    assert_eq!(moved.value("tamis_requests_timed_out_total", &[]), 400.0);
    nothing_is_left(&daemon);
}

#[test]
fn long_bodies_beyond_their_memory_are_refused_and_short_ones_are_served() {
    const ROOM: usize = 16;
    let room = (ROOM << 16).to_string();
    let daemon = start(&["--body-timeout", NEVER, "--max-buffered-bytes", &room]);
    let text = format!(r#"{{"text":"You are kind."{}}}"#, " ".repeat(60_000));
    let (last, body) = text.as_bytes().split_last().expect("a body");
    let head = "POST /analyze HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let announced = format!("{head}Content-Length: {}\r\n\r\n", text.len());
    is_served(&daemon);
    let (before, samples) = (resident(&daemon), daemon.scrape());
    // Ten times what there is room for, but for one byte each.
    let open = |head: &str, beginning: &[u8]| {
        let mut stream = connect(daemon.address());
        stream.write_all(head.as_bytes()).expect("sent");
        // It may be refused before it is sent.
        let _ = stream.write_all(beginning);
        stream
    };
    let holders: Vec<_> = (0..ROOM).map(|_| open(&announced, body)).collect();
    let is_full = || daemon.scrape().value("tamis_slots_used_max", &[]) >= ROOM as f64;
    let begun = Instant::now();
    while !is_full() {
        assert!(begun.elapsed() < LONG, "the bodies are not taken");
    }
    for _ in 0..9 * ROOM {
        let words = last_words(open(&announced, body));
        assert!(words.starts_with("HTTP/1.1 503 ") && words.contains("\r\nretry-after: "), "{words}");
        assert!(words.contains("overloaded"), "{words}");
        is_served(&daemon);
    }
    // Nor for one that has said nothing of its length, and turns out to be long.
    let mut grows = open(&format!("{head}Transfer-Encoding: chunked\r\n\r\n"), b"fff\r\n");
    grows.write_all(&body[..0xfff]).expect("sent");
    is_served(&daemon);
    let _ = grows.write_all(b"\r\n2\r\n  \r\n");
    let words = last_words(grows);
    assert!(words.starts_with("HTTP/1.1 503 "), "{words}");
    let grown = resident(&daemon).saturating_sub(before);
    println!("{} KiB for {ROOM} bodies of 60 KB and {} that were refused", grown >> 10, 9 * ROOM + 1);
    // Their own memory, and hyper's buffer of each connection that is read from.
    assert!(grown < (2 * ROOM as u64 * (1 << 16)) + (1 << 20), "{grown} bytes");
    let moved = delta(&samples, &daemon.scrape());
    assert_eq!(moved.value("tamis_requests_shed_total", &[("reason", "slot")]), (9 * ROOM + 1) as f64);
    for mut stream in holders {
        stream.write_all(&[*last]).expect("sent");
        let answer = Connection::over(stream).read_response().expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // There is room again, also for what grows.
    let mut grows = open(&format!("{head}Transfer-Encoding: chunked\r\n\r\n"), b"");
    for piece in text.as_bytes().chunks(1_000) {
        grows.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).expect("sent");
        grows.write_all(&[piece, b"\r\n"].concat()).expect("sent");
    }
    grows.write_all(b"0\r\n\r\n").expect("sent");
    assert_eq!(Connection::over(grows).read_response().expect("an answer").status, 200);
    nothing_is_left(&daemon);
}

#[test]
fn a_second_head_that_trickles_has_its_time_too() {
    let daemon = start(&["--header-timeout", "1s", "--idle-timeout", NEVER]);
    let mut connection = daemon.connect();
    assert_eq!(connection.exchange(&Request::get("/livez")).expect("an answer").status, 200);
    let mut streams = vec![connection.stream().try_clone().expect("a handle")];
    streams[0].write_all(b"GET /livez HTTP/1.1\r\n").expect("sent");
    trickle(&mut streams, b"X: y\r\n", &daemon);
    assert_eq!(connection.read_response().expect("an answer").status, 408);
    nothing_is_left(&daemon);
}

#[test]
fn connections_that_ask_nothing_make_room_for_those_that_do() {
    // No time limit ends them here: only that others find no place.
    let limits = ["--header-timeout", NEVER, "--idle-timeout", NEVER, "--max-connections", "256"];
    let daemon = start(&limits);
    is_served(&daemon);
    let before = resident(&daemon);
    let thousands = most_connections(3000);
    // Silent ones, ones with half a head, ones at rest after a request: each more than there are places.
    for beginning in ["", "GET /livez HTTP/1.1\r\nHo", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let streams: Vec<_> = (0..thousands / 3)
            .map(|_| {
                let mut stream = connect(daemon.address());
                stream.write_all(beginning.as_bytes()).expect("the kernel takes it");
                stream
            })
            .collect();
        let begun = Instant::now();
        is_served(&daemon);
        println!("{} times {beginning:?}: another is served after {:?}", streams.len(), begun.elapsed());
        let grown = resident(&daemon).saturating_sub(before);
        // hyper's and our own state and buffers: 256 places of at most 32 KiB.
        assert!(grown < 256 * (32 << 10), "grew by {grown} bytes");
        drop(streams);
    }
    nothing_is_left(&daemon);
}

#[test]
fn a_request_that_has_begun_keeps_its_place_and_its_time_when_others_find_none() {
    let limits = ["--header-timeout", NEVER, "--body-timeout", NEVER, "--max-connections", "4"];
    let daemon = start(&[&limits[..], &["--admin-listen", "127.0.0.1:0"]].concat());
    let json = Request::json("/predict", IRIS).to_bytes();
    let (first, rest) = json.split_at(json.len() - 10);
    let mut begun: Vec<_> = (0..4).map(|_| connect(daemon.address())).collect();
    for stream in &mut begun {
        stream.write_all(first).expect("sent");
    }
    // Nobody else is let in, but to the listener of the operator: probes and scrapes.
    let newcomer = connect(daemon.address());
    (&newcomer).write_all(&Request::get("/").to_bytes()).expect("the kernel takes it");
    let under_way =
        || daemon.scrape().value("http_requests_inprogress", &[("method", "POST"), ("handler", "/predict")]);
    let since = Instant::now();
    while under_way() != 4.0 {
        assert!(since.elapsed() < LONG, "they do not come");
    }
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_eq!(Request::get("/readyz").send_to(daemon.admin()).expect("an answer").status, 200);
        assert_eq!(under_way(), 4.0);
        std::thread::sleep(Duration::from_millis(100));
    }
    for mut stream in begun {
        stream.write_all(rest).expect("sent");
        let mut connection = Connection::over(stream);
        assert_eq!(connection.read_response().expect("an answer").status, 200);
    }
    assert_eq!(Connection::over(newcomer).read_response().expect("an answer").status, 200);
}

#[test]
fn connections_at_rest_are_ended_and_weigh_little() {
    let daemon = start(&["--idle-timeout", "5s"]);
    is_served(&daemon);
    let before = resident(&daemon);
    let count = most_connections(1000);
    let mut resting: Vec<_> = (0..count).map(|_| daemon.connect()).collect();
    for connection in &mut resting {
        assert_eq!(connection.exchange(&Request::json("/predict", IRIS)).expect("an answer").status, 200);
    }
    let each = resident(&daemon).saturating_sub(before) / count as u64;
    println!("{count} connections at rest: {each} bytes each");
    assert!(each < 32 << 10, "{each} bytes each");
    is_served(&daemon);
    for connection in &resting {
        is_ended(connection.stream());
    }
    nothing_is_left(&daemon);
}

#[test]
fn who_does_not_read_is_not_answered_without_end() {
    let daemon = start(&["--write-timeout", "1s", "--idle-timeout", NEVER]);
    for _ in 0..3 {
        daemon.scrape();
    }
    let before = resident(&daemon);
    // Short answers, long answers and refusals, a pipeline of which is never read.
    for request in [Request::json("/predict", IRIS), Request::get("/metrics"), Request::get("/nowhere")] {
        let pipeline = request.to_bytes().repeat(200);
        let streams: Vec<_> = (0..8).map(|_| connect(daemon.address())).collect();
        std::thread::scope(|scope| {
            for mut stream in &streams {
                let pipeline = &pipeline;
                scope.spawn(move || while stream.write_all(pipeline).is_ok() {});
            }
            is_served(&daemon);
        });
        let grown = resident(&daemon).saturating_sub(before);
        println!("{}: grew by {grown} bytes", request.target);
        // hyper's buffers of 64 KiB either way and the longest answer, for each of them.
        assert!(grown < 8 * (512 << 10), "{}: grew by {grown} bytes", request.target);
        streams.iter().for_each(is_ended);
    }
    nothing_is_left(&daemon);
}

#[test]
fn many_who_do_not_read_long_answers_are_held_to_the_memory_of_their_connections() {
    let daemon = start(&["--write-timeout", "1s"]);
    daemon.scrape();
    let before = resident(&daemon);
    let longest = daemon.scrape().value("tamis_scrape_response_bytes", &[]) as u64;
    // More of them than the kernel has room for on the way to who does not read.
    let request = Request::get("/metrics").to_bytes().repeat(400);
    let count = 40;
    let streams: Vec<_> = (0..count)
        .map(|_| {
            let stream = connect(daemon.address());
            rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).expect("a socket");
            (&stream).write_all(&request).expect("the kernel takes it");
            stream
        })
        .collect();
    let (begun, mut most) = (Instant::now(), 0);
    while daemon.scrape().value("tamis_connections_open", &[]) > 1.0 {
        most = most.max(resident(&daemon).saturating_sub(before));
        is_served(&daemon);
        assert!(begun.elapsed() < LONG, "they do not end");
    }
    let each = most / count;
    println!("answers of {longest} bytes: {each} bytes a connection");
    // One answer, in a buffer that doubles as it grows, and hyper's own 64 KiB.
    assert!(each < 2 * longest + (128 << 10), "{each} bytes a connection, for answers of {longest}");
    streams.iter().for_each(is_ended);
    nothing_is_left(&daemon);
}

#[test]
fn who_reads_slowly_has_all_of_the_answer_and_holds_up_nobody() {
    let daemon = start(&["--write-timeout", "2s"]);
    let stream = connect(daemon.address());
    // More than the sockets hold, so that the daemon has to wait.
    let count = 3000;
    let mut writer = stream.try_clone().expect("a handle");
    let sender = std::thread::spawn(move || writer.write_all(&Request::get("/metrics").to_bytes().repeat(count)));
    let (mut read, begun) = (0_usize, Instant::now());
    let mut piece = vec![0; 256 << 10];
    // For twice the limit, a piece at a time.
    while begun.elapsed() < Duration::from_secs(4) {
        read += (&stream).read(&mut piece).expect("an answer");
        is_served(&daemon);
        std::thread::sleep(Duration::from_millis(200));
    }
    // The rest at once: not a byte is missing.
    let mut rest = Vec::new();
    stream.shutdown(std::net::Shutdown::Write).ok();
    let _ = sender.join();
    let _ = (&stream).read_to_end(&mut rest);
    assert!(read + rest.len() > 1 << 20, "{read} and {}", rest.len());
    drop(stream);
    nothing_is_left(&daemon);
}

#[test]
fn churn_leaves_neither_memory_nor_descriptors() {
    let daemon = start(&[]);
    let churn = |count: usize| {
        for at in 0..count {
            let mut stream = connect(daemon.address());
            match at % 5 {
                // Gone without a byte, in the middle of a head, in the middle of a body, after a request, before its answer.
                0 => {}
                1 => stream.write_all(b"GET /li").expect("sent"),
                2 => stream
                    .write_all(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{")
                    .expect("sent"),
                3 => {
                    stream.write_all(&Request::json("/predict", IRIS).to_bytes()).expect("sent");
                    let _ = stream.read(&mut [0; 4096]).expect("an answer");
                }
                _ => stream.write_all(&Request::json("/predict", IRIS).to_bytes()).expect("sent"),
            }
            if at % 2 == 0 {
                // A reset in the place of an end.
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
            }
        }
        nothing_is_left(&daemon);
    };
    churn(500);
    let (memory, descriptors) = (resident(&daemon), daemon.scrape().value("process_open_fds", &[]));
    churn(5000);
    let grown = resident(&daemon).saturating_sub(memory);
    assert!(grown < 1 << 20, "grew by {grown} bytes");
    assert_eq!(daemon.scrape().value("process_open_fds", &[]), descriptors);
    let samples = daemon.scrape();
    assert!(samples.value("tamis_connections_accepted_total", &[]) >= 5500.0);
}

#[test]
fn a_flood_of_newcomers_does_not_keep_a_client_from_its_connection() {
    let daemon = start(&["--max-connections", "64"]);
    let mut connection = daemon.connect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let held: Vec<_> = (0..64).filter_map(|_| TcpStream::connect(daemon.address()).ok()).collect();
                    drop(held);
                }
            });
        }
        // It asks from time to time, as a client does: never at rest for as long as makes it worth a place.
        for _ in 0..200 {
            assert_eq!(connection.exchange(&Request::json("/predict", IRIS)).expect("an answer").status, 200);
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop(connection);
    nothing_is_left(&daemon);
}
