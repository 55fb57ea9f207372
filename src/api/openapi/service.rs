//! The contracts of the daemon itself: what it is, how it is, what it measures, who may ask.

use super::node::Node;
use super::operation::{Answer, Media, Operation, example, json, ok};
use super::{names, schema};
use crate::auth::scopes::Scope;
use crate::auth::users::MAX_PASSWORD;
use crate::metrics::Format;
use crate::metrics::labels::{Handler, Phase};

fn unready(description: &'static str, media: Media) -> Answer {
    Answer { status: 503, ..ok(description, media) }
}

/// `GET /`
pub fn root() -> Operation {
    let greeting = concat!(
        r#"{"message":"tamis: toxicity scores and iris classes","status":"operational","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","endpoints":["POST /analyze","POST /predict"]}"#
    );
    let answers =
        vec![ok("What this is.", json("Greeting", vec![example("greeting", "The list is cut here", greeting)]))];
    Operation {
        answers,
        ..Operation::new(Handler::Root, "getRoot", "What is this?", "What runs here, and where the rest is.")
    }
}

/// `GET /health`
pub fn health() -> Operation {
    let document = |good: bool| {
        let (status, phase) = if good { ("healthy", "ready") } else { ("unhealthy", "starting") };
        let version = env!("CARGO_PKG_VERSION");
        format!(
            r#"{{"status":"{status}","model_loaded":{good},"uptime_seconds":6.073,"phase":"{phase}","version":"{version}","models":{{"simple":{good},"iris":{good},"bert":{good}}}}}"#
        )
    };
    let media = |name: &str, good| json("Health", vec![example(name, "", &document(good))]);
    let answers = vec![
        ok("The models are loaded.", media("healthy", true)),
        unready("The models are not loaded yet.", media("unhealthy", false)),
    ];
    let description =
        "For people and load balancers: whether the models that readiness waits for are loaded, and which are there.";
    Operation { answers, ..Operation::new(Handler::Health, "getHealth", "Is it well?", description) }
}

