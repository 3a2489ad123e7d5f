//! What the local extractor reads, as sentences, and how well it does on labelled turns.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::learn::gate;
use crate::learn::labelled::{ALL, Half, Labelled, Set, turns};
use crate::model::{OwnSlots, Timestamp};
use crate::text::wording::wording;

/// 2026-03-02 10:00 UTC, a Monday.
const MONDAY_SECOND: i64 = 1_772_445_600;

fn batch_of(said: &[(Role, &str)]) -> Vec<BatchTurn> {
    let turn = |(seq, (role, text)): (u64, &(Role, &str))| BatchTurn {
        seq,
        role: *role,
        name: None,
        time: Timestamp::from_second(MONDAY_SECOND + 60 * i64::try_from(seq).unwrap()).unwrap(),
        zone: TimeZone::UTC,
        text: (*text).to_owned(),
        wanted: gate(*role, text),
    };
    (1..).zip(said).map(turn).collect()
}

fn extract(said: &[(Role, &str)]) -> Vec<Proposal> {
    let turns = batch_of(said);
    LocalExtractor
        .extract(&Batch { turns: &turns, known: &[], slots: &OwnSlots::default() })
        .unwrap()
        .proposals
}

/// `user.home=Lyon`, `!user.home=Rome`, `^user.home=Rome`, `decision=…`; `?` before it if it is vague.
fn shown(proposal: &Proposal) -> String {
    let place = proposal.slot.as_ref().map_or_else(|| proposal.kind.as_str().to_owned(), ToString::to_string);
    let over = proposal.valid_to.is_some_and(|end| end.as_second() <= MONDAY_SECOND + 3_600);
    let sign = match (proposal.polarity, over && proposal.slot.is_some(), proposal.explicit) {
        (_, _, false) => "?",
        (Polarity::Denies, ..) => "!",
        (_, true, _) => "^",
        _ => "",
    };
    format!("{sign}{place}={}", proposal.value)
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_all(&[text], expected);
}

/// Messages of the user, one after the other.
#[track_caller]
fn check_all(texts: &[&str], expected: &[&str]) {
    let said: Vec<(Role, &str)> = texts.iter().map(|text| (Role::User, *text)).collect();
    let found: Vec<String> = extract(&said).iter().map(shown).collect();
    assert_eq!(found, expected, "{texts:?}");
}

#[test]
fn who_is_named_in_passing_is_known() {
    check("I'm redoing the kitchen with my husband Tom.", &["user.partner=Tom"]);
    check("We stay at my little sister Anna's place until June.", &["user.sister=Anna"]);
    check(
        "I fly to Porto with my wife Lena in June, and I live in Graz.",
        &["user.home=Graz", "user.partner=Lena"],
    );
    check("Je pars avec mon mari Luc.", &["user.partner=Luc"]);
    check("Ma fille Chloé apprend le piano.", &["user.daughter=Chloé"]);
    check("Vivo en Bilbao con mi mujer Rosa.", &["user.home=Bilbao", "user.partner=Rosa"]);
    check("Mi hijo Diego juega al fútbol.", &["user.son=Diego"]);
    check("Meine Tochter Lina geht in die Schule.", &["user.daughter=Lina"]);
}

#[test]
fn what_only_looks_like_somebody_named_in_passing_is_nobody() {
    for text in [
        "If I went with my husband Tom, what would it cost?",
        "Would my wife Lena need a visa with my sister Anna?",
        "My client writes: I live with my wife Carla.",
        "He said he lives with my brother Tom.",
        "\"I live with my wife Lena, and I love it\", says one review.",
        "I talked with my boss Kubernetes costs through.",
        "I'm teaching my son Python.",
        "I watched a film with my daughter Friday.",
        "I discussed with my manager Q3 goals.",
        "I had dinner with my ex husband Tom.",
        "Ich kaufe meiner Frau Blumen.",
        "Ich mache mit meiner Frau Urlaub in Spanien.",
        "Ich bleibe hier, weil mein Sohn Fieber hat.",
        "Weil mein Sohn Fieber hat, bleibe ich hier.",
    ] {
        let found: Vec<String> = extract(&[(Role::User, text)]).iter().map(shown).collect();
        let is_relation = |said: &String| {
            ["partner", "son", "sister", "brother", "boss", "manager", "daughter"]
                .iter()
                .any(|kin| said.contains(kin))
        };
        assert!(!found.iter().any(is_relation), "{text}: {found:?}");
    }
}

