//! The catalog as a Markdown table, for people.

use std::io::{self, Write};

use super::catalog::FAMILIES;
use super::family::{Family, Kind, Scale};

/// Writes one row a family: name, type, unit, labels, sample lines, bounds, meaning.
///
/// # Errors
/// What `out` reports.
pub fn write_markdown(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| name | type | unit | labels | lines | meaning |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for family in &FAMILIES {
        let labels: Vec<_> = family.series.names().iter().map(|name| format!("`{name}`")).collect();
        let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(", ") };
        let (name, kind, lines) = (family.name, family.kind.as_str(), family.lines());
        writeln!(out, "| `{name}` | {kind} | {} | {labels} | {lines} | {} |", unit(family), family.help)?;
    }
    Ok(())
}

/// The unit that the name or the scale says.
fn unit(family: &Family) -> &'static str {
    let name = family.name.trim_end_matches("_total");
    match family.scale {
        Scale::Nanoseconds => "seconds",
        Scale::Hundredths => "ratio",
        Scale::Millionths => "index",
        Scale::One if name.ends_with("_bytes") => "bytes",
        Scale::One if name.ends_with("_info") => "info",
        Scale::One if family.kind == Kind::Histogram => "score",
        Scale::One => "count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_family_and_no_stray_column() {
        let mut out = Vec::new();
        write_markdown(&mut out).expect("memory takes any text");
        let table = String::from_utf8(out).expect("UTF-8");
        assert_eq!(table.lines().count(), FAMILIES.len() + 2);
        assert!(table.lines().all(|line| line.matches('|').count() == 7), "{table}");
        for family in &FAMILIES {
            assert!(table.contains(&format!("| `{}` | {} |", family.name, family.kind.as_str())));
        }
    }
}
