//! Memory in the languages people speak: with no model at all, a question finds the fact told in its language.

use crate::support::{World, scope, texts};

/// A language, facts of one person in it, and for each fact a question that shares words with it, as people ask.
struct Language {
    name: &'static str,
    facts: [&'static str; 4],
    questions: [&'static str; 4],
}

const LANGUAGES: [Language; 8] = [
    Language {
        name: "German",
        facts: [
            "Meine Schwester wohnt seit dem Frühling in Hamburg.",
            "Gegen Erdnüsse bin ich allergisch.",
            "Unser Hund heißt Bello und ist sieben Jahre alt.",
            "Am Donnerstag spiele ich immer Schach im Verein.",
        ],
        questions: [
            "Wo wohnt meine Schwester?",
            "Bin ich gegen Erdnüsse allergisch?",
            "Wie heißt unser Hund?",
            "An welchem Tag spiele ich Schach?",
        ],
    },
    Language {
        name: "Spanish",
        facts: [
            "Mi hermana vive en Sevilla desde la primavera.",
            "Soy alérgico a los cacahuetes.",
            "Nuestro perro se llama Bruno y tiene siete años.",
            "Los jueves juego al ajedrez en el club.",
        ],
        questions: [
            "¿Dónde vive mi hermana?",
            "¿Soy alérgico a los cacahuetes?",
            "¿Cómo se llama nuestro perro?",
            "¿Qué día juego al ajedrez?",
        ],
    },
    Language {
        name: "French",
        facts: [
            "Ma sœur habite à Lyon depuis le printemps.",
            "Je suis allergique aux arachides.",
            "Notre chien s'appelle Filou et il a sept ans.",
            "Le jeudi, je joue aux échecs au club.",
        ],
        questions: [
            "Où habite ma sœur ?",
            "À quoi suis-je allergique, aux arachides ?",
            "Comment s'appelle notre chien ?",
            "Quel jour est-ce que je joue aux échecs ?",
        ],
    },
    Language {
        name: "Chinese",
        facts: [
            "我姐姐从春天起住在杭州。",
            "我对花生过敏。",
            "我们家的狗叫小黑，今年七岁。",
            "每个星期四我都去俱乐部下象棋。",
        ],
        questions: ["我姐姐住在哪里？", "我对什么过敏？", "我们家的狗叫什么名字？", "我哪一天下象棋？"],
    },
    Language {
        name: "Japanese",
        facts: [
            "姉は春から札幌に住んでいます。",
            "私はピーナッツアレルギーです。",
            "うちの犬の名前はポチで、七歳です。",
            "毎週木曜日はクラブで将棋を指します。",
        ],
        questions: [
            "姉はどこに住んでいますか？",
            "私は何のアレルギーですか？",
            "犬の名前は何ですか？",
            "将棋を指すのは何曜日ですか？",
        ],
    },
    Language {
        name: "Arabic",
        facts: [
            "أختي تسكن في الإسكندرية منذ الربيع.",
            "عندي حساسية من الفول السوداني.",
            "كلبنا اسمه ركس وعمره سبع سنوات.",
            "ألعب الشطرنج في النادي كل يوم خميس.",
        ],
        questions: ["أين تسكن أختي؟", "من أي شيء عندي حساسية؟", "ما اسم كلبنا؟", "متى ألعب الشطرنج؟"],
    },
    Language {
        name: "Hindi",
        facts: [
            "मेरी बहन वसंत से जयपुर में रहती है।",
            "मुझे मूंगफली से एलर्जी है।",
            "हमारे कुत्ते का नाम शेरू है और वह सात साल का है।",
            "मैं हर गुरुवार को क्लब में शतरंज खेलता हूँ।",
        ],
        questions: [
            "मेरी बहन कहाँ रहती है?",
            "मुझे किस चीज़ से एलर्जी है?",
            "हमारे कुत्ते का नाम क्या है?",
            "मैं शतरंज किस दिन खेलता हूँ?",
        ],
    },
    Language {
        name: "Russian",
        facts: [
            "Моя сестра с весны живёт в Казани.",
            "У меня аллергия на арахис.",
            "Нашу собаку зовут Шарик, ей семь лет.",
            "По четвергам я играю в шахматы в клубе.",
        ],
        questions: [
            "Где живёт моя сестра?",
            "На что у меня аллергия?",
            "Как зовут нашу собаку?",
            "В какой день я играю в шахматы?",
        ],
    },
];

#[test]
fn a_question_finds_the_fact_told_in_its_language_with_no_model_at_all() {
    for Language { name, facts, questions } in &LANGUAGES {
        let (world, ana) = (World::new(), scope("ana"));
        world.tell(&ana, "s", facts);
        for (fact, question) in facts.iter().zip(questions) {
            let recalled = world.ask(&ana, question);
            assert_eq!(texts(&recalled).first(), Some(fact), "{name}: {question}");
        }
    }
}

#[test]
fn facts_in_many_languages_side_by_side_do_not_hide_one_another() {
    let (world, ana) = (World::new(), scope("ana"));
    for Language { name, facts, .. } in &LANGUAGES {
        world.tell(&ana, name, facts);
    }
    for Language { name, facts, questions } in &LANGUAGES {
        for (fact, question) in facts.iter().zip(questions) {
            let recalled = world.ask(&ana, question);
            assert_eq!(texts(&recalled).first(), Some(fact), "{name}: {question}");
        }
    }
}
