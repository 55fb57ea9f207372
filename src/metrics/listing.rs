//! The catalog as a Markdown table, for people, and as JSON, for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::catalog::FAMILIES;
use super::family::{Family, Kind, Scale, Shape};

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
        let lines = match family.lines() {
            0 => match (family.series.only_with(), family.series.shown_by(0)) {
                (Some(flag), _) => format!("{} with `{flag}`", family.lines_with(Shape::WHOLE)),
                (None, Some(route)) => {
                    format!("{} once `{}` is used", family.lines_with(Shape::DEFAULT), route.as_str())
                }
                (None, None) => "0".to_owned(),
            },
            lines => lines.to_string(),
        };
        let (name, kind) = (family.name, family.kind.as_str());
        writeln!(out, "| `{name}` | {kind} | {} | {labels} | {lines} | {} |", unit(family), family.help)?;
    }
    Ok(())
}

/// Writes a list of objects, one a family: `name`, `type`, `unit`, `help`, `labels` (names), `lines` (samples in the text
/// format, of two workers), for one that is there only with a flag `"only_with"` and the flag, for one that is there
/// once a route is used `"only_with"` and the route, for a histogram the `bounds` of its classic buckets but the last, in the unit, and where the
/// label values are known before the daemon starts `series`, an object of them for each.
///
/// # Errors
/// What `out` reports.
pub fn write_json(out: &mut impl Write) -> io::Result<()> {
    let families: Vec<Value> = FAMILIES.iter().map(described).collect();
    serde_json::to_writer_pretty(&mut *out, &families)?;
    writeln!(out)
}

fn described(family: &Family) -> Value {
    let labels = family.series.names();
    let mut found = json!({
        "name": family.name,
        "type": family.kind.as_str(),
        "unit": unit(family),
        "help": family.help,
        "labels": labels,
        "lines": family.lines(),
    });
    let mut shape = Shape::DEFAULT;
    if let Some(flag) = family.series.only_with() {
        shape = Shape::WHOLE;
        found["only_with"] = json!(flag);
    } else if let Some(route) = family.series.shown_by(0).filter(|_| family.lines() == 0) {
        found["only_with"] = json!(route.as_str());
    }
    if family.kind == Kind::Histogram {
        let of_one = match family.scale {
            Scale::One => 1.0,
            Scale::Hundredths => 1e2,
            Scale::Millionths => 1e6,
            Scale::Nanoseconds => 1e9,
        };
        found["bounds"] = family.bounds.iter().map(|&bound| json!(bound as f64 / of_one)).collect();
    }
    let series: Vec<_> = (0..family.series.count_with(shape)).map(|index| family.series.values(index)).collect();
    if series.iter().all(|values| values[..labels.len()].iter().all(|value| !value.is_empty())) {
        let named = |values: &[&str; 3]| {
            labels.iter().zip(values).map(|(&name, &value)| (name.to_owned(), json!(value))).collect()
        };
        found["series"] = series.iter().map(named).collect::<Vec<serde_json::Map<String, Value>>>().into();
    }
    found
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

    #[test]
    fn the_list_for_programs_says_every_series_that_can_be_known() {
        let mut out = Vec::new();
        write_json(&mut out).expect("memory takes any text");
        let listed: Vec<Value> = serde_json::from_slice(&out).expect("JSON");
        let of = |name: &str| listed.iter().find(|family| family["name"] == name).expect("a family");
        assert_eq!(listed.len(), FAMILIES.len());
        assert_eq!(of("model_predictions_total")["series"][0], json!({"predicted_class": "setosa"}));
        assert_eq!(of("tamis_workers")["series"], json!([{}]));
        assert!(of("tamis_build_info").get("series").is_none(), "the version is the build's");
        assert_eq!(of("toxicity_score_distribution")["bounds"][1], 10.0);
        assert_eq!(of("http_request_duration_seconds")["unit"], "seconds");
    }
}
