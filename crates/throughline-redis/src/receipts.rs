//! Receipts: kept with the scope they belong to, and never changed.

use redis::Value;
use throughline::codec::{decode_receipt, encode_receipt};
use throughline::model::{Receipt, Scope};

use crate::client::Call;
use crate::error::Fault;
use crate::keys::Part;
use crate::places::Thing;
use crate::reply;
use crate::store::RedisStore;
use crate::writing::Decision;

/// Receipts that are read at once.
const RECEIPTS_PER_READ_MAX: usize = 256;

impl RedisStore {
    pub(crate) fn put_receipt(&self, scope: &Scope, receipt: &Receipt) -> Result<(), Fault> {
        let id = receipt.id.0.as_bytes();
        self.write_scope(
            scope,
            |view, keys| view.ask("HEXISTS", &keys.key(Part::Receipts), &[id]),
            |writing, answers| {
                let [known] = reply::answers(Value::Array(answers))?;
                if reply::number::<u64>(known)? == 1 {
                    return Ok(Decision::Nothing(()));
                }
                writing.set(Part::Receipts, *id, encode_receipt(receipt));
                writing.before.push(self.place_call(scope.tenant(), Thing::Receipt(*id), &writing.seen()));
                Ok(Decision::Write(()))
            },
        )
    }

    pub(crate) fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), Fault> {
        let receipts = self.keys.scope(scope).key(Part::Receipts);
        let ids = reply::all_bytes(self.client.read(Call::plain("HKEYS", &receipts, &[]))?)?;
        let ids: Vec<Vec<u8>> = ids.into_iter().flatten().collect();
        for ids in ids.chunks(RECEIPTS_PER_READ_MAX) {
            for body in self.fields(&receipts, ids)?.into_iter().flatten() {
                sink(decode_receipt(&body)?);
            }
        }
        Ok(())
    }
}
