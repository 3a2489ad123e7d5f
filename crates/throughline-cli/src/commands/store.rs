//! `throughline store`: moving a memory to another engine while servers use it. What happens in which order: docs/moving.md.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use throughline::copy::{Comparison, Copier, CopyError, Difference, KINDS, Pass};
use throughline::model::Scope;
use throughline::ports::{CopyStore, Transit};
use throughline_llm::Secret;

use super::Run;
use crate::config::{Config, Flags, StoreUrl, Value as _};
use crate::failure::{Failure, Hinting};
use crate::store;
use crate::terminal::{Terminal, Tone, grouped};

/// Scopes that are copied at once: each waits for two servers most of the time.
const COPIED_AT_ONCE: usize = 4;

/// Passes before the last one: if it does not become quiet after so many, it is busy, and the last pass takes longer.
const PASSES_MAX: usize = 16;

/// So few changed scopes are quickly copied while writers are kept out.
const FEW_SCOPES: u64 = 16;

/// Bytes of a file with a password.
const PASSWORD_FILE_BYTES_MAX: u64 = 4_096;

/// Move a memory to another engine, or look whether a copy is one
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  throughline store copy ~/.local/share/throughline postgres://throughline@db.internal/memory\n  throughline store reopen ~/.local/share/throughline"
)]
pub(crate) struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy a memory to another place, while servers go on using it
    ///
    /// Copies what changed until little changes any more. With --switch, writers are then kept out (chats go on, and what is said waits
    /// on the servers' disks), the rest is copied, both are compared, and the copy is opened for writers. Killed at any moment it
    /// can be run again and goes on.
    #[command(after_help = "\
Examples:
  throughline store copy DATA-FOLDER redis://cache.internal --dry-run
  throughline store copy DATA-FOLDER redis://cache.internal              # as often as you like, while servers run
  throughline store copy DATA-FOLDER redis://cache.internal --switch     # then start the servers with --store redis://cache.internal
  throughline store copy redis://cache.internal backup --verify-only     # exit code 1 if they differ")]
    Copy(Copy),
    /// Let writers into a memory again that was moved
    ///
    /// For going back. What was written to the copy since is not in it.
    #[command(after_help = "Example:\n  throughline store reopen ~/.local/share/throughline")]
    Reopen {
        /// A folder or the URL of a server
        place: Place,
        /// A file with its password, in place of one in the URL
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Copy {
    /// What is copied: a data folder or the URL of a server
    from: Place,
    /// Where to: an empty place, or one that a copy of the same memory was begun in
    to: Place,
    /// Keep writers out, copy the rest, compare, and open the copy for writers
    #[arg(long, conflicts_with_all = ["dry_run", "verify_only"])]
    switch: bool,
    /// Say what would be copied, and change nothing
    #[arg(long, conflicts_with = "verify_only")]
    dry_run: bool,
    /// Compare both, and change nothing
    #[arg(long)]
    verify_only: bool,
    /// A file with the password of what is copied, in place of one in the URL
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// A file with the password of the copy's place, in place of one in the URL
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
}

/// A folder, or a server.
#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Server(StoreUrl),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            StoreUrl::read(text).map(Self::Server)
        } else {
            Ok(Self::Folder(text.into()))
        }
    }
}

/// Without credentials.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Server(url) => f.write_str(&url.shown()),
        }
    }
}

impl Place {
    /// The settings, with the memory in this place.
    fn settings(&self, run: &Run, password: Option<&PathBuf>) -> Result<Config> {
        let mut config = run.load(&Flags::default())?.config;
        config.store_password = password.map(read_password).transpose()?;
        config.store = match self {
            Self::Folder(folder) => {
                config.data.clone_from(folder);
                None
            }
            Self::Server(url) => Some(url.clone()),
        };
        Ok(config)
    }

    fn open(&self, run: &Run, password: Option<&PathBuf>) -> Result<Arc<dyn CopyStore>> {
        store::open_for_copying(&self.settings(run, password)?)
    }

    /// Opens what must be there.
    fn open_existing(&self, run: &Run, password: Option<&PathBuf>) -> Result<Arc<dyn CopyStore>> {
        let config = self.settings(run, password)?;
        if !store::exists(&config)? {
            return Err(Failure::error(format!("there is no memory in {self}"))
                .hint("name the folder that a server has as `--data`, or the URL it has as `--store`"));
        }
        store::open_for_copying(&config)
    }
}

fn read_password(file: &PathBuf) -> Result<Secret> {
    let length = fs_err::metadata(file)?.len();
    if length > PASSWORD_FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "{} is no file with a password: it has {length} bytes, {PASSWORD_FILE_BYTES_MAX} are allowed",
            file.display()
        )));
    }
    Ok(Secret::new(&fs_err::read_to_string(file)?))
}

impl Store {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Copy(copy) => copy.run(run),
            Action::Reopen { place, password_file } => reopen(run, place, password_file.as_ref()),
        }
    }
}

