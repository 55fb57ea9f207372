//! Models that a user brings: what is loaded, and what is refused with which words.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::onnx::{FLOAT, Graph, INT64, mean_of_rows, trio};
use common::user_model::{PIECES, UserModel, empty_directory, expected, graph};
use tamis::model::engine::Engine;
use tamis::model::toxicity::{EngineChoice, Level};
use tamis::model::{Models, directory};
use tamis::text::{FEATURE_SPEC, Scratch, features::HASH_BITS};

/// A model over hashed n-grams: the mean of the rows of a table of `rows` rows, as `logits` `[2]`.
fn ngrams(rows: i64) -> UserModel {
    let table: Vec<f32> = (0..rows * 2).map(|at| (at % 7) as f32 - 3.0).collect();
    let graph = Graph::default()
        .input("ids", INT64, &[-1])
        .floats("table", &[rows, 2], &table)
        .integers("zero", &[1], &[0])
        .node("Gather", &["table", "ids"], "rows", &[("axis", 0)])
        .node("ReduceSum", &["rows", "zero"], "sums", &[("keepdims", 0)])
        .node("Tanh", &["sums"], "logits", &[])
        .output("logits", FLOAT, &[2]);
    let mut model = UserModel::good("m").with_graph(graph);
    let (from, to) = (model.manifest.find("[input]").expect("there"), model.manifest.find("[output]").expect("there"));
    let input = format!("[input]\ntype = \"hashed-ngrams\"\nfeature_spec = {FEATURE_SPEC}\nhash_bits = {HASH_BITS}\n");
    model.manifest.replace_range(from..to, &input);
    model
}

#[test]
fn a_model_over_word_pieces_answers_what_its_graph_says() {
    let (model, mut scratch) = (UserModel::good("m").load().expect("good"), Scratch::new(1000));
    assert_eq!(model.engine_name(), "tract");
    for (text, pieces) in [
        ("good day", vec!["[CLS]", "good", "day", "[SEP]"]),
        ("Bad, bad DAY", vec!["[CLS]", "bad", "[UNK]", "bad", "day", "[SEP]"]),
    ] {
        let scores = model.score(text, &mut scratch).expect("no failure").expect("something to score");
        let expected = expected(&pieces);
        assert_eq!(scores.probabilities().len(), 2);
        for (found, expected) in scores.probabilities().iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{text}: {found} {expected}");
        }
        assert_eq!(f64::from(scores.score()), (expected[1] * 100.0).round(), "the score is of 'angry'");
    }
    assert_eq!(model.score(" ", &mut scratch).expect("no failure"), None);
    assert_eq!((model.level(29), model.level(30), model.level(70)), (Level::Low, Level::Medium, Level::High));
}

#[test]
fn a_model_over_n_grams_need_not_be_the_kernels() {
    let model = ngrams(1 << HASH_BITS).load().expect("good");
    assert_eq!(model.engine_name(), "tract");
    let mut scratch = Scratch::new(100);
    let scores = model.score("Some words", &mut scratch).expect("no failure").expect("something to score");
    let sums = scratch.features("Some words").iter().fold([0.0_f64; 2], |sums, &id| {
        [0, 1].map(|label| sums[label] + f64::from((id as usize * 2 + label) as u32 % 7) - 3.0)
    });
    let angry = 1.0 / (1.0 + (sums[0].tanh() - sums[1].tanh()).exp());
    assert!((f64::from(scores.probabilities()[1]) - angry).abs() < 1e-5, "{scores:?} {angry}");
}

