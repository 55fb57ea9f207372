//! The shipped toxicity model, held to ONNX Runtime's answers on every engine, and refused when any part is damaged.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tamis::model::files::Files;
use tamis::model::golden::{self, GoldenRow};
use tamis::model::toxicity::{Cause, EngineChoice, LABELS, Level, LoadError, SIMPLE, Toxicity};
use tamis::text::{MAX_NORMALIZED_BYTES, Scratch};

const ONNX: &[u8] = include_bytes!("../models/toxicity/simple.onnx");
const MANIFEST: &str = include_str!("../models/toxicity/simple.toml");
const GOLDEN: &[u8] = include_bytes!("../models/toxicity/simple.golden.json");

/// The most by which an engine may differ from ONNX Runtime.
const TOLERANCE: f32 = 1e-5;

fn rows() -> Vec<GoldenRow> {
    golden::parse(GOLDEN, LABELS.len()).expect("the golden file is well formed")
}

fn load(choice: EngineChoice) -> Toxicity {
    Toxicity::embedded(&SIMPLE, choice).expect("the embedded model loads")
}

fn load_parts(manifest: &str, onnx: &[u8], golden: &[u8], choice: EngineChoice) -> Result<Toxicity, LoadError> {
    let files = [("simple.toml", manifest.as_bytes()), ("simple.onnx", onnx), ("simple.golden.json", golden)];
    let files = files.map(|(name, content)| (name, Cow::Owned(content.to_vec())));
    Toxicity::load(Files::Memory(&files), "simple.toml", choice)
}

fn error(manifest: &str, onnx: &[u8], golden: &[u8], choice: EngineChoice) -> LoadError {
    load_parts(manifest, onnx, golden, choice).err().expect("damage is found")
}

