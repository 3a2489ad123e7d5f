//! Receipts: found by id, kept with the scope they belong to.

use throughline::codec::{decode_receipt, encode_receipt};
use throughline::model::{Receipt, ReceiptId, Scope, TenantId};
use tokio_postgres::Client;

use crate::calls::Calls;
use crate::error::Fault;
use crate::scopes::{self, ScopeKey};
use crate::statement::{Statement, column};
use throughline::ports::StoreError;

/// Keeps a receipt. One that is there already stays as it is: receipts never change.
pub(crate) fn keep<'a>(key: &'a ScopeKey, receipt: &Receipt) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.receipts (id, scope, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    )
    .with(receipt.id.0.as_bytes().to_vec())
    .with(key.bytes())
    .with(encode_receipt(receipt))
}

pub(crate) fn put(calls: &Calls, scope: &Scope, receipt: &Receipt) -> Result<(), StoreError> {
    let key = ScopeKey::of(scope);
    calls.write(async |transaction| {
        let [_, row] = transaction.round([scopes::create(scope, &key), scopes::lock(&key)]).await?;
        scopes::locked(row.first())?;
        transaction.commit(vec![keep(&key, receipt)]).await?;
        Ok(())
    })
}

/// All of a scope.
pub(crate) fn of_scope(key: &ScopeKey) -> Statement<'_> {
    Statement::new("SELECT body FROM throughline.receipts WHERE scope = $1").with(key.bytes())
}

pub(crate) async fn receipts(client: &Client, scope: &Scope) -> Result<Vec<Receipt>, Fault> {
    let reply = of_scope(&ScopeKey::of(scope)).send(client).await?;
    reply.rows.iter().map(|row| Ok(decode_receipt(column(row, 0)?)?)).collect()
}

pub(crate) async fn receipt(
    client: &Client,
    tenant: &TenantId,
    id: ReceiptId,
) -> Result<Option<(Scope, Receipt)>, Fault> {
    // Whose it is is looked up, not believed: another tenant's receipt is none.
    let reply = Statement::new(
        "SELECT body, tenant, user_name, agent, app, run
         FROM throughline.receipts JOIN throughline.scopes USING (scope) WHERE id = $1 AND tenant = $2",
    )
    .with(&id.0.as_bytes()[..])
    .with(tenant.as_str())
    .send(client)
    .await?;
    let Some(row) = reply.first() else { return Ok(None) };
    Ok(Some((scopes::scope(row, 1)?, decode_receipt(column(row, 0)?)?)))
}
