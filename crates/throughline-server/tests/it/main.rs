//! The server over real sockets, with a real store.

mod proxy;
