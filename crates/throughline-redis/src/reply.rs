//! What servers answer, as what it is to us.

use redis::Value;

use crate::error::Fault;

fn unexpected(value: &Value) -> Fault {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a string",
        Value::Array(_) => "a list",
        _ => "something else",
    };
    Fault::Damaged(format!("the server answered {kind} where another kind of answer was due"))
}

/// A string, or nothing.
pub(crate) fn bytes(value: Value) -> Result<Option<Vec<u8>>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        other => Err(unexpected(&other)),
    }
}

pub(crate) fn text(value: Value) -> Result<Option<String>, Fault> {
    let Some(bytes) = bytes(value)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| Fault::Damaged("a name is no text".into()))
}

/// A number, or the digits of one.
pub(crate) fn number<T: std::str::FromStr + TryFrom<i64>>(value: Value) -> Result<T, Fault> {
    let wrong = || Fault::Damaged("the server answered something else where a number was due".into());
    match value {
        Value::Int(number) => T::try_from(number).map_err(|_| wrong()),
        other => text(other)?.and_then(|digits| digits.parse().ok()).ok_or_else(wrong),
    }
}

pub(crate) fn list(value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        other => Err(unexpected(&other)),
    }
}

/// Strings, or nothings.
pub(crate) fn all_bytes(value: Value) -> Result<Vec<Option<Vec<u8>>>, Fault> {
    list(value)?.into_iter().map(bytes).collect()
}

/// Fields and values of a hash.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn pairs(value: Value) -> Result<Fields, Fault> {
    let mut items = all_bytes(value)?.into_iter().flatten();
    Ok(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect())
}

/// The answers of a fixed number of questions.
pub(crate) fn answers<const N: usize>(value: Value) -> Result<[Value; N], Fault> {
    list(value)?.try_into().map_err(|_| Fault::Damaged("a script gave another number of answers".into()))
}
