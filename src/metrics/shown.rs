//! Which routes are shown, of those whose series are shown once the route is used.

use super::family::Series;
use super::labels::Handler;

/// A set of routes. Those that are always shown are in every set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown(u64);

impl Shown {
    /// The set of [`Self::bits`].
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A bit for each route.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// This set and `handler`.
    #[must_use]
    pub const fn and(self, handler: Handler) -> Self {
        Self(self.0 | 1 << handler as u64)
    }

    /// Whether the series of `handler` are shown.
    #[inline]
    pub const fn has(self, handler: Handler) -> bool {
        !handler.is_shown_once_used() || self.0 >> handler as u64 & 1 != 0
    }

    /// Whether label set `index` of `series` is shown.
    #[inline]
    pub const fn shows(self, series: Series, index: usize) -> bool {
        match series.shown_by(index) {
            Some(route) => self.has(route),
            None => true,
        }
    }
}

const _: () = assert!(Handler::ALL.len() <= u64::BITS as usize, "a bit for each route");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::Shape;

    #[test]
    fn a_route_that_is_shown_once_used_is_shown_by_itself_alone() {
        let nothing = Shown::default();
        for handler in Handler::ALL {
            assert_ne!(nothing.has(handler), handler.is_shown_once_used());
            assert!(nothing.and(handler).has(handler));
        }
        let series = Series::Lanes;
        let shown = |shown: Shown| (0..series.count()).filter(|&index| shown.shows(series, index)).count();
        assert_eq!(shown(nothing), series.count_at_first(Shape::DEFAULT));
        assert_eq!(shown(nothing.and(Handler::AnalyzeBatch)), shown(nothing) + 1);
    }
}
