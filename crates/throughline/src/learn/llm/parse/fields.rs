//! One fact from a JSON object, whatever its members are called and of whatever type they are.
//!
//! What a fact needs is a quote; all else has a cautious default: no slot, not explicit. What would turn a fact into its
//! opposite is never guessed: a polarity that cannot be read makes the fact unusable.

use serde_json::{Map, Value};

use crate::model::{MemoryKind, Polarity};

/// A fact as the model gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Item {
    /// The number of the turn in the prompt.
    pub(in super::super) turn: Option<usize>,
    /// The words it rests on; never empty.
    pub(in super::super) quote: String,
    pub(in super::super) kind: MemoryKind,
    pub(in super::super) subject: String,
    pub(in super::super) slot: String,
    pub(in super::super) value: String,
    pub(in super::super) text: String,
    pub(in super::super) polarity: Polarity,
    pub(in super::super) explicit: bool,
    /// The words that say when.
    pub(in super::super) when: String,
}

/// What a member of a fact says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Turn,
    Quote,
    Kind,
    Subject,
    Slot,
    Value,
    Text,
    Polarity,
    Negated,
    Explicit,
    When,
}

/// Names of fields as models write them, in small letters without marks: ours, their usual words for the same, and
/// translations, since a model that reads German likes to answer in German.
const NAMES: [(Field, &str); 11] = [
    (
        Field::Turn,
        "turn turnnumber turnid turnindex turnno line linenumber message messageid index source zug zeile \
         nachricht turno línea mensaje ligne riga messaggio linha beurt номер реплика 回合 轮次 発言",
    ),
    (
        Field::Quote,
        "quote exactquote evidence citation quotation sourcequote quotedtext span excerpt zitat beleg cita \
         citazione citação citaat цитата 引用 引文",
    ),
    (
        Field::Kind,
        "kind type category art typ kategorie tipo categoría genre catégorie soort тип вид 类型 種類",
    ),
    (
        Field::Subject,
        "subject entity about who person subjekt sujeto sujet soggetto sujeito onderwerp субъект 主体 主語",
    ),
    (
        Field::Slot,
        "slot property attribute predicate relation field key eigenschaft attribut propiedad atributo \
         propriété proprietà eigenschap свойство 属性",
    ),
    (Field::Value, "value object val wert valor valeur valore waarde значение 值"),
    (
        Field::Text,
        "text fact memory sentence statement content description summary claim satz aussage fakt texto hecho \
         texte fait testo fatto fato tekst feit текст факт 文本 事实",
    ),
    (Field::Polarity, "polarity stance status polarität polaridad polarité polarità полярность 极性"),
    (Field::Negated, "negated negation denied isnegated denies retracted"),
    (Field::Explicit, "explicit isexplicit explizit explícito explicite esplicito expliciet явно 明确"),
    (Field::When, "when time date timeexpression wann zeit cuándo fecha quand quando wanneer когда 时间"),
];

/// Names of the list of facts.
const LISTS: &str = "facts memories items proposals claims results result answer data output extractedfacts fakten \
     erinnerungen hechos faits fatti fatos feiten факты 事实 记忆 事実";

/// Whether a member of this name holds the facts.
pub(super) fn is_list_name(name: &str) -> bool {
    is_one_of(&plain(name), LISTS)
}

/// Whether an object is a fact rather than something around facts.
pub(super) fn is_fact(members: &Map<String, Value>) -> bool {
    let has = |wanted| {
        members.iter().any(|(name, value)| {
            let inner = value.as_object().filter(|_| wanted == Field::Quote);
            let is_words = value.is_string() || value.is_number();
            field_of(name) == Some(wanted) && inner.map_or(is_words, is_fact)
        })
    };
    has(Field::Quote) || (has(Field::Text) && (has(Field::Turn) || has(Field::Kind) || has(Field::Slot)))
}

