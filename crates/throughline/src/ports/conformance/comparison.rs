//! Random operations, done to the store and to the model, must give the same answers and leave the same memory.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::learning::{self, Learning};
use super::support::{at, draft, receipt, rows, scope, session};
use super::{ModelStore, WithStore, usage};
use crate::model::{
    AgentId, ChainHash, Generation, Profile, Revision, Role, Scope, SessionId, TurnId, UsageStage,
};
use crate::ports::{
    Append, EmbeddedRow, EmbeddingModel, Idempotency, KnownTurn, ModelNumber, Parent, ReadStore, Store,
    StoreError, TurnsPage, UnembeddedRow,
};

const CASES: u32 = 48;
pub(super) const OPERATIONS_MAX: usize = 45;
const SESSIONS: usize = 3;

/// What a new turn follows, chosen before it is known which turns there are.
#[derive(Debug, Clone)]
pub(super) enum Follows {
    Head,
    Beginning,
    /// One of the scope's turns, perhaps of another session.
    Turn(prop::sample::Index),
    Unknown,
}

/// What is done about the embedding models.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Claim,
    Begin,
    /// For this number, whichever model has it.
    Complete(ModelNumber),
    RollBack,
    Forget,
}

#[derive(Debug, Clone)]
pub(super) struct Said {
    role: Role,
    word: u8,
    passages: usize,
    /// Of models 1 to 3, perhaps of none there is.
    read_by: Vec<ModelNumber>,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Append {
        scope: usize,
        session: usize,
        follows: Follows,
        said: Vec<Said>,
        key: Option<(u8, u8)>,
        receipt: bool,
    },
    Embed {
        /// Rows that wait for this model's vectors, and whether it reads them now.
        model: ModelNumber,
        reads: bool,
        rows: Vec<prop::sample::Index>,
    },
    Tidy {
        row: prop::sample::Index,
    },
    Profile {
        scope: usize,
        goal: u8,
        stale: bool,
    },
    Identity {
        agent: bool,
        text: u8,
    },
    Receipt {
        scope: usize,
    },
    Model {
        change: Change,
        name: u8,
    },
    Learn(Learning),
    Spend {
        scope: usize,
        day: i8,
        stage: usize,
        calls: u64,
    },
    Erase {
        scope: usize,
    },
}

/// Two tenants with a user of the same name, another user, and an agent of the first.
pub(super) fn scopes() -> [Scope; 4] {
    let ann = scope("acme", "ann");
    let agent = Scope { agent: AgentId::new("x").ok(), ..ann.clone() };
    [ann, agent, scope("acme", "bob"), scope("other", "ann")]
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let follows = prop_oneof![
        4 => Just(Follows::Head),
        3 => Just(Follows::Beginning),
        4 => any::<prop::sample::Index>().prop_map(Follows::Turn),
        1 => Just(Follows::Unknown),
    ];
    let role = prop_oneof![Just(Role::User), Just(Role::Assistant)];
    let read_by = vec(1..4_u16, 0..3);
    let said = (role, 0..3_u8, 0..3_usize, read_by).prop_map(|(role, word, passages, read_by)| Said {
        role,
        word,
        passages,
        read_by,
    });
    let key = prop::option::weighted(0.3, (0..3_u8, 0..2_u8));
    let append = (0..4_usize, 0..SESSIONS, follows, vec(said, 0..4), key, any::<bool>()).prop_map(
        |(scope, session, follows, said, key, receipt)| Operation::Append {
            scope,
            session,
            follows,
            said,
            key,
            receipt,
        },
    );
    let change = prop_oneof![
        1 => Just(Change::Claim),
        3 => Just(Change::Begin),
        3 => (1..5_u16).prop_map(Change::Complete),
        2 => Just(Change::RollBack),
        1 => Just(Change::Forget),
    ];
    prop_oneof![
        12 => append,
        4 => (1..5_u16, any::<bool>(), vec(any::<prop::sample::Index>(), 1..4))
            .prop_map(|(model, reads, rows)| Operation::Embed { model, reads, rows }),
        1 => any::<prop::sample::Index>().prop_map(|row| Operation::Tidy { row }),
        2 => (0..4_usize, 0..3_u8, any::<bool>())
            .prop_map(|(scope, goal, stale)| Operation::Profile { scope, goal, stale }),
        1 => (any::<bool>(), 0..3_u8).prop_map(|(agent, text)| Operation::Identity { agent, text }),
        1 => (0..4_usize).prop_map(|scope| Operation::Receipt { scope }),
        16 => learning::learning().prop_map(Operation::Learn),
        5 => (change, 0..3_u8).prop_map(|(change, name)| Operation::Model { change, name }),
        3 => (0..4_usize, 1..4_i8, 0..UsageStage::ALL.len(), 1..9_u64)
            .prop_map(|(scope, day, stage, calls)| Operation::Spend { scope, day, stage, calls }),
        1 => (0..4_usize).prop_map(|scope| Operation::Erase { scope }),
    ]
}

