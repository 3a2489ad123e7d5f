//! The demo's conversation: four days of somebody's life, written for this project.
//!
//! It holds what memory has to cope with: a move, a preference that changes, a plan, and a lot that does not matter.

use throughline::model::Role;

/// A conversation of one day.
pub(super) struct Day {
    /// Its name as a session.
    pub(super) session: &'static str,
    /// When its first turn was said.
    pub(super) begins: &'static str,
    /// What happens, for the audience.
    pub(super) headline: &'static str,
    /// What the user says and what the assistant answers, in turn.
    pub(super) lines: &'static [&'static str],
}

/// Whose memory it is.
pub(super) const USER: &str = "mara";

/// The assistant, as the app's operator describes it.
pub(super) const IDENTITY: &str = "You are Juniper, a warm and practical assistant. Answer in a few sentences and never guess what you were not told.";

/// What the app has put into the profile.
pub(super) const GOALS: &[&str] = &["Open a small ceramics studio"];

/// See [`GOALS`].
pub(super) const PREFERENCES: &[&str] = &["Prices in euros", "Short answers"];

/// Asked on the last day.
pub(super) const QUESTION: &str =
    "Ines comes tomorrow! What is our plan for Friday, and what does she love for breakfast?";

/// When it is asked.
pub(super) const ASKED: &str = "2026-06-11T18:20:00Z";

/// The days, in order. User and assistant speak in turn.
pub(super) const DAYS: &[Day] = &[
    Day {
        session: "march-studio",
        begins: "2026-03-02T08:40:00Z",
        headline: "Mara throws pots in Hamburg and lives on coffee.",
        lines: &[
            "Morning! I'm Mara. I make ceramics, and I want to sell more of them this year. Where do I start?",
            "Good morning, Mara! Start with what sells already: which pieces leave your shelf first, and who buys them?",
            "Mostly the speckled breakfast bowls. People find me at the Sunday market in Hamburg, near the fish hall.",
            "Then make the bowls your signature. A small card with your name and a web address in each parcel brings people back.",
            "I like that. By the way, I can't start a day without two strong coffees, so expect questions before eight.",
            "Noted: early questions, fuelled by coffee. Shall we set a price for the bowls first?",
            "Yes. Clay and glaze are about 4 euros a bowl, firing another 2, and each takes me forty minutes.",
            "At 25 euros an hour for your time that is roughly 23 euros. With market fees, 28 euros is fair and still friendly.",
            "28 it is. My kiln is old, though, it drops ten degrees whenever the neighbours shower.",
            "Log the temperature for a week before you call anyone. If the dips follow the boiler, it is the wiring, not the kiln.",
        ],
    },
    Day {
        session: "april-lisbon",
        begins: "2026-04-14T19:05:00Z",
        headline: "An offer from Lisbon; the coffee has to go.",
        lines: &[
            "Big news: a shared studio in Lisbon offered me a place from May. Two kilns, good light, 310 euros a month.",
            "Congratulations! What would you have to give up in Hamburg to take it?",
            "My flat in Altona and the Sunday market. But I said yes an hour ago. I'm moving on the 28th of April.",
            "Then let us plan backwards from the 28th: cancel the flat today, book the van this week, pack the kiln shelves last.",
            "The van driver asks how many boxes. I guess forty, half of them bowls wrapped in newspaper.",
            "Say forty-five. Pack bowls upright like plates, never flat, and mark two boxes \"first evening\".",
            "Also my doctor told me to stop with coffee because of my stomach. No more coffee for me; it's rooibos from now on.",
            "A brave week to do it. Rooibos with a slice of orange has some of the bite. I won't suggest coffee again.",
            "Thanks. What do I do with the Hamburg market customers?",
            "Write to them once, kindly: the last Sunday, the new address, and a code for free postage until June.",
        ],
    },
    Day {
        session: "may-alfama",
        begins: "2026-05-09T17:30:00Z",
        headline: "She has moved: fourth floor, no lift, a neighbour with a key.",
        lines: &[
            "I'm in! Rua dos Remédios in Alfama, fourth floor, no lift. Forty-five boxes. My legs are made of custard.",
            "Welcome to Lisbon! Forty-five boxes and four floors is a week of sport. Did the bowls survive?",
            "All but one. My neighbour Dona Graça carried plants up and now keeps my spare key.",
            "A neighbour with a key is worth gold. Which box did you open first?",
            "The kettle, of course. The studio is a ten minute walk downhill, and a long one back up.",
            "Leave the clay at the studio then, and carry only what is finished.",
            "The kilns here are electric and steady as a heartbeat. First glaze test came out sea green.",
            "Sea green suits the city. Note the cone and the cooling time while you still remember them.",
            "Done. I also found a market: Feira da Ladra, Tuesdays and Saturdays. I pay 18 euros for a table.",
            "Start with Saturdays, ten bowls, one price sign. Two Saturdays tell you more than a plan does.",
        ],
    },
    Day {
        session: "june-visit",
        begins: "2026-06-03T09:15:00Z",
        headline: "A sister announces herself, with an allergy and a dislike of boats.",
        lines: &[
            "My sister Ines is coming to stay from the 12th to the 14th of June. First visit! I want it to be good.",
            "Lovely! What does she enjoy, and is there anything she cannot have?",
            "Ines is allergic to nuts, properly, she carries a pen. For breakfast she loves oat porridge with figs.",
            "Then no almond pastries, and read the label on the granola. Porridge and figs are easy in June.",
            "The plan for Friday with Ines: the tile museum, then grilled sardines in Alfama, it's the night of Santo António.",
            "Perfect timing: the streets will be full of music. Book the sardines early, or take what the neighbours grill.",
            "And no boat trip. Ines gets seasick if she looks at a bathtub.",
            "No boats, then. The miradouros give her the river without the waves.",
            "On Saturday she wants to throw a bowl herself, so I've booked the wheel at the studio from ten to twelve.",
            "She will go home with clay under her nails. I will remember the wheel at ten.",
        ],
    },
];

/// Who says a line: the user begins.
pub(super) fn speaker(line: usize) -> (Role, &'static str) {
    if line.is_multiple_of(2) { (Role::User, "Mara") } else { (Role::Assistant, "Juniper") }
}

#[cfg(test)]
mod tests {
    use throughline::model::Timestamp;

    use super::*;

    #[test]
    fn the_days_follow_each_other_and_end_with_an_answer() {
        let mut last = Timestamp::MIN;
        for day in DAYS {
            let begins: Timestamp = day.begins.parse().unwrap();
            assert!(begins > last, "{}", day.session);
            assert!(day.lines.len().is_multiple_of(2), "{}", day.session);
            last = begins;
        }
        assert!(ASKED.parse::<Timestamp>().unwrap() > last);
    }
}