#[test]
fn a_wish_that_no_answer_fulfils_is_a_goal() {
    check("I'd like to run a marathon this year.", &["user.goal=run a marathon"]);
    check(
        "I'd love to grow all our vegetables myself one day.",
        &["user.goal=grow all our vegetables myself"],
    );
    check("We'd like to hike in Patagonia some day.", &["user.goal=hike in Patagonia"]);
    check("Ich möchte dieses Jahr einen Marathon laufen.", &["user.goal=dieses Jahr einen Marathon laufen"]);
    check("J'aimerais apprendre le japonais.", &["user.goal=apprendre le japonais"]);
    check("Me gustaría correr un maratón este año.", &["user.goal=correr un maratón"]);
    for favour in [
        "I'd like to see the schedule for tomorrow.",
        "I'd like to book a table for two this evening.",
        "I'd like to learn more about compound interest.",
        "I'd like to learn about black holes.",
        "I'd like to see the sales figures for next year.",
        "I'd like to run a query on this table.",
        "I'd like to know what I should read next year.",
        "She'd like to run a marathon this year.",
        "If I'd like to run a marathon, how do I train?",
        "Ich möchte wissen, wie spät es ist.",
        "J'aimerais savoir comment faire une quiche.",
        "Me gustaría saber qué hora es.",
    ] {
        check(favour, &[]);
    }
}

#[test]
fn what_points_at_the_talk_settles_nothing() {
    check("Let's go for it!", &[]);
    check("We decided on that.", &[]);
    check("Let's go for it with Postgres.", &["decision=Let's go for it with Postgres."]);
}

#[test]
fn a_plan_is_dropped_by_a_part_of_its_words_if_one_alone_has_them() {
    let goal = "I want to run a marathon this year.";
    for drops in
        ["I gave up on the marathon.", "I've dropped the marathon plan.", "We've abandoned the marathon"]
    {
        check_all(&[goal, drops], &["user.goal=run a marathon", "!user.goal=run a marathon"]);
    }
    check_all(
        &["I want to learn Portuguese.", "Ich habe den Portuguese Kurs aufgegeben."],
        &["user.goal=learn Portuguese", "!user.goal=learn Portuguese"],
    );
    for keeps in [
        "I gave up on the medal.",
        "I dropped the marathon medal.",
        "I gave up.",
        "He gave up on the marathon.",
    ] {
        check_all(&[goal, keeps], &["user.goal=run a marathon"]);
    }
    check_all(
        &["I want to learn Dutch.", "I want to learn Danish.", "I gave up on learning."],
        &["user.goal=learn Dutch", "user.goal=learn Danish"],
    );
}

#[test]
fn children_are_counted_and_named() {
    check("I have two kids, Anna and Ben.", &["user.children=two kids", "user.child=Anna", "user.child=Ben"]);
    check(
        "We have three children named Ida, Jon and Kai.",
        &["user.children=three children", "user.child=Ida", "user.child=Jon", "user.child=Kai"],
    );
    check("Our kids are called Anna and Ben.", &["user.child=Anna", "user.child=Ben"]);
    check("My kids are happy.", &[]);
    check("I have two kids, and Anna is my boss.", &["user.children=two kids"]);
}

#[test]
fn a_value_is_cut_where_it_ends() {
    check("I live in Lyon with my wife.", &["user.home=Lyon"]);
    check("I live in New York City, near the river.", &["user.home=New York City"]);
    check("I live in St. Louis.", &["user.home=St. Louis"]);
    check("I live in the Netherlands now", &["user.home=Netherlands"]);
    check("i live in lyon and work a lot", &["user.home=lyon"]);
    check("I like walking in the rain because it calms me", &["user.likes=walking in the rain"]);
}

#[test]
fn a_list_is_several_values() {
    check(
        "I'm allergic to nuts, milk and kiwi.",
        &["user.allergy=nuts", "user.allergy=milk", "user.allergy=kiwi"],
    );
    check("I like Lyon and want to stay.", &["user.likes=Lyon"]);
    check("I like tea, thanks", &["user.likes=tea"]);
}

#[test]
fn several_statements_of_one_sentence_are_all_read() {
    check(
        "My name is Anna and I live in Ghent, but I work at Acme.",
        &["user.name=Anna", "user.home=Ghent", "user.employer=Acme"],
    );
}

#[test]
fn what_is_said_of_others_is_never_about_the_user() {
    check("My sister lives in Rome.", &["sister.home=Rome"]);
    check("My older brother works at Acme.", &["older brother.employer=Acme"]);
    check("She lives in Rome.", &[]);
    check("My boss said he lives in Rome.", &[]);
}

#[test]
fn two_people_with_one_name_stay_two() {
    check_all(
        &["My brother Tom lives in Leeds.", "My colleague Tom lives in York."],
        &["user.brother=Tom", "brother tom.home=Leeds", "user.colleague=Tom", "colleague tom.home=York"],
    );
}

