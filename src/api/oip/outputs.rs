//! The tensors that a model answers, and which of them a request wants.

use super::data::Datatype;
use super::request::{boolean, is_given, refuse_shared_memory};
use crate::json::read::Value;
use crate::problem::{Fault, Problem};

/// One tensor of an answer: a row for each row of the input.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Output {
    pub(in crate::api) name: &'static str,
    pub(super) datatype: Datatype,
    /// Whether there is a column for each label; else there is one.
    pub(super) per_label: bool,
}

const fn output(name: &'static str, datatype: Datatype) -> Output {
    Output { name, datatype, per_label: false }
}

/// What `iris` answers, by the names that MLServer gives the answers of scikit-learn's classifiers.
pub(in crate::api) const IRIS: [Output; 3] = [
    output("predict", Datatype::Int64),
    Output { per_label: true, ..output("predict_proba", Datatype::Fp32) },
    output("label", Datatype::Bytes),
];

/// What the models of texts answer.
pub(in crate::api) const TEXT: [Output; 4] = [
    output("score", Datatype::Int64),
    Output { per_label: true, ..output("probabilities", Datatype::Fp32) },
    output("toxicity_level", Datatype::Bytes),
    output("model_used", Datatype::Bytes),
];

/// The most outputs of a model.
const MOST: usize = 4;

/// The outputs that a request wants, in its order: the place of each, and whether it is to be binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    entries: [(u8, bool); MOST],
    count: u8,
}

impl Wanted {
    /// All of `count`, binary or not.
    pub(super) fn all(count: usize, binary: bool) -> Self {
        Self { entries: std::array::from_fn(|place| (place as u8, binary)), count: count.min(MOST) as u8 }
    }

    /// Reads the member `outputs` of a request to a model that has `outputs`; `binary` is what the request says of all.
    pub(super) fn parse(member: Option<Value<'_>>, binary: bool, outputs: &[Output]) -> Result<Self, Fault> {
        let Some(list) = member.filter(|list| !list.is_null()) else { return Ok(Self::all(outputs.len(), binary)) };
        let not_a_list = Fault::new(Problem::InvalidType).field("outputs").expected("a list", list.type_name());
        let (length, elements) = list.as_array().ok_or(not_a_list)?;
        if length == 0 {
            return Ok(Self::all(outputs.len(), binary));
        }
        let mut wanted = Self { entries: [(0, false); MOST], count: 0 };
        for (at, element) in elements.enumerate() {
            let fault = |problem| Fault::new(problem).field("outputs").element(Some(at), None);
            let (mut name, mut as_binary) = (None, binary);
            let not_an_object = fault(Problem::InvalidType).expected("an object with a 'name'", element.type_name());
            for (key, value) in element.as_object().ok_or(not_an_object)? {
                match key {
                    "name" => name = value.as_str(),
                    "parameters" => as_binary = parse_parameters(value, binary, &fault)?,
                    _ => {}
                }
            }
            let place = outputs.iter().position(|output| Some(output.name) == name);
            let place = place.ok_or(
                fault(Problem::UnknownField)
                    .expected("'name' must be that of an output; the model's metadata list them", ""),
            )?;
            wanted.push(place, as_binary).ok_or(fault(Problem::DuplicateField))?;
        }
        Ok(wanted)
    }

    /// `None` if it is wanted already.
    fn push(&mut self, place: usize, binary: bool) -> Option<()> {
        if self.each().any(|(other, _)| other == place) {
            return None;
        }
        *self.entries.get_mut(usize::from(self.count))? = (place as u8, binary);
        self.count += 1;
        Some(())
    }

    /// The place of each among the model's outputs, and whether it is to be binary.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, bool)> {
        self.entries.iter().take(usize::from(self.count)).map(|&(place, binary)| (usize::from(place), binary))
    }

    /// Whether one is to be binary.
    pub(super) fn has_binary(&self) -> bool {
        self.each().any(|(_, binary)| binary)
    }
}

/// Of an output: whether it is to be binary.
fn parse_parameters(value: Value<'_>, otherwise: bool, fault: &impl Fn(Problem) -> Fault) -> Result<bool, Fault> {
    let mut binary = otherwise;
    if value.is_null() {
        return Ok(binary);
    }
    let not_an_object =
        fault(Problem::InvalidType).expected("an object whose 'parameters' are an object", value.type_name());
    for (key, value) in value.as_object().ok_or(not_an_object)? {
        match key {
            "binary_data" => {
                let not_a_boolean = || {
                    fault(Problem::InvalidType)
                        .expected("an object whose 'binary_data' is true or false", value.type_name())
                };
                binary = boolean(value, otherwise).ok_or_else(not_a_boolean)?;
            }
            "classification" if is_given(value) => {
                return Err(fault(Problem::UnknownField)
                    .expected("'classification' is not supported: ask for the labels and the probabilities", ""));
            }
            _ => refuse_shared_memory(key, fault)?,
        }
    }
    Ok(binary)
}
