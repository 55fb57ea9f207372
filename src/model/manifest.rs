//! What a model file says of itself: `*.manifest.json`, written by the trainer beside the ONNX file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A model's manifest. Fields that the daemon does not act upon are kept as they are, for `GET /model-info`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Manifest {
    /// The name by which requests choose the model.
    pub name: String,
    /// The version of the model, not of the daemon.
    pub version: String,
    /// What the model does: `toxicity`.
    pub kind: String,
    /// The labels, in the order of the output.
    pub labels: Vec<String>,
    /// What the model reads.
    pub input: Input,
    /// Where the levels begin.
    pub levels: Levels,
    /// Which texts `auto` asks this model about; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<Band>,
    /// The lower-case hexadecimal SHA-256 of the ONNX file.
    pub sha256: String,
    /// The size of the ONNX file in bytes.
    pub bytes: u64,
    /// The licence of the model, an SPDX expression.
    pub license: String,
    /// Cross-validated metrics.
    pub metrics: Value,
    /// Data, sizes, parameters and library versions of the training.
    pub training: Value,
}

/// The input of a text model: the ids that [`text`](crate::text) cuts from a text.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Input {
    /// The name of the graph's input.
    pub name: String,
    /// The version of the way from text to ids, [`FEATURE_SPEC`](crate::text::FEATURE_SPEC).
    pub feature_spec: u32,
    /// The number of bits of an id, [`HASH_BITS`](crate::text::features::HASH_BITS).
    pub hash_bits: u32,
}

/// Cut points on the score, 0 to 100: below `medium` is low, from `high` on is high.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Levels {
    /// The least score that is medium.
    pub medium: u8,
    /// The least score that is high.
    pub high: u8,
}

/// Where `simple` is not sure: the calibrated probabilities of `toxic`, by `simple`, of the texts that `auto` gives to a
/// better model.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Band {
    /// The least such probability, 0 to 1.
    pub low: f64,
    /// The greatest such probability, 0 to 1.
    pub high: f64,
}

/// What is wrong with a manifest.
#[derive(Debug)]
pub struct ManifestError {
    /// The manifest's file name.
    pub file: String,
    /// The field, dotted, or empty where the file is no JSON of this shape.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// What the daemon requires of a manifest.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    /// The value of `kind`.
    pub kind: &'static str,
    /// The value of `labels`.
    pub labels: &'static [&'static str],
    /// The value of `input.feature_spec`.
    pub feature_spec: u32,
    /// The value of `input.hash_bits`.
    pub hash_bits: u32,
}

impl Manifest {
    /// Reads and checks the manifest in `json`; `file` names it in errors.
    ///
    /// # Errors
    /// The first field that is absent, of the wrong type, or not what `required` says.
    pub fn parse(file: &str, json: &[u8], required: &Requirements) -> Result<Self, ManifestError> {
        let wrong = |field, reason: String| ManifestError { file: file.to_owned(), field, reason };
        // serde's message names the field and the place.
        let manifest: Self = serde_json::from_slice(json).map_err(|error| wrong("", error.to_string()))?;
        let expect = |field, found: &dyn fmt::Debug, expected: &dyn fmt::Debug| {
            let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
            if found == expected {
                Ok(())
            } else {
                Err(wrong(field, format!("is {found}, this build needs {expected}")))
            }
        };
        expect("kind", &manifest.kind, &required.kind)?;
        expect("labels", &manifest.labels, &required.labels)?;
        expect("input.feature_spec", &manifest.input.feature_spec, &required.feature_spec)?;
        expect("input.hash_bits", &manifest.input.hash_bits, &required.hash_bits)?;
        let Levels { medium, high } = manifest.levels;
        if !(1..=100).contains(&medium) || !(medium..=100).contains(&high) {
            return Err(wrong("levels", format!("{medium} and {high} do not stand in 1 <= medium <= high <= 100")));
        }
        if let Some(Band { low, high }) = manifest.auto
            && !(0.0 <= low && low <= high && high <= 1.0)
        {
            return Err(wrong("auto", format!("{low} and {high} do not stand in 0 <= low <= high <= 1")));
        }
        if manifest.sha256.len() != 64 || !manifest.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong("sha256", "is not 64 lower-case hexadecimal digits".to_owned()));
        }
        for (field, text) in [("name", &manifest.name), ("version", &manifest.version)] {
            if text.is_empty() {
                return Err(wrong(field, "is empty".to_owned()));
            }
        }
        Ok(manifest)
    }
}

