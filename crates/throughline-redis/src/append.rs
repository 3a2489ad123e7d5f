//! Appending turns: journal, search rows, session, learning job, receipt and idempotency key, in one commit.

use std::ops::RangeInclusive;

use redis::Value;
use throughline::codec::{TurnBody, encode_receipt};
use throughline::model::{ChainHash, Scope, SessionId, Timestamp};
use throughline::ports::{
    Append, Appended, AppendedTurn, Idempotency, Parent, PassageDraft, StoreError, TurnDraft,
};

use crate::bytes::{Packed, Unpacked};
use crate::commit::Bounds;
use crate::error::Fault;
use crate::job_record::{JobRecord, Jobs, Turns};
use crate::journal::{
    Head, SessionRecord, ask_session, session_field, session_name_field, session_record, session_turns_field,
};
use crate::keys::Part;
use crate::places::Thing;
use crate::reply;
use crate::rows::RowRecord;
use crate::store::RedisStore;
use crate::writing::{Decision, Writing};

/// Idempotency keys a scope keeps, the newest.
const KEYS_MAX: u64 = 10_000;

/// How long an idempotency key is kept, in milliseconds: 30 days.
const KEY_AGE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;

/// Old keys that one append takes away at most, so that none of them pays for a long pause.
const KEYS_PER_APPEND_MAX: u32 = 16;

/// The moment a key was made, in digits of milliseconds.
const CREATED_DIGITS: usize = 13;

/// What the next turn follows.
#[derive(Clone, Copy)]
struct Place {
    /// 0 for none.
    parent: u32,
    chain: ChainHash,
}

const BEGINNING: Place = Place { parent: 0, chain: ChainHash::ROOT };

/// The number after `last`.
pub(crate) fn next(last: u64, what: &str) -> Result<u32, Fault> {
    u32::try_from(last + 1).map_err(|_| {
        Fault::Store(StoreError::Full(format!("one user cannot have more than {} {what}", u32::MAX)))
    })
}

impl RedisStore {
    /// See [`Append`].
    pub(crate) fn append(&self, scope: &Scope, append: &Append) -> Result<Appended, Fault> {
        let wanted = wanted_chains(append);
        let receipt = append.receipt.as_ref().map(|receipt| receipt.id.0.as_bytes().to_vec());
        self.write_scope(
            scope,
            |view, keys| {
                let mut view = ask_session(view, keys, &append.session);
                view = view.ask("HGETALL", &keys.key(Part::Jobs), &[]);
                // Never none: a command needs a field.
                let fields: Vec<&[u8]> =
                    std::iter::once(&b""[..]).chain(wanted.iter().map(|c| &c.0[..])).collect();
                view = view.ask("HMGET", &keys.key(Part::Chains), &fields);
                let key = append.idempotency.as_ref().map(|known| key_field(&known.key)).unwrap_or_default();
                view = view.ask("HGET", &keys.key(Part::Idempotency), &[key.as_bytes()]);
                view.ask("HEXISTS", &keys.key(Part::Receipts), &[receipt.as_deref().unwrap_or_default()])
            },
            |writing, answers| {
                let [session, jobs, chains, earlier, has_receipt] = reply::answers(Value::Array(answers))?;
                if let (Some(key), Some(record)) = (&append.idempotency, reply::bytes(earlier)?) {
                    let turns = earlier_turns(&record, key)?;
                    return Ok(Decision::Nothing(Appended { generation: writing.meta.generation(), turns }));
                }
                let session = session_record(session)?;
                let chains = Chains::read(&wanted, chains)?;
                let mut place = place(append.parent, session.as_ref(), &chains)?;
                let mut drafts = append.turns.iter().peekable();
                let mut turns = Vec::with_capacity(drafts.len());
                // A chain covers all before it: once one is new, all after it are. After the newest turn nothing is known.
                while let (Some(draft), Some(session)) = (drafts.peek(), &session)
                    && append.parent != Parent::Head
                {
                    let chain = place.chain.then(draft.message());
                    let Some(known) = chains.turn(session.number, chain) else { break };
                    place = Place { parent: known, chain };
                    turns.push(AppendedTurn { seq: known.into(), known: true });
                    drafts.next();
                }
                if drafts.peek().is_some() {
                    let new = insert_turns(writing, append, session, place, drafts, Jobs::read(jobs)?)?;
                    turns.extend(new.map(|seq| AppendedTurn { seq, known: false }));
                }
                if let (Some(receipt), true) = (&append.receipt, matches!(has_receipt, Value::Int(0))) {
                    writing.set(Part::Receipts, *receipt.id.0.as_bytes(), encode_receipt(receipt));
                    let thing = Thing::Receipt(*receipt.id.0.as_bytes());
                    writing.before.push(self.place_call(scope.tenant(), thing, &writing.seen()));
                }
                if let Some(key) = &append.idempotency {
                    keep_key(writing, key, &turns, append.now);
                }
                Ok(Decision::Write(Appended { generation: writing.meta.generation(), turns }))
            },
        )
    }
}

