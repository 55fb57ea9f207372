//! What SIGHUP does: credentials and models loaded anew under load, without a lost request or a mixed answer.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::auth::{Files, api_keys, new_key, predict, start};
use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{analyze, json};
use common::onnx::mean_of_rows;
use common::user_model::{PIECES, UserModel, empty_directory, expected, panicking};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);
/// How often the models are replaced under load.
const TIMES: usize = 24;
/// What the log says then.
const REFUSED: &str = "models cannot be used: those from before stay";
/// Version, labels, and which of them takes the place of `angry`.
const BEFORE: (&str, [&str; 2]) = ("1", ["calm", "angry"]);
const AFTER: (&str, [&str; 2]) = ("2", ["mild", "wild"]);

/// Writes `simple`, which a worker asks itself, and `mood`, which has threads, as they are before or after: then the table of
/// logits says the contrary, and the version and the labels are others.
fn write(root: &Path, after: bool) {
    for name in ["simple", "mood"] {
        let mut model = UserModel::good(name);
        if after {
            let rows: Vec<f32> = PIECES.iter().flat_map(|(_, [calm, angry])| [*angry, *calm]).collect();
            let labels =
                model.with("version = \"1\"", "version = \"2\"").with("\"calm\", \"angry\"", "\"mild\", \"wild\"");
            model = labels.with("score = \"angry\"", "score = \"wild\"").with_graph(mean_of_rows(&rows));
        }
        model.write(root, name);
    }
}

/// Whether the labels of a result and their probabilities are those of the set before (`Some(false)`) or after.
fn set_of(labels: &Value) -> Option<bool> {
    let [calm, angry] = expected(&["[CLS]", "bad", "day", "[SEP]"]);
    let is = |name: &str, value: f64| labels[name].as_f64().is_some_and(|found| (found - value).abs() < 2e-6);
    let count = labels.as_object().map_or(0, serde_json::Map::len);
    match (is(BEFORE.1[0], calm) && is(BEFORE.1[1], angry), is(AFTER.1[0], angry) && is(AFTER.1[1], calm)) {
        (true, false) if count == 2 => Some(false),
        (false, true) if count == 2 => Some(true),
        _ => None,
    }
}

/// Asks, and answers which set all of the answer is of.
type Ask = fn(&mut Connection, &str) -> Option<bool>;

fn single(connection: &mut Connection, model: &str) -> Option<bool> {
    let answer = connection.exchange(&analyze("bad day", model)).expect("an answer");
    assert_eq!((answer.status, &json(&answer)["model_used"]), (200, &model.into()), "{}", answer.text());
    set_of(&json(&answer)["labels"])
}

fn batch(connection: &mut Connection, model: &str) -> Option<bool> {
    let body = json!({ "texts": vec!["bad day"; 40], "model": model }).to_string();
    let answer = connection.exchange(&Request::json("/analyze/batch", body)).expect("an answer");
    let found = json(&answer);
    let results = found["results"].as_array().expect("results");
    assert_eq!((answer.status, results.len()), (200, 40));
    same(results.iter().map(|result| set_of(&result["labels"])))
}

fn tensor(connection: &mut Connection, model: &str) -> Option<bool> {
    let answer = connection.exchange(&infer(model, 8)).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = json(&answer);
    let after = found["model_version"] == AFTER.0;
    let [calm, angry] = expected(&["[CLS]", "bad", "day", "[SEP]"]);
    let wanted = if after { [angry, calm] } else { [calm, angry] };
    let outputs = found["outputs"].as_array().expect("outputs");
    let probabilities = outputs.iter().find(|output| output["name"] == "probabilities").expect("asked for");
    let data = probabilities["data"].as_array().expect("numbers");
    let near = |(at, value): (usize, &Value)| (value.as_f64().expect("a number") - wanted[at % 2]).abs() < 2e-6;
    (data.len() == 16 && data.iter().enumerate().all(near)).then_some(after)
}

fn infer(model: &str, texts: usize) -> Request {
    let input = json!({ "name": "text", "datatype": "BYTES", "shape": [texts, 1], "data": vec!["bad day"; texts] });
    let body = json!({ "inputs": [input], "outputs": [{ "name": "probabilities" }] });
    Request::json(&format!("/v2/models/{model}/infer"), body.to_string())
}

fn same(mut sets: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = sets.next().flatten()?;
    sets.all(|set| set == Some(first)).then_some(first)
}

