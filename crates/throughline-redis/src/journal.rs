//! The journal: the records of turns and sessions, and reading them.

use redis::Value;
use throughline::codec::{TurnBody, decode_turn, encode_turn};
use throughline::model::{
    ChainHash, Generation, MessageHash, Role, Scope, SessionId, Timestamp, Turn, TurnId,
};
use throughline::ports::{KnownTurn, SessionSummary, TurnsPage};

use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::commit::View;
use crate::error::Fault;
use crate::keys::{Part, ScopeKeys};
use crate::reply;
use crate::script::JOURNAL;
use crate::store::RedisStore;

/// Turns that one script reads at most, so that it keeps nobody waiting for long.
const TURNS_PER_READ_MAX: usize = 256;

/// Turns per field of a session's list; `journal.lua` knows it too.
pub(crate) const CHUNK_TURNS: u32 = 128;

pub(crate) fn time(millisecond: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millisecond).map_err(|error| Fault::Damaged(error.to_string()))
}

/// A turn's record, but for its body: what `turns.lua` calls its head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) session: u32,
    /// 0 for none.
    pub(crate) parent: u32,
    pub(crate) role: Role,
    pub(crate) time: i64,
    pub(crate) recorded: i64,
    pub(crate) chain: ChainHash,
    pub(crate) message: MessageHash,
}

impl Head {
    /// The whole record.
    pub(crate) fn with_body(&self, body: TurnBody) -> Vec<u8> {
        let Self { session, parent, role, time, recorded, chain, message } = self;
        let head = Packed::default().u32(*session).u32(*parent).u8(role.code()).i64(*time).i64(*recorded);
        head.bytes(&chain.0).bytes(&message.0).bytes(&encode_turn(body)).0
    }

    /// And the body, empty if only the head was read.
    pub(crate) fn read(record: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let mut read = Unpacked::new("a turn", record);
        let (session, parent, role) = (read.u32()?, read.u32()?, read.u8()?);
        let head = Self {
            session,
            parent,
            role: Role::from_code(role)
                .ok_or_else(|| Fault::Damaged(format!("a turn has the role {role}, which is none")))?,
            time: read.i64()?,
            recorded: read.i64()?,
            chain: ChainHash(read.array()?),
            message: MessageHash(read.array()?),
        };
        Ok((head, read.rest()))
    }

    fn parent(&self) -> Option<u64> {
        Some(u64::from(self.parent)).filter(|parent| *parent > 0)
    }
}

/// A session's record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRecord {
    pub(crate) number: u32,
    pub(crate) turns: u32,
    pub(crate) first: u32,
    pub(crate) newest: u32,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    /// The newest turn's.
    pub(crate) chain: ChainHash,
}

impl SessionRecord {
    pub(crate) fn pack(&self) -> Vec<u8> {
        let Self { number, turns, first, newest, earliest, latest, chain } = self;
        let record = Packed::default().u32(*number).u32(*turns).u32(*first).u32(*newest);
        record.i64(*earliest).i64(*latest).bytes(&chain.0).0
    }

    pub(crate) fn read(record: &[u8]) -> Result<Self, Fault> {
        let mut read = Unpacked::new("a session", record);
        Ok(Self {
            number: read.u32()?,
            turns: read.u32()?,
            first: read.u32()?,
            newest: read.u32()?,
            earliest: read.i64()?,
            latest: read.i64()?,
            chain: ChainHash(read.array()?),
        })
    }
}

/// The fields of the hash `sessions`.
pub(crate) fn session_field(name: &SessionId) -> String {
    format!("={name}")
}

pub(crate) fn session_name_field(number: u32) -> String {
    format!("#{number}")
}

/// The field with the list of a session's turns that its turn with this index, from 0, is in.
pub(crate) fn session_turns_field(number: u32, index: u32) -> String {
    format!("t{number}.{}", index / CHUNK_TURNS)
}

/// A turn as `turns.lua` shows it.
pub(crate) struct Shown {
    pub(crate) seq: u64,
    record: Vec<u8>,
    session: String,
}

impl Shown {
    /// From the number, the record and the session's name of each.
    pub(crate) fn read_all(found: impl IntoIterator<Item = Value>) -> Result<Vec<Self>, Fault> {
        let mut found = found.into_iter();
        let mut shown = Vec::new();
        while let (Some(seq), Some(record), Some(session)) = (found.next(), found.next(), found.next()) {
            shown.push(Self {
                seq: reply::number(seq)?,
                record: reply::bytes(record)?.unwrap_or_default(),
                session: reply::text(session)?.unwrap_or_default(),
            });
        }
        Ok(shown)
    }

