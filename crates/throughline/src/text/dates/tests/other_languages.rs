//! What questions in other languages than English name.

use super::{MAY, check, check_day};

#[test]
fn months_and_days_in_other_languages() {
    for question in [
        "Was war am 7. Mai 2023?",
        "¿Qué hice el 7 de mayo de 2023?",
        "el 7 de mayo del 2023",
        "Qu'ai-je fait le 7 mai 2023 ?",
        "Cosa ho fatto il 7 maggio 2023?",
        "O que fiz em 7 de maio de 2023?",
        "Wat deed ik op 7 mei 2023?",
        "Что я делал 7 мая 2023 года?",
        "我在2023年5月7日做了什么？",
        "２０２３年５月７日に何をしましたか",
        "二〇二三年五月七日",
        "ماذا فعلت في 7 مايو 2023؟",
        "في ٧ مايو ٢٠٢٣",
        "७ मई २०२३ को मैंने क्या किया?",
    ] {
        check_day(question, "2023-05-07");
    }
    for question in
        ["im Mai", "en mayo", "en mai", "a maggio", "em maio", "in mei", "в мае", "5月に", "मई में", "في مايو"]
    {
        check(question, &[MAY]);
    }
    check("en fevrier", &[("2023-02-01", "2023-02-28")]);
    check("em março", &[("2023-03-01", "2023-03-31")]);
    check("im März", &[("2023-03-01", "2023-03-31")]);
    check("vom 3. bis 9. Mai", &[("2023-05-03", "2023-05-09")]);
    check("de mayo a julio", &[("2023-05-01", "2023-07-31")]);
    check("zwischen Mai und Juli", &[("2023-05-01", "2023-07-31")]);
    check("le 1er mars", &[("2023-03-01", "2023-03-01")]);
}

#[test]
fn yesterday_in_other_languages() {
    for question in [
        "Was habe ich gestern gesagt?",
        "¿Qué dije ayer?",
        "Qu'est-ce que j'ai dit hier ?",
        "Cosa ho detto ieri?",
        "O que eu disse ontem?",
        "Wat zei ik gisteren?",
        "Что я сказал вчера?",
        "我昨天说了什么",
        "昨日何を言いましたか",
        "ماذا قلت أمس؟",
    ] {
        check_day(question, "2023-05-16");
    }
    check_day("avant-hier", "2023-05-15");
    check_day("aujourd'hui", "2023-05-17");
    check_day("antes de ayer", "2023-05-15");
}

#[test]
fn last_week_month_and_year_in_other_languages() {
    for question in [
        "letzte Woche",
        "la semana pasada",
        "la semaine dernière",
        "la settimana scorsa",
        "na semana passada",
        "vorige week",
        "на прошлой неделе",
        "上周",
        "上个星期",
        "先週",
    ] {
        check(question, &[("2023-05-08", "2023-05-14")]);
    }
    for question in [
        "letzten Monat",
        "el mes pasado",
        "le mois dernier",
        "il mese scorso",
        "no mês passado",
        "vorige maand",
        "в прошлом месяце",
        "上个月",
        "先月",
    ] {
        check(question, &[("2023-04-01", "2023-04-30")]);
    }
    for question in [
        "letztes Jahr",
        "el año pasado",
        "l'année dernière",
        "l'an dernier",
        "l'anno scorso",
        "no ano passado",
        "vorig jaar",
        "в прошлом году",
        "去年",
        "昨年",
    ] {
        check(question, &[("2022-01-01", "2022-12-31")]);
    }
    check("去年5月", &[("2022-05-01", "2022-05-31")]);
    check("im Mai letzten Jahres", &[("2022-05-01", "2022-05-31")]);
    check_day("am Montag", "2023-05-15");
    check_day("lundi dernier", "2023-05-15");
    check_day("na segunda-feira", "2023-05-15");
    check_day("в понедельник", "2023-05-15");
    check_day("先週の月曜日", "2023-05-08");
    check("l'été dernier", &[("2022-06-01", "2022-08-31")]);
    check("l'estate scorsa", &[("2022-06-01", "2022-08-31")]);
    check_day("上周五", "2023-05-12");
    check_day("月曜日に", "2023-05-15");
}

#[test]
fn days_and_weeks_ago_in_other_languages() {
    for question in [
        "vor drei Tagen",
        "hace tres días",
        "il y a trois jours",
        "tre giorni fa",
        "há três dias",
        "três dias atrás",
        "drie dagen geleden",
        "три дня назад",
        "三天前",
        "3日前",
    ] {
        check_day(question, "2023-05-14");
    }
    for question in [
        "vor zwei Wochen",
        "hace 2 semanas",
        "il y a deux semaines",
        "due settimane fa",
        "há duas semanas",
        "twee weken geleden",
        "2 недели назад",
        "两周前",
        "2週間前",
    ] {
        check(question, &[("2023-04-30", "2023-05-06")]);
    }
    check("vor einem Jahr", &[("2021-11-16", "2022-11-15")]);
    check("год назад", &[("2021-11-16", "2022-11-15")]);
    check("ces trois derniers mois", &[("2023-02-17", "2023-05-17")]);
    check("in den letzten drei Monaten", &[("2023-02-17", "2023-05-17")]);
    check("过去三个月", &[("2023-02-17", "2023-05-17")]);
}
