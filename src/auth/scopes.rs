//! What a key, a user or a token may be used for.

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// To have texts scored.
    Analyze,
    /// To have irises classified.
    Predict,
    /// To read metrics, status and probes where these are closed.
    Admin,
}

impl Scope {
    /// Every scope, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Analyze, Self::Predict, Self::Admin];

    /// The name: a `scope-token` of RFC 6749, section 3.3.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Predict => "predict",
            Self::Admin => "admin",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// What is granted where nothing is said: every model.
    pub const DEFAULT: Self = Self(1 << Scope::Analyze as u8 | 1 << Scope::Predict as u8);

    /// Reads names parted by `separator`; `None` if one is unknown or there is none.
    pub fn parse(text: &str, separator: char) -> Option<Self> {
        let mut found = Self::NONE;
        for name in text.split(separator).map(str::trim).filter(|name| !name.is_empty()) {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == name)?;
            found.0 |= 1 << scope as u8;
        }
        (found != Self::NONE).then_some(found)
    }

    /// Whether `scope` is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 >> scope as u8 & 1 != 0
    }

    /// Whether all of `others` are among them.
    pub const fn covers(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// The names, in the order of [`Scope::ALL`].
    pub fn each(self) -> impl Iterator<Item = &'static str> {
        Scope::ALL.into_iter().filter(move |&scope| self.has(scope)).map(Scope::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, names) in [
            ("analyze", vec!["analyze"]),
            ("predict,analyze", vec!["analyze", "predict"]),
            ("admin, predict,", vec!["predict", "admin"]),
        ] {
            let scopes = Scopes::parse(text, ',').expect("scopes");
            assert_eq!(scopes.each().collect::<Vec<_>>(), names);
        }
        for text in ["", " , ", "analyse", "analyze predict", "ADMIN"] {
            assert_eq!(Scopes::parse(text, ','), None, "{text}");
        }
    }

    #[test]
    fn what_is_granted_unsaid_is_all_but_admin() {
        assert!(Scopes::DEFAULT.has(Scope::Analyze) && Scopes::DEFAULT.has(Scope::Predict));
        assert!(!Scopes::DEFAULT.has(Scope::Admin));
        let both = Scopes::parse("analyze admin", ' ').expect("scopes");
        assert!(!Scopes::DEFAULT.covers(both));
        assert_eq!(Scopes::DEFAULT.and(both).each().collect::<Vec<_>>(), ["analyze"]);
    }

    #[test]
    fn a_set_covers_its_subsets_alone() {
        let sets = (0..8).map(Scopes).collect::<Vec<_>>();
        for one in &sets {
            for other in &sets {
                let expected = other.each().all(|name| one.each().any(|has| has == name));
                assert_eq!(one.covers(*other), expected, "{one:?} {other:?}");
            }
        }
    }
}
