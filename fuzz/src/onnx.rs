//! A user's ONNX file: whatever it holds, loading ends with a model that keeps to its manifest or with a reason, without a panic of
//! ours. tract, which translates it, panics on some files; `README.md` says what becomes of those.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use sha2::{Digest as _, Sha256};
use tamis::model::files::Files;
use tamis::model::toxicity::{EngineChoice, Toxicity};
use tamis::text::Scratch;

use super::sample::Sample;

const VOCABULARY: &[u8] = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\nbad\nday\n";

/// The kind of input that the manifest says, and then the ONNX file.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let reads_pieces = sample.below(2) == 0;
    let onnx = sample.0;
    let input = if reads_pieces {
        format!(
            "type = \"wordpiece\"\nvocabulary = \"m.vocab.txt\"\nvocabulary_sha256 = \"{}\"\nmax_pieces = 16\n",
            hexadecimal(VOCABULARY)
        )
    } else {
        "type = \"hashed-ngrams\"\nfeature_spec = 2\nhash_bits = 18\n".to_owned()
    };
    let manifest = format!(
        "name = \"m\"\nversion = \"1\"\nkind = \"toxicity\"\nlicense = \"MIT\"\nonnx = \"m.onnx\"\nsha256 = \"{}\"\n\
         bytes = {}\nlabels = [\"calm\", \"angry\"]\nscore = \"angry\"\n[input]\n{input}[output]\ntensor = \"logits\"\n\
         activation = \"softmax\"\n[levels]\nmedium = 30\nhigh = 70\n",
        hexadecimal(onnx),
        onnx.len()
    );
    let files = [("m.toml", manifest.as_bytes()), ("m.onnx", onnx), ("m.vocab.txt", VOCABULARY)];
    let files = files.map(|(name, content)| (name, Cow::Owned(content.to_vec())));
    let loaded = without_foreign_panics(|| Toxicity::load(Files::Memory(&files), "m.toml", EngineChoice::Auto));
    match loaded {
        Some(Ok(model)) => {
            without_foreign_panics(|| scores(&model));
        }
        Some(Err(error)) => assert!(!error.to_string().contains('\n'), "one line: {error}"),
        None => {}
    }
}

/// What was loaded scores texts, or says that it cannot.
fn scores(model: &Toxicity) {
    let mut scratch = Scratch::new(1000);
    for text in ["good", "a bad day", &"good bad ".repeat(50)] {
        if let Ok(Some(scores)) = model.score(text, &mut scratch) {
            assert_eq!(scores.probabilities().len(), 2);
            assert!(scores.probabilities().iter().all(|value| (0.0..=1.0).contains(value)), "{scores:?}");
            assert!(scores.score() <= 100);
        }
    }
}

/// What `work` answers, or nothing if a dependency panicked in it. A panic of our own goes on.
fn without_foreign_panics<T>(work: impl FnOnce() -> T) -> Option<T> {
    thread_local! {
        static WATCHED: Cell<bool> = const { Cell::new(false) };
        static FOREIGN: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            // The standard library's places are those of operators that are called through a pointer, as tract does.
            let foreign = ["/registry/src/", "/rustc/"];
            let is_foreign =
                panicked.location().is_some_and(|at| foreign.iter().any(|place| at.file().contains(place)));
            FOREIGN.set(is_foreign && WATCHED.get());
            if !FOREIGN.get() {
                before(panicked);
            }
        }));
    });
    WATCHED.set(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(false);
    match ended {
        Ok(answer) => Some(answer),
        Err(_) if FOREIGN.get() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

fn hexadecimal(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
