//! The behaviours of every store, on each server it promises to work with.

mod real_postgres {
    use throughline::ports::Store;

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        crate::database::with_store(&crate::database::POSTGRES, run);
    }

    throughline::store_conformance!(with_store);
}

mod real_postgres_new {
    use throughline::ports::Store;

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        crate::database::with_store(&crate::database::POSTGRES_NEW, run);
    }

    throughline::store_conformance!(with_store);
}

/// Connections are shared by the transaction.
mod real_pgbouncer {
    use throughline::ports::Store;

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        crate::database::with_store(&crate::database::PGBOUNCER, run);
    }

    throughline::store_conformance!(with_store);
}
