//! What a model affirms of a sentence, and what the sentence lets it: labelled sentences, each proposed as outright and so.

use jiff::tz::TimeZone;

use crate::learn::labelled::{Half, Set, turns};
use crate::learn::proposal::{Batch, BatchTurn, Proposal};
use crate::learn::verify::{Verified, verify};
use crate::model::{Claim, Generation, MemoryKind, OwnSlots, Polarity, Role, SlotKey, Timestamp};
use crate::truth::{Cardinality, cardinality};

fn turn(seq: u64, role: Role, text: &str) -> BatchTurn {
    // Whatever the gate would say: this is about what verify makes of it.
    let wanted = std::iter::once(0..text.len()).collect();
    let time = Timestamp::from_second(1_772_445_600).unwrap();
    BatchTurn { seq, role, name: None, time, zone: TimeZone::UTC, text: text.to_owned(), wanted }
}

fn proposal(text: &str, slot: &str, value: &str) -> Proposal {
    let (subject, name) = slot.split_once('.').unwrap_or(("user", slot));
    Proposal {
        turn: 2,
        quote: text.to_owned(),
        kind: MemoryKind::Fact,
        slot: (!slot.is_empty()).then(|| SlotKey { subject: subject.to_owned(), name: name.to_owned() }),
        value: value.to_owned(),
        text: text.to_owned(),
        polarity: Polarity::Affirms,
        explicit: true,
        importance: 0.5,
        valid_from: None,
        valid_to: None,
    }
}

fn verified(before: &str, text: &str, proposal: Proposal) -> Verified {
    let turns = [turn(1, Role::Assistant, before), turn(2, Role::User, text)];
    let batch = Batch { turns: &turns, known: &[], slots: &OwnSlots::default() };
    verify(&batch, vec![proposal], Generation(1), &|_| false)
}

fn claim(text: &str, slot: &str, value: &str) -> Option<Claim> {
    verified("Hello!", text, proposal(text, slot, value)).claims.pop()
}

/// Said, and so: a model may take them at their word.
const OUTRIGHT: &[(&str, &str, &str)] = &[
    ("I live in Graz.", "home", "Graz"),
    ("We finally moved into our flat in Graz.", "home", "Graz"),
    ("I have been living in Graz for six months now.", "home", "Graz"),
    ("My new address is Hauptplatz 3 in Graz.", "home", "Graz"),
    ("Moved to Graz last week.", "home", "Graz"),
    ("My flat is in Graz.", "home", "Graz"),
    ("I've settled in Graz with my sister.", "home", "Graz"),
    ("Seit Mai wohne ich in Graz.", "home", "Graz"),
    ("Mittlerweile bin ich in Graz zu Hause.", "home", "Graz"),
    ("J'ai déménagé à Graz en mai.", "home", "Graz"),
    ("Me mudé a Graz en mayo.", "home", "Graz"),
    ("Io abito a Graz da maggio.", "home", "Graz"),
    ("Eu moro em Graz.", "home", "Graz"),
    ("Ik woon in Graz.", "home", "Graz"),
    ("Я живу в Graz.", "home", "Graz"),
    ("我住在Graz。", "home", "Graz"),
    ("Mieszkam w Graz.", "home", "Graz"),
    ("Jag bor i Graz.", "home", "Graz"),
    ("I work as a paramedic.", "job", "paramedic"),
    ("I am now a certified welder.", "job", "welder"),
    ("They promoted me to head of logistics.", "job", "head of logistics"),
    ("Ich arbeite als Koch.", "job", "Koch"),
    ("Je suis infirmière.", "job", "infirmière"),
    ("I started at Nordwind last Monday.", "employer", "Nordwind"),
    ("Nordwind hired me in May.", "employer", "Nordwind"),
    ("Mein Arbeitgeber ist Nordwind.", "employer", "Nordwind"),
    ("I'm Tomasz.", "name", "Tomasz"),
    ("Ich heiße Tomasz.", "name", "Tomasz"),
    ("I turned 41 yesterday.", "age", "41"),
    ("I got engaged to Lena.", "partner", "Lena"),
    ("My wife Lena cooks.", "partner", "Lena"),
    ("I eat vegan these days.", "diet", "vegan"),
    ("My favourite colour is teal.", "favourite_colour", "teal"),
    ("Meine Lieblingsfarbe ist Petrol.", "favourite_colour", "Petrol"),
    ("My sister lives in Oslo.", "sister.home", "Oslo"),
    ("I really like olives.", "likes", "olives"),
    ("As I mentioned, I reside in Graz.", "home", "Graz"),
    ("I told you, my home is Graz.", "home", "Graz"),
    ("I commute by train.", "commute", "train"),
];

