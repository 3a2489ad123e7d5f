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
//!   4 vector  model (2), scale (4, float), one byte a component; one section for each model
//!   5 tokens  model (2), one bit a component of each token, see `late::sketch`; one section for each model
//!   6 speaker per word of the speaker's name: hash (4)
//!   7 asks    nothing but a 1: the turn holds a question
//!   8 standing  nothing but a 1: the passage holds a standing statement of the user
//! ```
//!
//! Numbers are little-endian. The head is required, empty sections are left out, and a section with a tag not listed here
//! is passed over: what a later release adds does not keep an earlier one from searching.
//!
//! Vectors and tokens may be of two models, no more: while a store changes its model, the old one's serve until the new
//! one's are complete, and afterwards they are there for a way back.

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
const STANDING: u8 = 8;

/// Models whose vectors and tokens one row may have.
const MODELS_MAX: usize = 2;

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
    /// Its meaning, for each embedding model that has read it.
    pub vectors: Vec<QuantizedVector>,
    /// The meaning of its tokens, for each of these models that shows them.
    pub tokens: Vec<TokenSketch>,
    /// The words of its speaker's name, as `text::terms::plain_words` gives them.
    pub speaker: Vec<TermHash>,
    /// Whether the turn asks something.
    pub asks: bool,
    /// Whether the user says in it what holds in general, as `text::standing` finds. Rows of earlier releases do not tell.
    pub standing: bool,
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
    /// The row with what a model made of its text: the vector quantised, the tokens that say something sketched. They
    /// replace what that model made of it before. Of two other models, the one with the lower number gives way.
    #[must_use]
    pub fn with_embedding(self, model: ModelNumber, text: &str, embedding: &Embedding) -> Self {
        let beside = self.models().filter(|other| *other != model).max();
        let mut row = self.only(beside.as_slice());
        let vector = &embedding.vector;
        let sketch = TokenSketch::new(model, &late::essence(text, embedding), vector.len());
        row.vectors.push(QuantizedVector::new(model, vector));
        row.tokens.extend(Some(sketch).filter(|sketch| !sketch.bits.is_empty()));
        row
    }

    /// The row without what other models than these made of it.
    #[must_use]
    pub fn only(mut self, models: &[ModelNumber]) -> Self {
        self.vectors.retain(|vector| models.contains(&vector.model));
        self.tokens.retain(|tokens| models.contains(&tokens.model));
        self
    }

    /// What a model made of the passage as a whole.
    pub fn vector(&self, model: ModelNumber) -> Option<&QuantizedVector> {
        self.vectors.iter().find(|vector| vector.model == model)
    }

    /// What a model made of its tokens.
    pub fn tokens(&self, model: ModelNumber) -> Option<&TokenSketch> {
        self.tokens.iter().find(|tokens| tokens.model == model)
    }

    /// The models that made something of it, some of them twice.
    pub fn models(&self) -> impl Iterator<Item = ModelNumber> {
        let vectors = self.vectors.iter().map(|vector| vector.model);
        vectors.chain(self.tokens.iter().map(|tokens| tokens.model))
    }

    /// Whether its vectors and tokens are as a row may have them: each model's once, and of two models at most.
    fn models_fit(&self) -> bool {
        let once = |models: &[ModelNumber]| match models {
            [] | [_] => true,
            [one, other] => one != other,
            _ => false,
        };
        let vectors: Vec<_> = self.vectors.iter().map(|vector| vector.model).collect();
        let tokens: Vec<_> = self.tokens.iter().map(|tokens| tokens.model).collect();
        let mut all = [&vectors[..], &tokens[..]].concat();
        all.sort_unstable();
        all.dedup();
        once(&vectors) && once(&tokens) && all.len() <= MODELS_MAX
    }

    /// The row as bytes.
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.terms.is_sorted_by(|a, b| a.hash < b.hash), "terms are distinct and sorted");
        debug_assert!(self.models_fit(), "vectors and tokens are of two models at most");
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
        for vector in &self.vectors {
            section(&mut row, VECTOR, |out| {
                out.extend(vector.model.to_le_bytes());
                out.extend(vector.scale.to_le_bytes());
                out.extend(vector.values.iter().map(|value| value.cast_unsigned()));
            });
        }
        for tokens in &self.tokens {
            section(&mut row, TOKENS, |out| {
                out.extend(tokens.model.to_le_bytes());
                out.extend(&tokens.bits);
            });
        }
        section(&mut row, SPEAKER, |out| {
            out.extend(self.speaker.iter().flat_map(|word| word.0.to_le_bytes()));
        });
        section(&mut row, ASKS, |out| out.extend(self.asks.then_some(1)));
        section(&mut row, STANDING, |out| out.extend(self.standing.then_some(1)));
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
            if (HEAD..=STANDING).contains(&tag) {
                let bit = 1 << tag;
                let expected = seen & bit == 0 || matches!(tag, VECTOR | TOKENS);
                let read = if expected { row.read(tag, content) } else { None };
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
                self.tokens.push(TokenSketch { model: u16::from_le_bytes(*model), bits: bits.to_vec() });
                self.models_fit().then_some(())
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
            STANDING => {
                self.standing = content == [1];
                self.standing.then_some(())
            }
            _ => {
                let (model, rest) = content.split_first_chunk()?;
                let (scale, values) = rest.split_first_chunk()?;
                let scale = f32::from_le_bytes(*scale);
                let values = values.iter().map(|value| value.cast_signed()).collect();
                self.vectors.push(QuantizedVector { model: u16::from_le_bytes(*model), scale, values });
                (scale.is_finite() && scale >= 0.0 && self.models_fit()).then_some(())
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
            standing: true,
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
        let row = row.only(&[]).with_embedding(1, text, &embedding);
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
            &[8, 1, 0, 0, 0, 1],
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
                assert!(cut.bytes == row().bytes && !cut.standing);
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

    #[test]
    fn two_models_may_have_read_a_row_but_no_third_and_none_twice() {
        let head = [1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0];
        let vector = |model: u8| vec![4, 7, 0, 0, 0, model, 0, 0, 0, 0, 0, 1];
        let tokens = |model: u8| vec![5, 3, 0, 0, 0, model, 0, 255];
        let with = |sections: &[Vec<u8>]| PassageRow::decode(&[&[1], &head[..], &sections.concat()].concat());
        let row = with(&[vector(2), tokens(1), vector(1), tokens(2)]).unwrap();
        assert!([1, 2].iter().all(|model| row.vector(*model).is_some() && row.tokens(*model).is_some()));
        assert!(row.vector(3).is_none());
        for (sections, damaged) in [
            (vec![vector(1), vector(1)], VECTOR),
            (vec![vector(1), vector(2), vector(3)], VECTOR),
            (vec![tokens(1), tokens(1)], TOKENS),
            (vec![vector(1), vector(2), tokens(3)], TOKENS),
            (vec![tokens(1), tokens(2), vector(3)], VECTOR),
        ] {
            assert_eq!(with(&sections), Err(PassageRowError::Damaged(damaged)), "{sections:?}");
        }
    }

    #[test]
    fn a_third_model_takes_the_place_of_the_oldest_and_a_second_reading_that_of_the_first() {
        let read = |row: PassageRow, model| {
            let vector = vec![f32::from(model) / 10.0; 16];
            row.with_embedding(
                model,
                "tea",
                &Embedding { vector: vector.clone(), tokens: vector, spans: vec![(0, 3)] },
            )
        };
        let models = |row: &PassageRow| row.vectors.iter().map(|vector| vector.model).collect::<Vec<_>>();
        let row = read(read(PassageRow::default(), 1), 2);
        assert_eq!((models(&row), row.tokens.len()), (vec![1, 2], 2));
        let again = read(row.clone(), 1);
        assert_eq!((models(&again), again.vector(1)), (vec![2, 1], row.vector(1)));
        let third = read(row.clone(), 3);
        assert_eq!((models(&third), third.tokens.len()), (vec![2, 3], 2));
        assert_eq!(PassageRow::decode(&third.encode()).as_ref(), Ok(&third));
        assert_eq!(row.clone().only(&[2]), row.clone().only(&[2, 3]));
        assert_eq!(models(&row.only(&[7])), [0_u16; 0]);
    }

    fn any_row() -> impl Strategy<Value = PassageRow> {
        let terms = prop::collection::btree_map(any::<u32>(), 1..u16::MAX, 0..40);
        let vector = || prop::option::of((0.0_f32..1.0, prop::collection::vec(any::<i8>(), 0..400)));
        let tokens = || prop::option::of(prop::collection::vec(any::<u8>(), 0..90));
        let models = (any::<u16>(), 1..u16::MAX).prop_map(|(one, step)| [one, one.wrapping_add(step)]);
        let read = (models, [vector(), vector()], [tokens(), tokens()]);
        let hashes = || prop::collection::vec(any::<u32>(), 0..9);
        let head = (any::<u8>(), any::<i64>(), any::<u32>(), any::<u32>(), any::<[bool; 2]>());
        (head, terms, hashes(), hashes(), read).prop_map(
            |((role, time_ms, a, b, [asks, standing]), terms, tags, speaker, (models, vectors, tokens))| {
                PassageRow {
                    role,
                    time_ms,
                    bytes: (a.min(b), a.max(b)),
                    terms: terms
                        .into_iter()
                        .map(|(hash, count)| Term { hash: TermHash(hash), count })
                        .collect(),
                    tags,
                    vectors: models
                        .into_iter()
                        .zip(vectors)
                        .filter_map(|(model, read)| {
                            read.map(|(scale, values)| QuantizedVector { model, scale, values })
                        })
                        .collect(),
                    tokens: models
                        .into_iter()
                        .zip(tokens)
                        .filter_map(|(model, bits)| bits.map(|bits| TokenSketch { model, bits }))
                        .collect(),
                    speaker: speaker.into_iter().map(TermHash).collect(),
                    asks,
                    standing,
                }
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
