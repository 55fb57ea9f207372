//! The paths of the protocol.

use crate::metrics::labels::Handler;

/// What a path below `/v2/models/` names, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'p> {
    /// The name of a model.
    pub model: &'p str,
    /// The version that it is to have.
    pub version: Option<&'p str>,
    /// What is asked of it: nothing for its metadata, else `ready` or `infer`.
    asked: &'p str,
}

/// Whether `path` is one of the protocol's, known or not.
pub fn is_of_protocol(path: &str) -> bool {
    path.strip_prefix("/v2").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The route of `path`, [`Handler::None`] if it has none.
pub fn handler(path: &str) -> Handler {
    match path {
        "/v2" | "/v2/" => Handler::InferenceServer,
        "/v2/health/live" => Handler::InferenceLive,
        "/v2/health/ready" => Handler::InferenceReady,
        _ => match place(path) {
            Some(Place { asked: "", .. }) => Handler::InferenceModel,
            Some(Place { asked: "ready", .. }) => Handler::InferenceModelReady,
            Some(Place { asked: "infer", model, .. }) if is_named(model, "iris") => Handler::InferIris,
            Some(Place { asked: "infer", .. }) => Handler::InferText,
            _ => Handler::None,
        },
    }
}

/// `/v2/models/{model}[/versions/{version}][/ready|/infer]`
pub fn place(path: &str) -> Option<Place<'_>> {
    let mut segments = path.strip_prefix("/v2/models/")?.split('/');
    let model = segments.next().filter(|model| !model.is_empty())?;
    let mut next = segments.next();
    let mut version = None;
    if next == Some("versions") {
        version = Some(segments.next().filter(|version| !version.is_empty())?);
        next = segments.next();
    }
    let is_over = segments.next().is_none();
    (is_over && next != Some("")).then_some(Place { model, version, asked: next.unwrap_or_default() })
}

/// Whether a segment of a path, in which any byte may stand as `%` and two hexadecimal digits (RFC 3986, section 2.1), is
/// `name`.
pub fn is_named(segment: &str, name: &str) -> bool {
    let mut rest = segment.as_bytes();
    let decoded = std::iter::from_fn(|| {
        let (&first, after) = rest.split_first()?;
        let digit = |byte: u8| (byte as char).to_digit(16);
        let escaped = after.split_first_chunk::<2>().and_then(|([high, low], after)| {
            let both = digit(*high).zip(digit(*low)).filter(|_| first == b'%');
            both.map(|(high, low)| ((high << 4 | low) as u8, after))
        });
        let (byte, after) = escaped.unwrap_or((first, after));
        rest = after;
        Some(byte)
    });
    decoded.eq(name.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_reached_with_and_without_its_version() {
        for (path, handler_of, version) in [
            ("/v2/models/iris", Handler::InferenceModel, None),
            ("/v2/models/iris/versions/1", Handler::InferenceModel, Some("1")),
            ("/v2/models/a/ready", Handler::InferenceModelReady, None),
            ("/v2/models/a/versions/1.0/ready", Handler::InferenceModelReady, Some("1.0")),
            ("/v2/models/simple/infer", Handler::InferText, None),
            ("/v2/models/iris/versions/2/infer", Handler::InferIris, Some("2")),
            ("/v2/models/%69ris/infer", Handler::InferIris, None),
        ] {
            assert_eq!((handler(path), place(path).expect("a place").version), (handler_of, version), "{path}");
        }
    }

    #[test]
    fn other_paths_of_the_protocol_are_none_of_ours() {
        for path in [
            "/v2/models",
            "/v2/models/",
            "/v2/models//infer",
            "/v2/models/iris/",
            "/v2/models/iris/config",
            "/v2/models/iris/versions",
            "/v2/models/iris/versions//infer",
            "/v2/models/iris/infer/infer",
            "/v2/repository/index",
            "/v2/systemsharedmemory/status",
            "/v2/health",
        ] {
            assert!(is_of_protocol(path));
            assert_eq!(handler(path), Handler::None, "{path}");
        }
        assert!(!is_of_protocol("/v20") && !is_of_protocol("/v1/models") && is_of_protocol("/v2"));
    }

    #[test]
    fn a_name_may_be_encoded() {
        assert!(is_named("simple", "simple") && is_named("%73imple", "simple") && is_named("1%2E0%2b", "1.0+"));
        for segment in ["", "simpl", "simplee", "%7", "%zzimple", "%+3imple", "Simple"] {
            assert!(!is_named(segment, "simple"), "{segment}");
        }
        assert!(is_named("%", "%") && is_named("%4", "%4"), "what is no escape stands for itself");
    }
}
