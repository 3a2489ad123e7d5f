//! Made-up conversations: the same on every machine, of about the length and variety of real ones.
//!
//! All words stand here; nothing is taken from anybody's text. The same number always gives the same turn.

/// A sequence of numbers that look random and are the same everywhere (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % (end as u64)).unwrap_or(0)
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    /// A name nobody has, such as "Velkorin": the long tail of rare words that real talk has.
    fn name(&mut self) -> String {
        const SYLLABLES: [&str; 24] = [
            "ba", "cor", "del", "fin", "ga", "hol", "il", "jen", "kor", "lum", "mar", "nel", "or", "pri",
            "quin", "ros", "sal", "tor", "ul", "vel", "wen", "xan", "yor", "zim",
        ];
        let name: String = (0..2 + self.below(2)).map(|_| self.pick(&SYLLABLES)).collect();
        name[..1].to_uppercase() + &name[1..]
    }
}

const ACTIVITIES: [&str; 32] = [
    "planted tomatoes",
    "repaired the old bicycle",
    "baked sourdough bread",
    "painted the kitchen",
    "learned a piano piece",
    "hiked along the ridge",
    "visited the dentist",
    "finished the tax forms",
    "watched a documentary",
    "tuned the guitar",
    "wrote a long letter",
    "signed up for a pottery class",
    "cleaned the attic",
    "ran ten kilometres",
    "met the landlord",
    "ordered new glasses",
    "practised Italian",
    "booked the train tickets",
    "adopted a kitten",
    "fixed the leaking tap",
    "sold the blue sofa",
    "started a night shift",
    "quit drinking coffee",
    "cooked lentil soup",
    "joined the rowing club",
    "photographed herons",
    "lost the house keys",
    "moved the bookshelves",
    "passed the driving test",
    "knitted a scarf",
    "swam in the lake",
    "applied for a new passport",
];

const COMPANIONS: [&str; 16] = [
    "my sister",
    "my neighbour",
    "an old friend",
    "my manager",
    "the kids",
    "my uncle",
    "a colleague",
    "my partner",
    "the new intern",
    "my grandmother",
    "two classmates",
    "my cousin",
    "the choir",
    "my running group",
    "the vet",
    "nobody else",
];

const TIMES: [&str; 16] = [
    "last weekend",
    "on Tuesday evening",
    "before breakfast",
    "during the heat wave",
    "after the meeting",
    "in early spring",
    "on my birthday",
    "the day before yesterday",
    "this morning",
    "over the holidays",
    "at lunch",
    "while it was raining",
    "late at night",
    "two months ago",
    "right after work",
    "on the first of the month",
];

const FEELINGS: [&str; 16] = [
    "and it went better than expected",
    "but I would not do it again",
    "which made me rather proud",
    "so I am quite tired now",
    "and we laughed a lot about it",
    "although it cost more than I had planned",
    "and I want to keep doing it every week",
    "but the weather spoiled most of it",
    "which was a relief",
    "and I still think about it",
    "so next time I will bring a proper map",
    "but my back hurts since then",
    "and it reminded me of school",
    "which surprised everybody",
    "and I have to tell you more about it soon",
    "but I forgot to take pictures",
];

const REPLIES: [&str; 16] = [
    "That sounds like a good day.",
    "How did that feel afterwards?",
    "Thank you for telling me about it.",
    "I remember that you wanted to do this for a while.",
    "It is fine to take a break after something like that.",
    "Would you like a few ideas for the next time?",
    "Here is a short plan that could help.",
    "Let me know how it goes.",
    "Small steps count, and this was one.",
    "I would write the date down somewhere.",
    "You could ask them whether they want to join again.",
    "There is a simpler way that costs less.",
    "Many people find that harder than it looks.",
    "Keep the receipt, just in case.",
    "A list of what to bring may save you trouble.",
    "I hope the rest of the week is calmer.",
];

/// Who said a turn, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// `user` or `assistant`, in turns.
    pub(crate) role: &'static str,
    /// One to three sentences.
    pub(crate) content: String,
}

/// The turn of this number in the conversation of this user.
pub(crate) fn turn(user: u64, number: u64) -> Turn {
    let mut dice = Dice(user.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ number);
    let sentences = 1 + dice.below(3);
    let is_reply = number % 2 == 1;
    let content: Vec<String> = (0..sentences)
        .map(|at| if is_reply && at > 0 { reply(&mut dice) } else { told(&mut dice, is_reply) })
        .collect();
    Turn { role: if is_reply { "assistant" } else { "user" }, content: content.join(" ") }
}

/// A question of the kind that is asked about such conversations; each number another one.
pub(crate) fn question(number: u64) -> String {
    let mut dice = Dice(!number);
    let (activity, companion, time, place) =
        (dice.pick(&ACTIVITIES), dice.pick(&COMPANIONS), dice.pick(&TIMES), dice.name());
    match dice.below(3) {
        0 => format!("Who was there when I {activity} in {place}?"),
        1 => format!("What did I do with {companion} {time} near {place}?"),
        _ => format!("When was it that I {activity} with {companion}, and how did it go?"),
    }
}

fn told(dice: &mut Dice, is_reply: bool) -> String {
    let (activity, companion, place) = (dice.pick(&ACTIVITIES), dice.pick(&COMPANIONS), dice.name());
    let (time, feeling, count) = (dice.pick(&TIMES), dice.pick(&FEELINGS), 2 + dice.below(90));
    if is_reply {
        format!("So you {activity} near {place} {time}, for about {count} minutes.")
    } else {
        format!("I {activity} with {companion} in {place} {time}, for about {count} minutes, {feeling}.")
    }
}

fn reply(dice: &mut Dice) -> String {
    dice.pick(&REPLIES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_gives_the_same_turn_and_another_number_another_one() {
        assert_eq!(turn(7, 3), turn(7, 3));
        assert_ne!(turn(7, 3), turn(7, 5));
        assert_ne!(turn(7, 3), turn(8, 3));
        assert_ne!(question(1), question(2));
    }

    #[test]
    fn turns_are_about_as_long_as_people_talk() {
        let words =
            (0..1_000).map(|number| turn(1, number).content.split(' ').count()).sum::<usize>() / 1_000;
        assert!((20..40).contains(&words), "{words} words a turn");
    }

    #[test]
    fn speakers_take_turns() {
        assert_eq!((turn(1, 0).role, turn(1, 1).role), ("user", "assistant"));
    }
}
