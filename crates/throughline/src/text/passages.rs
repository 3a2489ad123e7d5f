//! Cuts long text into passages: the pieces that are indexed and returned.
//!
//! A passage is about as long as the embedding model reads with full attention, and ends where the text itself pauses: at
//! the end of a paragraph, else of a line or list item, else of a sentence, else between words. Passages never
//! overlap, never reorder and never drop anything but white space around them.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::script::is_unspaced;

/// Longest passage in characters of spaced scripts: about 112 word pieces of the embedding model. A character of a script
/// without spaces, which is a word piece of its own, counts as four.
pub const PASSAGE_CHARS_MAX: usize = 450;

/// A pause is taken only if the passage before it has at least one part in this many of the window, so that a short
/// heading or sentence does not cost a passage of its own when more fits.
const WINDOW_PARTS: usize = 3;

/// The byte ranges of a text's passages, in order and on character boundaries. Blank text has none, short text one.
///
/// Every character that is not white space lies in exactly one passage; no passage begins or ends with white space or
/// is longer than [`PASSAGE_CHARS_MAX`].
pub fn split(text: &str) -> Vec<Range<usize>> {
    let text = text.trim_end();
    let mut passages = Vec::new();
    let mut start = visible_from(text, 0);
    while start < text.len() {
        let end = start + passage_end(&text[start..]);
        passages.push(start..start + text[start..end].trim_end().len());
        start = visible_from(text, end);
    }
    passages
}

/// The first place at or after `at` that is not white space.
fn visible_from(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

/// Where the first passage of a text that begins with a visible character ends: the last of its strongest pauses.
fn passage_end(text: &str) -> usize {
    let Some(window) = window_end(text) else { return text.len() };
    // One character more than fits, to see whether the window itself ends at a pause.
    let seen = &text[..text.ceil_char_boundary(window + 1)];
    let earliest = window / WINDOW_PARTS;
    last(paragraph_ends(seen), earliest, window)
        .or_else(|| last(seen.match_indices('\n').map(start_of), earliest, window))
        .or_else(|| last(seen.split_sentence_bound_indices().map(start_of), earliest, window))
        .or_else(|| last(seen.match_indices(char::is_whitespace).map(start_of), earliest, window))
        .or_else(|| last(seen.split_word_bound_indices().map(start_of), 0, window))
        .unwrap_or(window)
}

/// How many bytes of the text fit in one passage; none if all of it does.
fn window_end(text: &str) -> Option<usize> {
    let mut chars = 0;
    text.char_indices().find_map(|(at, character)| {
        chars += weight(character);
        (chars > PASSAGE_CHARS_MAX).then_some(at)
    })
}

fn weight(character: char) -> usize {
    if is_unspaced(character) { 4 } else { 1 }
}

/// The line ends that are followed by a blank line.
fn paragraph_ends(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices('\n').map(start_of).filter(|&at| {
        let next_line = text[at + 1..].trim_start_matches([' ', '\t', '\r']);
        next_line.starts_with('\n')
    })
}

fn start_of((at, _): (usize, &str)) -> usize {
    at
}

fn last(ends: impl Iterator<Item = usize>, earliest: usize, latest: usize) -> Option<usize> {
    ends.take_while(|&end| end <= latest).filter(|&end| end > earliest).last()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passages(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    fn sentence(chars: usize) -> String {
        format!("{}.", "word ".repeat(chars / 5).trim_end())
    }

    #[test]
    fn short_text_is_one_passage_without_the_space_around_it() {
        assert_eq!(passages("  I moved to Lyon.\n\nIt rains. \n"), ["I moved to Lyon.\n\nIt rains."]);
    }

    #[test]
    fn blank_text_has_no_passage() {
        assert!(passages("").is_empty());
        assert!(passages(" \n\t\u{a0}\n").is_empty());
    }

    #[test]
    fn a_paragraph_end_is_preferred_to_later_lines_and_sentences() {
        let first = sentence(200);
        let text = format!("{first}\n\n{}\n{}", sentence(150), sentence(300));
        assert_eq!(passages(&text)[0], first);
    }

    #[test]
    fn a_list_is_cut_between_its_items() {
        let items: Vec<String> = (1..=12).map(|n| format!("{n}. {}", sentence(90))).collect();
        for passage in passages(&items.join("\n")) {
            assert!(passage.split('\n').all(|line| items.iter().any(|item| item == line)), "{passage}");
        }
    }

    #[test]
    fn prose_is_cut_between_sentences() {
        let text = ["Dr. Ruiz (see p. 3) paid 3.50 for it, i.e. nothing! Was that all? "; 30].concat();
        for passage in passages(&text) {
            assert!(
                passage.ends_with(['.', '!', '?']) && passage.starts_with(char::is_uppercase),
                "{passage}"
            );
        }
    }

    #[test]
    fn a_sentence_without_end_is_cut_between_words() {
        let text = "syllables ".repeat(200);
        assert!(passages(&text).iter().all(|passage| passage.split(' ').all(|word| word == "syllables")));
    }

    #[test]
    fn a_word_without_end_is_cut_anywhere() {
        let text = "é".repeat(1_000);
        assert_eq!(split(&text), vec![0..900, 900..1_800, 1_800..2_000]);
    }

    #[test]
    fn scripts_without_spaces_have_shorter_passages() {
        let text = "私は昨日東京に引っ越しました。".repeat(40);
        for passage in passages(&text) {
            assert!(passage.ends_with('。') && passage.chars().count() <= PASSAGE_CHARS_MAX / 4, "{passage}");
        }
    }

    proptest! {
        #[test]
        fn passages_hold_all_visible_text_once_in_order_and_none_is_too_long(
            text in r"([a-zA-Zé猫ก🙂.!?,\u{301}\u{a0} \t\r\n]{0,4}|[a-z]{1,500}|[ \n]{1,30}|[猫。]{1,200}|.){0,60}",
        ) {
            let ranges = split(&text);
            let mut end = 0;
            for range in &ranges {
                prop_assert!(text[end..range.start].trim().is_empty());
                let passage = &text[range.clone()];
                prop_assert!(!passage.is_empty() && passage == passage.trim());
                prop_assert!(passage.chars().map(weight).sum::<usize>() <= PASSAGE_CHARS_MAX);
                end = range.end;
            }
            prop_assert!(text[end..].trim().is_empty());
        }
    }
}
