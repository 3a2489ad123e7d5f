//! The configuration file: TOML, read into (key, text) pairs with the line each stands on.
//!
//! It must never pass over a key it does not know: a misspelt setting that is silently ignored is worse than an error.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::de::{DeTable, DeValue};

use super::registry::SETTINGS;
use crate::failure::{Failure, Hinting};

/// A longer file is none that a person wrote.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One setting of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its dotted name.
    pub(crate) key: String,
    /// Its value as text.
    pub(crate) text: String,
    /// Where it stands, from 1.
    pub(crate) line: usize,
}

/// The file's settings, all of them known ones.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>> {
    let bytes = fs_err::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "the configuration file {} has {bytes} bytes; at most {FILE_BYTES_MAX} are read",
            path.display()
        )));
    }
    let text = fs_err::read_to_string(path).context("the configuration file cannot be read")?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Entry>> {
    let table = DeTable::parse(text).map_err(|error| {
        Failure::usage(format!("{} is not valid TOML: {}", path.display(), error.to_string().trim()))
    })?;
    let mut reader = Reader { text, path, entries: Vec::new() };
    reader.table("", table.get_ref())?;
    Ok(reader.entries)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<()> {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let line = self.text[..name.span().start].matches('\n').count() + 1;
            let setting = SETTINGS.iter().any(|setting| setting.key == key);
            let section = SETTINGS.iter().any(|setting| {
                setting.key.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'))
            });
            match value.get_ref() {
                DeValue::Table(inner) if section => self.table(&key, inner)?,
                _ if section && !setting => {
                    return Err(self.wrong(
                        line,
                        &key,
                        "is a section; write `[section]` and its settings below it",
                    ));
                }
                _ if !setting => return Err(self.unknown(line, &key)),
                DeValue::String(text) => self.entries.push(Entry { key, text: text.to_string(), line }),
                DeValue::Integer(number) => {
                    // Digits as written would keep a radix; settings are decimal.
                    let number = i64::from_str_radix(number.as_str(), number.radix());
                    let number = number.map_err(|_| self.wrong(line, &key, "is out of range"))?;
                    self.entries.push(Entry { key, text: number.to_string(), line });
                }
                DeValue::Boolean(value) => self.entries.push(Entry { key, text: value.to_string(), line }),
                other => return Err(self.wrong(line, &key, &format!("cannot be a {}", other.type_str()))),
            }
        }
        Ok(())
    }

    fn wrong(&self, line: usize, key: &str, what: &str) -> anyhow::Error {
        Failure::usage(format!("{}, line {line}: `{key}` {what}", self.path.display()))
    }

    fn unknown(&self, line: usize, key: &str) -> anyhow::Error {
        let error = Failure::usage(format!("{}, line {line}: unknown key `{key}`", self.path.display()));
        match nearest(key) {
            Some(known) => error.hint(format!("did you mean `{known}`? `throughline config` lists all keys")),
            None => error.hint("`throughline config` lists all keys"),
        }
    }
}

/// The known key most like this one, if any is like it at all.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &str| {
        // A key in the wrong section is recognised by its last part.
        strsim::jaro_winkler(key, known).max(strsim::jaro_winkler(&last(key), &last(known)) - 0.05)
    };
    let best =
        SETTINGS.iter().map(|setting| setting.key).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.8).then_some(best)
}

/// Where the file is looked for if nobody names one.
pub(crate) fn default_path(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    super::platform::config_dir(variable).map(|folder| folder.join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let error = parse(text, Path::new("c.toml")).unwrap_err();
        assert_eq!(crate::failure::shown(&error), expected);
    }

    #[test]
    fn settings_are_read_with_their_lines() {
        let entries =
            parse("listen = \"127.0.0.1:1\"\n\n[context]\nbudget_tokens = 1_500\n", Path::new("c.toml"))
                .unwrap();
        let entry = |key: &str, text: &str, line| Entry { key: key.into(), text: text.into(), line };
        let mut expected = [entry("listen", "127.0.0.1:1", 1), entry("context.budget_tokens", "1500", 4)];
        expected.sort_by_key(|entry| entry.line);
        let mut entries = entries;
        entries.sort_by_key(|entry| entry.line);
        assert_eq!(entries, expected);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_one() {
        check(
            "lisen = \"x\"",
            "error: c.toml, line 1: unknown key `lisen`\n  hint: did you mean `listen`? `throughline config` lists all keys\n",
        );
        check(
            "[context]\nbudget_token = 1",
            "error: c.toml, line 2: unknown key `context.budget_token`\n  hint: did you mean `context.budget_tokens`? `throughline config` lists all keys\n",
        );
        check(
            "[server]\nbudget_tokens = 1",
            "error: c.toml, line 2: unknown key `server.budget_tokens`\n  hint: did you mean `context.budget_tokens`? `throughline config` lists all keys\n",
        );
        check(
            "zzz = 1",
            "error: c.toml, line 1: unknown key `zzz`\n  hint: `throughline config` lists all keys\n",
        );
    }

    #[test]
    fn a_value_of_a_wrong_kind_is_named() {
        check("listen = [1]", "error: c.toml, line 1: `listen` cannot be a array\n");
        check(
            "context = 1",
            "error: c.toml, line 1: `context` is a section; write `[section]` and its settings below it\n",
        );
        let error = parse("listen = ", Path::new("c.toml")).unwrap_err();
        assert!(error.to_string().starts_with("c.toml is not valid TOML: "), "{error}");
    }
}
