//! Requests that come back as they were made, and requests that nobody would make.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::api::fault;
use crate::api::oip::outputs::{IRIS, TEXT};
use crate::json::read::Reader;
use crate::metrics::labels::Handler;

const MAX_TEXT: usize = 32;

fn contract(columns: usize) -> Contract {
    let outputs: &[Output] = if columns == 1 { &TEXT } else { &IRIS };
    Contract { columns, shape: "a shape", max_rows: 64, limit: "rows", outputs }
}

/// What a tensor of numbers holds, row by row.
fn numbers(body: &[u8], json: Option<usize>) -> Result<Vec<f32>, Fault> {
    let (json, binary) = split(body, json)?;
    Reader::new(1 << 16).read(json, |root| {
        let mut found = Vec::new();
        let asked = Asked::parse(root, binary, &contract(4))?;
        asked.input.numbers(|row, column, number| {
            assert_eq!(row * 4 + column, found.len());
            found.push(number);
        })?;
        assert_eq!(found.len(), asked.input.rows * 4);
        Ok(found)
    })
}

/// The texts that a tensor holds.
fn texts(body: &[u8], json: Option<usize>) -> Result<Vec<String>, Fault> {
    let (json, binary) = split(body, json)?;
    Reader::new(1 << 16).read(json, |root| {
        let mut found = Vec::new();
        let asked = Asked::parse(root, binary, &contract(1))?;
        asked.input.texts(MAX_TEXT, |text| {
            found.push(text.to_owned());
            Ok(())
        })?;
        assert_eq!(found.len(), asked.input.rows);
        Ok(found)
    })
}

/// A request for one tensor, with the place where its JSON ends.
fn request(tensor: &Json, binary: &[u8]) -> (Vec<u8>, usize) {
    let json = json!({"inputs": [tensor]}).to_string();
    ([json.as_bytes(), binary].concat(), json.len())
}

proptest! {
    #[test]
    fn numbers_come_back_from_every_form(rows in prop::collection::vec(prop::array::uniform4(-1e30_f32..1e30), 1..=64)) {
        let flat: Vec<f32> = rows.concat();
        let tensor = |datatype: &str| json!({"name": "a", "datatype": datatype, "shape": [rows.len(), 4]});
        for data in [json!(flat), json!(rows)] {
            let mut tensor = tensor("FP32");
            tensor["data"] = data;
            prop_assert_eq!(numbers(&request(&tensor, b"").0, None), Ok(flat.clone()));
        }
        let single: Vec<u8> = flat.iter().flat_map(|number| number.to_le_bytes()).collect();
        let double: Vec<u8> = flat.iter().flat_map(|&number| f64::from(number).to_le_bytes()).collect();
        for (datatype, bytes) in [("FP32", single), ("FP64", double)] {
            let mut tensor = tensor(datatype);
            tensor["parameters"] = json!({"binary_data_size": bytes.len()});
            let (body, json) = request(&tensor, &bytes);
            prop_assert_eq!(numbers(&body, Some(json)), Ok(flat.clone()));
        }
    }

    #[test]
    fn texts_come_back_from_every_form(sent in prop::collection::vec("\\PC{0,8}", 1..=64)) {
        let bytes: Vec<u8> =
            sent.iter().flat_map(|text| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()).collect();
        let mut tensor = json!({"name": "a", "datatype": "BYTES", "shape": [sent.len()], "data": sent});
        prop_assert_eq!(texts(&request(&tensor, b"").0, None), Ok(sent.clone()));
        tensor["data"] = Json::Null;
        tensor["parameters"] = json!({"binary_data_size": bytes.len()});
        let (body, json) = request(&tensor, &bytes);
        prop_assert_eq!(texts(&body, Some(json)), Ok(sent));
    }

    #[test]
    fn bytes_that_are_no_tensor_are_refused_or_are_one_and_never_a_panic(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(255), Just(1), any::<u8>()], 0..80),
        rows in 0_usize..8, size in 0_usize..90, cut in 0_usize..400,
        datatype in prop::sample::select(vec!["INT8", "INT64", "UINT16", "FP32", "FP64", "BYTES"]),
    ) {
        let mut tensor = json!({"name": "a", "datatype": datatype, "shape": [rows, 4]});
        tensor["parameters"] = json!({"binary_data_size": size});
        let (body, json) = request(&tensor, &bytes);
        if let Ok(found) = numbers(&body, Some(json)) {
            prop_assert!(found.iter().all(|number| number.is_finite()) && size == bytes.len());
        }
        tensor["shape"] = json!([rows]);
        let (body, json) = request(&tensor, &bytes);
        if let Ok(found) = texts(&body, Some(json)) {
            let own: usize = found.iter().map(|text| text.len() + size_of::<u32>()).sum();
            prop_assert!(own == bytes.len() && found.iter().all(|text| text.len() <= MAX_TEXT));
        }
        prop_assert!(texts(&body, Some(cut)).is_err() || cut == json);
    }

    #[test]
    fn members_of_any_type_in_any_place_are_read_or_refused(
        place in prop::sample::select(vec![
            "/inputs", "/inputs/0", "/inputs/0/name", "/inputs/0/shape", "/inputs/0/shape/0", "/inputs/0/datatype",
            "/inputs/0/data", "/inputs/0/data/0", "/inputs/0/parameters", "/inputs/0/parameters/binary_data_size",
            "/outputs", "/outputs/0", "/outputs/0/name", "/outputs/0/parameters", "/outputs/0/parameters/binary_data",
            "/parameters", "/parameters/binary_data_output", "/id",
        ]),
        value in prop::sample::select(vec![
            "null", "true", "0", "-1", "1e300", "4294967296", "18446744073709551615", "\"\"", "\"BYTES\"", "[]", "[[[]]]",
            "[1,[2]]", "{}", "{\"a\":{\"b\":[]}}",
        ]),
    ) {
        let mut asked = json!({
            "id": "7",
            "parameters": {"binary_data_output": true},
            "inputs": [{"name": "a", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4], "parameters": {"binary_data_size": null}}],
            "outputs": [{"name": "label", "parameters": {"binary_data": false}}],
        });
        prop_assert!(numbers(asked.to_string().as_bytes(), None).is_ok());
        *asked.pointer_mut(place).expect("it is there") = serde_json::from_str(value).expect("JSON");
        let body = asked.to_string();
        for read in [numbers(body.as_bytes(), None).map(drop), texts(body.as_bytes(), None).map(drop)] {
            if let Err(fault) = read {
                prop_assert_eq!(fault::status(fault.problem, Handler::InferIris), 400);
            }
        }
    }
}
