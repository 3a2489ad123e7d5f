//! An exchange of a chat with the scope it belongs to, as bytes: what a server keeps while the store cannot be reached.
//!
//! Messages and receipts are kept in the formats that stores keep them in.

use serde::{Deserialize, Serialize};

use super::{
    CodecError, ReceiptJson, TurnBody, TurnBodyJson, decode, encode, receipt_json, receipt_of, time,
};
use crate::journal::{Exchange, Said};
use crate::model::{
    AgentId, AppId, NameError, Role, RunId, Scope, SessionId, TenantId, Timestamp, UserId, UserKey,
    ZoneOffsets, read_time_zone,
};

#[derive(Serialize, Deserialize)]
struct ExchangeJson {
    tenant: String,
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    time: Option<i64>,
    session: Option<String>,
    new_session: String,
    messages: Vec<SaidJson>,
    reply: Option<SaidJson>,
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    receipt: Option<ReceiptJson>,
}

/// The role's code and a turn's body.
type SaidJson = (u8, TurnBodyJson);

/// An exchange and its scope as bytes.
pub fn encode_exchange(scope: &Scope, exchange: &Exchange) -> Vec<u8> {
    let text = |name: &dyn std::fmt::Display| name.to_string();
    encode(&ExchangeJson {
        tenant: text(scope.tenant()),
        user: text(&scope.user.user),
        agent: scope.agent.as_ref().map(|name| text(name)),
        app: scope.app.as_ref().map(|name| text(name)),
        run: scope.run.as_ref().map(|name| text(name)),
        time: exchange.time.map(Timestamp::as_millisecond),
        session: exchange.session.as_ref().map(|name| text(name)),
        new_session: text(&exchange.new_session),
        messages: exchange.messages.iter().map(encode_said).collect(),
        reply: exchange.reply.as_ref().map(encode_said),
        outcome: exchange.outcome.clone(),
        zone: exchange.zone.as_ref().map(|zone| ZoneOffsets::at(zone, []).name().to_owned()),
        receipt: exchange.receipt.as_ref().map(receipt_json),
    })
}

/// An exchange and its scope from their bytes.
pub fn decode_exchange(bytes: &[u8]) -> Result<(Scope, Exchange), CodecError> {
    let json: ExchangeJson = decode(bytes)?;
    let damaged = |error: NameError| CodecError::Damaged(error.to_string());
    let user = UserKey {
        tenant: TenantId::new(json.tenant).map_err(damaged)?,
        user: UserId::new(json.user).map_err(damaged)?,
    };
    let scope = Scope {
        user,
        agent: json.agent.map(AgentId::new).transpose().map_err(damaged)?,
        app: json.app.map(AppId::new).transpose().map_err(damaged)?,
        run: json.run.map(RunId::new).transpose().map_err(damaged)?,
    };
    let exchange = Exchange {
        time: json.time.map(time).transpose()?,
        session: json.session.map(SessionId::new).transpose().map_err(damaged)?,
        new_session: SessionId::new(json.new_session).map_err(damaged)?,
        messages: json.messages.into_iter().map(decode_said).collect::<Result<_, _>>()?,
        reply: json.reply.map(decode_said).transpose()?,
        outcome: json.outcome,
        // A zone that is not known here is no reason to lose what was said.
        zone: json.zone.and_then(|zone| read_time_zone(&zone).ok()),
        receipt: json.receipt.map(receipt_of).transpose()?,
    };
    Ok((scope, exchange))
}

fn encode_said(said: &Said) -> SaidJson {
    let body = TurnBody { name: said.name.clone(), content: said.content.clone(), metadata: None };
    (said.role.code(), body.into())
}

fn decode_said((role, body): SaidJson) -> Result<Said, CodecError> {
    let role =
        Role::from_code(role).ok_or_else(|| CodecError::Damaged(format!("role {role} is not known")))?;
    let TurnBody { name, content, .. } = body.into();
    Ok(Said { role, name, content })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::receipt;
    use super::*;
    use crate::model::Content;

    #[test]
    fn an_exchange_reads_back_as_it_was_written() {
        let said = |role, text: &str, json: Option<&str>| Said {
            role,
            name: Some("Ada".into()),
            content: Content { text: text.into(), json: json.map(str::to_owned) },
        };
        let scope = Scope {
            agent: Some(AgentId::new("guide").unwrap()),
            run: Some(RunId::new("7").unwrap()),
            ..Scope::of(TenantId::single(), UserId::new("ada").unwrap())
        };
        let exchange = Exchange {
            time: Some(Timestamp::from_millisecond(1_700_000_000_123).unwrap()),
            session: None,
            new_session: SessionId::new("june").unwrap(),
            messages: vec![said(Role::User, "Was\nläuft? \u{1f41d}", Some(r#"[{"n":1.50}]"#))],
            reply: Some(said(Role::Assistant, "Nothing.", None)),
            outcome: Some("truncated".into()),
            zone: Some(read_time_zone("Asia/Tokyo").unwrap()),
            receipt: Some(receipt(ZoneOffsets::utc())),
        };
        assert_eq!(decode_exchange(&encode_exchange(&scope, &exchange)), Ok((scope, exchange)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = decode_exchange(&bytes);
        }
    }
}
