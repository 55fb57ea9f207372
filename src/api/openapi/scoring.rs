//! The contracts of the models: texts and irises.

use super::names;
use super::node::Node;
use super::operation::{Answer, Example, Media, Operation, example, json, ok};
use super::{LIMITS, schema};
use crate::metrics::labels::{AskedModel, Handler};
use crate::model::iris::{CLASSES, FEATURE_NAMES};
use crate::model::toxicity::{LABELS, Level};

const TIMED: &[&str] = &["Traceparent", "Prefer"];

/// `POST /analyze`
pub fn analyze() -> Operation {
    let bodies = vec![
        example("text", "A text, scored by `simple`", r#"{"text":"You are stupid and I hate you!"}"#),
        example(
            "explained",
            "A text, scored by whom it takes, with what weighed most",
            r#"{"text":"You are stupid and I hate you!","model":"auto","explain":true}"#,
        ),
    ];
    let answers = vec![
        example("text", "By `simple`", ANALYSIS),
        example(
            "explained",
            "By `bert`, with spans",
            r#"{"score":96,"toxicity_level":"high","model_used":"bert","processing_time_ms":8.1,"labels":{"toxic":0.962563,"severe_toxic":0.043177,"obscene":0.482655,"threat":0.018287,"insult":0.952339,"identity_hate":0.018794},"spans":[{"start":8,"end":14,"text":"stupid","weight":1.2322},{"start":26,"end":29,"text":"you","weight":0.3566},{"start":0,"end":3,"text":"You","weight":0.2297},{"start":21,"end":25,"text":"hate","weight":0.2066}]}"#,
        ),
    ];
    Operation {
        handler: Handler::Analyze,
        path: Handler::Analyze.as_str(),
        id: "analyzeText",
        summary: "How toxic is a text?",
        description: "Scores a text from 0 to 100, with the probability of each label. `simple` answers within microseconds; `bert` \
            takes milliseconds and waits in a queue; `auto` is answered by `simple` where that is sure and by `bert` where it is \
            not, and never fails for want of `bert`. With `explain` the answer names the parts of the text that carried the verdict.",
        parameters: TIMED,
        bodies: vec![json("AnalyzeRequest", bodies)],
        answers: vec![timed("The scores.", json("Analysis", answers))],
    }
}

/// `POST /analyze/batch`
pub fn batch() -> Operation {
    let lines = "\"You are kind.\"\n{\"text\":\"You are stupid.\",\"model\":\"bert\"}\nnonsense\n";
    let results = format!("{KIND}\n{STUPID}\n{NONSENSE}\n");
    let string = || schema(r#"{"type":"string"}"#);
    let lines_of = |summary: &str, text: &str| Media {
        name: "application/x-ndjson".to_owned(),
        schema: string(),
        examples: vec![Example { name: "lines".to_owned(), summary: summary.to_owned(), value: Node::text(text) }],
    };
    Operation {
        handler: Handler::AnalyzeBatch,
        path: Handler::AnalyzeBatch.as_str(),
        id: "analyzeBatch",
        summary: "How toxic are these texts?",
        description: "Scores up to `--max-batch` texts in a list, or as many lines as you like (`application/x-ndjson`, also \
            `application/ndjson` and `application/jsonl`): a line is a string, or an object as `POST /analyze` takes it but for \
            `explain`. Results come in the order of the texts and are sent as they come about; what is wrong with one text stands \
            in its place, and the others are scored.",
        parameters: &["Traceparent"],
        bodies: vec![
            json(
                "BatchRequest",
                vec![example("texts", "Two texts, one of which holds nothing", r#"{"texts":["You are kind.",""]}"#)],
            ),
            lines_of("A line a text, one of which is no JSON", lines),
        ],
        answers: vec![
            ok(
                "A result for each text.",
                json(
                    "BatchResults",
                    vec![example(
                        "texts",
                        "One result, and what is wrong",
                        &format!(r#"{{"results":[{KIND},{EMPTY}]}}"#),
                    )],
                ),
            ),
            ok("A result for each text.", lines_of("A result a line", &results)),
        ],
    }
}

/// `POST /predict`
pub fn predict() -> Operation {
    Operation {
        handler: Handler::Predict,
        path: Handler::Predict.as_str(),
        id: "predictIris",
        summary: "Which iris is it?",
        description: "Classifies an iris by its four measures, in centimetres, or a list of up to `--max-rows`: what is wrong \
            with a row of a list stands in its place, and the others are classified.",
        parameters: TIMED,
        bodies: vec![json(
            "IrisRequest",
            vec![
                example("features", "One iris", r#"{"features":[5.1,3.5,1.4,0.2]}"#),
                example(
                    "named",
                    "One iris, by name",
                    r#"{"sepal_length":6.7,"sepal_width":3.0,"petal_length":5.2,"petal_width":2.3}"#,
                ),
                example(
                    "rows",
                    "A list, whose second row is short",
                    r#"{"features":[[5.1,3.5,1.4,0.2],[6.7,3.0,5.2]]}"#,
                ),
            ],
        )],
        answers: vec![timed(
            "The class, or those of all rows.",
            json(
                "IrisAnswer",
                vec![
                    example("features", "One iris", SETOSA),
                    example(
                        "named",
                        "One iris",
                        r#"{"prediction":"virginica","class_id":2,"confidence":1.0,"probabilities":{"setosa":0.0,"versicolor":0.0,"virginica":1.0}}"#,
                    ),
                    example("rows", "A list", &format!("[{SETOSA},{SHORT}]")),
                ],
            ),
        )],
    }
}

fn timed(description: &'static str, media: Media) -> Answer {
    Answer { headers: &["ServerTiming", "PreferenceApplied"], ..ok(description, media) }
}

/// What these contracts are made of.
pub fn schemas() -> Vec<(&'static str, Node)> {
    let models = names(&AskedModel::ALL.map(AskedModel::as_str));
    let levels = names(&[Level::Low, Level::Medium, Level::High].map(Level::as_str));
    let by_name = |names: &[&str], value: &str| {
        names.iter().map(|name| format!(r#""{name}":{value}"#)).collect::<Vec<_>>().join(",")
    };
    let filled = |text: &str| {
        schema(
            &text
                .replace("%MODELS%", &models)
                .replace("%LEVELS%", &levels)
                .replace("%INVISIBLE%", &invisible())
                .replace("%TEXT%", &LIMITS.text.to_string())
                .replace("%BATCH%", &LIMITS.batch.to_string())
                .replace("%ROWS%", &LIMITS.rows.to_string())
                .replace("%CLASSES%", &names(&CLASSES))
                .replace("%FEATURES%", &names(&FEATURE_NAMES))
                .replace("%NAMES%", &FEATURE_NAMES.join(", "))
                .replace("%MOST%", &f64::from(f32::MAX).to_string())
                .replace("%LABELLED%", &by_name(&LABELS, r##"{"$ref":"#/components/schemas/Probability"}"##))
                .replace("%MEASURES%", &by_name(&FEATURE_NAMES, r##"{"$ref":"#/components/schemas/Measure"}"##))
                .replace("%CLASSED%", &by_name(&CLASSES, r##"{"$ref":"#/components/schemas/Probability"}"##)),
        )
    };
    SCHEMAS.iter().map(|(name, text)| (*name, filled(text))).collect()
}

/// Of the characters that leave nothing to score, beside white space, those that occur and stand in few ranges: controls, marks
/// without a letter, what joins and directs others, those for private use. Any engine of regular expressions knows such a class,
/// which not all would of one by properties.
pub const INVISIBLE: [(char, char); 10] = [
    ('\0', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{300}', '\u{36f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{fff0}', '\u{fffb}'),
];

/// The ranges as they stand in a class, in a string of JSON.
fn invisible() -> String {
    let unit = |character: char| format!("\\\\u{:04x}", u32::from(character));
    INVISIBLE.map(|(first, last)| [unit(first), unit(last)].join("-")).concat()
}

const SCHEMAS: [(&str, &str); 13] = [
    (
        "Text",
        r#"{"type":"string","minLength":1,"maxLength":%TEXT%,"pattern":"[^\\s%INVISIBLE%]",
            "description":"A text to score, of at least one letter, digit or sign, and of up to `--max-text-bytes` bytes of UTF-8."}"#,
    ),
    (
        "ModelChoice",
        r#"{"type":["string","null"],"enum":[%MODELS%,null],"default":"simple",
            "description":"The model that is asked. A daemon with `--model-dir` also takes the names of the models that it finds there."}"#,
    ),
    ("Probability", r#"{"type":"number","minimum":0,"maximum":1}"#),
    (
        "AnalyzeRequest",
        r##"{"type":"object","required":["text"],"additionalProperties":false,"properties":{
            "text":{"$ref":"#/components/schemas/Text"},
            "model":{"$ref":"#/components/schemas/ModelChoice"},
            "explain":{"type":["boolean","null"],"default":false,"description":"Whether to name the parts of the text that carried the verdict."}}}"##,
    ),
    (
        "Analysis",
        r##"{"type":"object","required":["score","toxicity_level","model_used","processing_time_ms","labels"],"properties":{
            "score":{"type":"integer","minimum":0,"maximum":100,"description":"How toxic the text is: 100 times the probability of `toxic`."},
            "toxicity_level":{"type":"string","enum":[%LEVELS%],"description":"The score by the cut points of `/model-info`."},
            "model_used":{"type":"string","description":"Which model answered."},
            "processing_time_ms":{"type":"number","minimum":0,"description":"From the text to its score, waiting included."},
            "labels":{"type":"object","description":"The calibrated probability of each label of the model; of ours these six.",
                "properties":{%LABELLED%},"additionalProperties":{"$ref":"#/components/schemas/Probability"}},
            "spans":{"type":["array","null"],"description":"Only if it was asked to explain itself: what weighed most, the heaviest first; `null` where the model cannot say.",
                "items":{"$ref":"#/components/schemas/Span"}}}}"##,
    ),
    (
        "Span",
        r#"{"type":"object","required":["start","end","text","weight"],"properties":{
            "start":{"type":"integer","minimum":0,"description":"Where it begins in the text, in Unicode code points."},
            "end":{"type":"integer","minimum":1,"description":"Where it ends, this one not included."},
            "text":{"type":"string"},
            "weight":{"type":"number","description":"What it adds to the logit of `toxic`; by `bert` how far that falls without it."}}}"#,
    ),
    (
        "BatchRequest",
        r##"{"type":"object","required":["texts"],"additionalProperties":false,"properties":{
            "texts":{"type":"array","maxItems":%BATCH%,"items":{"anyOf":[{"$ref":"#/components/schemas/Text"},
                {"description":"Anything else is not scored: what is wrong with it stands in the place of its result."}]}},
            "model":{"$ref":"#/components/schemas/ModelChoice"}}}"##,
    ),
    (
        "BatchResults",
        r##"{"type":"object","required":["results"],"properties":{"results":{"type":"array",
            "items":{"anyOf":[{"$ref":"#/components/schemas/Analysis"},{"$ref":"#/components/schemas/Wrong"}]}}}}"##,
    ),
    (
        "Measure",
        r#"{"type":"number","format":"float","minimum":-%MOST%,"maximum":%MOST%,
            "description":"A length in centimetres: any finite number of single precision."}"#,
    ),
    (
        "IrisRow",
        r##"{"type":"array","minItems":4,"maxItems":4,"items":{"$ref":"#/components/schemas/Measure"},
            "description":"The measures in the order of %NAMES%."}"##,
    ),
    (
        "IrisRequest",
        r##"{"oneOf":[
            {"title":"One iris","type":"object","required":["features"],"additionalProperties":false,"properties":{"features":{"$ref":"#/components/schemas/IrisRow"}}},
            {"title":"A list","type":"object","required":["features"],"additionalProperties":false,"properties":{"features":{"type":"array","minItems":1,"maxItems":%ROWS%,
                "prefixItems":[{"anyOf":[{"$ref":"#/components/schemas/IrisRow"},{"type":"array","description":"A row of another length is answered with what is wrong."}]}],
                "items":{"anyOf":[{"$ref":"#/components/schemas/IrisRow"},{"description":"Anything else is answered with what is wrong with it."}]}}}},
            {"title":"One iris, by name","type":"object","required":[%FEATURES%],"additionalProperties":false,"properties":{%MEASURES%}}]}"##,
    ),
    (
        "IrisPrediction",
        r##"{"type":"object","required":["prediction","class_id","confidence","probabilities"],"properties":{
            "prediction":{"type":"string","enum":[%CLASSES%]},
            "class_id":{"type":"integer","minimum":0,"maximum":2},
            "confidence":{"$ref":"#/components/schemas/Probability"},
            "probabilities":{"type":"object","required":[%CLASSES%],"properties":{%CLASSED%}}}}"##,
    ),
    (
        "IrisAnswer",
        r##"{"oneOf":[{"$ref":"#/components/schemas/IrisPrediction"},
            {"type":"array","items":{"anyOf":[{"$ref":"#/components/schemas/IrisPrediction"},{"$ref":"#/components/schemas/Wrong"}]}}]}"##,
    ),
];

