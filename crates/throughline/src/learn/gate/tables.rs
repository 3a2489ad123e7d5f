//! The words the gate goes by, one table per language. Tables only: a language is added by adding one.
//!
//! Words and patterns are as [`words`](crate::learn::words) gives them: small letters, "I'm" as `i am`.

use std::sync::LazyLock;

use crate::learn::pattern::Pattern;

/// What the gate knows of a language.
pub(super) struct Table {
    /// Words by which somebody speaks of themselves and theirs.
    pub(super) me: &'static [&'static str],
    /// The same within a word, for scripts without spaces.
    pub(super) me_within: &'static [&'static str],
    /// People of one's own, where they are named without "my".
    pub(super) kin: &'static [&'static str],
    /// What a sentence begins with that goes on about the one before.
    pub(super) going_on: &'static [&'static str],
    /// What may stand before a statement.
    pub(super) leads: Vec<Pattern>,
    /// Sentences that state nothing lasting: small talk, requests, how one feels, what just happened.
    pub(super) passing: Vec<Pattern>,
    /// How things are to be done from now on, what was settled, what went wrong.
    pub(super) standing: Vec<Pattern>,
    /// What states nothing, whatever follows: "I wish", "if I", "never mind".
    pub(super) void: Vec<Pattern>,
    /// What is to be reached, though it is put as a wish: "I'd like to run a marathon". A favour is asked for in the same words, so
    /// either the thing or its time is one that no answer gives.
    pub(super) aims: Vec<Pattern>,
    /// From here on nothing is said as oneself: role play, texts to translate.
    pub(super) staging: Vec<Pattern>,
    /// Marks of a joke.
    pub(super) jokes: Vec<Pattern>,
    /// Beginnings of text that memory gave.
    pub(super) recalled: Vec<Pattern>,
    /// What the model did, will do, or settled with the user.
    pub(super) commits: Vec<Pattern>,
}

/// A table as it is written.
struct Written {
    me: &'static [&'static str],
    me_within: &'static [&'static str],
    kin: &'static [&'static str],
    going_on: &'static [&'static str],
    leads: &'static [&'static str],
    passing: &'static [&'static str],
    standing: &'static [&'static str],
    void: &'static [&'static str],
    aims: &'static [&'static str],
    staging: &'static [&'static str],
    jokes: &'static [&'static str],
    recalled: &'static [&'static str],
    commits: &'static [&'static str],
}

/// A language that nothing is known of.
const NONE: Written = Written {
    me: &[],
    me_within: &[],
    kin: &[],
    going_on: &[],
    leads: &[],
    passing: &[],
    standing: &[],
    void: &[],
    aims: &[],
    staging: &[],
    jokes: &[],
    recalled: &[],
    commits: &[],
};

/// All languages: a text is looked at with each, since a table's words mean nothing in another language.
pub(super) static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let read = |written: Written| Table {
        me: written.me,
        me_within: written.me_within,
        kin: written.kin,
        going_on: written.going_on,
        leads: Pattern::table(written.leads),
        passing: Pattern::table(written.passing),
        standing: Pattern::table(written.standing),
        void: Pattern::table(written.void),
        aims: Pattern::table(written.aims),
        staging: Pattern::table(written.staging),
        jokes: Pattern::table(written.jokes),
        recalled: Pattern::table(written.recalled),
        commits: Pattern::table(written.commits),
    };
    [ENGLISH, GERMAN, FRENCH, SPANISH, OTHERS].map(read).into()
});

