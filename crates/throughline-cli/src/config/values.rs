//! The types settings have: each is read from text, whether that came from the file, the environment or a flag.
//!
//! What a value shows of itself must never hold a credential.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use throughline::memory::Summaries;
use throughline::model::{ZoneOffsets, read_time_zone};
use throughline::text::tokens::TokenEncoding;
use throughline_llm::{BaseUrl, Secret};

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    /// What to write, in a word or two, for the reference page and for `--help`.
    const FORM: &'static str;

    /// Reads the text; the error says what is wrong with it and nothing about where it came from.
    fn read(text: &str) -> Result<Self, String>;

    /// The value as it is shown to people.
    fn shown(&self) -> String;

    /// What it is if it is not set, if it may be.
    fn unset() -> Option<Self> {
        None
    }
}

/// A setting without a default may be unset.
impl<V: Value> Value for Option<V> {
    const FORM: &'static str = V::FORM;

    fn read(text: &str) -> Result<Self, String> {
        V::read(text).map(Some)
    }

    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "not set".to_owned(), V::shown)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Count<MIN, MAX> {
    /// The number as a size; limits in the table are far below what 32 bits hold.
    pub(crate) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Value for Count<MIN, MAX> {
    const FORM: &'static str = "NUMBER";

    fn read(text: &str) -> Result<Self, String> {
        let number = text.replace('_', "").parse().map_err(|_| format!("`{text}` is not a whole number"))?;
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is not between {MIN} and {MAX}"))
        }
    }

    fn shown(&self) -> String {
        self.0.to_string()
    }
}

/// A price of up to a million, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price(pub(crate) u64);

impl Value for Price {
    const FORM: &'static str = "PRICE";

    fn read(text: &str) -> Result<Self, String> {
        const DIGITS: usize = 9;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 6 || part.len() > DIGITS {
            return Err(format!("`{text}` is not a price; write it like 0.15"));
        }
        let nanos =
            format!("{whole}{part:0<DIGITS$}").parse().map_err(|_| format!("`{text}` is too much"))?;
        Ok(Self(nanos))
    }

    fn shown(&self) -> String {
        money(self.0)
    }
}

/// Billionths of a currency, with as many decimals as they need.
pub(crate) fn money(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// In the server's memory.
    Memory,
    /// On its disk.
    Fsync,
    /// In the memory of so many replicas too.
    Replicated(u32),
}

impl Value for Durability {
    const FORM: &'static str = "memory|fsync|replicated:N";

    fn read(text: &str) -> Result<Self, String> {
        let replicas = text.strip_prefix("replicated:").and_then(|number| number.parse().ok());
        match (text, replicas) {
            ("memory", _) => Ok(Self::Memory),
            ("fsync", _) => Ok(Self::Fsync),
            (_, Some(replicas @ 1..=16)) => Ok(Self::Replicated(replicas)),
            _ => Err(format!("`{text}` is none of `memory`, `fsync` and `replicated:N` with N from 1 to 16")),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Fsync => "fsync".to_owned(),
            Self::Replicated(replicas) => format!("replicated:{replicas}"),
        }
    }
}

impl Value for Summaries {
    const FORM: &'static str = "model|extractive";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "model" => Ok(Self::Model),
            "extractive" => Ok(Self::Extractive),
            _ => Err(format!("`{text}` is neither `model` nor `extractive`")),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Model => "model".to_owned(),
            Self::Extractive => "extractive".to_owned(),
        }
    }
}

impl Value for bool {
    const FORM: &'static str = "true|false";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const FORM: &'static str = "TEXT";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn shown(&self) -> String {
        if self.is_empty() { "empty".to_owned() } else { self.clone() }
    }
}

impl Value for Secret {
    const FORM: &'static str = "KEY";

    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn shown(&self) -> String {
        "set (not shown)".to_owned()
    }
}

/// A folder; `~/` stands for the home folder also where no shell replaced it.
impl Value for PathBuf {
    const FORM: &'static str = "DIR";

