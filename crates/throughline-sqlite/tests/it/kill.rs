//! Killing a process at a moment drawn at random: what the tests of crashes have in common.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::again;

const ROUNDS: &str = "THROUGHLINE_CRASH_ROUNDS";
pub(crate) const DIRECTORY: &str = "THROUGHLINE_TEST_CRASH_DIRECTORY";
const ROUNDS_SHORT: u64 = 20;
pub(crate) const ROUNDS_PER_DIRECTORY: u64 = 25;

pub(crate) fn rounds() -> u64 {
    std::env::var(ROUNDS).map_or(ROUNDS_SHORT, |rounds| rounds.parse().unwrap())
}

/// Numbers by chance (`SplitMix64`), the same again from the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Self {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let chance = Self::of(u64::try_from(seed % u128::from(u64::MAX)).unwrap());
        println!("seed {}", chance.0);
        chance
    }

    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// In the child: one line for each acknowledged write, whole or not at all.
pub(crate) fn tell(words: &str) {
    let line = format!("\nack {words}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What was told in these lines.
pub(crate) fn told_in(lines: &str) -> Vec<String> {
    lines.lines().filter_map(|line| line.trim_end().strip_prefix("ack ")).map(str::to_owned).collect()
}

pub(crate) fn start(test: &str, directory: &Path) -> Child {
    again(test, DIRECTORY, directory).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lets the child tell so many things, waits a moment more and kills it. Returns all it told.
pub(crate) fn kill_after(mut child: Child, told_max: u64, pause: Duration) -> Vec<String> {
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    // A line without its end was cut off by the kill: nobody was told that.
    let mut next = || {
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        line.ends_with('\n').then_some(line)
    };
    let mut told = Vec::new();
    while (told.len() as u64) < told_max
        && let Some(line) = next()
    {
        told.extend(told_in(&line));
    }
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had told before it died counts as well.
    told.extend(std::iter::from_fn(next).flat_map(|line| told_in(&line)));
    told
}
