//! A user's models: every `*.toml` of `--model-dir` is the manifest of one.

use std::path::Path;
use std::time::{Duration, Instant};

use super::files::Files;
use super::toxicity::{Cause, EngineChoice, LoadError, Toxicity};

/// The most models that a directory may hold, so that answers, memory and start have a bound.
pub const MAX_MODELS: usize = 4;

/// A model of the directory.
pub struct UserModel {
    /// The model, proved.
    pub model: Toxicity,
    /// How long loading and proving took.
    pub load_time: Duration,
    /// The file name of its manifest.
    pub manifest: String,
}

/// Loads every model that `directory` describes, in the order of the manifests' file names.
///
/// # Errors
/// The first that cannot be served; no manifest, more than [`MAX_MODELS`], or one name twice.
pub fn load(directory: &Path, choice: EngineChoice) -> Result<Vec<UserModel>, LoadError> {
    let refuse = |cause| LoadError { file: directory.display().to_string(), cause };
    let manifests = manifests(directory).map_err(refuse)?;
    let mut models: Vec<UserModel> = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let start = Instant::now();
        let model = Toxicity::load(Files::Directory(directory), &manifest, choice)?;
        let name = &model.manifest().name;
        if let Some(other) = models.iter().find(|other| other.model.manifest().name == *name) {
            let file = Files::Directory(directory).display(&manifest);
            let reason = format!("the name {name:?} is taken by {}; needed: a name for each model", other.manifest);
            return Err(LoadError { file, cause: Cause::Directory(reason) });
        }
        models.push(UserModel { model, load_time: start.elapsed(), manifest });
    }
    Ok(models)
}

/// The names of the manifests in `directory`, sorted.
///
/// # Errors
/// If it cannot be read, or holds none or more than [`MAX_MODELS`].
pub fn manifests(directory: &Path) -> Result<Vec<String>, Cause> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Cause::Read)? {
        let path = entry.map_err(Cause::Read)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().and_then(|name| name.to_str());
            let reason = || Cause::Directory(format!("the file name {} is not UTF-8", path.display()));
            names.push(name.ok_or_else(reason)?.to_owned());
        }
    }
    names.sort_unstable();
    match names.len() {
        1..=MAX_MODELS => Ok(names),
        0 => Err(Cause::Directory("holds no *.toml; needed: a manifest for each model".to_owned())),
        found => {
            Err(Cause::Directory(format!("holds {found} manifests ({}); the most is {MAX_MODELS}", names.join(", "))))
        }
    }
}
