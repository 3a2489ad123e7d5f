//! The weights of the ranking, each with its reason, in one place.
//!
//! They were found with a Python prototype on three LoCoMo conversations and a LongMemEval haystack, as flat optima that
//! hold in each of them; `docs/recall.md` has the ablations. Scores are sums of z-scores, so a weight of 1 means "as much as
//! one standard deviation of one arm".

/// What counts how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    /// BM25: words in common. A little, because questions that share no word with their evidence are dragged down.
    pub(crate) lexical: f32,
    /// Cosine of the whole: what a text is about.
    pub(crate) dense: f32,
    /// MaxSim′: the strongest arm.
    pub(crate) late: f32,
    /// Share of what the turn before holds of a word or token, if that turn asks something: this turn is the answer.
    pub(crate) window_answer: f32,
    /// Share of what any other turn next to it holds.
    pub(crate) window_near: f32,
    /// Share of what the turns two before and two after hold.
    pub(crate) window_far: f32,
    /// A turn longer than this takes less from its neighbours: it stands for itself. In tokens.
    pub(crate) window_tokens: f32,
    /// Share of the whole score of a question that passes on to the turn after it.
    pub(crate) after_question: f32,
    /// Share of the mean of a session's best turns: sessions have topics. Low, or it drowns single turns.
    pub(crate) session: f32,
    /// For a turn at a date the question names.
    pub(crate) date: f32,
    /// For a turn by a speaker the question names.
    pub(crate) speaker: f32,
    /// For the user's own turns in chats with an assistant: questions are mostly about what the user said.
    pub(crate) role: f32,
    /// For a turn that a memory which holds rests on, by the weight of that; taken off one whose words are over. Low: that it was
    /// learned says that it matters, not that it answers.
    pub(crate) memory: f32,
}

impl Weights {
    /// With all arms.
    pub(crate) const FULL: Self = Self {
        lexical: 0.25,
        dense: 0.5,
        late: 1.0,
        window_answer: 0.8,
        window_near: 0.6,
        window_far: 0.4,
        window_tokens: 60.0,
        after_question: 0.25,
        session: 0.15,
        date: 3.0,
        speaker: 1.0,
        role: 0.75,
        memory: 0.5,
    };

    /// With a model that shows no tokens, such as any behind an API: words and meaning weigh the same.
    pub(crate) const WITHOUT_TOKENS: Self = Self { lexical: 1.0, dense: 1.0, late: 0.0, ..Self::FULL };

    /// A window to questions alone: what a turn answers besides what it says.
    pub(crate) const ANSWERS: Self = Self { window_near: 0.0, window_far: 0.0, ..Self::FULL };

    /// Without a model.
    pub(crate) const LEXICAL: Self = Self { lexical: 1.0, dense: 0.0, late: 0.0, ..Self::FULL };
}

/// The best turns of a session that its prior is the mean of.
pub(crate) const SESSION_TOP: usize = 3;

/// Days after a named date at which its boost has fallen to 1/e: things are told about later.
pub(crate) const DAYS_AFTER: f32 = 7.0;

/// Days before a named date at which its boost has fallen to 1/e.
pub(crate) const DAYS_BEFORE: f32 = 3.0;
