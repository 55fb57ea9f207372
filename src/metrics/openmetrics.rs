//! OpenMetrics 1.0.0 ("OpenMetrics, a cloud-native, highly scalable metrics protocol", version 1.0.0, text format) as a
//! dialect of [`super::layout`].
//!
//! Beyond the text format 0.0.4 it says each family's unit, when each counter, histogram and summary was created (the
//! process' start), which trace a bucket's last request belonged to, and where the body ends.

use super::decimal::{self, UNKNOWN};
use super::escape;
use super::family::{Family, Kind, Scale};
use super::layout::Dialect;

/// OpenMetrics text 1.0.0.
#[derive(Clone, Debug)]
pub struct OpenMetrics {
    created: Option<String>,
}

impl OpenMetrics {
    /// For a process that started at `start_ns` since the Unix epoch; where that is [`UNKNOWN`] there are no `_created`
    /// samples.
    pub fn new(start_ns: u64) -> Self {
        Self { created: (start_ns != UNKNOWN).then(|| decimal::text(start_ns, Scale::Nanoseconds)) }
    }
}

impl Dialect for OpenMetrics {
    /// A family's name is that of its samples without `_total` or `_info`, which its type implies.
    fn head(&self, family: &Family, out: &mut Vec<u8>) {
        let kind = if family.is_info() { "info" } else { family.kind.as_str() };
        let name = family.base_name();
        let name = if family.is_info() { name.trim_end_matches("_info") } else { name };
        out.extend_from_slice(format!("# HELP {name} ").as_bytes());
        // Quotes are escaped here, which the text format 0.0.4 does not do.
        escape::label_value(family.help, out);
        out.extend_from_slice(format!("\n# TYPE {name} {kind}\n").as_bytes());
        if let Some(unit) = family.unit() {
            out.extend_from_slice(format!("# UNIT {name} {unit}\n").as_bytes());
        }
    }

    /// The specification's "canonical numbers": what Go's `%g` writes, with `.0` where there is neither point nor
    /// exponent. No bound of ours reaches 10^6, from where on there is an exponent again.
    fn bound(&self, bound: u64, scale: Scale) -> String {
        let plain = decimal::text(bound, scale);
        let value: f64 = plain.parse().unwrap_or_default();
        if value > 0.0 && value < 1e-4 {
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once("e-").unwrap_or((&text, "0"));
            return format!("{digits}e-{exponent:0>2}");
        }
        if plain.contains('.') { plain } else { plain + ".0" }
    }

    fn created(&self, family: &Family) -> Option<&str> {
        if family.kind == Kind::Gauge { None } else { self.created.as_deref() }
    }

    fn has_exemplars(&self) -> bool {
        true
    }

    fn end(&self) -> &'static str {
        "# EOF\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_canonical_numbers() {
        let dialect = OpenMetrics::new(0);
        for (bound, scale, text) in [
            (0, Scale::One, "0.0"),
            (10, Scale::One, "10.0"),
            (100, Scale::Hundredths, "1.0"),
            (95, Scale::Hundredths, "0.95"),
            (1, Scale::Nanoseconds, "1e-09"),
            (1 << 11, Scale::Nanoseconds, "2.048e-06"),
            (1 << 16, Scale::Nanoseconds, "6.5536e-05"),
            (100_000, Scale::Nanoseconds, "0.0001"),
            (1 << 21, Scale::Nanoseconds, "0.002097152"),
            (1 << 31, Scale::Nanoseconds, "2.147483648"),
        ] {
            assert_eq!(dialect.bound(bound, scale), text);
        }
    }
}
