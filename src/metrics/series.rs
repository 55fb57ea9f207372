//! Which label combinations exist. What can occur is enumerated at compile time and has a table from label to
//! position; what should not occur is counted all the same, in one overflow series per family.

use super::labels::{Handler, Method, Status};
use crate::problem::Problem;

/// A `http_requests_total` series.
pub type Request = (Handler, Method, Status);

/// Every `http_requests_total` series: what occurs in every daemon, [`REQUEST_OVERFLOW`], and what occurs only where
/// authentication is on.
pub const REQUESTS: [Request; REQUEST_COUNT] = {
    let mut series = [(Handler::None, Method::Other, Status::from_code(500)); REQUEST_COUNT];
    let (mut cell, mut open, mut guarded) = (0, 0, REQUEST_OVERFLOW + 1);
    while cell < REQUEST_CELLS {
        let request = request_at(cell);
        if can_answer(request) {
            series[open] = request;
            open += 1;
        } else if can_answer_guarded(request) {
            series[guarded] = request;
            guarded += 1;
        }
        cell += 1;
    }
    series
};

/// Where a request is counted whose handler, method and status do not occur together by the contract: as
/// `method="other", handler="none", status="500"`. No handler sends a 500, so a number here names a bug in the daemon.
pub const REQUEST_OVERFLOW: usize = {
    let (mut cell, mut count) = (0, 0);
    while cell < REQUEST_CELLS {
        count += can_answer(request_at(cell)) as usize;
        cell += 1;
    }
    count
};

/// The position of a request in [`REQUESTS`]. At the routes that are there for `GET`, `POST` counts as `other`: both are
/// refused alike.
#[inline]
pub fn request_index(handler: Handler, method: Method, status: Status) -> usize {
    REQUEST_INDEX[handler as usize][method as usize][status.index()] as usize
}

/// Every `api_errors_total` series: what occurs in every daemon, nothing at [`ERROR_OVERFLOW`], and what occurs only where
/// authentication is on.
pub const ERRORS: [Option<(Problem, Handler)>; ERROR_COUNT] = {
    let mut series = [None; ERROR_COUNT];
    let (mut cell, mut open, mut guarded) = (0, 0, ERROR_OVERFLOW + 1);
    while cell < ERROR_CELLS {
        let (problem, handler) = error_at(cell);
        if can_fail(problem, handler) {
            series[open] = Some((problem, handler));
            open += 1;
        } else if can_fail_guarded(problem, handler) {
            series[guarded] = Some((problem, handler));
            guarded += 1;
        }
        cell += 1;
    }
    series
};

/// Where an error is counted whose problem and endpoint do not occur together by the contract: as
/// `error_type="other", endpoint="none"`.
pub const ERROR_OVERFLOW: usize = {
    let (mut cell, mut count) = (0, 0);
    while cell < ERROR_CELLS {
        let (problem, handler) = error_at(cell);
        count += can_fail(problem, handler) as usize;
        cell += 1;
    }
    count
};

/// The position of an error: in [`ERRORS`], or [`ERROR_OVERFLOW`]. What is no HTTP has no endpoint, however late that shows.
#[inline]
pub fn error_index(problem: Problem, handler: Handler) -> usize {
    ERROR_INDEX[problem as usize][handler as usize] as usize
}

/// The series of the families with `method` and `handler`: the routes that have one of their own, for requests with the
/// route's main method; and last `method="other", handler="none"`, for all that is answered without a route's handler
/// (404, 405, `OPTIONS`, what is no HTTP), for `HEAD`, and for routes that stand neither here nor in [`PROBES`].
pub const LANE_HANDLERS: [Handler; 12] = [
    Handler::Root,
    Handler::Health,
    Handler::Metrics,
    Handler::ModelInfo,
    Handler::Analyze,
    Handler::Predict,
    Handler::AnalyzeBatch,
    Handler::InferIris,
    Handler::InferText,
    Handler::CommentsAnalyze,
    Handler::Moderations,
    Handler::None,
];

/// The probes of Kubernetes and of the Open Inference Protocol, which take the same few microseconds as `/health` and are
/// counted in its lane.
pub const PROBES: [Handler; 5] =
    [Handler::Livez, Handler::Readyz, Handler::Startupz, Handler::InferenceLive, Handler::InferenceReady];

