//! A query made ready for the arms: its words, what the model made of it, and how it falls into clauses.

use crate::ports::Embedding;
use crate::text::terms::{self, Term, TermHash, significant_words};

/// A clause with fewer significant words belongs to the clause before it.
const CLAUSE_WORDS_MIN: usize = 2;

/// Words that begin another clause, besides punctuation. Missing a language costs some confidence in questions of two
/// parts, nothing else.
const JOINING: &[&str] = &["and", "or", "und", "oder", "et", "ou", "y", "o", "e", "en", "of", "и", "или"];

/// A token of the query that asks for something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryToken {
    /// As the model sees it in its sentence.
    pub(super) vector: Vec<f32>,
    /// The word it is a part of.
    pub(super) word: TermHash,
    /// The clause it stands in, from 0.
    pub(super) clause: usize,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Query {
    pub(super) terms: Vec<Term>,
    /// Of the whole, if a model read it.
    pub(super) vector: Option<Vec<f32>>,
    /// Tokens of significant words; of all words if none is significant. Empty if the model shows no tokens.
    pub(super) tokens: Vec<QueryToken>,
    /// The terms of each clause.
    pub(super) clauses: Vec<Vec<Term>>,
}

impl Query {
    /// From the words and what the model made of them.
    pub(crate) fn new(text: &str, embedding: Option<Embedding>) -> Self {
        let words = significant_words(text);
        let starts = clause_starts(text, &words);
        let clause_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
        let clauses = starts.iter().enumerate().map(|(clause, start)| {
            let end = starts.get(clause + 1).copied().unwrap_or(text.len());
            terms::terms(&text[*start..end])
        });
        let mut query = Self { terms: terms::terms(text), clauses: clauses.collect(), ..Self::default() };
        let Some(Embedding { vector, tokens, spans }) = embedding else { return query };
        let token = |((from, _), vector): (&(u32, u32), &[f32])| {
            let from = *from as usize;
            let (_, word) = words.iter().find(|(bytes, _)| bytes.contains(&from))?;
            let word = terms::terms(word).first().map(|term| term.hash)?;
            Some(QueryToken { vector: vector.to_vec(), word, clause: clause_of(from) })
        };
        query.tokens = spans.iter().zip(tokens.chunks_exact(vector.len().max(1))).filter_map(token).collect();
        query.vector = Some(vector);
        query
    }
}

/// Where the clauses begin, the first at 0: after punctuation or a joining word, if enough is said on both sides.
fn clause_starts(text: &str, words: &[(std::ops::Range<usize>, &str)]) -> Vec<usize> {
    use unicode_segmentation::UnicodeSegmentation;
    let mut starts = vec![0];
    let said = |from: usize, to: usize| {
        words.iter().filter(|(word, _)| word.start >= from && word.end <= to).count()
    };
    for (at, part) in text.split_word_bound_indices() {
        let ends =
            matches!(part, "," | ";" | "?" | "." | "!" | "，" | "；" | "？" | "。" | "！" | "、" | "؟" | "،")
                || JOINING.contains(&part.to_lowercase().as_str());
        let last = starts.last().copied().unwrap_or_default();
        let next = at + part.len();
        if ends && said(last, at) >= CLAUSE_WORDS_MIN && said(next, text.len()) >= CLAUSE_WORDS_MIN {
            starts.push(next);
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let starts = clause_starts(text, &significant_words(text));
        let ends = starts[1..].iter().copied().chain([text.len()]);
        let clauses: Vec<&str> =
            starts.iter().zip(ends).map(|(start, end)| text[*start..end].trim()).collect();
        assert_eq!(clauses, expected);
    }

    #[test]
    fn a_question_of_two_parts_has_two_clauses() {
        check(
            "What is my dog called, and how warm is it in Oslo and in Lima?",
            &["What is my dog called,", "and how warm is it in Oslo and in Lima?"],
        );
        check("Wie heißt mein Hund und wann kommt Anna?", &["Wie heißt mein Hund und", "wann kommt Anna?"]);
    }

    #[test]
    fn a_list_of_two_names_is_one_clause() {
        check("Where did Ana and Tom meet?", &["Where did Ana and Tom meet?"]);
        check("", &[""]);
    }

    #[test]
    fn tokens_belong_to_their_words_and_say_nothing_in_stop_words() {
        let embedding = Embedding {
            vector: vec![1.0],
            tokens: vec![0.1, 0.2, 0.3, 0.4],
            spans: vec![(0, 3), (4, 7), (7, 8), (8, 9)],
        };
        let query = Query::new("the dogs?", Some(embedding));
        let tokens: Vec<(f32, TermHash)> =
            query.tokens.iter().map(|token| (token.vector[0], token.word)).collect();
        assert_eq!(tokens, [(0.2, TermHash::of("dog")), (0.3, TermHash::of("dog"))]);
        assert_eq!(query.vector, Some(vec![1.0]));
    }
}