/// A doubt, a plan, somebody's ear, or words about something near: what was plain before stays.
const VAGUE: &[(&str, &str, &str)] = &[
    ("Maybe I live in Graz, who knows these borders.", "home", "Graz"),
    ("I am almost a doctor.", "job", "doctor"),
    ("I told the recruiter I live in London.", "home", "London"),
    ("Ich glaube, ich bin Veganer.", "diet", "Veganer"),
    ("We're settled in London, if that counts.", "home", "London"),
    ("My name, by the way, is Tomasz.", "name", "Tomasz"),
    ("Rotterdam is a good place to live so far!", "home", "Rotterdam"),
    ("We love Graz and live well.", "home", "Graz"),
    ("They hired me at Nordwind for two months.", "employer", "Nordwind"),
    ("My friend says she lives in Oslo.", "friend.home", "Oslo"),
    ("There were olives in the salad.", "likes", "olives"),
    // A language without words for it.
    ("Graz mellett lakom.", "home", "Graz"),
];

/// Not meant, not of the user, or of something else: no claim of the user's.
const REFUSED: &[(&str, &str, &str)] = &[
    // Unrelated.
    ("My sister Ida asked about Oslo.", "home", "Oslo"),
    ("I visited Oslo in spring.", "home", "Oslo"),
    ("I read a book about Oslo.", "home", "Oslo"),
    ("Oslo was cold, and I caught a flu.", "home", "Oslo"),
    ("I met a doctor about my knee.", "job", "doctor"),
    ("I had dinner with the pilot.", "job", "pilot"),
    ("I bought shares of Nordwind.", "employer", "Nordwind"),
    ("I saw Tomasz at the gym.", "name", "Tomasz"),
    ("I bought 41 screws.", "age", "41"),
    ("We painted the wall teal.", "favourite_colour", "teal"),
    // For a time.
    ("I'm in Porto for two weeks.", "home", "Porto"),
    ("We have a house in Porto for a while.", "home", "Porto"),
    ("I'm staying at a flat in Porto.", "home", "Porto"),
    ("My apartment in Porto is an airbnb.", "home", "Porto"),
    ("Meine Wohnung in Porto ist nur für den Urlaub.", "home", "Porto"),
    // Over.
    ("I lived in Cork until I was ten.", "home", "Cork"),
    ("My twin moved away from Cork, where I lived as a child.", "home", "Cork"),
    ("I worked at Nordwind in the nineties.", "employer", "Nordwind"),
    // Reported.
    ("My friend says he lives in Oslo.", "home", "Oslo"),
    ("My landlord goes, I'm allergic to cats.", "allergy", "cats"),
    ("Grandma is convinced I'm a vegetarian.", "diet", "vegetarian"),
    ("According to my mother I live in Oslo.", "home", "Oslo"),
    ("My boss thinks I speak Danish.", "speaks", "Danish"),
    ("Mein Chef behauptet, ich wohne in Oslo.", "home", "Oslo"),
    ("Selon ma mère, j'habite à Oslo.", "home", "Oslo"),
    ("Mi madre dice que vivo en Oslo.", "home", "Oslo"),
    // Of somebody else.
    ("My best friend Anna has lived in Oslo forever.", "home", "Oslo"),
    ("My neighbour works as a nurse.", "job", "nurse"),
    ("Meine Schwester wohnt in Oslo.", "home", "Oslo"),
    ("Ma sœur travaille chez Nordwind.", "employer", "Nordwind"),
    // Not so.
    ("If I lived in Cadiz, I would surf.", "home", "Cadiz"),
    ("I wish I lived in Cannes.", "home", "Cannes"),
    ("I would live in Cannes if I could.", "home", "Cannes"),
    ("I might move to Bonn.", "home", "Bonn"),
    ("I want to move to Bonn.", "home", "Bonn"),
    ("We are planning to settle in Bonn.", "home", "Bonn"),
    ("I'd love to work at Nordwind.", "employer", "Nordwind"),
    ("I have an interview for a job at Nordwind.", "employer", "Nordwind"),
    ("In my dream last night I was a pilot.", "job", "pilot"),
    ("I dreamt that I have a dog called Pluto.", "pet", "Pluto"),
    ("Imagine my name is Max.", "name", "Max"),
    ("Wenn ich in Bonn wohne, fahre ich Rad.", "home", "Bonn"),
    ("Ich möchte nach Bonn ziehen.", "home", "Bonn"),
    ("Je voudrais habiter à Bonn.", "home", "Bonn"),
    ("Quiero vivir en Bonn.", "home", "Bonn"),
];

