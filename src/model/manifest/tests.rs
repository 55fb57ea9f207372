use super::*;

fn good() -> String {
    let digest = "0".repeat(64);
    format!(
        r#"name = "m"
version = "1"
kind = "toxicity"
license = "MIT"
onnx = "m.onnx"
sha256 = "{digest}"
bytes = 1
labels = ["calm", "angry"]
score = "angry"
[input]
type = "wordpiece"
vocabulary = "m.vocab.txt"
vocabulary_sha256 = "{digest}"
max_pieces = 128
[output]
tensor = "logits"
activation = "softmax"
[levels]
medium = 30
high = 70
"#
    )
}

/// What is said of the good manifest when `from` is replaced by `to` in it.
fn error(from: &str, to: &str) -> String {
    let text = good();
    assert!(text.contains(from), "nothing to replace: {from}");
    Manifest::parse(text.replacen(from, to, 1).as_bytes()).expect_err("a bad manifest").to_string()
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = Manifest::parse(good().as_bytes()).expect("good");
    assert_eq!((manifest.levels.medium, manifest.levels.high), (30, 70));
    assert_eq!(manifest.score_position(), 1);
    assert!(matches!(manifest.input, Input::Wordpiece { max_pieces: 128, .. }));
    assert_eq!(manifest.output.activation, Activation::Softmax);
    assert!(manifest.golden.is_none() && manifest.auto.is_none() && manifest.metrics.is_empty());
    assert_eq!(manifest.golden_tolerance, 1e-5);
}

#[test]
fn what_is_no_manifest_is_refused_with_the_line() {
    assert!(error("version = \"1\"", "version = ").starts_with("line 2: "));
    assert!(error("bytes = 1", "bites = 1").starts_with("line 7: unknown field `bites`, expected one of `name`"));
    assert!(error("high = 70", "high = 300").starts_with("line 20: "));
    assert!(error("\"toxicity\"", "\"iris\"").starts_with("line 3: unknown variant `iris`, expected `toxicity`"));
    assert!(error("bytes = 1\n", "").contains("missing field `bytes`"));
    let told = error("max_pieces", "max_peices");
    assert!(told.starts_with("line ") && told.contains("`max_peices`"), "{told}");
    assert!(
        error("\"wordpiece\"", "\"bytes\"")
            .contains("unknown variant `bytes`, expected `hashed-ngrams` or `wordpiece`")
    );
    assert!(error("\"softmax\"", "\"tanh\"").contains("unknown variant `tanh`, expected one of `none`"));
    assert!(Manifest::parse(b"\xff").is_err());
}

#[test]
fn what_cannot_be_served_is_refused_with_the_field() {
    assert!(error("\"m\"", "\"My Model\"").starts_with("name is \"My Model\"; it must be"));
    assert!(error("\"m\"", "\"auto\"").starts_with("name is \"auto\", which the daemon keeps"));
    assert!(error("\"m\"", &format!("\"{}\"", "m".repeat(33))).starts_with("name is"));
    assert_eq!(error("version = \"1\"", "version = \"\""), "version is empty");
    assert!(error("\"m.onnx\"", "\"../m.onnx\"").starts_with("onnx is \"../m.onnx\"; it must be the name of a file"));
    assert!(error("\"m.vocab.txt\"", "\"..\"").starts_with("input.vocabulary is \"..\""));
    assert!(error(&"0".repeat(64), "ABC").starts_with("sha256 is not 64"));
    assert!(error("[\"calm\", \"angry\"]", "[]").starts_with("labels are 0; there must be 1 to 32"));
    assert!(error("\"calm\"", "\"angry\"").starts_with("labels has \"angry\" twice"));
    assert!(error("\"calm\"", "'a\"b'").starts_with("labels has"));
    assert!(error("score = \"angry\"", "score = \"toxic\"").starts_with("score is \"toxic\"; it must be one"));
    assert!(error("max_pieces = 128", "max_pieces = 513").starts_with("input.max_pieces is 513; it must be 3 to 512"));
    assert!(error("high = 70", "high = 10").starts_with("levels 30 and 10"));
    assert!(error("medium = 30", "medium = 0").starts_with("levels 0 and 70"));
    assert!(error("bytes = 1\n", "bytes = 1\ngolden_tolerance = 0.2\n").starts_with("golden_tolerance is 0.2;"));
    assert!(error("[levels]", "[auto]\nlow = 0.9\nhigh = 0.1\n[levels]").starts_with("auto 0.9 and 0.1"));
}

#[test]
fn features_of_another_build_are_refused() {
    let ngrams = |spec: u32, bits: u32| {
        let text = good();
        let (before, after) = (text.find("[input]").expect("there"), text.find("[output]").expect("there"));
        let input = format!("[input]\ntype = \"hashed-ngrams\"\nfeature_spec = {spec}\nhash_bits = {bits}\n");
        Manifest::parse(format!("{}{input}{}", &text[..before], &text[after..]).as_bytes())
    };
    assert!(ngrams(FEATURE_SPEC, HASH_BITS).is_ok());
    let other = ngrams(FEATURE_SPEC + 1, HASH_BITS).expect_err("another version").to_string();
    assert_eq!(other, format!("input.feature_spec is {}, this build needs {FEATURE_SPEC}", FEATURE_SPEC + 1));
    assert!(ngrams(FEATURE_SPEC, 20).expect_err("a larger table").to_string().starts_with("input.hash_bits is 20,"));
}

#[test]
fn deciles_rise_within_0_to_1() {
    let good = "[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0]";
    let with = |deciles: &str, of_auto: &str| {
        let more = format!(
            "[reference]\ntoxic = {deciles}\n[auto]\nlow = 0.1\nhigh = 0.9\nreference = {of_auto}\n[levels]\nmedium = 30"
        );
        Manifest::parse(self::good().replace("[levels]\nmedium = 30", &more).as_bytes())
            .map_err(|error| error.to_string())
    };
    let manifest = with(good, good).expect("good");
    assert_eq!(manifest.reference.expect("deciles").toxic[8], 1.0);
    let auto = manifest.auto.expect("a part in auto");
    assert_eq!((auto.band().low, auto.reference.expect("deciles")[1]), (0.1, 0.1));
    for bad in [
        "[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.1]",
        "[-0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0]",
        "[0.0, 0.1, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0]",
        "[0.0, 0.2, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0]",
        "[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, nan]",
    ] {
        let told = with(bad, good).expect_err("bad deciles");
        assert!(told.starts_with("reference.toxic is [") && told.contains("9 numbers"), "{told}");
        let told = with(good, bad).expect_err("bad deciles");
        assert!(told.starts_with("auto.reference is ["), "{told}");
    }
    for count in ["[]", "[0.5]", "[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]"] {
        assert!(with(count, good).expect_err("not nine").starts_with("line "), "{count}");
    }
    assert!(error("high = 70\n", "high = 70\n[reference]\n").contains("missing field `toxic`"));
}

#[test]
fn our_manifests_have_deciles_for_every_model_that_can_be_asked_for() {
    let simple = crate::model::toxicity::SIMPLE.manifest().expect("the embedded manifest");
    assert!(simple.reference.is_some() && simple.auto.is_none());
    if let Some(bert) = crate::model::bert::manifest().expect("the embedded manifest") {
        assert!(bert.reference.is_some() && bert.auto.is_some_and(|auto| auto.reference.is_some()));
    }
}
