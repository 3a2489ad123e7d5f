//! In which manner a sentence says what it says: as so, with a doubt, as a plan, as a supposition, or as somebody's word.

use std::sync::LazyLock;

use crate::learn::pattern::{NoCapture, Pattern};
use crate::learn::words::Word;
use crate::model::SlotKey;

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As so.
    Said,
    /// As what the user thinks or guesses, or told somebody.
    Hedged,
    /// As what is to be.
    Planned,
    /// As what is not: wished, imagined, dreamt.
    Supposed,
    /// As what others say.
    Reported,
}

/// Verbs of saying and thinking. Who says it stands just before them.
const REPORTING: &[&str] = &[
    "says|said|say|tells|told|claims|claimed|thinks|thought|believes|believed|insists|insisted|reckons|reckoned|assumes|assumed|mentioned|wrote|writes|asked|asks|convinced|heard|suggests|suggested",
    "goes|went|was|were [like|all] , i|my|we",
    "according to",
    "sagt|sagte|gesagt|meint|meinte|behauptet|behauptete|denkt|dachte|glaubt|glaubte|erzählt|erzählte|fragt|fragte",
    "laut meiner|meinem|seiner|seinem|ihrer|ihrem",
    "dit|disait|pense|pensait|croit|croyait|affirme|prétend|raconte|demande|demandait",
    "selon",
    "dice|dicen|dijo|dijeron|piensa|piensan|cree|creen|afirma|contó|preguntó|según",
    "crede|pensa|diz|disse|acha",
    "zegt|zei|denkt|dacht|vindt|volgens",
    "говорит|сказал|сказала|думает|считает",
];

/// Who speaks for himself.
const OWN: &[&str] = &[
    "i", "we", "ich", "wir", "je", "j'", "nous", "yo", "nosotros", "nosotras", "io", "eu", "ik", "wij", "я",
    "мы",
];

/// To whom one says what is so.
const TO_THE_MODEL: &[&str] = &["you", "before", "earlier", "dir", "te", "vous", "ti"];

/// Words before what is not so.
const SUPPOSED: &[&str] = &[
    "if|whether|unless|suppose|supposing|imagine|imagined|pretend|pretended|wish|wished|assuming|hypothetically|would|could|might|should|dreamed|dreamt|joked|joking|lied|kidding|wondering",
    "i|we may",
    "in my|a|the [last] dream|dreams|novel|nightmare",
    "as though",
    "wenn|falls|ob|angenommen|wünschte|wäre|wären|hätte|hätten|würde|würden|könnte|könnten|träumte|geträumt",
    "si|serais|serait|aurais|aurait|voudrais|pourrais|pourrait|habiterais|vivrais|imagine|imaginons|supposons|rêvé",
    "sería|tendría|viviría|podría|quisiera|ojalá|imagina|supongamos|soñé|fuera|tuviera|viviera",
    "se io|eu|fossi|fosse",
    "fossi|vorrei|sarei|vivrei|magari",
    "seria|moraria|gostaria|tomara",
    "als ik|we|wij",
    "zou|zouden|stel",
    "если|бы",
];

/// Words before what is to be. A day that it names is when it begins.
const PLANNED: &[&str] = &[
    "want|wants|wanted|hope|hopes|hoping|plan|plans|planning|planned|intend|intends|intending|considering|thinking|applied|applying|interview|interviewing|interviewed|will|wants|aim|aiming|tempted|dreaming|someday",
    "going|about|trying|need|needs|like|love to",
    "looking at|into|for",
    "will|möchte|möchten|wollen|plane|planen|überlege|überlegen|hoffe|beworben|werde|werden",
    "veux|voulons|aimerais|espère|envisage|postulé|vais|allons|aller",
    "quiero|queremos|espero|planeo|pienso|voy|vamos",
    "voglio|spero|penso|vado",
    "quero|pretendo|vou",
    "wil|willen|ga|gaan|hoop",
    "хочу|собираюсь|планирую|буду",
];

/// Words of doubt.
const HEDGES: &[&str] = &[
    "maybe|perhaps|probably|possibly|apparently|supposedly|almost|nearly|practically",
    "i|we [do] [not] think|thought|guess|believe|suppose|reckon|assume",
    "not sure|certain",
    "kind|sort of",
    "vielleicht|wahrscheinlich|vermutlich|eventuell|quasi|glaube|denke|schätze",
    "peut-être|probablement|presque|crois|pense",
    "quizás|quizá|probablemente|casi|creo",
    "tal vez",
    "a lo mejor",
    "forse|probabilmente|credo",
    "talvez|provavelmente|acho",
    "misschien|waarschijnlijk|denk",
    "возможно|наверное|может",
];

/// Behind it, these take back what was said.
const CONDITIONS: &[&str] = &["if|unless|supposedly|apparently|allegedly", "wenn|falls", "à condition", "si"];

/// Words between who says it and the verb.
const BETWEEN_MAX: usize = 2;

