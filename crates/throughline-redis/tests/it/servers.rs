//! Servers of a test's own, asked without the store.

pub(crate) use throughline_testkit::RedisServers as Servers;

/// One command to one node.
pub(crate) trait Ask {
    fn ask(&self, at: usize, words: &[&str]) -> redis::RedisResult<redis::Value>;
}

impl Ask for Servers {
    fn ask(&self, at: usize, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let url = format!("redis://127.0.0.1:{}", self.nodes[at].port);
        let mut connection = redis::Client::open(url)?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection)
    }
}