impl Band {
    /// Whether `probability` lies within; both ends do.
    pub fn contains(self, probability: f32) -> bool {
        (self.low..=self.high).contains(&f64::from(probability))
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { file, field, reason } = self;
        let separator = if field.is_empty() { "" } else { " " };
        write!(formatter, "{file}: {field}{separator}{reason}")
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REQUIRED: Requirements =
        Requirements { kind: "toxicity", labels: &["toxic", "insult"], feature_spec: 1, hash_bits: 18 };

    fn good() -> Value {
        json!({
            "name": "m", "version": "1", "kind": "toxicity", "labels": ["toxic", "insult"], "license": "MIT",
            "input": {"name": "ids", "feature_spec": 1, "hash_bits": 18}, "levels": {"medium": 30, "high": 70},
            "sha256": "0".repeat(64), "bytes": 1, "metrics": {}, "training": {},
        })
    }

    fn error(change: impl FnOnce(&mut Value)) -> String {
        let mut manifest = good();
        change(&mut manifest);
        let parsed = Manifest::parse("m.json", manifest.to_string().as_bytes(), &REQUIRED);
        parsed.expect_err("a bad manifest").to_string()
    }

    #[test]
    fn a_good_manifest_is_read() {
        let manifest = Manifest::parse("m.json", good().to_string().as_bytes(), &REQUIRED).expect("good");
        assert_eq!((manifest.levels.medium, manifest.levels.high, manifest.auto), (30, 70, None));
        let mut with_band = good();
        with_band["auto"] = json!({"low": 0.25, "high": 0.5});
        let manifest = Manifest::parse("m.json", with_band.to_string().as_bytes(), &REQUIRED).expect("good");
        let band = manifest.auto.expect("a band");
        assert_eq!([0.24, 0.25, 0.3, 0.5, 0.51].map(|at| band.contains(at)), [false, true, true, true, false]);
    }

    #[test]
    fn errors_name_the_file_and_the_field() {
        assert_eq!(error(|m| m["kind"] = json!("iris")), r#"m.json: kind is "iris", this build needs "toxicity""#);
        assert!(error(|m| m["labels"] = json!(["toxic"])).starts_with("m.json: labels is"));
        assert!(error(|m| m["input"]["hash_bits"] = json!(20)).starts_with("m.json: input.hash_bits is 20,"));
        assert!(error(|m| m["input"]["feature_spec"] = json!(2)).starts_with("m.json: input.feature_spec is 2,"));
        assert!(error(|m| m["levels"]["high"] = json!(10)).starts_with("m.json: levels 30 and 10"));
        assert!(error(|m| m["levels"]["medium"] = json!(0)).starts_with("m.json: levels 0 and 70"));
        assert!(error(|m| m["auto"] = json!({"low": 0.5, "high": 0.4})).starts_with("m.json: auto 0.5 and 0.4"));
        assert!(error(|m| m["auto"] = json!({"low": 0.5, "high": 1.1})).starts_with("m.json: auto 0.5 and 1.1"));
        assert!(error(|m| m["sha256"] = json!("ABC")).starts_with("m.json: sha256 is not"));
        assert!(error(|m| m["version"] = json!("")).starts_with("m.json: version is empty"));
        assert!(error(|m| drop(m.as_object_mut().and_then(|m| m.remove("bytes")))).contains("missing field `bytes`"));
        assert!(error(|m| m["levels"]["medium"] = json!(300)).contains("300"));
    }
}