fn reopen(run: &Run, place: &Place, password: Option<&PathBuf>) -> Result<()> {
    let store = place.open_existing(run, password)?;
    let was = match store.transit()? {
        Some(Transit::Filling(_)) => {
            return Err(Failure::error(format!("{place} is a copy that is not whole"))
                .hint("repeat `throughline store copy` until it has switched, or empty the place"));
        }
        Some(Transit::Moved(to)) => {
            store.set_transit(None)?;
            Some(to)
        }
        None => None,
    };
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "place": place.to_string(), "had_moved_to": was }));
    }
    run.terminal.line(match was {
        Some(to) => {
            format!("{place} is in use again. What was written to {to} since it moved there is not in it.")
        }
        None => format!("{place} is in use; nothing was to be done."),
    })
}

impl Copy {
    fn run(&self, run: &Run) -> Result<()> {
        let from = self.from.open_existing(run, self.from_password_file.as_ref())?;
        let to = if self.verify_only || self.dry_run {
            // Looking makes no store.
            let config = self.to.settings(run, self.to_password_file.as_ref())?;
            if !store::exists(&config)? {
                return self.nothing_there(run, &*from);
            }
            store::open_for_copying(&config)?
        } else {
            self.to.open(run, self.to_password_file.as_ref())?
        };
        if self.verify_only {
            let found = compare(run.terminal, Copier::between(&*from, &*to))?;
            show_comparison(run.terminal, &found)?;
            return differing(&found);
        }
        let copier = Copier::new(&*from, &*to, !self.dry_run).map_err(with_hint)?;
        if self.dry_run {
            return self.would(run, copier.scopes().map_err(with_hint)?);
        }
        let mut passes = copy_until_quiet(run.terminal, copier)?;
        let verified = if self.switch { Some(self.switch(run, &*from, copier, &mut passes)?) } else { None };
        self.report(run, &passes, verified.as_ref())
    }

    fn nothing_there(&self, run: &Run, from: &dyn CopyStore) -> Result<()> {
        if self.verify_only {
            return Err(Failure::error(format!("there is no memory in {}", self.to)));
        }
        self.would(run, Copier::between(from, from).scopes().map_err(with_hint)?)
    }

    fn would(&self, run: &Run, scopes: u64) -> Result<()> {
        if run.terminal.is_json() {
            return run.terminal.document(&json!({
                "from": self.from.to_string(), "to": self.to.to_string(), "scopes": scopes, "dry_run": true,
            }));
        }
        let scopes = grouped(scopes);
        run.terminal.line(format!("Would copy {scopes} users' memories from {} to {}.", self.from, self.to))
    }

    /// Keeps writers out, and brings it to its end.
    fn switch(
        &self,
        run: &Run,
        from: &dyn CopyStore,
        copier: Copier<'_>,
        passes: &mut Vec<Pass>,
    ) -> Result<Comparison> {
        // One that a run before has set stays whatever happens: its operator knows of it.
        let is_fenced = from.transit()?.is_some();
        run.terminal.note(format!("Writers are kept out of {} from now on.", self.from));
        copier.fence(&self.to.to_string()).map_err(with_hint)?;
        let finished = finish(run.terminal, copier, passes);
        if finished.is_err() && !is_fenced {
            copier.lift_fence().map_err(with_hint)?;
            run.terminal.note(format!("Writers are let into {} again.", self.from));
        }
        finished
    }

    fn report(&self, run: &Run, passes: &[Pass], verified: Option<&Comparison>) -> Result<()> {
        let (from, to) = (&self.from, &self.to);
        if run.terminal.is_json() {
            let passes = passes.iter().map(
                |pass| json!({ "scopes": pass.scopes, "copied": pass.copied, "users_gone": pass.users_gone }),
            );
            return run.terminal.document(&json!({
                "from": from.to_string(),
                "to": to.to_string(),
                "passes": passes.collect::<Vec<_>>(),
                "switched": verified.is_some(),
                "verified": verified.map(|found| counts(&found.to.counts)),
            }));
        }
        let Some(found) = verified else {
            let changed = passes.last().map_or(0, |pass| pass.copied);
            run.terminal.line(format!(
                "{to} has a copy of {from}; {} memories changed while the last pass ran.",
                grouped(changed)
            ))?;
            return run
                .terminal
                .line("Run it again with --switch to move: chats go on meanwhile, other writes wait.");
        };
        let moved = run.terminal.paint(Tone::Good, "Moved.");
        run.terminal.line(format!(
            "{moved} {to} has all of {from}, and is open for writers; {from} is not any more."
        ))?;
        show_counts(run.terminal, found)?;
        run.terminal.line(format!("Start the servers with `{}`.", start_with(to)))
    }
}

/// Copies the rest, compares, and lets writers into the copy.
fn finish(terminal: Terminal, copier: Copier<'_>, passes: &mut Vec<Pass>) -> Result<Comparison> {
    passes.push(pass(terminal, copier)?);
    let found = compare(terminal, copier)?;
    if found.differing > 0 {
        show_comparison(terminal, &found)?;
    }
    differing(&found)?;
    copier.finish().map_err(with_hint)?;
    Ok(found)
}

fn start_with(place: &Place) -> String {
    match place {
        Place::Folder(folder) => format!("--data {}", folder.display()),
        Place::Server(url) => format!("--store {}", url.shown()),
    }
}

