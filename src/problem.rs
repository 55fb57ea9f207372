//! The closed set of what can go wrong with a request: status, `error_type` label, title and advice.
//!
//! Every error answer is one of these; the metric label `error_type` takes no other value.

/// One way in which a request can fail. The names are the contract of the `error_type` member and label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Problem {
    /// The bytes are not an HTTP request.
    MalformedRequest,
    /// The body is not JSON (RFC 8259); the answer carries the byte offset.
    MalformedJson,
    /// The body is not gzip (RFC 1952), which its `Content-Encoding` says.
    MalformedGzip,
    /// The body is not UTF-8; the answer carries the byte offset.
    InvalidUtf8,
    /// No such path.
    NotFound,
    /// The path exists, the method does not apply; the answer carries `Allow`.
    MethodNotAllowed,
    /// The request did not arrive within its time limit.
    RequestTimeout,
    /// The body is longer than `--max-body-bytes`.
    BodyTooLarge,
    /// `Content-Type` is absent or not `application/json`.
    UnsupportedMediaType,
    /// A value has another JSON type than the contract says.
    InvalidType,
    /// A required field is absent.
    MissingField,
    /// A field that the contract does not know.
    UnknownField,
    /// A field stands twice.
    DuplicateField,
    /// A list has too few or too many elements.
    WrongLength,
    /// A number that single precision cannot hold as a finite value.
    NumberOutOfRange,
    /// `text` holds nothing to score.
    EmptyText,
    /// `text` is longer than `--max-text-bytes`.
    TextTooLong,
    /// `model` names no model of the contract.
    UnknownModel,
    /// The header section, the request target included, is longer than the server reads.
    HeaderSectionTooLarge,
    /// Every slot is taken; the answer carries `Retry-After`.
    Overloaded,
    /// The model asked for is not loaded.
    ModelUnavailable,
    /// The text waited longer for its model than `--bert-timeout`.
    InferenceTimeout,
    /// No credential came, or none that is good; the answer carries `WWW-Authenticate`.
    Unauthorized,
    /// The credential is good, but not for this; the answer carries `WWW-Authenticate`.
    Forbidden,
    /// Passwords were tried too often; the answer carries `Retry-After`.
    TooManyAttempts,
    /// The form of a request for a token is not one (RFC 6749, section 5.2, as are the next three).
    InvalidRequest,
    /// It asks for another grant than `password`.
    UnsupportedGrantType,
    /// The password is not the user's, or there is no such user.
    InvalidGrant,
    /// The user may not have the scope that is asked for, or nobody may.
    InvalidScope,
    /// No model here has the attribute that is asked for.
    UnknownAttribute,
    /// The models were not trained on the language that the request names.
    UnsupportedLanguage,
    /// What is sent is of a kind that the service whose shape it has may know, but no model here: an image, HTML, another
    /// kind of score.
    UnsupportedInput,
}

impl Problem {
    /// Every problem, in the order of its discriminants.
    pub const ALL: [Self; 32] = [
        Self::MalformedRequest,
        Self::MalformedJson,
        Self::MalformedGzip,
        Self::InvalidUtf8,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidType,
        Self::MissingField,
        Self::UnknownField,
        Self::DuplicateField,
        Self::WrongLength,
        Self::NumberOutOfRange,
        Self::EmptyText,
        Self::TextTooLong,
        Self::UnknownModel,
        Self::HeaderSectionTooLarge,
        Self::Overloaded,
        Self::ModelUnavailable,
        Self::InferenceTimeout,
        Self::Unauthorized,
        Self::Forbidden,
        Self::TooManyAttempts,
        Self::InvalidRequest,
        Self::UnsupportedGrantType,
        Self::InvalidGrant,
        Self::InvalidScope,
        Self::UnknownAttribute,
        Self::UnsupportedLanguage,
        Self::UnsupportedInput,
    ];

