//! `GET /status`: what the daemon does now, as a page to look at and as the figures that the page asks for.

pub mod figures;
mod json;
pub mod page;

use super::{Content, Outcome, Worker, scrape};
use crate::metrics::negotiate::{closeness, preferred};

/// What `/status` is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The page: for whoever asks for nothing else.
    Page,
    /// The figures, as JSON.
    Figures,
}

/// Bytes that an answer takes at most.
pub const MAX_LEN: usize = if page::PAGE.len() > figures::MAX_LEN { page::PAGE.len() } else { figures::MAX_LEN };

/// The form for the values of all `Accept` headers, as often as asked for (RFC 9110, section 12.5.1). No allocation.
pub fn negotiate<'a, A: Iterator<Item = &'a [u8]>>(accept: impl Fn() -> A) -> Form {
    let name = |form| if form == Form::Page { "text/html" } else { "application/json" };
    preferred([Form::Page, Form::Figures], |form, range| closeness(range, name(form)), accept)
}

/// Writes the `form` that is wanted into `out`.
pub fn answer(worker: &mut Worker, form: Form, out: &mut [u8]) -> Outcome {
    if form == Form::Page {
        // `max_reply` makes room for all of it.
        let length = page::write(out).unwrap_or_default();
        return Outcome { content: Content::Page, ..Outcome::good(200, length) };
    }
    let live = scrape::live(worker);
    let uptime = worker.started.elapsed();
    let (snapshot, facts) = worker.scrape.collect(&worker.loaded, &live);
    let figures = figures::Figures { snapshot, facts, live, uptime, loaded: &worker.loaded };
    Outcome::good(200, figures.write(out).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_the_page_and_programs_that_ask_for_json_get_json() {
        let form = |accept: &str| negotiate(|| std::iter::once(accept.as_bytes()));
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "*/*",
            "text/*",
            "image/png",
            "application/json;q=0.5, text/html",
            "text/html, application/json",
            "application/json;q=0",
            "",
        ] {
            assert_eq!(form(accept), Form::Page, "{accept}");
        }
        for accept in ["application/json", "Application/JSON; charset=utf-8", "application/*", "application/json, */*"]
        {
            assert_eq!(form(accept), Form::Figures, "{accept}");
        }
        assert_eq!(negotiate(std::iter::empty), Form::Page);
    }
}
