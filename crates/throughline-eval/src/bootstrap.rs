//! Bootstrap intervals: how far a mean could have come out elsewhere, had other conversations been asked about.
//!
//! Whole conversations are drawn, with replacement, as often as there are conversations; each draw gives a mean over
//! all its questions, and the middle 95 % of these means are the interval (percentile bootstrap, Efron 1979). Questions
//! about one conversation share its text, so drawing questions would make the intervals too narrow; that is done only
//! where there is no second conversation, and [`Resampled`] says so. The generator has a fixed seed: the same rows always
//! give the same interval, on every machine.

/// How many times a sample is drawn.
pub const RESAMPLES: usize = 2_000;

/// Share of the drawn means that lie inside an interval.
pub const LEVEL: f64 = 0.95;

/// With fewer to draw from, an interval is rough and mostly too narrow: there are too few ways to draw.
pub const DRAWN_FEW: usize = 10;

const SEED: u64 = 0x5EED_0F7E_A57E_D000;

/// What was drawn to get an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampled {
    /// Whole conversations: how the figure may differ for other conversations.
    Conversations,
    /// Questions, as all of them are about one conversation: how it may differ for other questions about this one.
    Questions,
}

impl Resampled {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Questions => "questions",
        }
    }
}

/// One question's part in `W` means: what is summed, and how much it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample<const W: usize> {
    pub(crate) sums: [f64; W],
    /// 1 for a mean over questions, the number of pieces for a mean over pieces of evidence. Never 0.
    pub(crate) weight: f64,
}

impl<const W: usize> Sample<W> {
    const NOTHING: Self = Self { sums: [0.0; W], weight: 0.0 };

    fn add(mut self, other: &Self) -> Self {
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, value)| *sum += value);
        self.weight += other.weight;
        self
    }

    fn total<'a>(samples: impl IntoIterator<Item = &'a Self>) -> Self {
        samples.into_iter().fold(Self::NOTHING, Self::add)
    }

    fn mean(&self) -> [f64; W] {
        self.sums.map(|sum| sum / self.weight)
    }
}

/// The bounds of `W` means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Intervals<const W: usize> {
    pub(crate) low: [f64; W],
    pub(crate) high: [f64; W],
    pub(crate) over: Resampled,
    /// How many there were to draw from.
    pub(crate) drawn: usize,
}

/// The means over all questions; zeros without one.
pub(crate) fn means<'a, const W: usize>(samples: impl IntoIterator<Item = &'a Sample<W>>) -> [f64; W] {
    let total = Sample::total(samples);
    if total.weight > 0.0 { total.mean() } else { [0.0; W] }
}

/// The intervals of the means over the questions of these conversations; none for fewer than two questions.
///
/// Conversations without a question are ignored.
pub(crate) fn intervals<const W: usize>(conversations: &[Vec<Sample<W>>]) -> Option<Intervals<W>> {
    let asked: Vec<&Vec<Sample<W>>> = conversations.iter().filter(|samples| !samples.is_empty()).collect();
    let (units, over) = match asked[..] {
        [] => return None,
        [only] => (only.clone(), Resampled::Questions),
        _ => (asked.iter().map(|samples| Sample::total(*samples)).collect(), Resampled::Conversations),
    };
    if units.len() < 2 {
        return None;
    }
    let mut random = SplitMix64(SEED);
    let drawn: Vec<[f64; W]> = (0..RESAMPLES)
        .map(|_| Sample::total((0..units.len()).map(|_| &units[random.below(units.len())])).mean())
        .collect();
    let mut low = [0.0; W];
    let mut high = [0.0; W];
    for figure in 0..W {
        let mut values: Vec<f64> = drawn.iter().map(|means| means[figure]).collect();
        values.sort_unstable_by(f64::total_cmp);
        let outside = (1.0 - LEVEL) / 2.0;
        low[figure] = quantile(&values, outside);
        high[figure] = quantile(&values, 1.0 - outside);
    }
    Some(Intervals { low, high, over, drawn: units.len() })
}

/// The smallest value that is not below this share of the sorted values.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is small and not negative"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): a counter and a mix.
/// Our own, since a library may change its stream with a version and every published interval with it.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1, by multiplication; its bias is below `bound` / 2^64.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is below the bound, which is a usize"
    )]
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn conversations(values: &[Vec<f64>]) -> Vec<Vec<Sample<1>>> {
        let sample = |value: &f64| Sample { sums: [*value], weight: 1.0 };
        values.iter().map(|values| values.iter().map(sample).collect()).collect()
    }

    fn interval(values: &[Vec<f64>]) -> Option<(f64, f64, Resampled)> {
        intervals(&conversations(values)).map(|found| (found.low[0], found.high[0], found.over))
    }

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first outputs for seed 0 in the generator's reference implementation.
        let mut random = SplitMix64(0);
        assert_eq!([random.next(), random.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn conversations_are_drawn_whole() {
        // Two conversations, each of one kind: a draw has both, or one of them twice, and never a part of one.
        let (low, high, over) = interval(&[vec![0.0; 50], vec![1.0; 50]]).unwrap();
        assert_eq!((low, high, over), (0.0, 1.0, Resampled::Conversations));
    }

    #[test]
    fn questions_are_drawn_where_there_is_one_conversation() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let (low, high, over) = interval(&[values, vec![]]).unwrap();
        assert_eq!(over, Resampled::Questions);
        // The standard error of a fair coin over 100 throws is 0.05.
        assert!((0.38..0.43).contains(&low) && (0.57..0.62).contains(&high), "{low} {high}");
    }

    #[test]
    fn one_question_has_no_interval() {
        assert_eq!(interval(&[vec![0.5]]), None);
        assert_eq!(interval(&[]), None);
    }

    #[test]
    fn conversations_weigh_by_their_questions() {
        let values = [vec![1.0; 9], vec![0.0], vec![]];
        assert_eq!(means(conversations(&values).iter().flatten()).map(f64::to_bits), [0.9_f64.to_bits()]);
        assert_eq!(means::<1>([]).map(f64::to_bits), [0]);
    }

    #[test]
    fn about_nineteen_in_twenty_intervals_hold_the_truth() {
        let mut random = SplitMix64(7);
        let mut uniform = || random.below(1_000_000) as f64 / 1_000_000.0;
        let mut held = 0;
        for _ in 0..200 {
            let values: Vec<Vec<f64>> = (0..40).map(|_| vec![uniform()]).collect();
            let (low, high, _) = interval(&values).unwrap();
            held += usize::from(low <= 0.5 && 0.5 <= high);
        }
        assert!((180..=197).contains(&held), "{held} of 200");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn an_interval_lies_within_the_values_and_is_the_same_each_time(
            values in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 0..6), 2..8),
        ) {
            let all: Vec<f64> = values.iter().flatten().copied().collect();
            let first = interval(&values);
            prop_assert_eq!(first, interval(&values));
            if let Some((low, high, _)) = first {
                let smallest = all.iter().copied().fold(f64::INFINITY, f64::min);
                let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(smallest - 1e-9 <= low && low <= high && high <= largest + 1e-9);
            }
        }
    }
}
