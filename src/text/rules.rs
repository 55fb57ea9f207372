//! Which rules of the normalisation changed a text: what somebody did to hide a word, or merely how it is written.

/// A rule of [`normalize`](super::normalize) that changes what a reader sees, or hides from him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Control characters and characters that draw nothing vanished: zero-width ones, soft hyphens, marks of direction.
    /// Those that only choose how an emoji is drawn do not count.
    Invisible,
    /// Letters or digits in a compatibility form (Unicode Standard Annex 15) became plain: full width, mathematical,
    /// ligatures.
    Compatibility,
    /// A number of three digits or more became `000`.
    Digits,
    /// A link became `url`.
    Links,
    /// A letter's third and later repetitions vanished.
    Stretched,
    /// Letters of another script that are drawn like Latin ones became these (Unicode Technical Standard 39).
    Confusables,
    /// Signs between single letters vanished.
    Punctuated,
    /// Digits and signs were read as letters.
    Leetspeak,
    /// Spaces between single letters vanished.
    SpacedOut,
}

/// A set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules(u16);

impl Rule {
    /// Every rule, in the order of its discriminants.
    pub const ALL: [Self; 9] = [
        Self::Invisible,
        Self::Compatibility,
        Self::Digits,
        Self::Links,
        Self::Stretched,
        Self::Confusables,
        Self::Punctuated,
        Self::Leetspeak,
        Self::SpacedOut,
    ];

    /// The rule's name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Compatibility => "compatibility",
            Self::Digits => "digits",
            Self::Links => "links",
            Self::Stretched => "stretched",
            Self::Confusables => "confusables",
            Self::Punctuated => "punctuated",
            Self::Leetspeak => "leetspeak",
            Self::SpacedOut => "spaced_out",
        }
    }
}

impl Rules {
    /// No rule.
    pub const NONE: Self = Self(0);

    /// Adds `rule`.
    #[inline(always)]
    pub const fn insert(&mut self, rule: Rule) {
        self.0 |= 1 << rule as u16;
    }

    /// Adds `rule` if `fired`.
    #[inline(always)]
    pub const fn insert_if(&mut self, rule: Rule, fired: bool) {
        self.0 |= (fired as u16) << rule as u16;
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in order.
    pub fn each(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.0 & (1 << *rule as u16) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let mut rules = Rules::NONE;
        assert!(rules.is_empty() && rules.each().next().is_none());
        rules.insert_if(Rule::Links, false);
        for rule in [Rule::SpacedOut, Rule::Digits, Rule::Digits] {
            rules.insert(rule);
        }
        rules.insert_if(Rule::Invisible, true);
        assert!(rules.each().eq([Rule::Invisible, Rule::Digits, Rule::SpacedOut]));
        assert!(!rules.is_empty());
        assert!(Rule::ALL.iter().enumerate().all(|(position, rule)| *rule as usize == position));
    }

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let names = Rule::ALL.map(Rule::as_str);
        let shape =
            |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(names.iter().all(shape), "{names:?}");
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{names:?}");
    }
}
