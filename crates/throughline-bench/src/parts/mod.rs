//! What is measured, one file for each part. Each gives finished tables.

pub(crate) mod chat;
pub(crate) mod embed;
pub(crate) mod engines;
pub(crate) mod ingest;
pub(crate) mod learn;
pub(crate) mod recall;
pub(crate) mod resident;
pub(crate) mod search;
pub(crate) mod writes;
