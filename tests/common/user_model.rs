//! A user's model as its files: good to begin with, then spoilt by a test in one place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tamis::model::files::Files;
use tamis::model::toxicity::{EngineChoice, LoadError, Toxicity};

use super::onnx::{FLOAT, Graph, INT64, mean_of_rows, sha256};

/// The pieces of the vocabulary; a piece's row of the table is its id and its logits.
pub const PIECES: [(&str, [f32; 2]); 7] = [
    ("[PAD]", [0.0, 0.0]),
    ("[UNK]", [0.0, 0.0]),
    ("[CLS]", [0.0, 0.0]),
    ("[SEP]", [0.0, 0.0]),
    ("good", [4.0, -4.0]),
    ("bad", [-4.0, 4.0]),
    ("day", [0.5, 0.25]),
];

/// The files of a model over [`PIECES`].
pub struct UserModel {
    /// Lines of the manifest without `sha256`, `bytes` and `vocabulary_sha256`, which follow the files.
    pub manifest: String,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// The vocabulary.
    pub vocabulary: String,
    /// The golden rows, if the manifest names them.
    pub golden: Option<String>,
}

impl UserModel {
    /// Two labels, `calm` and `angry`, the softmax of the mean of the pieces' rows.
    pub fn good(name: &str) -> Self {
        let manifest = format!(
            r#"name = "{name}"
version = "1"
kind = "toxicity"
license = "MIT"
onnx = "{name}.onnx"
sha256 = "SHA256"
bytes = BYTES
labels = ["calm", "angry"]
score = "angry"
[input]
type = "wordpiece"
vocabulary = "{name}.vocab.txt"
vocabulary_sha256 = "VOCABULARY"
max_pieces = 16
[output]
tensor = "logits"
activation = "softmax"
[levels]
medium = 30
high = 70
"#
        );
        Self { manifest, onnx: graph().bytes(), vocabulary: vocabulary(), golden: None }
    }

    /// The same with `from` replaced by `to` in the manifest.
    pub fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.manifest.contains(from), "nothing to replace: {from}");
        self.manifest = self.manifest.replacen(from, to, 1);
        self
    }

    /// The same with another graph.
    pub fn with_graph(mut self, graph: Graph) -> Self {
        self.onnx = graph.bytes();
        self
    }

    /// The same with these golden rows.
    pub fn with_golden(self, golden: &str) -> Self {
        let mut model = self.with("bytes = BYTES\n", "bytes = BYTES\ngolden = \"golden.json\"\n");
        model.golden = Some(golden.to_owned());
        model
    }

    /// The files by name, `stem` being that of the manifest.
    pub fn files(&self, stem: &str) -> BTreeMap<String, Vec<u8>> {
        let manifest = self
            .manifest
            .replace("VOCABULARY", &sha256(self.vocabulary.as_bytes()))
            .replace("SHA256", &sha256(&self.onnx))
            .replace("BYTES", &self.onnx.len().to_string());
        let mut files = BTreeMap::from([
            (format!("{stem}.toml"), manifest.into_bytes()),
            (format!("{stem}.onnx"), self.onnx.clone()),
            (format!("{stem}.vocab.txt"), self.vocabulary.clone().into_bytes()),
        ]);
        files.extend(self.golden.as_ref().map(|golden| ("golden.json".to_owned(), golden.clone().into_bytes())));
        files
    }

    /// Writes the files into `directory`.
    pub fn write(&self, directory: &Path, stem: &str) {
        std::fs::create_dir_all(directory).expect("a writable directory");
        for (name, content) in self.files(stem) {
            std::fs::write(directory.join(name), content).expect("a writable directory");
        }
    }

    /// Loads it from memory.
    pub fn load(&self) -> Result<Toxicity, LoadError> {
        let files = self.files("m");
        let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), Cow::Owned(content.clone()))).collect();
        Toxicity::load(Files::Memory(&files), "m.toml", EngineChoice::Auto)
    }

    /// What is said of it when it is refused.
    pub fn refusal(&self) -> String {
        self.load().err().expect("refused").to_string()
    }
}

/// The good model's graph.
pub fn graph() -> Graph {
    mean_of_rows(&PIECES.iter().flat_map(|(_, row)| *row).collect::<Vec<_>>())
}

/// The good model's vocabulary.
pub fn vocabulary() -> String {
    PIECES.iter().flat_map(|(piece, _)| [*piece, "\n"]).collect()
}

/// What the good model says of pieces: the softmax of the mean of their rows, in double precision.
pub fn expected(pieces: &[&str]) -> [f64; 2] {
    let row = |piece: &&str| PIECES.iter().find(|(known, _)| known == piece).map(|(_, row)| row.map(f64::from));
    let rows: Vec<[f64; 2]> = pieces.iter().map(|piece| row(piece).expect("a known piece")).collect();
    let [calm, angry] = [0, 1].map(|label| rows.iter().map(|row| row[label]).sum::<f64>() / rows.len() as f64);
    let angry = 1.0 / (1.0 + (calm - angry).exp());
    [1.0 - angry, angry]
}

/// A directory of the test called `name`, empty.
pub fn empty_directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("tamis-user-models-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// 32 labels of 64 bytes, the most that a model may have; row `at` of the table says 1 for label `at`.
pub fn many_labels(name: &str) -> UserModel {
    let labels: Vec<String> = (0..32).map(|at| format!("{at:02}{}", "x".repeat(62))).collect();
    let table: Vec<f32> = (0..7 * 32).map(|at| if at / 32 == at % 32 { 1.0 } else { 0.0 }).collect();
    let graph = Graph::default()
        .input("input_ids", INT64, &[1, -1])
        .floats("table", &[7, 32], &table)
        .integers("one", &[1], &[1])
        .node("Gather", &["table", "input_ids"], "rows", &[("axis", 0)])
        .node("ReduceSum", &["rows", "one"], "sums", &[("keepdims", 0)])
        .node("Sigmoid", &["sums"], "logits", &[])
        .output("logits", FLOAT, &[1, 32]);
    UserModel::good(name)
        .with("[\"calm\", \"angry\"]", &format!("{labels:?}"))
        .with("\"angry\"", &format!("{:?}", labels[5]))
        .with("\"softmax\"", "\"none\"")
        .with_graph(graph)
}

/// The good model with graphs over which tract panics while it is loaded, and a part of what it says then: an axis that is not there,
/// and a tensor of strings.
pub fn panicking(name: &str) -> [(&'static str, UserModel); 2] {
    let (mut no_axis, mut strings) = (graph(), graph());
    for tensor in &mut no_axis.0.initializer {
        if tensor.name == "one" {
            tensor.raw_data = 9_i64.to_le_bytes().to_vec();
        }
    }
    // `TensorProto.DataType` of the ONNX specification.
    strings.0.initializer[0].data_type = 8;
    [
        ("Illegal combination of values for rank and axis", UserModel::good(name).with_graph(no_axis)),
        ("not implemented", UserModel::good(name).with_graph(strings)),
    ]
}
