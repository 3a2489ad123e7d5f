//! Figures over verdicts.

use super::judge::{FailureKind, Verdict};

/// Over all stories, and over those of each theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftFigures {
    /// In the order in which themes first appear.
    pub themes: Vec<ThemeFigures>,
    /// Of all stories.
    pub overall: ThemeFigures,
}

/// Over some stories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThemeFigures {
    /// The theme.
    pub theme: String,
    /// How many there are.
    pub stories: usize,
    /// How many went right.
    pub passed: usize,
    /// Facts that must be current.
    pub current: usize,
    /// How many of them are current under the slot that was expected.
    pub current_in_slot: usize,
    /// Facts that must be history.
    pub history: usize,
    /// How often each kind of failure was seen, in the order of [`FailureKind::ALL`].
    pub failures: [usize; FailureKind::ALL.len()],
}

impl ThemeFigures {
    fn of<'a>(theme: &str, verdicts: impl Iterator<Item = &'a Verdict>) -> Self {
        let mut figures = Self { theme: theme.to_owned(), ..Self::default() };
        for verdict in verdicts {
            figures.stories += 1;
            figures.passed += usize::from(verdict.failures.is_empty());
            figures.current += verdict.current;
            figures.current_in_slot += verdict.current_in_slot;
            figures.history += verdict.history;
            for (count, kind) in figures.failures.iter_mut().zip(FailureKind::ALL) {
                *count += verdict.count(kind);
            }
        }
        figures
    }

    /// How often this kind of failure was seen.
    pub fn count(&self, kind: FailureKind) -> usize {
        FailureKind::ALL.iter().position(|known| *known == kind).map_or(0, |at| self.failures[at])
    }

    /// Facts that must be current and are, in whatever slot.
    pub fn current_found(&self) -> usize {
        self.current - self.count(FailureKind::Missed) - self.count(FailureKind::Ended)
    }

    /// Facts that must be history and are.
    pub fn history_kept(&self) -> usize {
        self.history - self.count(FailureKind::Stale) - self.count(FailureKind::Lost)
    }

    /// What is held to be true and is not.
    pub fn false_current(&self) -> usize {
        self.count(FailureKind::Stale) + self.count(FailureKind::Invented)
    }

    /// What is true and held to be over.
    pub fn false_supersessions(&self) -> usize {
        self.count(FailureKind::Ended)
    }
}

impl DriftFigures {
    /// Of these.
    pub fn new(verdicts: &[Verdict]) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for verdict in verdicts {
            if !names.contains(&verdict.theme.as_str()) {
                names.push(&verdict.theme);
            }
        }
        let of = |theme: &&str| {
            ThemeFigures::of(theme, verdicts.iter().filter(|verdict| verdict.theme == **theme))
        };
        Self { themes: names.iter().map(of).collect(), overall: ThemeFigures::of("overall", verdicts.iter()) }
    }
}
