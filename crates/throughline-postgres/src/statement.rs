//! Statements with their parameters. Each is sent unnamed and with its types, in one round trip: nothing is prepared in the
//! server's session, so a pooler may give every transaction another one.

use std::borrow::Cow;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use throughline::ports::count_round_trip;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::Fault;

/// A statement to be sent.
pub(crate) struct Statement<'a> {
    sql: Cow<'static, str>,
    parameters: Vec<(Box<dyn ToSql + Sync + 'a>, Type)>,
}

impl<'a> Statement<'a> {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), parameters: Vec::new() }
    }

    /// With the next parameter, `$1` first.
    pub(crate) fn with<P: Parameter + 'a>(mut self, parameter: P) -> Self {
        self.parameters.push((Box::new(parameter), P::TYPE));
        self
    }

    /// Sends it alone and waits for the answer.
    pub(crate) async fn send(&self, client: &Client) -> Result<Reply, tokio_postgres::Error> {
        count_round_trip();
        self.send_along(client).await
    }

    /// As a part of what is sent at once, which its sender counts.
    pub(crate) async fn send_along(&self, client: &Client) -> Result<Reply, tokio_postgres::Error> {
        let parameters =
            self.parameters.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()));
        let mut stream = pin!(client.query_typed_raw(&self.sql, parameters).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.push(row);
        }
        Ok(Reply { affected: stream.rows_affected().unwrap_or(0), rows })
    }
}

/// What came back.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) rows: Vec<Row>,
    /// Rows written, or read.
    pub(crate) affected: u64,
}

impl Reply {
    pub(crate) fn first(&self) -> Option<&Row> {
        self.rows.first()
    }
}

/// A column of a row; one of another type than our schema has is damage.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Fault> {
    Ok(row.try_get(at)?)
}

/// A column of 16 bytes.
pub(crate) fn hash(row: &Row, at: usize) -> Result<[u8; 16], Fault> {
    bytes(row, at)
}

/// A column of so many bytes.
pub(crate) fn bytes<const N: usize>(row: &Row, at: usize) -> Result<[u8; N], Fault> {
    let found: &[u8] = column(row, at)?;
    found.try_into().map_err(|_| Fault::Damaged(format!("{} bytes stand where {N} belong", found.len())))
}

/// A free text, kept as bytes.
pub(crate) fn text(bytes: &[u8]) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Fault::Damaged("a text is not UTF-8".into()))
}

/// A value with the one type it is sent as.
pub(crate) trait Parameter: ToSql + Sync {
    const TYPE: Type;
}

macro_rules! parameters {
    ($($kind:ty => $one:ident, $many:ident;)*) => {$(
        impl Parameter for $kind {
            const TYPE: Type = Type::$one;
        }
        impl Parameter for Option<$kind> {
            const TYPE: Type = Type::$one;
        }
        impl Parameter for Vec<$kind> {
            const TYPE: Type = Type::$many;
        }
        impl Parameter for Vec<Option<$kind>> {
            const TYPE: Type = Type::$many;
        }
    )*};
}

parameters! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
}