/// How long something is so that will end.
const FOR_A_TIME: &[&str] = &[
    "for [about|around|just|only] [a|an|the|another|one|two|three|four|five|six|1|2|3|4|5|6|8|10|12] [next|few|couple|whole|entire|of] [two|three|four|few|2|3|4] day|days|night|nights|week|weeks|month|months|weekend|while|bit|summer|winter|semester|term|season|holidays|festival|conference",
    "until|till|til",
    "over|during the|my|our weekend|summer|winter|holidays|holiday|break|semester|vacation",
    "temporarily|provisionally|meanwhile|interim|on secondment",
    "für ein|eine|einen|zwei|drei|vier|paar|die [paar|nächsten] [zwei|drei|vier] tag|tage|woche|wochen|monat|monate|weile|zeit|wochenende",
    "bis|vorübergehend|vorerst|zeitweise|übers",
    "pour|pendant un|une|deux|trois|quelques|quatre|les [prochaines|prochains] jour|jours|semaine|semaines|mois|été|temps|weekend|vacances",
    "jusqu|jusqu'à|jusqu'au|jusqu'en|temporairement|provisoirement",
    "por|durante un|una|unos|unas|dos|tres|cuatro|el|las|los [próximas|próximos] día|días|semana|semanas|mes|meses|tiempo|verano|vacaciones",
    "hasta|temporalmente",
    "fino|fino a|al|temporaneamente",
    "até|temporariamente",
    "tot|tijdelijk",
    "до|временно",
];

/// What people do in places they live in, whatever else they say of them.
const AT_HOME: &[&str] = &[
    "live|lives|living|lived|reside|resides|based|moved|moving|relocated|settled|wohne|wohnt|wohnen|lebe|lebt|leben|gezogen|umgezogen|habite|habitons|vis|vit|vivons|déménagé|emménagé|vivo|vive|vivimos|mudé|mudado|abito|abita|trasferito|trasferita|moro|moramos|mudei|woon|wonen|verhuisd|живу|переехал|переехала",
];

/// What people do in places they do not live in.
const AWAY: &[&str] = &[
    "visit|visits|visiting|visited|vacation|vacationing|holiday|holidays|trip|travelling|traveling|travel|tour|touring|honeymoon|layover|stopover|conference|airbnb|hotel|hostel|weekend|crashing|housesitting|house-sitting|camping|commuting|backpacking",
    "staying|stay|stayed [with|at|in|near]",
    "passing through",
    "this week|weekend|summer|month",
    "urlaub|besuch|besuche|besuchen|reise|hotel|ferien|wochenende|dienstreise",
    "vacances|visite|visiter|voyage|hôtel|week-end",
    "vacaciones|visita|visitar|visitando|viaje|hotel",
    "vacanza|vacanze|visita|viaggio|albergo",
    "férias|visita|viagem",
    "vakantie|bezoek|reis",
    "отпуске|гостях",
];

/// What says that a stretch of time goes on until now: "I have lived here for six months".
const UNTIL_NOW: &[&str] = &[
    "have|has [now|already|both] been|lived|worked|stayed",
    "since|already",
    "seit|schon",
    "depuis|déjà",
    "desde|hace|llevo",
    "da",
    "há",
    "al",
];

struct Tables {
    reporting: Vec<Pattern>,
    supposed: Vec<Pattern>,
    planned: Vec<Pattern>,
    hedges: Vec<Pattern>,
    conditions: Vec<Pattern>,
    for_a_time: Vec<Pattern>,
    at_home: Vec<Pattern>,
    away: Vec<Pattern>,
    until_now: Vec<Pattern>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    reporting: Pattern::table(REPORTING),
    supposed: Pattern::table(SUPPOSED),
    planned: Pattern::table(PLANNED),
    hedges: Pattern::table(HEDGES),
    conditions: Pattern::table(CONDITIONS),
    for_a_time: Pattern::table(FOR_A_TIME),
    at_home: Pattern::table(AT_HOME),
    away: Pattern::table(AWAY),
    until_now: Pattern::table(UNTIL_NOW),
});

/// How a sentence says the value that begins at a word.
pub(super) fn of(words: &[Word], value: usize) -> Manner {
    let (before, behind) = words.split_at(value.min(words.len()));
    let reports: Vec<Manner> = (0..before.len()).filter_map(|at| report(before, at)).collect();
    if reports.contains(&Manner::Reported) {
        Manner::Reported
    } else if stands(&TABLES.supposed, before) {
        Manner::Supposed
    } else if stands(&TABLES.planned, before) {
        Manner::Planned
    } else if stands(&TABLES.hedges, before)
        || stands(&TABLES.conditions, behind)
        || reports.contains(&Manner::Hedged)
    {
        Manner::Hedged
    } else {
        Manner::Said
    }
}

/// Whether it is so for a time only.
pub(super) fn is_for_a_time(words: &[Word], slot: &SlotKey) -> bool {
    let lasts = stands(&TABLES.for_a_time, words) && !stands(&TABLES.until_now, words);
    lasts || slot.name == "home" && stands(&TABLES.away, words) && !stands(&TABLES.at_home, words)
}

/// What a verb of saying at a word makes of what follows: others' word, or what the user told somebody.
fn report(words: &[Word], at: usize) -> Option<Manner> {
    let verb = TABLES.reporting.iter().find_map(|verb| verb.matches(words, at, &NoCapture))?;
    let own = words[at.saturating_sub(BETWEEN_MAX + 1)..at].iter().rev().take_while(|word| !word.is_mark());
    if !own.into_iter().any(|word| word.is_one_of(OWN)) {
        return Some(Manner::Reported);
    }
    let told_here = words.get(verb.end).is_none_or(|next| next.is_one_of(TO_THE_MODEL) || next.is_mark());
    (!told_here).then_some(Manner::Hedged)
}

fn stands(patterns: &[Pattern], words: &[Word]) -> bool {
    patterns.iter().any(|pattern| pattern.stands_in(words))
}