/// The chains that turns of the append would have if they were known, and the one they follow.
fn wanted_chains(append: &Append) -> Vec<ChainHash> {
    let Parent::Chain(parent) = append.parent else { return Vec::new() };
    let turns = append.turns.iter().scan(parent, |chain, draft| {
        *chain = chain.then(draft.message());
        Some(*chain)
    });
    std::iter::once(parent).chain(turns).collect()
}

/// Which turns of which sessions have these chains.
struct Chains(Vec<(ChainHash, Vec<u8>)>);

impl Chains {
    fn read(wanted: &[ChainHash], found: Value) -> Result<Self, Fault> {
        // The first one asked for was none.
        let found = reply::all_bytes(found)?.into_iter().skip(1);
        Ok(Self(wanted.iter().copied().zip(found.map(Option::unwrap_or_default)).collect()))
    }

    /// The turn of a session with this chain.
    fn turn(&self, session: u32, chain: ChainHash) -> Option<u32> {
        let (_, list) = self.0.iter().find(|(known, _)| *known == chain)?;
        let (pairs, _) = list.as_chunks::<8>();
        let pair = pairs.iter().find(|pair| pair[..4] == session.to_le_bytes())?;
        pair.last_chunk().map(|turn| u32::from_le_bytes(*turn))
    }
}

fn place(parent: Parent, session: Option<&SessionRecord>, chains: &Chains) -> Result<Place, Fault> {
    match (parent, session) {
        (Parent::Chain(ChainHash::ROOT), _) | (Parent::Head, None) => Ok(BEGINNING),
        (Parent::Head, Some(session)) => Ok(Place { parent: session.newest, chain: session.chain }),
        (Parent::Chain(chain), session) => {
            let parent = session.and_then(|session| chains.turn(session.number, chain));
            parent.map(|parent| Place { parent, chain }).ok_or(Fault::Store(StoreError::Conflict))
        }
    }
}

/// Writes turns that are new, and what follows from them. Returns their numbers.
fn insert_turns<'a>(
    writing: &mut Writing<'_>,
    append: &Append,
    session: Option<SessionRecord>,
    mut place: Place,
    drafts: impl Iterator<Item = &'a TurnDraft>,
    mut jobs: Jobs,
) -> Result<RangeInclusive<u64>, Fault> {
    let now = append.now.as_millisecond();
    let first = next(writing.meta.turn, "turns")?;
    let mut session = if let Some(session) = session {
        session
    } else {
        let number = next(writing.meta.session, "sessions")?;
        writing.meta.session = number.into();
        writing.set(Part::Sessions, session_name_field(number), append.session.as_str());
        SessionRecord {
            number,
            turns: 0,
            first,
            newest: 0,
            earliest: i64::MAX,
            latest: i64::MIN,
            chain: ChainHash::ROOT,
        }
    };
    for draft in drafts {
        place = insert_turn(writing, &mut session, place, draft, append.now)?;
    }
    writing.set(Part::Sessions, session_field(&append.session), session.pack());
    let last = session.newest;
    let turns = Turns { first, last, count: last - first + 1, created: now, newest: now };
    wait(writing, &append.session, turns, now, &mut jobs);
    Ok(u64::from(first)..=u64::from(last))
}

/// Adds turns to the session's waiting job, or makes one.
pub(crate) fn wait(writing: &mut Writing<'_>, session: &SessionId, turns: Turns, due: i64, jobs: &mut Jobs) {
    if let Some((number, job)) = jobs.waiting(session) {
        job.join(turns);
        writing.set(Part::Jobs, number.to_string(), job.pack());
    } else {
        writing.new_job = Some(JobRecord::waiting(session.clone(), turns, due));
    }
}

