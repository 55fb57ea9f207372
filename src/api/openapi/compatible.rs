//! The contracts of other services: Perspective's and OpenAI's.

use super::node::Node;
use super::operation::{Operation, example, json, ok};
use super::{LIMITS, names, schema};
use crate::api::moderations::{CATEGORIES, THEIRS};
use crate::api::perspective::{ATTRIBUTES, LANGUAGES, MAX_LANGUAGE, MAX_TOKEN, MOST_LANGUAGES};
use crate::metrics::labels::{AskedModel, Handler};
use crate::model::toxicity::LABELS;

/// `POST /v1alpha1/comments:analyze`
pub fn analyze() -> Operation {
    let asked = r#"{"comment":{"text":"You are kind. You are stupid!"},"requestedAttributes":{"TOXICITY":{}},"spanAnnotations":true,"languages":["en"],"clientToken":"t1"}"#;
    let told = r#"{"attributeScores":{"TOXICITY":{"spanScores":[{"begin":0,"end":13,"score":{"value":0.001936,"type":"PROBABILITY"}},{"begin":14,"end":29,"score":{"value":0.942641,"type":"PROBABILITY"}}],"summaryScore":{"value":0.94774,"type":"PROBABILITY"}}},"languages":["en"],"clientToken":"t1"}"#;
    Operation {
        bodies: vec![json("CommentRequest", vec![example("comment", "A comment of two sentences", asked)])],
        answers: vec![ok("The scores.", json("CommentAnswer", vec![example("comment", "Of each and of both", told)]))],
        ..Operation::new(
            Handler::CommentsAnalyze,
            "analyzeComment",
            "What Perspective answers",
            "Perspective's `AnalyzeComment`, for clients that change nothing but the address; `docs/perspective.md` says what is \
                the same and what is not there. Names may also come as `requested_attributes`, and `null` is as good as nothing.",
        )
    }
}

