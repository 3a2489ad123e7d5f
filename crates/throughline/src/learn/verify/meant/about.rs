//! Whether a sentence speaks of the property that is read from it, and of whom.
//!
//! A property that holds one value needs a word that tells it: `live` or `moved` for a home. Where the word stands in the
//! clause of the value, the sentence speaks of it; where it stands elsewhere in the sentence, loosely. Slots without a row in the
//! table are taken as they come, and sentences in a language without words here are never plain enough to end anything.

use std::ops::Range;

use crate::learn::pattern::{NoCapture, Pattern};
use crate::learn::proposal::{Batch, BatchTurn};
use crate::learn::sentences::sentences;
use crate::learn::words::{Token, Word, words};
use crate::model::{Role, SlotKey};

use super::Sentence;

/// What a sentence has to do with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// It tells it.
    It,
    /// It may mean it.
    Loosely,
    /// It tells what was once.
    Past,
    /// It tells it of somebody else.
    SomebodyElse,
    /// It speaks of something else.
    Other,
}

/// The words that tell a property. One that ends with `*` is a beginning of words.
struct Cues {
    slot: &'static str,
    /// Anywhere in the clause.
    words: &'static str,
    /// Just before the value.
    before: &'static [&'static str],
    /// Of what was once, unless a word like "have" stands before it.
    past: &'static str,
}