/// The manifest, saying that it describes `onnx`.
fn manifest_of(onnx: &[u8]) -> String {
    let digest = Sha256::digest(onnx);
    let digits =
        digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16));
    let sha256 = format!("sha256 = \"{}\"", digits.collect::<String>());
    let bytes = format!("bytes = {}", onnx.len());
    let lines = MANIFEST.lines().map(|line| match line.split(" = ").next() {
        Some("sha256") => sha256.as_str(),
        Some("bytes") => bytes.as_str(),
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same function in another shape: the operands of the addition change places.
fn reordered() -> Vec<u8> {
    let (from, to) = (b"\n\x04mean\n\x04bias", b"\n\x04bias\n\x04mean");
    let at = ONNX.windows(from.len()).position(|window| window == from).expect("the Add node");
    let mut onnx = ONNX.to_vec();
    onnx[at..at + to.len()].copy_from_slice(to);
    onnx
}

#[test]
fn the_embedded_labels_are_the_six() {
    let model = load(EngineChoice::Auto);
    assert_eq!(model.manifest().labels, LABELS);
    assert_eq!(model.manifest().score, LABELS[0]);
    assert_eq!(model.golden_rows(), rows().len());
}

#[test]
fn every_engine_answers_as_onnx_runtime_did() {
    let rows = rows();
    assert!(rows.len() >= 150, "{} rows", rows.len());
    let (kernel, tract) = (load(EngineChoice::Kernel), load(EngineChoice::Tract));
    assert!(kernel.engine_name().starts_with("kernel/"));
    assert_eq!(tract.engine_name(), "tract");
    for (at, row) in rows.iter().enumerate() {
        for model in [&kernel, &tract] {
            let found = model.score_ids(&row.ids).expect("a score");
            assert_eq!(found.probabilities().len(), LABELS.len());
            for (label, (found, expected)) in found.probabilities().iter().zip(&row.probabilities).enumerate() {
                assert!(
                    (found - expected).abs() <= TOLERANCE,
                    "row {at}, {}, {}: {found} {expected}",
                    LABELS[label],
                    model.engine_name()
                );
            }
        }
    }
}

#[test]
fn texts_have_the_golden_features_and_scores() {
    let (model, mut scratch) = (load(EngineChoice::Auto), Scratch::new(MAX_NORMALIZED_BYTES));
    let mut texts = 0;
    for row in rows() {
        let Some(text) = row.text else { continue };
        texts += 1;
        assert_eq!(scratch.features(&text), row.ids, "{text:?}");
        let scores = model.score(&text, &mut scratch).expect("the kernel cannot fail").expect("something to score");
        assert!((scores.probabilities()[0] - row.probabilities[0]).abs() <= TOLERANCE, "{text:?}");
        assert!((f32::from(scores.score()) - scores.probabilities()[0] * 100.0).abs() <= 0.5, "{text:?}");
    }
    assert!(texts >= 30, "{texts} rows carry a text");
}

#[test]
fn the_golden_rows_reach_every_level() {
    let model = load(EngineChoice::Auto);
    for level in [Level::Low, Level::Medium, Level::High] {
        let reached =
            rows().iter().any(|row| model.level(model.score_ids(&row.ids).expect("a score").score()) == level);
        assert!(reached, "no row is {}", level.as_str());
    }
}

#[test]
fn a_friendly_message_is_low_and_an_insult_is_high() {
    let (model, mut scratch) = (load(EngineChoice::Auto), Scratch::new(1000));
    for (text, expected) in
        [("This is a friendly test message", Level::Low), ("You are stupid and I hate you!", Level::High)]
    {
        let scores = model.score(text, &mut scratch).expect("the kernel cannot fail").expect("something to score");
        assert_eq!(model.level(scores.score()), expected, "{text:?}: {}", scores.score());
    }
}

#[test]
fn a_text_of_nothing_has_no_score() {
    for choice in [EngineChoice::Kernel, EngineChoice::Tract] {
        let (model, mut scratch) = (load(choice), Scratch::new(1000));
        for text in ["", " \n ", "\u{200b}"] {
            assert_eq!(model.score(text, &mut scratch).expect("no failure"), None, "{text:?}");
        }
    }
}

#[test]
fn levels_begin_at_the_manifests_cut_points() {
    let model = load(EngineChoice::Auto);
    let levels = model.manifest().levels;
    assert_eq!(model.level(levels.medium - 1), Level::Low);
    assert_eq!(model.level(levels.high - 1), Level::Medium);
    assert_eq!((model.level(0), model.level(levels.medium)), (Level::Low, Level::Medium));
    assert_eq!((model.level(levels.high), model.level(100)), (Level::High, Level::High));
}

#[test]
fn a_graph_of_another_shape_serves_on_tract_and_says_why() {
    let onnx = reordered();
    let manifest = manifest_of(&onnx);
    let model = load_parts(&manifest, &onnx, GOLDEN, EngineChoice::Auto).expect("tract serves it");
    assert_eq!(model.engine_name(), "tract");
    assert_eq!(model.fallback_reason(), Some("`mean` is not an initializer"));
    let refused = error(&manifest, &onnx, GOLDEN, EngineChoice::Kernel);
    assert!(matches!(refused.cause, Cause::NotCompiled(_)), "{refused}");
    assert_eq!(load(EngineChoice::Auto).fallback_reason(), None);
}

#[test]
fn a_departure_from_the_golden_rows_is_named() {
    let mut golden: Value = serde_json::from_slice(GOLDEN).expect("JSON");
    let honest = golden["rows"][7]["probabilities"][3].as_f64().expect("a number");
    golden["rows"][7]["probabilities"][3] = (honest + 2e-5).into();
    let message = error(MANIFEST, ONNX, golden.to_string().as_bytes(), EngineChoice::Auto).to_string();
    assert!(message.starts_with("simple.golden.json: row 7, label 3: kernel gives "), "{message}");

    golden["rows"][7]["probabilities"][3] = honest.into();
    let first = golden["rows"][5]["ids"][2].as_u64().expect("an id");
    golden["rows"][5]["ids"][2] = (first ^ 1).into();
    let message = error(MANIFEST, ONNX, golden.to_string().as_bytes(), EngineChoice::Auto).to_string();
    assert_eq!(
        message,
        format!("simple.golden.json: row 5: its text gives {first} at position 2, expected {}", first ^ 1)
    );

    for malformed in ["", "{\"rows\":[]}", "{\"rows\":[{\"ids\":[],\"probabilities\":[0,0,0,0,0,0]}]}"] {
        let message = error(MANIFEST, ONNX, malformed.as_bytes(), EngineChoice::Auto).to_string();
        assert!(message.starts_with("simple.golden.json: "), "{message}");
    }
}

#[test]
fn a_file_that_the_manifest_does_not_describe_is_refused() {
    let mut onnx = ONNX.to_vec();
    let middle = onnx.len() / 2;
    onnx[middle] ^= 1;
    let message = error(MANIFEST, &onnx, GOLDEN, EngineChoice::Auto).to_string();
    assert!(message.starts_with("simple.onnx: has the sha256 "), "{message}");
    let message = error(MANIFEST, &ONNX[..middle], GOLDEN, EngineChoice::Auto).to_string();
    assert!(message.contains("bytes, the manifest says"), "{message}");
    let garbage = b"not a model";
    let message = error(&manifest_of(garbage), garbage, GOLDEN, EngineChoice::Auto).to_string();
    assert!(message.starts_with("simple.onnx: "), "{message}");
}

#[test]
fn a_directory_takes_the_place_of_the_embedded_files() {
    let directory = std::env::temp_dir().join(format!("tamis-simple-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(directory.join("simple.onnx"), ONNX).expect("written");
    let files = Files::Directory(&directory);
    let incomplete = Toxicity::load(files, SIMPLE.manifest, EngineChoice::Auto).err().expect("no manifest").to_string();
    assert!(incomplete.contains("simple.toml: cannot be read: "), "{incomplete}");
    std::fs::write(directory.join("simple.toml"), MANIFEST).expect("written");
    std::fs::write(directory.join("simple.golden.json"), GOLDEN).expect("written");
    let loaded = Toxicity::load(files, SIMPLE.manifest, EngineChoice::Auto);
    std::fs::remove_dir_all(&directory).expect("removed");
    assert_eq!(loaded.expect("a complete directory").manifest().name, "simple");
}
