//! `tamis score`: what is read, what is written for it, and that the scores are those of the daemon.

mod common;

use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::score::{Folder, Ran, run, score};
use serde_json::{Value, json};

const TEXTS: [&str; 9] = [
    "You are kind.",
    "You are stupid and I hate you!",
    "What a load of rubbish this is.",
    "a, \"quoted\" text; with\ttabs",
    "Vous êtes un idiot, 👍 naïve?",
    "s t u p i d",
    "I am not sure about this one, it might be mean.",
    "Get lost, nobody wants you here.",
    "   spaces   ",
];

/// What `POST /analyze` says of [`TEXTS`], but for the time.
fn analyzed(daemon: &Daemon, model: &str) -> Vec<Value> {
    let ask = |text: &&str| {
        let answer = daemon.ask(&Request::json("/analyze", json!({"text": text, "model": model}).to_string()));
        let mut answer = json(&answer);
        answer.as_object_mut().expect("an object").remove("processing_time_ms");
        answer
    };
    TEXTS.iter().map(ask).collect()
}

/// What it printed, without the numbers of the rows, which are checked.
fn numbered(ran: &Ran) -> Vec<Value> {
    let mut lines = ran.lines();
    for (index, line) in lines.iter_mut().enumerate() {
        assert_eq!(line.as_object_mut().expect("an object").remove("row"), Some(json!(index + 1)), "{line}");
    }
    lines
}

fn csv_line(fields: &[&str]) -> String {
    let quoted: Vec<_> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
    quoted.join(",") + "\r\n"
}

#[test]
fn explanations_are_those_of_analyze() {
    let daemon = Daemon::start(&["--bert", "off"]);
    let lines: Vec<_> = TEXTS.iter().chain(&["  "]).map(|text| json!(text).to_string()).collect();
    let ran = run(&["explain"], lines.join("\n").as_bytes());
    assert_eq!((ran.code, ran.complaints.as_str()), (Some(0), ""));
    let told = ran.lines();
    assert_eq!(told.len(), TEXTS.len() + 1);
    for (text, told) in TEXTS.iter().zip(&told) {
        let body = json!({"text": text, "explain": true, "model": "simple"}).to_string();
        let answer = json(&daemon.ask(&Request::json("/analyze", body)));
        assert_eq!((&told["score"], &told["spans"]), (&answer["score"], &answer["spans"]), "{text}");
    }
    assert_eq!(told[TEXTS.len()], json!({"score": null, "spans": []}), "nothing to score");
    let ran = run(&["explain"], b"\"good\"\nnot JSON\n");
    assert_eq!((ran.code, ran.lines().len()), (Some(1), 1));
    assert!(ran.complaints.contains("line 2"), "{}", ran.complaints);
}

#[test]
fn scores_are_those_of_analyze_in_every_notation() {
    let mut daemon = Daemon::start(&["--bert-timeout", "60s"]);
    let has_bert = cfg!(feature = "bert");
    if has_bert {
        daemon.wait_for("bert loaded", std::time::Duration::from_mins(1));
    }
    let mut spoke = Vec::new();
    for model in ["simple", "auto", "bert"].into_iter().filter(|model| has_bert || *model != "bert") {
        let expected = analyzed(&daemon, model);
        let text = TEXTS.join("\n");
        let lines: Vec<_> = TEXTS.iter().map(|text| json!({"id": 1, "text": text}).to_string()).collect();
        let lines = lines.join("\n");
        let columns: String = TEXTS.iter().map(|text| csv_line(&["1", text])).collect();
        let columns = format!("id,text\r\n{columns}");
        for (format, input) in [("text", &text), ("jsonl", &lines), ("csv", &columns)] {
            let ran = score(&["--model", model, "--input-format", format], input.as_bytes());
            assert_eq!((ran.code, ran.complaints.as_str()), (Some(0), ""), "{model} {format}");
            assert_eq!(numbered(&ran), expected, "{model} {format}");
        }
        spoke.extend(expected.iter().map(|answer| answer["model_used"].clone()));
    }
    assert!(spoke.contains(&json!("simple")) && spoke.contains(&json!("bert")) == has_bert, "{spoke:?}");
}

#[test]
fn columns_say_what_lines_say() {
    let text = TEXTS.join("\n");
    let lines = numbered(&score(&[], text.as_bytes()));
    let ran = score(&["--format", "csv"], text.as_bytes());
    let mut rows = ran.text().lines();
    let labels = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"];
    let names = labels.map(|label| format!("labels.{label}")).join(",");
    let head = format!("row,score,toxicity_level,model_used,{names},error,error_type");
    assert_eq!(rows.next(), Some(head.as_str()));
    for (index, line) in lines.iter().enumerate() {
        let level = line["toxicity_level"].as_str().expect("a level");
        let labels = labels.map(|label| line["labels"][label].to_string()).join(",");
        let expected = format!("{},{},{level},simple,{labels},,", index + 1, line["score"]);
        assert_eq!(rows.next(), Some(expected.as_str()));
    }
    assert_eq!(rows.next(), None);
}

