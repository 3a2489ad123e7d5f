//! The behaviours of every store, on each server it promises to work with.

mod real_postgres {
    use throughline::ports::{CopyStore, Store};

    use crate::database::{self, POSTGRES};

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        database::with_store(&POSTGRES, run);
    }

    fn with_stores(run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
        database::with_stores(&POSTGRES, run);
    }

    throughline::store_conformance!(with_store);
    throughline::copy_conformance!(with_stores);
}

mod real_postgres_new {
    use throughline::ports::{CopyStore, Store};

    use crate::database::{self, POSTGRES_NEW};

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        database::with_store(&POSTGRES_NEW, run);
    }

    fn with_stores(run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
        database::with_stores(&POSTGRES_NEW, run);
    }

    throughline::store_conformance!(with_store);
    throughline::copy_conformance!(with_stores);
}

/// Connections are shared by the transaction.
mod real_pgbouncer {
    use throughline::ports::{CopyStore, Store};

    use crate::database::{self, PGBOUNCER};

    fn with_store(run: &mut dyn FnMut(&dyn Store)) {
        database::with_store(&PGBOUNCER, run);
    }

    fn with_stores(run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
        database::with_stores(&PGBOUNCER, run);
    }

    throughline::store_conformance!(with_store);
    throughline::copy_conformance!(with_stores);
}
