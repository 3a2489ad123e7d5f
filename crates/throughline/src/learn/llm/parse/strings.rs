//! The tokens of JSON as models write it: strings whose quotes are not always escaped, and words without any.

use serde_json::{Number, Value};

/// How far is looked beyond a quote for the colon that makes the next string a key.
const KEY_CHARS_MAX: usize = 40;

/// The text of the string that begins here, and its length with quotes; none if it does not end.
pub(super) fn quoted(rest: &str, is_key: bool) -> Option<(String, usize)> {
    let mut chars = rest.char_indices();
    let end = match chars.next()?.1 {
        '“' => '”',
        '„' => '“',
        '«' => '»',
        quote => quote,
    };
    let mut text = String::new();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            escaped(&mut chars, &mut text)?;
        } else if c == end || (end == '“' && c == '”') {
            let after = &rest[at + c.len_utf8()..];
            // Nobody puts quotes into a key.
            if is_key || ends_string(after) {
                return Some((text, at + c.len_utf8()));
            }
            text.push(c);
        } else {
            text.push(c);
        }
    }
    None
}

/// What an escape stands for. An unknown one stands for the character itself.
fn escaped(chars: &mut std::str::CharIndices<'_>, text: &mut String) -> Option<()> {
    match chars.next()?.1 {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'u' => text.push(unicode(chars)),
        other => text.push(other),
    }
    Some(())
}

/// The character of `\uXXXX`, perhaps in two halves; U+FFFD for what is none.
fn unicode(chars: &mut std::str::CharIndices<'_>) -> char {
    let Some(first) = hex4(chars) else { return char::REPLACEMENT_CHARACTER };
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut ahead = chars.clone();
    let second = (ahead.next().map(|(_, c)| c) == Some('\\') && ahead.next().map(|(_, c)| c) == Some('u'))
        .then(|| hex4(&mut ahead))
        .flatten()
        .filter(|second| (0xdc00..0xe000).contains(second));
    let Some(second) = second else { return char::REPLACEMENT_CHARACTER };
    *chars = ahead;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex4(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    let digits = chars.as_str().get(..4)?;
    let number = digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())??;
    for _ in 0..4 {
        chars.next();
    }
    Some(number)
}

/// Whether a quote followed by this ends the string of a value. In valid JSON it always does; where nobody escaped a quote within a
/// string, text follows that cannot stand there.
fn ends_string(after: &str) -> bool {
    let next = after.trim_start();
    let Some(c) = next.chars().next() else { return true };
    match c {
        '}' | ']' | '#' => true,
        '/' => next[1..].starts_with(['/', '*']),
        ',' | ';' | '，' => begins_member(next[c.len_utf8()..].trim_start()),
        '"' | '\'' => {
            let new_line = after[..after.len() - next.len()].contains('\n');
            new_line || is_key_ahead(&next[1..], Some(c))
        }
        _ => false,
    }
}

/// Whether what follows a comma may be the next member.
fn begins_member(next: &str) -> bool {
    match next.chars().next() {
        None
        | Some('"' | '\'' | '“' | '„' | '«' | '{' | '[' | '}' | ']' | '-' | '/' | '#' | ',' | '0'..='9') => {
            true
        }
        Some(_) => literal(bare(next)).is_some() || is_key_ahead(next, None),
    }
}

/// Whether a word comes here, then its closing quote if it has one, then a colon.
fn is_key_ahead(next: &str, quote: Option<char>) -> bool {
    let word = bare(next);
    let mut after = &next[word.len()..];
    if let Some(quote) = quote {
        let Some(rest) = after.strip_prefix(quote) else { return false };
        after = rest;
    }
    !word.is_empty()
        && word.chars().count() <= KEY_CHARS_MAX
        && after.trim_start_matches(' ').starts_with(':')
}

/// The word without quotes that begins here: letters, digits, and what numbers and names have between them.
pub(super) fn bare(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '$')));
    &rest[..end.unwrap_or(rest.len())]
}

/// The value of a word that is one: a number, or a truth value in any language's spelling.
pub(super) fn literal(word: &str) -> Option<Value> {
    match word {
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        "null" | "None" | "nil" | "undefined" | "NaN" | "Null" | "NULL" => return Some(Value::Null),
        _ => {}
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    let plain = word.strip_prefix('+').unwrap_or(word);
    if let Ok(number) = plain.parse::<u64>() {
        return Some(number.into());
    }
    if let Ok(number) = plain.parse::<i64>() {
        return Some(number.into());
    }
    plain.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

/// A text that was escaped once too often, as it was before.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((_, c)) = chars.next() {
        if c != '\\' {
            plain.push(c);
        } else if escaped(&mut chars, &mut plain).is_none() {
            break;
        }
    }
    plain
}
