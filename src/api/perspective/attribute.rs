//! Perspective's attributes, and the labels of our models that stand for them.

use crate::api::analyze::asked::Choice;
use crate::json::write::Writer;
use crate::model::toxicity::Toxicity;
use crate::model::{Loaded, Models, bert::Bert};

/// Each attribute of Perspective that a label of Jigsaw's Wikipedia data stands for, on which Perspective's own model was
/// first trained, with that label.
pub const ATTRIBUTES: [(&str, &str); 6] = [
    ("TOXICITY", "toxic"),
    ("SEVERE_TOXICITY", "severe_toxic"),
    ("PROFANITY", "obscene"),
    ("THREAT", "threat"),
    ("INSULT", "insult"),
    ("IDENTITY_ATTACK", "identity_hate"),
];

/// An attribute that a request names: one of [`ATTRIBUTES`], or from its end on a label of the model that is asked, by the
/// label's own name in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute(u8);

impl Attribute {
    /// The attribute of this name of a model with these labels; `None` where it has no such.
    pub fn of(name: &str, labels: &[String]) -> Option<Self> {
        if let Some(at) = ATTRIBUTES.iter().position(|(own, _)| *own == name) {
            return labels.iter().any(|label| label == ATTRIBUTES[at].1).then_some(Self(at as u8));
        }
        let is_name =
            |label: &String| label.eq_ignore_ascii_case(name) && name.bytes().all(|b| !b.is_ascii_lowercase());
        labels.iter().position(is_name).map(|at| Self((ATTRIBUTES.len() + at) as u8))
    }

    /// A number for each.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The place of the label in the model, where the attribute is named after one.
    fn place(self) -> Option<usize> {
        usize::from(self.0).checked_sub(ATTRIBUTES.len())
    }
}

/// The model whose labels count for `choice`; `None` while it is not there.
pub fn reference<'l>(choice: Choice, loaded: &'l Loaded) -> Option<&'l Toxicity> {
    let simple = |models: &'l Models| &models.toxicity;
    match choice {
        Choice::Simple | Choice::Auto => loaded.models().map(simple),
        Choice::Bert => loaded.bert().map(Bert::model),
        Choice::Custom(place) => Some(loaded.models()?.custom.get(place)?.model()),
    }
}

/// The label that stands for `attribute`; empty where the model is gone, which none ever is.
pub fn label(attribute: Attribute, choice: Choice, loaded: &Loaded) -> &str {
    match attribute.place() {
        None => ATTRIBUTES.get(usize::from(attribute.0)).map_or("", |(_, label)| label),
        Some(place) => {
            reference(choice, loaded).and_then(|model| model.manifest().labels.get(place)).map_or("", String::as_str)
        }
    }
}

/// Writes the name of `attribute`, whose label is `label`.
pub fn write_name(attribute: Attribute, label: &str, writer: &mut Writer<'_>) {
    if attribute.place().is_none() {
        writer.raw(ATTRIBUTES.get(usize::from(attribute.0)).map_or("", |(name, _)| name).as_bytes());
    } else {
        // The manifest's check has seen that it stands in JSON as it is.
        label.bytes().for_each(|byte| writer.raw(&[byte.to_ascii_uppercase()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::toxicity::LABELS;

    #[test]
    fn an_attribute_is_one_of_the_six_or_a_label_s_name_in_capitals() {
        let ours = LABELS.map(str::to_owned);
        for (at, (name, _)) in ATTRIBUTES.iter().enumerate() {
            assert_eq!(Attribute::of(name, &ours), Some(Attribute(at as u8)), "{name}");
        }
        assert_eq!(Attribute::of("OBSCENE", &ours), Some(Attribute(8)));
        for name in ["", "toxicity", "Toxicity", "toxic", "FLIRTATION", "SEXUALLY_EXPLICIT", "TOXICITY_FAST"] {
            assert_eq!(Attribute::of(name, &ours), None, "{name}");
        }
        let theirs = ["spam", "Flirtation"].map(str::to_owned);
        assert_eq!(Attribute::of("FLIRTATION", &theirs), Some(Attribute(7)));
        assert_eq!(Attribute::of("TOXICITY", &theirs), None, "no label stands for it");
    }
}
