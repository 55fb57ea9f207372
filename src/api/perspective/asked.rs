//! What a body asks of `POST /v1alpha1/comments:analyze`: an `AnalyzeCommentRequest`.

use std::ops::Range;

use smallvec::SmallVec;

use super::attribute::{ATTRIBUTES, Attribute, reference};
use super::fields::{self, members};
use super::language;
use super::sentences::sentences;
use crate::api::Limits;
use crate::api::analyze;
use crate::api::fault::google::REQUESTED;
use crate::api::round::{Round, What};
use crate::json::read::Value;
use crate::json::write::Writer;
use crate::model::Loaded;
use crate::model::manifest::MAX_LABELS;
use crate::problem::{Fault, Problem};

/// What is asked of a comment.
pub struct Comment {
    pub attributes: SmallVec<[Requested; MAX_LABELS]>,
    /// The end of the answer, which says nothing of scores.
    pub tail: Range<usize>,
}

/// A score that is asked for.
pub struct Requested {
    pub attribute: Attribute,
    /// Below this it is not told.
    pub threshold: f64,
}

/// The longest `clientToken`, in bytes.
pub const MAX_TOKEN: usize = 1024;

/// Bytes that the end of an answer takes at most: a token, of which JSON takes at most six for one, and languages.
pub const MAX_TAIL: usize = 8 * 1024;

/// Reads a request into `round`: the comment, its sentences if they are asked for, and what the answer needs.
///
/// # Errors
/// What is wrong with it.
pub fn read(root: Value<'_>, round: &mut Round, limits: &Limits, loaded: &Loaded) -> Result<(), Fault> {
    let [comment, context, attributes, spans, languages, store, token, session, community, drops] = members(
        root,
        "body",
        [
            ("comment", "comment"),
            ("context", "context"),
            (REQUESTED, "requested_attributes"),
            ("spanAnnotations", "span_annotations"),
            ("languages", "languages"),
            ("doNotStore", "do_not_store"),
            ("clientToken", "client_token"),
            ("sessionId", "session_id"),
            ("communityId", "community_id"),
            ("dropUnsupportedAttributes", "drop_unsupported_attributes"),
        ],
    )?;
    let text = comment.map_or(Ok(""), |comment| fields::text(comment, "comment"))?;
    check_text(text, limits)?;
    fields::context(context)?;
    // Nothing is ever stored, and no model here knows of sessions and communities.
    fields::boolean(store, "doNotStore")?;
    let drops = fields::boolean(drops, "dropUnsupportedAttributes")?;
    fields::string(session, "sessionId")?;
    fields::string(community, "communityId")?;
    let mut attributes = read_attributes(attributes, round, loaded)?;
    let mut tail = [0; MAX_TAIL];
    let mut writer = Writer::new(&mut tail);
    writer.raw(b"\"languages\":");
    let unsupported = language::read(languages, &mut writer)?;
    let any = loaded.models().is_some_and(|models| models.is_replaced);
    if let Some(unsupported) = unsupported.filter(|_| !any) {
        if !drops {
            let name = attributes.first().map_or("", |requested| requested.attribute.name_of_ours());
            return Err(Fault::new(Problem::UnsupportedLanguage).field(unsupported.names()).expected(name, ""));
        }
        attributes.clear();
    }
    write_token(fields::string(token, "clientToken")?, &mut writer, ",")?;
    let length = writer.finish().unwrap_or_default();
    let spans = fields::boolean(spans, "spanAnnotations")?;
    let no_room = || Fault::new(Problem::BodyTooLarge).count(0, limits.body);
    let tail = round.keep(&tail[..length]).ok_or_else(no_room)?;
    keep_texts(round, text, spans).ok_or_else(no_room)?;
    round.asked = What::Comment(Comment { attributes, tail });
    Ok(())
}

/// # Errors
/// If there is nothing of `text`, or too much.
pub fn check_text(text: &str, limits: &Limits) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new(Problem::EmptyText));
    }
    if text.len() > limits.text {
        return Err(Fault::new(Problem::TextTooLong).field("text").count(text.len(), limits.text));
    }
    Ok(())
}

