//! What asking a language model cost.

/// Calls, tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage {
    /// Answers of a language model.
    pub calls: u64,
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub answer_tokens: u64,
    /// What they cost, in billionths of the currency the price is given in; 0 where no price is known.
    pub cost_nanos: u64,
}

impl Usage {
    /// Of prompts and answers.
    pub fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.answer_tokens)
    }

    /// Whether there was none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            answer_tokens: self.answer_tokens.saturating_add(other.answer_tokens),
            cost_nanos: self.cost_nanos.saturating_add(other.cost_nanos),
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), std::ops::Add::add)
    }
}

/// What a model's tokens cost, in billionths of a currency for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenPrice {
    /// Tokens of a prompt.
    pub prompt_nanos_a_million: u64,
    /// Tokens of an answer.
    pub answer_nanos_a_million: u64,
}

impl TokenPrice {
    /// What so many tokens cost, in billionths, rounded up.
    pub fn cost_nanos(&self, prompt_tokens: u64, answer_tokens: u64) -> u64 {
        let cost = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let cost = cost(prompt_tokens, self.prompt_nanos_a_million)
            .saturating_add(cost(answer_tokens, self.answer_nanos_a_million));
        u64::try_from(cost.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// What the model was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageStage {
    /// What is worth remembering of a batch of turns.
    Extract,
    /// The same once more, since the first answer could not be read.
    Repair,
    /// A few sentences about a conversation, with the same once more where that was needed.
    Summarise,
}

impl UsageStage {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Extract, Self::Repair, Self::Summarise];

    /// A stable number for storage.
    pub fn code(self) -> u8 {
        match self {
            Self::Extract => 0,
            Self::Repair => 1,
            Self::Summarise => 2,
        }
    }

    /// The stage of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == code)
    }

    /// The name on the wire and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Repair => "repair",
            Self::Summarise => "summarise",
        }
    }
}

/// What learning from a batch cost, by stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageByStage {
    /// See [`UsageStage::Extract`].
    pub extract: Usage,
    /// See [`UsageStage::Repair`].
    pub repair: Usage,
    /// See [`UsageStage::Summarise`].
    pub summarise: Usage,
}

impl UsageByStage {
    /// Each stage with what it cost.
    pub fn stages(&self) -> [(UsageStage, Usage); 3] {
        [
            (UsageStage::Extract, self.extract),
            (UsageStage::Repair, self.repair),
            (UsageStage::Summarise, self.summarise),
        ]
    }

    /// What a stage cost, to be added to.
    pub fn stage_mut(&mut self, stage: UsageStage) -> &mut Usage {
        match stage {
            UsageStage::Extract => &mut self.extract,
            UsageStage::Repair => &mut self.repair,
            UsageStage::Summarise => &mut self.summarise,
        }
    }

    /// All stages together.
    pub fn total(&self) -> Usage {
        self.extract + self.repair + self.summarise
    }
}

impl std::ops::AddAssign for UsageByStage {
    fn add_assign(&mut self, other: Self) {
        self.extract += other.extract;
        self.repair += other.repair;
        self.summarise += other.summarise;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_of_both_kinds_of_tokens_and_never_less_than_it_is() {
        // 0.15 and 0.60 for a million.
        let price = TokenPrice { prompt_nanos_a_million: 150_000_000, answer_nanos_a_million: 600_000_000 };
        assert_eq!(price.cost_nanos(1_000_000, 1_000_000), 750_000_000);
        assert_eq!(price.cost_nanos(1, 0), 150);
        let cheap = TokenPrice { prompt_nanos_a_million: 1, answer_nanos_a_million: 0 };
        assert_eq!((cheap.cost_nanos(1, 9), cheap.cost_nanos(0, 9)), (1, 0));
        assert_eq!(TokenPrice::default().cost_nanos(u64::MAX, u64::MAX), 0);
    }
}
