//! The body of a search row: all that searching needs to know of a passage, in one compact record.
//!
//! The stores keep it as opaque bytes; this file alone reads and writes them. Bytes may come from a damaged file: any
//! input gives a row or an error, never a panic and never more memory than a small multiple of the input.
//!
//! ```text
//! row     = version (1 byte, 1), section …
//! section = tag (1 byte), length (4 bytes), content
//!   1 head    role (1), time in ms (8, signed), from (4), to (4)
//!   2 terms   per term: hash (4), count (2); in rising order of hash
//!   3 tags    per tag: hash (4)
//!   4 vector  model (2), scale (4, float), one byte a component
//!   5 tokens  model (2), one bit a component of each token, see `late::sketch`
//!   6 speaker per word of the speaker's name: hash (4)
//!   7 asks    nothing but a 1: the turn holds a question
//! ```
//!
//! Numbers are little-endian. The head is required, empty sections are left out, and a section with a tag not listed here
//! is passed over: what a later release adds does not keep an earlier one from searching.

use thiserror::Error;

use crate::ports::{Embedding, ModelNumber};
use crate::text::terms::{TERMS_MAX, Term, TermHash};

use super::dense::QuantizedVector;
use super::late::{self, TokenSketch};

const VERSION: u8 = 1;

const HEAD: u8 = 1;
const TERMS: u8 = 2;
const TAGS: u8 = 3;
const VECTOR: u8 = 4;
const TOKENS: u8 = 5;
const SPEAKER: u8 = 6;
const ASKS: u8 = 7;

/// What is searched of one passage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PassageRow {
    /// The stored code of who said it.
    pub role: u8,
    /// When it was said, in milliseconds since 1970.
    pub time_ms: i64,
    /// Its part of the turn's text, in bytes: from, to.
    pub bytes: (u32, u32),
    /// Its words, distinct and in rising order of their hashes, as `text::terms` gives them.
    pub terms: Vec<Term>,
    /// Hashes of what filters ask for.
    pub tags: Vec<u32>,
    /// Its meaning; none if no embedding model has read it yet.
    pub vector: Option<QuantizedVector>,
    /// The meaning of its tokens; none if the model does not show them.
    pub tokens: Option<TokenSketch>,
    /// The words of its speaker's name, as `text::terms::plain_words` gives them.
    pub speaker: Vec<TermHash>,
    /// Whether the turn asks something.
    pub asks: bool,
}

/// Why bytes are not a search row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PassageRowError {
    /// Written by another release.
    #[error(
        "the search row has format {0}; this release reads format 1: use the release that wrote it, or re-index"
    )]
    Version(u8),
    /// The bytes end too early.
    #[error("the search row ends in the middle of a section; re-index the scope")]
    Truncated,
    /// A section that cannot be what it says it is.
    #[error("section {0} of the search row is damaged; re-index the scope")]
    Damaged(u8),
}

impl PassageRow {
    /// The row with what a model made of its text: the vector quantised, the tokens that say something sketched.
    #[must_use]
    pub fn with_embedding(self, model: ModelNumber, text: &str, embedding: &Embedding) -> Self {
        let vector = &embedding.vector;
        let sketch = TokenSketch::new(model, &late::essence(text, embedding), vector.len());
        Self {
            vector: Some(QuantizedVector::new(model, vector)),
            tokens: Some(sketch).filter(|sketch| !sketch.bits.is_empty()),
            ..self
        }
    }