fn wrong(
    sentences: &[(&'static str, &'static str, &'static str)],
    right: impl Fn(&Option<Claim>) -> bool,
) -> Vec<&'static str> {
    let is_wrong = |(text, slot, value): &&(&'static str, &str, &str)| !right(&claim(text, slot, value));
    sentences.iter().filter(is_wrong).map(|(text, ..)| *text).collect()
}

#[test]
fn what_is_not_meant_becomes_no_claim() {
    assert_eq!(wrong(REFUSED, Option::is_none), Vec::<&str>::new());
}

#[test]
fn what_is_doubted_or_told_in_passing_ends_nothing() {
    let vague = |claim: &Option<Claim>| claim.as_ref().is_some_and(|claim| !claim.explicit);
    assert_eq!(wrong(VAGUE, vague), Vec::<&str>::new());
}

#[test]
fn what_is_said_outright_is_taken_at_its_word() {
    let outright = |claim: &Option<Claim>| claim.as_ref().is_some_and(|claim| claim.explicit);
    assert_eq!(wrong(OUTRIGHT, outright), Vec::<&str>::new());
}

#[test]
fn where_somebody_is_until_a_day_is_a_location_that_ends() {
    for text in
        ["I'm at a house in Porto for the next two weeks.", "Our flat in Porto is ours until 20 March."]
    {
        let claim = claim(text, "home", "Porto").unwrap();
        assert_eq!((claim.slot.unwrap().name.as_str(), claim.explicit), ("location", false), "{text}");
        assert!(claim.valid_to.is_some_and(|end| end > claim.said), "{text}");
    }
}

#[test]
fn a_short_answer_is_understood_by_its_question() {
    let answer = |before: &str, text: &str| {
        let claims = verified(before, text, proposal(text, "home", "Bruges")).claims;
        claims.first().map(|claim| claim.explicit)
    };
    assert_eq!(answer("Do you still live in Ghent?", "Not since March, it's Bruges now."), Some(true));
    assert_eq!(answer("Where do you live?", "Bruges"), Some(true));
    assert_eq!(answer("Did you like the film?", "It's Bruges now."), None);
    assert_eq!(answer("Where do you live?", "My sister is in Bruges."), None);
}

#[test]
fn a_plan_with_its_day_begins_on_it() {
    let text = "I will move to Bonn in June.";
    let june = Timestamp::from_second(1_780_272_000).unwrap();
    let planned = Proposal { valid_from: Some(june), ..proposal(text, "home", "Bonn") };
    assert!(verified("", text, planned).claims[0].explicit);
}

#[test]
fn what_is_reported_or_supposed_without_a_slot_is_told_in_the_users_words() {
    let text = "My friend says he lives in Oslo.";
    let told = Proposal { text: "The user lives in Oslo.".into(), ..proposal(text, "", "") };
    assert_eq!(verified("", text, told).claims[0].text, text);
}

#[test]
fn a_denial_that_is_supposed_or_reported_takes_nothing_back() {
    let denied = |text: &str| {
        let denial = Proposal { polarity: Polarity::Denies, ..proposal(text, "home", "Graz") };
        verified("", text, denial).claims.first().is_some_and(|claim| claim.explicit)
    };
    assert!(denied("Graz isn't my home any more."));
    assert!(!denied("I wish Graz wasn't my home."));
    assert!(!denied("My mother claims that Graz is not my home."));
}

/// The labelled turns of the local extractor, read by a model that makes no mistakes, without the help of the rules.
#[test]
fn a_model_that_reads_labelled_turns_rightly_is_seldom_doubted() {
    let (mut right, mut all, mut doubted) = (0, 0, Vec::new());
    for labelled in [Half::Tuning, Half::Reported].into_iter().flat_map(|half| turns(Set::First, half)) {
        let labels = labelled.label.split(';').filter(|label| !label.starts_with(['!', '^', '-', '+']));
        for (slot, value) in labels.filter_map(|label| label.split_once('=')) {
            let said = proposal(&labelled.text, slot, value);
            if labelled.role != Role::User || said.slot.as_ref().map(cardinality) != Some(Cardinality::Single)
            {
                continue;
            }
            let turn = turn(2, Role::User, &labelled.text);
            let batch = Batch { turns: std::slice::from_ref(&turn), known: &[], slots: &OwnSlots::default() };
            let meant = super::as_meant(&batch, &turn, &(0..labelled.text.len()), &said, &[]);
            all += 1;
            match meant {
                Ok(meant) if meant.explicit => right += 1,
                Ok(meant) => {
                    doubted.push(format!("{slot}={value} vague {:?}: {}", meant.slot, labelled.text));
                }
                Err(why) => doubted.push(format!("{slot}={value} {why:?}: {}", labelled.text)),
            }
        }
    }
    println!("{right} of {all} taken at their word; {doubted:#?}");
    assert!(right * 100 >= all * 90, "{right} of {all}: {doubted:#?}");
}
