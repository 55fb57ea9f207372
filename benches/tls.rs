//! What TLS costs: a connection with a full handshake, with one that resumes, and without TLS, each asked once and closed; and a
//! request on connections that are kept, over TLS and plain. One worker on one core, CPU time read from the kernel, in turn.
//!
//! `make bench-tls` runs it and prints two Markdown tables; `cargo test --features tls --bench tls` checks that all of it
//! answers. Without `wrk` on the PATH it says so and measures nothing.
#![expect(clippy::print_stdout, reason = "the tables are what it is for")]
#![allow(dead_code, reason = "`floor` uses the rest of what is shared")]

#[path = "floor/measure.rs"]
mod measure;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Load, Sample, Server, measure};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

fn main() {
    // `cargo bench` passes --bench; `cargo test --benches` does not.
    let bench = std::env::args().any(|word| word == "--bench");
    let (rounds, seconds) = if bench { (7, 3.0) } else { (1, 0.2) };
    let Some(wrk) = measure::wrk() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "wrk is not installed: run `make tools`");
        println!("tls: skipped, wrk is not installed (apt-get install wrk)");
        return;
    };
    let files = std::env::temp_dir().join(format!("tamis-bench-tls-{}", std::process::id()));
    std::fs::create_dir_all(&files).expect("a writable directory");
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let [certificate, key] =
        [("certificate.pem", pair.cert.pem()), ("key.pem", pair.signing_key.serialize_pem())].map(|(name, text)| {
            let path = files.join(name);
            std::fs::write(&path, text).expect("a writable directory");
            path.to_str().expect("a plain path").to_owned()
        });
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("rustls's own");
    let resumes = builder.with_root_certificates(roots).with_no_client_auth();
    let mut forgets = resumes.clone();
    forgets.resumption = Resumption::disabled();
    let (resumes, forgets) = (Arc::new(resumes), Arc::new(forgets));

    let (encrypted, plain) = (Server::encrypted(&certificate, &key), Server::tamis(1));
    // The ticket of the first that resumes.
    assert_eq!(connection(&encrypted, Some(&resumes)), Some(HandshakeKind::Full));
    let of_connections = medians(rounds, || {
        [
            (&plain, None),
            (&encrypted, Some((&forgets, HandshakeKind::Full))),
            (&encrypted, Some((&resumes, HandshakeKind::Resumed))),
        ]
        .map(|(server, client)| connections(server, client, seconds))
    });
    let kept = Load {
        name: "POST /predict",
        path: "/predict",
        body: Some(r#"{"features":[5.1,3.5,1.4,0.2]}"#.to_owned()),
        depth: 1,
        workers: 1,
    };
    let of_requests = medians(rounds, || [&plain, &encrypted].map(|server| measure(&wrk, server, &kept, seconds)));
    let _ = std::fs::remove_dir_all(&files);

    println!(
        "| a connection, a request, the end | us CPU | more than plain, us CPU | a second on a core |\n|---|---|---|---|"
    );
    for (name, cpu) in ["plain", "TLS 1.3, full handshake", "TLS 1.3, resumed"].into_iter().zip(of_connections) {
        println!("| {name} | {cpu:.1} | {:.1} | {:.0} |", cpu - of_connections[0], 1e6 / cpu);
    }
    let [plain, encrypted] = of_requests;
    println!("\n| a request on a kept connection | plain, us CPU | TLS 1.3, us CPU | of plain |\n|---|---|---|---|");
    println!("| {} | {plain:.2} | {encrypted:.2} | {:.2} |", kept.name, encrypted / plain);
}

/// The median round, by the ratio of the second to the first: CPU microseconds of each.
fn medians<const N: usize>(rounds: usize, mut round: impl FnMut() -> [Sample; N]) -> [f64; N] {
    let mut samples: Vec<[f64; N]> = (0..rounds).map(|_| round().map(|sample| sample.cpu)).collect();
    samples.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
    samples[samples.len() / 2]
}

/// Connections one after the other for so many seconds, each of which shakes hands as it is to.
fn connections(server: &Server, client: Option<(&Arc<ClientConfig>, HandshakeKind)>, seconds: f64) -> Sample {
    let (begun, before, mut count) = (Instant::now(), server.cpu_nanoseconds(), 0.0);
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        let kind = connection(server, client.map(|(config, _)| config));
        assert_eq!(kind, client.map(|(_, kind)| kind), "as it is to be measured");
        count += 1.0;
    }
    let cpu = (server.cpu_nanoseconds() - before) as f64 / 1e3 / count;
    Sample { cpu, requests: count / begun.elapsed().as_secs_f64() }
}

/// One connection, one request, until the server closes; how hands were shaken.
fn connection(server: &Server, config: Option<&Arc<ClientConfig>>) -> Option<HandshakeKind> {
    let socket = TcpStream::connect(("127.0.0.1", server.port)).expect("it accepts");
    socket.set_nodelay(true).expect("a socket");
    let Some(config) = config else {
        ask(socket);
        return None;
    };
    let name = "localhost".try_into().expect("a name");
    let client = ClientConnection::new(Arc::clone(config), name).expect("a client");
    ask(StreamOwned::new(client, socket)).conn.handshake_kind()
}

fn ask<S: Read + Write>(mut stream: S) -> S {
    stream.write_all(REQUEST).expect("sent");
    let mut answer = Vec::with_capacity(1024);
    stream.read_to_end(&mut answer).expect("an answer and an end");
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

const REQUEST: &[u8] = b"POST /predict HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
    content-length: 30\r\n\r\n{\"features\":[5.1,3.5,1.4,0.2]}";
