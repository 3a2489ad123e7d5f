//! Every setting of the program, once: its key, default, unit and meaning. The file, the environment, the flags, the
//! output of `throughline config` and the reference page are all made from this table.
//!
//! One rule names the environment variable: `THROUGHLINE_` and the key in capitals, dots as underscores.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use throughline::memory::Summaries;
use throughline::text::tokens::TokenEncoding;
use throughline_llm::{BaseUrl, Secret};

use super::store_url::StoreUrl;
use super::values::{Count, Durability, EmbeddingSource, LogFormat, Price, Value};

/// What a setting is about; decides which commands have its flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The memory itself: whatever opens it needs these.
    Memory,
    /// The way to the language model.
    Upstream,
    /// The server.
    Server,
    /// What is learned from turns.
    Learning,
    /// The chat in the terminal.
    Chat,
}

/// What a setting is if nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// This text.
    Text(&'static str),
    /// Nothing.
    Unset,
    /// The platform's data folder, or a folder below it.
    DataDir(&'static str),
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name in the file, `section.name`.
    pub(crate) key: &'static str,
    /// A variable of the environment other programs use for it; ours goes before.
    pub(crate) customary_env: Option<&'static str>,
    /// The flag, without dashes.
    pub(crate) flag: Option<&'static str>,
    /// What it is about.
    pub(crate) group: Group,
    /// If nobody sets it.
    pub(crate) default: Default,
    /// What to write.
    pub(crate) form: &'static str,
    /// What it does, in sentences.
    pub(crate) doc: &'static str,
    /// Checks a text.
    pub(crate) shown: fn(&str) -> Result<String, String>,
}

impl Setting {
    /// The environment variable.
    pub(crate) fn env(&self) -> String {
        format!("THROUGHLINE_{}", self.key.to_uppercase().replace('.', "_"))
    }

    /// The variables to look at, in order.
    pub(crate) fn env_names(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.env()).chain(self.customary_env.map(str::to_owned))
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $field:ident: $type:ty = $group:ident $key:literal, $default:expr $(, flag $flag:literal)? $(, env $env:literal)?;)*) => {
        /// All settings, in the order of the reference page.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            customary_env: settings!(@optional $($env)?),
            flag: settings!(@optional $($flag)?),
            group: Group::$group,
            default: $default,
            form: <$type as Value>::FORM,
            doc: concat!($($doc),*).trim_ascii(),
            shown: |text| <$type as Value>::read(text).map(|value| value.shown()),
        }),*];

        /// The settings of this run.
        #[derive(Debug, Clone)]
        pub(crate) struct Config {
            $($(#[doc = $doc])* pub(crate) $field: $type,)*
        }

        impl Config {
            /// From the text each key was given; a key without one is unset.
            ///
            /// `text` has been checked against every setting before.
            pub(super) fn from_text(text: &dyn Fn(&'static str) -> Option<String>) -> Result<Self, (&'static str, String)> {
                Ok(Self {
                    $($field: match text($key) {
                        Some(text) => <$type as Value>::read(&text).map_err(|problem| ($key, problem))?,
                        None => <$type as Value>::unset().ok_or(($key, "has no value".to_owned()))?,
                    },)*
                })
            }
        }
    };
    (@optional) => { None };
    (@optional $value:literal) => { Some($value) };
}

settings! {
    /// The folder memory is kept in. Several processes may use one folder at a time.
    data: PathBuf = Memory "data", Default::DataDir(""), flag "data";
    /// The server that keeps the memory, so that several machines may share it: `postgres://…`, `redis://…`, `rediss://…`, `redis+sentinel://…` or `redis+cluster://…`. Without it memory is kept in the folder `data`. A password is better set as `store.password` than written here: other users of a machine can read command lines.
    store: Option<StoreUrl> = Memory "store.url", Default::Unset, flag "store";
    /// The password for that server, used in place of one in the URL.
    store_password: Option<Secret> = Memory "store.password", Default::Unset;
    /// Connections to that server that this process has at most. A call waits for one that is free.
    store_connections_max: Count<1, 1_000> = Memory "store.connections_max", Default::Text("16");
    /// How long a call waits for a free connection, and for a new one to be made, in milliseconds.
    store_connect_ms_max: Count<1, 600_000> = Memory "store.connect_ms_max", Default::Text("5000");
    /// How long one call to that server may take, in milliseconds; then it is given up and fails.
    store_call_ms_max: Count<10, 3_600_000> = Memory "store.call_ms_max", Default::Text("30000");
    /// How much of what was said a server may keep on its own disk, in the folder `spool` of `data`, while the store takes no writes, in bytes; it is written later. What comes when it is full is not remembered. 0: nothing is kept.
    store_spool_bytes_max: Count<0, 1_099_511_627_776> = Server "store.spool_bytes_max", Default::Text("67108864");
    /// When a write counts as done on a Redis or Valkey server: `memory`, as soon as the server has it in memory; `fsync`, when it is on the server's disk; `replicated:N`, when N replicas have it as well. A server that cannot promise it is refused.
    store_durability: Durability = Memory "store.durability", Default::Text("fsync");
    /// Use a Redis or Valkey server also if it may lose what it acknowledged: without an append-only file, or with a policy that evicts keys.
    store_allow_data_loss: bool = Memory "store.allow_data_loss", Default::Text("false");
    /// Have a Redis or Valkey server rewrite its append-only file whenever a user is erased or a value forgotten, and wait for it, at most so many milliseconds. 0: what was taken away stays in that file until the server rewrites it by itself.
    store_wipe_ms_max: Count<0, 86_400_000> = Memory "store.wipe_ms_max", Default::Text("0");
    /// What stands before every key on a Redis or Valkey server. Several memories on one server have different ones.
    store_key_prefix: String = Memory "store.key_prefix", Default::Text("tl:");
    /// What stands before `user:{ID}:memory`, the JSON document of the structured memory that other programs may read and change on a Redis or Valkey server.
    store_memory_prefix: String = Memory "store.memory_prefix", Default::Text("");
    /// The server with an index of the vectors of large scopes: `postgres://…` with pgvector 0.8 or newer, Redis 8 (`redis://…`, `redis+cluster://…`, …), or, experimental, Qdrant 1.17 or newer (`qdrant://…`, over TLS `qdrants://…`). It may be that of the store. Without it the first look at a large scope goes by sketches in memory.
    vectors: Option<StoreUrl> = Memory "vectors.url", Default::Unset, flag "vectors";
    /// The password for that server, used in place of one in the URL.
    vectors_password: Option<Secret> = Memory "vectors.password", Default::Unset;
    /// Turns from which on a scope's vectors are left to the index. Scopes with fewer, and those with 8,192 or fewer in any case, are searched in memory as ever.
    vectors_scope_turns_min: Count<1, 1_000_000_000> = Memory "vectors.scope_turns_min", Default::Text("50000");
    /// How long a search in the index may take, in milliseconds; then recall goes on without it and says so.
    vectors_call_ms_max: Count<10, 600_000> = Memory "vectors.call_ms_max", Default::Text("2000");
    /// Where vectors come from: `local` is the model in this process, `off` leaves recall to words alone, a URL is any OpenAI-compatible API with `/embeddings`.
    embeddings: EmbeddingSource = Memory "embeddings.source", Default::Text("local"), flag "embeddings";
    /// The model to ask a remote `/embeddings` for, as it is called there.
    embeddings_model: String = Memory "embeddings.model", Default::Text("text-embedding-3-small");
    /// The key for a remote `/embeddings`.
    embeddings_key: Option<Secret> = Memory "embeddings.key", Default::Unset;
    /// Components of a vector of the remote model; asked of the endpoint if not set.
    embeddings_dimensions: Option<Count<1, 8_192>> = Memory "embeddings.dimensions", Default::Unset;
    /// Put before each query for the remote model, such as `query: ` for the E5 models.
    embeddings_query_prefix: String = Memory "embeddings.query_prefix", Default::Text("");
    /// Put before each passage for the remote model, such as `passage: ` for the E5 models.
    embeddings_passage_prefix: String = Memory "embeddings.passage_prefix", Default::Text("");
    /// Where the vectors of the model before came from, if that was a remote `/embeddings`: it answers until a switch to the model now configured is complete. It may as well name the model that a switch leads to: the server then goes on answering when that takes over. The model in this process needs no mention.
    previous_embeddings: Option<EmbeddingSource> = Memory "previous.source", Default::Unset;
    /// The model before, as it was called there.
    previous_model: String = Memory "previous.model", Default::Text("text-embedding-3-small");
    /// The key for the model before.
    previous_key: Option<Secret> = Memory "previous.key", Default::Unset;
    /// Put before each query for the model before.
    previous_query_prefix: String = Memory "previous.query_prefix", Default::Text("");
    /// Put before each passage for the model before.
    previous_passage_prefix: String = Memory "previous.passage_prefix", Default::Text("");
    /// The folder of the model that runs in this process.
    model_dir: PathBuf = Memory "model.dir", Default::DataDir("models/all-MiniLM-L6-v2"), flag "model-dir";
    /// Where days begin and end for users of whom no time zone is known: an IANA name such as `Europe/Vienna`, or an offset such as `+05:30`. "Yesterday" in a question and the dates in a context are meant so; a request may name its user's own.
    time_zone: TimeZone = Memory "memory.time_zone", Default::Text("UTC"), flag "time-zone";
    /// The most tokens that are added to a request which names no budget of its own.
    budget_tokens: Count<0, 200_000> = Memory "context.budget_tokens", Default::Text("2000");
    /// The vocabulary tokens are counted with.
    token_encoding: TokenEncoding = Memory "context.token_encoding", Default::Text("o200k_base");
    /// Bytes of search data kept in memory for users who were active lately. Words of turns that were found take an eighth of it beside them.
    shard_cache_bytes_max: Count<1_048_576, 1_099_511_627_776> = Memory "recall.cache_bytes_max", Default::Text("536870912");
    /// How long a recall waits for the vector of its query, in milliseconds, before it goes by words alone.
    query_embed_ms_max: Count<1, 60_000> = Memory "recall.embed_ms_max", Default::Text("2000");
    /// What is logged to standard error: `error`, `warn`, `info`, `debug`, `trace` or a filter such as `info,throughline_server=debug`.
    log: String = Memory "log.filter", Default::Text("warn"), flag "log";
    /// How log lines look.
    log_format: LogFormat = Memory "log.format", Default::Text("text");

    /// The OpenAI-compatible API that answers: `https://api.openai.com/v1`, `http://localhost:11434/v1`, … Without it the server keeps memory but forwards no chat.
    upstream: Option<BaseUrl> = Upstream "upstream.url", Default::Unset, flag "upstream", env "OPENAI_BASE_URL";
    /// The provider's key, used for requests that bring none of their own.
    upstream_key: Option<Secret> = Upstream "upstream.key", Default::Unset, env "OPENAI_API_KEY";
    /// How long to wait for a connection to the upstream, in milliseconds.
    upstream_connect_ms: Count<1, 600_000> = Upstream "upstream.connect_ms_max", Default::Text("5000");
    /// How long to wait for the first byte of an answer, in milliseconds. Reasoning models take minutes.
    upstream_first_byte_ms_max: Count<1, 3_600_000> = Upstream "upstream.first_byte_ms_max", Default::Text("600000");
    /// How long an answer may pause between two parts, in milliseconds.
    upstream_idle_ms_max: Count<1, 3_600_000> = Upstream "upstream.idle_ms_max", Default::Text("300000");

    /// Where the server listens. Any address that is not loopback needs an API key first.
    listen: SocketAddr = Server "listen", Default::Text("127.0.0.1:8077"), flag "listen";
    /// The largest request body, in bytes.
    body_bytes_max: Count<1_024, 1_073_741_824> = Server "server.body_bytes_max", Default::Text("8388608");
    /// Requests in flight; one more is answered with 503.
    requests_in_flight_max: Count<1, 1_000_000> = Server "server.requests_in_flight_max", Default::Text("1024");
    /// Requests that a tenant may send in a minute, to all servers on one store together; one more is answered with 429 and `Retry-After`. Each server takes them from the store in blocks of a twentieth. 0: no limit.
    tenant_requests_a_minute_max: Count<0, 100_000_000> = Server "server.tenant_requests_a_minute_max", Default::Text("0");
    /// How long a request of the native API may take, in milliseconds.
    request_ms_max: Count<1, 3_600_000> = Server "server.request_ms_max", Default::Text("120000");
    /// Calls of the engine at once, each on a thread of its own; further ones wait.
    engine_calls_max: Count<1, 4_096> = Server "server.engine_calls_max", Default::Text("64");
    /// Chats whose exchange is under way or waits to be recorded; a further one is answered, but not remembered.
    exchanges_open_max: Count<1, 1_000_000> = Server "server.exchanges_open_max", Default::Text("4096");
    /// How long a chat waits for its context, in milliseconds, before it goes on without; a request may name its own.
    memory_deadline_ms: Count<1, 60_000> = Server "server.memory_deadline_ms", Default::Text("1000");
    /// How long a stop waits for what is in flight, in milliseconds.
    shutdown_grace_ms_max: Count<0, 3_600_000> = Server "server.shutdown_grace_ms_max", Default::Text("10000");

    /// Whether turns become memories: facts, preferences, goals, decisions, events, lessons. Without it turns are still recalled as they were said.
    learning: bool = Learning "learning.enabled", Default::Text("true");
    /// The chat model that proposes memories, as its API calls it. Without one the extractor in this process does: patterns for what is said outright.
    learning_model: Option<String> = Learning "learning.model", Default::Unset;
    /// The OpenAI-compatible API of that model. Without it `upstream.url` is asked.
    learning_base_url: Option<BaseUrl> = Learning "learning.base_url", Default::Unset;
    /// The key for that API. Where the upstream itself is asked, `upstream.key` does as well; that never goes to another address.
    learning_api_key: Option<Secret> = Learning "learning.api_key", Default::Unset;
    /// Whether a user who states outright what was forgotten for good lets it be learned again. Without it only an operator does.
    learning_user_may_lift: bool = Learning "learning.user_may_lift", Default::Text("false");
    /// Who tells conversations in short: `model`, the learning model where there is one, which is asked once more in about twelve turns of a user; or `extractive`, nobody: memories and the user's own words stand for themselves.
    learning_summaries: Summaries = Learning "learning.summaries", Default::Text("model");
    /// How long nothing is said in a session before it is learned from, in milliseconds.
    learning_quiet_ms: Count<0, 86_400_000> = Learning "learning.quiet_ms", Default::Text("10000");
    /// From so many turns on a session is learned from although it goes on.
    learning_turns_max: Count<1, 1_000> = Learning "learning.turns_max", Default::Text("12");
    /// The most tokens of the learning model that a tenant spends a day; after them the local extractor learns until the next day begins in UTC. No bound if not set. Counted in the data folder, for all processes together.
    learning_tokens_a_day_max: Option<Count<1, 1_000_000_000_000>> = Learning "learning.tokens_a_day_max", Default::Unset;
    /// What a million tokens of the learning model's prompts cost, in a currency of your choice: `throughline usage` counts it.
    learning_prompt_price: Option<Price> = Learning "learning.prompt_price", Default::Unset;
    /// What a million tokens of its answers cost.
    learning_answer_price: Option<Price> = Learning "learning.answer_price", Default::Unset;
    /// The most tokens of a prompt of the learning model, instructions and conversation together; a longer conversation is asked about in several. The model's window must hold this and an answer.
    learning_prompt_tokens_max: Count<2_000, 200_000> = Learning "learning.prompt_tokens_max", Default::Text("5000");
    /// The most tokens of an answer of the learning model; reasoning counts. Of an answer that is cut off the whole facts are used.
    learning_answer_tokens_max: Count<64, 100_000> = Learning "learning.answer_tokens_max", Default::Text("2048");
    /// How long an answer of the learning model may take, in milliseconds, further attempts included. No client waits for it.
    learning_deadline_ms: Count<1_000, 3_600_000> = Learning "learning.deadline_ms", Default::Text("120000");

    /// The model `throughline chat` asks; needed if the upstream has several.
    chat_model: Option<String> = Chat "chat.model", Default::Unset, flag "model";
    /// A running Throughline that `throughline chat` talks to, such as `http://127.0.0.1:8077`. Without it, the chat opens the memory itself.
    chat_server: Option<BaseUrl> = Chat "chat.server", Default::Unset, flag "server";
    /// A key of that server, if it requires one.
    chat_key: Option<Secret> = Chat "chat.key", Default::Unset;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_and_flags_are_unique_and_every_default_is_valid() {
        let (mut keys, mut flags) = (HashSet::new(), HashSet::new());
        for setting in SETTINGS {
            assert!(keys.insert(setting.key), "{}", setting.key);
            assert!(setting.flag.is_none_or(|flag| flags.insert(flag)), "{}", setting.key);
            assert!(!setting.doc.is_empty() && setting.doc.ends_with('.'), "{}", setting.key);
            assert!(
                setting.form != "KEY" || setting.flag.is_none(),
                "secrets must not stand on a command line"
            );
            if let Default::Text(text) = setting.default {
                (setting.shown)(text).unwrap_or_else(|problem| panic!("{}: {problem}", setting.key));
            }
        }
    }

    #[test]
    fn environment_variables_follow_from_the_key() {
        let env = |key: &str| SETTINGS.iter().find(|setting| setting.key == key).unwrap().env();
        assert_eq!(env("listen"), "THROUGHLINE_LISTEN");
        assert_eq!(env("upstream.first_byte_ms_max"), "THROUGHLINE_UPSTREAM_FIRST_BYTE_MS_MAX");
    }
}