/// The fact of an object; none if it has no quote or its polarity cannot be read.
pub(super) fn item(members: &Map<String, Value>) -> Option<Item> {
    let mut fields: Vec<(Field, &Value)> = Vec::new();
    for (name, value) in members {
        match (field_of(name), value) {
            // `"evidence": {"turn": 1, "quote": "…"}`
            (Some(Field::Quote), Value::Object(inner)) => {
                fields.extend(inner.iter().filter_map(|(name, value)| Some((field_of(name)?, value))));
            }
            (Some(field), value) => fields.push((field, value)),
            (None, _) => {}
        }
    }
    let find = |field| fields.iter().find(|(known, _)| *known == field).map(|(_, value)| *value);
    let text = |field| find(field).map(text).unwrap_or_default();
    let quote = text(Field::Quote);
    let polarity = match (find(Field::Polarity), find(Field::Negated)) {
        (Some(value), _) if !value.is_null() => polarity(value)?,
        (_, Some(negated)) if truth(negated)? => Polarity::Denies,
        _ => Polarity::Affirms,
    };
    (!quote.is_empty()).then(|| Item {
        turn: find(Field::Turn).and_then(number),
        quote,
        kind: kind(&text(Field::Kind)),
        subject: text(Field::Subject),
        slot: text(Field::Slot),
        value: text(Field::Value),
        text: text(Field::Text),
        polarity,
        explicit: find(Field::Explicit).and_then(truth).unwrap_or(false),
        when: text(Field::When),
    })
}

fn field_of(name: &str) -> Option<Field> {
    let name = plain(name);
    NAMES.iter().find(|(_, names)| is_one_of(&name, names)).map(|(field, _)| *field)
}

fn is_one_of(word: &str, words: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// A name without case and marks: `Exact_Quote` is `exactquote`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a value of any type.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Array(items) => {
            items.iter().map(text).filter(|item| !item.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Value::Null | Value::Object(_) => String::new(),
    }
}

/// A whole number, also as `"2"`, `2.0`, `"turn 2"`, `[2]`.
fn number(value: &Value) -> Option<usize> {
    let words = text(value);
    let digits = words.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn truth(value: &Value) -> Option<bool> {
    let word = plain(&text(value));
    if word.is_empty() || is_one_of(&word, "false no 0 nein non implicit") {
        return Some(false);
    }
    is_one_of(&word, "true yes 1 ja sí oui explicit").then_some(true)
}

fn polarity(value: &Value) -> Option<Polarity> {
    let word = plain(&text(value));
    if is_one_of(
        &word,
        "affirms affirm affirmed affirmative affirmation asserts confirms positive pos true yes 1",
    ) {
        return Some(Polarity::Affirms);
    }
    is_one_of(&word, "denies deny denied denial negates negated negative neg retracts false no 0")
        .then_some(Polarity::Denies)
}

/// Other words for kinds.
const KINDS: [(MemoryKind, &str); 6] = [
    (
        MemoryKind::Preference,
        "like likes dislike dislikes taste instruction vorliebe präferenz preferencia préférence preferenza 偏好",
    ),
    (MemoryKind::Goal, "aim intention wish objective ziel objetivo objectif obiettivo 目标"),
    (MemoryKind::Decision, "choice agreement entscheidung decisión décision decisione 决定"),
    (MemoryKind::Event, "appointment plan meeting activity experience ereignis termin evento événement 事件"),
    (
        MemoryKind::Lesson,
        "mistake pastmistake pastmistakes error correction failure fehler lektion lección leçon lezione 教训",
    ),
    (MemoryKind::Note, "reminder notiz nota remarque"),
];

/// The kind of this name, or the one that name is a word for; what is neither is a fact.
fn kind(name: &str) -> MemoryKind {
    let name = plain(name);
    let one = name.strip_suffix('s').unwrap_or(&name);
    match one.parse() {
        // Only code sums memories up.
        Ok(MemoryKind::Summary) => MemoryKind::Note,
        Ok(kind) => kind,
        Err(_) => KINDS
            .iter()
            .find(|(_, words)| is_one_of(&name, words))
            .map_or(MemoryKind::Fact, |(kind, _)| *kind),
    }
}