const ENGLISH: Written = Written {
    me: &["i", "my", "me", "we", "our", "us", "mine", "ours", "myself", "ourselves"],
    kin: &["mom", "mum", "dad", "mother", "father", "grandma", "grandpa", "granny", "sis", "bro", "hubby"],
    going_on: &["he", "she", "it", "they", "his", "her", "their", "its", "both", "that", "this"],
    leads: &[
        "hi|hello|hey|well|so|ok|okay|yes|no|yeah|nope|oh|ah|and|but|also|btw|fyi|actually|anyway|thanks|sorry|please|note|hm|hmm",
        "hi|hello|hey|good [there|again|everyone|all|morning|evening|afternoon]",
        "thank you [so|very] [much]",
        "by the way",
        "for context|reference|background",
        "quick context|question|note|update",
        "just so you know",
        "as i said|mentioned|told",
        "to be clear|honest|fair",
        "in fact",
        "you should know [that]",
    ],
    passing: &[
        // Small talk.
        "i see $",
        "i [do] [not] agree|understand|know|care|mind|remember $",
        "i did not know|see|mean",
        "i appreciate|hope|wonder|bet|mean|apologise|apologize|agree",
        "i guess|suppose $",
        "i was wondering|hoping|asking",
        "i am [so|very|really|just|not|a|all|too|still|quite|pretty] [bit|little] back|here|sorry|glad|happy|unhappy|sad|tired|hungry|thirsty|bored|confused|sure|afraid|done|ready|waiting|lost|stuck|curious|looking|asking|wondering|excited|worried|impressed|disappointed|frustrated|annoyed|late|fine|good|ok|okay|well|interested|cooking|writing|working|having|getting",
        "i am at|in|on a|the|my|it|bed|work|home [hurry|airport]",
        "i feel|felt|slept",
        "i love|like|hate your|it|that|this|how|the",
        "i love|like|hate my .. $",
        "that is|was",
        "my bad|fault|mistake|apologies",
        "nice|great|good to",
        "let me|us [know|think|see|try|check|rephrase]",
        // Requests.
        "i need to know|ask|see|find|check|get|write|make|understand|fix|do|create|print|sort|convert|return|send|cancel",
        "i need a|an|the|some|you|it|help|more|this|that|your",
        "i want|require a|an|the|some|you|it|help|more|this|that|your",
        "i would like|love|prefer|appreciate|want|die|be",
        "i am looking for",
        "i have a|an|another|some|one question|questions|problem|issue|request|headache|doubt|idea|feeling",
        "can|could|would|will you",
        "please",
        "help|give|tell|show|find|make|write|explain|recommend|suggest|fix|list|create|generate|summarise|summarize|compare|check|refactor|add|remove|convert|draft|describe|calculate|continue|try|agent|give|send|look|search|read|rewrite|let",
        // What just happened, and what one thinks of it.
        "i [just|already|have|also|only|then] [already|just|also] tried|clicked|ran|got|see|saw|seen|put|opened|checked|followed|found|added|changed|updated|installed|read|received|restarted|looked|asked|sent|noticed|made",
        "i get an|a|the|this|no|nothing",
        "i am [still|just] trying to fix|find|get|understand|figure|open|install|make|log|connect|solve|use|do|write|print",
        "i do not think",
        "i think|guess|suppose the|it|this|that|you|so|there|he|she|they",
        "i can not decide|find|see|open|get|log|login|access|wait|believe|figure|make",
        "i have been waiting|trying|looking",
        "i have [no|some|only] eggs|flour|milk|idea|doubts",
        "i might|may|could|should",
        "i want to know|ask|see|make|sort|print|understand|check|get|be|say|use|add|convert|parse|do",
        "my order|package|parcel|code|app|screen|program|script|build|test|tests|question|point|guess|understanding [has|is|does|did|was|ran|will|are|keeps|fails]",
        "my meeting|train|bus|flight ran|was|is|runs late|delayed",
        "my friend|boss|doctor|teacher|colleague .. said|told|asked|says|thinks|loves|likes|hates",
        "the .. app|page|screen|code|loop|link|button|oven|recipe|invoice|site|website|error",
        "it|there|what|half",
        "this|that is|was|does|did|says|looks|sounds|works|recipe|code|one",
        "everything|nothing|something",
    ],
    standing: &[
        "please|always|never always|never|only|do|use|avoid|keep|call|contact|answer|reply|respond|address|speak|stop|remember|note",
        "please|kindly [do] [not] call|contact|use|keep|avoid|remember|note|always|never|suggest|recommend|mention|stop",
        "always|never",
        "from now on",
        "in|for [the] future",
        "going forward",
        "call|address me",
        "keep [your|the|all] answers|replies|responses|it",
        "do not [ever] suggest|recommend|use|mention|call|ask|offer|propose|remind|bring|show|book",
        "stop suggesting|recommending|using|calling|asking|mentioning|offering",
        "remember that|this|to|i|my|we",
        "let us|'s go|use|stick|settle|agree",
        "we|i [have] [finally|all|both|just|now] decided|agreed|chose|chosen|settled",
        "decision",
        "last time",
        "lesson learned|learnt",
        "i can not stand|eat|drink|have|use|walk|hear|see|drive|tolerate .. $",
        "i made the mistake",
        "i|we [have] tried .. and|but",
        "i [have] changed my mind",
        "answer|reply|respond|write|speak .. from now on",
        "use metric|imperial|british|american|celsius|fahrenheit",
        "my [new] name|flight|train|order|project is|number|called|leaves",
        "i need|have to .. every|each|by|until|before",
    ],
    void: &[
        "never mind",
        "if i|we|you|my",
        "i [really|just] wish|wished",
        "i would [have|never|rather|not]",
        "imagine|suppose|supposing|pretend|assume|assuming|hypothetically|picture",
        "let us|'s say|pretend|imagine|assume|suppose",
        "say i",
        "what if",
        "i am [still|just] [just|only] thinking|considering|wondering|debating [of|about|whether]",
        "i might|may",
    ],
    aims: &[
        "i|we would [really|also|still] like|love to learn|become|climb|retire|graduate|master|adopt",
        "i|we would [really|also|still] like|love to run a|an|the [half] marathon|race|ultra|triathlon",
        "i|we would [really|also|still] like|love to lose weight",
        "i|we would [really|also|still] like|love to quit|stop smoking",
        "i|we would [really|also|still] like|love to travel the world",
        "i|we would [really|also|still] like|love to .. .. this|next year|summer|winter|spring|autumn",
        "i|we would [really|also|still] like|love to .. .. one|some day",
        "i|we would [really|also|still] like|love to .. .. someday|eventually",
        "i|we would [really|also|still] like|love to .. .. before i|we turn|retire",
        "i|we would [really|also|still] like|love to .. .. by the summer|end [of] [the] [year]",
        "i|we would [really|also|still] like|love to .. .. in my life",
    ],
    staging: &[
        "role play|roleplay|role-play|role-playing|roleplaying",
        "roleplay|role-play|roleplaying",
        "pretend [that] [you|i|we|to]",
        "let us|'s play [a|another] game|pretend|scene",
        "imagine [that] [you|i|we|a]",
        "act as [if|a|an|my|the]",
        "you are now a|an|the|my",
        "in the first person",
        "my character is|was|has|wants|name",
        "translate|proofread|paraphrase|rephrase|rewrite|summarise|summarize|correct|improve|polish|edit this|the|my|it|into|to|for|following|below|in",
        "write|draft|compose|create|tell [me] [a|an|the|another] [very] [short|long|funny|sad|little|nice|formal|new] story|poem|letter|email|e-mail|song|speech|essay|bio|script|dialogue|joke|tweet|post|scene|resignation|cover",
        "from the perspective|viewpoint of",
        "suppose|supposing [that] i|we|you",
        "fix the grammar|spelling",
    ],
    jokes: &[
        "just|only kidding|joking",
        "jk $",
        "yeah|ya right",
        "sarcasm",
        "in your dreams",
        "not really lol",
    ],
    recalled: &[
        "here is|are [a] what|everything|all [that] you|i know|remember|have",
        "what you|i know|remember|have about|on|stored me|you|us",
        "you told|said|wrote [me] [earlier|before|that|previously]",
        "known|stored|saved facts|memories|information",
        "memories|memory [about|of] [me|the] [user]  $",
        "according to your|my memory|memories|notes",
        "previous|earlier conversation|messages $",
    ],
    commits: &[
        "i have [now|just|already|also] scheduled|booked|opened|ordered|reserved|set|created|sent|cancelled|canceled|noted|saved|added|filed|registered|moved|arranged|submitted|reported",
        // What it does for the user or how it answers from now on; not what it feels: "I'll never forget it".
        "i will [now|also|always|gladly|certainly|definitely] remind|book|reserve|schedule|reschedule|notify|email|order|cancel|register",
        "i will [now|also] follow up",
        "i will [now|also] send|call|contact|inform you|them|him|her|the|your|an|a",
        "i will [also] check in|back|on|with",
        "i will let you|them know when|as|once|if|about",
        "i will [always|only|now] keep my|all|the|your|every answers|answer|replies|responses|examples|explanations|calendar|list|notes|budget",
        "i will [always|only|now] keep this|that|it in mind",
        "i will [always|only|never|not|now|also] [again] use|answer|reply|respond|write|suggest|recommend|mention|include|propose|assume|address .. from|in|for|you|your|again|all|every|until|any|anymore",
        "i will [now] stop|avoid suggesting|using|recommending|mentioning|asking|proposing|sending",
        "i will [always|only] call|address you",
        "as agreed|discussed|decided",
        "we [have] agreed|decided|settled|chose",
        "we are going with",
        "your order|booking|appointment|reservation|ticket|refund is|was|has [been] [now] confirmed|booked|cancelled|canceled|scheduled|shipped|approved",
    ],
    ..NONE
};

