//! Reads stories from text: one line for each thing that is said, done or expected.
//!
//! ```text
//! theme: moves
//!
//! story: moves once
//! on 2026-03-02
//! user: I live in Paris.
//! on 2026-04-01 18:30
//! user: I moved to Lyon.
//! assistant: How do you like it?
//! seen 2026-05-01
//! current: user.home=Lyon
//! history: user.home=Paris
//! never: user.home=Rome
//! ```
//!
//! Roles are `user`, `assistant`, `tool` and `system`; `echo` is a user's message that brings the recalled block with it;
//! `operator` is followed by `add`, `edit … to …`, `retract`, `restore` or `forget`. `\n` breaks a line of a message. What is
//! expected is a slot and words of its value, words alone, a slot alone, or `anything`; ` | ` stands between ways that are
//! all right. Without `seen` it is looked at an hour after the last session began. `#` begins a comment.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::conversation::Role;

use super::story::{Expected, Fact, Must, Order, Step, Story, StorySession};

/// When a session begins if the story names only its day.
const HOUR: i8 = 10;

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct StoryError {
    /// Its number.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// The stories of a text.
pub fn read_stories(text: &str) -> Result<Vec<Story>, StoryError> {
    let mut reader = Reader::default();
    let mut last = 0;
    for (line, content) in (1..).zip(text.lines()) {
        reader.take(content.trim()).map_err(|problem| StoryError { line, problem })?;
        last = line;
    }
    reader.end_story().map_err(|problem| StoryError { line: last, problem })?;
    Ok(reader.stories)
}

#[derive(Default)]
struct Reader {
    stories: Vec<Story>,
    theme: Option<String>,
    story: Option<Draft>,
}

/// A story that goes on.
struct Draft {
    theme: String,
    name: String,
    sessions: Vec<StorySession>,
    seen: Option<Timestamp>,
    expected: Vec<Expected>,
}

impl Reader {
    fn take(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(day) = line.strip_prefix("on ") {
            return self.begin_session(moment(day)?);
        }
        if let Some(day) = line.strip_prefix("seen ") {
            self.draft()?.seen = Some(moment(day)?);
            return Ok(());
        }
        let (key, rest) = line.split_once(':').ok_or("no `key: text`, no `on DAY` and no `seen DAY`")?;
        let rest = rest.trim();
        match key {
            "theme" => {
                self.end_story()?;
                self.theme = Some(rest.to_owned());
            }
            "story" => self.begin_story(rest)?,
            "current" => self.expect(Must::Current, rest)?,
            "history" => self.expect(Must::History, rest)?,
            "never" => self.expect(Must::Never, rest)?,
            "echo" => self.step(Step::Echoed(unescaped(rest)))?,
            "operator" => self.step(Step::Ordered(order(rest)?))?,
            role => {
                let role = Role::from_name(role).ok_or_else(|| format!("`{role}` is no key of a story"))?;
                self.step(Step::Said { role, text: unescaped(rest) })?;
            }
        }
        Ok(())
    }

    fn begin_story(&mut self, name: &str) -> Result<(), String> {
        self.end_story()?;
        let theme = self.theme.clone().ok_or("a story before the first `theme:`")?;
        if self.stories.iter().any(|story| story.name == name) {
            return Err(format!("there is a story `{name}` already"));
        }
        let (sessions, seen, expected) = (Vec::new(), None, Vec::new());
        self.story = Some(Draft { theme, name: name.to_owned(), sessions, seen, expected });
        Ok(())
    }

    fn begin_session(&mut self, start: Timestamp) -> Result<(), String> {
        let sessions = &mut self.draft()?.sessions;
        if sessions.last().is_some_and(|before| before.start >= start) {
            return Err("a session that is not later than the one before".into());
        }
        sessions.push(StorySession { start, steps: Vec::new() });
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let session =
            self.draft()?.sessions.last_mut().ok_or("nothing can happen before the first `on DAY`")?;
        session.steps.push(step);
        Ok(())
    }

    fn expect(&mut self, must: Must, text: &str) -> Result<(), String> {
        let facts = text.split(" | ").map(fact).collect::<Result<_, _>>()?;
        self.draft()?.expected.push(Expected { must, facts });
        Ok(())
    }

    fn draft(&mut self) -> Result<&mut Draft, String> {
        self.story.as_mut().ok_or_else(|| "a line before the first `story:`".to_owned())
    }

    fn end_story(&mut self) -> Result<(), String> {
        let Some(Draft { theme, name, sessions, seen, expected }) = self.story.take() else { return Ok(()) };
        let last = sessions.last().ok_or_else(|| format!("nothing happens in `{name}`"))?;
        if expected.is_empty() {
            return Err(format!("nothing is expected of `{name}`"));
        }
        let hour = SignedDuration::from_hours(1);
        let seen = seen.unwrap_or(last.start.checked_add(hour).map_err(|error| error.to_string())?);
        if seen < last.start {
            return Err(format!("`{name}` is looked at before it is over"));
        }
        self.stories.push(Story { theme, name, sessions, seen, expected });
        Ok(())
    }
}

/// `2026-03-02` or `2026-03-02 18:30`.
fn moment(text: &str) -> Result<Timestamp, String> {
    let of_day = |day: Date| day.at(HOUR, 0, 0, 0);
    let civil = text.trim().parse::<Date>().map(of_day).or_else(|_| text.trim().parse::<DateTime>());
    // A date with a time reads as a date too, and would lose its time.
    let civil = if text.contains(':') { text.trim().parse::<DateTime>() } else { civil };
    let zoned = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| format!("`{text}` is no day such as 2026-03-02"))
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn fact(text: &str) -> Result<Fact, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("nothing is said to be expected".into());
    }
    if text == "anything" {
        return Ok(Fact { slot: None, words: String::new() });
    }
    if let Some((slot, words)) = text.split_once('=') {
        return Ok(Fact { slot: Some(slot.trim().to_owned()), words: words.trim().to_owned() });
    }
    let slot = text.contains('.') && !text.contains(' ');
    Ok(if slot {
        Fact { slot: Some(text.to_owned()), words: String::new() }
    } else {
        Fact { slot: None, words: text.to_owned() }
    })
}

