//! HTTP/2 by clients that follow its grammar and not its purpose (RFC 9113, section 10.5): frames that cost them nothing and the
//! daemon something. Each ends in bounded memory and time, and others are served meanwhile.

mod common;

use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::frames::{
    ACK, CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, Frame, HEADERS,
    PING, PRIORITY, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, code, frame, integer,
    request, setting,
};
use common::hostile::{IRIS, LONG, is_ended, is_served, nothing_is_left, resident};
use common::http::Request;

const ONE_WORKER: [&str; 4] = ["--workers", "1", "--bert", "off"];

/// A daemon, whose memory has been used once, and how much it has.
fn daemon(more: &[&str]) -> (Daemon, u64) {
    let daemon = Daemon::start(&[&ONE_WORKER[..], more].concat());
    is_served(&daemon);
    let mut client = Client::new(&daemon, &[]);
    assert!(client.get(1, "/livez") && client.body(1).is_some());
    daemon.scrape();
    drop(client);
    nothing_is_left(&daemon);
    let before = resident(&daemon);
    (daemon, before)
}

/// What is left when all is over: as much memory as before and some that the allocator keeps, no connection, no request; and
/// others are served.
fn is_over(daemon: &Daemon, before: u64) {
    is_served(daemon);
    nothing_is_left(daemon);
    let grown = resident(daemon).saturating_sub(before);
    assert!(grown < 4 << 20, "grew by {grown} bytes");
}

/// Sends what `attack` makes of each number until the daemon ends the connection, which it must before `most` bytes; others are
/// served meanwhile, and memory stays. Answers the code with which it ended.
fn flood(
    daemon: &Daemon,
    before: u64,
    client: &mut Client,
    most: usize,
    mut attack: impl FnMut(u32) -> Vec<u8>,
) -> Option<u32> {
    let (mut sent, mut count) = (0, 0);
    let begun = Instant::now();
    loop {
        let burst: Vec<u8> = (0..200)
            .flat_map(|_| {
                count += 1;
                attack(count)
            })
            .collect();
        if !client.send(&burst) {
            break;
        }
        sent += burst.len();
        assert!(sent < most && begun.elapsed() < LONG, "{sent} bytes in {:?}, and it goes on", begun.elapsed());
        if count % 10_000 == 0 {
            is_served(daemon);
            let grown = resident(daemon).saturating_sub(before);
            assert!(grown < 8 << 20, "grew by {grown} bytes after {sent}");
        }
    }
    client.goaway()
}

/// What is sent, of each number.
type Attack = Box<dyn FnMut(u32) -> Vec<u8>>;

/// The streams of a client, in their order.
const fn stream(count: u32) -> u32 {
    2 * count - 1
}

#[test]
fn streams_that_are_reset_at_once_end_the_connection() {
    // CVE-2023-44487.
    let (daemon, before) = daemon(&[]);
    let mut client = Client::new(&daemon, &[]);
    let cancelled = 8_u32.to_be_bytes();
    let ended = flood(&daemon, before, &mut client, 64 << 20, |count| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream(count), &request("GET", "/metrics"));
        [head, frame(RST_STREAM, 0, stream(count), &cancelled)].concat()
    });
    assert!(matches!(ended, Some(ENHANCE_YOUR_CALM) | None), "{ended:?}");
    is_over(&daemon, before);
}

#[test]
fn streams_that_we_are_made_to_reset_end_the_connection() {
    // CVE-2025-8671: an increment of nothing is an error of the stream, which the server resets.
    let (daemon, before) = daemon(&[]);
    let mut client = Client::new(&daemon, &[]);
    let ended = flood(&daemon, before, &mut client, 64 << 20, |count| {
        let head = frame(HEADERS, END_HEADERS, stream(count), &request("POST", "/predict"));
        [head, frame(WINDOW_UPDATE, 0, stream(count), &[0; 4])].concat()
    });
    assert!(matches!(ended, Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR) | None), "{ended:?}");
    is_over(&daemon, before);
}

#[test]
fn a_header_section_without_end_ends_the_connection() {
    // CVE-2024-27316.
    let (daemon, before) = daemon(&[]);
    for piece in [block(&[("x-many", "y")]), Vec::new()] {
        let mut client = Client::new(&daemon, &[]);
        assert!(client.send(&frame(HEADERS, END_STREAM, 1, &request("GET", "/livez"))));
        let ended = flood(&daemon, before, &mut client, 64 << 20, |_| frame(CONTINUATION, 0, 1, &piece));
        assert!(matches!(ended, Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR) | None), "{ended:?}");
    }
    is_over(&daemon, before);
}

