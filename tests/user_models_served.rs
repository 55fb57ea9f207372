//! Models that a user brings, behind the daemon: asked by name, counted together, refused at the start, queued.

mod common;

use std::process::Command;

use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::onnx::{FLOAT, Graph, INT64};
use common::tools;
use common::user_model::{UserModel, empty_directory, expected, many_labels, panicking};
use serde_json::json;

#[test]
fn the_daemon_serves_them_by_name_and_counts_them_together() {
    let root = empty_directory("daemon");
    UserModel::good("mood").write(&root, "mood");
    many_labels("many").write(&root, "many");
    let daemon = Daemon::start(&["--workers", "1", "--model-dir", root.to_str().expect("UTF-8")]);
    let ask = |body: &str| {
        let answer = daemon.ask(&Request::json("/analyze", body));
        (answer.status, serde_json::from_str::<serde_json::Value>(answer.text()).expect("JSON"))
    };
    let (status, mood) = ask(r#"{"text":"bad day","model":"mood"}"#);
    let [calm, angry] = expected(&["[CLS]", "bad", "day", "[SEP]"]);
    assert_eq!((status, mood["model_used"].as_str()), (200, Some("mood")));
    assert!((mood["labels"]["angry"].as_f64().expect("a number") - angry).abs() < 2e-6, "{mood}");
    assert!((mood["labels"]["calm"].as_f64().expect("a number") - calm).abs() < 2e-6, "{mood}");
    assert_eq!(mood["score"].as_f64(), Some((angry * 100.0).round()));
    assert_eq!(mood["toxicity_level"], "high");

    let (status, many) = ask(r#"{"text":"bad","model":"many"}"#);
    assert_eq!((status, many["labels"].as_object().map(serde_json::Map::len)), (200, Some(32)));
    // The sigmoid of 1: its row says it once.
    assert_eq!(many["score"], 73);

    let (status, simple) = ask(r#"{"text":"bad day"}"#);
    assert_eq!((status, simple["model_used"].as_str()), (200, Some("simple")));
    assert_eq!(simple["labels"].as_object().map(serde_json::Map::len), Some(6));
    let (status, unknown) = ask(r#"{"text":"bad day","model":"moods"}"#);
    assert_eq!((status, unknown["error_type"].as_str()), (422, Some("unknown_model")));
    let (status, empty) = ask(r#"{"text":" ","model":"mood"}"#);
    assert_eq!((status, empty["error_type"].as_str()), (422, Some("empty_text")));

    let samples = daemon.scrape();
    for (outcome, expected) in [("success", 2.0), ("error", 1.0)] {
        let labels = [("model_type", "custom"), ("status", outcome)];
        assert_eq!(samples.value("toxicity_api_requests_total", &labels), expected, "{outcome}");
    }
    let info = daemon.ask(&Request::get("/model-info"));
    assert!(info.text().contains("\"name\":\"mood\"") && info.text().contains("\"name\":\"many\""));
    let status = daemon.ask(&Request::get("/status").header("Accept", "application/json"));
    let status: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    for name in ["mood", "many"] {
        let mut models = status["models"].as_array().expect("a list").iter();
        assert!(models.any(|model| model["name"] == name && model["loaded"] == true), "{status}");
    }
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn what_is_refused_ends_the_start_like_any_bad_setting_and_fails_the_check() {
    let root = empty_directory("refused");
    let run = |command: &[&str]| {
        let output = Command::new(tools::tamis_binary())
            .args(command)
            .args(["--listen", "127.0.0.1:0", "--model-dir"])
            .arg(&root)
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    UserModel::good("mood").write(&root, "mood");
    let (code, told, _) = run(&["check"]);
    assert_eq!(code, Some(0));
    let line = told.lines().find(|line| line.starts_with("mood: ")).expect("a line a model");
    assert!(line.starts_with("mood: tract, no golden rows, ") && line.ends_with(", OK"), "{line}");
    assert!(told.contains("simple: kernel/") && told.contains("golden rows agree"), "{told}");
    let (code, told, _) = run(&["check-models"]);
    assert!(code == Some(0) && told.ends_with("mood.toml: good\n"), "{told}");

    UserModel::good("mood").with("max_pieces = 16", "max_peices = 16").write(&root, "mood");
    let (code, _, told) = run(&["check"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("mood.toml: line ") && told.contains("max_peices"), "{told}");
    let (code, told, _) = run(&["check-models"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("mood.toml: line ") && told.contains("max_peices"), "{told}");
    let (code, _, told) = run(&[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("mood.toml: line ") && !told.contains("\"ready\""), "{told}");
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn a_graph_over_which_tract_panics_ends_the_start_like_any_bad_setting_and_is_named() {
    let root = empty_directory("panics");
    for (reason, model) in panicking("mood") {
        UserModel::good("calm").write(&root, "calm");
        model.write(&root, "mood");
        let output = Command::new(tools::tamis_binary())
            .args(["--listen", "127.0.0.1:0", "--bert", "off", "--model-dir"])
            .arg(&root)
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        let line = told.lines().find(|line| line.contains("cannot serve the models of --model-dir")).expect("a line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let error = line["error"].as_str().expect("a reason");
        assert!(error.contains("mood.toml: to load it ends in a panic: ") && error.contains(reason), "{error}");
    }
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn a_queue_that_is_full_refuses_at_once_and_holds_up_nobody_else() {
    let root = empty_directory("queue");
    // Heavy enough that requests overlap: each piece's row goes through a product of 512 x 512, again and again.
    let wide: Vec<f32> = (0..512 * 512).map(|at| if at % 513 == 0 { 1.0 } else { 0.0 }).collect();
    let mut graph = Graph::default()
        .input("input_ids", INT64, &[1, -1])
        .floats("table", &[7, 512], &vec![0.5; 7 * 512])
        .floats("wide", &[512, 512], &wide)
        .floats("narrow", &[512, 2], &vec![0.001; 1024])
        .integers("one", &[1], &[1])
        .node("Gather", &["table", "input_ids"], "x0", &[("axis", 0)]);
    for step in 0..64 {
        let (from, to) = (format!("x{step}"), format!("x{}", step + 1));
        graph = graph.node("MatMul", &[&from, "wide"], &format!("m{step}"), &[]);
        graph = graph.node("Relu", &[&format!("m{step}")], &to, &[]);
    }
    let graph = graph
        .node("ReduceSum", &["x64", "one"], "sum", &[("keepdims", 0)])
        .node("MatMul", &["sum", "narrow"], "logits", &[])
        .output("logits", FLOAT, &[1, 2]);
    UserModel::good("heavy").with("max_pieces = 16", "max_pieces = 512").with_graph(graph).write(&root, "heavy");
    let directory = root.to_str().expect("UTF-8");
    let sizes =
        ["--workers", "1", "--bert", "off", "--bert-threads", "1", "--bert-queue", "1", "--bert-timeout", "60s"];
    let daemon = Daemon::start(&[&sizes[..], &["--model-dir", directory]].concat());
    let body = format!(r#"{{"text":"{}","model":"heavy"}}"#, "good ".repeat(510));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> =
            (0..8).map(|_| scope.spawn(|| daemon.ask(&Request::json("/analyze", body.as_str())))).collect();
        let simple = daemon.ask(&Request::json("/analyze", r#"{"text":"good day"}"#));
        assert_eq!(simple.status, 200, "the worker answers others meanwhile");
        asked.into_iter().map(|asked| asked.join().expect("no panic")).map(|response| response.status).collect()
    });
    let count = |status| statuses.iter().filter(|&&found| found == status).count();
    assert!(count(200) >= 2 && count(503) >= 1 && count(200) + count(503) == 8, "{statuses:?}");
    let samples = daemon.scrape();
    for (outcome, expected) in [("success", count(200)), ("error", count(503))] {
        let labels = [("model_type", "custom"), ("status", outcome)];
        assert_eq!(samples.value("toxicity_api_requests_total", &labels), expected as f64, "{outcome}");
    }
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn other_services_see_their_labels_by_name() {
    let root = empty_directory("names");
    // In the place of `simple`, and beside it.
    let (spam, violence) = ("[\"spam\", \"toxic\"]", "[\"violence\", \"angry\"]");
    let replacing =
        UserModel::good("simple").with("[\"calm\", \"angry\"]", spam).with("score = \"angry\"", "score = \"toxic\"");
    replacing.write(&root, "simple");
    UserModel::good("mood").with("[\"calm\", \"angry\"]", violence).write(&root, "mood");
    let directory = root.to_str().expect("a plain path");
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--model-dir", directory]);
    let ask = |target: &str, body: serde_json::Value| {
        let answer = daemon.ask(&Request::json(target, body.to_string()));
        (answer.status, json(&answer))
    };
    let comment = |attribute: &str| {
        let body = json!({"comment": {"text": "bad day"}, "languages": ["de"], "requestedAttributes": {attribute: {}}});
        ask("/v1alpha1/comments:analyze", body)
    };
    let [calm, angry] = expected(&["[CLS]", "bad", "day", "[SEP]"]);
    for (attribute, probability) in [("TOXICITY", angry), ("SPAM", calm), ("TOXIC", angry)] {
        let (status, answer) = comment(attribute);
        let value = answer["attributeScores"][attribute]["summaryScore"]["value"].as_f64();
        assert!(value.is_some_and(|value| (value - probability).abs() < 2e-6), "{attribute}: {status} {answer}");
    }
    let (status, refused) = comment("INSULT");
    assert_eq!((status, &refused["error"]["message"]), (400, &json!("Unknown requested attribute: INSULT")));
    let moderated = |model: &str| ask("/v1/moderations", json!({"input": "bad day", "model": model})).1;
    let judged = |answer: &serde_json::Value| -> Vec<String> {
        let scores = answer["results"][0]["category_scores"].as_object().expect("scores");
        scores.iter().filter(|(_, score)| !score.is_null()).map(|(category, _)| category.clone()).collect()
    };
    assert_eq!(judged(&moderated("mood")), ["violence"]);
    assert_eq!(
        (&moderated("mood")["model"], &moderated("mood")["results"][0]["flagged"]),
        (&json!("mood"), &json!(false))
    );
    assert_eq!(judged(&moderated("simple")), [""; 0], "none of its labels means what a category does");
    std::fs::remove_dir_all(&root).expect("removed");
}
