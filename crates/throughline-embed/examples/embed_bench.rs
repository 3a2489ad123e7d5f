//! The in-process model put to work, for `throughline-bench embed`: texts a second, and the time of one query.
//!
//! Reads one request as JSON from standard input and writes one answer to standard output, as the peers in
//! `throughline-bench/peers` do. It has a thread on each core that its process may use.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use throughline::ports::{EmbedRole, Embedder as _};
use throughline_embed::MiniLm;

const SOON: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Request {
    model_dir: PathBuf,
    query: String,
    /// Each list is embedded over and over, for at least so long.
    lists: Vec<Vec<String>>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let request: Request = serde_json::from_reader(std::io::stdin().lock())?;
    // The same texts come round after round: nothing may be remembered of them.
    let model = MiniLm::load(&request.model_dir)?.with_cache_bytes_max(0);
    let mut rates = Vec::new();
    for list in &request.lists {
        let texts: Vec<&str> = list.iter().map(String::as_str).collect();
        let embed = || model.embed(EmbedRole::Passage, &texts, SOON);
        embed()?;
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < request.seconds {
            count += embed()?.len();
        }
        rates.push(count as f64 / start.elapsed().as_secs_f64());
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < request.seconds {
        let begin = Instant::now();
        model.embed(EmbedRole::Query, &[&request.query], SOON)?;
        times.push(begin.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    let answer = json!({ "texts_a_second": rates, "query_ms": times[times.len() / 2] });
    std::io::stdout().write_all(answer.to_string().as_bytes())?;
    Ok(())
}