/// What is said of a text of nothing.
const EMPTY: &str = "holds nothing to score; send at least one letter, digit or sign";

#[test]
fn what_is_at_fault_is_told_in_its_place_and_the_rest_is_scored() {
    let long = "a".repeat(101);
    let limit = ["--max-text-bytes", "100"];
    let fault = |row: u64, error: &str, kind: &str| json!({"row": row, "error": error, "error_type": kind});
    let told = |arguments: &[&str], input: &[u8]| {
        let ran = score(&[&limit, arguments].concat(), input);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let (good, bad): (Vec<_>, Vec<_>) = ran.lines().into_iter().partition(|line| line["error"].is_null());
        assert!(ran.complaints.contains(&format!("{} of {} rows", bad.len(), bad.len() + good.len())), "{ran:?}");
        (good.iter().map(|line| line["row"].as_u64().expect("a number")).collect::<Vec<_>>(), bad)
    };
    let long_one = "is 101 bytes long; the limit is 100";

    let text = [b"a\n\n\xff\n", long.as_bytes(), b"\nb"].concat();
    let expected = vec![
        fault(2, &format!("line 2: field 'text' {EMPTY}"), "empty_text"),
        fault(3, "line 3: the text is not UTF-8: invalid at its byte 0", "invalid_utf8"),
        fault(4, &format!("line 4: field 'text' {long_one}"), "text_too_long"),
    ];
    assert_eq!(told(&[], &text), (vec![1, 5], expected));

    let lines = format!(
        "{{\"a\":{{\"b\":\"one\"}}}}\n\n{{\"a\":1}}\n{{\"a\":{{\"b\":null}}}}\n{{\"a\":{{\"b\":\"{long}\"}}}}\n{{\"a\"\n[]\n\
         {{\"a\":{{\"b\":\"x\",\"b\":\"y\"}}}}\n\"\u{e9}\"\n"
    );
    let expected = vec![
        fault(3, "line 3: field 'a.b' is missing; name it by --field", "missing_field"),
        fault(4, "line 4: field 'a.b' must be a string, not null", "invalid_type"),
        fault(5, &format!("line 5: field 'a.b' {long_one}"), "text_too_long"),
        fault(6, "line 6: not JSON: EOF while parsing an object at column 4", "malformed_json"),
        fault(7, "line 7: it is neither an object nor a string", "invalid_type"),
        fault(8, "line 8: field 'a.b' stands twice; send it once", "duplicate_field"),
    ];
    assert_eq!(told(&["-i", "jsonl", "--field", "a.b"], lines.as_bytes()), (vec![1, 9], expected));

    let columns = b"id;say\r\n1;\"two\r\nlines\"\r\n2;\r\n3\r\n4;\"\xe9\"\r\n5;good\r\n6;\"open\r\n7;lost";
    let expected = vec![
        fault(2, &format!("line 4: field 'say' {EMPTY}"), "empty_text"),
        fault(3, "line 5: the row has 1 columns, the names are 2", "wrong_length"),
        fault(4, "line 6: the text is not UTF-8: invalid at its byte 0", "invalid_utf8"),
        fault(6, "line 8: a quotation mark is open to the end of the file", "wrong_length"),
    ];
    assert_eq!(told(&["-i", "csv", "-d", ";", "--column", "say"], columns), (vec![1, 5], expected));
}

#[test]
fn a_strict_run_ends_at_the_first_row_at_fault() {
    let ran = score(&["--strict"], b"one\ntwo\n\nfour\n");
    let rows: Vec<_> = ran.lines().iter().map(|line| line["row"].clone()).collect();
    assert_eq!((ran.code, rows), (Some(3), vec![json!(1), json!(2)]));
    assert!(ran.complaints.contains("line 3: field 'text' holds nothing"), "{ran:?}");
}