/// The position in [`LANE_HANDLERS`] at which a request is counted.
#[inline]
pub const fn lane(handler: Handler, method: Method) -> usize {
    if method as u8 == handler.main_method() as u8 { LANE_OF[handler as usize] as usize } else { LANES - 1 }
}

/// The number of lanes.
pub const LANES: usize = LANE_HANDLERS.len();

/// `handler` of `http_request_size_bytes`: the routes that read a body, and `none` for all others.
pub const REQUEST_SIZED: [Handler; 8] = [
    Handler::Analyze,
    Handler::Predict,
    Handler::AnalyzeBatch,
    Handler::InferIris,
    Handler::InferText,
    Handler::CommentsAnalyze,
    Handler::Moderations,
    Handler::None,
];

/// `handler` of `http_response_size_bytes`: the routes whose answers differ in size from one to the next, and `none` for all others.
pub const RESPONSE_SIZED: [Handler; 9] = [
    Handler::Metrics,
    Handler::Analyze,
    Handler::Predict,
    Handler::AnalyzeBatch,
    Handler::InferIris,
    Handler::InferText,
    Handler::CommentsAnalyze,
    Handler::Moderations,
    Handler::None,
];

/// The position in [`REQUEST_SIZED`] at which the requests of `handler` are counted.
#[inline]
pub fn request_size_index(handler: Handler) -> usize {
    static PLACES: [u8; HANDLERS] = places_among(&REQUEST_SIZED);
    PLACES[handler as usize] as usize
}

/// The position in [`RESPONSE_SIZED`] at which the answers of `handler` are counted.
#[inline]
pub fn response_size_index(handler: Handler) -> usize {
    static PLACES: [u8; HANDLERS] = places_among(&RESPONSE_SIZED);
    PLACES[handler as usize] as usize
}

/// The position of each handler among `handlers`, or the last one.
const fn places_among<const N: usize>(handlers: &[Handler; N]) -> [u8; HANDLERS] {
    let mut places = [0; HANDLERS];
    let mut handler = 0;
    while handler < HANDLERS {
        places[handler] = place_among(handlers, Handler::ALL[handler]) as u8;
        handler += 1;
    }
    places
}

/// The position of `handler` among `handlers`, or the last one.
const fn place_among<const N: usize>(handlers: &[Handler; N], handler: Handler) -> usize {
    let mut place = 0;
    while place + 1 < N && handlers[place] as u8 != handler as u8 {
        place += 1;
    }
    place
}

const fn can_answer((handler, method, status): Request) -> bool {
    use Method::{Get, Head, Options, Other, Post};
    let code = status.code();
    match handler {
        Handler::None => match method {
            Get | Head | Post => code == 404,
            Options => matches!(code, 204 | 404),
            Other => matches!(code, 400 | 404 | 408 | 431 | 503),
        },
        Handler::Token => false,
        Handler::Analyze | Handler::Predict | Handler::AnalyzeBatch => match method {
            Post => matches!(code, 200 | 400 | 408 | 413 | 415 | 422 | 503),
            Options => code == 204,
            Get | Head | Other => code == 405,
        },
        Handler::InferIris | Handler::InferText => match method {
            Post => matches!(code, 200 | 400 | 404 | 408 | 413 | 415 | 503),
            Options => code == 204,
            Get | Head | Other => code == 405,
        },
        Handler::InferenceModel | Handler::InferenceModelReady if matches!((method, code), (Get | Head, 404)) => true,
        // What is wrong with a body is 400 here.
        Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Moderations => match method {
            Post => matches!(code, 200 | 400 | 408 | 413 | 415 | 503),
            Options => code == 204,
            Get | Head | Other => code == 405,
        },
        _ => match method {
            Get | Head => {
                code == 200 || (code == 304 && has_page(handler)) || (code == 503 && can_be_unavailable(handler))
            }
            Options => code == 204,
            Other => code == 405,
            Post => false,
        },
    }
}