    /// The HTTP status code (RFC 9110, section 15; 429 and 431 are of RFC 6585, sections 4 and 5).
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest
            | Self::MalformedJson
            | Self::MalformedGzip
            | Self::InvalidUtf8
            | Self::InvalidRequest
            | Self::UnsupportedGrantType
            | Self::InvalidGrant
            | Self::InvalidScope => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidType
            | Self::MissingField
            | Self::UnknownField
            | Self::DuplicateField
            | Self::WrongLength
            | Self::NumberOutOfRange
            | Self::EmptyText
            | Self::TextTooLong
            | Self::UnknownModel
            | Self::UnknownAttribute
            | Self::UnsupportedLanguage
            | Self::UnsupportedInput => 422,
            Self::TooManyAttempts => 429,
            Self::HeaderSectionTooLarge => 431,
            Self::Overloaded | Self::ModelUnavailable | Self::InferenceTimeout => 503,
        }
    }

    /// The stable `error_type` member and metric label.
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::MalformedJson => "malformed_json",
            Self::MalformedGzip => "malformed_gzip",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::InvalidType => "invalid_type",
            Self::MissingField => "missing_field",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::WrongLength => "wrong_length",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::EmptyText => "empty_text",
            Self::TextTooLong => "text_too_long",
            Self::UnknownModel => "unknown_model",
            Self::HeaderSectionTooLarge => "header_section_too_large",
            Self::Overloaded => "overloaded",
            Self::ModelUnavailable => "model_unavailable",
            Self::InferenceTimeout => "inference_timeout",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooManyAttempts => "too_many_attempts",
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnknownAttribute => "unknown_attribute",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::UnsupportedInput => "unsupported_input",
        }
    }

    /// Whether `error` in the answer names it (RFC 6749, section 5.2), as [`Self::error_type`] does.
    pub const fn is_of_oauth(self) -> bool {
        matches!(self, Self::InvalidRequest | Self::UnsupportedGrantType | Self::InvalidGrant | Self::InvalidScope)
    }
}

/// One failure with what a client needs to mend it. Plain data of fixed size: making one allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which of the closed set.
    pub problem: Problem,
    /// The field at fault, if one is.
    pub field: Option<Field>,
    /// Bytes into the body, if the place is known.
    pub offset: Option<usize>,
    /// What the contract asks for: `"a string"`, `"4 numbers"`.
    pub expected: &'static str,
    /// What came instead: `"a number"`.
    pub found: &'static str,
    /// How many came, and how many are allowed.
    pub count: Option<(usize, usize)>,
    /// Of a 429 or 503: when it is worth while to come back, in seconds.
    pub retry_after: u64,
}

impl Fault {
    /// A fault that needs no more than its name.
    pub const fn new(problem: Problem) -> Self {
        Self { problem, field: None, offset: None, expected: "", found: "", count: None, retry_after: 1 }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        Self { field: Some(Field::new(name)), ..self }
    }

    /// Says which element of the list field, and which number of that element, is at fault.
    #[must_use]
    pub fn element(mut self, row: Option<usize>, column: Option<usize>) -> Self {
        if let Some(field) = &mut self.field {
            field.row = row;
            field.column = column;
        }
        self
    }

    /// Says at which byte of the body.
    #[must_use]
    pub const fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Says what was expected and what came.
    #[must_use]
    pub const fn expected(mut self, expected: &'static str, found: &'static str) -> Self {
        self.expected = expected;
        self.found = found;
        self
    }

    /// Says how many came and how many are allowed.
    #[must_use]
    pub const fn count(mut self, found: usize, allowed: usize) -> Self {
        self.count = Some((found, allowed));
        self
    }

    /// Says after how many seconds to come back; 1 where nothing is said.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = seconds;
        self
    }
}

/// A field's name, cut to [`Field::CAPACITY`] bytes, with the place inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: [u8; Self::CAPACITY],
    length: u8,
    /// Index into the list that the field holds.
    pub row: Option<usize>,
    /// Index into that element.
    pub column: Option<usize>,
}

impl Field {
    /// Names longer than this are cut: a client's junk need not be echoed in full.
    pub const CAPACITY: usize = 48;

    /// Control characters become `?`, so that escaping at most doubles the length.
    fn new(name: &str) -> Self {
        let end = name.floor_char_boundary(Self::CAPACITY);
        let mut bytes = [0; Self::CAPACITY];
        for (slot, &byte) in bytes.iter_mut().zip(&name.as_bytes()[..end]) {
            *slot = if byte.is_ascii_control() { b'?' } else { byte };
        }
        Self { name: bytes, length: end as u8, row: None, column: None }
    }

    /// The name without its place.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name[..usize::from(self.length)]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_stands_at_its_own_place_under_its_own_name() {
        for (index, problem) in Problem::ALL.into_iter().enumerate() {
            assert_eq!(problem as usize, index);
            assert_eq!(Problem::ALL.into_iter().filter(|other| other.error_type() == problem.error_type()).count(), 1);
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let fault = Fault::new(Problem::UnknownField).field(&"é".repeat(40));
        assert_eq!(fault.field.expect("named").name(), "é".repeat(24));
    }
}
