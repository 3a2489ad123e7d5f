//! Requests of tenants: a number for each minute, which the server lets go.

use throughline::model::TenantId;
use throughline::ports::Minute;

use crate::client::Call;
use crate::error::Fault;
use crate::keys::escaped;
use crate::reply;
use crate::store::RedisStore;

/// How long a number is kept: clocks of servers differ a little.
const KEPT_SECONDS: &str = "180";

impl RedisStore {
    pub(crate) fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, Fault> {
        let key =
            self.keys.global(&format!("rate:{}", escaped(tenant.as_str())), &format!("rate:{}", minute.0));
        let add = Call::plain("INCRBY", &key, &[count.to_string().as_bytes()]);
        let expire = Call::plain("EXPIRE", &key, &[KEPT_SECONDS.as_bytes()]);
        let [taken, _] = reply::answers(redis::Value::Array(self.client.write_all(&[add, expire])?))?;
        reply::number(taken)
    }
}
