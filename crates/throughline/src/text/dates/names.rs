//! The names of months and weekdays in each language. Tables only.
//!
//! Columns are in order; `|` stands between names of the same, `-` is none, and `_` stands for a space. Names are lower
//! case. A name that is also an everyday word of a listed language needs a [`Guard`].

use super::words::Guard;

/// January to December.
pub(super) const MONTHS: &[(&str, Guard)] = &[
    // English
    ("january february - april - june july august september october november december", Guard::Clear),
    ("- - march - may - - - - - - -", Guard::Verb),
    ("jan feb mar apr - jun jul aug sep|sept oct nov dec", Guard::Short),
    // German, Dutch
    ("januar|jänner|januari februar|februari märz|maart - - juni juli - - oktober - dezember", Guard::Clear),
    ("- - - - mai|mei - - augustus - - - -", Guard::Homonym),
    ("- - mär|mrz|mrt - - - - - - okt - dez", Guard::Short),
    // Spanish
    (
        "enero febrero - abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
        Guard::Clear,
    ),
    ("- - marzo - - - - - - - - -", Guard::Clear),
    ("ene - - abr - - - - - - - dic", Guard::Short),
    ("- - - - - - - ago - - - -", Guard::Everyday),
    // French
    ("janvier février - avril - juin juillet août septembre octobre novembre décembre", Guard::Clear),
    ("- - mars - - - - - - - - -", Guard::Homonym),
    ("janv févr|fév - avr - - juil - - - - déc", Guard::Short),
    // Italian
    ("gennaio febbraio - aprile maggio giugno luglio - settembre ottobre - dicembre", Guard::Clear),
    ("- - - - - giu lug - - ott - -", Guard::Short),
    ("gen - - - mag - - - set - - -", Guard::Everyday),
    // Portuguese
    ("janeiro fevereiro - - maio junho julho - setembro outubro novembro dezembro", Guard::Clear),
    ("- - março - - - - - - - - -", Guard::Clear),
    ("- fev - - - - - - - - - -", Guard::Short),
    ("- - - - - - - - - out - -", Guard::Everyday),
    // Russian
    (
        "январь|января|январе февраль|февраля|феврале март|марта|марте апрель|апреля|апреле май|мая|мае \
      июнь|июня|июне июль|июля|июле август|августа|августе сентябрь|сентября|сентябре \
      октябрь|октября|октябре ноябрь|ноября|ноябре декабрь|декабря|декабре",
        Guard::Clear,
    ),
    ("янв фев - апр - - - авг сен|сент окт ноя дек", Guard::Short),
    // Arabic, Hindi
    (
        "يناير فبراير مارس أبريل|ابريل|إبريل مايو يونيو يوليو أغسطس|اغسطس سبتمبر أكتوبر|اكتوبر نوفمبر ديسمبر",
        Guard::Clear,
    ),
    (
        "जनवरी फरवरी|फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर|सितम्बर अक्टूबर|अक्तूबर नवंबर|नवम्बर दिसंबर|दिसम्बर",
        Guard::Clear,
    ),
];

/// Monday to Sunday.
pub(super) const WEEKDAYS: &[(&str, Guard)] = &[
    ("monday tuesday wednesday thursday friday saturday sunday", Guard::Clear),
    ("mon tue|tues wed thu|thur|thurs fri sat sun", Guard::Short),
    ("montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag", Guard::Clear),
    ("lunes martes miércoles jueves viernes sábado domingo", Guard::Clear),
    ("lundi mardi mercredi jeudi vendredi samedi dimanche", Guard::Clear),
    ("lunedì martedì mercoledì giovedì venerdì sabato domenica", Guard::Clear),
    ("segunda_feira terça_feira quarta_feira quinta_feira sexta_feira - -", Guard::Clear),
    ("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag", Guard::Clear),
    ("понедельник вторник среду четверг пятница|пятницу суббота|субботу воскресенье", Guard::Clear),
    (
        "星期一|周一|週一|礼拜一|月曜日|月曜 星期二|周二|週二|礼拜二|火曜日|火曜 星期三|周三|週三|礼拜三|水曜日|水曜 \
      星期四|周四|週四|礼拜四|木曜日|木曜 星期五|周五|週五|礼拜五|金曜日|金曜 星期六|周六|週六|礼拜六|土曜日|土曜 \
      星期日|星期天|周日|週日|礼拜天|日曜日|日曜",
        Guard::Clear,
    ),
];
