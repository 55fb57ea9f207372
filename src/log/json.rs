//! Log lines as Cloud Logging reads them: one JSON object a line, with `severity`, `time` and `message`, a request under
//! `httpRequest`, and its trace under the names that join it to the others of the same trace ("Structured logging" and
//! "`LogEntry`" in Google Cloud's documentation). Any other reader finds the same fields.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats an event. A field `a.b` becomes the member `b` of an object `a`.
pub struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line(Map::new());
        line.set("severity", severity(*event.metadata().level()).into());
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        line.set("time", time.into());
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

/// The name of a level among Cloud Logging's severities.
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

struct Line(Map<String, Value>);

impl Line {
    fn set(&mut self, name: &str, value: Value) {
        let name = match name {
            "trace" => "logging.googleapis.com/trace",
            "spanId" => "logging.googleapis.com/spanId",
            name => {
                if let Some((outer, inner)) = name.split_once('.') {
                    let outer = self.0.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(outer) = outer {
                        outer.insert(inner.to_owned(), value);
                    }
                    return;
                }
                name
            }
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .event_format(Json)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().expect("one thread").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn levels_are_severities_and_the_time_is_of_rfc_3339() {
        let lines = logged(|| {
            tracing::error!("a");
            tracing::warn!("b");
            tracing::info!("c");
            tracing::debug!("d");
        });
        let severities: Vec<_> = lines.iter().map(|line| line["severity"].as_str()).collect();
        assert_eq!(severities, [Some("ERROR"), Some("WARNING"), Some("INFO"), Some("DEBUG")]);
        assert_eq!(lines[2]["message"], "c");
        let time = lines[0]["time"].as_str().expect("a time");
        assert!(time.len() == 27 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }

    #[test]
    fn dotted_fields_nest_and_a_trace_has_cloud_loggings_names() {
        let lines = logged(|| {
            tracing::info!(
                httpRequest.status = 200,
                httpRequest.requestMethod = "POST",
                trace = "4bf9",
                spanId = "00f0",
                error_type = None::<&str>,
                share = 0.5,
                "a \"quoted\"\nmessage"
            );
        });
        let line = &lines[0];
        assert_eq!(line["httpRequest"], serde_json::json!({"status": 200, "requestMethod": "POST"}));
        assert_eq!(
            (&line["logging.googleapis.com/trace"], &line["logging.googleapis.com/spanId"]),
            (&"4bf9".into(), &"00f0".into())
        );
        assert_eq!((&line["share"], line.get("error_type")), (&0.5.into(), None));
        assert_eq!((line["message"].as_str(), lines.len()), (Some("a \"quoted\"\nmessage"), 1), "one line an event");
    }
}
