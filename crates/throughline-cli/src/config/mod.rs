//! From file, environment and flags to the settings of this run: file < environment < flags.
//!
//! Nothing else of this crate reads an environment variable that sets something.

mod file;
mod flags;
mod platform;
mod reference;
mod registry;
mod store_url;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub(crate) use flags::{AllFlags, CanaryFlags, ChatFlags, Flags, MemoryFlags, ServeFlags};
pub(crate) use reference::page;
pub(crate) use registry::{Config, SETTINGS, Setting};
pub(crate) use store_url::{Engine, StoreUrl};
pub(crate) use values::{Count, Durability, EmbeddingSource, LogFormat, Value, money};

use crate::failure::{Failure, Hinting};
use registry::Default;

/// Names the configuration file.
pub(crate) const FILE_VARIABLE: &str = "THROUGHLINE_CONFIG";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag, without dashes.
    Flag(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// A setting's text and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// None if it is unset.
    text: Option<String>,
    /// Who set it.
    pub(crate) source: Source,
}

/// The settings with their sources.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The values.
    pub(crate) config: Config,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    given: BTreeMap<&'static str, Given>,
}

impl Loaded {
    /// Reads everything. `file` is the one a flag names; it must exist, as must one the environment names.
    pub(crate) fn load(
        file: Option<&Path>,
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let file = find_file(file, variable)?;
        let mut given: BTreeMap<&'static str, Given> =
            SETTINGS.iter().map(|setting| (setting.key, by_default(setting, variable))).collect();
        if let Some(path) = &file {
            for entry in file::read(path)? {
                let source = Source::File { path: path.clone(), line: entry.line };
                put(&mut given, &entry.key, entry.text, source);
            }
        }
        for setting in SETTINGS {
            let found = setting.env_names().find_map(|name| Some((variable(&name)?, name)));
            if let Some((text, name)) = found {
                put(&mut given, setting.key, text, Source::Environment(name));
            }
            if let Some((flag, text)) = setting.flag.and_then(|flag| Some((flag, flags.get(setting.key)?))) {
                put(&mut given, setting.key, text.to_owned(), Source::Flag(flag));
            }
        }
        let config = Config::from_text(&|key| given.get(key).and_then(|given| given.text.clone()))
            .map_err(|(key, problem)| wrong(key, &given, &problem))?;
        Ok(Self { config, file, given })
    }

    /// Each setting with its value for people and its source.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&'static Setting, Option<String>, &Source)> {
        SETTINGS.iter().filter_map(|setting| {
            let given = self.given.get(setting.key)?;
            let text = given.text.as_deref().and_then(|text| (setting.shown)(text).ok());
            Some((setting, text, &given.source))
        })
    }

    /// Where a setting's value came from.
    pub(crate) fn source(&self, key: &str) -> &Source {
        self.given.get(key).map_or(&Source::Default, |given| &given.source)
    }
}

/// A variable of the environment that is not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Variables with our prefix that set nothing because they are misspelt, each with the likely name.
pub(crate) fn misspelt_variables(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let known: Vec<String> = SETTINGS.iter().map(Setting::env).collect();
    names
        .filter(|name| name.starts_with("THROUGHLINE_") && name != FILE_VARIABLE && !known.contains(name))
        .filter_map(|name| {
            let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, &name))?;
            (strsim::damerau_levenshtein(near, &name) <= 3).then(|| (name, near.clone()))
        })
        .collect()
}

fn put(given: &mut BTreeMap<&'static str, Given>, key: &str, text: String, source: Source) {
    if let Some(slot) = given.get_mut(key) {
        *slot = Given { text: Some(text), source };
    }
}

fn by_default(setting: &Setting, variable: &dyn Fn(&str) -> Option<String>) -> Given {
    let text = match setting.default {
        Default::Text(text) => Some(text.to_owned()),
        Default::Unset => None,
        Default::DataDir(below) => platform::data_dir(variable)
            .map(|folder| folder.join(below).to_string_lossy().trim_end_matches('/').to_owned()),
    };
    Given { text, source: Source::Default }
}

