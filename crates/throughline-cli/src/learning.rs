//! Who learns: the configured learning model, or nobody but the local extractor.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use throughline::learn::{Extractor, LlmExtractor, LlmSettings};
use throughline::memory::{LearnSettings, Learner};
use throughline::model::TokenPrice;
use throughline_llm::{HttpLlm, HttpLlmConfig};

use crate::config::Config;
use crate::failure::{Failure, Hinting};

/// A batch is asked about in several prompts at most; a worker that takes longer than all of them is taken for dead.
const ANSWERS_A_LEASE: u32 = 8;
/// The same for a worker that asks nobody: patterns take milliseconds, and what a killed server had in its hands waits for
/// this to pass.
const LEASE_WITHOUT_MODEL: Duration = Duration::from_secs(15);

/// The learner of this process.
pub(crate) fn learner(config: &Config) -> Result<Learner> {
    let deadline = Duration::from_millis(config.learning_deadline_ms.0);
    let model = extractor(config)?.map(|model| Arc::new(model) as Arc<dyn Extractor>);
    let settings = LearnSettings {
        quiet: Duration::from_millis(config.learning_quiet_ms.0),
        turns_max: config.learning_turns_max.0,
        lease: if model.is_some() { deadline * ANSWERS_A_LEASE } else { LEASE_WITHOUT_MODEL },
        summaries: config.learning_summaries,
        ..LearnSettings::default()
    };
    Ok(Learner::new(model, settings, config.learning_tokens_a_day_max.map(|tokens| tokens.0)))
}

/// The extractor that asks the configured model. None if learning is off or no model is named.
fn extractor(config: &Config) -> Result<Option<LlmExtractor<HttpLlm>>> {
    let Some(model) = config.learning_model.clone().filter(|_| config.learning) else { return Ok(None) };
    let (base_url, key) = match (&config.learning_base_url, &config.upstream) {
        // The key of one address must never go to another.
        (Some(base_url), _) => (base_url, config.learning_api_key.clone()),
        (None, Some(upstream)) => {
            (upstream, config.learning_api_key.clone().or_else(|| config.upstream_key.clone()))
        }
        (None, None) => {
            return Err(Failure::usage(format!(
                "`learning.model` is {model}, and there is no API to ask for it"
            ))
            .hint("set `learning.base_url`, or `upstream.url` if the model is there too"));
        }
    };
    let llm = HttpLlm::new(HttpLlmConfig { base_url: base_url.clone(), key, model })?;
    let settings = LlmSettings {
        prompt_tokens_max: config.learning_prompt_tokens_max.size(),
        answer_tokens_max: u32::try_from(config.learning_answer_tokens_max.0).unwrap_or(u32::MAX),
        deadline: Duration::from_millis(config.learning_deadline_ms.0),
        price: TokenPrice {
            prompt_nanos_a_million: config.learning_prompt_price.map_or(0, |price| price.0),
            answer_nanos_a_million: config.learning_answer_price.map_or(0, |price| price.0),
        },
    };
    Ok(Some(LlmExtractor::new(llm, settings)))
}

#[cfg(test)]
mod tests {
    use throughline::learn::{Batch, BatchTurn, Extractor as _};
    use throughline::model::{OwnSlots, Role, Timestamp};
    use throughline_testkit::{RecordedRequest, Script, ScriptedUpstream, replies};

    use super::*;
    use crate::config::{Flags, Loaded};
    use crate::failure::shown;

    fn config(flags: &[(&str, &str)]) -> Config {
        let variable = |name: &str| {
            let key = name.strip_prefix("THROUGHLINE_").unwrap_or(name);
            let known = flags.iter().find(|(flag, _)| flag.to_uppercase().replace('.', "_") == key);
            known.map(|(_, text)| (*text).to_owned()).or_else(|| (name == "HOME").then(|| "/h".to_owned()))
        };
        Loaded::load(None, &Flags::default(), &variable).unwrap().config
    }

    /// The request that the configured extractor makes of an upstream.
    fn asked(of: &str, more: &[(&str, &str)]) -> RecordedRequest {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answer = Script::json(200, &replies::completion(r#"{"facts":[]}"#));
        let upstream = runtime.block_on(ScriptedUpstream::always(answer));
        let url = upstream.url();
        let settings: Vec<_> =
            [(of, url.as_str()), ("learning.model", "small")].iter().chain(more).copied().collect();
        let extractor = extractor(&config(&settings)).unwrap().unwrap();
        let text = "I like tea".to_owned();
        let whole = 0..text.len();
        let turn = BatchTurn {
            seq: 1,
            role: Role::User,
            name: None,
            time: Timestamp::UNIX_EPOCH,
            zone: jiff::tz::TimeZone::UTC,
            wanted: vec![whole],
            text,
        };
        extractor.extract(&Batch { turns: &[turn], known: &[], slots: &OwnSlots::default() }).unwrap();
        upstream.last_request()
    }

    #[test]
    fn no_model_is_asked_unless_one_is_named_and_learning_is_on() {
        let upstream = ("upstream.url", "http://h/v1");
        assert!(extractor(&config(&[upstream])).unwrap().is_none());
        let off = [upstream, ("learning.model", "small"), ("learning.enabled", "false")];
        assert!(extractor(&config(&off)).unwrap().is_none());
    }

    #[test]
    fn a_model_without_an_api_is_an_error_with_a_hint() {
        let error = extractor(&config(&[("learning.model", "small")])).unwrap_err();
        assert!(shown(&error).contains("hint: set `learning.base_url`"), "{}", shown(&error));
    }

    #[test]
    fn the_upstream_is_asked_with_its_key_and_the_configured_limits() {
        let request =
            asked("upstream.url", &[("upstream.key", "sk-up"), ("learning.answer_tokens_max", "99")]);
        assert_eq!(request.header("authorization"), Some("Bearer sk-up"));
        let body = request.json();
        assert_eq!((body["model"].as_str(), body["max_tokens"].as_u64()), (Some("small"), Some(99)));
    }

    #[test]
    fn the_key_of_the_upstream_never_goes_to_another_address() {
        let request = asked("learning.base_url", &[("upstream.key", "sk-up")]);
        assert_eq!(request.header("authorization"), None);
        let request =
            asked("learning.base_url", &[("upstream.key", "sk-up"), ("learning.api_key", "sk-own")]);
        assert_eq!(request.header("authorization"), Some("Bearer sk-own"));
    }
}