#[test]
fn models_are_replaced_under_load_without_a_lost_request_or_a_mixed_answer() {
    let root = empty_directory("replaced");
    write(&root, false);
    let directory = root.to_str().expect("UTF-8");
    let arguments = ["--workers", "2", "--bert", "off", "--bert-threads", "2", "--model-dir", directory];
    let mut daemon = Daemon::start(&arguments);
    let address = daemon.address();
    let asks: [(Ask, &str); 5] =
        [(single, "simple"), (single, "mood"), (batch, "simple"), (batch, "mood"), (tensor, "mood")];
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for (ask, model) in asks {
            let (is_over, answers) = (&is_over, &answers);
            scope.spawn(move || {
                let mut connection = Connection::open(address).expect("it accepts");
                let mut seen = [0; 2];
                while !is_over.load(Ordering::Relaxed) {
                    let set = ask(&mut connection, model);
                    seen[usize::from(set.expect("an answer of one set, before or after"))] += 1;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                assert!(seen[0] > 0 && seen[1] > 0, "{model}: both sets have answered: {seen:?}");
            });
        }
        let _end = End(&is_over);
        for time in 1..=TIMES {
            write(&root, time % 2 == 1);
            daemon.signal("HUP");
            daemon.wait_for_lines("models loaded anew", time, PATIENCE);
            // The line says that from here on the new ones answer.
            let found = single(&mut daemon.connect(), "mood").expect("an answer of one set");
            assert_eq!(found, time % 2 == 1, "after time {time}");
            let before = answers.load(Ordering::Relaxed);
            let goes_on = || answers.load(Ordering::Relaxed) >= before + 2 * asks.len();
            wait_until("the clients are answered", goes_on);
        }
    });
    let samples = daemon.scrape();
    assert_eq!(samples.value("tamis_model_reloads_total", &[("result", "loaded")]), TIMES as f64);
    assert_eq!(samples.value("tamis_model_reloads_total", &[("result", "refused")]), 0.0);
    let loads = samples.value("model_load_seconds_count", &[("model_type", "simple")]);
    assert_eq!(loads, (TIMES + 1) as f64, "each load is in the histogram, and none leaves it");
    // Two that run it and one that watches over the deadlines.
    wait_until("the threads of models that nobody asks any more end", || threads_of(daemon.id(), "mood") == 3);
    daemon.signal("TERM");
    assert!(daemon.wait(PATIENCE).0.success());
    std::fs::remove_dir_all(&root).expect("removed");
}