#[test]
fn what_is_kept_stands_before_the_scores() {
    let first = |arguments: &[&str], input: &str| {
        let ran = score(arguments, input.as_bytes());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.text().lines().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = first(&["-k"], "so \"it\" is\n");
    assert!(lines[0].starts_with(r#"{"row":1,"text":"so \"it\" is","score":"#), "{lines:?}");
    // Members stay as they were written.
    let lines = first(&["-k", "-i", "jsonl"], "{ \"n\" : 1.50e0 , \"text\":\"a\\u0062\" }\n");
    assert!(lines[0].starts_with(r#"{"row":1,"n" : 1.50e0 , "text":"a\u0062","score":"#), "{lines:?}");
    let lines = first(&["-k", "-i", "csv", "-f", "csv"], "id,text,when\n7,\"a, b\",now\n");
    assert!(lines[0].starts_with("row,id,text,when,score,"), "{lines:?}");
    assert!(lines[1].starts_with("1,7,\"a, b\",now,"), "{lines:?}");
    let lines = first(&["-k", "-i", "csv"], "id,text,when\n7,\"a, b\",now\n");
    assert!(lines[0].starts_with(r#"{"row":1,"id":"7","text":"a, b","when":"now","score":"#), "{lines:?}");
    let lines = first(&["-k", "-i", "csv", "-f", "csv", "--no-headers", "-c", "2"], "7,a\n");
    assert!(lines[0].starts_with("1,7,a,"), "{lines:?}");
}

#[test]
fn a_name_that_is_taken_is_not_given_twice() {
    let columns = "score,text\n1,a\n";
    let ran = score(&["-k", "-i", "csv"], columns.as_bytes());
    assert_eq!(ran.code, Some(1));
    assert!(ran.complaints.contains("'score' is there already"), "{ran:?}");
    let ran = score(&["-k", "-i", "csv", "--prefix", "tamis_", "-f", "csv"], columns.as_bytes());
    assert!(ran.text().starts_with("tamis_row,score,text,tamis_score,"), "{ran:?}");
    let lines = "{\"text\":\"a\",\"labels\":1}\n{\"text\":\"a\",\"more\":{\"labels\":1}}\n";
    let ran = score(&["-k", "-i", "jsonl"], lines.as_bytes());
    let kinds: Vec<_> = ran.lines().iter().map(|line| line["error_type"].clone()).collect();
    assert_eq!(kinds, [json!("duplicate_field"), Value::Null]);
}

#[test]
fn files_are_read_in_order_by_their_extensions() {
    let folder = Folder::new("files");
    let bytes = [b"\xef\xbb\xbftext\tid\r\n".as_slice(), "caf\u{e9}\t1\r\n".as_bytes()].concat();
    let files = [
        folder.write("a.txt", "one\ntwo"),
        folder.write("b.tsv", bytes),
        folder.write("c.ndjson", "\"three\"\n"),
        "-".to_owned(),
    ];
    let names: Vec<_> = files.iter().map(String::as_str).collect();
    let ran = score(&names, b"four\n");
    assert_eq!((ran.code, ran.complaints.as_str()), (Some(0), ""));
    let rows: Vec<_> = ran.lines().iter().map(|line| (line["file"].clone(), line["row"].clone())).collect();
    let expected = [(0, 1), (0, 2), (1, 1), (2, 1), (3, 1)].map(|(file, row)| (json!(names[file]), json!(row)));
    assert_eq!(rows, expected);
    let out = folder.path("out.tsv");
    assert_eq!(score(&[&files[0], "-o", &out], b"").code, Some(0));
    assert!(folder.read("out.tsv").starts_with(b"row\tscore\t"));
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_written() {
    let folder = Folder::new("refused");
    let (table, out) = (folder.write("a.csv", "id,said\n1,a\n"), folder.path("out.jsonl"));
    let wide = folder.write("wide.txt", b"\xff\xfea\0");
    for (arguments, code, told) in [
        (vec!["--model", "none"], 2, "there is no \"none\"; there are simple"),
        (vec!["--resume"], 2, "--output"),
        (vec!["-d", "::"], 2, "--delimiter"),
        (vec!["-", "-"], 2, "only once"),
        (vec!["-k", "-i", "jsonl", "-f", "csv"], 2, "--keep"),
        (vec![&table, "-o", &table], 2, "also to be read"),
        (vec!["-o", "/"], 2, "directory"),
        (vec!["-o", "/nonexistent/a"], 1, "/nonexistent/a"),
        (vec!["/nonexistent.txt"], 1, "/nonexistent.txt: No such file"),
        (vec![&wide], 1, "UTF-16"),
        (vec![&table], 1, "there is no column 'text': choose by --field from id, said"),
        (vec!["--no-headers", "-c", "said", &table], 1, "number"),
        (vec!["-i", "csv"], 1, "empty"),
    ] {
        let ran = score(&arguments, b"");
        assert_eq!((ran.code, ran.printed.len()), (Some(code), 0), "{arguments:?}: {ran:?}");
        assert!(ran.complaints.contains(told), "{arguments:?}: {ran:?}");
    }
    assert_eq!(score(&[&table, "-c", "2", "-o", &out], b"").code, Some(0));
    assert!(!folder.has("out.jsonl.unfinished") && folder.has("out.jsonl"));
}