/// `GET /livez`, `/readyz` and `/startupz`
pub fn probe(handler: Handler) -> Operation {
    let told =
        |status: &'static str| json("ProbeAnswer", vec![example(status, "", &format!(r#"{{"status":"{status}"}}"#))]);
    let (id, summary, good, bad): (_, _, _, &[&'static str]) = match handler {
        Handler::Livez => ("getLiveness", "Is the process alive?", "alive", &[]),
        Handler::Readyz => ("getReadiness", "Shall it get requests?", Phase::Ready.as_str(), &["starting", "draining"]),
        _ => ("getStartup", "Has it started?", "started", &["starting"]),
    };
    let description = match handler {
        Handler::Livez => "For Kubernetes' liveness probe: answered as long as the process turns its loop.",
        Handler::Readyz => {
            "For Kubernetes' readiness probe: 503 before the models are there, and as soon as draining starts."
        }
        _ => "For Kubernetes' startup probe: 503 until the models are there, 200 ever after.",
    };
    let mut answers = vec![ok("Yes.", told(good))];
    answers.extend(bad.iter().map(|status| unready("No.", told(status))));
    Operation { answers, ..Operation::new(handler, id, summary, description) }
}

/// `GET /metrics`
pub fn metrics() -> Operation {
    let sample = "# HELP model_predictions_total Irises classified, by predicted class.\n# TYPE model_predictions_total counter\nmodel_predictions_total{predicted_class=\"setosa\"} 3\n";
    let media = |format: Format| {
        let text = match format {
            Format::Text => Some(sample.to_owned()),
            Format::OpenMetrics => Some(
                sample
                    .replace("model_predictions_total I", "model_predictions I")
                    .replace("TYPE model_predictions_total", "TYPE model_predictions")
                    + "# EOF\n",
            ),
            Format::Protobuf => None,
        };
        let examples = text.map(|text| super::operation::Example {
            name: "excerpt".to_owned(),
            summary: "A few of its lines".to_owned(),
            value: Node::text(&text),
        });
        Media {
            name: format.content_type().to_owned(),
            schema: schema(r#"{"type":"string"}"#),
            examples: examples.into_iter().collect(),
        }
    };
    let answers = Format::ALL.map(|format| Answer {
        headers: &["Vary"],
        ..ok("Every series, in the format that `Accept` asks for.", media(format))
    });
    let description = "What Prometheus reads: the text format 0.0.4, OpenMetrics 1.0.0 or protocol buffers (`MetricFamily` messages, \
        each behind its length), as `Accept` says; by gzip where `Accept-Encoding` asks.";
    Operation {
        answers: answers.into(),
        ..Operation::new(Handler::Metrics, "getMetrics", "All that is measured", description)
    }
}

/// `GET /model-info`
pub fn model_info() -> Operation {
    let iris = r#"{"models":[{"bytes":274752,"engine":"table","input":{"fields":["sepal_length","sepal_width","petal_length","petal_width"],"name":"features","shape":["N",4],"type":"float32"},"kind":"classification","labels":["setosa","versicolor","virginica"],"license":"Apache-2.0","load_seconds":0.008,"loaded":true,"metrics":{"cross_validated_accuracy":0.9487,"training_accuracy":1.0},"name":"iris","sha256":"e4ea2f1e0b140a542e35d52fd605f5856220e77faf787f620f43a252fbde7fd8","training":{"form":"random forest of 100 trees, compiled into a table","libraries":{"scikit-learn":"1.9.1"},"rows":150},"version":"1.0.0"}]}"#;
    let answers = vec![ok("Every model.", json("ModelInfo", vec![example("iris", "One of the models", iris)]))];
    let description =
        "Every model: version, labels, input, SHA-256, how well it did where it was evaluated, cut points, load time.";
    Operation { answers, ..Operation::new(Handler::ModelInfo, "getModelInfo", "Which models are there?", description) }
}

/// `GET /status`
pub fn status() -> Operation {
    let figures = concat!(
        r#"{"version":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","phase":"ready","uptime_seconds":6.56,"cpu_path":"avx2","workers":2,"cpu_seconds":0.2,"resident_bytes":84107264,"requests":[{"method":"POST","handler":"/analyze","status":"200","count":2}],"in_progress":1,"active_users":1,"requests_shed":0,"errors":[]}"#
    );
    let answers = vec![Answer {
        headers: &["Vary", "CacheControl"],
        ..ok(
            "The page, or its figures.",
            json("StatusFigures", vec![example("figures", "Some of the figures", figures)]),
        )
    }];
    let description =
        "A page of what goes on now, to look at; the figures that it draws for `Accept: application/json`.";
    Operation { answers, ..Operation::new(Handler::Status, "getStatus", "What goes on now", description) }
}

/// `GET /openapi.json`
pub fn description() -> Operation {
    let cut = concat!(
        r#"{"openapi":"3.1.1","info":{"title":"tamis","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""},"paths":{}}"#
    );
    let answers = vec![ok("The document.", json("Description", vec![example("excerpt", "Some of its members", cut)]))];
    Operation {
        answers,
        ..Operation::new(Handler::OpenApi, "getOpenApi", "This document", "What you read here, as OpenAPI 3.1.")
    }
}

/// `GET /docs`
pub fn docs() -> Operation {
    Operation::new(
        Handler::Docs,
        "getDocs",
        "This document, to look at",
        "A page that shows this document and sends requests to try it.",
    )
}

/// `POST /token`
pub fn token() -> Operation {
    let form = example(
        "password",
        "A user and a password",
        r#"{"username":"student","password":"correct horse battery staple"}"#,
    );
    let token = r#"{"access_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzdHVkZW50In0.c2lnbmF0dXJl","token_type":"bearer","expires_in":1800,"scope":"analyze predict"}"#;
    Operation {
        handler: Handler::Token,
        path: Handler::Token.as_str(),
        id: "issueToken",
        summary: "A token for a password",
        description: "The resource owner password credentials grant (RFC 6749, section 4.3), as `--auth oauth2` offers it. \
            `grant_type` may be left out; `scope` asks for less than all that the user has.",
        parameters: &["Traceparent", "RequestId"],
        bodies: vec![Media {
            name: "application/x-www-form-urlencoded".to_owned(),
            schema: Node::reference("schemas/TokenRequest"),
            examples: vec![form],
        }],
        answers: vec![Answer {
            headers: &["CacheControl"],
            ..ok("A token.", json("TokenAnswer", vec![example("token", "A token for half an hour", token)]))
        }],
    }
}

/// What these contracts are made of.
pub fn schemas() -> Vec<(&'static str, Node)> {
    let filled = |text: &str| {
        schema(
            &text
                .replace("%PHASES%", &names(&Phase::ALL.map(Phase::as_str)))
                .replace("%SCOPES%", &Scope::ALL.map(Scope::as_str).join(", "))
                .replace("%PASSWORD%", &MAX_PASSWORD.to_string()),
        )
    };
    SCHEMAS.iter().map(|(name, text)| (*name, filled(text))).collect()
}

const SCHEMAS: [(&str, &str); 8] = [
    (
        "Greeting",
        r#"{"type":"object","required":["message","status","version","endpoints"],"properties":{
            "message":{"type":"string"},"status":{"const":"operational"},"version":{"type":"string"},
            "endpoints":{"type":"array","items":{"type":"string"}}}}"#,
    ),
    (
        "Health",
        r#"{"type":"object","required":["status","model_loaded","uptime_seconds","phase","version","models"],"properties":{
            "status":{"enum":["healthy","unhealthy"]},"model_loaded":{"type":"boolean"},
            "uptime_seconds":{"type":"number","minimum":0},"phase":{"enum":[%PHASES%]},"version":{"type":"string"},
            "models":{"type":"object","additionalProperties":{"type":"boolean"},"description":"Which models are loaded."}}}"#,
    ),
    (
        "Description",
        r#"{"type":"object","required":["openapi","info","paths"],"properties":{
            "openapi":{"type":"string","pattern":"^3\\.1\\."},"info":{"type":"object"},"paths":{"type":"object"}}}"#,
    ),
    (
        "ProbeAnswer",
        r#"{"type":"object","required":["status"],"properties":{"status":{"enum":["alive","started",%PHASES%]}}}"#,
    ),
    (
        "ModelInfo",
        r#"{"type":"object","required":["models"],"properties":{"models":{"type":"array","items":{"type":"object",
            "required":["name","version","kind","labels","input","sha256","bytes","license","loaded"],"properties":{
                "name":{"type":"string"},"version":{"type":"string"},
                "kind":{"type":"string","description":"`toxicity` or `classification`."},
                "description":{"type":"string"},"labels":{"type":"array","items":{"type":"string"}},
                "input":{"type":"object","description":"What the model reads."},
                "levels":{"type":"object","description":"The least score of each level above low."},
                "metrics":{"type":"object","description":"How well it did where it was evaluated."},
                "training":{"type":"object","description":"What it was trained on, and how."},
                "sha256":{"type":"string","pattern":"^[0-9a-f]{64}$"},"bytes":{"type":"integer","minimum":0},
                "engine":{"type":["string","null"]},"license":{"type":"string"},
                "loaded":{"type":"boolean"},"load_seconds":{"type":["number","null"],"minimum":0}}}}}}"#,
    ),
    (
        "StatusFigures",
        r#"{"type":"object","required":["version","phase","uptime_seconds","requests","errors"],"properties":{
            "version":{"type":"string"},"phase":{"enum":[%PHASES%]},"uptime_seconds":{"type":"number","minimum":0},
            "cpu_path":{"type":"string"},"workers":{"type":"integer","minimum":1},"cpu_seconds":{"type":["number","null"]},
            "resident_bytes":{"type":["integer","null"]},
            "requests":{"type":"array","items":{"type":"object","required":["method","handler","status","count"]}},
            "errors":{"type":"array","items":{"type":"object","required":["error_type","endpoint","count"]}}},
            "description":"Times in seconds, sizes in bytes, counts since the start. The page is their only reader that is promised anything: more may come."}"#,
    ),
    (
        "TokenRequest",
        r#"{"type":"object","required":["username","password"],"properties":{
            "grant_type":{"type":"string","enum":["password"]},
            "username":{"type":"string","minLength":1,"maxLength":256},
            "password":{"type":"string","minLength":1,"maxLength":%PASSWORD%,"format":"password"},
            "scope":{"type":"string","description":"Scopes, parted by blanks, of: %SCOPES%."}}}"#,
    ),
    (
        "TokenAnswer",
        r#"{"type":"object","required":["access_token","token_type","expires_in","scope"],"properties":{
            "access_token":{"type":"string"},"token_type":{"const":"bearer"},
            "expires_in":{"type":"integer","minimum":1,"description":"Seconds."},"scope":{"type":"string"}}}"#,
    ),
];