#[test]
fn a_header_section_that_comes_slowly_has_its_time() {
    let (daemon, before) = daemon(&["--header-timeout", "500ms"]);
    let mut client = Client::new(&daemon, &[]);
    assert!(client.send(&frame(HEADERS, END_STREAM, 1, &request("GET", "/livez"))));
    let begun = Instant::now();
    while client.send(&frame(CONTINUATION, 0, 1, &block(&[("x", "y")]))) {
        assert!(begun.elapsed() < LONG, "it goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    is_over(&daemon, before);
}

#[test]
fn a_flood_of_pings_of_settings_or_of_priorities_ends_by_itself() {
    // CVE-2019-9512, CVE-2019-9515, CVE-2019-9513: each asks for an answer that is not read, or for nothing.
    let (daemon, before) = daemon(&["--header-timeout", "2s", "--write-timeout", "1s"]);
    let floods: [(&str, Attack); 4] = [
        ("pings", Box::new(|_| frame(PING, 0, 0, &[7; 8]))),
        ("settings", Box::new(|_| frame(SETTINGS, 0, 0, &setting(4, 65_535)))),
        ("priorities", Box::new(|count| frame(PRIORITY, 0, stream(count), &[0, 0, 0, 0, 1]))),
        ("unknown", Box::new(|_| frame(0xfa, 0, 0, &[0; 100]))),
    ];
    for (name, attack) in floods {
        let mut client = Client::new(&daemon, &[]);
        let ended = flood(&daemon, before, &mut client, usize::MAX, attack);
        println!("{name}: {ended:?}");
    }
    is_over(&daemon, before);
}

#[test]
fn a_client_that_pings_is_at_rest_all_the_same_and_is_told_good_bye() {
    let (daemon, before) = daemon(&["--header-timeout", "300ms", "--idle-timeout", "3s"]);
    let mut client = Client::new(&daemon, &[]);
    assert!(client.get(1, "/livez") && client.body(1).is_some());
    let begun = Instant::now();
    let mut ended = None;
    while ended.is_none() && client.send(&frame(PING, 0, 0, &[7; 8])) {
        ended = client.read(Duration::from_millis(100)).filter(|frame| frame.kind == common::frames::GOAWAY);
        assert!(begun.elapsed() < LONG, "pings keep it open");
    }
    // By `--idle-timeout`, not by `--header-timeout` after the first ping.
    assert!(begun.elapsed() > Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert_eq!(ended.as_ref().map(code), Some(0), "GOAWAY, NO_ERROR");
    is_ended(&client.stream);
    is_over(&daemon, before);
}

#[test]
fn a_body_that_never_comes_is_timed_out_behind_whatever_else_its_client_asks() {
    let limits = ["--body-timeout", "1s", "--idle-timeout", "60s", "--max-connections", "64"];
    let (daemon, before) = daemon(&limits);
    let mut client = Client::new(&daemon, &[]);
    // They would take every slot for a body.
    for at in 1..=64 {
        assert!(client.send(&frame(HEADERS, END_HEADERS, stream(at), &request("POST", "/predict"))));
        assert!(client.send(&frame(DATA, 0, stream(at), b"{")));
    }
    let (mut late, mut asked, begun) = (0, 64, Instant::now());
    while late < 64 {
        asked += 1;
        assert!(client.get(stream(asked), "/livez"), "the connection is for the other streams too");
        while let Some(frame) = client.read(Duration::from_millis(20)) {
            let text = String::from_utf8_lossy(&frame.payload).into_owned();
            late += usize::from(frame.kind == DATA && text.contains(r#""error_type":"request_timeout""#));
        }
        assert!(begun.elapsed() < LONG, "{late} of 64 were told that they are late");
    }
    // And the connection goes on.
    assert!(client.send(&frame(HEADERS, END_HEADERS, stream(asked + 1), &request("POST", "/predict"))));
    assert!(client.send(&frame(DATA, END_STREAM, stream(asked + 1), IRIS.as_bytes())));
    assert!(client.body(stream(asked + 1)).is_some_and(|body| body.contains("setosa")));
    let samples = daemon.scrape();
    let labels = [("method", "POST"), ("handler", "/predict"), ("status", "408")];
    assert_eq!(samples.value("http_requests_total", &labels), 64.0);
    assert_eq!(samples.value("tamis_requests_timed_out_total", &[]), 64.0);
    drop(client);
    is_over(&daemon, before);
}

#[test]
fn lines_that_rest_are_ended_behind_whatever_else_their_client_asks() {
    let (daemon, before) = daemon(&["--body-timeout", "1s"]);
    let mut client = Client::new(&daemon, &[]);
    let lines = [&request("POST", "/analyze/batch")[..], &[]].concat();
    let lines = lines.windows(16).position(|window| window == b"application/json").map(|at| {
        let mut lines = lines.clone();
        lines[at - 1] = 20;
        lines.splice(at..at + 16, *b"application/x-ndjson");
        lines
    });
    // As many as a worker has memory for.
    for at in 1..=16 {
        assert!(client.send(&frame(HEADERS, END_HEADERS, stream(at), lines.as_deref().expect("its media type"))));
        assert!(client.send(&frame(DATA, 0, stream(at), b"\"You are kind.\"\n")));
    }
    let (mut late, mut asked, begun) = (0, 16, Instant::now());
    while late < 16 {
        asked += 1;
        assert!(client.get(stream(asked), "/livez"));
        while let Some(frame) = client.read(Duration::from_millis(20)) {
            late += usize::from(String::from_utf8_lossy(&frame.payload).contains("request_timeout"));
        }
        assert!(begun.elapsed() < LONG, "{late} of 16 have ended");
    }
    drop(client);
    is_over(&daemon, before);
}

#[test]
fn answers_that_are_not_taken_end_the_connection_and_leave_scrapes_room() {
    let (daemon, before) = daemon(&["--write-timeout", "1s", "--idle-timeout", "60s"]);
    // No window: no byte of a body may be sent.
    let mut client = Client::new(&daemon, &setting(4, 0));
    for at in 1..=100 {
        assert!(client.get(stream(at), "/metrics"));
    }
    let (begun, mut asked) = (Instant::now(), 100);
    // It is scraped by others at once and all the while, and what it sends does not keep it alive.
    loop {
        assert_eq!(Request::get("/metrics").send_to(daemon.address()).expect("an answer").status, 200);
        asked += 1;
        if !(client.get(stream(asked), "/livez") && client.send(&frame(PING, 0, 0, &[7; 8]))) {
            break;
        }
        while client.read(Duration::from_millis(50)).is_some() {}
        assert!(begun.elapsed() < LONG, "it goes on");
    }
    is_over(&daemon, before);
}

#[test]
fn an_answer_that_is_taken_slowly_is_sent_to_its_end() {
    let (daemon, before) = daemon(&["--write-timeout", "2s"]);
    let mut client = Client::new(&daemon, &setting(4, 0));
    assert!(client.get(1, "/model-info"));
    let begun = Instant::now();
    let mut body = Vec::new();
    // Longer than the limit in all, never as long without a byte.
    while begun.elapsed() < Duration::from_secs(5) {
        assert!(client.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())));
        let part = client.read_until(|frame| frame.kind == DATA).expect("a byte");
        assert!(part.payload.len() <= 1);
        body.extend(part.payload);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(client.send(&frame(WINDOW_UPDATE, 0, 1, &1_000_000_u32.to_be_bytes())));
    body.extend(client.body(1).expect("the rest").into_bytes());
    serde_json::from_slice::<serde_json::Value>(&body).expect("all of it");
    drop(client);
    is_over(&daemon, before);
}

#[test]
fn data_without_content_and_data_beyond_the_window_are_not_kept() {
    // CVE-2019-9518, and a body byte by byte.
    let (daemon, before) = daemon(&["--body-timeout", "1s", "--write-timeout", "1s"]);
    for (piece, method, path) in [(&b""[..], "POST", "/predict"), (b" ", "POST", "/predict"), (b" ", "GET", "/livez")] {
        let mut client = Client::new(&daemon, &[]);
        assert!(client.send(&frame(HEADERS, END_HEADERS, 1, &request(method, path))));
        let begun = Instant::now();
        let flood = frame(DATA, 0, 1, piece).repeat(1000);
        let mut late = false;
        while begun.elapsed() < LONG && !late && client.send(&flood) {
            while let Some(frame) = client.read(Duration::from_millis(1)) {
                late |= frame.kind == RST_STREAM || String::from_utf8_lossy(&frame.payload).contains("\"status\":4");
            }
            let grown = resident(&daemon).saturating_sub(before);
            assert!(grown < 8 << 20, "grew by {grown} bytes");
        }
        assert!(begun.elapsed() < LONG, "{method} {path} by {piece:?} goes on");
        is_served(&daemon);
    }
    // Every byte that it may send ahead and one more.
    let mut client = Client::new(&daemon, &[]);
    assert!(client.send(&frame(HEADERS, END_HEADERS, 1, &request("POST", "/predict"))));
    client.send(&frame(DATA, 0, 1, &[b' '; 16_384]).repeat(200));
    let ended = client.read_until(|frame| {
        matches!(frame.kind, RST_STREAM | common::frames::GOAWAY)
            || String::from_utf8_lossy(&frame.payload).contains("body_too_large")
    });
    assert!(ended.is_some(), "a body of three megabytes is refused");
    drop(client);
    is_over(&daemon, before);
}

#[test]
fn windows_beyond_what_there_is_end_the_connection() {
    let (daemon, before) = daemon(&[]);
    let most = 0x7fff_ffff_u32.to_be_bytes();
    for attack in [
        frame(WINDOW_UPDATE, 0, 0, &most).repeat(2),
        frame(SETTINGS, 0, 0, &setting(4, 0x8000_0000)),
        [frame(HEADERS, END_HEADERS, 1, &request("POST", "/predict")), frame(WINDOW_UPDATE, 0, 1, &most).repeat(2)]
            .concat(),
    ] {
        let mut client = Client::new(&daemon, &[]);
        assert!(client.send(&attack));
        let ended =
            client.read_until(|frame| matches!(frame.kind, RST_STREAM | common::frames::GOAWAY)).expect("a word");
        // For a setting section 6.5.2 has FLOW_CONTROL_ERROR as well; h2 calls it a breach of the protocol.
        assert!(matches!(code(&ended), FLOW_CONTROL_ERROR | PROTOCOL_ERROR), "{ended:?}");
    }
    // A window that shrinks below nothing, which section 6.9.2 allows, and tables of any size that is asked for.
    let mut client = Client::new(&daemon, &[setting(1, u32::MAX), setting(4, 10)].concat());
    assert!(client.get(1, "/model-info"));
    assert!(client.send(&frame(SETTINGS, 0, 0, &setting(4, 0))));
    assert!(client.read_until(|frame| frame.kind == SETTINGS && frame.flags & ACK != 0).is_some());
    drop(client);
    is_over(&daemon, before);
}

#[test]
fn header_lists_are_held_to_the_limit_whatever_they_are_written_as() {
    let (daemon, before) = daemon(&[]);
    // A field of 4 KB, put into the table once and then named by a byte each time (a bomb of HPACK).
    let mut bomb = request("GET", "/livez");
    bomb.extend([0x40, 1, b'x']);
    integer(3900, &mut bomb);
    bomb.extend([b'y'; 3900]);
    bomb.extend([0xbe; 12_000]);
    let long = "y".repeat(1000);
    let plain = [request("GET", "/livez"), block(&[("x", long.as_str()); 17])].concat();
    for (name, list) in [("a bomb", bomb), ("long values", plain)] {
        for _ in 0..20 {
            let mut client = Client::new(&daemon, &[]);
            let (first, rest) = list.split_at(list.len().min(16_384));
            let last = if rest.is_empty() { END_HEADERS } else { 0 };
            let mut bytes = frame(HEADERS, END_STREAM | last, 1, first);
            if !rest.is_empty() {
                bytes.extend(frame(CONTINUATION, END_HEADERS, 1, rest));
            }
            assert!(client.send(&bytes));
            // 431 without a body, by HTTP/2's own hand, or the end.
            let told: Option<Frame> =
                client.read_until(|frame| matches!(frame.kind, HEADERS | RST_STREAM | common::frames::GOAWAY));
            let is_200 =
                told.as_ref().is_some_and(|frame| frame.kind == HEADERS && frame.payload.first() == Some(&0x88));
            assert!(!is_200, "{name}: {told:?}");
        }
    }
    is_over(&daemon, before);
}

#[test]
fn one_stream_more_than_there_may_be_is_refused_alone() {
    let (daemon, before) = daemon(&["--max-connections", "256"]);
    let mut client = Client::new(&daemon, &[]);
    // The limit counts once it has been read.
    assert!(client.read_until(|frame| frame.kind == SETTINGS && frame.flags & ACK != 0).is_some());
    assert!(client.send(&frame(SETTINGS, ACK, 0, &[])));
    for at in 1..=129 {
        assert!(client.send(&frame(HEADERS, END_HEADERS, stream(at), &request("POST", "/predict"))));
    }
    let refused = client.read_until(|frame| frame.kind == RST_STREAM).expect("a refusal");
    assert_eq!((refused.stream, code(&refused)), (stream(129), REFUSED_STREAM));
    assert!(client.send(&frame(DATA, END_STREAM, stream(128), IRIS.as_bytes())));
    assert!(client.body(stream(128)).is_some_and(|body| body.contains("setosa")));
    drop(client);
    is_over(&daemon, before);
}