const GERMAN: Written = Written {
    me: &[
        "ich", "mein", "meine", "meinen", "meinem", "meiner", "mich", "mir", "wir", "unser", "unsere", "uns",
        "unseren", "unserem",
    ],
    kin: &["mama", "papa", "oma", "opa"],
    going_on: &["er", "sie", "es", "ihr", "sein", "seine", "ihre"],
    leads: &["hallo|hi|guten|also|ja|nein|okay|und|aber|übrigens|danke|eigentlich", "guten morgen|tag|abend"],
    passing: &[
        "ich verstehe|weiß|glaube|denke|hoffe|meine|fühle|frage [das|nicht]",
        "ich bin [so|sehr|ein] [bisschen] müde|hungrig|sicher|froh|traurig|fertig|bereit|verwirrt|zurück|da",
        "ich brauche|möchte|hätte|würde|könnte|suche",
        "ich habe eine|ein|noch frage|problem|fehler|kopfschmerzen",
        "das|danke|vielen|kannst|könntest|bitte|gib|zeig|erkläre|schreib|hilf",
        "mir geht",
    ],
    standing: &[
        "bitte immer|nie|nenn|antworte|verwende|nur",
        "immer|nie",
        "ab jetzt|sofort|heute",
        "letztes mal",
        "von jetzt|nun an",
        "nenn|nenne mich",
        "wir|ich haben|habe beschlossen|entschieden|vereinbart",
        "ich habe mich entschieden",
    ],
    void: &["wenn ich|wir", "ich wünschte|würde|hätte|wäre|könnte", "stell dir", "angenommen"],
    aims: &["ich möchte|will .. .. lernen|werden|laufen|abnehmen|aufhören|besteigen $"],
    staging: &[
        "stell dir vor",
        "tu so als",
        "rollenspiel",
        "übersetze|übersetz|korrigiere|formuliere",
        "schreib|schreibe [mir] einen|eine|ein",
    ],
    jokes: &["nur spaß|scherz|witz", "ja klar $"],
    recalled: &["hier ist|steht was du", "was du über mich weißt", "das weißt du über mich"],
    commits: &[
        "ich habe .. gebucht|bestellt|reserviert|eingetragen|notiert|verschickt|storniert",
        "ich werde .. erinnern|schicken|buchen",
        "wie vereinbart|besprochen",
        "wir haben .. beschlossen|vereinbart",
    ],
    ..NONE
};

