//! Child processes: a clean environment, errors that show the command, and its output watched line by line.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A command in `directory`, without the variables that cargo sets for the package it runs.
///
/// Build scripts that watch `CARGO_PKG_*` would otherwise run again each time a build goes from `cargo test` to
/// `cargo xtask test` and back.
pub(crate) fn command(program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The command as one could type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a command with its output on our terminal; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", shown(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a command, passes its output on as it comes, and shows every line of it to `watch`.
///
/// Returns whether the command succeeded. Both streams are read at once, so neither can block the child.
pub(crate) fn run_watched(command: &mut Command, watch: &(dyn Fn(&str) + Sync)) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| pass_lines(stdout, std::io::stdout(), watch));
        scope.spawn(|| pass_lines(stderr, std::io::stderr(), watch));
    });
    Ok(child.wait()?.success())
}

fn pass_lines(source: Option<impl Read>, mut sink: impl Write, watch: &(dyn Fn(&str) + Sync)) {
    let Some(source) = source else { return };
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    // A terminal that went away must not stop the reading: the child would block on a full pipe.
    while matches!(source.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        let _ = sink.write_all(&line).and_then(|()| sink.flush());
        watch(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_watched_command_shows_both_of_its_streams() {
        let seen = Mutex::new(Vec::new());
        let mut command = command("sh", Path::new("."));
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let passed = run_watched(&mut command, &|line| seen.lock().unwrap().push(line.to_owned())).unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort();
        assert_eq!(seen, ["one", "two"]);
        assert!(!passed);
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = run(command("sh", Path::new(".")).args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("sh -c exit 3"), "{error}");
    }
}
