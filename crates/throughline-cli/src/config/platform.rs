//! Where this platform keeps a program's data and configuration.
//!
//! Nothing is created here.

use std::path::PathBuf;

const NAME: &str = "throughline";

/// The folder for data: `$XDG_DATA_HOME` or `~/.local/share` on Unix, Application Support on macOS, `%APPDATA%` on
/// Windows. None without a home folder.
pub(crate) fn data_dir(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    folder(variable, "XDG_DATA_HOME", ".local/share")
}

/// The folder for configuration, by the same rules.
pub(crate) fn config_dir(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    folder(variable, "XDG_CONFIG_HOME", ".config")
}

fn folder(variable: &dyn Fn(&str) -> Option<String>, xdg: &str, below_home: &str) -> Option<PathBuf> {
    let named = if cfg!(windows) { "APPDATA" } else { xdg };
    // The XDG rules: a relative path does not count.
    if let Some(base) = variable(named).map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Some(base.join(NAME));
    }
    let home = variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())?;
    let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { below_home };
    Some(home.join(below).join(NAME))
}