const FRENCH: Written = Written {
    me: &["je", "j'", "mon", "ma", "mes", "moi", "m'", "nous", "notre", "nos"],
    kin: &["maman", "papa", "mamie", "papi"],
    going_on: &["il", "elle", "ils", "elles", "son", "sa", "ses"],
    leads: &["bonjour|salut|bonsoir|alors|oui|non|et|mais|merci|aussi|au|d'", "au fait", "en fait"],
    passing: &[
        "je [ne] vois|comprends|sais|pense|crois|espère",
        "je suis [très|si|trop|un] [peu] fatigué|fatiguée|désolé|désolée|content|contente|perdu|perdue|sûr|sûre|prêt|prête|là",
        "je voudrais|cherche|veux|veut|souhaite|souhaiterais|peux",
        "j' aimerais|ai [une|un|besoin] question|problème|de|faim|soif|sommeil|mal",
        "ça|merci|peux-tu|pouvez-vous|donne-moi|montre-moi|explique-moi|c'",
    ],
    standing: &[
        "toujours|jamais",
        "réponds|répondez|utilise|utilisez|appelle-moi|appelez-moi [toujours|moi]",
        "à partir de maintenant",
        "désormais",
        "ne .. plus|jamais",
        "nous avons décidé|choisi|convenu",
        "on a décidé|choisi",
        "on déménage|part|va|habite",
        "j' ai décidé|choisi",
    ],
    void: &["si je|j'|nous", "je voudrais|serais|pourrais|mangerais", "imagine|imaginez|supposons"],
    aims: &[
        "j' aimerais [bien|beaucoup] apprendre|devenir|maîtriser",
        "j' aimerais [bien|beaucoup] courir un|le",
        "j' aimerais [bien|beaucoup] perdre du poids",
        "j' aimerais [bien|beaucoup] arrêter de fumer",
    ],
    staging: &[
        "imagine|imaginons [que|qu'] [je|j'|tu]",
        "fais comme si",
        "jeu de rôle",
        "traduis|traduisez|corrige|corrigez|reformule|résume",
        "écris|écrivez|rédige [moi] un|une",
    ],
    jokes: &["je plaisante|rigole|blague", "c' est une blague"],
    recalled: &["voici ce que tu|vous", "ce que tu sais sur|de moi"],
    commits: &[
        "j' ai réservé|commandé|programmé|noté|envoyé|annulé",
        "je vous|te rappellerai|enverrai",
        "comme convenu",
        "nous avons décidé|convenu",
    ],
    ..NONE
};

