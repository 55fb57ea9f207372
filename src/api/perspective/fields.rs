//! Objects of a request, read as Google's JSON is (protocol buffers, "`ProtoJSON` Format"): each name may come in camel case
//! or as the schema has it, `null` is as good as nothing, and what is not known is an error.

use crate::json::read::Value;
use crate::problem::{Fault, Problem};

/// A name in both its forms.
pub type Name = (&'static str, &'static str);

/// The values of the members of `object`, in the order of `names`; `place` is what the object is called.
///
/// # Errors
/// If it is no object, or has a member that is not known or stands twice.
pub fn members<'t, const N: usize>(
    object: Value<'t>,
    place: &'static str,
    names: [Name; N],
) -> Result<[Option<Value<'t>>; N], Fault> {
    let not_an_object = Fault::new(Problem::InvalidType).field(place).expected("an object", object.type_name());
    let mut values = [None; N];
    for (key, value) in object.as_object().ok_or(not_an_object)? {
        let at = names.iter().position(|(camel, snake)| *camel == key || *snake == key);
        let slot = at.and_then(|at| values.get_mut(at)).ok_or(Fault::new(Problem::UnknownField).field(key))?;
        if slot.replace(value).is_some() {
            return Err(Fault::new(Problem::DuplicateField).field(key));
        }
    }
    Ok(values.map(|value| value.filter(|value: &Value<'_>| !value.is_null())))
}

/// The string, if there is a value.
///
/// # Errors
/// If it is something else.
pub fn string<'t>(value: Option<Value<'t>>, place: &'static str) -> Result<Option<&'t str>, Fault> {
    let typed = |value: Value<'t>| {
        value.as_str().ok_or(Fault::new(Problem::InvalidType).field(place).expected("a string", value.type_name()))
    };
    value.map(typed).transpose()
}

/// The truth value; false if there is none.
///
/// # Errors
/// If it is something else.
pub fn boolean(value: Option<Value<'_>>, place: &'static str) -> Result<bool, Fault> {
    let typed = |value: Value<'_>| {
        value.as_bool().ok_or(Fault::new(Problem::InvalidType).field(place).expected("a boolean", value.type_name()))
    };
    Ok(value.map(typed).transpose()?.unwrap_or(false))
}

/// The number, if there is a value.
///
/// # Errors
/// If it is something else.
pub fn number(value: Option<Value<'_>>, place: &'static str) -> Result<Option<f64>, Fault> {
    let typed = |value: Value<'_>| {
        value.as_f64().ok_or(Fault::new(Problem::InvalidType).field(place).expected("a number", value.type_name()))
    };
    value.map(typed).transpose()
}

/// A `TextEntry`: the text, empty if there is none.
///
/// # Errors
/// If it is no such object, or is of another kind than plain text.
pub fn text<'t>(entry: Value<'t>, place: &'static str) -> Result<&'t str, Fault> {
    let [value, kind] = members(entry, place, [("text", "text"), ("type", "type")])?;
    match string(kind, "type")? {
        None | Some("PLAIN_TEXT" | "TEXT_TYPE_UNSPECIFIED") => {}
        Some(kind) => {
            let html = kind == "HTML";
            let why = if html { "Currently, only 'PLAIN_TEXT' comments are supported" } else { "Unknown text type" };
            return Err(Fault::new(Problem::UnsupportedInput).expected(why, ""));
        }
    }
    Ok(string(value, "text")?.unwrap_or_default())
}

/// A `Context`, which is read and not used: no model here knows of one.
///
/// # Errors
/// If it is no such object.
pub fn context(value: Option<Value<'_>>) -> Result<(), Fault> {
    let Some(value) = value else { return Ok(()) };
    let both = [("entries", "entries"), ("articleAndParentComment", "article_and_parent_comment")];
    let [entries, article] = members(value, "context", both)?;
    if entries.is_some() && article.is_some() {
        let why = "Context can have either entries or article_and_parent_comment, but both fields were populated.";
        return Err(Fault::new(Problem::UnsupportedInput).expected(why, ""));
    }
    if let Some(entries) = entries {
        let not_a_list = Fault::new(Problem::InvalidType).field("entries").expected("a list", entries.type_name());
        let (_, mut entries) = entries.as_array().ok_or(not_a_list)?;
        entries.try_for_each(|entry| text(entry, "entries").map(drop))?;
    }
    if let Some(article) = article {
        let names = [("article", "article"), ("parentComment", "parent_comment")];
        let of_article = members(article, "articleAndParentComment", names)?;
        of_article.into_iter().flatten().try_for_each(|entry| text(entry, "article").map(drop))?;
    }
    Ok(())
}