/// What occurs only where authentication is on.
const fn can_answer_guarded((handler, method, status): Request) -> bool {
    use Method::{Get, Head, Options, Other, Post};
    let code = status.code();
    match (handler, method) {
        (Handler::Token, Post) => matches!(code, 200 | 400 | 408 | 413 | 415 | 429 | 503),
        (Handler::Token, Options) => code == 204,
        (Handler::Token, Get | Head | Other) => code == 405,
        (Handler::Analyze | Handler::Predict | Handler::AnalyzeBatch, Post) => matches!(code, 401 | 403),
        (Handler::InferIris | Handler::InferText, Post) => matches!(code, 401 | 403),
        (Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Moderations, Post) => {
            matches!(code, 401 | 403)
        }
        (Handler::ModelInfo | Handler::InferenceModel, Get | Head) => code == 401,
        (Handler::InferenceLive | Handler::InferenceReady | Handler::InferenceModelReady, Get | Head) => {
            matches!(code, 401 | 403)
        }
        (Handler::Metrics | Handler::Status, Get | Head) => matches!(code, 401 | 403),
        (Handler::Health | Handler::Livez | Handler::Readyz | Handler::Startupz, Get | Head) => {
            matches!(code, 401 | 403)
        }
        _ => false,
    }
}

/// The request as which one is counted.
const fn counted_as((handler, method, status): Request) -> Request {
    let refused = matches!(method, Method::Post) && matches!(handler.main_method(), Method::Get);
    (handler, if refused { Method::Other } else { method }, status)
}

/// Whether the route has a page, which clients may have already.
const fn has_page(handler: Handler) -> bool {
    matches!(handler, Handler::Root | Handler::Status | Handler::OpenApi | Handler::Docs)
}

const fn can_be_unavailable(handler: Handler) -> bool {
    matches!(
        handler,
        Handler::Health
            | Handler::Readyz
            | Handler::Startupz
            | Handler::InferenceReady
            | Handler::InferenceModel
            | Handler::InferenceModelReady
    )
}

const fn can_fail(problem: Problem, handler: Handler) -> bool {
    use Problem as P;
    match handler {
        Handler::None => matches!(
            problem,
            P::MalformedRequest | P::NotFound | P::RequestTimeout | P::HeaderSectionTooLarge | P::Overloaded
        ),
        Handler::Analyze | Handler::Predict | Handler::AnalyzeBatch => match problem {
            P::ModelUnavailable => true,
            // Of a batch these are told of each text, not of the request.
            P::EmptyText | P::TextTooLong | P::InferenceTimeout => matches!(handler, Handler::Analyze),
            P::UnknownModel => !matches!(handler, Handler::Predict),
            P::WrongLength => !matches!(handler, Handler::Analyze),
            _ => is_of_json(problem),
        },
        Handler::InferIris | Handler::InferText => match problem {
            P::WrongLength | P::UnknownModel | P::ModelUnavailable => true,
            P::EmptyText | P::TextTooLong | P::InferenceTimeout => matches!(handler, Handler::InferText),
            _ => is_of_json(problem),
        },
        Handler::InferenceModel | Handler::InferenceModelReady => {
            matches!(problem, P::MethodNotAllowed | P::UnknownModel | P::ModelUnavailable)
        }
        Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Moderations => match problem {
            P::EmptyText | P::TextTooLong | P::UnsupportedInput => true,
            P::UnknownAttribute | P::UnsupportedLanguage => matches!(handler, Handler::CommentsAnalyze),
            P::WrongLength | P::UnknownModel => matches!(handler, Handler::Moderations),
            P::ModelUnavailable | P::InferenceTimeout => !matches!(handler, Handler::CommentsSuggest),
            _ => is_of_json(problem),
        },
        Handler::Token => false,
        _ => matches!(problem, P::MethodNotAllowed),
    }
}

/// What occurs wherever a body of JSON is taken.
const fn is_of_json(problem: Problem) -> bool {
    use Problem as P;
    matches!(
        problem,
        P::MethodNotAllowed
            | P::MalformedJson
            | P::MalformedGzip
            | P::InvalidUtf8
            | P::RequestTimeout
            | P::BodyTooLarge
            | P::UnsupportedMediaType
            | P::InvalidType
            | P::MissingField
            | P::UnknownField
            | P::DuplicateField
            | P::NumberOutOfRange
            | P::Overloaded
    )
}

