//! Whether words say that it is so, or that it is not: a model that takes one for the other would end what is true.
//!
//! What the rules of the local extractor read in the same turn decides, where they read anything of the same slot and value.
//! Else a denial needs a word in its quote that says no, or that something has changed.

use crate::learn::proposal::{BatchTurn, Proposal};
use crate::learn::words::words;
use crate::model::Polarity;
use crate::text::wording::wording;

/// Words that deny or tell of a change, by language.
const TURNING: &[&str] = &[
    // English
    "not no never none nothing neither nor without cannot anymore longer until stopped stop quit gave gives ended broke split \
     left leaving leave moved moving relocated former formerly ex used previously changed switched given abandoned scrapped shelved ditched instead replaced cancelled \
     canceled sold lost died dead passed divorced separated retired resigned fired dropped wrong mistaken meant hate dislike",
    // German
    "nicht nie niemals kein keine keinen keinem keiner keines ohne früher ehemalige ehemaliger aufgehört gekündigt umgezogen \
     gezogen verlassen verloren gestorben tot geschieden getrennt gewechselt statt verkauft aufgegeben verworfen begraben abgeblasen hasse",
    // French
    "ne n' pas jamais aucun aucune rien sans arrêté quitté déménagé ancien ancienne autrefois mort morte divorcé divorcée \
     changé remplacé vendu perdu déteste cessé abandonné tomber",
    // Spanish
    "nunca jamás ningún ninguna ninguno nada sin dejé dejado antes mudé mudado murió divorciado divorciada cambié cambiado \
     vendí perdí odio renuncié abandoné abandonado",
    // Italian, Portuguese
    "non mai nessun nessuno nessuna senza smesso lasciato cambiato trasferito trasferita morto morta não nenhum nenhuma sem \
     deixei parei mudei morreu",
    // Dutch, Polish, Russian
    "niet nooit geen zonder gestopt verhuisd verlaten overleden gescheiden nie nigdy bez не нет никогда без бросил бросила \
     переехал переехала умер умерла",
    // Turkish, Arabic, Hindi
    "değil yok artık hiç لا ليس لم नहीं",
];

/// The same in scripts without spaces between words, and in Korean, which ends its words so.
const TURNING_WITHIN: &[&str] = &[
    "不",
    "没",
    "沒",
    "无",
    "無",
    "离开",
    "離開",
    "搬",
    "停",
    "戒",
    "ない",
    "ません",
    "辞め",
    "やめ",
    "않",
    "없",
    "아니",
    "못",
];

/// Whether a proposal may say what it says, with its polarity; `read` is what the rules read in the batch.
pub(super) fn agrees(turn: &BatchTurn, quoted: &str, proposal: &Proposal, read: &[Proposal]) -> bool {
    let same = |other: &&Proposal| {
        other.turn == proposal.turn
            && other.slot == proposal.slot
            && proposal.slot.is_some()
            && wording(&other.value) == wording(&proposal.value)
    };
    let mut alike = read.iter().filter(same).peekable();
    if alike.peek().is_some() {
        // "I used to live in Rome" says both: that it was so, and that it is not. That it is so, it does not say.
        let over = |of: &Proposal| of.valid_to.is_some_and(|end| end <= turn.time);
        return alike.any(|other| other.polarity == proposal.polarity && (over(proposal) || !over(other)));
    }
    proposal.polarity == Polarity::Affirms || turns(quoted)
}

/// Whether a word denies or tells of a change.
pub(in crate::learn) fn is_turning(word: &str) -> bool {
    TURNING.iter().any(|line| line.split(' ').any(|turning| turning == word))
}

/// Whether words deny something or tell that it has changed.
pub(in crate::learn) fn turns(quoted: &str) -> bool {
    words(quoted, 0..quoted.len()).iter().any(|word| is_turning(&word.text))
        || TURNING_WITHIN.iter().any(|turning| quoted.contains(turning))
}