/// Writes `"clientToken":"..."` after `separator`, if there is a token.
///
/// # Errors
/// If it is too long.
pub fn write_token(token: Option<&str>, writer: &mut Writer<'_>, separator: &str) -> Result<(), Fault> {
    let Some(token) = token else { return Ok(()) };
    if token.len() > MAX_TOKEN {
        return Err(Fault::new(Problem::UnsupportedInput).expected("clientToken is longer than 1024 bytes", ""));
    }
    writer.raw(separator.as_bytes());
    writer.raw(b"\"clientToken\":");
    writer.string(token);
    Ok(())
}

fn read_attributes(
    value: Option<Value<'_>>,
    round: &Round,
    loaded: &Loaded,
) -> Result<SmallVec<[Requested; MAX_LABELS]>, Fault> {
    let missing = Fault::new(Problem::MissingField).field(REQUESTED);
    let value = value.ok_or(missing.clone())?;
    let not_an_object = Fault::new(Problem::InvalidType).field(REQUESTED).expected("an object", value.type_name());
    let model = reference(round.choice, loaded).ok_or_else(analyze::not_yet)?;
    let mut attributes = SmallVec::<[Requested; MAX_LABELS]>::new();
    for (name, parameters) in value.as_object().ok_or(not_an_object)? {
        let unknown = Fault::new(Problem::UnknownAttribute).field(name);
        let attribute = Attribute::of(name, &model.manifest().labels).ok_or(unknown)?;
        if attributes.iter().any(|other| other.attribute == attribute) {
            return Err(Fault::new(Problem::DuplicateField).field(name));
        }
        if attributes.len() == MAX_LABELS {
            return Err(Fault::new(Problem::UnsupportedInput).expected("too many attributes", ""));
        }
        attributes.push(Requested { attribute, threshold: read_threshold(name, parameters)? });
    }
    if attributes.is_empty() { Err(missing) } else { Ok(attributes) }
}

/// The threshold of an attribute's `AttributeParameters`; 0 if there is none.
fn read_threshold(attribute: &str, parameters: Value<'_>) -> Result<f64, Fault> {
    if parameters.is_null() {
        return Ok(0.0);
    }
    let names = [("scoreType", "score_type"), ("scoreThreshold", "score_threshold")];
    let [kind, threshold] = members(parameters, REQUESTED, names)?;
    let other = match fields::string(kind, "scoreType")? {
        None | Some("PROBABILITY" | "SCORE_TYPE_UNSPECIFIED") => None,
        Some("STD_DEV_SCORE") => Some("STD_DEV_SCORE"),
        Some("PERCENTILE") => Some("PERCENTILE"),
        Some("RAW") => Some("RAW"),
        Some(_) => Some("of that name"),
    };
    if let Some(other) = other {
        return Err(Fault::new(Problem::UnsupportedInput).field(attribute).expected("", other));
    }
    Ok(fields::number(threshold, "scoreThreshold")?.unwrap_or(0.0))
}

/// Keeps `text` as the first of the round, and its sentences as the others where there is more than one and they are asked
/// for.
fn keep_texts(round: &mut Round, text: &str, spans: bool) -> Option<()> {
    let kept = round.keep(text.as_bytes())?;
    let mut units = Units { text, at: 0, before: 0 };
    let whole = [0, text.encode_utf16().count() as u32];
    round.add(&kept, whole)?;
    if spans && sentences(text).nth(1).is_some() {
        for sentence in sentences(text) {
            let place = [units.up_to(sentence.start), units.up_to(sentence.end)];
            round.add(&(kept.start + sentence.start..kept.start + sentence.end), place)?;
        }
    }
    Some(())
}

/// Counts the UTF-16 code units of a text, in one pass over it: places in a text are told in these.
struct Units<'t> {
    text: &'t str,
    at: usize,
    before: u32,
}

impl Units<'_> {
    /// Those before the byte `at`, which is not before that of the last call.
    fn up_to(&mut self, at: usize) -> u32 {
        let between = self.text.get(self.at..at).unwrap_or_default();
        self.before += between.encode_utf16().count() as u32;
        self.at = at;
        self.before
    }
}

impl Attribute {
    /// The name of one of [`ATTRIBUTES`]; of a label of our own its name in capitals.
    fn name_of_ours(self) -> &'static str {
        const LABELS: [&str; 6] = ["TOXIC", "SEVERE_TOXIC", "OBSCENE", "THREAT", "INSULT", "IDENTITY_HATE"];
        let names = ATTRIBUTES.iter().map(|(name, _)| *name).chain(LABELS);
        names.into_iter().nth(usize::from(self.number())).unwrap_or_default()
    }
}