const CUES: &[Cues] = &[
    Cues {
        slot: "home",
        words: "live lives living home moved moves moving move relocat* reside* resid* based settled flat apartment house address \
                wohn* lebe leben lebt zuhause hause daheim umgezogen gezogen ziehe ziehen habite habitons habitez vis vivons chez \
                déménag* emménag* installé installée logement viv* resido casa piso mudé mudado mudamos domicilio abito abita \
                abitiamo trasferi* moro mora moramos mudei mudou woon woont wonen verhuisd thuis mieszka* przeprowadz* живу живём \
                живем переехал* дом bor bodde* flytta* flyttet yaşıyor* oturuyor* taşındı* 住 搬 家 引っ越 暮ら 살 이사 집 أعيش أسكن انتقلت",
        before: &[],
        past: "lived resided wohnte lebte habitais habitait vivais vivía vivíamos viví abitavo vissi morava morei woonde жил жила",
    },
    Cues {
        slot: "hometown",
        words: "from born hometown grew raised native originally roots aus stamme geboren aufgewachsen komme viens né née originaire \
                grandi soy nací crecí vengo sono nato nata vengo sou nasci cresci kom geboren родился родилась вырос 来自 出身 고향",
        before: &[],
        past: "",
    },
    Cues {
        slot: "job",
        words: "work works working job role position career profession occupation employed promoted hired trained qualified became \
                become retired shift arbeite arbeitet beruf stelle geworden befördert travaille travaillons métier poste devenu devenue \
                trabajo trabaja profesión puesto oficio lavoro professione trabalho profissão werk beroep работаю работа 工作 当 职业 \
                仕事 働 として 일하 직업 أعمل",
        before: &[
            "am|are [now|still|currently|also|actually|really|just|both] [a|an|the|one] [of]",
            "is|'s [now|still|also] a|an|the",
            "as [a|an|the|our|their|head]",
            "bin [jetzt|nun|inzwischen|wieder] [ein|eine]",
            "suis [maintenant|désormais] [un|une]",
            "soy [ahora] [un|una]",
            "sono [un|una]",
            "faccio il|la|l'",
            "sou [um|uma]",
            "ben [een]",
        ],
        past: "was worked were war arbeitete étais travaillais era trabajaba trabajé lavoravo ero trabalhava werkte был была работал работала",
    },
    Cues {
        slot: "employer",
        words: "work works working job joined employed employer hired company started starting startup arbeite arbeitet firma \
                arbeitgeber angefangen eingestellt travaille travaillons entreprise embauché embauchée employeur boîte trabajo trabaja \
                empresa contratado contratada empleador lavoro azienda assunto assunta trabalho werk baan bedrijf работаю компани* \
                устроил* 工作 公司 入职 入社 会社 働 勤め 회사 일하 أعمل",
        before: &["am|are [now|currently] at|with"],
        past: "worked arbeitete travaillais trabajaba trabajé lavoravo trabalhava werkte работал работала",
    },
    Cues {
        slot: "name",
        words: "name named called heiße heisse appelle llamo nombre chiamo chamo nome heet naam зовут имя adım 叫 名字 名前 言います \
                이름 اسمي",
        before: &["am", "it|this is|'s", "bin", "suis", "soy", "sono", "sou", "ben"],
        past: "",
    },
    Cues {
        slot: "age",
        words: "years yrs old age aged yo y/o birthday turned turning turn alt jahre jahr ans âge años cumplo cumplí edad anni compio \
                anos faço jaar oud лет исполнилось yaşında 岁 歳 살",
        before: &["am [now]", "bin", "tengo", "ho"],
        past: "was were war avais tenía",
    },
    Cues {
        slot: "birthday",
        words: "birthday birthdate born bday geburtstag geboren anniversaire né née cumpleaños nací compleanno nato nata aniversário \
                nasci jarig verjaardag рождения родился родилась doğum 生日 出生 誕生日 生まれ 생일",
        before: &[],
        past: "",
    },
    Cues {
        slot: "partner",
        words: "husband wife partner girlfriend boyfriend fiancé fiancée fiance fiancee spouse married engaged dating hubby mann frau \
                freund freundin verheiratet verlobt* ehemann ehefrau mari femme copain copine époux épouse compagnon compagne marié \
                mariée marido esposa esposo novio novia pareja casado casada mujer marito moglie fidanzat* ragazzo ragazza compagn* \
                sposato sposata namorado namorada vrouw vriend vriendin getrouwd муж жена парень девушка 丈夫 妻子 老公 老婆 男朋友 \
                女朋友 夫 妻 彼氏 彼女 남편 아내",
        before: &[],
        past: "",
    },
    Cues {
        slot: "marital_status",
        words: "married divorced engaged widow* single separated wedding husband wife verheiratet geschieden verlobt ledig verwitwet \
                getrennt marié mariée divorcé divorcée célibataire veuf veuve casado casada divorciado divorciada soltero soltera \
                viudo viuda sposato sposata divorziat* solteiro solteira getrouwd gescheiden женат замужем разведен* 结婚 离婚 单身 \
                独身 結婚 離婚",
        before: &[],
        past: "was were war étais estaba",
    },
    Cues {
        slot: "diet",
        words: "eat eating diet vegan* vegetari* pescatarian pescetarian halal kosher keto meat esse ernähre fleisch mange régime viande \
                como comer carne dieta mangio eet eten ем 吃 素 食べ 먹",
        before: &["am|went|became|turned|go|keep|follow", "bin", "suis", "soy", "sono", "sou", "ben"],
        past: "was were war étais era",
    },
    Cues {
        slot: "native_language",
        words: "native mother tongue first language raised speak muttersprache muttersprachler* maternelle langue materna nativo nativa \
                lengua madrelingua língua moedertaal родной 母语 母語 모국어",
        before: &[],
        past: "",
    },
    Cues {
        slot: "commute",
        words: "commute commuting work office by ride drive take cycle walk train bus bike pendle arbeit büro fahre travail bureau trajet \
                vélo trabajo oficina voy lavoro ufficio trabalho escritório werk kantoor на",
        before: &[],
        past: "was commuted",
    },
];

/// Slots of what somebody likes best.
const FAVOURITE: Cues = Cues {
    slot: "favourite_",
    words: "favourite favorite favourites favorites fave best love prefer lieblings* liebste préféré* favorit* preferid* prefer* \
            предпоч* любим* 最喜欢 最喜歡 一番 好き 가장",
    before: &[],
    past: "was were war était era",
};

