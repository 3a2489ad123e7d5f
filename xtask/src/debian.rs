//! Programs from Debian's packages, unpacked rather than installed: that needs no rights and changes nothing of the machine.

use std::path::Path;

use anyhow::{Context, Result};

use crate::process;

/// Downloads packages into `directory` and unpacks them there.
///
/// The lists of packages are fetched into it too: a new machine has none, and those of an old one may name what is gone.
pub(crate) fn unpack(directory: &Path, packages: &[&str]) -> Result<()> {
    let state = directory.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        let folder = state.join(folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let apt = |words: &[&str]| {
        let mut apt = process::command("apt-get", directory);
        apt.arg("--quiet").arg("-o").arg(format!("Dir::State::Lists={}", state.join("lists").display()));
        apt.arg("-o").arg(format!("Dir::Cache={}", state.join("cache").display()));
        apt.args(["-o", "APT::Sandbox::User="]).args(words);
        process::run(&mut apt)
    };
    apt(&["update"])?;
    apt(&[&["download"], packages].concat())?;
    for package in std::fs::read_dir(directory)? {
        let package = package?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            process::run(process::command("dpkg", directory).arg("-x").arg(&package).arg(directory))?;
            std::fs::remove_file(&package)?;
        }
    }
    std::fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))
}