/// What occurs only where authentication is on.
const fn can_fail_guarded(problem: Problem, handler: Handler) -> bool {
    use Problem as P;
    match handler {
        Handler::Token => matches!(
            problem,
            P::MethodNotAllowed
                | P::RequestTimeout
                | P::BodyTooLarge
                | P::UnsupportedMediaType
                | P::Overloaded
                | P::TooManyAttempts
                | P::InvalidRequest
                | P::UnsupportedGrantType
                | P::InvalidGrant
                | P::InvalidScope
        ),
        Handler::Root
        | Handler::InferenceServer
        | Handler::Discovery
        | Handler::OpenApi
        | Handler::Docs
        | Handler::None => false,
        Handler::ModelInfo | Handler::InferenceModel => matches!(problem, P::Unauthorized),
        _ => matches!(problem, P::Unauthorized | P::Forbidden),
    }
}

const fn request_at(cell: usize) -> Request {
    let (handler, method) = (cell / (METHODS * STATUSES), cell / STATUSES % METHODS);
    (Handler::ALL[handler], Method::ALL[method], Status::from_code(Status::ALL[cell % STATUSES]))
}

const fn error_at(cell: usize) -> (Problem, Handler) {
    (Problem::ALL[cell / HANDLERS], Handler::ALL[cell % HANDLERS])
}

const HANDLERS: usize = Handler::ALL.len();
const METHODS: usize = Method::ALL.len();
const STATUSES: usize = Status::ALL.len();
const REQUEST_CELLS: usize = HANDLERS * METHODS * STATUSES;
const ERROR_CELLS: usize = Problem::ALL.len() * HANDLERS;

const REQUEST_COUNT: usize = {
    let (mut cell, mut count) = (0, REQUEST_OVERFLOW + 1);
    while cell < REQUEST_CELLS {
        count += can_answer_guarded(request_at(cell)) as usize;
        cell += 1;
    }
    count
};

const ERROR_COUNT: usize = {
    let (mut cell, mut count) = (0, ERROR_OVERFLOW + 1);
    while cell < ERROR_CELLS {
        let (problem, handler) = error_at(cell);
        count += can_fail_guarded(problem, handler) as usize;
        cell += 1;
    }
    count
};

static REQUEST_INDEX: [[[u8; STATUSES]; METHODS]; HANDLERS] = {
    let mut table = [[[REQUEST_OVERFLOW as u8; STATUSES]; METHODS]; HANDLERS];
    let mut cell = 0;
    while cell < REQUEST_CELLS {
        let (handler, method, status) = request_at(cell);
        let counted = counted_as((handler, method, status));
        let mut index = 0;
        while index < REQUEST_COUNT {
            if is_same(REQUESTS[index], counted) {
                table[handler as usize][method as usize][status.index()] = index as u8;
            }
            index += 1;
        }
        cell += 1;
    }
    table
};

const fn is_same(a: Request, b: Request) -> bool {
    a.0 as u8 == b.0 as u8 && a.1 as u8 == b.1 as u8 && a.2.index() == b.2.index()
}

/// The lane of each handler's main method.
static LANE_OF: [u8; HANDLERS] = {
    let mut table = [0; HANDLERS];
    let mut handler = 0;
    while handler < HANDLERS {
        let own = Handler::ALL[handler];
        // The last of the probes stands for all that are none: it is compared once more.
        let probe = PROBES[place_among(&PROBES, own)] as u8 == own as u8;
        table[handler] = place_among(&LANE_HANDLERS, if probe { Handler::Health } else { own }) as u8;
        handler += 1;
    }
    table
};

static ERROR_INDEX: [[u8; HANDLERS]; Problem::ALL.len()] = {
    let mut table = [[ERROR_OVERFLOW as u8; HANDLERS]; Problem::ALL.len()];
    let mut index = 0;
    while index < ERROR_COUNT {
        if let Some((problem, handler)) = ERRORS[index] {
            table[problem as usize][handler as usize] = index as u8;
            if matches!((problem, handler), (Problem::MalformedRequest, Handler::None)) {
                table[problem as usize] = [index as u8; HANDLERS];
            }
        }
        index += 1;
    }
    table
};

