//! `POST /analyze/batch` as a stream: a JSON text a line in, a result a line out, as long as it likes, in memory that stays.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::{Connection, Request, Response};
use common::inference::Inference;
use common::metrics::{Samples, delta};
use serde_json::{Value, json};

const HEAD: &[u8] = b"POST /analyze/batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";

fn stream(lines: impl Into<Vec<u8>>) -> Request {
    Request::post("/analyze/batch", lines).header("Content-Type", "application/x-ndjson")
}

fn results(answer: &Response) -> Vec<Value> {
    let text = answer.text();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line does not end");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// Reads until `count` results have come, as they stand on the wire.
fn read_results(connection: &Connection, count: usize) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let found = String::from_utf8_lossy(&all).matches("\"status\":").count()
            + String::from_utf8_lossy(&all).matches("\"score\":").count();
        if found >= count {
            return String::from_utf8(all).expect("UTF-8");
        }
        let read = connection.stream().read(&mut piece).expect("an answer in time");
        assert_ne!(read, 0, "it ends after {found} results");
        all.extend_from_slice(&piece[..read]);
    }
}

fn in_progress(samples: &Samples) -> f64 {
    samples.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze/batch")])
}

fn answered(samples: &Samples) -> f64 {
    let labels = [("method", "POST"), ("handler", "/analyze/batch"), ("status", "200")];
    samples.value("http_requests_total", &labels)
}

#[test]
fn each_line_has_its_result_and_a_wrong_one_ends_nothing() {
    let daemon =
        Daemon::start(&["--workers", "1", "--bert", "off", "--max-text-bytes", "100", "--max-body-bytes", "300"]);
    let (long, very_long) = ("a".repeat(101), "b".repeat(400));
    let lines = format!(
        "\"You are kind.\"\n{{\"text\":\"Idiot.\",\"model\":\"auto\"}}\r\n\n  \n{{\"text\":\n\"{long}\"\n\"{very_long}\"\n7\n{{}}\n{{\"text\":\"a\",\"model\":\"gpt\"}}\n{{\"text\":\"a\",\"model\":\"bert\"}}\n{{\"text\":\"a\",\"explain\":true}}\n\" \"\n\"Thank you.\""
    );
    let before = daemon.scrape();
    let answer = daemon.ask(&stream(lines.as_str()));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let results = results(&answer);
    let told: Vec<_> = results.iter().map(|result| result["error_type"].as_str().unwrap_or("")).collect();
    let expected = [
        "",
        "",
        "malformed_json",
        "text_too_long",
        "text_too_long",
        "invalid_type",
        "missing_field",
        "unknown_model",
        "model_unavailable",
        "unknown_field",
        "empty_text",
        "",
    ];
    assert_eq!(told, expected, "{results:#?}");
    assert_eq!(
        (&results[2]["offset"], &results[3]["field"], &results[4]["field"]),
        (&json!(8), &json!("text"), &json!("line"))
    );
    assert_eq!((&results[3]["limit"], &results[4]["limit"]), (&json!(100), &json!(300)));
    assert!(results[4]["detail"].as_str().is_some_and(|detail| detail.contains("402 bytes long")), "{}", results[4]);
    assert!(results[1]["score"].as_u64() > results[0]["score"].as_u64());
    let moved = delta(&before, &daemon.scrape());
    assert_eq!(answered(&moved), 1.0);
    let sizes = |name: &str| moved.value(name, &[("handler", "/analyze/batch")]);
    assert_eq!(sizes("http_request_size_bytes_sum"), lines.len() as f64);
    assert_eq!(sizes("http_response_size_bytes_sum"), answer.body.len() as f64);
    assert_eq!(daemon.ask(&stream("")).body, b"", "no line, no result");
}

#[test]
fn a_line_is_the_same_wherever_it_is_cut() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let lines = "\"You are kind, naïve 👍.\"\n{\"text\":\"Idiot.\"}\n";
    let expected: Vec<_> = results(&daemon.ask(&stream(lines))).iter().map(|result| result["score"].clone()).collect();
    for cut in (1..lines.len()).filter(|&at| lines.is_char_boundary(at)) {
        let mut connection = daemon.connect();
        let parts = [HEAD.to_vec(), chunk(&lines[..cut]), chunk(&lines[cut..]), b"0\r\n\r\n".to_vec()];
        let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        connection.send_segments(&parts, Duration::from_millis(1)).expect("sent");
        let found = results(&connection.read_response().expect("an answer"));
        assert_eq!(found.iter().map(|result| result["score"].clone()).collect::<Vec<_>>(), expected, "cut at {cut}");
        // The connection goes on.
        assert_eq!(connection.exchange(&Request::get("/livez")).expect("an answer").status, 200);
    }
}

