//! A tenant's requests of a minute, counted for two servers on one store.

use crate::program::Program;
use crate::server::Server;

const LIMIT: usize = 40;

#[test]
fn two_servers_together_answer_no_more_requests_of_a_tenant_than_it_may_send_in_a_minute() {
    let program = Program::new();
    let serve = || {
        let mut command = program.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        command.env("THROUGHLINE_SERVER_TENANT_REQUESTS_A_MINUTE_MAX", LIMIT.to_string());
        Server::spawn(command)
    };
    let servers = [serve(), serve()];
    let answers: Vec<String> =
        (0..3 * LIMIT).map(|number| servers[number % 2].get("/api/v1/turns?user=ada")).collect();
    let (granted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.starts_with("HTTP/1.1 200"));
    // The minute may end meanwhile, and another one begin.
    assert!((LIMIT - 4..=2 * LIMIT).contains(&granted.len()), "{} granted", granted.len());
    for answer in refused {
        assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("rate_limited"), "{answer}");
        assert!(answer.contains("retry-after: "), "{answer}");
    }
    // What belongs to no tenant is not counted.
    assert!(servers[0].get("/healthz").starts_with("HTTP/1.1 200"));
}
