//! The proxy between a real client over sockets and a scripted upstream, with a real store.

mod answers;
mod conversations;
mod failures;
mod learning;
mod passthrough;
mod world;
mod zones;
