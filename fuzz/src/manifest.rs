//! A user's manifest: whatever is taken keeps the bounds on which answers, their lengths and the files that are opened rest.

use serde_json::Value;
use tamis::model::manifest::{Input, MAX_LABELS, MAX_NAMED_BYTES, Manifest};
use tamis::text::MAX_PIECES;

/// A file.
pub fn run(file: &[u8]) {
    let manifest = match Manifest::parse(file) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.to_string().is_empty() && !error.reason.is_empty()),
    };
    assert!(manifest.named_bytes() <= MAX_NAMED_BYTES);
    assert!((1..=MAX_LABELS).contains(&manifest.labels.len()));
    assert_eq!(manifest.labels[manifest.score_position()], manifest.score);
    // Names go into JSON as they are.
    for name in manifest.labels.iter().chain([&manifest.name]) {
        assert_eq!(serde_json::to_string(name).expect("a string"), format!("\"{name}\""));
    }
    assert!(!matches!(&*manifest.name, "auto" | "iris"));
    let mut files = vec![&manifest.onnx];
    files.extend(&manifest.golden);
    if let Input::Wordpiece { vocabulary, max_pieces, .. } = &manifest.input {
        assert!((3..=MAX_PIECES).contains(max_pieces));
        files.push(vocabulary);
    }
    for file in files {
        let components: Vec<_> = std::path::Path::new(file).components().collect();
        let is_neighbour = matches!(components[..], [std::path::Component::Normal(name)] if name == &**file);
        assert!(is_neighbour && !file.contains('\0'), "{file:?} leads elsewhere");
    }
    let tolerance = manifest.golden_tolerance;
    assert!(tolerance > 0.0 && tolerance <= 0.05, "{tolerance}");
    let levels = manifest.levels;
    assert!(levels.medium >= 1 && levels.medium <= levels.high && levels.high <= 100);
    if let Some(auto) = &manifest.auto {
        assert!(auto.low >= 0.0 && auto.low <= auto.high && auto.high <= 1.0);
    }
    if let Some(blend) = &manifest.blend {
        assert!(blend.shares.iter().all(|share| (0.0..=2.0).contains(share)));
    }
    // It is shown to clients as JSON.
    let shown = serde_json::to_vec(&manifest).expect("it is JSON");
    let shown: Value = serde_json::from_slice(&shown).expect("it is JSON");
    assert_eq!(shown["name"], *manifest.name);
}