#[test]
fn a_result_comes_before_the_next_line_is_sent() {
    let instant = |_: &[u32]| Ok([0.42, 0.1, 0.2, 0.3, 0.4, 0.5]);
    let server = Inference::start(&[], None, instant);
    let mut connection = server.connect();
    connection.send(HEAD).expect("sent");
    for model in ["simple", "bert", "simple", "bert"] {
        connection.send(&chunk(&format!("{{\"text\":\"You are kind.\",\"model\":\"{model}\"}}\n"))).expect("sent");
        let found = read_results(&connection, 1);
        assert!(found.contains(&format!("\"model_used\":\"{model}\"")), "{found}");
    }
    connection.send(b"0\r\n\r\n").expect("sent");
    let mut rest = [0; 5];
    connection.stream().read_exact(&mut rest).expect("the end");
    assert_eq!(&rest, b"0\r\n\r\n");
    assert_eq!((answered(&server.scrape()), in_progress(&server.scrape())), (1.0, 0.0));
}

#[test]
fn lines_for_bert_pass_through_a_short_queue_in_order() {
    let told = |ids: &[u32]| Ok([(ids.len() % 100) as f32 / 100.0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    let server = Inference::start(&["--bert-queue", "2"], None, told);
    let text = |count: usize| "xyz w".repeat(count % 30 + 1);
    let line = |count: usize| {
        json!({"text": text(count), "model": if count.is_multiple_of(3) { "simple" } else { "bert" }}).to_string()
            + "\n"
    };
    let found = results(&server.ask(&stream((0..300).map(line).collect::<String>())));
    assert_eq!(found.len(), 300);
    let alone: Vec<_> = (0..30).map(|count| results(&server.ask(&stream(line(count))))[0].clone()).collect();
    for (count, result) in found.iter().enumerate() {
        let alone = &alone[count % 30];
        assert_eq!(
            (&result["labels"], &result["model_used"]),
            (&alone["labels"], &alone["model_used"]),
            "line {count}"
        );
    }
}

#[test]
fn a_stream_of_any_length_takes_the_same_memory() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let resident = || daemon.scrape().value("process_resident_memory_bytes", &[]);
    let line = "{\"text\":\"Thank you for explaining why you made that edit.\"}\n";
    let send = |lines: usize| {
        let connection = daemon.connect();
        let mut writer = connection.stream().try_clone().expect("a handle");
        let block = chunk(&line.repeat(1000));
        let sender = std::thread::spawn(move || {
            writer.write_all(HEAD).expect("sent");
            for _ in 0..lines / 1000 {
                writer.write_all(&block).expect("sent");
            }
            writer.write_all(b"0\r\n\r\n").expect("sent");
        });
        let (mut count, mut piece, mut tail) = (0, vec![0; 1 << 16], Vec::new());
        while !tail.ends_with(b"\r\n0\r\n\r\n") {
            let read = connection.stream().read(&mut piece).expect("the answer");
            assert_ne!(read, 0, "the answer ends too soon");
            count += piece[..read].split(|&byte| byte == b'{').count() - 1;
            tail.extend_from_slice(&piece[..read]);
            tail.drain(..tail.len().saturating_sub(16));
        }
        sender.join().expect("no panic");
        // Two braces a result: its own and that of its labels.
        assert_eq!(count, 2 * lines);
    };
    send(2_000);
    let before = resident();
    let start = Instant::now();
    send(100_000);
    println!("100,000 lines in {:?}", start.elapsed());
    let grown = resident() - before;
    assert!(grown <= 512.0 * 1024.0, "{} lines took {grown} bytes more", 100_000);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_ends_at_the_write_timeout() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--write-timeout", "1s"]);
    let before = daemon.scrape().value("process_resident_memory_bytes", &[]);
    let mut writer = TcpStream::connect(daemon.address()).expect("it accepts");
    writer.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket");
    writer.write_all(HEAD).expect("sent");
    let block = chunk(&"\"Thank you.\"\n".repeat(1000));
    let mut sent = 0;
    // It is cut off, long before it has sent all.
    while sent < 400 && writer.write_all(&block).is_ok() {
        sent += 1;
    }
    assert!(sent < 400, "{sent} blocks were read although no answer was");
    let samples = daemon.scrape();
    assert!(samples.value("process_resident_memory_bytes", &[]) - before < 1024.0 * 1024.0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while in_progress(&daemon.scrape()) != 0.0 {
        assert!(Instant::now() < deadline, "it is still under way");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(answered(&daemon.scrape()), 0.0, "who went without the answer was not answered");
}

#[test]
fn a_stream_that_rests_too_long_is_ended_with_a_word() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--body-timeout", "500ms"]);
    let mut connection = daemon.connect();
    connection.send(HEAD).expect("sent");
    // Each pause is shorter than the limit, all together are longer.
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(250));
        connection.send(&chunk("\"You are kind.\"\n")).expect("sent");
    }
    let answer = connection.read_response().expect("an answer");
    let told: Vec<_> = results(&answer).iter().map(|result| result["error_type"].clone()).collect();
    assert_eq!(told, [Value::Null, Value::Null, Value::Null, Value::Null, json!("request_timeout")]);
    assert!(connection.is_closed().expect("an end"));
    assert_eq!(daemon.scrape().value("tamis_requests_timed_out_total", &[]), 1.0);
}