/// What likes and dislikes are told by.
const TASTE: &str = "like likes liked love loves enjoy enjoys adore fan favourite favorite prefer fond into hate hates dislike dislikes \
    loathe detest despise stand mag mögen liebe gern gerne hasse verabscheue aime aimons adore déteste préfère gusta gustan encanta \
    encantan odio detesto amo piace piacciono gosto adoro hou houd haat leuk lekker люблю нравится ненавижу 喜欢 喜歡 爱 讨厌 好き \
    嫌い 좋아 싫어 أحب";

/// Words of the languages that the cues are in: a sentence with none of them may tell the property in words that are not listed.
const KNOWN_LANGUAGES: &str = "i my me we our the it this that is 's am are was not now and ich mein meine wir ist der die das und je j' mon ma mes nous est la le \
    et yo mi mis es el y con en io mio mia è il sono eu meu minha é o e com ik mijn we het een";

/// Who speaks of himself; in some languages the verb says so.
const OWN: &str = "i we ich wir je j' nous on yo nosotros nosotras soy somos vivo vivimos tengo trabajo trabajamos llamo io noi sono abito \
    vivo lavoro mi eu moro sou trabalho me ik wij we я мы меня мне mir mich";

/// What is the user's, if it stands just before what tells the property: "my home is".
const POSSESSIVE: &str = "my our mein meine meiner unser unsere mon ma notre mi nuestro nuestra mio mia meu minha mijn ons onze мой моя";

/// Words for others.
const OTHERS: &str = "he she they his her their him them er sie ihr sein seine il elle ils elles lui leur él ella ellos ellas su sus lei \
    loro ele ela eles elas hij zij zijn haar он она они его её \
    mother mom mum dad father sister brother daughter son wife husband partner girlfriend boyfriend fiancé fiancée aunt uncle cousin \
    niece nephew friend friends colleague coworker co-worker boss manager roommate flatmate housemate neighbour neighbor landlord \
    doctor therapist dentist teacher twin grandma grandpa grandmother grandfather parents kids children ex bestie buddy mate \
    mutter vater schwester bruder tochter sohn mann frau freund freundin kollege kollegin chef chefin nachbar nachbarin oma opa eltern \
    tante onkel mère père sœur frère fille fils mari femme ami amie collègue patron voisin voisine copain copine grand-mère tante \
    madre padre hermana hermano hija hijo esposa esposo marido novio novia amigo amiga jefe jefa vecino vecina abuela abuelo tía tío \
    sorella fratello figlia figlio moglie marito amico amica mãe pai irmã irmão filha filho";

/// Behind one of these some words may stand before the value: "a certified welder".
const ARTICLES: &[&str] =
    &["a", "an", "the", "one", "our", "ein", "eine", "un", "une", "una", "um", "uma", "een"];

/// How many.
const BETWEEN_WORDS_MAX: usize = 2;

/// Most words of an answer that needs its question to be understood.
const ANSWER_WORDS_MAX: usize = 8;

/// What a sentence tells of a slot, by the words around its value.
pub(super) fn of(batch: &Batch<'_>, turn: &BatchTurn, sentence: &Sentence<'_>, slot: &SlotKey) -> About {
    let words = &sentence.words;
    if matches!(slot.name.as_str(), "likes" | "dislikes") {
        return if holds(words, TASTE) { About::It } else { About::Loosely };
    }
    let favourite = slot.name.starts_with(FAVOURITE.slot).then_some(&FAVOURITE);
    let Some(cues) = CUES.iter().find(|cues| cues.slot == slot.name).or(favourite) else { return About::It };
    let part = clause(words, sentence.value);
    let clause = &words[part.clone()];
    let of_user = slot.subject == "user";
    let of_its_owner = words.get(sentence.value + 1).is_some_and(|next| next.is("'s"));
    if of_user && slot.name != "partner" && (is_of_others(clause, cues) || of_its_owner) {
        return About::SomebodyElse;
    }
    if tells(cues, clause, sentence.value - part.start) {
        return if of_user && !is_own(clause, cues) { About::Loosely } else { About::It };
    }
    if holds(clause, cues.past) {
        return if is_perfect(clause) { About::It } else { About::Past };
    }
    if answers(batch, turn, words, cues) {
        return About::It;
    }
    if holds(words, cues.words) || !holds(words, KNOWN_LANGUAGES) { About::Loosely } else { About::Other }
}

