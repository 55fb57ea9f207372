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
    /// The request target is longer than the server reads.
    UriTooLong,
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
    /// The header section is longer than the server reads.
    HeaderSectionTooLarge,
    /// Every slot is taken; the answer carries `Retry-After`.
    Overloaded,
    /// The model asked for is not loaded.
    ModelUnavailable,
}

impl Problem {
    /// Every problem, in the order of its discriminants.
    pub const ALL: [Self; 21] = [
        Self::MalformedRequest,
        Self::MalformedJson,
        Self::InvalidUtf8,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UriTooLong,
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
    ];

    /// The HTTP status code (RFC 9110, section 15; 431 is RFC 6585, section 5).
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest | Self::MalformedJson | Self::InvalidUtf8 => 400,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::InvalidType
            | Self::MissingField
            | Self::UnknownField
            | Self::DuplicateField
            | Self::WrongLength
            | Self::NumberOutOfRange
            | Self::EmptyText
            | Self::TextTooLong
            | Self::UnknownModel => 422,
            Self::HeaderSectionTooLarge => 431,
            Self::Overloaded | Self::ModelUnavailable => 503,
        }
    }

    /// The stable `error_type` member and metric label.
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::MalformedJson => "malformed_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::UriTooLong => "uri_too_long",
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
        }
    }
}
