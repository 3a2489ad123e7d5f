//! Which script a character belongs to, as far as searching needs to know it.
//!
//! Two questions are answered: is the script written without spaces (then words cannot be found by looking for
//! them, and character pairs stand in), and which stemmer fits a word. This is a table over code points, never a
//! guess from word statistics.

use rust_stemmers::Algorithm;

/// Whether words of this character's script are not separated by spaces, or carry so many endings that character
/// pairs search better than words: Han, kana, Hangul, Thai, Lao, Khmer, Myanmar.
///
/// Expects NFKC text: half-width kana and compatibility ideographs are not listed.
pub(super) fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}'     // Thai, Lao
        | '\u{1000}'..='\u{109F}'   // Myanmar
        | '\u{1100}'..='\u{11FF}'   // Hangul jamo
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{3005}'..='\u{3007}'   // ideographic repetition, closing mark and zero
        | '\u{3041}'..='\u{309F}'   // Hiragana
        | '\u{30A1}'..='\u{30FA}'   // Katakana
        | '\u{30FC}'..='\u{30FF}'   // its length and repetition marks
        | '\u{3105}'..='\u{312F}'   // Bopomofo
        | '\u{3400}'..='\u{4DBF}'   // Han, extension A
        | '\u{4E00}'..='\u{9FFF}'   // Han
        | '\u{AC00}'..='\u{D7A3}'   // Hangul syllables
        | '\u{20000}'..='\u{3FFFF}' // Han, further extensions
    )
}

/// The stemmer for a lower-case word, by the script of its first letter; none for scripts without one.
///
/// All Latin text is stemmed as English: the script alone cannot tell its languages apart, and the same rule is
/// applied to what is stored and to what is asked.
pub(super) fn stemmer_of(word: &str) -> Option<Algorithm> {
    match word.chars().find(|character| character.is_alphabetic())? {
        'a'..='z' | '\u{00C0}'..='\u{024F}' => Some(Algorithm::English),
        '\u{0370}'..='\u{03FF}' => Some(Algorithm::Greek),
        '\u{0400}'..='\u{052F}' => Some(Algorithm::Russian),
        '\u{0600}'..='\u{06FF}' => Some(Algorithm::Arabic),
        '\u{0B80}'..='\u{0BFF}' => Some(Algorithm::Tamil),
        _ => None,
    }
}
