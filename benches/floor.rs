//! What a request costs against the least that it could: a bare epoll loop, an empty hyper handler with the daemon's knobs, and
//! tamis, driven in turn by `wrk`, CPU time per request read from the kernel.
//!
//! `cargo bench --bench floor` runs it and prints a Markdown table; with `-- --against BINARY` it sets this build of tamis
//! beside another in the place of the floors. `cargo test --benches` checks that all three servers answer. Without `wrk`
//! on the PATH it says so and measures nothing.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(dead_code, reason = "`latency` uses the rest of what is shared")]

#[path = "floor/empty.rs"]
mod empty;
#[path = "floor/epoll.rs"]
mod epoll;
#[path = "floor/handler.rs"]
mod handler;
#[path = "floor/measure.rs"]
mod measure;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use measure::{Load, Sample, Server, measure};

/// Each line of the table.
fn loads() -> Vec<Load> {
    let load =
        |name, path, body: Option<&str>| Load { name, path, body: body.map(str::to_owned), depth: 1, workers: 1 };
    let long = TEXT_400.replace(r#""}"#, &format!(" {}{}", &TEXT_400[9..TEXT_400.len() - 2].repeat(9), r#""}"#));
    vec![
        load("GET /livez", "/livez", None),
        load("POST /predict", "/predict", Some(FEATURES)),
        load("POST /analyze, 100 characters", "/analyze", Some(TEXT_100)),
        load("POST /analyze, 400 characters", "/analyze", Some(TEXT_400)),
        load("POST /analyze, 4,000 characters", "/analyze", Some(&long)),
        load("GET /metrics", "/metrics", None),
        Load { depth: 16, ..load("POST /predict, 16 at once", "/predict", Some(FEATURES)) },
        Load { depth: 16, ..load("POST /analyze, 100 characters, 16 at once", "/analyze", Some(TEXT_100)) },
        Load { workers: 2, ..load("POST /predict, two workers", "/predict", Some(FEATURES)) },
        Load { workers: 2, ..load("POST /analyze, 100 characters, two workers", "/analyze", Some(TEXT_100)) },
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, serve, name, port, workers, body] = &arguments[..]
        && serve == "--serve"
    {
        let (port, workers) = (port.parse().expect("a port"), workers.parse().expect("a number"));
        match name.as_str() {
            "epoll" => epoll::serve(port, body.as_bytes(), workers),
            _ => empty::serve(port, body.as_bytes(), workers),
        }
    }
    // `cargo bench` passes --bench; `cargo test --benches` does not.
    let bench = arguments.iter().any(|word| word == "--bench");
    let (rounds, seconds) = if bench { (7, 3.0) } else { (1, 0.2) };
    let Some(wrk) = measure::wrk() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "wrk is not installed: run `make tools`");
        println!("floor: skipped, wrk is not installed (apt-get install wrk)");
        return;
    };
    if let Some(other) = arguments.iter().skip_while(|word| *word != "--against").nth(1) {
        // Many short rounds: a single ratio is good to a twentieth.
        return against(other, &wrk, rounds * 3, seconds / 3.0);
    }
    println!("| request | epoll, us CPU | hyper alone, us CPU | tamis, us CPU | of hyper | tamis, requests/s |");
    println!("|---|---|---|---|---|---|");
    for load in &loads() {
        let tamis = Server::tamis(load.workers);
        // The floors send exactly the bytes that tamis sends.
        let answer = tamis.answer(load);
        let servers =
            [Server::floor("epoll", load.workers, &answer), Server::floor("hyper", load.workers, &answer), tamis];
        // Interleaved, so that what the machine does besides falls on all.
        let mut samples: Vec<[Sample; 3]> = (0..rounds)
            .map(|_| [0, 1, 2].map(|server: usize| measure(&wrk, &servers[server], load, seconds)))
            .collect();
        let ratio = |[_, hyper, tamis]: &[Sample; 3]| tamis.cpu / hyper.cpu;
        samples.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let median = samples[samples.len() / 2];
        assert!(median.iter().all(|sample| sample.requests > 0.0), "{}: nobody answered", load.name);
        let [epoll, hyper, tamis] = median;
        let (name, ratio) = (load.name, ratio(&median));
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {ratio:.2} | {:.0} |",
            epoll.cpu, hyper.cpu, tamis.cpu, tamis.requests
        );
    }
}

/// This build beside `other`. The median of the ratios is between the two behind it 92 times in 100: of 21 rounds it
/// lies from the seventh to the fifteenth by order, whatever their distribution (a binomial of 21 and a half).
fn against(other: &str, wrk: &Path, rounds: usize, seconds: f64) {
    println!("| request | this, us CPU | {other}, us CPU | of it | 92 in 100 |\n|---|---|---|---|---|");
    for load in loads().iter().filter(|load| load.workers == 1) {
        let servers = [Server::tamis(1), Server::daemon(other, 1, &["--bert", "off"])];
        // Which goes first alternates, so that neither always follows the other's load.
        let mut samples: Vec<[f64; 2]> = (0..rounds)
            .map(|round| {
                let mut cpu = [0.0; 2];
                for server in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                    cpu[server] = measure(wrk, &servers[server], load, seconds).cpu;
                }
                cpu
            })
            .collect();
        let ratio = |sample: &[f64; 2]| sample[0] / sample[1];
        samples.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let [least, median, most] =
            [rounds / 3 - 1, rounds / 2, rounds - rounds / 3].map(|place| samples[place.min(rounds - 1)]);
        println!(
            "| {} | {:.2} | {:.2} | {:.3} | {:.3} to {:.3} |",
            load.name,
            median[0],
            median[1],
            ratio(&median),
            ratio(&least),
            ratio(&most)
        );
    }
}

/// A listener that others may share the port with.
fn listen(port: u16) -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).expect("a free port");
    socket.listen(1024).expect("a socket");
    socket.into()
}

const FEATURES: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const TEXT_100: &str =
    r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "}"#;
const TEXT_400: &str = r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. The source that you cite is from 1998 and has been superseded, so I would rather keep the older wording until we find a better one. If nobody objects within a week I will restore the paragraph and add the two references from the archive. Please let me know what you think about that plan, friend."}"#;