fn find_file(named: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<PathBuf>> {
    let named = named.map(Path::to_owned).or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
    match named {
        Some(path) if path.is_file() => Ok(Some(path)),
        Some(path) => Err(Failure::usage(format!("there is no configuration file {}", path.display()))
            .hint(format!("write one, or leave `--config` and {FILE_VARIABLE} out; `throughline config` shows what can be set"))),
        None => Ok(file::default_path(variable).filter(|path| path.is_file())),
    }
}

fn wrong(key: &str, given: &BTreeMap<&'static str, Given>, problem: &str) -> anyhow::Error {
    let source = given.get(key).map_or(&Source::Default, |given| &given.source);
    match source {
        Source::Default => Failure::usage(format!("`{key}` {problem}"))
            .hint(format!("set `{key}`: there is no home folder to put it in by default")),
        Source::File { path, line } => {
            Failure::usage(format!("{}, line {line}: `{key}`: {problem}", path.display()))
        }
        Source::Environment(name) => Failure::usage(format!("the environment variable {name}: {problem}")),
        Source::Flag(flag) => Failure::usage(format!("--{flag}: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<&str>, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Loaded> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("config.toml");
        if let Some(text) = file {
            fs_err::write(&path, text)?;
        }
        let env: BTreeMap<&str, &str> = [("HOME", "/h")].into_iter().chain(env.iter().copied()).collect();
        let flags = Flags::of(flags.iter().map(|(key, text)| (*key, (*text).to_owned())));
        Loaded::load(file.map(|_| path.as_path()), &flags, &|name| {
            env.get(name).map(|value| (*value).to_owned())
        })
    }

    fn listen(file: Option<&str>, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> (String, Source) {
        let loaded = load(file, env, flags).unwrap();
        (loaded.config.listen.to_string(), loaded.source("listen").clone())
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let file = Some("listen = \"127.0.0.1:1\"");
        let env = [("THROUGHLINE_LISTEN", "127.0.0.1:2")];
        assert_eq!(listen(None, &[], &[]), ("127.0.0.1:8077".into(), Source::Default));
        let (value, source) = listen(file, &[], &[]);
        assert_eq!(value, "127.0.0.1:1");
        assert!(matches!(source, Source::File { line: 1, .. }));
        assert_eq!(
            listen(file, &env, &[]),
            ("127.0.0.1:2".into(), Source::Environment("THROUGHLINE_LISTEN".into()))
        );
        assert_eq!(
            listen(file, &env, &[("listen", "127.0.0.1:3")]),
            ("127.0.0.1:3".into(), Source::Flag("listen"))
        );
    }

    #[test]
    fn the_customary_name_of_a_variable_counts_if_ours_is_not_set() {
        let upstream = |env: &[(&str, &str)]| {
            let loaded = load(None, env, &[]).unwrap();
            (loaded.config.upstream.unwrap().to_string(), loaded.given["upstream.url"].source.to_string())
        };
        assert_eq!(
            upstream(&[("OPENAI_BASE_URL", "http://a")]),
            ("http://a/v1".to_owned(), "$OPENAI_BASE_URL".to_owned())
        );
        assert_eq!(
            upstream(&[("OPENAI_BASE_URL", "http://a"), ("THROUGHLINE_UPSTREAM_URL", "http://b/x")]),
            ("http://b/x".to_owned(), "$THROUGHLINE_UPSTREAM_URL".to_owned())
        );
    }

    #[test]
    fn a_wrong_value_says_where_it_stands() {
        let error = |file, env: &[_], flags: &[_]| load(file, env, flags).unwrap_err().to_string();
        assert!(
            error(Some("listen = \"x\""), &[], &[])
                .contains("config.toml, line 1: `listen`: `x` is not an address")
        );
        assert!(
            error(None, &[("THROUGHLINE_LISTEN", "x")], &[])
                .starts_with("the environment variable THROUGHLINE_LISTEN: `x`")
        );
        assert!(error(None, &[], &[("listen", "x")]).starts_with("--listen: `x`"));
    }

    #[test]
    fn data_lies_in_the_platforms_folder_unless_somebody_says_otherwise() {
        let data = |env: &[_]| load(None, env, &[]).unwrap().config.data;
        if cfg!(target_os = "linux") {
            assert_eq!(data(&[]), Path::new("/h/.local/share/throughline"));
            assert_eq!(data(&[("XDG_DATA_HOME", "/x")]), Path::new("/x/throughline"));
        }
        assert_eq!(data(&[("THROUGHLINE_DATA", "/d")]), Path::new("/d"));
    }

    #[test]
    fn a_file_that_was_named_must_exist() {
        let named = Path::new("no/such/file.toml");
        let error = Loaded::load(Some(named), &Flags::default(), &|_| None).unwrap_err();
        assert!(
            crate::failure::shown(&error)
                .starts_with("error: there is no configuration file no/such/file.toml")
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let loaded = load(None, &[("OPENAI_API_KEY", "sk-hunter2")], &[]).unwrap();
        let shown: Vec<_> = loaded
            .shown()
            .map(|(setting, text, source)| format!("{} {text:?} {source}", setting.key))
            .collect();
        assert!(
            shown.iter().any(|line| line == "upstream.key Some(\"set (not shown)\") $OPENAI_API_KEY"),
            "{shown:?}"
        );
        assert!(!format!("{shown:?}{:?}", loaded.config).contains("hunter2"));
    }

    #[test]
    fn a_misspelt_variable_is_noticed_and_others_are_left_alone() {
        let names = [
            "THROUGHLINE_LISEN",
            "THROUGHLINE_CONFIG",
            "THROUGHLINE_LISTEN",
            "THROUGHLINE_TEST_LLM_URL",
            "PATH",
        ];
        let found = misspelt_variables(names.into_iter().map(str::to_owned));
        assert_eq!(found, [("THROUGHLINE_LISEN".to_owned(), "THROUGHLINE_LISTEN".to_owned())]);
    }
}