const SPANISH: Written = Written {
    me: &[
        "yo",
        "mi",
        "mis",
        "me",
        "nosotros",
        "nosotras",
        "nuestro",
        "nuestra",
        "nos",
        "soy",
        "vivo",
        "tengo",
        "trabajo",
        "prefiero",
        "odio",
        "estudio",
        "hablo",
        "juego",
        "nací",
        "vivimos",
        "tenemos",
        "somos",
        "empiezo",
        "uso",
        "trabajamos",
        "cumplo",
    ],
    kin: &["mamá", "papá", "abuela", "abuelo"],
    going_on: &["él", "ella", "ellos", "ellas", "su", "sus"],
    leads: &[
        "hola|buenos|buenas|bueno|pues|sí|no|y|pero|gracias|también|además",
        "por cierto",
        "en realidad",
    ],
    passing: &[
        "no entiendo|sé|veo|importa",
        "me puedes|podrías|ayudas|ayuda|alegro|duele|parece|siento|gustaría",
        "estoy [muy|un] [poco] cansado|cansada|perdido|perdida|seguro|segura|listo|lista|contento|contenta",
        "tengo una|un|hambre|sed|sueño|frío pregunta|problema|duda",
        "quiero|quisiera|necesito un|una|que|saber",
        "muchas|gracias|puedes|podrías|dame|dime|explícame|muéstrame|ayúdame",
    ],
    standing: &[
        "siempre|nunca",
        "responde|respóndeme|usa|llámame siempre|en",
        "llámame",
        "a partir de ahora",
        "de ahora en adelante",
        "hemos|he decidido|acordado|elegido",
        "decidimos|acordamos",
        "ya no",
        "no me gusta|gustan",
    ],
    void: &["si yo|viviera|fuera|tuviera|pudiera", "ojalá", "imagina|imagínate|supongamos|suponiendo"],
    aims: &[
        "me gustaría [mucho] aprender|ser|dominar",
        "me gustaría [mucho] correr un|el",
        "me gustaría [mucho] bajar|dejar de peso|fumar",
    ],
    staging: &[
        "imagina|imagínate|supongamos que",
        "haz como si",
        "juego de rol",
        "traduce|traduzca|corrige|resume|reescribe",
        "escribe|escríbeme|redacta un|una",
    ],
    jokes: &["es broma", "estoy bromeando"],
    recalled: &["esto es lo que sabes", "lo que sabes de|sobre mí"],
    commits: &[
        "he reservado|pedido|programado|anotado|enviado|cancelado",
        "te|le recordaré|enviaré",
        "como acordamos|quedamos",
        "hemos acordado|decidido",
    ],
    ..NONE
};

/// The words by which people speak of themselves elsewhere: enough to let a language model look.
const OTHERS: Written = Written {
    me: &[
        // Italian
        "io", "mio", "mia", "miei", "mie", "abito", "sono", "lavoro", "mi", "ho", "noi", "nostro",
        // Portuguese
        "eu", "meu", "minha", "meus", "minhas", "moro", "sou", "tenho", "moramos", "gosto", "prefiro",
        // Dutch
        "ik", "mijn", "wij", "onze", "ons", // Polish
        "mam", "jestem", "mieszkam", "moja", "mój", "moje", "lubię", // Russian
        "я", "мой", "моя", "моё", "мои", "меня", "мне", "мы", "наш", "наша", // Turkish
        "ben", "benim", "bizim", // Arabic
        "أنا", "اسمي", "أسكن", "أعيش", "أعمل",
    ],
    me_within: &["我", "私", "僕", "俺", "저는", "제가", "나는", "내가", "우리"],
    passing: &[
        "sono stanco|stanca|pronto|pronta|qui",
        "ho bisogno|una|un [di|domanda|problema]",
        "estou cansado|cansada|pronto|pronta",
        "ik ben [zo|erg] moe|klaar|terug",
        "ik snap|begrijp|wil|heb [het|een|niet] [vraag]",
        "я не понимаю|знаю",
    ],
    void: &["se io|eu|fossi|vivessi|morasse", "als ik", "если бы"],
    ..NONE
};
