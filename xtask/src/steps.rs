//! A run of many steps: says what goes on, times each, counts tests, and ends with a summary.

use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::process;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

struct Done {
    name: String,
    seconds: f64,
    ok: bool,
    counts: Counts,
    /// What to type to run this step alone.
    repeat: String,
}

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

impl Steps {
    /// Prepares something that later steps need; an error ends the run.
    pub(crate) fn prepare<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = work();
        self.done.push(Done {
            name: name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
            ok: result.is_ok(),
            counts: Counts::default(),
            repeat: "cargo xtask setup".to_owned(),
        });
        result
    }

    /// Runs tests and counts them; failures are remembered, and the run goes on.
    pub(crate) fn tests(
        &mut self,
        name: &str,
        runner: Runner,
        repeat: &str,
        command: &mut Command,
    ) -> Result<()> {
        println!("\n==> {name}: {}", process::shown(command));
        let start = Instant::now();
        let counts = Mutex::new(Counts::default());
        let ok = process::run_watched(command, &|line| {
            if let (Some(found), Ok(mut counts)) = (counts_in(runner, line), counts.lock()) {
                counts.passed += found.passed;
                counts.failed += found.failed;
            }
        })?;
        let counts = counts.into_inner().unwrap_or_default();
        let seconds = start.elapsed().as_secs_f64();
        self.done.push(Done { name: name.to_owned(), seconds, ok, counts, repeat: repeat.to_owned() });
        Ok(())
    }

    /// Prints all steps and the total; an error if one failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n==> summary");
        let mut total = Counts::default();
        for step in &self.done {
            let tests = match step.counts {
                Counts { passed: 0, failed: 0 } => String::new(),
                Counts { passed, failed } => format!("{passed} passed, {failed} failed"),
            };
            let state = if step.ok { "ok  " } else { "FAIL" };
            println!("{state} {:>7.1} s  {:<42} {tests}", step.seconds, step.name);
            if !step.ok {
                println!("                to repeat: {}", step.repeat);
            }
            total.passed += step.counts.passed;
            // A step that failed without a failing test (it did not build, say) counts as one.
            total.failed += step.counts.failed.max(u64::from(!step.ok));
        }
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.failed > 0 {
            bail!("{} of {} steps failed", self.done.iter().filter(|step| !step.ok).count(), self.done.len());
        }
        Ok(())
    }
}

/// What runs the tests of a step; each says in its own way how it went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    Nextest,
    /// Documentation tests; one closing line for each crate.
    Libtest,
    /// Our own scripts.
    Script,
}

/// The counts, if this is a closing line of the runner. (What a failed test printed may hold one of another runner.)
fn counts_in(runner: Runner, line: &str) -> Option<Counts> {
    let line = without_colour(line);
    let words: Vec<&str> =
        line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let closing = match (runner, words.as_slice()) {
        (Runner::Nextest, ["Summary", ..]) => {
            words.windows(2).any(|pair| matches!(pair, ["test" | "tests", "run"]))
        }
        (Runner::Libtest, ["test", "result", ..]) | (Runner::Script, [_, "passed", _, "failed"]) => true,
        _ => false,
    };
    if !closing {
        return None;
    }
    let mut counts = Counts::default();
    for window in words.windows(3).chain(words.windows(2)) {
        match *window {
            [number, "passed"] => counts.passed += number.parse::<u64>().unwrap_or(0),
            [number, "failed"] | [number, "timed", "out"] | [number, "exec", "failed"] => {
                counts.failed += number.parse::<u64>().unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(counts)
}

/// The line without terminal colours (`ESC [ … m`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        rest = rest[start..].split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: Runner, line: &str, expect: Option<(u64, u64)>) {
        let expect = expect.map(|(passed, failed)| Counts { passed, failed });
        assert_eq!(counts_in(runner, line), expect, "{line}");
    }

    #[test]
    fn the_closing_line_of_nextest_is_counted() {
        let check = |line, expect| check(Runner::Nextest, line, Some(expect));
        check("     Summary [   0.005s] 3 tests run: 3 passed, 1 skipped", (3, 0));
        check("     Summary [   1.1s] 1 test run: 1 passed (1 slow), 0 skipped", (1, 0));
        check("     Summary [   9s] 5 tests run: 2 passed, 1 failed, 2 timed out, 0 skipped", (2, 3));
        check("     Summary [   9s] 2 tests run: 1 passed, 1 exec failed, 0 skipped", (1, 1));
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32mpassed",
            (2, 0),
        );
    }

    #[test]
    fn the_closing_lines_of_other_runners_are_counted() {
        let line = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        check(Runner::Libtest, line, Some((3, 2)));
        check(Runner::Script, "12 passed, 1 failed", Some((12, 1)));
    }

    #[test]
    fn what_a_failed_test_printed_is_not_counted() {
        check(Runner::Nextest, "    test result: FAILED. 0 passed; 1 failed; 0 ignored", None);
        check(Runner::Nextest, "3 passed, 1 failed", None);
        check(Runner::Script, "3 passed the gate and 2 failed to", None);
        check(Runner::Libtest, "test tests::a ... ok", None);
        check(Runner::Script, "", None);
    }

    #[test]
    fn a_failed_step_fails_the_run_even_without_a_failed_test() {
        let mut steps = Steps::default();
        steps
            .tests(
                "broken",
                Runner::Script,
                "sh",
                process::command("sh", std::path::Path::new(".")).args(["-c", "exit 1"]),
            )
            .unwrap();
        assert!(steps.finish().is_err());
    }

    #[test]
    fn later_steps_run_after_a_failed_one() {
        let mut steps = Steps::default();
        for script in ["echo 1 passed, 2 failed; exit 1", "echo 3 passed, 0 failed"] {
            steps
                .tests(
                    "step",
                    Runner::Script,
                    "sh",
                    process::command("sh", std::path::Path::new(".")).args(["-c", script]),
                )
                .unwrap();
        }
        let counts: Vec<_> = steps.done.iter().map(|step| step.counts).collect();
        assert_eq!(counts, [Counts { passed: 1, failed: 2 }, Counts { passed: 3, failed: 0 }]);
    }
}