#[test]
fn a_body_that_breaks_off_or_is_badly_framed_does_not_end_as_if_it_were_whole() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let mut half = daemon.connect();
    half.send(HEAD).expect("sent");
    half.send(&chunk("\"You are kind.\"\n\"Half a li")).expect("sent");
    read_results(&half, 1);
    half.finish_sending().expect("sent");
    let mut rest = Vec::new();
    let _ = half.stream().read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
    let mut bad = daemon.connect();
    bad.send(HEAD).expect("sent");
    bad.send(&chunk("\"You are kind.\"\n")).expect("sent");
    bad.send(b"zz\r\n").expect("sent");
    let told: Vec<_> =
        results(&bad.read_response().expect("an answer")).iter().map(|result| result["error_type"].clone()).collect();
    assert_eq!(told, [Value::Null, json!("malformed_request")]);
    let samples = daemon.scrape();
    assert_eq!((in_progress(&samples), answered(&samples)), (0.0, 1.0));
}

#[test]
fn http_2_streams_are_answered_side_by_side() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = TcpStream::connect(daemon.address()).expect("it accepts");
        socket.set_nonblocking(true).expect("a socket");
        let socket = tokio::net::TcpStream::from_std(socket).expect("a socket");
        let (mut client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let mut answers = Vec::new();
        for lines in [2_000_usize, 3, 2_000] {
            let request = http::Request::post(format!("http://{}/analyze/batch", daemon.address()))
                .header("content-type", "application/x-ndjson");
            client = client.ready().await.expect("room for a stream");
            let (answer, mut body) = client.send_request(request.body(()).expect("a request"), false).expect("sent");
            body.send_data("\"You are kind.\"\n".repeat(lines).into(), true).expect("sent");
            answers.push((answer, lines));
        }
        // Read at once: what one does not take, the others have no room for.
        let read = answers.into_iter().map(|(answer, lines)| {
            tokio::spawn(async move {
                let mut answer = answer.await.expect("an answer");
                let mut count = 0;
                while let Some(data) = answer.body_mut().data().await {
                    let data = data.expect("the body");
                    count += data.split(|&byte| byte == b'\n').count() - 1;
                    let _ = answer.body_mut().flow_control().release_capacity(data.len());
                }
                assert_eq!(count, lines);
            })
        });
        let read: Vec<_> = read.collect();
        for one in read {
            one.await.expect("no panic");
        }
        drop(client);
        driver.await.expect("no panic").expect("a clean end");
    });
    let samples = daemon.scrape();
    assert_eq!(answered(&samples), 3.0);
    assert_eq!(samples.value("tamis_slot_fallbacks_total", &[]), 0.0, "each part had a place that was made at start");
}
