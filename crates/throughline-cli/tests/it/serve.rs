//! The server as a process: how it starts, what it refuses, how it ends.

use crate::program::{Program, model_dir};
use crate::server::Server;

#[test]
fn the_server_starts_answers_and_ends_cleanly_at_a_stop_signal() {
    let program = Program::new();
    let server = Server::start(&program, &["--listen", "127.0.0.1:0"]);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("\"recall\":\"lexical\""), "{ready}");
    // Another process may look into the memory meanwhile.
    program.run(&["turns", "list", "--user", "ada"]).ok();
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn the_server_refuses_other_machines_without_a_key_and_says_what_to_do() {
    let program = Program::new();
    let ran = program.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("throughline keys create"), "{}", ran.stderr);
    program.run(&["keys", "create"]).ok();
    let server = Server::start(&program, &["--listen", "0.0.0.0:0"]);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn an_address_in_use_and_an_upstream_that_is_the_server_itself_are_errors_with_advice() {
    let program = Program::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = program.run(&["serve", "--listen", &address]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with(&format!("error: cannot listen on {address}"))
            && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );

    let mut itself = program.command(&["serve"]);
    let output = itself.env("OPENAI_BASE_URL", "http://127.0.0.1:8077/v1").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("(from $OPENAI_BASE_URL) is the address this server listens on")
    );
}

#[test]
fn without_the_model_the_server_runs_and_says_how_to_get_it() {
    let program = Program::new();
    let mut command =
        program.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--embeddings", "local"]);
    // No program can be found, no Python either: nothing is downloaded.
    command.env("PATH", program.path("empty"));
    let mut server = Server::spawn(command);
    let said = server.wait_for("It is used as soon as it lies in");
    assert!(
        said.contains("Recall goes by words alone") && said.contains("throughline model pull --from DIR"),
        "{said}"
    );
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("\"model\":\"missing\""), "{ready}");
    assert_eq!(server.terminate(), Some(0));
}

/// A server with the model `old` of a stand-in, and perhaps another one named as the model before.
fn with_remote_models(program: &Program, url: &str, before: Option<&str>) -> Server {
    let mut command = program.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--log", "info"]);
    command.env("THROUGHLINE_EMBEDDINGS_SOURCE", url).env("THROUGHLINE_EMBEDDINGS_MODEL", "old");
    if let Some(before) = before {
        command.env("THROUGHLINE_PREVIOUS_SOURCE", url).env("THROUGHLINE_PREVIOUS_MODEL", before);
    }
    let mut server = Server::spawn(command);
    server.wait_for("the embedding model is in use");
    server
}

/// Another process changes the memory's model.
fn switch(program: &Program, url: &str) {
    let mut command = program.command(&["model", "switch"]);
    command.env("THROUGHLINE_EMBEDDINGS_SOURCE", url).env("THROUGHLINE_EMBEDDINGS_MODEL", "new");
    assert!(command.output().unwrap().status.success());
}

#[test]
fn a_server_without_the_model_that_another_process_has_switched_to_says_so() {
    let (program, url) = (Program::new(), crate::embeddings::start());
    let mut server = with_remote_models(&program, &url, None);
    switch(&program, &url);
    server.wait_for("Recall goes by words alone: new answers now, and this server does not have it");
    let ready = server.get("/readyz");
    assert!(ready.contains("\"model\":\"other_model_serves\""), "{ready}");
    program.run(&["model", "rollback"]).ok();
    server.wait_for("at hand again");
    let ready = server.get("/readyz");
    assert!(ready.contains("\"model\":\"ready\"") && ready.contains("\"recall\":\"full\""), "{ready}");
}

#[test]
fn a_server_that_can_have_the_model_another_process_has_switched_to_goes_on_with_it() {
    let (program, url) = (Program::new(), crate::embeddings::start());
    let mut server = with_remote_models(&program, &url, Some("new"));
    switch(&program, &url);
    server.wait_for("another embedding model that the store uses is at hand");
    let ready = server.get("/readyz");
    assert!(ready.contains("\"model\":\"ready\"") && ready.contains("\"recall\":\"full\""), "{ready}");
}

#[test]
fn real_a_model_that_appears_is_used_without_a_restart() {
    let program = Program::new();
    let mut command = program.command(&[
        "serve",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--embeddings",
        "local",
        "--log",
        "info",
    ]);
    command.env("PATH", program.path("empty"));
    let mut server = Server::spawn(command);
    server.wait_for("It is used as soon as it lies in");
    program.run(&["model", "pull", "--from", &model_dir()]).ok();
    server.wait_for("the embedding model is in use");
    let ready = server.get("/readyz");
    assert!(ready.contains("\"model\":\"ready\"") && ready.contains("\"recall\":\"full\""), "{ready}");
    assert_eq!(server.terminate(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_stop_signal_ends_a_download_and_leaves_nothing_of_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let program = Program::new();
    let python = program.file("bin/python3", "#!/bin/sh\nexec /bin/sleep 1000\n");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command =
        program.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--embeddings", "local"]);
    command.env("PATH", program.path("bin"));
    let mut server = Server::spawn(command);
    server.wait_for("Fetching the embedding model");
    assert_eq!(server.terminate(), Some(0));
    let models = program.path(".local/share/throughline/models/all-MiniLM-L6-v2");
    let left: Vec<_> = std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".pull.lock"]);
}