const _: () = assert!(REQUEST_COUNT < 256 && ERROR_COUNT < 256, "positions fit the tables' bytes");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fault;

    #[test]
    fn every_request_series_is_found_at_its_own_position() {
        for (index, &(handler, method, status)) in REQUESTS.iter().enumerate() {
            assert_eq!(request_index(handler, method, status), index);
            assert!(!REQUESTS[..index].contains(&(handler, method, status)));
        }
        for (index, series) in ERRORS.iter().enumerate() {
            let found = series.map_or(ERROR_OVERFLOW, |(problem, handler)| error_index(problem, handler));
            assert_eq!(found, index);
        }
    }

    #[test]
    fn what_cannot_occur_is_counted_in_the_overflow() {
        assert_eq!(request_index(Handler::Livez, Method::Get, Status::from_code(404)), REQUEST_OVERFLOW);
        assert_eq!(request_index(Handler::Root, Method::Get, Status::from_code(418)), REQUEST_OVERFLOW);
        assert_eq!(request_index(Handler::Root, Method::Post, Status::from_code(200)), REQUEST_OVERFLOW);
        assert_eq!(error_index(Problem::WrongLength, Handler::Analyze), ERROR_OVERFLOW);
        assert_eq!(error_index(Problem::NotFound, Handler::Root), ERROR_OVERFLOW);
        let malformed = error_index(Problem::MalformedRequest, Handler::Predict);
        assert_eq!(
            ERRORS[malformed],
            Some((Problem::MalformedRequest, Handler::None)),
            "but of no HTTP there is no endpoint"
        );
    }

    #[test]
    fn every_problem_has_an_endpoint_where_it_occurs_with_its_status() {
        for problem in Problem::ALL {
            let fails = |handler: &Handler| can_fail(problem, *handler) || can_fail_guarded(problem, *handler);
            let mut endpoints = Handler::ALL.into_iter().filter(fails).peekable();
            assert!(endpoints.peek().is_some(), "{problem:?}");
            for handler in endpoints {
                let status = Status::from_code(fault::status(problem, handler));
                let counts = |method| request_index(handler, method, status) != REQUEST_OVERFLOW;
                let answered = Method::ALL.into_iter().any(counts);
                assert!(answered, "{problem:?} at {handler:?} answers {status:?}, which has no series");
            }
        }
    }

    #[test]
    fn a_lane_is_the_route_or_health_or_none() {
        let found = |handler, method| LANE_HANDLERS[lane(handler, method)];
        for handler in LANE_HANDLERS {
            assert_eq!(found(handler, handler.main_method()), handler);
        }
        for probe in PROBES {
            assert_eq!(found(probe, Method::Get), Handler::Health);
            assert_eq!(found(probe, Method::Head), Handler::None);
        }
        for (handler, method) in [
            (Handler::Health, Method::Head),
            (Handler::Predict, Method::Get),
            (Handler::None, Method::Other),
            (Handler::None, Method::Get),
        ] {
            assert_eq!(found(handler, method), Handler::None);
        }
        assert_eq!(LANE_HANDLERS[LANES - 1], Handler::None);
    }

    #[test]
    fn a_post_to_a_route_for_get_counts_as_another_method() {
        for handler in Handler::ALL.into_iter().filter(|handler| handler.main_method() == Method::Get) {
            let index = request_index(handler, Method::Post, Status::from_code(405));
            assert_eq!(REQUESTS[index], (handler, Method::Other, Status::from_code(405)));
        }
    }

    #[test]
    fn a_handler_without_a_place_of_its_own_has_the_last() {
        assert_eq!(REQUEST_SIZED.map(request_size_index), std::array::from_fn(|place| place));
        assert_eq!(RESPONSE_SIZED.map(response_size_index), std::array::from_fn(|place| place));
        assert_eq!(response_size_index(Handler::Livez), RESPONSE_SIZED.len() - 1);
        assert_eq!(request_size_index(Handler::Metrics), REQUEST_SIZED.len() - 1);
    }
}
