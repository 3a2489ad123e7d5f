//! The flags of settings, made from the registry: a command takes those of the groups it is about.

use std::collections::BTreeMap;
use std::ops::Deref;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use jiff::tz::TimeZone;

use super::registry::{Group, SETTINGS, Setting};
use super::values::Value as _;

/// The settings that flags gave, by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    /// What a flag gave.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// From keys and texts.
    #[cfg(test)]
    pub(crate) fn of(given: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(given.into_iter().collect())
    }
}

fn of_groups(groups: &'static [Group]) -> impl Iterator<Item = (&'static Setting, &'static str)> {
    SETTINGS
        .iter()
        .filter(move |setting| groups.contains(&setting.group))
        .filter_map(|setting| Some((setting, setting.flag?)))
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident: $($group:ident),*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $name(Flags);

        impl $name {
            const GROUPS: &[Group] = &[$(Group::$group),*];
        }

        impl Deref for $name {
            type Target = Flags;

            fn deref(&self) -> &Flags {
                &self.0
            }
        }

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let given = of_groups(Self::GROUPS)
                    .filter_map(|(setting, _)| Some((setting.key, matches.get_one::<String>(setting.key)?.clone())));
                Ok(Self(Flags(given.collect())))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Args for $name {
            fn augment_args(command: Command) -> Command {
                of_groups(Self::GROUPS).fold(command, |command, (setting, flag)| command.arg(flag_of(setting, flag)))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    )*};
}

flags! {
    /// For commands that open a memory.
    MemoryFlags: Memory;
    /// For the chat in the terminal.
    ChatFlags: Memory, Upstream, Learning, Chat;
    /// For the canary.
    CanaryFlags: Memory, Upstream, Learning;
    /// For the server.
    ServeFlags: Memory, Upstream, Server, Learning;
    /// For showing all settings.
    AllFlags: Memory, Upstream, Server, Learning, Chat;
}

fn flag_of(setting: &Setting, flag: &'static str) -> Arg {
    Arg::new(setting.key)
        .long(flag)
        .value_name(setting.form)
        // West of Greenwich an offset begins with a dash.
        .allow_hyphen_values(setting.form == TimeZone::FORM)
        .help(setting.doc.trim_end_matches('.').to_owned())
        .help_heading("Settings")
}
