//! The fuzz targets without a fuzzer: every promise of `fuzz/src` holds for the corpus that fuzzing left and for mutations of it, the
//! same ones each time. `fuzz/README.md` says what each proves, and how it is fuzzed for hours.

#[path = "../fuzz/src/lib.rs"]
#[allow(clippy::pedantic, clippy::type_complexity, reason = "it is a crate of its own, with lints of its own")]
mod fuzz;
#[path = "fuzzed/mutation.rs"]
mod mutation;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};
use mutation::Mutator;

/// One test a target, so that they run side by side.
macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            hold(stringify!($name));
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets!(
    connection,
    credentials,
    escaping,
    exposition,
    features,
    forms,
    gzip,
    json,
    kernels,
    manifest,
    negotiation,
    normalize,
    onnx,
    requests,
    routing,
    tokens,
    wordpiece
);

/// The corpus of the target called `name`, and then mutations of it.
fn hold(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let corpus = corpus(name);
    assert!(corpus.len() >= 3, "{name} has a corpus of {}", corpus.len());
    try_one(target, "nothing", &[]);
    for (path, input) in &corpus {
        try_one(target, &path.display().to_string(), input);
    }
    let inputs: Vec<&[u8]> = corpus.iter().map(|(_, input)| &input[..]).collect();
    let mut mutator = Mutator::new(name, &inputs);
    for number in 0..target.mutations {
        try_one(target, &format!("mutation {number}"), mutator.next());
    }
}

/// Says which input it was, should it panic.
fn try_one(target: &Target, what: &str, input: &[u8]) {
    struct Told<'t>(&'t str, &'t str, &'t [u8]);
    #[expect(clippy::print_stderr, reason = "what a test that fails has to say")]
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{}, {}: b\"{}\"", self.0, self.1, self.2.escape_ascii());
            }
        }
    }
    let _told = Told(target.name, what, input);
    (target.run)(input);
}

fn directory(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of)
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory("corpus").join(name)).expect("a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

#[test]
fn every_target_is_built_fuzzed_and_tested_and_its_corpus_is_small() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED.iter().copied().collect());
    let manifest = fs::read_to_string(directory("Cargo.toml")).expect("a manifest");
    let readme = fs::read_to_string(directory("README.md")).expect("a README");
    for name in &names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not built");
        let source = fs::read_to_string(directory("fuzz_targets").join(format!("{name}.rs"))).expect("a fuzz target");
        assert!(source.contains(&format!("tamis_fuzz::{name}::run(input)")), "{source}");
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in fuzz/README.md");
        let corpus = corpus(name);
        let bytes: usize = corpus.iter().map(|(_, input)| input.len()).sum();
        assert!(corpus.len() <= 60 && bytes <= 100 << 10, "{name}: {} inputs, {bytes} bytes", corpus.len());
    }
    for of in ["corpus", "fuzz_targets"] {
        assert_eq!(fs::read_dir(directory(of)).expect("a directory").count(), names.len(), "{of}");
    }
}