#[test]
fn batched_ids_alone_and_plain_ids_are_read_too() {
    let table: Vec<f32> = PIECES.iter().flat_map(|(_, row)| *row).collect();
    for (sizes, axis) in [(&[-1, -1][..], 1), (&[-1][..], 0)] {
        let graph = Graph::default()
            .input("tokens", INT64, sizes)
            .floats("table", &[7, 2], &table)
            .integers("axis", &[1], &[axis])
            .node("Gather", &["table", "tokens"], "rows", &[("axis", 0)])
            .node("ReduceSum", &["rows", "axis"], "logits", &[("keepdims", 0)])
            .output("logits", FLOAT, &[-1, 2]);
        let named = UserModel::good("m").with("type = \"wordpiece\"\n", "type = \"wordpiece\"\ntensor = \"tokens\"\n");
        let scores = named.with_graph(graph).load().expect("good").score_ids(&[4, 6]).expect("a score");
        let angry = 1.0 / (1.0 + f64::exp(4.5 + 3.75));
        assert!((f64::from(scores.probabilities()[1]) - angry).abs() < 1e-6, "{scores:?}");
    }
}

#[test]
fn golden_rows_hold_text_ids_and_probabilities() {
    let [calm, angry] = expected(&["[CLS]", "bad", "[SEP]"]);
    let rows = |ids: &str, angry: f64| {
        let first = format!(r#"{{"text":"bad","ids":[2,5,3],"probabilities":[{calm},{}]}}"#, 1.0 - calm);
        format!(r#"{{"rows":[{first},{{"text":"bad","ids":{ids},"probabilities":[{calm},{angry}]}}]}}"#)
    };
    let good = UserModel::good("m").with_golden(&rows("[2,5,3]", angry));
    assert_eq!(good.load().expect("good").golden_rows(), 2);
    let off = UserModel::good("m").with_golden(&rows("[2,5,3]", angry + 0.001));
    let told = off.refusal();
    assert!(told.starts_with("golden.json: row 1, label 1: tract gives 0.93"), "{told}");
    assert!(told.contains(", expected 0.93") && told.contains("more than 1e-5"), "{told}");
    let tolerant = UserModel::good("m").with_golden(&rows("[2,5,3]", angry + 0.001));
    assert!(tolerant.with("bytes = BYTES\n", "bytes = BYTES\ngolden_tolerance = 0.002\n").load().is_ok());
    let told = UserModel::good("m").with_golden(&rows("[2,6,3]", angry)).refusal();
    assert_eq!(told, "golden.json: row 1: its text gives 5 at position 1, expected 6");
    let told = UserModel::good("m").with_golden(r#"{"rows":[{"ids":[2,3],"probabilities":[1]}]}"#).refusal();
    assert_eq!(told, "golden.json: row 0 has 1 probabilities, the manifest names 2 labels");
    let mut absent = UserModel::good("m").with_golden("");
    absent.golden = None;
    assert!(absent.refusal().starts_with("golden.json: cannot be read: "));
}

#[test]
fn a_manifest_that_does_not_fit_is_refused_with_the_place() {
    for (from, to, told) in [
        ("version = \"1\"", "version = ", "m.toml: line 2: "),
        ("license", "licence", "m.toml: line 4: unknown field `licence`, expected one of `name`"),
        ("max_pieces = 16", "max_pieces = 513", "m.toml: input.max_pieces is 513; it must be 3 to 512"),
        ("SHA256", &"0".repeat(64), "m.onnx: has the sha256 "),
        ("BYTES", "7", "m.onnx: has "),
        ("onnx = \"m.onnx\"", "onnx = \"other.onnx\"", "other.onnx: cannot be read: "),
        ("\"m.vocab.txt\"", "\"other.txt\"", "other.txt: cannot be read: "),
        ("VOCABULARY", &"0".repeat(64), "m.vocab.txt: has the sha256 "),
        ("name = \"m\"", "name = \"iris\"", "m.toml: name is \"iris\", which the daemon keeps for itself"),
    ] {
        let found = UserModel::good("m").with(from, to).refusal();
        assert!(found.starts_with(told), "{found}");
    }
    let other = ngrams(1 << HASH_BITS).with(&format!("feature_spec = {FEATURE_SPEC}"), "feature_spec = 99").refusal();
    assert_eq!(other, format!("m.toml: input.feature_spec is 99, this build needs {FEATURE_SPEC}"));
    let digest = UserModel::good("m").with("SHA256", &"0".repeat(64)).refusal();
    assert!(digest.ends_with(&format!("the manifest says {}", "0".repeat(64))), "{digest}");
    let bytes = UserModel::good("m").with("BYTES", "7").refusal();
    assert!(bytes.ends_with(" bytes, the manifest says 7"), "{bytes}");
}

#[test]
fn a_graph_that_does_not_fit_is_refused_with_what_was_found_and_what_is_needed() {
    let refused = |graph: Graph| UserModel::good("m").with_graph(graph).refusal();

    let strange = graph().domain_node("com.example", "Frobnicate", &["logits"], "unused", &[]);
    let told = refused(strange);
    assert!(
        told.starts_with("m.onnx: the graph uses operators that tract does not know: Frobnicate (com.example);"),
        "{told}"
    );

    let told = refused(Graph::default().input("x", FLOAT, &[-1, 4]).node("Identity", &["x"], "logits", &[]).output(
        "logits",
        FLOAT,
        &[-1, 4],
    ));
    assert!(told.starts_with("m.onnx: the graph asks for `x` float32 [?, 4]; needed: one int64 [N], or"), "{told}");

    let mut fixed = graph();
    fixed.0.input[0] = Graph::default().input("input_ids", INT64, &[1, 128]).0.input.remove(0);
    let told = refused(fixed);
    assert!(
        told.starts_with("m.onnx: the graph asks for `input_ids` int64 [1, 128], `attention_mask` int64"),
        "{told}"
    );

    let told = UserModel::good("m").with("tensor = \"logits\"", "tensor = \"scores\"").refusal();
    assert_eq!(told, "m.onnx: the graph has no output `scores`, which the manifest names; it has `logits`");

    let told = UserModel::good("m").with("[\"calm\", \"angry\"]", "[\"calm\", \"angry\", \"sad\"]").refusal();
    assert!(told.ends_with("output `logits` has 2 values, the manifest names 3 labels"), "{told}");

    let tokens = trio()
        .floats("table", &[7, 2], &[0.5; 14])
        .node("Gather", &["table", "input_ids"], "logits", &[("axis", 0)])
        .output("logits", FLOAT, &[-1, -1, 2]);
    let told = refused(tokens);
    assert!(told.ends_with("the output has the shape [1, 1, 2]; needed: [L] or [1, L]"), "{told}");

    let whole = trio()
        .integers("table", &[7, 2], &[1; 14])
        .integers("one", &[1], &[1])
        .node("Gather", &["table", "input_ids"], "rows", &[("axis", 0)])
        .node("ReduceSum", &["rows", "one"], "logits", &[("keepdims", 0)])
        .output("logits", INT64, &[-1, 2]);
    let told = refused(whole);
    assert_eq!(told, "m.onnx: output `logits` is I64; needed: floating-point numbers");

    let told =
        refused(Graph::default().node("Mul", &["absent", "absent"], "logits", &[]).output("logits", FLOAT, &[2]));
    assert!(told.starts_with("m.onnx: the graph asks for no input; needed: "), "{told}");
    let mut garbage = UserModel::good("m");
    garbage.onnx = b"not a model".to_vec();
    assert!(garbage.refusal().starts_with("m.onnx: is not an ONNX model: "));
    let named = UserModel::good("m").with("type = \"wordpiece\"\n", "type = \"wordpiece\"\ntensor = \"ids\"\n");
    let told = named.refusal();
    assert!(
        told.starts_with(
            "m.onnx: the graph has not the one input `ids`, which the manifest names; it has `input_ids`,"
        ),
        "{told}"
    );
}

#[test]
fn answers_that_are_no_probabilities_are_refused() {
    let told = UserModel::good("m").with("\"softmax\"", "\"none\"").with_graph(mean_of_rows(&[3.0; 14])).refusal();
    assert!(told.ends_with("gives 3 for label \"calm\" with activation None; needed: 0 to 1"), "{told}");
    let mut rows = [0.5; 14];
    rows[12] = f32::NAN;
    let told = UserModel::good("m").with_graph(mean_of_rows(&rows)).refusal();
    assert!(told.contains("tried with the id 6 ") && told.contains("gives NaN for label \"calm\""), "{told}");
}

#[test]
fn a_vocabulary_that_does_not_fit_is_refused() {
    let spoilt = |vocabulary: &str| {
        let mut model = UserModel::good("m");
        model.vocabulary = vocabulary.to_owned();
        model.refusal()
    };
    let good = common::user_model::vocabulary();
    let told = spoilt(&format!("{good}good\n"));
    assert!(told.starts_with("m.vocab.txt: ") && told.contains("line 8"), "{told}");
    let told = spoilt(&good.replace("[CLS]", "[CLASS]"));
    assert!(told.starts_with("m.vocab.txt: ") && told.contains("[CLS]"), "{told}");
    let told = spoilt(&format!("{good}more\nthan\nrows\n"));
    assert!(told.starts_with("m.onnx: tried with the id 9 (the vocabulary has 10 ids): "), "{told}");
    assert!(told.contains("the graph looks up row 9 in a table of 7 rows"), "{told}");
    let told = ngrams(1000).refusal();
    assert!(told.starts_with("m.onnx: tried with the id 262143 (hash_bits gives 262144 ids): "), "{told}");
}

#[test]
fn a_graph_with_fewer_positions_than_pieces_is_refused() {
    let table: Vec<f32> = PIECES.iter().flat_map(|(_, row)| *row).collect();
    let graph = || {
        Graph::default()
            .input("input_ids", INT64, &[-1, -1])
            .floats("table", &[7, 2], &table)
            .floats("positions", &[16, 2], &[0.25; 32])
            .integers("one", &[1], &[1])
            .integers("first", &[], &[0])
            .integers("second", &[], &[1])
            .node("Shape", &["input_ids"], "shape", &[])
            .node("Gather", &["shape", "second"], "length", &[("axis", 0)])
            .node("Range", &["first", "length", "second"], "range", &[])
            .node("Gather", &["positions", "range"], "places", &[("axis", 0)])
            .node("Gather", &["table", "input_ids"], "rows", &[("axis", 0)])
            .node("Add", &["rows", "places"], "sums", &[])
            .node("ReduceSum", &["sums", "one"], "logits", &[("keepdims", 0)])
            .output("logits", FLOAT, &[-1, 2])
    };
    assert!(UserModel::good("m").with_graph(graph()).load().is_ok(), "16 positions for 16 pieces");
    let told = UserModel::good("m").with("max_pieces = 16", "max_pieces = 17").with_graph(graph()).refusal();
    assert!(told.starts_with("m.onnx: tried with 17 ids, the most that it must read: "), "{told}");
    assert!(told.contains("the graph looks up row 16 in a table of 16 rows"), "{told}");
}

#[test]
fn a_directory_holds_up_to_four_models_of_different_names() {
    let root = empty_directory("names");
    let load =
        || directory::load(&root, EngineChoice::Auto).map(|models| models.len()).map_err(|error| error.to_string());
    let told = load().expect_err("empty");
    assert!(told.ends_with(": holds no *.toml; needed: a manifest for each model"), "{told}");
    for stem in ["a", "b", "c", "d"] {
        UserModel::good(stem).write(&root, stem);
    }
    std::fs::write(root.join("notes.txt"), "not a manifest").expect("written");
    assert_eq!(load(), Ok(4));
    UserModel::good("e").write(&root, "e");
    let told = load().expect_err("five");
    assert!(told.ends_with(": holds 5 manifests (a.toml, b.toml, c.toml, d.toml, e.toml); the most is 4"), "{told}");
    std::fs::remove_file(root.join("e.toml")).expect("there");
    let other = UserModel::good("a").with("onnx = \"a.onnx\"", "onnx = \"b.onnx\"");
    other.with("\"a.vocab.txt\"", "\"b.vocab.txt\"").write(&root, "b");
    let told = load().expect_err("one name twice");
    assert!(told.ends_with("b.toml: the name \"a\" is taken by a.toml; needed: a name for each model"), "{told}");
    std::fs::remove_dir_all(&root).expect("removed");
    let told = load().expect_err("no directory");
    assert!(told.starts_with(&format!("{}: cannot be read: ", root.display())), "{told}");
}

#[test]
fn a_model_takes_the_place_of_ours_or_stands_beside_it() {
    let root = empty_directory("places");
    UserModel::good("simple").write(&root, "simple");
    UserModel::good("bert").write(&root, "bert");
    UserModel::good("mood").write(&root, "mood");
    let models = Models::load(Some(&root), EngineChoice::Auto).expect("good");
    let names: Vec<_> = models.toxicity_models().map(|model| model.manifest().name.as_str()).collect();
    assert_eq!(names, ["simple", "bert", "mood"]);
    assert!(models.toxicity_models().all(|model| model.manifest().labels == ["calm", "angry"]));
    // `/model-info` puts them into a list, and bert where it knows of it.
    let list = [b"[".as_slice(), &models.descriptions, b"]"].concat();
    let shown: Vec<serde_json::Value> = serde_json::from_slice(&list).expect("JSON");
    let shown: Vec<_> = shown.iter().map(|model| &model["name"]).collect();
    assert_eq!(shown, ["simple", "iris", "mood"]);
    let bert = models.bert_before.as_ref().expect("a user's bert is to come");
    let bert: serde_json::Value = serde_json::from_slice(&bert.description).expect("JSON");
    assert_eq!((&bert["name"], &bert["labels"][1]), (&"bert".into(), &"angry".into()));
    assert_eq!(models.loaded[0].sha256, models.toxicity.manifest().sha256);

    let parts = UserModel::good("mood").with("[levels]\n", "[metrics]\nremark = \"REMARK\"\n[levels]\n");
    parts.with("REMARK", &"x".repeat(9000)).write(&root, "mood");
    let told = Models::load(Some(&root), EngineChoice::Auto).err().expect("too long").to_string();
    assert!(told.contains("the manifest of \"mood\" takes ") && told.ends_with("the most is 8192"), "{told}");
    std::fs::remove_dir_all(&root).expect("removed");
}

/// `models/custom/example.py --tiny` made the files: a transformer that Torch exported with named dimensions and ONNX
/// Runtime quantized, and ONNX Runtime's answers.
#[test]
fn a_transformer_that_another_tool_quantized_answers_as_onnx_runtime_does() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/tiny");
    let onnx = std::fs::read(directory.join("tiny.onnx")).expect("committed");
    let graph = Engine::parse(&onnx).expect("a model").graph.expect("a graph");
    let operators: BTreeSet<_> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    assert!(operators.contains("DynamicQuantizeLinear") && operators.contains("MatMulInteger"), "{operators:?}");
    assert!(!graph.value_info.is_empty(), "shapes of a batch that is not 1 are noted in it, and must not matter");
    let models = directory::load(&directory, EngineChoice::Auto).expect("every golden row agrees");
    assert_eq!((models.len(), models[0].model.golden_rows()), (1, 6));
    let long = "The soup was warm and the staff were kind. ".repeat(50);
    let scores = models[0].model.score(&long, &mut Scratch::new(long.len())).expect("no failure");
    assert!(scores.is_some(), "a text of more pieces than the model reads is cut");
}
