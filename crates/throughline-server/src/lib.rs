//! Throughline over HTTP: the OpenAI-compatible proxy and the native API.
