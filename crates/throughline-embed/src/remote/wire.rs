//! The JSON of `POST /embeddings`: the request, and a suspicious reader of its answer.
//!
//! An answer is used only if there is exactly one finite, non-zero vector of the right length for every text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::math::normalise;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Numbers,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Floats(Vec<f32>),
    /// Little-endian `f32`s; some servers send them whatever was asked for.
    Base64(String),
}

#[derive(Deserialize)]
struct Complaint {
    error: Reason,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reason {
    Object { message: String },
    Text(String),
}

/// The body of a request.
pub(super) fn request(model: &str, input: &[String]) -> Vec<u8> {
    serde_json::to_vec(&Request { model, input, encoding_format: "float" })
        .expect("strings can always be written as JSON")
}

/// The message of an error answer, if it is of the usual shape.
pub(super) fn error_message(answer: &[u8]) -> Option<String> {
    match serde_json::from_slice::<Complaint>(answer).ok()?.error {
        Reason::Object { message } | Reason::Text(message) => Some(message),
    }
}

/// The `count` vectors of an answer, in the order of the request, each scaled to length 1.
pub(super) fn vectors(
    answer: &[u8],
    count: usize,
    dimensions: Option<usize>,
) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| format!("not embeddings: {error}"))?;
    if answer.data.len() != count {
        return Err(format!("{} vectors for {count} texts", answer.data.len()));
    }
    let mut vectors = vec![Vec::new(); count];
    let mut expected = dimensions;
    for (position, item) in answer.data.into_iter().enumerate() {
        let index = item.index.unwrap_or(position);
        let place = vectors.get_mut(index).ok_or_else(|| format!("index {index} for {count} texts"))?;
        if !place.is_empty() {
            return Err(format!("two vectors with index {index}"));
        }
        let vector =
            item.embedding.into_unit_vector().map_err(|reason| format!("vector {index} {reason}"))?;
        let expected = *expected.get_or_insert(vector.len());
        if vector.len() != expected {
            let actual = vector.len();
            return Err(format!(
                "vector {index} has {actual} dimensions instead of {expected}; is it another model now?"
            ));
        }
        *place = vector;
    }
    Ok(vectors)
}

impl Numbers {
    fn into_unit_vector(self) -> Result<Vec<f32>, String> {
        let mut vector = match self {
            Self::Floats(vector) => vector,
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(|error| format!("is not base64: {error}"))?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("is not a whole number of floats".into());
                }
                numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
        };
        let length = normalise(&mut vector);
        if length.is_finite() && length > 0.0 {
            Ok(vector)
        } else {
            Err("is empty, zero or not finite".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Result<&[&[f32]], &str>) {
        let actual = vectors(answer.as_bytes(), 2, Some(2));
        match expected {
            Ok(expected) => assert_eq!(actual.unwrap(), expected, "{answer}"),
            Err(part) => {
                let error = actual.unwrap_err();
                assert!(error.contains(part), "{answer}: {error}");
            }
        }
    }

    #[test]
    fn vectors_come_in_the_order_of_the_request_and_of_length_one() {
        check(
            r#"{"object":"list","data":[{"index":1,"embedding":[0,-5]},{"index":0,"embedding":[3,4]}],"usage":{}}"#,
            Ok(&[&[0.6, 0.8], &[0.0, -1.0]]),
        );
        check(r#"{"data":[{"embedding":[1,0]},{"embedding":[0,1]}]}"#, Ok(&[&[1.0, 0.0], &[0.0, 1.0]]));
    }

    #[test]
    fn base64_vectors_are_read_too() {
        let ones = STANDARD.encode([1.0_f32, 0.0].map(f32::to_le_bytes).concat());
        check(
            &format!(r#"{{"data":[{{"index":0,"embedding":"{ones}"}},{{"index":1,"embedding":[0,1]}}]}}"#),
            Ok(&[&[1.0, 0.0], &[0.0, 1.0]]),
        );
        check(r#"{"data":[{"embedding":"AAAA"},{"embedding":[0,1]}]}"#, Err("whole number"));
        check(r#"{"data":[{"embedding":"%"},{"embedding":[0,1]}]}"#, Err("base64"));
    }

    #[test]
    fn answers_that_are_not_one_good_vector_for_each_text_are_refused() {
        for (answer, part) in [
            ("<html>", "not embeddings"),
            (r#"{"data":[]}"#, "0 vectors for 2 texts"),
            (r#"{"data":[{"index":0,"embedding":[1,0]},{"index":0,"embedding":[1,0]}]}"#, "two vectors"),
            (r#"{"data":[{"index":0,"embedding":[1,0]},{"index":7,"embedding":[1,0]}]}"#, "index 7"),
            (r#"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[1,0,0]}]}"#, "3 dimensions"),
            (r#"{"data":[{"index":0,"embedding":[0,0]},{"index":1,"embedding":[1,0]}]}"#, "zero"),
            (r#"{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[1,0]}]}"#, "empty"),
            (r#"{"data":[{"index":0,"embedding":[1e300,0]},{"index":1,"embedding":[1,0]}]}"#, "finite"),
            (
                r#"{"data":[{"index":0,"embedding":[null,0]},{"index":1,"embedding":[1,0]}]}"#,
                "not embeddings",
            ),
        ] {
            check(answer, Err(part));
        }
    }

    #[test]
    fn the_message_of_an_error_is_found_in_both_shapes() {
        assert_eq!(error_message(br#"{"error":{"message":"no","type":"x"}}"#).as_deref(), Some("no"));
        assert_eq!(error_message(br#"{"error":"no"}"#).as_deref(), Some("no"));
        assert_eq!(error_message(b"gateway timeout"), None);
    }
}