fn named(scope: &Scope) -> String {
    let inner = [
        scope.agent.as_ref().map(|agent| format!(", agent {agent}")),
        scope.app.as_ref().map(|app| format!(", app {app}")),
        scope.run.as_ref().map(|run| format!(", run {run}")),
    ];
    let inner: String = inner.into_iter().flatten().collect();
    format!("user {} of tenant {}{inner}", scope.user.user, scope.user.tenant)
}

fn described(difference: &Difference) -> Value {
    json!({ "of": difference.scope.as_ref().map(named), "kinds": difference.kinds })
}

fn counts(counts: &[u64]) -> Value {
    KINDS.iter().zip(counts).map(|(kind, count)| (kind.replace(' ', "_"), json!(count))).collect()
}

fn show_counts(terminal: Terminal, found: &Comparison) -> Result<()> {
    let rows: Vec<[String; 3]> = KINDS
        .iter()
        .zip(found.from.counts.iter().zip(&found.to.counts))
        .map(|(kind, (from, to))| [(*kind).to_owned(), grouped(*from), grouped(*to)])
        .collect();
    terminal.table(["", "source", "copy"], &rows)
}

fn show_comparison(terminal: Terminal, found: &Comparison) -> Result<()> {
    if terminal.is_json() {
        return terminal.document(&json!({
            "from": counts(&found.from.counts),
            "to": counts(&found.to.counts),
            "differing": found.differing,
            "differences": found.differences.iter().map(described).collect::<Vec<_>>(),
        }));
    }
    show_counts(terminal, found)?;
    for difference in &found.differences {
        let of = difference.scope.as_ref().map_or_else(|| "the store".to_owned(), named);
        terminal.line(format!("  {of}: {} differ", difference.kinds.join(", ")))?;
    }
    Ok(())
}

fn differing(found: &Comparison) -> Result<()> {
    if found.differing == 0 {
        return Ok(());
    }
    Err(Failure::error(format!(
        "{} users' memories, or what belongs to none, differ",
        grouped(found.differing)
    ))
    .hint("run the copy again; if it stays, report it with what is listed above"))
}

/// Copies what changed, and what changed meanwhile, until that is little or no longer becomes less.
fn copy_until_quiet(terminal: Terminal, copier: Copier<'_>) -> Result<Vec<Pass>> {
    let mut passes: Vec<Pass> = Vec::new();
    loop {
        let before = passes.last().map_or(u64::MAX, |pass| pass.copied);
        let done = pass(terminal, copier)?;
        passes.push(done);
        if done.copied <= FEW_SCOPES || done.copied >= before || passes.len() >= PASSES_MAX {
            return Ok(passes);
        }
    }
}

fn pass(terminal: Terminal, copier: Copier<'_>) -> Result<Pass> {
    let bar = bar(terminal, copier, "copied")?;
    let done = copier.pass(&at_once, &|_| bar.inc(1)).map_err(with_hint)?;
    bar.finish_and_clear();
    let Pass { scopes, copied, users_gone } = done;
    let gone = if users_gone == 0 { String::new() } else { format!(", {} users gone", grouped(users_gone)) };
    terminal.note(format!("{} of {} users' memories copied{gone}", grouped(copied), grouped(scopes)));
    Ok(done)
}

fn compare(terminal: Terminal, copier: Copier<'_>) -> Result<Comparison> {
    let bar = bar(terminal, copier, "compared")?;
    let found = copier.compare(&at_once, &|| bar.inc(1)).map_err(with_hint)?;
    bar.finish_and_clear();
    Ok(found)
}

fn bar(terminal: Terminal, copier: Copier<'_>, what: &'static str) -> Result<ProgressBar> {
    let scopes = copier.scopes().map_err(with_hint)?;
    let bar = terminal.progress(scopes, "  {msg:8} {bar:30} {pos}/{len} users' memories, {eta} left");
    bar.set_message(what);
    Ok(bar)
}

/// Some at once; what an error leaves undone is done by the next pass.
fn at_once(
    scopes: &[Scope],
    work: &(dyn Fn(&Scope) -> Result<(), CopyError> + Sync),
) -> Result<(), CopyError> {
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some(scope) = scopes.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(scope)?;
        }
        Ok(())
    };
    std::thread::scope(|threads| {
        let running: Vec<_> = (0..COPIED_AT_ONCE).map(|_| threads.spawn(take)).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn with_hint(error: CopyError) -> anyhow::Error {
    let hint = match &error {
        CopyError::Same => "if it was moved there before, nothing is left to do",
        CopyError::NotEmpty => "name an empty folder, database or `store.key_prefix`",
        CopyError::OtherSource | CopyError::SourceUnfinished => {
            "empty that place, or finish the copy it belongs to"
        }
        CopyError::TargetMoved(_) => "copy to another place, or open it with `throughline store reopen`",
        CopyError::From(_) | CopyError::To(_) => {
            "put it right and run the command again: it goes on where it stopped"
        }
    };
    anyhow::Error::from(error).context("the memory cannot be copied").hint(hint)
}
