//! A reader of the Prometheus text format 0.0.4, written apart from the renderer so that each can find the other wrong.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Every sample of a scrape, or of the difference between two: `name{label="value",...}` with the labels sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// Reads a body; comment lines are skipped, timestamps are read and dropped.
    ///
    /// # Errors
    /// A line that is not a sample, a series that stands twice, or a last line that does not end: number and reason.
    pub fn parse(body: &str) -> Result<Self, String> {
        if !body.is_empty() && !body.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        let mut samples = BTreeMap::new();
        for (index, line) in body.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (series, value) =
                parse_sample(line).map_err(|reason| format!("line {}: {reason}: {line}", index + 1))?;
            if samples.insert(series, value).is_some() {
                return Err(format!("line {}: this series stands twice: {line}", index + 1));
            }
        }
        Ok(Self(samples))
    }

    /// The value of a series, labels in any order.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.0.get(&series(name, labels.iter().copied())).copied()
    }

    /// The value of a series that must exist. Panics with the series of that name when it does not.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).unwrap_or_else(|| {
            let near: Vec<_> = self.0.keys().filter(|key| key.split('{').next() == Some(name)).collect();
            panic!("no series {}; of that name: {near:#?}", series(name, labels.iter().copied()))
        })
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every series with its value, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(series, value)| (series.as_str(), *value))
    }

    /// The series whose value is not 0, sorted: of a difference, exactly what has changed.
    pub fn changed(&self) -> impl Iterator<Item = (&str, f64)> {
        self.iter().filter(|(_, value)| *value != 0.0)
    }
}

/// What happened between two scrapes: each series of `after` less its value in `before`, where one that was absent is 0.
/// Panics when a series has gone, for none may.
pub fn delta(before: &Samples, after: &Samples) -> Samples {
    for (series, _) in before.iter() {
        assert!(after.0.contains_key(series), "the series {series} has gone");
    }
    let difference = |(series, &value): (&String, &f64)| {
        let earlier = before.0.get(series).copied().unwrap_or(0.0);
        // Two infinities, or two NaN, are no change.
        let same = value.to_bits() == earlier.to_bits();
        (series.clone(), if same { 0.0 } else { value - earlier })
    };
    Samples(after.0.iter().map(difference).collect())
}

/// The canonical key of a series.
fn series<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut labels: Vec<_> = labels.into_iter().collect();
    if labels.is_empty() {
        return name.to_owned();
    }
    labels.sort_unstable();
    let pairs: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{name}{{{}}}", pairs.join(","))
}

fn parse_sample(line: &str) -> Result<(String, f64), &'static str> {
    let mut rest = line.chars().peekable();
    let name = take_name(&mut rest, true)?;
    let labels = if rest.next_if_eq(&'{').is_some() { take_labels(&mut rest)? } else { Vec::new() };
    if rest.next() != Some(' ') {
        return Err("no space before the value");
    }
    let tail: String = rest.collect();
    let mut fields = tail.split(' ');
    let value = fields.next().unwrap_or_default();
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number if number.ends_with(|last: char| last.is_ascii_digit()) => {
            number.parse().map_err(|_| "the value is not a number")?
        }
        _ => return Err("the value is not a number"),
    };
    if fields.next().is_some_and(|timestamp| timestamp.parse::<i64>().is_err()) || fields.next().is_some() {
        return Err("something other than a timestamp after the value");
    }
    Ok((series(&name, labels.iter().map(|(label, value)| (label.as_str(), value.as_str()))), value))
}

/// What follows `{`, up to and with `}`; a comma may stand after the last label.
fn take_labels(rest: &mut Peekable<Chars>) -> Result<Vec<(String, String)>, &'static str> {
    let mut labels: Vec<(String, String)> = Vec::new();
    loop {
        if rest.next_if_eq(&'}').is_some() {
            return Ok(labels);
        }
        let label = take_name(rest, false)?;
        if rest.next() != Some('=') || rest.next() != Some('"') {
            return Err("no =\" after a label's name");
        }
        if labels.iter().any(|(other, _)| *other == label) {
            return Err("a label stands twice");
        }
        labels.push((label, take_value(rest)?));
        if rest.next_if_eq(&',').is_none() && rest.peek() != Some(&'}') {
            return Err("no comma between two labels");
        }
    }
}

/// What follows an opening quote, up to and with the closing one; `\\`, `\"` and `\n` are the only escapes.
fn take_value(rest: &mut Peekable<Chars>) -> Result<String, &'static str> {
    let mut value = String::new();
    loop {
        match rest.next().ok_or("a label's value does not end")? {
            '"' => return Ok(value),
            '\\' => value.push(match rest.next() {
                Some('\\') => '\\',
                Some('"') => '"',
                Some('n') => '\n',
                _ => return Err("an escape that the format does not know"),
            }),
            plain => value.push(plain),
        }
    }
}

/// A metric's name (which may hold colons) or a label's.
fn take_name(rest: &mut Peekable<Chars>, colons: bool) -> Result<String, &'static str> {
    let mut name = String::new();
    while let Some(next) = rest.next_if(|&next| next.is_ascii_alphanumeric() || next == '_' || (colons && next == ':'))
    {
        name.push(next);
    }
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("a name that the format does not allow");
    }
    Ok(name)
}