const ANALYSIS: &str = r#"{"score":100,"toxicity_level":"high","model_used":"simple","processing_time_ms":0.012,"labels":{"toxic":0.999997,"severe_toxic":0.048191,"obscene":0.867802,"threat":0.134912,"insult":0.987059,"identity_hate":0.355366}}"#;
const KIND: &str = r#"{"score":33,"toxicity_level":"medium","model_used":"simple","processing_time_ms":0.011,"labels":{"toxic":0.328375,"severe_toxic":0.014181,"obscene":0.014616,"threat":0.008188,"insult":0.320899,"identity_hate":0.006244}}"#;
const STUPID: &str = r#"{"score":93,"toxicity_level":"high","model_used":"bert","processing_time_ms":6.2,"labels":{"toxic":0.934733,"severe_toxic":0.037449,"obscene":0.620879,"threat":0.002348,"insult":0.985404,"identity_hate":0.00631}}"#;
const NONSENSE: &str =
    r#"{"status":400,"detail":"the body is not JSON: unexpected at byte 1","error_type":"malformed_json","offset":1}"#;
const EMPTY: &str = r#"{"status":422,"detail":"field 'texts[1]' holds nothing to score; send at least one letter, digit or sign","error_type":"empty_text","field":"texts[1]"}"#;
const SETOSA: &str = r#"{"prediction":"setosa","class_id":0,"confidence":1.0,"probabilities":{"setosa":1.0,"versicolor":0.0,"virginica":0.0}}"#;
const SHORT: &str = r#"{"status":422,"detail":"field 'features[1]' must hold 4 numbers, not 3","error_type":"wrong_length","field":"features[1]","limit":4}"#;