/// The clause that a word stands in.
fn clause(words: &[Word], at: usize) -> Range<usize> {
    let at = at.min(words.len());
    let parts = |word: &Word| {
        matches!(word.token, Token::Mark(',' | ';' | ':' | '(' | ')' | '–' | '—' | '-'))
            || word.is_one_of(&[
                "and", "but", "because", "while", "so", "und", "aber", "weil", "et", "mais", "y", "pero",
                "porque", "ma", "mas", "maar",
            ])
    };
    let start = words[..at].iter().rposition(parts).map_or(0, |before| before + 1);
    let end = words[at..].iter().position(parts).map_or(words.len(), |behind| at + behind);
    start..end
}

/// Whether a clause has a word that tells the property, or one that does so just before the value.
fn tells(cues: &Cues, clause: &[Word], value: usize) -> bool {
    let near = |end: usize| (end..=end + BETWEEN_WORDS_MAX).contains(&value);
    let before = || {
        Pattern::table(cues.before).iter().any(|pattern| {
            let ends = |at| pattern.matches(clause, at, &NoCapture).map(|found| found.end);
            let article = |end: usize| clause[end - 1].is_one_of(ARTICLES);
            (0..value.min(clause.len())).filter_map(ends).any(|end| end == value || article(end) && near(end))
        })
    };
    holds(clause, cues.words) || before()
}

/// "I have lived": so until now.
fn is_perfect(clause: &[Word]) -> bool {
    holds(clause, "have has been since")
}

/// Whether the model asked for it, and this is the answer.
fn answers(batch: &Batch<'_>, turn: &BatchTurn, answer: &[Word], cues: &Cues) -> bool {
    let said = answer.iter().filter(|word| word.token == Token::Word).count();
    let before = batch.turns.iter().filter(|other| other.seq < turn.seq).max_by_key(|other| other.seq);
    let Some(before) = before.filter(|before| before.role == Role::Assistant && said <= ANSWER_WORDS_MAX)
    else {
        return false;
    };
    let asked = sentences(&before.text, 0..before.text.len()).into_iter().rfind(|sentence| sentence.question);
    asked.is_some_and(|asked| {
        let words = words(&before.text, asked.bytes);
        holds(&words, cues.words) && !holds(answer, OTHERS)
    })
}

/// Whether a clause speaks of somebody else, and not of the user too.
fn is_of_others(clause: &[Word], cues: &Cues) -> bool {
    holds(clause, OTHERS) && !holds(clause, OWN) && !has_own_cue(clause, cues)
}

/// Whether it speaks of the user: by a word for oneself, or by none, as people write ("Moved to Graz").
fn is_own(clause: &[Word], cues: &Cues) -> bool {
    let starts = clause.iter().take(2).any(|word| is(word, cues.words) && !word.text.ends_with('s'));
    holds(clause, OWN) || has_own_cue(clause, cues) || starts
}

/// "My home", "my new job".
fn has_own_cue(clause: &[Word], cues: &Cues) -> bool {
    clause.windows(3).chain(clause.windows(2)).any(|run| {
        is(&run[0], POSSESSIVE) && run[1..].iter().any(|word| is(word, cues.words)) && !holds(run, OTHERS)
    })
}

fn holds(words: &[Word], cues: &str) -> bool {
    words.iter().any(|word| is(word, cues))
}

/// Whether a word is one of the cues. Scripts without spaces have no words: there a cue stands within.
fn is(word: &Word, cues: &str) -> bool {
    word.token == Token::Word
        && cues.split_whitespace().any(|cue| match cue.strip_suffix('*') {
            Some(beginning) => word.text.starts_with(beginning),
            None => word.is(cue) || is_unspaced(cue) && word.text.contains(cue),
        })
}

fn is_unspaced(cue: &str) -> bool {
    cue.chars()
        .any(|c| matches!(c, '\u{3041}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}'))
}