/// Writes a turn and its search rows; returns the place after it.
fn insert_turn(
    writing: &mut Writing<'_>,
    session: &mut SessionRecord,
    place: Place,
    draft: &TurnDraft,
    now: Timestamp,
) -> Result<Place, Fault> {
    let message = draft.message();
    let TurnDraft { role, name, content, time, metadata, passages, .. } = draft;
    let seq = next(writing.meta.turn, "turns")?;
    let chain = place.chain.then(message);
    let time = time.as_millisecond();
    let head = Head {
        session: session.number,
        parent: place.parent,
        role: *role,
        time,
        recorded: now.as_millisecond(),
        chain,
        message,
    };
    let body = TurnBody { name: name.clone(), content: content.clone(), metadata: metadata.clone() };
    writing.set(Part::Turns, seq.to_string(), head.with_body(body));
    writing.append(Part::Chains, chain.0, Packed::default().u32(session.number).u32(seq).0);
    writing.append(Part::Messages, message.0, seq.to_le_bytes());
    writing.append(Part::Sessions, session_turns_field(session.number, session.turns), seq.to_le_bytes());
    writing.meta.turn = seq.into();
    insert_passages(writing, seq, session.number, passages)?;
    session.turns += 1;
    session.newest = seq;
    session.earliest = session.earliest.min(time);
    session.latest = session.latest.max(time);
    session.chain = chain;
    Ok(Place { parent: seq, chain })
}

/// Writes the search rows of a turn, each of which waits for the models that have not read it.
pub(crate) fn insert_passages(
    writing: &mut Writing<'_>,
    turn: u32,
    session: u32,
    passages: &[PassageDraft],
) -> Result<(), Fault> {
    let kept = writing.models.kept();
    for (passage, draft) in (0..).zip(passages) {
        // A number that no model has now may be given to one that has read nothing.
        let read_by = kept.iter().copied().filter(|model| draft.read_by.contains(model)).collect();
        insert_row(writing, &RowRecord { turn, passage, session, read_by, body: draft.body.clone() })?;
    }
    Ok(())
}

/// Writes a row under the scope's next number.
pub(crate) fn insert_row(writing: &mut Writing<'_>, row: &RowRecord) -> Result<(), Fault> {
    let number = next(writing.meta.row, "search rows")?;
    writing.meta.row = number.into();
    writing.meta.count(&row.read_by);
    writing.set(Part::Rows, number.to_string(), row.pack());
    Ok(())
}

pub(crate) fn key_field(key: &str) -> String {
    format!("={key}")
}

/// What the append with this key did.
fn earlier_turns(record: &[u8], key: &Idempotency) -> Result<Vec<AppendedTurn>, Fault> {
    let (_, body, turns) = read_key(record)?;
    if body == key.body { Ok(turns) } else { Err(Fault::Store(StoreError::IdempotencyMismatch)) }
}

/// The record of a key: when it was made, the hash of what was asked, and what was answered.
pub(crate) fn pack_key(created: i64, body: &[u8; 16], turns: &[AppendedTurn]) -> Vec<u8> {
    let record =
        Packed::default().bytes(format!("{:0CREATED_DIGITS$}", created.max(0)).as_bytes()).bytes(body);
    let turns = turns.iter().map(|turn| turn.seq << 1 | u64::from(turn.known));
    turns.fold(record, Packed::u64).0
}

/// What [`pack_key`] packed.
pub(crate) fn read_key(record: &[u8]) -> Result<(i64, [u8; 16], Vec<AppendedTurn>), Fault> {
    // `commit.lua` reads the first 13 bytes: when it was made.
    let (created, rest) = record.split_at_checked(CREATED_DIGITS).unwrap_or_default();
    let created = std::str::from_utf8(created).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let mut read = Unpacked::new("an idempotency key", rest);
    let body = read.array::<16>()?;
    let (turns, _) = read.rest().as_chunks::<8>();
    let turn = |turn: &[u8; 8]| {
        let number = u64::from_le_bytes(*turn);
        AppendedTurn { seq: number >> 1, known: number & 1 == 1 }
    };
    Ok((created, body, turns.iter().map(turn).collect()))
}

/// Keeps what this append did, and lets go of keys beyond the bounds.
fn keep_key(writing: &mut Writing<'_>, key: &Idempotency, turns: &[AppendedTurn], now: Timestamp) {
    let now = now.as_millisecond();
    writing.meta.idempotency += 1;
    let newest = writing.meta.idempotency;
    let record = pack_key(now, &key.body, turns);
    writing.set(Part::Idempotency, key_field(&key.key), record);
    writing.set(Part::Idempotency, format!("#{newest}"), key.key.as_str());
    let bounds = Bounds {
        newest,
        numbers_max: KEYS_MAX,
        created_min: now - KEY_AGE_MS_MAX,
        count_max: KEYS_PER_APPEND_MAX,
    };
    writing.changes.trim(&writing.keys.key(Part::Idempotency), &bounds);
}