fn order(text: &str) -> Result<Order, String> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    match verb {
        "add" => Ok(Order::Add(fact(rest)?)),
        "edit" => {
            let (of, to) = rest.split_once(" to ").ok_or("`edit` needs a fact, ` to ` and a value")?;
            Ok(Order::Edit(fact(of)?, to.trim().to_owned()))
        }
        "retract" => Ok(Order::Retract(fact(rest)?)),
        "restore" => Ok(Order::Restore(fact(rest)?)),
        "forget" => Ok(Order::Forget(fact(rest)?)),
        _ => Err(format!("an operator can add, edit, retract, restore or forget; `{verb}` is none of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "\
theme: moves
story: moves once # is no comment here
on 2026-03-02
user: I live in Paris.\\nIt is nice.
on 2026-04-01 18:30
operator: edit user.home=Paris to Lyon
# a comment
current: user.home=Lyon | Lyon
never: user.home
never: anything
";

    #[test]
    fn a_story_is_read_line_by_line() {
        let story = read_stories(STORY).unwrap().remove(0);
        assert_eq!((story.theme.as_str(), story.sessions.len()), ("moves", 2));
        let text = "I live in Paris.\nIt is nice.".to_owned();
        assert_eq!(story.sessions[0].steps, [Step::Said { role: Role::User, text }]);
        assert_eq!(story.sessions[1].start.to_string(), "2026-04-01T18:30:00Z");
        assert_eq!(story.seen.to_string(), "2026-04-01T19:30:00Z");
        let shown = |line: &Expected| line.facts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected: Vec<_> = story.expected.iter().map(shown).collect();
        assert_eq!(expected, [vec!["user.home=Lyon", "Lyon"], vec!["user.home"], vec!["anything"]]);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        for (from, to, expected) in [
            (
                "on 2026-04-01 18:30",
                "on 2026-03-01",
                "line 5: a session that is not later than the one before",
            ),
            ("on 2026-03-02", "on Monday", "line 3: `Monday` is no day such as 2026-03-02"),
            ("user: I", "bob: I", "line 4: `bob` is no key of a story"),
            ("theme: moves", "", "line 2: a story before the first `theme:`"),
            (
                "edit",
                "burn",
                "line 6: an operator can add, edit, retract, restore or forget; `burn` is none of it",
            ),
        ] {
            assert_eq!(read_stories(&STORY.replacen(from, to, 1)).unwrap_err().to_string(), expected);
        }
    }
}
