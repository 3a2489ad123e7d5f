//! Words that say nothing to know next month, a table per language.
//!
//! Each line of a list holds words with a space between. Words are as [`words`](crate::learn::words) gives them. A language is looked at alone: "die" is an article in one of them.

/// What is listed of a language.
pub(super) struct Table {
    /// Whether a capital within a sentence makes a name.
    pub(super) names_by_capital: bool,
    /// Says nothing by itself: whose it is, how words hang together, acts and things of every day, signs that one has heard.
    pub(super) empty: &'static [&'static str],
    /// Moods and sensations that pass.
    pub(super) passing: &'static [&'static str],
    /// The same, but some people are so for life: they pass if they are felt, or are so at the moment.
    pub(super) passing_if_felt: &'static [&'static str],
    /// Tells of a feeling or a moment.
    pub(super) felt: &'static [&'static str],
    /// What may stand before the listener is spoken of.
    pub(super) leads: &'static [&'static str],
    pub(super) you: &'static [&'static str],
    pub(super) me: &'static [&'static str],
}

pub(super) const TABLES: &[Table] = &[ENGLISH, GERMAN, FRENCH, SPANISH];

const ENGLISH: Table = Table {
    names_by_capital: true,
    empty: &[
        // Whose, and how words hang together.
        "the a an user users speaker assistant i we he she they you it my our his her their your its me us him \
         them this that these those there here 's of to for with about in on at and or but as so by if how what \
         which who is are am was were be been being has have had having do does did doing done will would can \
         could may might should shall must very really quite pretty too also just some any more much many lot \
         lots bit little all else again something anything everything someone somebody",
        // Acts of every day.
        "want wants wanted need needs needed plan plans planned planning try tries tried trying hope hopes hoped \
         hoping intend intends go goes going went get gets getting got make makes making made work works working \
         worked think thinks thinking thought know knows knew look looks looking looked see sees seeing saw find \
         finds finding found use uses using used start starts starting started continue continues continued learn \
         learns learning learned help helps helping helped share shares sharing shared talk talks talking talked \
         discuss discusses discussing discussed ask asks asking asked say says saying said tell tells told \
         mention mentions mentioned consider considers considering check checks checking explore explores \
         exploring research researching understand understands understood enjoy enjoys enjoyed like likes liked \
         love loves loved wait waits waiting interested ready able forward engaged involved expressed expresses",
        // Things of every day.
        "thing things stuff way ways idea ideas question questions information info detail details advice tips \
         topic topics conversation chat answer answers response message time day moment step steps project \
         projects task tasks experience experiences option options opportunity opportunities goal goals interest \
         support feedback suggestion suggestions good great nice new better best next different important \
         interesting fun cool amazing wonderful awesome positive soon later further well",
        // Signs that one has heard.
        "agree agrees agreed thank thanks thanked thanking appreciate appreciates appreciated acknowledge \
         acknowledges acknowledged confirm confirms confirmed greet greets greeted hello hi bye goodbye ok okay \
         yes welcome sure apologize apologizes apologized sorry compliment compliments complimented congratulate \
         congratulates congratulated gratitude responded responds replied replies",
    ],
    passing: &[
        "happy glad sad tired exhausted sleepy hungry thirsty bored excited thrilled relieved amazed surprised \
         shocked confused curious grateful thankful proud pleased delighted frustrated annoyed upset angry \
         disappointed overwhelmed worried inspired motivated hopeful touched blessed energized refreshed relaxed \
         fine alright excitement happiness joy joyful headache stomachache ache aches hurts hurting sore cold hot \
         rested slept sleep badly mood",
    ],
    passing_if_felt: &[
        "anxious nervous lonely stressed calm depressed insecure confident sick unwell shy optimistic sensitive \
         peaceful",
    ],
    felt: &[
        "feel feels feeling felt today tonight now currently right yesterday seems seemed looked sounds sounded \
         feelings moment morning evening",
    ],
    leads: &["wow oh aw aww yes yeah well and but hey hi so haha thanks"],
    you: &["you your"],
    me: &["i me my mine we us our ours myself"],
};