#[test]
fn a_renamed_pet_loses_its_old_name() {
    check("Our dog Bella is now called Daisy.", &["!user.pet=Bella", "user.pet=Daisy"]);
    check("We renamed Rex to Max.", &["!user.pet=Rex", "user.pet=Max"]);
}

#[test]
fn what_is_over_is_history_and_ends() {
    check("I used to live in Rome.", &["^user.home=Rome", "!user.home=Rome"]);
    check("I no longer work at Acme.", &["!user.employer=Acme"]);
    check("I don't eat fish.", &["user.avoids=fish"]);
    check("I quit my job.", &["!user.job=", "!user.employer="]);
    check("I switched from Vim to Emacs.", &["user.uses=Emacs", "!user.uses=Vim"]);
}

#[test]
fn what_is_not_said_as_so_says_nothing() {
    for text in [
        "If I moved, I live in Rome.",
        "I wish I lived in Rome.",
        "I might move to Rome.",
        "I'm thinking about moving to Rome.",
        "My boss said 'I love long meetings'.",
        "My friend told me, I live in the wrong city.",
        "Do I live in Rome?",
        "Pretend you are a cook. I am a teacher and I live in Rome.",
        "I live in Rome, yeah right.",
        "I live in Rome /s",
        "I would like to live in Rome.",
    ] {
        check(text, &[]);
    }
}

#[test]
fn a_denial_is_never_read_as_what_it_denies() {
    check("My name is not Peter.", &["!user.name=Peter"]);
    check("No vivo en Madrid.", &["!user.home=Madrid"]);
    check("I'm not married any more.", &["!user.marital_status=married"]);
    check("My goal isn't to win.", &[]);
    check("I am a doctor's wife.", &[]);
    check("I don't have a dog.", &[]);
    check("I am not a teacher.", &[]);
    check("I never lived in Rome.", &[]);
    check("I don't think I live in Rome.", &[]);
    check("It's not true that I live in Rome.", &[]);
}

#[test]
fn what_is_so_for_a_time_ends_with_it() {
    let found = extract(&[(Role::User, "I'm staying in Vienna until Friday.")]);
    assert_eq!(found[0].valid_to.unwrap().to_string(), "2026-03-07T00:00:00Z");
    let found = extract(&[(Role::User, "For the next two weeks I work from home.")]);
    assert_eq!(found[0].text, "For the next two weeks I work from home");
    assert_eq!(found[0].valid_to.unwrap().to_string(), "2026-03-17T00:00:00Z");
    check("My train leaves tomorrow.", &["event=My train leaves tomorrow."]);
    check("I'm in Vienna.", &[]);
}

#[test]
fn what_is_hedged_is_vague() {
    check("I joined Planet Fitness.", &["?user.employer=Planet Fitness"]);
    check("I think I live in Rome.", &["?user.home=Rome"]);
    check("Maybe I'm allergic to nuts.", &["?user.allergy=nuts"]);
}

#[test]
fn a_correction_takes_the_slot_of_what_it_corrects() {
    check_all(
        &["I live in Paris.", "No, I meant Lyon, not Paris."],
        &["user.home=Paris", "user.home=Lyon", "!user.home=Paris"],
    );
    check_all(&["I live in Paris.", "Sorry, I meant Lyon."], &["user.home=Paris", "user.home=Lyon"]);
    check_all(&["I like tea and milk.", "Sorry, I meant Lyon."], &["user.likes=tea", "user.likes=milk"]);
    check("Actually, I live in Ghent.", &["user.home=Ghent"]);
}

#[test]
fn what_the_model_promised_is_kept_in_its_words() {
    let found = extract(&[(Role::Assistant, "Sure. I have booked the 9:40 train.")]);
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), ["decision=I have booked the 9:40 train."]);
    assert_eq!(extract(&[(Role::Tool, "I live in Rome."), (Role::System, "I live in Rome.")]), []);
}

#[test]
fn words_of_time_stay_in_the_text_and_bound_the_fact() {
    let found = extract(&[(Role::User, "I moved to Berlin last month.")]);
    assert_eq!(found[0].text, "I moved to Berlin last month");
    assert_eq!(found[0].valid_from.unwrap().to_string(), "2026-02-01T00:00:00Z");
    let found = extract(&[(Role::User, "I have a job interview on Thursday.")]);
    assert_eq!(found[0].valid_from, None);
    assert_eq!(found[0].valid_to.unwrap().to_string(), "2026-03-06T00:00:00Z");
}

