//! The text format 0.0.4 (Prometheus documentation, "Exposition formats") as a dialect of [`super::layout`].

use super::decimal;
use super::escape;
use super::family::{Family, Scale};
use super::layout::Dialect;

/// The text format 0.0.4.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Dialect for Text {
    fn head(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("# HELP {} ", family.name).as_bytes());
        escape::help(family.help, out);
        out.extend_from_slice(format!("\n# TYPE {} {}\n", family.name, family.kind.as_str()).as_bytes());
    }

    /// A decimal, with at least one digit after the point.
    fn bound(&self, bound: u64, scale: Scale) -> String {
        let mut text = decimal::text(bound, scale);
        if !text.contains('.') {
            text.push_str(".0");
        }
        text
    }

    fn created(&self, _: &Family) -> Option<&str> {
        None
    }

    fn has_exemplars(&self) -> bool {
        false
    }

    fn end(&self) -> &'static str {
        ""
    }
}