/// See the module.
pub fn a_store_answers_as_a_simple_model_does(with_store: WithStore<'_>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&vec(operation(), 1..OPERATIONS_MAX), |operations| {
        with_store(&mut |store| {
            let model = ModelStore::default();
            for (number, operation) in operations.iter().enumerate() {
                let does = |to: &dyn Store| perform(to, &model, number, operation);
                // The model last: what an operation does may depend on what the model holds.
                let (done, wanted) = (does(store), does(&model));
                assert_eq!(done, wanted, "operation {number}, {operation:?}");
            }
            same_reads(store, &model);
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Does it, and tells what the answer was; without generations, which are random.
pub(super) fn perform(to: &dyn Store, model: &ModelStore, number: usize, operation: &Operation) -> String {
    let receipt = || receipt(number as u128, "q");
    let now = at(i64::try_from(number).unwrap_or(0));
    match operation {
        Operation::Append { scope, session, follows, said, key, receipt: with_receipt } => {
            let scope = &scopes()[*scope];
            let append = Append {
                session: session_of(*session),
                parent: parent(model, scope, follows),
                turns: said
                    .iter()
                    .map(|s| draft(s.role, &s.word.to_string(), s.passages, &s.read_by))
                    .collect(),
                idempotency: key.map(|(key, body)| Idempotency { key: key.to_string(), body: [body; 16] }),
                receipt: with_receipt.then(receipt),
                now,
            };
            format!("{:?}", to.append(scope, append).map(|appended| appended.turns))
        }
        Operation::Tidy { row } => {
            let outdated = model.outdated(usize::MAX).unwrap_or_default();
            if outdated.is_empty() {
                return String::new();
            }
            let UnembeddedRow { scope, row } = row.get(&outdated).clone();
            let rewritten = EmbeddedRow { scope, number: row.number, body: row.body, read_by: vec![] };
            format!("{:?}", to.put_embedded(vec![rewritten]))
        }
        Operation::Embed { model: reader, reads, rows } => {
            let waiting = model.unembedded(*reader, usize::MAX).unwrap_or_default();
            if waiting.is_empty() {
                return String::new();
            }
            let rows = rows.iter().map(|index| index.get(&waiting)).map(|waiting| EmbeddedRow {
                scope: waiting.scope.clone(),
                number: waiting.row.number,
                body: format!("vector {number}").into_bytes(),
                read_by: reads.then_some(*reader).into_iter().collect(),
            });
            format!("{:?}", to.put_embedded(rows.collect()))
        }
        Operation::Profile { scope, goal, stale } => {
            let scope = &scopes()[*scope];
            let epoch = model.profile(scope, None).map_or(0, |profile| profile.epoch) + u64::from(*stale);
            let profile = Profile { epoch, goals: vec![goal.to_string()], ..Profile::default() };
            format!("{:?}", to.put_profile(scope, profile, now))
        }
        Operation::Identity { agent, text } => {
            let [_, scope, ..] = scopes();
            let agent = scope.agent.as_ref().filter(|_| *agent);
            format!("{:?}", to.put_identity(scope.tenant(), agent, &text.to_string(), now))
        }
        Operation::Receipt { scope } => format!("{:?}", to.put_receipt(&scopes()[*scope], receipt())),
        Operation::Model { change, name } => {
            let model = EmbeddingModel { name: name.to_string(), dimensions: 384 };
            match change {
                Change::Claim => format!("{:?}", to.claim_embedding_model(&model)),
                Change::Begin => format!("{:?}", to.begin_switch(&model)),
                Change::Complete(number) => format!("{:?}", to.complete_switch(*number)),
                Change::RollBack => format!("{:?}", to.roll_back_switch()),
                Change::Forget => format!("{:?}", to.forget_previous_model()),
            }
        }
        Operation::Learn(learning) => learning::perform(to, model, now, learning),
        Operation::Spend { scope, day, stage, calls } => {
            let (user, stage) = (&scopes()[*scope].user, UsageStage::ALL[*stage]);
            format!("{:?}", to.add_usage(user, usage::day(*day), stage, usage::usage(*calls)))
        }
        Operation::Erase { scope } => format!("{:?}", to.erase_user(&scopes()[*scope].user)),
    }
}

fn session_of(number: usize) -> SessionId {
    session(&format!("session {number}"))
}

fn parent(model: &ModelStore, scope: &Scope, follows: &Follows) -> Parent {
    match follows {
        Follows::Head => Parent::Head,
        Follows::Beginning => Parent::Chain(ChainHash::ROOT),
        Follows::Unknown => Parent::Chain(ChainHash([255; 16])),
        Follows::Turn(index) => {
            let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
            let turns = model.turns_page(scope, &page).unwrap_or_default();
            if turns.is_empty() { Parent::Head } else { Parent::Chain(index.get(&turns).chain) }
        }
    }
}

/// Compares one answer of both.
pub(super) fn same<T: std::fmt::Debug + PartialEq>(
    store: &dyn Store,
    model: &dyn Store,
    ask: impl Fn(&dyn Store) -> Result<T, StoreError>,
) {
    assert_eq!(ask(store), ask(model));
}

/// Compares what two stores answer to all that is read of the scopes of these operations.
pub(super) fn same_reads(store: &dyn Store, model: &dyn Store) {
    same(store, model, |s| s.unembedded_count());
    // Only the order within a scope is promised.
    let sorted = |mut rows: Vec<UnembeddedRow>| {
        rows.sort_by_key(|waiting| (waiting.scope.clone(), waiting.row.number));
        rows
    };
    for number in 0..6 {
        same(store, model, |s| s.unembedded(number, usize::MAX).map(sorted));
    }
    same(store, model, |s| s.outdated(usize::MAX).map(sorted));
    same(store, model, |s| s.outbox_count());
    same(store, model, |s| s.embedding_models());
    for scope in scopes() {
        let days = || usage::day(1)..=usage::day(3);
        same(store, model, |s| s.user_usage(&scope.user, days()));
        same(store, model, |s| s.tenant_usage(scope.tenant(), days()));
        same(store, model, |s| s.identity(scope.tenant(), scope.agent.as_ref(), None));
        for number in 0..OPERATIONS_MAX {
            same(store, model, |s| s.receipt(scope.tenant(), receipt(number as u128, "q").id));
        }
        same_scope(store, model, &scope);
    }
}

fn same_scope(store: &dyn Store, model: &dyn Store, scope: &Scope) {
    let row = |revision: Option<Revision>| revision.map(|revision| (revision.row, revision.redactions));
    same(store, model, |s| s.revision(scope).map(row));
    let all = TurnsPage { session: None, after: 0, limit: usize::MAX };
    let turns = model.turns_page(scope, &all).expect("the model answers");
    for after in 0..=turns.len() as u64 {
        same(store, model, |s| Ok(rows(s, scope, after)));
        same(store, model, |s| s.lineage(scope, after, usize::MAX));
    }
    let sessions = || std::iter::once(None).chain((0..SESSIONS).map(|number| Some(session_of(number))));
    for session in sessions() {
        for (after, limit) in [(0, usize::MAX), (1, 2), (3, 1)] {
            let page = TurnsPage { session: session.clone(), after, limit };
            same(store, model, |s| {
                let turns = s.turns_page(scope, &page)?;
                let unborn = |id: TurnId| TurnId { generation: Generation(0), ..id };
                Ok(turns
                    .into_iter()
                    .map(|turn| crate::model::Turn { id: unborn(turn.id), ..turn })
                    .collect::<Vec<_>>())
            });
        }
        let chains: Vec<_> = turns.iter().map(|turn| turn.chain).collect();
        same(store, model, |s| s.turns_by_chain(scope, session.as_ref(), &chains));
        if let Some(session) = &session {
            same(store, model, |s| s.session_head(scope, session));
        }
        let messages = model.lineage(scope, turns.len() as u64, usize::MAX).expect("the model answers");
        for KnownTurn { message, .. } in messages {
            same(store, model, |s| s.turns_by_message(scope, session.as_ref(), message, 3));
        }
    }
    same(store, model, |s| s.sessions(scope, 0, usize::MAX));
    same(store, model, |s| s.sessions(scope, 1, 1));
    let epochs = model.profile(scope, None).expect("the model answers").epoch;
    for epoch in 0..=epochs + 1 {
        same(store, model, |s| s.profile(scope, Some(epoch)));
    }
    same(store, model, |s| s.profile(scope, None));
    learning::same_learned(store, model, scope);
}