/// `POST /v1alpha1/comments:suggestscore`
pub fn suggest() -> Operation {
    let asked = r#"{"comment":{"text":"You are kind."},"attributeScores":{"TOXICITY":{"summaryScore":{"value":0}}},"clientToken":"t1"}"#;
    Operation {
        bodies: vec![json("SuggestionRequest", vec![example("suggestion", "", asked)])],
        answers: vec![ok(
            "It was taken.",
            json("SuggestionAnswer", vec![example("suggestion", "", r#"{"clientToken":"t1"}"#)]),
        )],
        ..Operation::new(
            Handler::CommentsSuggest,
            "suggestCommentScore",
            "Take a suggested score",
            "Perspective's `SuggestCommentScore`: read, counted and dropped.",
        )
    }
}

/// `GET /$discovery/rest`
pub fn discovery() -> Operation {
    let told = r#"{"kind":"discovery#restDescription","discoveryVersion":"v1","id":"commentanalyzer:v1alpha1","name":"commentanalyzer","version":"v1alpha1","rootUrl":"http://localhost:8000/","resources":{},"schemas":{}}"#;
    Operation {
        answers: vec![ok("The document.", json("Discovery", vec![example("excerpt", "Some of its members", told)]))],
        ..Operation::new(
            Handler::Discovery,
            "getDiscoveryDocument",
            "What Google's clients are made of",
            "The discovery document of Perspective's routes, with the address at which it was asked for. Also at \
                `/discovery/v1/apis/commentanalyzer/v1alpha1/rest`.",
        )
    }
}

/// `POST /v1/moderations`
pub fn moderate() -> Operation {
    let judged = |of: &dyn Fn(Option<&str>) -> String| {
        CATEGORIES.iter().map(|(name, label)| format!(r#""{name}":{}"#, of(*label))).collect::<Vec<_>>().join(",")
    };
    let score = |label: Option<&str>| match label {
        Some("insult") => "0.985404",
        Some("threat") => "0.002348",
        Some(_) => "0.00631",
        None => "null",
    };
    let flags =
        judged(&|label| label.map_or("null", |label| if label == "insult" { "true" } else { "false" }).to_owned());
    let told = format!(
        r#"{{"id":"modr-ca5a709447efb9707e8deeb5cb703edf","model":"auto","results":[{{"flagged":true,"categories":{{{flags}}},"category_scores":{{{}}},"category_applied_input_types":{{{}}}}}]}}"#,
        judged(&|label| score(label).to_owned()),
        judged(&|label| if label.is_some() { r#"["text"]"# } else { "[]" }.to_owned()),
    );
    Operation {
        bodies: vec![json(
            "ModerationRequest",
            vec![
                example("texts", "A list of one text", r#"{"input":["You are stupid."]}"#),
                example("text", "A text", r#"{"input":"You are kind.","model":"simple"}"#),
                example("parts", "A part of a message", r#"{"input":[{"type":"text","text":"You are kind."}]}"#),
            ],
        )],
        answers: vec![ok(
            "A result for each input.",
            json("ModerationAnswer", vec![example("texts", "Of the list", &told)]),
        )],
        ..Operation::new(
            Handler::Moderations,
            "moderate",
            "What OpenAI's moderation answers",
            "A result for each input; a list of parts is one input. A category is judged where a label means the same, and `null` \
                everywhere else. OpenAI's names of models mean the one of `--compatible-model`.",
        )
    }
}

/// What these contracts are made of.
pub fn schemas() -> Vec<(&'static str, Node)> {
    let attributes: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let capitals = LABELS.iter().map(|label| label.to_uppercase()).filter(|name| !attributes.contains(name));
    let all: Vec<_> = attributes.iter().cloned().chain(capitals).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let models: Vec<_> = AskedModel::ALL.iter().map(|model| model.as_str()).chain(THEIRS).collect();
    let filled = |text: &str| {
        schema(
            &text
                .replace("%ATTRIBUTES%", &names(&all))
                .replace("%LANGUAGECOUNT%", &MOST_LANGUAGES.to_string())
                .replace("%LANGUAGELENGTH%", &MAX_LANGUAGE.to_string())
                .replace("%LANGUAGES%", &LANGUAGES.join(", "))
                .replace("%LANGUAGE%", &format!("^({})([-_][A-Za-z0-9_-]*)?$", LANGUAGES.map(either_case).join("|")))
                .replace("%TOKEN%", &MAX_TOKEN.to_string())
                .replace("%BATCH%", &LIMITS.batch.to_string())
                .replace("%TEXT%", &LIMITS.text.to_string())
                .replace("%MODELS%", &names(&models)),
        )
    };
    let answer = ("ModerationAnswer", moderation_answer());
    SCHEMAS.iter().map(|(name, text)| (*name, filled(text))).chain([answer]).collect()
}

/// `[eE][nN]`
fn either_case(name: &str) -> String {
    name.chars().flat_map(|letter| ['[', letter, letter.to_ascii_uppercase(), ']']).collect()
}

const SCHEMAS: [(&str, &str); 12] = [
    (
        "CommentText",
        r##"{"type":"object","required":["text"],"additionalProperties":false,"properties":{"text":{"$ref":"#/components/schemas/Text"},
            "type":{"$ref":"#/components/schemas/CommentTextType"}}}"##,
    ),
    ("CommentTextType", r#"{"type":["string","null"],"enum":["PLAIN_TEXT","TEXT_TYPE_UNSPECIFIED",null]}"#),
    (
        "ContextText",
        r##"{"type":"object","additionalProperties":false,"properties":{"text":{"type":["string","null"]},
            "type":{"$ref":"#/components/schemas/CommentTextType"}}}"##,
    ),
    (
        "CommentContext",
        r##"{"type":["object","null"],"additionalProperties":false,"description":"Read and not used; one of the two.","properties":{
            "entries":{"type":["array","null"],"items":{"$ref":"#/components/schemas/ContextText"}},
            "articleAndParentComment":{"type":["object","null"],"additionalProperties":false,"properties":{
                "article":{"anyOf":[{"$ref":"#/components/schemas/ContextText"},{"type":"null"}]},
                "parentComment":{"anyOf":[{"$ref":"#/components/schemas/ContextText"},{"type":"null"}]}}}},
            "not":{"required":["entries","articleAndParentComment"],"properties":{"entries":{"type":"array"},"articleAndParentComment":{"type":"object"}}}}"##,
    ),
    (
        "CommentRequest",
        r##"{"type":"object","required":["comment","requestedAttributes"],"additionalProperties":false,"properties":{
            "comment":{"$ref":"#/components/schemas/CommentText"},"context":{"$ref":"#/components/schemas/CommentContext"},
            "requestedAttributes":{"type":"object","minProperties":1,"propertyNames":{"enum":[%ATTRIBUTES%]},"additionalProperties":{
                "type":["object","null"],"additionalProperties":false,"properties":{
                    "scoreType":{"type":["string","null"],"enum":["PROBABILITY","SCORE_TYPE_UNSPECIFIED",null]},
                    "scoreThreshold":{"type":["number","null"],"description":"Scores below it are left out."}}}},
            "spanAnnotations":{"type":["boolean","null"],"description":"Whether each sentence is to have a score."},
            "languages":{"type":["array","null"],"maxItems":%LANGUAGECOUNT%,"items":{"type":"string","minLength":1,"maxLength":%LANGUAGELENGTH%,"pattern":"%LANGUAGE%"},
                "description":"Of %LANGUAGES%, whatever their region. With `dropUnsupportedAttributes` others are answered without scores."},
            "doNotStore":{"type":["boolean","null"],"description":"Nothing is ever stored."},
            "clientToken":{"type":["string","null"],"maxLength":%TOKEN%,"description":"Comes back."},
            "sessionId":{"type":["string","null"]},"communityId":{"type":["string","null"]},
            "dropUnsupportedAttributes":{"type":["boolean","null"]}}}"##,
    ),
    (
        "CommentScore",
        r#"{"type":"object","required":["value","type"],"properties":{"value":{"type":"number","minimum":0,"maximum":1},"type":{"const":"PROBABILITY"}}}"#,
    ),
    (
        "CommentAnswer",
        r##"{"type":"object","required":["languages"],"properties":{
            "attributeScores":{"type":"object","propertyNames":{"enum":[%ATTRIBUTES%]},"additionalProperties":{"type":"object","properties":{
                "summaryScore":{"$ref":"#/components/schemas/CommentScore"},
                "spanScores":{"type":"array","items":{"type":"object","required":["begin","end","score"],"properties":{
                    "begin":{"type":"integer","minimum":0,"description":"In UTF-16 code units."},"end":{"type":"integer","minimum":0},
                    "score":{"$ref":"#/components/schemas/CommentScore"}}}}}}},
            "languages":{"type":"array","items":{"type":"string"}},"clientToken":{"type":"string"}}}"##,
    ),
    (
        "SuggestedScore",
        r#"{"type":"object","required":["value"],"additionalProperties":false,"properties":{"value":{"type":"number"},"type":{"type":["string","null"]}}}"#,
    ),
    (
        "SuggestionRequest",
        r##"{"type":"object","required":["comment","attributeScores"],"additionalProperties":false,"properties":{
            "comment":{"type":"object","required":["text"],"additionalProperties":false,"properties":{"text":{"type":"string","minLength":1,"maxLength":%TEXT%},
                "type":{"$ref":"#/components/schemas/CommentTextType"}}},
            "context":{"$ref":"#/components/schemas/CommentContext"},
            "attributeScores":{"type":"object","minProperties":1,"additionalProperties":{"type":"object","additionalProperties":false,"description":"A score at least.",
                "anyOf":[{"required":["summaryScore"],"properties":{"summaryScore":{"type":"object"}}},{"required":["spanScores"],"properties":{"spanScores":{"type":"array","minItems":1}}}],"properties":{
                "summaryScore":{"anyOf":[{"$ref":"#/components/schemas/SuggestedScore"},{"type":"null"}]},
                "spanScores":{"type":["array","null"],"items":{"type":"object","required":["begin","end","score"],"additionalProperties":false,"properties":{
                    "begin":{"type":"number"},"end":{"type":"number"},"score":{"$ref":"#/components/schemas/SuggestedScore"}}}}}}},
            "languages":{"type":["array","null"],"maxItems":%LANGUAGECOUNT%,"items":{"type":"string","minLength":1,"maxLength":%LANGUAGELENGTH%,"pattern":"^[A-Za-z0-9_-]+$"}},
            "communityId":{"type":["string","null"]},"clientToken":{"type":["string","null"],"maxLength":%TOKEN%},
            "sessionId":{"type":["string","null"]}}}"##,
    ),
    (
        "SuggestionAnswer",
        r#"{"type":"object","properties":{"requestedLanguages":{"type":"array","items":{"type":"string"}},"clientToken":{"type":"string"}}}"#,
    ),
    (
        "Discovery",
        r#"{"type":"object","required":["kind","discoveryVersion","id","name","version","rootUrl","resources","schemas"],"properties":{
            "kind":{"const":"discovery#restDescription"},"discoveryVersion":{"type":"string"},"id":{"type":"string"},"name":{"type":"string"},
            "version":{"type":"string"},"rootUrl":{"type":"string"},"resources":{"type":"object"},"schemas":{"type":"object"}}}"#,
    ),
    (
        "ModerationRequest",
        r##"{"type":"object","required":["input"],"additionalProperties":false,"properties":{
            "input":{"oneOf":[{"title":"A text","$ref":"#/components/schemas/Text"},
                {"title":"Texts","type":"array","minItems":1,"maxItems":%BATCH%,"items":{"$ref":"#/components/schemas/Text"}},
                {"title":"Parts of one input","type":"array","minItems":1,"maxItems":%BATCH%,"items":{"type":"object","required":["type","text"],
                    "properties":{"type":{"const":"text"},"text":{"$ref":"#/components/schemas/Text"}}}}]},
            "model":{"type":["string","null"],"enum":[%MODELS%,null],"description":"A daemon with `--model-dir` also takes the names of the models that it finds there."}}}"##,
    ),
];

fn moderation_answer() -> Node {
    let categories: Vec<_> = CATEGORIES.iter().map(|(name, _)| *name).collect();
    let each = |value: &str| {
        let members = categories.iter().map(|name| format!(r#""{name}":{value}"#)).collect::<Vec<_>>().join(",");
        format!(r#"{{"type":"object","required":[{}],"properties":{{{members}}}}}"#, names(&categories))
    };
    let flags = each(r#"{"type":["boolean","null"]}"#);
    let scores = each(r#"{"type":["number","null"],"minimum":0,"maximum":1}"#);
    let types = each(r#"{"type":"array","items":{"const":"text"}}"#);
    schema(&format!(
        r#"{{"type":"object","required":["id","model","results"],"properties":{{"id":{{"type":"string"}},"model":{{"type":"string"}},
            "results":{{"type":"array","items":{{"type":"object","required":["flagged","categories","category_scores","category_applied_input_types"],
                "properties":{{"flagged":{{"type":"boolean"}},"categories":{flags},"category_scores":{scores},"category_applied_input_types":{types}}}}}}}}}}}"#
    ))
}
