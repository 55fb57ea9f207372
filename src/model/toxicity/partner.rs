//! A model that answers together with another one: the logits of both are added.
//!
//! ```text
//! logit of a label = own logit + share of the label × the partner's logit
//! ```
//!
//! An encoder reads what a text means, n-grams read how it is spelt; their errors differ, so the sum is better than either,
//! and the partner costs a thousandth of the encoder. The shares are fitted with the calibration
//! (`models/toxicity/evaluation/blend.py`).

use super::load::{Cause, EngineChoice, LoadError, SIMPLE};
use super::{Probabilities, Toxicity};
use crate::model::engine::EngineError;
use crate::model::manifest::{Blend, Manifest};
use crate::model::simple::{LABEL_COUNT, sigmoid};
use crate::text::Scratch;

/// The other model and its shares.
pub(super) struct Partner {
    model: Box<Toxicity>,
    shares: [f32; LABEL_COUNT],
}

/// What the partner adds to each logit of a text; nothing where there is no partner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prior(Option<[f32; LABEL_COUNT]>);

impl Partner {
    /// The partner that `manifest` asks for, if it asks for one: `simple` of this build, the one that the shares were
    /// fitted with.
    ///
    /// # Errors
    /// Another model, other labels, or a number of shares that is not that of the labels.
    pub(super) fn of(manifest: &Manifest, choice: EngineChoice) -> Result<Option<Self>, Cause> {
        let Some(Blend { model: name, sha256, shares }) = &manifest.blend else { return Ok(None) };
        let refused = |reason: String| Cause::Directory(format!("[blend] {reason}"));
        let inside = |LoadError { cause, .. }| cause;
        let simple = SIMPLE.manifest().map_err(inside)?;
        if *name != simple.name || *sha256 != simple.sha256 {
            let Manifest { name: here, sha256: digest, .. } = &simple;
            return Err(refused(format!(
                "is fitted to the model {name:?} of sha256 {sha256}; this build has {here:?} of {digest}: fit it again"
            )));
        }
        if manifest.labels != simple.labels {
            return Err(refused(format!("needs the labels of {name:?} in their order: {:?}", simple.labels)));
        }
        let shares = shares.iter().map(|&share| share as f32).collect::<Vec<_>>().try_into();
        let shares = shares.map_err(|shares: Vec<_>| {
            refused(format!("has {} shares, needed is one for each of {LABEL_COUNT} labels", shares.len()))
        })?;
        let model = Box::new(Toxicity::embedded_at_start(&SIMPLE, choice).map_err(inside)?);
        Ok(Some(Self { model, shares }))
    }

    /// What is to be added for `text`.
    ///
    /// # Errors
    /// As [`Toxicity::score`].
    pub(super) fn prior(&self, text: &str, scratch: &mut Scratch) -> Result<Prior, EngineError> {
        let scores = self.model.score(text, scratch)?;
        Ok(Prior(scores.map(|scores| {
            let values = scores.values();
            std::array::from_fn(|at| self.shares[at] * logit(values[at]))
        })))
    }
}

impl Prior {
    /// The probabilities when this is added to the logits of `own`.
    pub(super) fn add(self, own: Probabilities) -> Probabilities {
        let Some(added) = self.0 else { return own };
        let mut values = own;
        for (value, added) in values.iter_mut().zip(added) {
            *value = sigmoid(logit(*value) + added);
        }
        values
    }
}

/// The inverse of the logistic function, of a probability kept within float32's reach of 0 and 1.
fn logit(probability: f32) -> f32 {
    let kept = probability.clamp(LEAST, 1.0 - LEAST);
    (kept / (1.0 - kept)).ln()
}

/// The fitting clamps alike.
const LEAST: f32 = 1e-7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::MAX_LABELS;

    #[test]
    fn logits_are_added() {
        let mut own = [0.0; MAX_LABELS];
        own[..4].copy_from_slice(&[0.5, 0.9, 0.0, 1.0]);
        assert_eq!(Prior::default().add(own), own);
        let added = Prior(Some([0.0, -(9.0_f32).ln(), 1.0, 40.0, 0.0, 0.0])).add(own);
        assert!((added[0] - 0.5).abs() < 1e-6 && (added[1] - 0.5).abs() < 1e-6, "{added:?}");
        assert!(added[2] > 0.0 && added[2] < 1e-6 && added[3] == 1.0, "the ends stay finite: {added:?}");
        assert_eq!(added[6..], own[6..]);
    }

    #[test]
    fn another_partner_is_refused_with_what_this_build_has() {
        let mut manifest = SIMPLE.manifest().expect("the embedded manifest");
        let sha256 = manifest.sha256.clone();
        let mut refused = |model: &str, sha256: &str, shares: &[f64]| {
            manifest.blend = Some(Blend { model: model.into(), sha256: sha256.into(), shares: shares.into() });
            match Partner::of(&manifest, EngineChoice::Auto) {
                Err(Cause::Directory(reason)) => reason,
                Err(other) => panic!("{other:?}"),
                Ok(found) => format!("accepted: {}", found.is_some()),
            }
        };
        assert_eq!(refused("simple", &sha256, &[0.5; 6]), "accepted: true");
        assert!(refused("simple", &"0".repeat(64), &[0.5; 6]).contains(&sha256));
        assert!(refused("other", &sha256, &[0.5; 6]).contains("\"other\""));
        assert!(refused("simple", &sha256, &[0.5; 5]).contains("has 5 shares"));
        manifest.labels.reverse();
        manifest.blend = Some(Blend { model: "simple".into(), sha256, shares: vec![0.5; 6] });
        assert!(matches!(Partner::of(&manifest, EngineChoice::Auto), Err(Cause::Directory(_))));
    }
}
