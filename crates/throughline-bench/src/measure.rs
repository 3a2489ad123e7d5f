//! From samples to numbers: percentiles within a round, median and range over rounds, and clients that run at once.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Result, anyhow};

/// Times of one kind, taken in one round, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Takes one more.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(milliseconds(time));
    }

    /// Times that were taken elsewhere, in milliseconds.
    pub(crate) fn from_milliseconds(times: Vec<f64>) -> Self {
        Self(times)
    }

    /// Takes all of another.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest time that `percent` of all are not above (nearest rank); none of none.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

/// A time as a number.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// One number, measured once in each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    /// Takes the number of a round, if it could be measured.
    pub(crate) fn push(&mut self, number: impl Into<Option<f64>>) {
        self.0.extend(number.into());
    }

    /// The middle one (the mean of the two in the middle); none without a round.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        }
    }

    /// The least and the most; none without a round.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let least = self.0.iter().copied().reduce(f64::min)?;
        Some((least, self.0.iter().copied().reduce(f64::max)?))
    }

    /// The difference in each round.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one - other).collect())
    }

    /// How many rounds there were.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Runs `work` on as many threads, which start at the same moment; each gets its number. All their results, or the
/// first error.
pub(crate) fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let (work, start) = (&work, &start);
                scope.spawn(move || {
                    start.wait();
                    work(number)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_taken() {
        let mut times = Times::default();
        (1..=200).rev().for_each(|time| times.push(Duration::from_millis(time)));
        assert_eq!((times.percentile(50), times.percentile(99)), (Some(100.0), Some(198.0)));
        assert_eq!((times.percentile(0), times.percentile(100)), (Some(1.0), Some(200.0)));
        assert_eq!(Times::default().percentile(50), None);
    }

    #[test]
    fn rounds_give_their_median_and_range() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.median(), None);
        for number in [3.0, 1.0, 2.0] {
            rounds.push(number);
        }
        assert_eq!((rounds.median(), rounds.range()), (Some(2.0), Some((1.0, 3.0))));
        rounds.push(10.0);
        assert_eq!(rounds.median(), Some(2.5));
    }

    #[test]
    fn clients_run_at_once_and_an_error_of_one_is_the_error_of_all() {
        assert_eq!(at_once(3, Ok).unwrap(), [0, 1, 2]);
        assert!(at_once(3, |number| if number == 1 { Err(anyhow!("no")) } else { Ok(()) }).is_err());
    }
}
