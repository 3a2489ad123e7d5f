//! How many tokens the context may have, in all and by section, and which lines are chosen to fit.
//!
//! The total is hard. The sections are served in order of priority (identity, profile, standing, recalled, summary); each may
//! use its cap or what the ones before it left, whichever is less. Nothing here knows how tokens are counted.

use thiserror::Error;

use crate::model::{Section, SectionUse};

/// The total of [`ContextBudget::default`], in tokens.
pub const TOTAL_TOKENS_DEFAULT: u32 = 2_000;

/// The largest total that can be asked for, in tokens.
pub const TOTAL_TOKENS_MAX: u32 = 200_000;

/// A budget that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// More than [`TOTAL_TOKENS_MAX`].
    #[error("the context budget is {0} tokens; at most {TOTAL_TOKENS_MAX} are allowed")]
    TotalTooLarge(u32),
    /// A section's cap is above the total, so it could never be used up.
    #[error(
        "the budget of the section `{}` is {cap_tokens} tokens, above the total of {total_tokens}; raise the total or lower it",
        section.as_str()
    )]
    CapAboveTotal {
        /// Which section.
        section: Section,
        /// Its cap.
        cap_tokens: u32,
        /// The total.
        total_tokens: u32,
    },
}

/// Tokens for the whole context and the cap of each section. Caps need not add up to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextBudget {
    /// Never exceeded. 0 means that nothing is added.
    pub total_tokens: u32,
    /// The identity, which is used whole or not at all.
    pub identity_tokens: u32,
    /// The profile without its summary.
    pub profile_tokens: u32,
    /// Standing statements in the block, and its fence.
    pub standing_tokens: u32,
    /// Recalled passages in the block, and its fence where they stand alone in it.
    pub recalled_tokens: u32,
    /// The profile's summary.
    pub summary_tokens: u32,
}

impl Default for ContextBudget {
    fn default() -> Self {
        Self::of_total(TOTAL_TOKENS_DEFAULT)
    }
}

impl ContextBudget {
    /// The usual shares of a total: the identity may take all of it, the profile a fifth, recalled passages three
    /// fifths, standing statements 15 % of as much, the summary a tenth.
    pub fn of_total(total_tokens: u32) -> Self {
        Self {
            total_tokens,
            identity_tokens: total_tokens,
            profile_tokens: share(total_tokens, 1, 5),
            standing_tokens: share(total_tokens, 9, 100),
            recalled_tokens: share(total_tokens, 3, 5),
            summary_tokens: share(total_tokens, 1, 10),
        }
    }

    /// The same shares of another total, for a request that names its own.
    #[must_use]
    pub fn scaled_to(self, total_tokens: u32) -> Self {
        if self.total_tokens == 0 {
            return Self::of_total(total_tokens);
        }
        let scaled = |cap| share(cap, total_tokens, self.total_tokens);
        Self {
            total_tokens,
            identity_tokens: scaled(self.identity_tokens),
            profile_tokens: scaled(self.profile_tokens),
            standing_tokens: scaled(self.standing_tokens),
            recalled_tokens: scaled(self.recalled_tokens),
            summary_tokens: scaled(self.summary_tokens),
        }
    }

    /// The budget of a receipt. Composing with it again gives the same bytes as with the budget it was made with,
    /// though a receipt keeps what each section might have used, not its cap.
    pub fn of_receipt(total_tokens: u32, sections: &[SectionUse]) -> Self {
        let tokens = |section| sections.iter().find(|s| s.section == section).map_or(0, |s| s.budget_tokens);
        Self {
            total_tokens,
            identity_tokens: tokens(Section::Identity),
            profile_tokens: tokens(Section::Profile),
            standing_tokens: tokens(Section::Standing),
            recalled_tokens: tokens(Section::Recalled),
            summary_tokens: tokens(Section::Summary),
        }
    }

    /// Checks a budget that came from outside.
    pub fn validate(&self) -> Result<(), BudgetError> {
        let total_tokens = self.total_tokens;
        if total_tokens > TOTAL_TOKENS_MAX {
            return Err(BudgetError::TotalTooLarge(total_tokens));
        }
        let caps = [
            (Section::Identity, self.identity_tokens),
            (Section::Profile, self.profile_tokens),
            (Section::Standing, self.standing_tokens),
            (Section::Recalled, self.recalled_tokens),
            (Section::Summary, self.summary_tokens),
        ];
        match caps.into_iter().find(|(_, cap)| *cap > total_tokens) {
            Some((section, cap_tokens)) => {
                Err(BudgetError::CapAboveTotal { section, cap_tokens, total_tokens })
            }
            None => Ok(()),
        }
    }
}

/// `tokens × of / whole`, rounded down; what does not fit 32 bits is the largest number, which no total allows.
fn share(tokens: u32, of: u32, whole: u32) -> u32 {
    u32::try_from(u64::from(tokens) * u64::from(of) / u64::from(whole)).unwrap_or(u32::MAX)
}