    /// The row as bytes.
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.terms.is_sorted_by(|a, b| a.hash < b.hash), "terms are distinct and sorted");
        let mut row = vec![VERSION];
        section(&mut row, HEAD, |out| {
            out.push(self.role);
            out.extend(self.time_ms.to_le_bytes());
            out.extend(self.bytes.0.to_le_bytes());
            out.extend(self.bytes.1.to_le_bytes());
        });
        section(&mut row, TERMS, |out| {
            for term in &self.terms {
                out.extend(term.hash.0.to_le_bytes());
                out.extend(term.count.to_le_bytes());
            }
        });
        section(&mut row, TAGS, |out| out.extend(self.tags.iter().flat_map(|tag| tag.to_le_bytes())));
        section(&mut row, VECTOR, |out| {
            if let Some(vector) = &self.vector {
                out.extend(vector.model.to_le_bytes());
                out.extend(vector.scale.to_le_bytes());
                out.extend(vector.values.iter().map(|value| value.cast_unsigned()));
            }
        });
        section(&mut row, TOKENS, |out| {
            if let Some(tokens) = &self.tokens {
                out.extend(tokens.model.to_le_bytes());
                out.extend(&tokens.bits);
            }
        });
        section(&mut row, SPEAKER, |out| {
            out.extend(self.speaker.iter().flat_map(|word| word.0.to_le_bytes()));
        });
        section(&mut row, ASKS, |out| out.extend(self.asks.then_some(1)));
        row
    }

    /// Reads a row that [`encode`](Self::encode) wrote, in this release or another.
    pub fn decode(bytes: &[u8]) -> Result<Self, PassageRowError> {
        let (&version, mut rest) = bytes.split_first().ok_or(PassageRowError::Truncated)?;
        if version != VERSION {
            return Err(PassageRowError::Version(version));
        }
        let mut row = Self::default();
        let mut seen = 0_u64;
        while let Some((&tag, after)) = rest.split_first() {
            let (length, after) = after.split_first_chunk().ok_or(PassageRowError::Truncated)?;
            let length = u32::from_le_bytes(*length) as usize;
            let (content, after) = after.split_at_checked(length).ok_or(PassageRowError::Truncated)?;
            rest = after;
            if (HEAD..=ASKS).contains(&tag) {
                let bit = 1 << tag;
                let read = if seen & bit == 0 { row.read(tag, content) } else { None };
                read.ok_or(PassageRowError::Damaged(tag))?;
                seen |= bit;
            }
        }
        if seen & (1 << HEAD) == 0 { Err(PassageRowError::Damaged(HEAD)) } else { Ok(row) }
    }

    /// Takes in one section; none if its content is not one.
    fn read(&mut self, tag: u8, content: &[u8]) -> Option<()> {
        match tag {
            HEAD => {
                let (role, rest) = content.split_first()?;
                let (time_ms, rest) = rest.split_first_chunk()?;
                let (from, rest) = rest.split_first_chunk()?;
                let to = u32::from_le_bytes(rest.try_into().ok()?);
                (self.role, self.time_ms) = (*role, i64::from_le_bytes(*time_ms));
                self.bytes = (u32::from_le_bytes(*from), to);
                (self.bytes.0 <= self.bytes.1).then_some(())
            }
            TERMS => {
                let (terms, []) = content.as_chunks::<6>() else { return None };
                let term = |&[a, b, c, d, e, f]: &[u8; 6]| Term {
                    hash: TermHash(u32::from_le_bytes([a, b, c, d])),
                    count: u16::from_le_bytes([e, f]),
                };
                self.terms = terms.iter().map(term).collect();
                let distinct = self.terms.is_sorted_by(|a, b| a.hash < b.hash);
                let counted = self.terms.iter().all(|term| term.count > 0);
                (distinct && counted && self.terms.len() <= TERMS_MAX).then_some(())
            }
            TAGS => {
                let (tags, []) = content.as_chunks() else { return None };
                self.tags = tags.iter().map(|tag| u32::from_le_bytes(*tag)).collect();
                Some(())
            }
            TOKENS => {
                let (model, bits) = content.split_first_chunk()?;
                self.tokens = Some(TokenSketch { model: u16::from_le_bytes(*model), bits: bits.to_vec() });
                Some(())
            }
            SPEAKER => {
                let (words, []) = content.as_chunks() else { return None };
                self.speaker = words.iter().map(|word| TermHash(u32::from_le_bytes(*word))).collect();
                Some(())
            }
            ASKS => {
                self.asks = content == [1];
                self.asks.then_some(())
            }
            _ => {
                let (model, rest) = content.split_first_chunk()?;
                let (scale, values) = rest.split_first_chunk()?;
                let scale = f32::from_le_bytes(*scale);
                let values = values.iter().map(|value| value.cast_signed()).collect();
                self.vector = Some(QuantizedVector { model: u16::from_le_bytes(*model), scale, values });
                (scale.is_finite() && scale >= 0.0).then_some(())
            }
        }
    }
}

