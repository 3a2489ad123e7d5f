//! Across languages: an English question finds what was said in another one, with a multilingual model.

use std::fmt::Write as _;

use serde_json::json;

use crate::program::Program;

/// A language and four facts in it: about a sister's home, an allergy, a dog and a game.
const LANGUAGES: [(&str, [&str; 4]); 8] = [
    (
        "German",
        [
            "Meine Schwester wohnt seit dem Frühling in Hamburg.",
            "Gegen Erdnüsse bin ich allergisch.",
            "Unser Hund heißt Bello und ist sieben Jahre alt.",
            "Am Donnerstag spiele ich immer Schach im Verein.",
        ],
    ),
    (
        "Spanish",
        [
            "Mi hermana vive en Sevilla desde la primavera.",
            "Soy alérgico a los cacahuetes.",
            "Nuestro perro se llama Bruno y tiene siete años.",
            "Los jueves juego al ajedrez en el club.",
        ],
    ),
    (
        "French",
        [
            "Ma sœur habite à Lyon depuis le printemps.",
            "Je suis allergique aux arachides.",
            "Notre chien s'appelle Filou et il a sept ans.",
            "Le jeudi, je joue aux échecs au club.",
        ],
    ),
    (
        "Chinese",
        [
            "我姐姐从春天起住在杭州。",
            "我对花生过敏。",
            "我们家的狗叫小黑，今年七岁。",
            "每个星期四我都去俱乐部下象棋。",
        ],
    ),
    (
        "Japanese",
        [
            "姉は春から札幌に住んでいます。",
            "私はピーナッツアレルギーです。",
            "うちの犬の名前はポチで、七歳です。",
            "毎週木曜日はクラブで将棋を指します。",
        ],
    ),
    (
        "Arabic",
        [
            "أختي تسكن في الإسكندرية منذ الربيع.",
            "عندي حساسية من الفول السوداني.",
            "كلبنا اسمه ركس وعمره سبع سنوات.",
            "ألعب الشطرنج في النادي كل يوم خميس.",
        ],
    ),
    (
        "Hindi",
        [
            "मेरी बहन वसंत से जयपुर में रहती है।",
            "मुझे मूंगफली से एलर्जी है।",
            "हमारे कुत्ते का नाम शेरू है और वह सात साल का है।",
            "मैं हर गुरुवार को क्लब में शतरंज खेलता हूँ।",
        ],
    ),
    (
        "Russian",
        [
            "Моя сестра с весны живёт в Казани.",
            "У меня аллергия на арахис.",
            "Нашу собаку зовут Шарик, ей семь лет.",
            "По четвергам я играю в шахматы в клубе.",
        ],
    ),
];

const QUESTIONS: [&str; 4] = [
    "Where does my sister live?",
    "What food am I allergic to?",
    "What is the name of our dog?",
    "On which day do I play chess?",
];

#[test]
fn real_an_english_question_finds_what_was_said_in_another_language() {
    let name = "THROUGHLINE_TEST_EMBEDDINGS_URL";
    let url = std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask test`, which sets it up"));
    let program = Program::new();
    let configuration = "[embeddings]\nmodel = \"multilingual-e5-small\"\nquery_prefix = \"query: \"\npassage_prefix = \"passage: \"\n\n\
         [recall]\nembed_ms_max = 30000\n";
    let configuration = program.file("config.toml", configuration);
    let model = ["--config", &configuration, "--embeddings", &url];
    let mut lines = String::new();
    for (language, facts) in LANGUAGES {
        for fact in facts {
            let turn = json!({ "user": language, "session": "s", "role": "user", "content": fact });
            writeln!(lines, "{turn}").unwrap();
        }
    }
    let file = program.file("facts.jsonl", &lines);
    let imported = program.json(&[&["turns", "import", &file][..], &model].concat());
    assert_eq!(imported["embedded_passages"], 32);
    let mut missed = Vec::new();
    for (language, facts) in LANGUAGES {
        for (question, fact) in QUESTIONS.iter().zip(facts) {
            let found = program.json(&[&["recall", "--user", language, question][..], &model].concat());
            assert!(found["degraded"].is_null(), "{found}");
            if found["items"][0]["text"] != fact {
                missed.push((language, *question, found["items"][0]["text"].clone()));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