    pub(crate) fn head(&self) -> Result<Head, Fault> {
        Ok(Head::read(&self.record)?.0)
    }

    pub(crate) fn known(&self) -> Result<KnownTurn, Fault> {
        let (head, _) = Head::read(&self.record)?;
        Ok(KnownTurn {
            seq: self.seq,
            parent: head.parent(),
            session: SessionId::new(&self.session)?,
            chain: head.chain,
            message: head.message,
            role: head.role,
            recorded: time(head.recorded)?,
        })
    }

    pub(crate) fn turn(&self, generation: Generation) -> Result<Turn, Fault> {
        let (head, body) = Head::read(&self.record)?;
        let TurnBody { name, content, metadata } = decode_turn(body)?;
        Ok(Turn {
            id: TurnId { generation, seq: self.seq },
            session: SessionId::new(&self.session)?,
            parent: head.parent(),
            chain: head.chain,
            role: head.role,
            name,
            content,
            time: time(head.time)?,
            recorded: time(head.recorded)?,
            metadata,
        })
    }
}

#[derive(Clone, Copy)]
enum Much {
    Whole,
    Head,
}

fn text<T: ToString + ?Sized>(value: &T) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn session_or_none(session: Option<&SessionId>) -> Vec<u8> {
    session.map(|name| name.as_str().into()).unwrap_or_default()
}

impl RedisStore {
    /// What `journal.lua` finds; none if there is no such scope.
    fn journal(
        &self,
        keys: &ScopeKeys,
        much: Much,
        which: &str,
        arguments: Vec<Vec<u8>>,
    ) -> Result<Option<(Generation, Vec<Shown>)>, Fault> {
        let parts = keys.keys([Part::Meta, Part::Turns, Part::Sessions, Part::Chains, Part::Messages]);
        let much = match much {
            Much::Whole => "whole",
            Much::Head => "head",
        };
        let mut all = vec![text(much), text(which)];
        all.extend(arguments);
        let mut found = reply::list(self.client.read(Call::script(&JOURNAL, &parts, all))?)?.into_iter();
        let generation = found.next().map(crate::scope::generation).transpose()?.flatten();
        let Some(generation) = generation else { return Ok(None) };
        Ok(Some((generation, Shown::read_all(found)?)))
    }

    fn known(&self, keys: &ScopeKeys, which: &str, arguments: Vec<Vec<u8>>) -> Result<Vec<KnownTurn>, Fault> {
        let found = self.journal(keys, Much::Head, which, arguments)?;
        found.into_iter().flat_map(|(_, shown)| shown).map(|shown| shown.known()).collect()
    }

    pub(crate) fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, Fault> {
        let keys = self.keys.scope(scope);
        let mut turns = Vec::with_capacity(seqs.len());
        for part in seqs.chunks(TURNS_PER_READ_MAX) {
            let found = self.journal(&keys, Much::Whole, "seqs", part.iter().map(text).collect())?;
            let Some((generation, shown)) = found else { break };
            for shown in shown {
                turns.push(shown.turn(generation)?);
            }
        }
        Ok(turns)
    }

    pub(crate) fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, Fault> {
        let keys = self.keys.scope(scope);
        let (mut turns, mut after) = (Vec::new(), page.after);
        while turns.len() < page.limit {
            let limit = (page.limit - turns.len()).min(TURNS_PER_READ_MAX);
            let found = match &page.session {
                None => self.journal(&keys, Much::Whole, "page", vec![text(&after), text(&limit)])?,
                Some(name) => {
                    let arguments = vec![text(name), text(&after), text(&u64::MAX), text(&limit)];
                    self.journal(&keys, Much::Whole, "session", arguments)?
                }
            };
            let Some((generation, shown)) = found else { break };
            let last = shown.len() < limit;
            for shown in shown {
                after = shown.seq;
                turns.push(shown.turn(generation)?);
            }
            if last {
                break;
            }
        }
        Ok(turns)
    }

    /// The heads of a session's turns with numbers from `first` to `last`.
    pub(crate) fn session_heads(
        &self,
        keys: &ScopeKeys,
        session: &SessionId,
        first: u64,
        last: u64,
    ) -> Result<Vec<Shown>, Fault> {
        let (mut heads, mut after) = (Vec::new(), first.saturating_sub(1));
        loop {
            let arguments = vec![text(session), text(&after), text(&last), text(&TURNS_PER_READ_MAX)];
            let Some((_, shown)) = self.journal(keys, Much::Head, "session", arguments)? else { break };
            let more = shown.len() == TURNS_PER_READ_MAX;
            after = shown.last().map_or(after, |shown| shown.seq);
            heads.extend(shown);
            if !more {
                break;
            }
        }
        Ok(heads)
    }