/// Appends a section, unless it is empty.
fn section(row: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = row.len();
    row.extend([tag, 0, 0, 0, 0]);
    let content = row.len();
    write(row);
    match u32::try_from(row.len() - content) {
        Ok(0) => row.truncate(start),
        Ok(length) => row[start + 1..content].copy_from_slice(&length.to_le_bytes()),
        Err(_) => unreachable!("a passage's terms, tags and vector take kilobytes"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::terms::terms;

    fn row() -> PassageRow {
        let row = PassageRow {
            role: 1,
            time_ms: -5,
            bytes: (3, 450),
            terms: terms("We moved to Lyon in May, near the river"),
            tags: vec![7, u32::MAX],
            speaker: vec![TermHash(3)],
            asks: true,
            ..PassageRow::default()
        };
        let vector = [0.6, -0.8].into_iter().chain([0.0; 14]).collect();
        let tokens = [[0.5; 16], [-0.5; 16]].concat();
        row.with_embedding(2, "moved to Lyon", &Embedding { vector, tokens, spans: vec![(0, 5), (9, 13)] })
    }

    #[test]
    fn a_row_of_a_usual_passage_stays_small() {
        let text = "I adopted a puppy from the shelter near the river, and she already steals my socks every morning";
        let row = PassageRow { terms: terms(text), tags: vec![1, 2], ..row() };
        let spans: Vec<_> = (0..95).step_by(4).map(|at| (at, at + 1)).collect();
        let embedding = Embedding { vector: vec![0.05; 384], tokens: vec![0.05; 384 * spans.len()], spans };
        let row = row.with_embedding(1, text, &embedding);
        assert!(row.encode().len() < 1_200, "{}", row.encode().len());
    }

    #[test]
    fn the_format_never_changes_without_a_new_version() {
        let row = PassageRow { terms: terms("tea"), ..row() };
        let expected = [
            [1].as_slice(),
            &[1, 17, 0, 0, 0, 1, 251, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 194, 1, 0, 0],
            &[2, 6, 0, 0, 0, 0x50, 0xab, 0xb7, 0x12, 1, 0],
            &[3, 8, 0, 0, 0, 7, 0, 0, 0, 255, 255, 255, 255],
            &[4, 22, 0, 0, 0, 2, 0],
            &(0.8_f32 / 127.0).to_le_bytes(),
            &[95, 129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[5, 6, 0, 0, 0, 2, 0, 255, 255, 0, 0],
            &[6, 4, 0, 0, 0, 3, 0, 0, 0],
            &[7, 1, 0, 0, 0, 1],
        ];
        assert_eq!(row.encode(), expected.concat());
    }

    #[test]
    fn a_section_of_a_later_release_is_passed_over() {
        let mut bytes = row().encode();
        bytes.splice(1..1, [200, 2, 0, 0, 0, 9, 9]);
        assert_eq!(PassageRow::decode(&bytes), Ok(row()));
    }

    #[test]
    fn a_row_of_another_format_is_refused() {
        assert_eq!(PassageRow::decode(&[2, 1, 0]), Err(PassageRowError::Version(2)));
    }

    #[test]
    fn a_row_cut_anywhere_is_refused_or_lacks_whole_sections() {
        let bytes = row().encode();
        for end in 0..bytes.len() {
            if let Ok(cut) = PassageRow::decode(&bytes[..end]) {
                assert!(cut.bytes == row().bytes && !cut.asks);
            }
        }
    }

    #[test]
    fn what_would_break_a_search_is_refused() {
        let head = [1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0];
        let with = |section: &[u8]| PassageRow::decode(&[&[1], &head[..], section].concat());
        assert!(with(&[]).is_ok());
        assert_eq!(PassageRow::decode(&[1]), Err(PassageRowError::Damaged(HEAD)));
        assert_eq!(with(&head), Err(PassageRowError::Damaged(HEAD)));
        let twice_the_same_term = [2, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0];
        assert_eq!(with(&twice_the_same_term), Err(PassageRowError::Damaged(TERMS)));
        let infinite_scale = [4, 7, 0, 0, 0, 1, 0, 0, 0, 0x80, 0x7f, 1];
        assert_eq!(with(&infinite_scale), Err(PassageRowError::Damaged(VECTOR)));
        assert_eq!(with(&[9, 255, 255, 255, 255, 0]), Err(PassageRowError::Truncated));
    }

    fn any_row() -> impl Strategy<Value = PassageRow> {
        let terms = prop::collection::btree_map(any::<u32>(), 1..u16::MAX, 0..40);
        let vector =
            prop::option::of((any::<u16>(), 0.0_f32..1.0, prop::collection::vec(any::<i8>(), 1..400)));
        let tokens = prop::option::of((any::<u16>(), prop::collection::vec(any::<u8>(), 1..90)));
        let hashes = || prop::collection::vec(any::<u32>(), 0..9);
        let head = (any::<u8>(), any::<i64>(), any::<u32>(), any::<u32>(), any::<bool>());
        (head, terms, hashes(), hashes(), vector, tokens).prop_map(
            |((role, time_ms, a, b, asks), terms, tags, speaker, vector, tokens)| PassageRow {
                role,
                time_ms,
                bytes: (a.min(b), a.max(b)),
                terms: terms.into_iter().map(|(hash, count)| Term { hash: TermHash(hash), count }).collect(),
                tags,
                vector: vector.map(|(model, scale, values)| QuantizedVector { model, scale, values }),
                tokens: tokens.map(|(model, bits)| TokenSketch { model, bits }),
                speaker: speaker.into_iter().map(TermHash).collect(),
                asks,
            },
        )
    }

    proptest! {
        #[test]
        fn any_row_comes_back_as_it_was(row in any_row()) {
            prop_assert_eq!(PassageRow::decode(&row.encode()), Ok(row));
        }

        #[test]
        fn any_bytes_are_a_row_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = PassageRow::decode(&bytes);
        }

        #[test]
        fn a_row_with_any_damage_is_a_row_or_an_error(row in any_row(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = row.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = PassageRow::decode(&bytes);
        }
    }
}
