//! An [`Llm`] behind any OpenAI-compatible endpoint: one question, one answer in JSON.
//!
//! For our own questions only, never for a client's: these are asked again when that may help. What helps differs:
//! - what may pass (no connection, a broken reply, 408, 429, 5xx) is waited out, as long as the deadline allows;
//! - what the endpoint does not understand (400, 404, 422, 501, a 500 that stays) is asked in another [`dialect`]; the one that
//!   worked is remembered;
//! - an endpoint that fails again and again is left alone for a while ([`breaker`]).
//!
//! The trait blocks and the client does not, so this owns a runtime of one thread; it may be called from any thread that may
//! block. The key goes into the `Authorization` header and nowhere else: no error, log line or `Debug` output has it.

mod breaker;
mod dialect;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use throughline::ports::{Llm, LlmAnswer, LlmError, LlmRequest};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::base_url::BaseUrl;
use crate::chat::ChatError;
use crate::error::UpstreamError;
use crate::exchange::{Exchange, Outcome};
use crate::secret::Secret;
use crate::upstream::{Upstream, UpstreamConfig};
use breaker::{Breaker, OPEN_TIME};
use dialect::{Dialect, Question};

/// How often one question is sent, as far as failures go that may pass. Other dialects come on top, one time each.
const ATTEMPTS_MAX: u32 = 4;
/// How often a server error is waited out before it may mean that the server does not know what it was asked for.
const SERVER_ERRORS_MAX: u32 = 2;
/// The first pause is up to this long, each further one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A call ends after this time even if its deadline is later.
const CALL_TIME_MAX: Duration = Duration::from_hours(1);
/// Characters of a provider's complaint that go into an error.
const COMPLAINT_CHARS_MAX: usize = 300;

/// Which model is asked, and where.
#[derive(Debug, Clone)]
pub struct HttpLlmConfig {
    /// The API's address.
    pub base_url: BaseUrl,
    /// Sent as a bearer token if there is one.
    pub key: Option<Secret>,
    /// The model's name, as the endpoint knows it.
    pub model: String,
}

/// A language model behind an OpenAI-compatible endpoint.
pub struct HttpLlm {
    endpoint: Arc<Endpoint>,
    /// Always there until drop.
    runtime: Option<Runtime>,
}

impl HttpLlm {
    /// Sets the client up; connects to nothing yet.
    ///
    /// # Errors
    /// [`UpstreamError::Setup`], as for [`Upstream::new`], or if there can be no thread for the client.
    pub fn new(config: HttpLlmConfig) -> Result<Self, UpstreamError> {
        Self::resting(config, OPEN_TIME)
    }

    /// Makes one that leaves an endpoint alone for so long when it failed again and again.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn resting(config: HttpLlmConfig, rest: Duration) -> Result<Self, UpstreamError> {
        let HttpLlmConfig { base_url, key, model } = config;
        let host = base_url.host();
        let upstream = Upstream::new(UpstreamConfig { key: key.clone(), ..UpstreamConfig::new(base_url) })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("learning-model")
            .enable_all()
            .build()
            .map_err(|error| UpstreamError::Setup { host, reason: error.to_string() })?;
        let endpoint =
            Endpoint { upstream, key, model, known: Mutex::default(), breaker: Breaker::new(rest) };
        Ok(Self { endpoint: Arc::new(endpoint), runtime: Some(runtime) })
    }
}

impl fmt::Debug for HttpLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpLlm({} at {})", self.endpoint.model, self.endpoint.upstream.base_url())
    }
}

impl Llm for HttpLlm {
    fn name(&self) -> &str {
        &self.endpoint.model
    }

    fn ask(&self, request: &LlmRequest<'_>) -> Result<LlmAnswer, LlmError> {
        let gone = || LlmError::Failed("its client was shut down".to_owned());
        let breaker = &self.endpoint.breaker;
        breaker.admit(Instant::now()).map_err(LlmError::CircuitOpen)?;
        let deadline = request.deadline.min(CALL_TIME_MAX);
        let until = Instant::now() + deadline;
        let question = Question {
            system: request.system.to_owned(),
            user: request.user.to_owned(),
            schema: request.schema.clone(),
            answer_tokens_max: request.answer_tokens_max,
        };
        let endpoint = Arc::clone(&self.endpoint);
        let (answered, answer) = std::sync::mpsc::sync_channel(1);
        self.runtime.as_ref().ok_or_else(gone)?.spawn(async move {
            // Dropping the call at the deadline cancels it upstream. The caller waits below for whatever comes.
            let _ = answered.send(timeout_at(until, endpoint.ask(&question, until)).await);
        });
        let (result, is_alive) = match answer.recv().map_err(|_| gone())? {
            Ok(Ok(answer)) => (Ok(answer), true),
            Ok(Err(failure)) => (Err(LlmError::Failed(failure.reason)), failure.is_alive),
            Err(_) => (Err(LlmError::DeadlineExceeded(deadline)), false),
        };
        breaker.report(is_alive, Instant::now());
        result
    }

