//! The behaviours of every vector index, against the local mode of Qdrant's own client, which reads each request by the models made
//! from Qdrant's OpenAPI description. `cargo xtask test --only stores` installs and starts it.

#![expect(clippy::unwrap_used, reason = "tests: a panic is the report")]

use std::sync::Arc;
use std::time::Duration;

use throughline::model::{Generation, Scope, TenantId, UserId};
use throughline::ports::{VectorIndex, VectorMark, VectorSet};
use throughline_qdrant::{QdrantVectors, VECTOR_GRAPH_ROWS_MIN};

const URL: &str = "THROUGHLINE_TEST_QDRANT_URL";

/// The local mode reads each vector in Python.
const CALL_MAX: Duration = Duration::from_mins(2);

fn open(owner: &str, graph_rows_min: u64) -> QdrantVectors {
    // One that is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = std::env::var(URL)
        .unwrap_or_else(|_| panic!("{URL} is not set: run `cargo xtask test --only stores`"));
    QdrantVectors::open(&url, Some("a-key"), CALL_MAX, owner, graph_rows_min).unwrap()
}

/// A store's name that no other test has.
fn owner() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

mod real_local_mode {
    use super::*;

    fn with_vectors(run: &mut dyn FnMut(&Arc<dyn VectorIndex>)) {
        run(&(Arc::new(open(&owner(), VECTOR_GRAPH_ROWS_MIN)) as _));
    }

    throughline::vector_conformance!(with_vectors);
}

#[test]
fn real_two_stores_share_a_server_and_know_nothing_of_each_other() {
    let (ours, theirs) = (open(&owner(), 1), open(&owner(), 1));
    let scope = Scope::of(TenantId::single(), UserId::new("ann").unwrap());
    let ann = VectorSet { scope, generation: Generation(1), model: 1 };
    ours.begin(&ann).unwrap();
    assert_eq!((theirs.mark(&ann), theirs.sets()), (Ok(None), Ok(vec![])));
    theirs.erase_user(&ann.scope.user).unwrap();
    assert_eq!(ours.mark(&ann), Ok(Some(VectorMark::default())));
}

#[test]
fn a_server_that_is_away_is_unavailable_and_its_key_is_not_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let url = format!("qdrant://127.0.0.1:{port}");
    let refused = QdrantVectors::open(&url, Some("a-secret-key"), CALL_MAX, "ours", 1).unwrap_err();
    assert!(refused.to_string().contains("cannot be reached"), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("a-secret-key"));
}