/// Ends the clients however the test ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_bad_new_model_is_refused_and_the_old_one_serves_on() {
    let root = empty_directory("bad-reload");
    write(&root, false);
    let directory = root.to_str().expect("UTF-8");
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--model-dir", directory]);
    UserModel::good("mood").with("max_pieces = 16", "max_peices = 16").write(&root, "mood");
    daemon.signal("HUP");
    let line = daemon.wait_for(REFUSED, PATIENCE);
    assert!(line["error"].as_str().is_some_and(|error| error.contains("max_peices")), "{line}");
    let mut connection = daemon.connect();
    assert_eq!((single(&mut connection, "mood"), single(&mut connection, "simple")), (Some(false), Some(false)));
    // One that is spoilt on its way.
    write(&root, true);
    std::fs::write(root.join("mood.onnx"), b"half a file").expect("written");
    daemon.signal("HUP");
    daemon.wait_for_lines(REFUSED, 2, PATIENCE);
    assert_eq!((single(&mut connection, "mood"), single(&mut connection, "simple")), (Some(false), Some(false)));
    // Over these tract panics.
    for (at, (reason, model)) in panicking("mood").into_iter().enumerate() {
        model.write(&root, "mood");
        daemon.signal("HUP");
        daemon.wait_for_lines(REFUSED, 3 + at, PATIENCE);
        let lines = daemon.lines();
        let error = lines.iter().rfind(|line| line["message"] == REFUSED).and_then(|line| line["error"].as_str());
        assert!(error.is_some_and(|error| error.contains("mood.toml") && error.contains(reason)), "{error:?}");
        assert_eq!((single(&mut connection, "mood"), single(&mut connection, "simple")), (Some(false), Some(false)));
    }
    // None at all.
    std::fs::remove_dir_all(&root).expect("removed");
    daemon.signal("HUP");
    daemon.wait_for_lines(REFUSED, 5, PATIENCE);
    assert_eq!(single(&mut connection, "mood"), Some(false));
    std::fs::create_dir_all(&root).expect("a directory");
    write(&root, true);
    daemon.signal("HUP");
    daemon.wait_for("models loaded anew", PATIENCE);
    assert_eq!((single(&mut connection, "mood"), single(&mut connection, "simple")), (Some(true), Some(true)));
    let samples = daemon.scrape();
    let reloads = |result| samples.value("tamis_model_reloads_total", &[("result", result)]);
    assert_eq!((reloads("refused"), reloads("loaded")), (5.0, 1.0));
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn a_request_is_answered_by_what_its_path_named_though_its_body_comes_later() {
    let root = empty_directory("slow-body");
    write(&root, false);
    let directory = root.to_str().expect("UTF-8");
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--model-dir", directory]);
    let mut slow = daemon.connect();
    let bytes = infer("mood/versions/1", 8).to_bytes();
    let (head, rest) = bytes.split_at(bytes.len() - 9);
    slow.send(head).expect("sent");
    // It is read when another request on the same worker has been answered.
    assert_eq!(daemon.ask(&Request::get("/livez")).status, 200);
    for file in ["mood.toml", "mood.onnx", "mood.vocab.txt"] {
        std::fs::remove_file(root.join(file)).expect("removed");
    }
    daemon.signal("HUP");
    daemon.wait_for("models loaded anew", PATIENCE);
    assert_eq!(daemon.ask(&analyze("bad day", "mood")).status, 422, "it is gone for who comes now");
    slow.send(rest).expect("sent");
    let answer = slow.read_response().expect("an answer");
    assert_eq!((answer.status, &json(&answer)["model_version"]), (200, &"1".into()), "{}", answer.text());
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn bert_goes_on_through_a_reload_unless_a_users_is_put_in_its_place_or_taken_from_it() {
    let root = empty_directory("bert");
    UserModel::good("mood").write(&root, "mood");
    let directory = root.to_str().expect("UTF-8");
    let mut daemon = Daemon::start(&["--workers", "1", "--bert-threads", "1", "--model-dir", directory]);
    let labels = |daemon: &Daemon| {
        let answer = daemon.ask(&analyze("bad day", "bert"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        json(&answer)["labels"].as_object().map_or(0, serde_json::Map::len)
    };
    let loads = |daemon: &Daemon| daemon.scrape().value("model_load_seconds_count", &[("model_type", "bert")]);
    // Before it is loaded for the first time, or after.
    daemon.signal("HUP");
    daemon.wait_for_lines("models loaded anew", 1, PATIENCE);
    assert_eq!((labels(&daemon), loads(&daemon)), (6, 1.0));
    UserModel::good("bert").write(&root, "bert");
    daemon.signal("HUP");
    daemon.wait_for_lines("models loaded anew", 2, PATIENCE);
    assert_eq!((labels(&daemon), loads(&daemon)), (2, 2.0));
    std::fs::remove_file(root.join("bert.toml")).expect("removed");
    daemon.signal("HUP");
    daemon.wait_for_lines("models loaded anew", 3, PATIENCE);
    assert_eq!((labels(&daemon), loads(&daemon)), (6, 3.0));
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn keys_are_read_at_once() {
    let files = Files::new("hang-up");
    let ((old, old_line), (new, new_line)) = (new_key(&["team"]), new_key(&["team"]));
    let path = files.write("keys", &old_line);
    let mut daemon = start(&api_keys(&path));
    assert_eq!(daemon.ask(&predict().header("X-API-Key", &new)).status, 401);
    files.write("keys", &new_line);
    daemon.signal("HUP");
    daemon.wait_for("credentials loaded anew", PATIENCE);
    let status = |key: &str| daemon.ask(&predict().header("X-API-Key", key)).status;
    assert_eq!((status(&old), status(&new)), (401, 200));
}

#[test]
fn a_hang_up_with_nothing_to_load_is_said_and_ends_nothing() {
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    daemon.signal("HUP");
    daemon.wait_for("nothing to load anew: neither --auth nor --model-dir is given", PATIENCE);
    assert_eq!(daemon.ask(&predict()).status, 200);
}

/// How many threads a model has.
fn threads_of(process: u32, model: &str) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("it lives").map_while(Result::ok);
    // One that has ended meanwhile has no name.
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with(&format!("{model}-"))).count()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