const GERMAN: Table = Table {
    names_by_capital: false,
    empty: &[
        "der die das den dem ein eine einen einem einer nutzer nutzerin benutzer ich wir er sie es mein meine \
         sein seine ihr ihre und oder aber zu mit für von in im an am auf über ist sind bin war waren hat habe \
         haben hatte wird will möchte kann soll muss sehr so auch mehr viel etwas einige alles plant plane \
         versucht versuche hofft hoffe macht mache machen geht gehe gehen arbeitet arbeite denkt denke weiß sucht \
         suche braucht brauche fragt frage sagt sagte lernen recherche recherchieren recherchiert hilfe dinge \
         sachen idee ideen fragen informationen projekt aufgabe schritt schritte zeit tag gut gute guten neu neue \
         toll schön bald dankt danke bedankt sich mich stimmt einverstanden bestätigt hallo ok ja verstanden \
         versteht verstehe freut interessiert bereit",
    ],
    passing: &[
        "glücklich froh traurig müde erschöpft hungrig durstig gelangweilt aufgeregt begeistert erleichtert \
         überrascht verwirrt neugierig dankbar stolz zufrieden frustriert genervt wütend enttäuscht besorgt \
         kopfschmerzen kalt heiß",
    ],
    passing_if_felt: &["ängstlich nervös einsam gestresst ruhig deprimiert krank unsicher"],
    felt: &["fühlt fühle fühlte heute jetzt gerade momentan gestern"],
    leads: &["ja oh ach und aber hey wow"],
    you: &["du dein deine"],
    me: &["ich mir mich mein meine meinen meinem meiner wir uns unser unsere"],
};

const FRENCH: Table = Table {
    names_by_capital: true,
    empty: &[
        "le la les l' un une des du de d' utilisateur utilisatrice je j' nous il elle on mon ma mes son sa ses se \
         s' et ou mais à au en avec pour sur est suis sont était a ai ont avait veut veux voudrait peut doit va \
         vais très si aussi plus beaucoup quelque quelques chose choses tout prévoit prévois compte essaie espère \
         fait faire fais travaille pense sait cherche besoin demande dit apprendre recherches recherche aide idée \
         idées question questions informations projet tâche temps jour bon bonne bien nouveau nouvelle bientôt \
         remercie merci accord confirme bonjour oui compris comprend intéressé intéressée prêt prête",
    ],
    passing: &[
        "heureux heureuse content contente triste fatigué fatiguée épuisé épuisée faim soif excité excitée ravi \
         ravie soulagé soulagée surpris surprise confus confuse curieux curieuse reconnaissant reconnaissante \
         fier fière frustré frustrée déçu déçue inquiet inquiète froid chaud",
    ],
    passing_if_felt: &["anxieux anxieuse nerveux nerveuse seul seule stressé stressée calme malade"],
    felt: &["sent sens sentait sentie senti aujourd'hui maintenant actuellement hier"],
    leads: &["oui oh et mais ah"],
    you: &["tu t' ton ta tes vous votre vos"],
    me: &["je j' me m' moi mon ma mes nous notre nos"],
};

const SPANISH: Table = Table {
    names_by_capital: true,
    empty: &[
        "el la los las un una unos unas usuario usuaria yo nosotros él ella se me mi mis su sus y o pero a al de \
         del en con para por sobre que es está estoy estaba soy era fue ha he tiene tengo tenía quiere quiero \
         querría puede debe va voy muy tan también más mucho mucha algo algunas algunos todo planea planeo \
         intenta intento espera espero hace hacer hago trabaja trabajo piensa pienso sabe busca busco necesita \
         necesito pregunta dice dijo aprender investigar investigación ayuda idea ideas preguntas información \
         proyecto tarea tiempo día bueno buena bien nuevo nueva pronto agradece gracias acuerdo confirma hola sí \
         entiende entendido interesado interesada listo lista cosas cosa",
    ],
    passing: &[
        "feliz contento contenta triste cansado cansada agotado agotada hambre sed sueño emocionado emocionada \
         aliviado aliviada sorprendido sorprendida confundido confundida curioso curiosa agradecido agradecida \
         orgulloso orgullosa frustrado frustrada decepcionado decepcionada preocupado preocupada frío calor \
         aburrido aburrida",
    ],
    passing_if_felt: &["ansioso ansiosa nervioso nerviosa solo sola estresado estresada enfermo enferma"],
    felt: &["siente siento sentía sintió hoy ahora actualmente ayer"],
    leads: &["sí oh y pero ay"],
    you: &["tú tu tus eres usted"],
    me: &["yo me mi mis mí nosotros nos nuestro nuestra soy tengo vivo estoy"],
};
