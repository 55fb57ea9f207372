//! What a run that is cut off leaves behind, so that another one goes on where it was.
//!
//! Beside the output lies a file, `OUTPUT.unfinished`, that says how far the output is good, what of the input that is, and
//! by which settings. It is written when the output has reached the disk, and goes when the run has ended.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chunk::Mark;

/// How far a run has come.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Checkpoint {
    /// What the output depends on beside the input.
    pub settings: Value,
    /// Up to where the input is scored.
    pub input: Mark,
    /// Bytes of the output up to there.
    pub output_bytes: u64,
    /// Rows in these.
    pub rows: u64,
    /// Rows of these that are at fault.
    pub faults: u64,
}

/// An output that is a file.
pub struct Unfinished {
    file: File,
    /// Where the checkpoint is written.
    path: PathBuf,
    /// As it was written last.
    pub checkpoint: Checkpoint,
}

impl Unfinished {
    /// Opens `output` for a run by `settings`: to go on if `resumes` and something is there.
    ///
    /// # Errors
    /// What the system gives. [`ErrorKind::InvalidInput`]: why the run cannot go on, or must not begin anew.
    pub fn open(output: &Path, settings: Value, resumes: bool) -> io::Result<Self> {
        let mut path = OsString::from(output);
        path.push(".unfinished");
        let path = PathBuf::from(path);
        let name = output.display();
        let refused = |told: String| Err(io::Error::new(ErrorKind::InvalidInput, told));
        let left = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let length = fs::metadata(output).map_or(0, |metadata| metadata.len());
        let checkpoint = match left {
            Some(_) if !resumes => {
                let beside = path.display();
                return refused(format!("{name} is unfinished: go on with --resume, or remove {beside} to begin anew"));
            }
            None if resumes && length > 0 => {
                return refused(format!("{name} cannot be gone on with: it is finished, or another program's"));
            }
            Some(bytes) => {
                let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(&bytes) else {
                    return refused(format!("{} cannot be read: remove it to begin anew", path.display()));
                };
                if let Some(what) = difference(&checkpoint.settings, &settings) {
                    return refused(format!("{name} was begun otherwise: {what}"));
                }
                if length < checkpoint.output_bytes {
                    return refused(format!("{name} has lost what was written to it: {length} bytes are left"));
                }
                checkpoint
            }
            None => Checkpoint { settings, input: Mark::default(), output_bytes: 0, rows: 0, faults: 0 },
        };
        let mut file = File::options().write(true).create(true).truncate(false).open(output)?;
        // What came after it, perhaps half a row, is written again.
        file.set_len(checkpoint.output_bytes)?;
        file.seek(SeekFrom::Start(checkpoint.output_bytes))?;
        let unfinished = Self { file, path, checkpoint };
        unfinished.save()?;
        Ok(unfinished)
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// What the system gives.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Keeps `checkpoint` for another run.
    ///
    /// # Errors
    /// What the system gives.
    pub fn keep(&mut self, input: &Mark, output_bytes: u64, rows: u64, faults: u64) -> io::Result<()> {
        let settings = self.checkpoint.settings.take();
        self.checkpoint = Checkpoint { settings, input: input.clone(), output_bytes, rows, faults };
        self.save()
    }

    /// The run has ended: there is nothing to go on with.
    ///
    /// # Errors
    /// What the system gives.
    pub fn finish(&self) -> io::Result<()> {
        self.file.sync_data()?;
        fs::remove_file(&self.path)
    }

    fn save(&self) -> io::Result<()> {
        self.file.sync_data()?;
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        fs::write(&new, serde_json::to_vec_pretty(&self.checkpoint)?)?;
        fs::rename(&new, &self.path)
    }
}

/// Which setting differs, and how.
fn difference(before: &Value, now: &Value) -> Option<String> {
    let (Some(before), Some(now)) = (before.as_object(), now.as_object()) else {
        return Some("its settings cannot be read".to_owned());
    };
    let (name, now) = now.iter().find(|(name, now)| before.get(*name) != Some(now))?;
    Some(format!("{name} was {}, and is {now}", before.get(name).unwrap_or(&Value::Null)))
}
