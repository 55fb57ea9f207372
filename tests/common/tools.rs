//! Where the tools and the binary under test are. `make tools` installs the tools; `TAMIS_TOOLS` moves them.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a tool, or `None` when it is not installed, which is said on the error stream even of a passing test.
/// `python` is the environment's own, with the packages that the judges import; any other tool may also be on `PATH`.
///
/// # Panics
/// When the tool is not installed and the environment says `CI=true`: there no test is skipped.
pub fn tool_or_skip(name: &str) -> Option<PathBuf> {
    let found = find(name, &tools_dir(), env::var_os("PATH").as_deref());
    if found.is_none() {
        let message = format!("{name} is not installed: run `make tools`");
        assert!(env::var_os("CI").as_deref() != Some(OsStr::new("true")), "{message}");
        // The test harness captures what `eprintln!` writes, not what is written to the stream.
        let _ = writeln!(io::stderr(), "skipped: {message}");
    }
    found
}

/// The daemon under test: `TAMIS_BIN` (the gate names the release binary there), else the one built with the tests.
pub fn tamis_binary() -> PathBuf {
    env::var_os("TAMIS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_tamis").into(), PathBuf::from)
}

/// Looks for `name` under a tools directory, then in the directories of `path`.
pub fn find(name: &str, tools: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let own = [tools.join("bin"), tools.join("venv/bin")];
    let on_path = path.filter(|_| name != "python").map(|path| env::split_paths(path).collect::<Vec<_>>());
    own.into_iter()
        .chain(on_path.into_iter().flatten())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Runs `script` of `tests/browser` on the daemon in a real browser; skipped as [`tool_or_skip`] says.
///
/// # Panics
/// When it finds something: with all that it says.
pub fn check_in_browser(script: &str) {
    let (Some(python), Some(chromium)) = (tool_or_skip("python"), tool_or_skip("chromium")) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let ran = Command::new(python).arg(script).arg(tamis_binary()).arg(chromium).output().expect("Python runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
}

fn tools_dir() -> PathBuf {
    env::var_os("TAMIS_TOOLS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools"), PathBuf::from)
}