/// After so many lines that were too large, what room is left is not worth counting more of them.
const TOO_LARGE_MAX: usize = 8;

/// The lines that were chosen and what the whole costs with them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// By their places, best first.
    pub(super) lines: Vec<usize>,
    /// Of each of these lines.
    pub(super) line_tokens: Vec<usize>,
    /// Of the whole.
    pub(super) tokens: usize,
}

/// Chooses from lines that stand best first, so that the whole fits `limit`: each that fits what is left is taken, one
/// too large is passed over. `cost` gives the tokens of the line at a place, and `frame` is what stands around the
/// lines. These do not add up exactly to the tokens of the whole, so that is counted in the end (`whole`, asked about
/// the chosen places), and the last chosen is given up until it fits. None if no line fits.
pub(super) fn choose(
    lines: usize,
    frame: usize,
    limit: usize,
    cost: impl Fn(usize) -> usize,
    whole: impl Fn(&[usize]) -> usize,
) -> Option<Choice> {
    let mut choice = Choice { lines: Vec::new(), line_tokens: Vec::new(), tokens: frame };
    let mut too_large = 0;
    for line in 0..lines {
        let cost = cost(line);
        // A line needs a line feed before it.
        let with_line = choice.tokens.saturating_add(cost).saturating_add(1);
        if with_line <= limit {
            choice.tokens = with_line;
            choice.lines.push(line);
            choice.line_tokens.push(cost);
        } else {
            too_large += 1;
            if too_large == TOO_LARGE_MAX {
                break;
            }
        }
    }
    while !choice.lines.is_empty() {
        choice.tokens = whole(&choice.lines);
        if choice.tokens <= limit {
            return Some(choice);
        }
        choice.lines.pop();
        choice.line_tokens.pop();
    }
    None
}

/// A count as receipts keep it.
pub(super) fn tokens(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_two_thousand_tokens_shared_by_priority() {
        let budget = ContextBudget::default();
        assert_eq!(
            budget,
            ContextBudget {
                total_tokens: 2000,
                identity_tokens: 2000,
                profile_tokens: 400,
                standing_tokens: 180,
                recalled_tokens: 1200,
                summary_tokens: 200
            }
        );
        assert_eq!(budget.validate(), Ok(()));
    }

    #[test]
    fn a_request_with_its_own_total_gets_the_same_shares_of_it() {
        let configured = ContextBudget { recalled_tokens: 1000, ..ContextBudget::default() };
        assert_eq!(configured.scaled_to(2000), configured);
        assert_eq!(configured.scaled_to(500).recalled_tokens, 250);
        assert_eq!(ContextBudget::of_total(0).scaled_to(2000), ContextBudget::default());
        assert_eq!(configured.scaled_to(u32::MAX).validate(), Err(BudgetError::TotalTooLarge(u32::MAX)));
    }

    #[test]
    fn a_section_above_the_total_is_named() {
        let budget = ContextBudget { summary_tokens: 2001, ..ContextBudget::default() };
        assert_eq!(
            budget.validate().unwrap_err().to_string(),
            "the budget of the section `summary` is 2001 tokens, above the total of 2000; raise the total or lower it"
        );
    }

    fn chosen(costs: &[usize], frame: usize, limit: usize) -> Option<Choice> {
        choose(
            costs.len(),
            frame,
            limit,
            |line| costs[line],
            |lines| lines.iter().map(|line| costs[*line]).sum(),
        )
    }

    #[test]
    fn a_line_too_large_is_passed_over_and_smaller_ones_after_it_are_taken() {
        let choice = Choice { lines: vec![0, 2], line_tokens: vec![4, 4], tokens: 8 };
        assert_eq!(chosen(&[4, 90, 4], 10, 20), Some(choice));
        assert_eq!(chosen(&[90], 10, 20), None);
        assert_eq!(chosen(&[], 10, 20), None);
    }

    #[test]
    fn when_the_whole_is_larger_than_its_parts_the_last_chosen_is_given_up() {
        let choice = choose(3, 0, 20, |_| 5, |lines| lines.len() * 10);
        assert_eq!(choice, Some(Choice { lines: vec![0, 1], line_tokens: vec![5, 5], tokens: 20 }));
        assert_eq!(choose(1, 0, 20, |_| 5, |_| 21), None);
    }

    #[test]
    fn lines_are_not_counted_for_ever_once_the_room_is_used_up() {
        let counted = std::cell::Cell::new(0);
        let cost = |_| {
            counted.set(counted.get() + 1);
            5
        };
        let choice = choose(1_000_000, 0, 20, cost, |_| 20).map(|choice| choice.lines);
        assert_eq!((choice, counted.get()), (Some(vec![0, 1, 2]), 3 + TOO_LARGE_MAX));
    }
}
