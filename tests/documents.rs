//! The README's tables and the description of the API are the code's own.

use std::path::Path;

use clap::Parser as _;
use tamis::api::openapi;
use tamis::config::CommandLine;
use tamis::metrics::labels::Handler;
use tamis::{config, metrics, pages};

#[test]
fn the_description_of_the_api_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let (written, current) = (std::fs::read_to_string(&path).expect("a document"), openapi::document());
    if std::env::var_os("TAMIS_WRITE_DOCUMENTS").is_some() {
        std::fs::write(&path, &current).expect("a writable document");
    } else {
        let served = pages::at(Handler::OpenApi).expect("a page").plain.bytes;
        assert!(
            served == written.as_bytes() && current == written,
            "docs/openapi.json is not current: run `make documents` and commit the difference"
        );
    }
}

#[test]
fn the_limits_in_the_description_are_the_defaults() {
    let limits = CommandLine::parse_from(["tamis"]).flags.limits();
    let told = openapi::LIMITS;
    assert_eq!((limits.body, limits.text, limits.rows, limits.batch), (told.body, told.text, told.rows, told.batch));
}

#[test]
fn the_tables_in_the_readme_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("a README");
    let mut metrics = Vec::new();
    metrics::write_markdown(&mut metrics).expect("a vector takes all");
    let metrics = String::from_utf8(metrics).expect("text");
    let mut current = readme.clone();
    for (name, table) in [("config", config::markdown()), ("metrics", metrics)] {
        let (start, end) = (format!("<!-- {name}: "), format!("<!-- /{name} -->"));
        let from = current.find(&start).expect("a mark");
        let from = from + current[from..].find("-->\n").expect("a mark") + 4;
        let to = from + current[from..].find(&end).expect("a mark");
        current.replace_range(from..to, &table);
    }
    if std::env::var_os("TAMIS_WRITE_DOCUMENTS").is_some() {
        std::fs::write(&path, &current).expect("a writable README");
    } else {
        assert!(current == readme, "README.md is not current: run `make documents` and commit the difference");
    }
}
