//! The middle and the ends of a few numbers.

use serde::Serialize;

/// Numbers of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of these numbers, if there are any.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<_> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let half = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[half - 1], sorted[half]),
            _ => sorted[half],
        };
        Some(Self { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |numbers: &[f64]| Spread::of(numbers.iter().copied());
        let (min, max) = (1.0, 9.0);
        let odd = Spread {
            median: 4.0,
            min,
            max,
        };
        assert_eq!(spread(&[9.0, 1.0, 4.0]), Some(odd));
        let even = Spread { median: 3.0, ..odd };
        assert_eq!(spread(&[9.0, 2.0, 1.0, 4.0]), Some(even));
        assert_eq!(spread(&[]), None);
    }
}