    pub(crate) fn sessions(
        &self,
        scope: &Scope,
        after: u32,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, Fault> {
        let keys = self.keys.scope(scope);
        let [meta, sessions] = keys.keys([Part::Meta, Part::Sessions]);
        let newest = self.client.read(Call::plain("HGET", &meta, &[b"s"]))?;
        let newest: u32 = if newest == Value::Nil { 0 } else { reply::number(newest)? };
        let numbers: Vec<u32> =
            (after.saturating_add(1)..=newest).take(limit).filter(|n| *n > after).collect();
        let mut found = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(TURNS_PER_READ_MAX) {
            let fields: Vec<String> = numbers.iter().map(|number| session_name_field(*number)).collect();
            let names = self.fields(&sessions, &fields)?;
            let names: Vec<SessionId> = names
                .into_iter()
                .map(|name| Ok(SessionId::new(String::from_utf8_lossy(&name.unwrap_or_default()))?))
                .collect::<Result<_, Fault>>()?;
            let fields: Vec<String> = names.iter().map(session_field).collect();
            for (name, record) in names.into_iter().zip(self.fields(&sessions, &fields)?) {
                let Some(record) = record else { continue };
                let record = SessionRecord::read(&record)?;
                found.push(SessionSummary {
                    session: name,
                    number: record.number,
                    turns: record.turns.into(),
                    first: time(record.earliest)?,
                    last: time(record.latest)?,
                });
            }
        }
        Ok(found)
    }

    /// Fields of a hash.
    pub(crate) fn fields(
        &self,
        key: &crate::keys::Key,
        fields: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        let fields: Vec<&[u8]> = fields.iter().map(AsRef::as_ref).collect();
        reply::all_bytes(self.client.read(Call::plain("HMGET", key, &fields))?)
    }

    pub(crate) fn session_head(
        &self,
        scope: &Scope,
        session: &SessionId,
    ) -> Result<Option<KnownTurn>, Fault> {
        let keys = self.keys.scope(scope);
        Ok(self.known(&keys, "newest", vec![text(session)])?.pop())
    }

    pub(crate) fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, Fault> {
        let keys = self.keys.scope(scope);
        let mut turns = Vec::with_capacity(chains.len());
        for part in chains.chunks(TURNS_PER_READ_MAX) {
            let mut arguments = vec![session_or_none(session)];
            arguments.extend(part.iter().map(|chain| chain.0.to_vec()));
            match self.journal(&keys, Much::Head, "chains", arguments)? {
                None => turns.extend(part.iter().map(|_| None)),
                Some((_, shown)) => {
                    for shown in shown {
                        turns.push((shown.seq > 0).then(|| shown.known()).transpose()?);
                    }
                }
            }
        }
        Ok(turns)
    }

    pub(crate) fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, Fault> {
        let keys = self.keys.scope(scope);
        let (mut turns, mut before) = (Vec::new(), u64::MAX);
        while turns.len() < limit {
            let limit = (limit - turns.len()).min(TURNS_PER_READ_MAX);
            let arguments = vec![session_or_none(session), message.0.to_vec(), text(&before), text(&limit)];
            let found = self.known(&keys, "message", arguments)?;
            before = found.last().map_or(0, |turn| turn.seq);
            let last = found.len() < limit;
            turns.extend(found);
            if last {
                break;
            }
        }
        Ok(turns)
    }

    pub(crate) fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, Fault> {
        let keys = self.keys.scope(scope);
        let (mut turns, mut next): (Vec<KnownTurn>, _) = (Vec::new(), Some(seq));
        while let Some(seq) = next.filter(|_| turns.len() < limit) {
            let limit = (limit - turns.len()).min(TURNS_PER_READ_MAX);
            let found = self.known(&keys, "lineage", vec![text(&seq), text(&limit)])?;
            next = found.last().filter(|_| found.len() == limit).and_then(|last| last.parent);
            turns.extend(found);
        }
        Ok(turns)
    }
}

/// What a view asks of a session before it is written to.
pub(crate) fn ask_session(view: View, keys: &ScopeKeys, session: &SessionId) -> View {
    view.ask("HGET", &keys.key(Part::Sessions), &[session_field(session).as_bytes()])
}

pub(crate) fn session_record(value: Value) -> Result<Option<SessionRecord>, Fault> {
    reply::bytes(value)?.map(|record| SessionRecord::read(&record)).transpose()
}
