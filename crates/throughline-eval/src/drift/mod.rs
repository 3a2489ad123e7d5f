//! Drift: whether a memory that learns stays true while people move, change their minds, joke and quote others.
//!
//! A [`Story`] is scripted: dated sessions, and what must be current, history, or nowhere at its end. A [`Rememberer`] plays
//! it and says what it holds; [`judge`] compares. What learns is the caller's: rules, a model, or another product.

mod figures;
mod judge;
mod read;
mod report;
mod story;
mod table;

pub use figures::{DriftFigures, ThemeFigures};
pub use judge::{DriftFailure, FailureKind, Held, HeldState, Verdict, judge};
pub use read::{StoryError, read_stories};
pub use report::JsonDrift;
pub use story::{Expected, Fact, Must, Order, Step, Story, StorySession};
pub use table::drift_table;

/// What learns from stories.
pub trait Rememberer {
    /// Why a story could not be played.
    type Error;

    /// Plays a story from its beginning, with nothing known, and says what is held when it is over.
    fn play(&mut self, story: &Story) -> Result<Vec<Held>, Self::Error>;
}

/// The stories that come with the program, a file for each group of themes.
const BUILT_IN: [&str; 5] = [
    include_str!("../../stories/changes.txt"),
    include_str!("../../stories/time.txt"),
    include_str!("../../stories/not-so.txt"),
    include_str!("../../stories/others.txt"),
    include_str!("../../stories/languages.txt"),
];

/// The stories that come with the program.
///
/// # Panics
///
/// If one of them cannot be read, which a test rules out.
pub fn built_in_stories() -> Vec<Story> {
    BUILT_IN
        .iter()
        .flat_map(|text| read_stories(text).expect("the stories of the program can be read"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Must, built_in_stories};

    #[test]
    fn there_are_sixty_stories_or_more_each_with_a_name_of_its_own() {
        let stories = built_in_stories();
        let names: HashSet<&str> = stories.iter().map(|story| story.name.as_str()).collect();
        assert!(names.len() >= 60 && names.len() == stories.len(), "{} of {}", names.len(), stories.len());
    }

    #[test]
    fn the_stories_ask_for_all_three_and_none_asks_for_nothing() {
        let stories = built_in_stories();
        for must in [Must::Current, Must::History, Must::Never] {
            let asking = stories.iter().filter(|story| story.expected.iter().any(|line| line.must == must));
            assert!(asking.count() >= 15, "{must:?}");
        }
        assert!(stories.iter().all(|story| !story.expected.is_empty() && !story.sessions.is_empty()));
    }
}
