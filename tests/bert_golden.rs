//! The shipped encoder, held to ONNX Runtime's answers on every instruction set and on tract; its explanations, and what
//! its partner adds.

#![cfg(feature = "bert")]

use prost::Message as _;
use tamis::kernel::path::Path;
use tamis::model::encoder::EncoderPlan;
use tamis::model::golden::{self, GoldenRow};
use tamis::model::toxicity::{BERT, EngineChoice, LABELS, SIMPLE, Toxicity};
use tamis::text::{MAX_NORMALIZED_BYTES, Scratch};
use tract_onnx::pb::ModelProto;

const ONNX: &[u8] = include_bytes!("../models/toxicity/bert.onnx");
const GOLDEN: &[u8] = include_bytes!("../models/toxicity/bert.golden.json");

fn rows() -> Vec<GoldenRow> {
    golden::parse(GOLDEN, LABELS.len()).expect("the golden file is well formed")
}

fn load() -> Toxicity {
    Toxicity::embedded(&BERT, EngineChoice::Kernel).expect("the embedded model loads")
}

fn logit(probability: f32) -> f64 {
    let probability = f64::from(probability);
    (probability / (1.0 - probability)).ln()
}

#[test]
fn every_path_answers_as_onnx_runtime_did() {
    let tolerance = BERT.manifest().expect("a manifest").golden_tolerance as f32;
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    assert!(rows.iter().any(|row| row.ids.len() == load().max_ids()), "no row is cut");
    for path in [Path::Portable, Path::Avx2, Path::AvxVnni, Path::Avx512Vnni] {
        let model = ModelProto::decode(ONNX).expect("an ONNX file");
        let plan = EncoderPlan::compile(&model).expect("the kernel's graph").with_path(path);
        if plan.path_name() != path.as_str() {
            println!("skipped: this processor has no {}", path.as_str());
            continue;
        }
        let mut activity = plan.activity();
        for (at, row) in rows.iter().enumerate() {
            let read = plan.read(&row.ids, &mut activity).expect("a row has pieces");
            for (label, (found, expected)) in LABELS.iter().zip(read.probabilities.iter().zip(&row.probabilities)) {
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{}, row {at}, {label}: {found} {expected}",
                    path.as_str()
                );
            }
        }
    }
}

#[test]
fn tract_answers_as_onnx_runtime_did() {
    // Loading refuses an engine that departs from the golden rows.
    let model = Toxicity::embedded(&BERT, EngineChoice::Tract).expect("tract runs the graph");
    assert_eq!((model.engine_name(), model.golden_rows()), ("tract", rows().len()));
}

#[test]
fn a_word_weighs_what_the_logit_loses_without_it() {
    let (model, mut scratch) = (load(), Scratch::new(MAX_NORMALIZED_BYTES));
    let mut ids = model.ids("You are a stupid friend", &mut scratch).expect("pieces").to_vec();
    let whole = model.score_ids(&ids).expect("a score");
    let mut without = ids.clone();
    // [CLS] you are a stupid friend [SEP]
    without.remove(4);
    let lost = logit(whole.scored()) - logit(model.score_ids(&without).expect("a score").scored());
    assert_eq!(model.run(&mut ids, true, &|| true).expect("a score"), whole.values(), "explaining changes no score");
    let weights: Vec<f32> = ids.into_iter().map(f32::from_bits).collect();
    assert!((f64::from(weights[4]) - lost).abs() < 1e-3, "{weights:?} {lost}");
    assert_eq!((weights[0], weights[6]), (0.0, 0.0), "the special pieces are always there");
}

#[test]
fn the_words_that_carry_the_verdict_are_named() {
    let (model, mut scratch) = (load(), Scratch::new(MAX_NORMALIZED_BYTES));
    let text = "The weather is lovely, but you are s.t.u.p.i.d and so is this 🙂 edit.";
    let explanation = model.explain(text, &mut scratch).expect("the kernel serves");
    let heaviest = explanation.spans().first().expect("a span");
    assert_eq!(heaviest.of(text), "s.t.u.p.i.d", "{:?}", explanation.spans());
    assert!(explanation.spans().is_sorted_by(|a, b| a.weight >= b.weight));
}

#[test]
fn the_partner_adds_its_share_to_every_logit() {
    let (model, mut scratch) = (load(), Scratch::new(MAX_NORMALIZED_BYTES));
    let simple = Toxicity::embedded(&SIMPLE, EngineChoice::Kernel).expect("the embedded model loads");
    let blend = model.manifest().blend.clone().expect("the shipped model has a partner");
    for text in ["You are stupid and I hate you!", "I disagree with this edit, see the talk page."] {
        let ids = model.ids(text, &mut scratch).expect("pieces").to_vec();
        let own = model.score_ids(&ids).expect("a score");
        let partner = simple.score(text, &mut scratch).expect("the kernel cannot fail").expect("features");
        let both = model.score(text, &mut scratch).expect("the kernel cannot fail").expect("pieces");
        for (label, share) in blend.shares.iter().enumerate() {
            let [own, partner, both] = [own, partner, both].map(|scores| logit(scores.probabilities()[label]));
            let expected = own + share * partner;
            assert!((both - expected).abs() < 2e-3, "{text}, {}: {both} {expected}", LABELS[label]);
        }
    }
}
