//! What the members or columns are called that are added to a row.

use super::scorer::Scorer;

/// The names, each behind `--prefix`.
pub struct Names {
    /// The file, where there are several.
    pub file: Option<String>,
    /// The row's number.
    pub row: String,
    /// The text, where that is kept and has no name of its own.
    pub text: String,
    /// 0 to 100.
    pub score: String,
    /// low, medium or high.
    pub level: String,
    /// Who answered.
    pub model: String,
    /// The probabilities by label, in JSON.
    pub labels: String,
    /// The same, a column each: the labels of every model that may answer.
    pub columns: Vec<Column>,
    /// What is wrong.
    pub error: String,
    /// Which kind of problem that is.
    pub error_type: String,
}

/// A label.
pub struct Column {
    /// The label.
    pub label: String,
    /// What its column is called.
    pub name: String,
}

impl Names {
    /// Those for the answers of `scorer`.
    pub fn new(prefix: &str, has_files: bool, scorer: &Scorer) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        let mut columns: Vec<Column> = Vec::new();
        for label in scorer.models().flat_map(|model| &model.manifest().labels) {
            if columns.iter().all(|column| column.label != *label) {
                columns.push(Column { label: label.clone(), name: format!("{prefix}labels.{label}") });
            }
        }
        Self {
            file: has_files.then(|| name("file")),
            row: name("row"),
            text: "text".to_owned(),
            score: name("score"),
            level: name("toxicity_level"),
            model: name("model_used"),
            labels: name("labels"),
            columns,
            error: name("error"),
            error_type: name("error_type"),
        }
    }

    /// Whether a member or a column of this name may be added.
    pub fn has(&self, name: &str) -> bool {
        let always = [&self.row, &self.score, &self.level, &self.model, &self.labels, &self.error, &self.error_type];
        self.file.iter().chain(always).chain(self.columns.iter().map(|column| &column.name)).any(|own| own == name)
    }

    /// What to do about a `name` that is taken.
    pub fn told(name: &str) -> String {
        format!("'{name}' is there already, and would be added: set the added names apart with --prefix")
    }
}