    fn read(text: &str) -> Result<Self, String> {
        match (text.strip_prefix("~/"), std::env::home_dir()) {
            (Some(below), Some(home)) => Ok(home.join(below)),
            _ => Ok(Path::new(text).to_owned()),
        }
    }

    fn shown(&self) -> String {
        self.display().to_string()
    }
}

/// An address to listen on; `localhost` is 127.0.0.1.
impl Value for SocketAddr {
    const FORM: &'static str = "HOST:PORT";

    fn read(text: &str) -> Result<Self, String> {
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Ok(Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
        text.parse().map_err(|_| {
            format!("`{text}` is not an address to listen on; write it like 127.0.0.1:8077 or [::1]:8077")
        })
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for BaseUrl {
    const FORM: &'static str = "URL";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: throughline_llm::BaseUrlError| error.to_string())
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for TokenEncoding {
    const FORM: &'static str = "o200k_base|cl100k_base";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn shown(&self) -> String {
        self.name().to_owned()
    }
}

impl Value for TimeZone {
    const FORM: &'static str = "ZONE";

    fn read(text: &str) -> Result<Self, String> {
        read_time_zone(text)
    }

    fn shown(&self) -> String {
        ZoneOffsets::at(self, []).name().to_owned()
    }
}

/// Where vectors come from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum EmbeddingSource {
    /// The model in this process.
    Local,
    /// Nowhere: recall goes by words alone.
    Off,
    /// An OpenAI-compatible `/embeddings` below this URL.
    Remote {
        /// As it was given, for requests.
        url: String,
        /// Without credentials, for people.
        shown: String,
    },
}

impl fmt::Debug for EmbeddingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Value for EmbeddingSource {
    const FORM: &'static str = "local|off|URL";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "off" => Ok(Self::Off),
            url if url.contains("://") => {
                let shown = BaseUrl::read(url)?.to_string();
                Ok(Self::Remote { url: url.to_owned(), shown })
            }
            other => Err(format!(
                "`{other}` is no source of embeddings; use `local`, `off` or a URL like https://api.openai.com/v1"
            )),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Off => "off".to_owned(),
            Self::Remote { shown, .. } => shown.clone(),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    const FORM: &'static str = "text|json";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is not a log format; use `text` or `json`")),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_say_what_the_range_is() {
        assert_eq!(Count::<1, 10>::read("7"), Ok(Count(7)));
        assert_eq!(Count::<1, 2000>::read("1_000"), Ok(Count(1000)));
        assert_eq!(Count::<1, 10>::read("11").unwrap_err(), "11 is not between 1 and 10");
        assert_eq!(Count::<1, 10>::read("-1").unwrap_err(), "`-1` is not a whole number");
    }

    #[test]
    fn a_switch_is_true_or_false() {
        assert_eq!(bool::read("false"), Ok(false));
        assert_eq!(bool::read("off").unwrap_err(), "`off` is neither `true` nor `false`");
    }

    #[test]
    fn a_price_is_a_decimal_number_and_is_shown_as_it_was_written() {
        for (text, nanos) in [("0.15", 150_000_000), ("3", 3_000_000_000), ("0.000000001", 1), ("0", 0)] {
            let price = Price::read(text).unwrap();
            assert_eq!((price.0, price.shown().as_str()), (nanos, text));
        }
        for text in ["", ".5", "1.", "-1", "1e3", "1,5", "0.0000000001", "1234567"] {
            assert!(Price::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_credential() {
        assert!(!Secret::new("sk-1").shown().contains("sk-1"));
        let remote = EmbeddingSource::read("http://me:hunter2@h/v1?key=hunter3").unwrap();
        assert_eq!(remote.shown(), "http://h/v1");
        assert!(!format!("{remote:?}").contains("hunter"));
    }

    #[test]
    fn localhost_is_the_loopback_address() {
        assert_eq!(SocketAddr::read("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert!(SocketAddr::read("8077").unwrap_err().contains("write it like 127.0.0.1:8077"));
    }
}
