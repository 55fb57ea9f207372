//! An example of every problem at every route that tells of it: what brings it about, and what is then wrong.

use super::LIMITS;
use crate::api::fault::{self, google};
use crate::metrics::labels::Handler;
use crate::problem::{Fault, Problem};

/// A problem at a route.
pub struct Refusal {
    /// What is wrong.
    pub fault: Fault,
    /// What brings it about, in a few words.
    pub cause: &'static str,
    /// A request that brings it about.
    pub sent: Sent,
}

/// What is sent to have a request refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// This body, as JSON.
    Json(&'static str),
    /// These bytes, as if they were JSON.
    Bytes(&'static [u8]),
    /// These bytes, as if they were JSON in gzip.
    Gzip(&'static [u8]),
    /// A body of JSON that is so many blanks.
    Blanks(usize),
    /// A body of JSON: what stands before a text, the bytes of that, and what stands after it.
    Text(&'static str, usize, &'static str),
    /// A body of JSON that has a list of so many texts under this name.
    Texts(&'static str, usize),
    /// This form.
    Form(&'static str),
    /// A body of another type.
    Untyped,
    /// A request to another path.
    Path(&'static str),
    /// What is known without asking: the credentials or the header sections of [`crate::auth`] and of connections, tested there.
    Elsewhere,
    /// What takes a daemon under load, or one that still loads.
    Load,
}

/// What is wrong with a request before it has a route.
pub fn of_connections(problem: Problem) -> Refusal {
    let cause = match problem {
        Problem::RequestTimeout => "the header section does not arrive within --header-timeout",
        Problem::HeaderSectionTooLarge => "the header section is longer than 16 KiB",
        _ => "the bytes are no HTTP",
    };
    Refusal { fault: Fault::new(problem), cause, sent: Sent::Elsewhere }
}

/// An example of `problem` at the route of `handler`, if that can tell of it.
pub fn of(handler: Handler, problem: Problem) -> Option<Refusal> {
    let new = Fault::new(problem);
    let refusal = |fault, cause, sent| Some(Refusal { fault, cause, sent });
    match problem {
        Problem::MalformedRequest | Problem::HeaderSectionTooLarge | Problem::MethodNotAllowed => None,
        Problem::NotFound => refusal(
            new,
            "this daemon issues no tokens: it runs without --auth oauth2",
            Sent::Form("username=a&password=b"),
        ),
        Problem::MalformedJson => refusal(new.at(1), "the body is cut off", Sent::Json("{")),
        Problem::MalformedGzip => refusal(new, "a body in another coding than it says", Sent::Gzip(b"{}")),
        Problem::InvalidUtf8 => refusal(new.at(1), "a byte that is not UTF-8", Sent::Bytes(b"\"\xff\"")),
        Problem::RequestTimeout => refusal(new, "the body does not arrive within --body-timeout", Sent::Elsewhere),
        Problem::BodyTooLarge => {
            refusal(new.count(0, LIMITS.body), "a body longer than --max-body-bytes", Sent::Blanks(LIMITS.body + 1))
        }
        Problem::UnsupportedMediaType => {
            refusal(new.expected(fault::media_type_asked(handler), ""), "a body of another type", Sent::Untyped)
        }
        Problem::InvalidType => {
            let fault = new.field("body").expected("an object", "a list");
            refusal(fault, "a list in the place of an object", Sent::Json("[]"))
        }
        Problem::MissingField => missing(handler, new),
        Problem::UnknownField => unknown(handler, new),
        Problem::DuplicateField => duplicate(handler, new),
        Problem::WrongLength => wrong_length(handler, new),
        Problem::NumberOutOfRange => refusal(new.at(5), "a number that no double holds", Sent::Json(r#"{"a":1e999}"#)),
        Problem::EmptyText => empty(handler, new),
        Problem::TextTooLong => too_long(handler, new),
        Problem::UnknownModel => unknown_model(handler, new),
        Problem::Overloaded => refusal(new, "more requests at once than there is room for", Sent::Load),
        Problem::ModelUnavailable => {
            refusal(new.expected("it will be in a moment", ""), "the models are not loaded yet", Sent::Load)
        }
        Problem::InferenceTimeout => refusal(new, "'bert' had no time for the text within --bert-timeout", Sent::Load),
        Problem::Unauthorized => {
            let asked = "send an API key as X-API-Key, or a token of POST /token as Authorization: Bearer";
            refusal(new.expected(asked, ""), "no credential, with --auth both", Sent::Elsewhere)
        }
        Problem::Forbidden => {
            refusal(new.expected(scope(handler), ""), "a credential without the scope", Sent::Elsewhere)
        }
        Problem::TooManyAttempts => {
            refusal(new.retry_after(60), "more wrong passwords than --token-attempts", Sent::Elsewhere)
        }
        Problem::InvalidRequest => refusal(
            new.field("username").expected("is missing", ""),
            "a form without username",
            Sent::Form("password=b"),
        ),
        Problem::UnsupportedGrantType => refusal(new, "another grant", Sent::Form("grant_type=client_credentials")),
        Problem::InvalidGrant => refusal(new, "a wrong password", Sent::Form("username=student&password=wrong")),
        Problem::InvalidScope => {
            let form = Sent::Form("username=student&password=wrong&scope=everything");
            refusal(new.field("scope"), "a scope that there is not", form)
        }
        Problem::UnknownAttribute => refusal(
            new.field("FLIRTATION"),
            "an attribute that no model here has",
            Sent::Json(r#"{"comment":{"text":"Hi."},"requestedAttributes":{"FLIRTATION":{}}}"#),
        ),
        Problem::UnsupportedLanguage => refusal(
            new.field("ja").expected("TOXICITY", ""),
            "a language that the models were not trained on",
            Sent::Json(r#"{"comment":{"text":"Hi."},"requestedAttributes":{"TOXICITY":{}},"languages":["ja"]}"#),
        ),
        Problem::UnsupportedInput => unsupported(handler, new),
    }
}

fn scope(handler: Handler) -> &'static str {
    use crate::api::route::{Access, access};
    if let Access::Scope(scope) = access(handler) { scope.as_str() } else { "admin" }
}

fn missing(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, sent) = match handler {
        Handler::Analyze => (new.field("text").expected("send the text to score as a string", ""), "{}"),
        Handler::AnalyzeBatch => (new.field("texts").expected("send a list of texts to score", ""), "{}"),
        Handler::Predict => {
            let shapes = "send 'features' with 4 numbers, or the 4 lengths and widths by name";
            (new.field("features").expected(shapes, ""), "{}")
        }
        Handler::InferIris | Handler::InferText => {
            (new.field("inputs").expected("send a list of one tensor", ""), r#"{"id":"1"}"#)
        }
        Handler::CommentsAnalyze => (new.field(google::REQUESTED), r#"{"comment":{"text":"Hi."}}"#),
        Handler::CommentsSuggest => {
            (new.field("attributeScores").expected("suggest a score", ""), r#"{"comment":{"text":"Hi."}}"#)
        }
        Handler::Moderations => (new.field("input").expected("send a text, or a list of texts", ""), "{}"),
        _ => return None,
    };
    Some(Refusal { fault, cause: "what must be there is missing", sent: Sent::Json(sent) })
}

fn unknown(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, sent) = match handler {
        Handler::Analyze => {
            (new.field("txt").expected("send 'text' and, at will, 'model' and 'explain'", ""), r#"{"txt":"Hi."}"#)
        }
        Handler::AnalyzeBatch => {
            (new.field("text").expected("send 'texts' and, at will, 'model'", ""), r#"{"text":"Hi."}"#)
        }
        Handler::Predict => {
            let fault = new.field("sepal_width").expected("'features' is there already", "");
            (fault, r#"{"features":[5.1,3.5,1.4,0.2],"sepal_width":3.5}"#)
        }
        Handler::InferIris | Handler::InferText => (
            new.field("sequence_id").expected("models have no state: send no sequence", ""),
            r#"{"parameters":{"sequence_id":1},"inputs":[]}"#,
        ),
        Handler::CommentsAnalyze | Handler::CommentsSuggest => (new.field("text"), r#"{"text":"Hi."}"#),
        Handler::Moderations => {
            (new.field("inputs").expected("send 'input' and, at will, 'model'", ""), r#"{"inputs":["Hi."]}"#)
        }
        _ => return None,
    };
    Some(Refusal { fault, cause: "something that is not known here", sent: Sent::Json(sent) })
}

fn duplicate(handler: Handler, new: Fault) -> Option<Refusal> {
    let (name, sent) = match handler {
        Handler::Analyze => ("text", r#"{"text":"Hi.","text":"Bye."}"#),
        Handler::AnalyzeBatch => ("texts", r#"{"texts":["Hi."],"texts":["Bye."]}"#),
        Handler::Predict => ("features", r#"{"features":[5.1,3.5,1.4,0.2],"features":[6.7,3.0,5.2,2.3]}"#),
        Handler::InferIris | Handler::InferText => ("id", r#"{"id":"1","id":"2"}"#),
        Handler::CommentsAnalyze | Handler::CommentsSuggest => {
            ("comment", r#"{"comment":{"text":"Hi."},"comment":{"text":"Bye."}}"#)
        }
        Handler::Moderations => ("input", r#"{"input":"Hi.","input":"Bye."}"#),
        _ => return None,
    };
    Some(Refusal { fault: new.field(name), cause: "something stands twice", sent: Sent::Json(sent) })
}

fn wrong_length(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, cause, sent) = match handler {
        Handler::AnalyzeBatch => {
            let fault = new.field("texts").expected("no more texts than 'limit' says", "");
            (
                fault.count(LIMITS.batch + 1, LIMITS.batch),
                "more texts than --max-batch",
                Sent::Texts("texts", LIMITS.batch + 1),
            )
        }
        Handler::Predict => {
            let fault = new.field("features").expected("4 numbers", "").count(3, 4);
            (fault, "three numbers", Sent::Json(r#"{"features":[5.1,3.5,1.4]}"#))
        }
        Handler::InferIris | Handler::InferText => {
            let fault = new.field("inputs").expected("one tensor", "").count(0, 1);
            (fault, "no tensor", Sent::Json(r#"{"inputs":[]}"#))
        }
        Handler::Moderations => {
            let fault = new.field("input").expected("an input or more", "").count(0, LIMITS.batch);
            (fault, "no input", Sent::Json(r#"{"input":[]}"#))
        }
        _ => return None,
    };
    Some(Refusal { fault, cause, sent })
}

fn empty(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, sent) = match handler {
        Handler::Analyze => (new.field("text"), r#"{"text":" "}"#),
        Handler::InferText => (
            new.field("inputs[0].data").element(Some(0), None),
            r#"{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":[" "]}]}"#,
        ),
        Handler::CommentsAnalyze => (new, r#"{"comment":{"text":""},"requestedAttributes":{"TOXICITY":{}}}"#),
        Handler::CommentsSuggest => (new, r#"{"comment":{"text":""}}"#),
        Handler::Moderations => (new.field("input"), r#"{"input":" "}"#),
        _ => return None,
    };
    Some(Refusal { fault, cause: "nothing to score", sent: Sent::Json(sent) })
}

fn too_long(handler: Handler, new: Fault) -> Option<Refusal> {
    let count = |fault: Fault| fault.count(LIMITS.text + 1, LIMITS.text);
    let (fault, before, after) = match handler {
        Handler::Analyze => (new.field("text"), r#"{"text":""#, r#""}"#),
        Handler::InferText => (
            new.field("inputs[0].data").element(Some(0), None),
            r#"{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":[""#,
            r#""]}]}"#,
        ),
        Handler::CommentsAnalyze | Handler::CommentsSuggest => (new.field("text"), r#"{"comment":{"text":""#, r#""}}"#),
        Handler::Moderations => (new.field("input"), r#"{"input":""#, r#""}"#),
        _ => return None,
    };
    let sent = Sent::Text(before, LIMITS.text + 1, after);
    Some(Refusal { fault: count(fault), cause: "a text longer than --max-text-bytes", sent })
}

fn unknown_model(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, sent) = match handler {
        Handler::Analyze => (new.field("model"), Sent::Json(r#"{"text":"Hi.","model":"gpt"}"#)),
        Handler::AnalyzeBatch => (new.field("model"), Sent::Json(r#"{"texts":["Hi."],"model":"gpt"}"#)),
        Handler::Moderations => (new.field("model"), Sent::Json(r#"{"input":"Hi.","model":"gpt"}"#)),
        Handler::InferenceModel => (new.field("gpt"), Sent::Path("/v2/models/gpt")),
        Handler::InferenceModelReady => (new.field("gpt"), Sent::Path("/v2/models/gpt/ready")),
        Handler::InferText => (new.field("gpt"), Sent::Path("/v2/models/gpt/infer")),
        Handler::InferIris => {
            let why = "does not have that version; its metadata name the one that it has";
            (new.field("iris").expected(why, ""), Sent::Path("/v2/models/iris/versions/0/infer"))
        }
        _ => return None,
    };
    Some(Refusal { fault, cause: "no such model, or no such version of it", sent })
}

fn unsupported(handler: Handler, new: Fault) -> Option<Refusal> {
    let (fault, cause, sent) = match handler {
        Handler::CommentsAnalyze | Handler::CommentsSuggest => (
            new.expected("Currently, only 'PLAIN_TEXT' comments are supported", ""),
            "a text of HTML",
            r#"{"comment":{"text":"<b>Hi.</b>","type":"HTML"}}"#,
        ),
        Handler::Moderations => (
            new.field("input")
                .element(Some(0), None)
                .expected("no model here reads images; send parts of type 'text'", ""),
            "an image",
            r#"{"input":[{"type":"image_url","image_url":{"url":"data:,"}}]}"#,
        ),
        _ => return None,
    };
    Some(Refusal { fault, cause, sent: Sent::Json(sent) })
}