    fn rests_for(&self) -> Option<Duration> {
        self.endpoint.breaker.rests_for(Instant::now())
    }
}

impl Drop for HttpLlm {
    fn drop(&mut self) {
        // Waiting for a runtime to end is not allowed inside another one, where this may well be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Endpoint {
    upstream: Upstream,
    key: Option<Secret>,
    model: String,
    known: Mutex<Known>,
    breaker: Breaker,
}

/// What is known of how the endpoint wants to be asked.
#[derive(Clone, Copy, Default)]
struct Known {
    dialect: Dialect,
    /// Whether it was ever understood.
    is_proven: bool,
}

/// Why a question was given up.
struct Failure {
    reason: String,
    /// Whether the endpoint is there and only does not want this, or not now.
    is_alive: bool,
}

/// What to do after a call that brought no reply.
enum Next {
    /// Wait, as long as the provider asks for if it does.
    Wait(Option<Duration>),
    /// The same, unless it stays so: then it may be the dialect.
    WaitOrReword,
    /// Ask in other words.
    Reword,
    /// Nothing helps.
    GiveUp,
}

impl Endpoint {
    async fn ask(&self, question: &Question, until: Instant) -> Result<LlmAnswer, Failure> {
        let Known { mut dialect, is_proven } = *self.known();
        let (mut attempt, mut server_errors, mut pause) = (1, 0, FIRST_PAUSE);
        loop {
            let request = dialect.request(&self.model, question);
            let error = match self.upstream.chat(&request, |_| {}).await {
                Ok(exchange) => {
                    *self.known() = Known { dialect, is_proven: true };
                    return Ok(answer(exchange));
                }
                Err(error) => error,
            };
            let failure = Failure { reason: self.complaint(&error), is_alive: shows_life(&error) };
            let backoff = || pause.mul_f64(rand::random_range(0.5..=1.0));
            let wait = match next(&error) {
                Next::GiveUp => return Err(failure),
                Next::Reword if is_proven => {
                    // It understood this once. If it has changed, the next question finds out how.
                    *self.known() = Known::default();
                    return Err(failure);
                }
                Next::Reword => None,
                Next::WaitOrReword => {
                    server_errors += 1;
                    (is_proven || server_errors < SERVER_ERRORS_MAX).then(backoff)
                }
                Next::Wait(asked_for) => Some(asked_for.unwrap_or_else(backoff)),
            };
            let Some(wait) = wait else {
                dialect = dialect.next(&failure.reason).ok_or(failure)?;
                server_errors = 0;
                continue;
            };
            let again = Instant::now() + wait;
            if attempt >= ATTEMPTS_MAX || again >= until {
                return Err(failure);
            }
            sleep_until(again).await;
            attempt += 1;
            pause *= 2;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The beginning of what is wrong, without our key if the provider repeats it.
    fn complaint(&self, error: &ChatError) -> String {
        let mut text = error.to_string();
        if let Some(key) = self.key.as_ref().filter(|key| !key.expose().is_empty()) {
            text = text.replace(key.expose(), "[key]");
        }
        text.chars().take(COMPLAINT_CHARS_MAX).collect()
    }
}

fn next(error: &ChatError) -> Next {
    let ChatError::Refused { status, retry_after_s, .. } = error else {
        return Next::Wait(None);
    };
    match *status {
        // 404: some that pass questions on have nobody behind them who knows the form.
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::NOT_IMPLEMENTED => Next::Reword,
        StatusCode::INTERNAL_SERVER_ERROR => Next::WaitOrReword,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Next::Wait(retry_after_s.map(Duration::from_secs))
        }
        status if status.is_server_error() => Next::Wait(retry_after_s.map(Duration::from_secs)),
        // An error or garbage in the place of a completion.
        status if status.is_success() => Next::Wait(None),
        _ => Next::GiveUp,
    }
}

/// Whether an error shows that the endpoint is there, and only does not want this, or not now. Without the right key it might
/// as well not be.
fn shows_life(error: &ChatError) -> bool {
    let ChatError::Refused { status, .. } = error else { return false };
    let is_locked =
        matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::REQUEST_TIMEOUT);
    status.is_client_error() && !is_locked
}

/// The answer in a reply: its text, or the arguments of its first call.
fn answer(exchange: Exchange) -> LlmAnswer {
    let Exchange { outcome, reply, .. } = exchange;
    let stopped_short = matches!(reply.finish_reason.as_deref(), Some("length" | "max_tokens"));
    let call = reply.tool_calls.into_iter().next().map(|call| call.arguments);
    LlmAnswer {
        text: call.filter(|_| reply.text.trim().is_empty()).unwrap_or(reply.text),
        prompt_tokens: reply.usage.and_then(|usage| usage.prompt_tokens).unwrap_or(0),
        answer_tokens: reply.usage.and_then(|usage| usage.completion_tokens).unwrap_or(0),
        truncated: outcome == Outcome::Truncated || stopped_short,
    }
}
