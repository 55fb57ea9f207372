use super::*;

fn read(arguments: &[&str]) -> Result<Flags, String> {
    let arguments = std::iter::once("tamis").chain(arguments.iter().copied()).map(OsString::from);
    CommandLine::read(arguments).map(|line| line.flags).map_err(|error| error.to_string())
}

/// What is made of a file of this `text`, and of `arguments` beside it.
fn read_file(name: &str, text: &str, arguments: &[&str]) -> Result<Flags, String> {
    let path = std::env::temp_dir().join(format!("tamis-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a writable directory");
    let flags = read(&[&["--config", path.to_str().expect("a temporary path")], arguments].concat());
    std::fs::remove_file(&path).expect("removed");
    flags
}

#[test]
fn nothing_said_is_enough() {
    let flags = read(&[]).expect("defaults");
    assert_eq!(flags.listen, SocketAddr::from(([0, 0, 0, 0], 8000)));
    assert!(flags.workers() >= 1 && flags.admin_listen.is_none());
    assert_eq!(flags.header_timeout, Duration::from_secs(10));
    assert_eq!((flags.bert(), flags.bert_settings().threads >= 1), (bert::EMBEDDED, true));
}

#[test]
fn bad_values_are_refused_by_name() {
    for (arguments, named) in [
        (vec!["--listen", "8000"], "--listen"),
        (vec!["--workers", "0"], "--workers"),
        (vec!["--idle-timeout", "5"], "--idle-timeout"),
        (vec!["--bert", "maybe"], "--bert"),
        (vec!["--bert-threads", "0"], "--bert-threads"),
        (vec!["--bert-queue", "5000"], "--bert-queue"),
        (vec!["--bert-timeout", "0s"], "--bert-timeout"),
        (vec!["--max-body-bytes", "1"], "--max-body-bytes"),
        (vec!["--max-text-bytes", "70000"], "--max-text-bytes"),
        (vec!["--max-body-bytes", "16777216"], "--max-buffered-bytes"),
        (vec!["--admin-listen", "0.0.0.0:8000"], "--admin-listen"),
        (vec!["--nonsense"], "--nonsense"),
        (vec!["--config", "/nonexistent.toml"], "/nonexistent.toml"),
    ] {
        let told = read(&arguments).expect_err("refused");
        assert!(told.contains(named), "{arguments:?}: {told}");
    }
}

#[test]
fn the_file_beats_the_default_and_the_flag_beats_the_file() {
    let text = "listen = \"127.0.0.1:1\"\nworkers = 3\naccess-log = true\nidle-timeout = \"9s\"\n";
    let flags = read_file("order", text, &["--workers", "2"]).expect("valid");
    assert_eq!((flags.listen.port(), flags.workers(), flags.access_log), (1, 2, true));
    assert_eq!(flags.idle_timeout, Duration::from_secs(9));
}

#[test]
#[cfg(feature = "bert")]
fn a_switch_in_the_file_is_a_word_or_a_boolean() {
    for (text, on) in
        [("bert = false", false), ("bert = \"off\"", false), ("bert = true", true), ("bert = \"on\"", true)]
    {
        let flags = read_file("switch", text, &[]).expect("valid");
        assert_eq!(flags.bert(), on, "{text}");
    }
}

#[test]
fn the_file_is_checked_like_the_command_line() {
    for (name, text, told) in [
        ("unknown", "lisen = \"127.0.0.1:1\"", "'lisen' is not a setting"),
        ("type", "workers = [1]", "'workers' must be"),
        ("value", "workers = 0", "--workers"),
        ("syntax", "workers =", "workers"),
    ] {
        let error = read_file(name, text, &[]).expect_err("refused");
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn tls_takes_a_certificate_and_its_key_together() {
    for (one, other) in [("--tls-certificate", "--tls-key"), ("--tls-key", "--tls-certificate")] {
        let told = read(&[one, "pem"]).expect_err("half of a pair");
        assert!(told.contains(&format!("{one} needs {other}")), "{told}");
    }
    let flags = read(&["--tls-key", "key.pem", "--tls-certificate", "chain.pem"]).expect("a pair");
    let settings = crate::tls::Settings { certificate: "chain.pem".into(), key: "key.pem".into() };
    assert_eq!((flags.tls(), read(&[]).expect("defaults").tls()), (Some(settings), None));
}

#[test]
fn every_flag_has_a_twin_in_the_environment_and_a_line_in_the_table() {
    let table = markdown();
    for flag in CommandLine::command().get_arguments() {
        let Some(long) = flag.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
        let twin = format!("TAMIS_{}", long.replace('-', "_").to_uppercase());
        assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(twin.as_str()));
        assert!(table.contains(&format!("| `--{long}` | `{twin}` |")), "{long}");
    }
}
