//! The checks that keep the house in order: each looks at the repository and names what is out of place.
//!
//! They never change a file. Each check is a function over plain values with its own tests, and each also runs
//! over this repository as a test, so `cargo nextest run` finds what `cargo xtask tidy` finds.

mod files;
mod layers;
mod sources;

use anyhow::{Result, bail};

use crate::repository::Repository;

/// Something out of place: where, and what to do about it.
pub(crate) type Problem = String;

type Check = fn(&Repository) -> Result<Vec<Problem>>;

const CHECKS: [(&str, Check); 3] = [
    ("layers between crates", layers::check),
    ("heads, lengths and leftovers of modules", sources::check),
    ("paths, sizes and documents", files::check),
];

pub(crate) fn run(repository: &Repository) -> Result<()> {
    let mut count = 0;
    for (name, check) in CHECKS {
        let problems = check(repository)?;
        println!("{} {name}", if problems.is_empty() { "ok  " } else { "FAIL" });
        for problem in &problems {
            println!("       {problem}");
        }
        count += problems.len();
    }
    if count > 0 {
        bail!("{count} things are out of place");
    }
    Ok(())
}

#[cfg(test)]
fn assert_in_order(check: Check) {
    let problems = check(&Repository::open().unwrap()).unwrap();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
