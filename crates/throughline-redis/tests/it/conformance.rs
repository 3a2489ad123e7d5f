//! The behaviours every store must show, shown on each kind of server.

use throughline::ports::{CopyStore, Store};
use throughline::{copy_conformance, store_conformance};

use crate::support::open;

macro_rules! on {
    ($module:ident, $name:literal) => {
        mod $module {
            use super::*;

            fn with_store(run: &mut dyn FnMut(&dyn Store)) {
                run(&open($name));
            }

            store_conformance!(with_store);

            fn with_stores(run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
                run(&open($name), &open($name));
            }

            copy_conformance!(with_stores);
        }
    };
}

on!(real_redis_7, "redis-7");
on!(real_redis_8, "redis-8");
on!(real_valkey, "valkey");
on!(real_cluster, "cluster");
on!(real_sentinel, "sentinel");
