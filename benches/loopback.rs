//! A request and its answer over loopback, one at a time on one connection: the client, the kernel and the daemon.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clap::Parser as _;
use criterion::{Criterion, criterion_group, criterion_main};
use tamis::config::CommandLine;
use tamis::model::Models;
use tamis::model::toxicity::EngineChoice;
use tamis::server::Server;

fn round_trips(criterion: &mut Criterion) {
    let line = CommandLine::parse_from(["tamis", "--listen", "127.0.0.1:0", "--workers", "1"]);
    let server = Server::start(&line.flags).expect("a free port");
    server.ready(Models::load(None, EngineChoice::Auto).expect("the embedded models"));
    let mut stream = TcpStream::connect(server.addresses()[0]).expect("it accepts");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut group = criterion.benchmark_group("loopback");
    let post = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let requests = [
        ("livez", "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        ("predict", post("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#)),
        (
            "analyze",
            post("/analyze", r#"{"text":"Thank you for explaining on the talk page why you made that edit."}"#),
        ),
    ];
    for (name, request) in requests {
        let mut answer = [0; 2048];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                stream.write_all(request.as_bytes()).expect("sent");
                // An answer this small comes in one piece.
                let length = stream.read(&mut answer).expect("an answer");
                assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
            });
        });
    }
    group.finish();
    drop(stream);
    assert!(server.drain(Duration::ZERO, Duration::from_secs(5)));
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