#[test]
fn the_quote_is_the_clause_and_the_text_says_it_in_the_users_words() {
    let found = extract(&[(Role::User, "Hi! By the way, i live in Rome, so no cars.")]);
    assert_eq!((found[0].quote.as_str(), found[0].text.as_str()), ("i live in Rome", "I live in Rome"));
}

/// Whether a label of the file and a proposal say the same.
fn agrees(label: &str, proposal: &Proposal) -> bool {
    if let Some((kind, word)) = label.split_once('~') {
        return proposal.kind.as_str() == kind
            && proposal.value.to_lowercase().contains(&word.to_lowercase());
    }
    let Some((place, value)) = label.split_once('=') else { return false };
    let said = shown(proposal);
    // A vague one may be right, too.
    said.trim_start_matches('?')
        .split_once('=')
        .is_some_and(|(said, words)| said == place && wording(words) == wording(value))
}

#[derive(Debug, Default, PartialEq)]
struct Score {
    proposed: usize,
    right: usize,
    labels: usize,
    found: usize,
}

fn score(set: Set, half: Half) -> Score {
    let mut score = Score::default();
    for Labelled { label, role, text } in turns(set, half).into_iter().filter(|turn| turn.role == Role::User)
    {
        let proposals = extract(&[(role, &text)]);
        let labels: Vec<&str> = label.split(';').filter(|label| !matches!(*label, "-" | "+")).collect();
        let right =
            proposals.iter().filter(|proposal| labels.iter().any(|label| agrees(label, proposal))).count();
        let found =
            labels.iter().filter(|label| proposals.iter().any(|proposal| agrees(label, proposal))).count();
        if half == Half::Tuning && (right < proposals.len() || found < labels.len()) {
            println!("{label} | {text:?} | {:?}", proposals.iter().map(shown).collect::<Vec<_>>());
        }
        score.proposed += proposals.len();
        score.right += right;
        score.labels += labels.len();
        score.found += found;
    }
    score
}

/// Precision first: what is wrong is believed, what is missed is still recalled from the turn itself. The bounds stand some points
/// below what was measured on the half nobody looked at.
#[test]
fn what_is_proposed_is_right_and_most_of_what_is_said_is_found() {
    for (set, half) in ALL {
        let score = score(set, half);
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        let (precision, recall) = (percent(score.right, score.proposed), percent(score.found, score.labels));
        println!(
            "local extractor, {set:?} {half:?}: precision {precision:.1} %, recall {recall:.1} %; {score:?}"
        );
        let (least_precision, least_recall) = if set == Set::First { (93.0, 88.0) } else { (90.0, 80.0) };
        assert!(precision >= least_precision && recall >= least_recall, "{set:?} {half:?}: {score:?}");
    }
}

/// Text made of the words that rules are made of.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            "I",
            "I'm",
            "my",
            "we",
            "live",
            "in",
            "Rome",
            "sister",
            "dog",
            "Rex",
            "is",
            "called",
            "and",
            ",",
            ".",
            "not",
            "no",
            "longer",
            "moved",
            "from",
            "to",
            "until",
            "Friday",
            "since",
            "2019",
            "allergic",
            "nuts",
            "decided",
            "never",
            "again",
            "\"",
            "'",
            "’",
            "İ",
            "ß",
            "ich",
            "wohne",
            "J'",
            "habite",
            "à",
            "vivo",
            "en",
            "34",
            "years",
            "old",
            "meant",
            "?",
            "\n",
            "favourite",
            "prefer",
            "over",
            "a",
            "nurse",
            "at",
            "next",
            "two",
            "weeks",
            "for",
            "the",
            "last",
            "time",
            "broke",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec((pieces, any::<bool>()), 0..24).prop_map(|pieces| {
        pieces.into_iter().map(|(piece, space)| if space { piece + " " } else { piece }).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_text_gives_only_quotes_that_stand_in_it(text in texts(), all in any::<bool>()) {
        let mut turns = batch_of(&[(Role::User, "I live in Paris."), (Role::User, &text)]);
        if all {
            turns[1].wanted = std::iter::once(0..text.len()).collect();
        }
        let found = LocalExtractor.extract(&Batch { turns: &turns, known: &[], slots: &OwnSlots::default() }).unwrap();
        for proposal in found.proposals {
            let turn = turns.iter().find(|turn| turn.seq == proposal.turn).unwrap();
            prop_assert!(!proposal.quote.is_empty() && turn.text.contains(&proposal.quote));
            prop_assert!(!proposal.text.is_empty());
            prop_assert!(proposal.valid_from.zip(proposal.valid_to).is_none_or(|(from, to)| from < to));
        }
    }
}
